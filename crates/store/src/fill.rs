//! Sums of what was stored before anybody asked for them: made in the background, a file at a time, from the newest to the oldest.
//!
//! Segments from a number on have such sums from the start; a [`Fill`] says which number that is and how the sums are made. Each step reads the records of some files, writes
//! their sums to a file of series, and names that file and how far the fill has come in one change of the manifest. So a crash at any moment neither loses nor doubles
//! a record. Files are never merged across the place to which a fill has come, since their records could not be told apart any more.

use std::ops::ControlFlow;
use std::sync::Arc;

use weir_record::series::SeriesSums;
use weir_record::{Column, FlowBatch};

use crate::background::Shared;
use crate::compact::day;
use crate::error::StoreError;
use crate::journal::lock;
use crate::manifest::{DataFile, Manifest, TableKind};
use crate::read::TableFile;
use crate::snapshot::Snapshot;
use crate::store::Summary;
use crate::write::SegmentWriter;

/// Rows after which sums go to the file, and begin anew.
const MOST_ROWS: usize = 1 << 18;

/// Sums that are to be made of records that were there before.
#[derive(Clone)]
pub struct Fill {
    /// By which the store remembers how far it is; never used twice.
    pub id: u64,
    /// Segments below this number are to be filled; those from it on have the sums.
    pub below: u64,
    /// The columns that the sums look at.
    pub columns: Vec<Column>,
    /// Makes sums without records.
    pub make: Arc<dyn Fn() -> Box<dyn Summary> + Send + Sync>,
}

/// How far a fill is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FillState {
    /// Which part of the records is in the sums, from 0 to 1.
    pub progress: f64,
    /// From when on everything is in, in nanoseconds since 1970; nothing where all of it is.
    pub from: Option<i64>,
}

impl FillState {
    /// All of the past is in the sums.
    pub const DONE: Self = Self { progress: 1.0, from: None };
}

/// Notes the fills that are wanted from now on, and forgets others.
pub(crate) fn set(shared: &Shared, fills: Vec<Fill>) -> Result<(), StoreError> {
    let marks: Vec<(u64, u64)> = fills.iter().map(|fill| (fill.id, fill.below)).collect();
    *lock(&shared.fills) = fills;
    shared.catalog.change(|manifest| {
        let before = manifest.fills.clone();
        manifest.fills.retain(|id, _| marks.iter().any(|(known, _)| known == id));
        for (id, below) in &marks {
            manifest.fills.entry(*id).or_insert(*below);
        }
        manifest.fills != before
    })?;
    shared.wake();
    Ok(())
}

/// Does a step of the first fill that has something to do; false where none has.
pub(crate) fn step(shared: &Shared, now: i64) -> Result<bool, StoreError> {
    let fills = lock(&shared.fills).clone();
    for fill in &fills {
        let manifest = shared.catalog.state().manifest;
        let Some(mark) = manifest.fills.get(&fill.id).copied().filter(|mark| *mark > 0) else {
            continue;
        };
        // Its last segments are on their way into files.
        if manifest.dead_below < fill.below {
            continue;
        }
        let group = newest(&manifest, mark);
        drop(manifest);
        fill_group(shared, fill, mark, &group, now)?;
        return Ok(true);
    }
    Ok(false)
}

/// The newest files below a mark that share no segment with other files.
fn newest(manifest: &Manifest, mark: u64) -> Vec<Arc<DataFile>> {
    let mut files: Vec<&Arc<DataFile>> = manifest.of(TableKind::Flows).filter(|file| file.segments.0 < mark).collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.segments.1));
    let mut group: Vec<Arc<DataFile>> = Vec::new();
    let mut lowest = u64::MAX;
    for file in files {
        if file.segments.1 < lowest && !group.is_empty() {
            break;
        }
        lowest = lowest.min(file.segments.0);
        group.push(Arc::clone(file));
    }
    group
}

fn fill_group(shared: &Shared, fill: &Fill, mark: u64, group: &[Arc<DataFile>], now: i64) -> Result<(), StoreError> {
    let reached = group.iter().map(|file| file.segments.0).min().unwrap_or(0);
    let number = if group.is_empty() { 0 } else { shared.catalog.take_number()? };
    let received = group.iter().map(|file| file.times.received_min).min().unwrap_or(now);
    let stem = format!("{}/filled-{number:010}", day(received));
    let segments = (reached, group.iter().map(|file| file.segments.1).max().unwrap_or(reached));
    let mut writer = SegmentWriter::new(shared.catalog.place(), &stem, segments, now);
    for file in group {
        match feed(shared, fill, file, &mut writer) {
            Err(error) if !matches!(error, StoreError::Cancelled) && !error.is_no_room() => {
                // Nobody can read its records, so nobody misses them in the sums.
                tracing::error!(file = file.name, %error, "records cannot be read, and are in no sums of channels");
            }
            fed => fed?,
        }
    }
    let files: Vec<Arc<DataFile>> = writer.finish()?.into_iter().map(Arc::new).collect();
    let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    let changed = shared.catalog.change(|manifest| {
        // Where nobody wants it any more, it is forgotten.
        let Some(known) = manifest.fills.get_mut(&fill.id).filter(|known| **known == mark) else {
            return false;
        };
        *known = reached;
        manifest.files.extend(files);
        true
    });
    if !matches!(changed, Ok(true)) {
        shared.catalog.discard(names.iter().map(String::as_str));
    }
    changed.map(|_| ())
}

/// Adds up the records of a file.
fn feed(shared: &Shared, fill: &Fill, file: &DataFile, writer: &mut SegmentWriter<'_>) -> Result<(), StoreError> {
    let columns: Vec<usize> = fill.columns.iter().map(|column| *column as usize).collect();
    let table = TableFile::open(shared.catalog.place(), &file.name)?;
    let (mut sums, mut rows) = ((fill.make)(), 0);
    for group in 0..table.row_groups() {
        let mut fed = Ok(());
        table.read_group::<FlowBatch>(group, &columns, &mut |batch| {
            sums.feed(batch);
            rows += batch.rows();
            if shared.cancel.is_cancelled() {
                fed = Err(StoreError::Cancelled);
            } else if rows >= MOST_ROWS {
                rows = 0;
                fed = write(std::mem::replace(&mut sums, (fill.make)()), writer);
            }
            if fed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        fed?;
    }
    write(sums, writer)
}

fn write(sums: Box<dyn Summary>, writer: &mut SegmentWriter<'_>) -> Result<(), StoreError> {
    let mut added = SeriesSums::new();
    added.add(sums.rows());
    let rows = added.finish();
    if rows.is_empty() { Ok(()) } else { writer.series(rows) }
}

impl Snapshot {
    /// How far a fill is, of segments below `below`; see [`Fill`].
    pub fn fill_state(&self, id: u64, below: u64) -> FillState {
        let mark = self.mark(id, below);
        let (mut all, mut left, mut until) = (0, 0, i64::MIN);
        for file in self.files(TableKind::Flows).filter(|file| file.segments.0 < below) {
            all += file.rows;
            if file.segments.0 < mark {
                left += file.rows;
                until = until.max(file.times.placed_max);
            }
        }
        for block in self.blocks_below(below) {
            all += block.rows() as u64;
            left += block.rows() as u64;
            until = until.max(block.times().placed_max);
        }
        if left == 0 {
            return FillState::DONE;
        }
        FillState { progress: (all - left) as f64 / all as f64, from: Some(until.saturating_add(1)) }
    }

    /// True where the sums of a fill have all records that are about a moment in `from..to`.
    pub fn is_filled(&self, id: u64, below: u64, from: i64, to: i64) -> bool {
        let mark = self.mark(id, below);
        let mut files = self.files(TableKind::Flows).filter(|file| file.segments.0 < mark);
        files.all(|file| !file.times.overlaps_placed(from, to))
            && self.blocks_below(below).all(|block| !block.times().overlaps_placed(from, to))
    }
}

#[cfg(test)]
mod tests;
