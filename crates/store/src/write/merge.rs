//! Several files of one table become one, or a few: small files of idle hours, and series whose rows add up.

use std::ops::ControlFlow;
use std::sync::Arc;

use weir_record::series::SeriesSums;
use weir_record::{CounterBatch, FlowBatch, HealthBatch, SeriesBatch};

use super::MAX_GROUP_ROWS;
use super::segment::{About, Writer};
use crate::error::StoreError;
use crate::layout::FileTable;
use crate::manifest::{DataFile, TableKind};
use crate::place::Place;
use crate::read::TableFile;
use crate::scan::Cancel;

/// Writes the rows of files of one table, in the order given, to new files `TABLE/STEM.parquet`, and makes these durable. Rows of series are added up.
///
/// # Errors
/// Where a file cannot be read or written, and where `cancel` says so; the files given stay as they are.
pub(crate) fn merge(
    place: &Place,
    files: &[Arc<DataFile>],
    stem: &str,
    level: u8,
    now: i64,
    cancel: &Cancel,
) -> Result<Vec<DataFile>, StoreError> {
    let Some(first) = files.first() else {
        return Ok(Vec::new());
    };
    let segments = files.iter().map(|file| file.segments);
    let segments = segments.fold((u64::MAX, 0), |all, file| (all.0.min(file.0), all.1.max(file.1)));
    let about = About { place, stem, segments, level, now };
    match first.table {
        TableKind::Flows | TableKind::Events => append::<FlowBatch>(first.table, about, files, cancel),
        TableKind::Counters => append::<CounterBatch>(first.table, about, files, cancel),
        TableKind::Health => append::<HealthBatch>(first.table, about, files, cancel),
        TableKind::Series => add_up(about, files, cancel),
    }
}

fn append<T: FileTable>(
    table: TableKind,
    about: About<'_>,
    files: &[Arc<DataFile>],
    cancel: &Cancel,
) -> Result<Vec<DataFile>, StoreError> {
    let mut writer = Writer::<T>::new(table, about);
    for_each_batch(about.place, files, cancel, |batch| writer.push(batch))?;
    writer.finish()
}

/// Rows of one slot, source, dimension and value become one. Where there are more than fit in memory, several stay; they add up when they are read.
fn add_up(about: About<'_>, files: &[Arc<DataFile>], cancel: &Cancel) -> Result<Vec<DataFile>, StoreError> {
    let mut writer = Writer::<SeriesBatch>::new(TableKind::Series, about);
    let mut sums = SeriesSums::new();
    for_each_batch(about.place, files, cancel, |batch| {
        sums.add(batch);
        if sums.rows() < MAX_GROUP_ROWS {
            return Ok(());
        }
        let added = std::mem::take(&mut sums).finish();
        if added.rows() > MAX_GROUP_ROWS / 2 {
            return writer.push(added);
        }
        sums.add(added);
        Ok(())
    })?;
    writer.push(sums.finish())?;
    writer.finish()
}

fn for_each_batch<T: FileTable>(
    place: &Place,
    files: &[Arc<DataFile>],
    cancel: &Cancel,
    mut take: impl FnMut(T) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let all: Vec<usize> = (0..T::COLUMNS.len()).collect();
    for file in files {
        let file = TableFile::open(place, &file.name)?;
        for group in 0..file.row_groups() {
            let mut taken = Ok(());
            file.read_group::<T>(group, &all, &mut |batch| {
                taken = if cancel.is_cancelled() { Err(StoreError::Cancelled) } else { take(std::mem::take(batch)) };
                if taken.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            taken?;
        }
    }
    Ok(())
}
