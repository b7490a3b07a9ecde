//! Which small files are put together: those of an hour, later those of a day.
//!
//! An idle site seals a segment every few minutes and gets a file a table from each. Put together they stay few for years, and sums of series become one row each again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::background::Shared;
use crate::compact::day;
use crate::error::StoreError;
use crate::manifest::{DataFile, TableKind};
use crate::status::add;
use crate::write::merge;

/// Files of at least so many rows are left as they are.
const SMALL_ROWS: u64 = 1 << 20;
/// Rows after which a merged file is large enough.
const FULL_ROWS: u64 = 1 << 24;
/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;
/// What arrives late for an hour or a day is waited for as long as this.
const PATIENCE: i64 = HOUR / 4;
/// Lengths of the spans by level, from level 1 on.
const SPANS: [i64; 2] = [HOUR, 24 * HOUR];

/// Merges everything that can be merged by now.
pub(crate) fn merge_small_files(shared: &Shared, now: i64) -> Result<(), StoreError> {
    for (level, span) in (1..).zip(SPANS) {
        for table in TableKind::ALL {
            let manifest = shared.catalog.state().manifest;
            let files: Vec<_> = manifest.of(table).cloned().collect();
            // Records that a fill has reached are not put together with others.
            let marks: Vec<u64> = if table == TableKind::Flows { manifest.fills.values().copied().collect() } else { Vec::new() };
            drop(manifest);
            for group in groups(&files, &marks, level, span, now) {
                match merge_group(shared, &group, level, now) {
                    // One file that cannot be read costs only those that would become one with it.
                    Err(error) if !matches!(error, StoreError::Cancelled) && !error.is_no_room() => {
                        add(&shared.done.failures, 1);
                        tracing::error!(%error, "small files cannot be merged; they stay as they are");
                    }
                    merged => merged?,
                }
            }
        }
    }
    Ok(())
}

/// The groups of files of one table that become one file each.
fn groups(files: &[Arc<DataFile>], marks: &[u64], level: u8, span: i64, now: i64) -> Vec<Vec<Arc<DataFile>>> {
    let mut by_span: BTreeMap<(i64, usize), Vec<Arc<DataFile>>> = BTreeMap::new();
    for file in files {
        let begin = file.times.received_min.div_euclid(span);
        let is_over = begin.saturating_add(1).saturating_mul(span).saturating_add(PATIENCE) <= now;
        if is_over && file.level < level && file.rows < SMALL_ROWS {
            let passed = marks.iter().filter(|mark| file.segments.0 >= **mark).count();
            by_span.entry((begin, passed)).or_default().push(file.clone());
        }
    }
    let mut groups = Vec::new();
    for files in by_span.into_values() {
        let mut group: Vec<Arc<DataFile>> = Vec::new();
        let mut rows = 0;
        for file in files {
            if rows >= FULL_ROWS {
                groups.push(std::mem::take(&mut group));
                rows = 0;
            }
            rows += file.rows;
            group.push(file);
        }
        groups.push(group);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn merge_group(shared: &Shared, group: &[Arc<DataFile>], level: u8, now: i64) -> Result<(), StoreError> {
    let Some(first) = group.first() else {
        return Ok(());
    };
    let number = shared.catalog.take_number()?;
    let stem = format!("{}/merged-{number:010}", day(first.times.received_min));
    let files = merge(shared.catalog.place(), group, &stem, level, now, &shared.cancel)?;
    let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    let is_changed = shared.catalog.change(|manifest| {
        let is_of_group = |file: &Arc<DataFile>| group.iter().any(|merged| merged.name == file.name);
        // Retention may have taken some meanwhile: then what was merged must not bring them back.
        if manifest.files.iter().filter(|file| is_of_group(file)).count() != group.len() {
            return false;
        }
        let place = manifest.files.iter().position(is_of_group).unwrap_or(0);
        manifest.files.retain(|file| !is_of_group(file));
        manifest.files.splice(place..place, files.into_iter().map(Arc::new));
        true
    });
    if let Ok(true) = is_changed {
        add(&shared.done.merges, 1);
    } else {
        shared.catalog.discard(names.iter().map(String::as_str));
    }
    is_changed.map(|_| ())
}
