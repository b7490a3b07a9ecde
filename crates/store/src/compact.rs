//! A sealed segment of the journal becomes data files.
//!
//! The files are written and made durable first; then one change of the manifest names them and declares the segment dead. A crash before that leaves files that nobody
//! names, and a crash after it a segment that nobody reads; both are deleted when the store opens.

use std::sync::Arc;
use std::time::Instant;

use weir_record::{CounterBatch, FlowBatch, HealthBatch};

use crate::background::Shared;
use crate::block::{BlockKind, BlockTable};
use crate::error::StoreError;
use crate::journal::{BlockAt, BlockReader, Segment};
use crate::manifest::DataFile;
use crate::status::add;
use crate::write::SegmentWriter;

/// Nanoseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000_000;

/// Makes files of a segment; false where there was no time left. Blocks that turn out damaged are counted and left out.
pub(crate) fn compact(shared: &Shared, segment: &Segment, now: i64, deadline: Option<Instant>) -> Result<bool, StoreError> {
    let blocks = segment.blocks();
    let received = blocks.iter().map(|place| place.header.times.received_min).min().unwrap_or(now);
    let stem = format!("{}/{:010}", day(received), segment.number);
    let mut writer = SegmentWriter::new(shared.catalog.place(), &stem, (segment.number, segment.number), now);
    let mut reader = BlockReader::default();
    // Where the sums were not kept while the segment was written, they are made from the same reading.
    let mut sums = if segment.summary().is_none() { Some((shared.make)(segment.number)) } else { None };
    let mut rows = 0;
    for place in blocks.iter() {
        if shared.is_over(deadline) {
            return Ok(false);
        }
        let mut is_read = true;
        match place.header.kind {
            BlockKind::Flows => match read::<FlowBatch>(shared, segment, place, &mut reader)? {
                Some(batch) => {
                    sums.iter_mut().for_each(|sums| sums.feed(&batch));
                    writer.flows(batch)?;
                }
                None => is_read = false,
            },
            BlockKind::Counters => match read::<CounterBatch>(shared, segment, place, &mut reader)? {
                Some(batch) => writer.counters(batch)?,
                None => is_read = false,
            },
            BlockKind::Health => match read::<HealthBatch>(shared, segment, place, &mut reader)? {
                Some(batch) => writer.health(batch)?,
                None => is_read = false,
            },
        }
        rows += if is_read { u64::from(place.header.rows) } else { 0 };
    }
    let mut series = match &sums {
        Some(sums) => sums.rows(),
        None => segment.series(&shared.make, &|_, _| true).0,
    };
    series.finish();
    if !series.is_empty() {
        writer.series(series)?;
    }
    let files: Vec<Arc<DataFile>> = writer.finish()?.into_iter().map(Into::into).collect();
    let changed = shared.catalog.change(|manifest| {
        manifest.files.extend(files.iter().cloned());
        manifest.dead_below = segment.number + 1;
        true
    });
    if let Err(error) = changed {
        shared.catalog.discard(files.iter().map(|file| file.name.as_str()));
        return Err(error);
    }
    add(&shared.done.compactions, 1);
    add(&shared.done.rows_compacted, rows);
    Ok(true)
}

/// The rows of a block; nothing where it is damaged.
fn read<T: BlockTable>(
    shared: &Shared,
    segment: &Segment,
    place: &BlockAt,
    reader: &mut BlockReader,
) -> Result<Option<T>, StoreError> {
    let mut batch = T::default();
    match reader.read(segment, place, None, &mut batch) {
        Ok(()) => Ok(Some(batch)),
        Err(error) if is_unreadable(&error) => {
            add(&shared.done.blocks_damaged, 1);
            add(&shared.done.rows_lost, u64::from(place.header.rows));
            tracing::error!(rows = place.header.rows, "records are lost: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// True where trying again does not help: damaged, or of a sector that the disk cannot read.
fn is_unreadable(error: &StoreError) -> bool {
    match error {
        StoreError::Damaged { .. } => true,
        StoreError::Io { source, .. } => {
            source.kind() == std::io::ErrorKind::UnexpectedEof
                || source.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
        }
        _ => false,
    }
}

/// The day of a time in UTC, as `2026-01-31`.
pub(crate) fn day(time: i64) -> String {
    let mut text = Vec::new();
    weir_record::value::write_time(&mut text, time.div_euclid(DAY).saturating_mul(DAY));
    let text = String::from_utf8_lossy(&text);
    text.split('T').next().unwrap_or("").to_owned()
}
