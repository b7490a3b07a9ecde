//! Fills: exactly once, whatever happens between two steps.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use weir_record::{Column, FlowBatch, SeriesBatch, names};

use super::*;
use crate::scan::Cancel;
use crate::store::{MakeSummary, Rows, Store, StoreConfig, no_summary};

/// 2026-01-01T00:00:00Z.
const BEGIN: i64 = 1_767_225_600_000_000_000;
const MINUTE: i64 = 60_000_000_000;
const NUMBER: u64 = 77;

/// Counts records by minute, in rows of the channel.
#[derive(Default)]
struct Counted(std::collections::BTreeMap<i64, u64>);

impl Summary for Counted {
    fn feed(&mut self, flows: &FlowBatch) {
        for row in 0..flows.rows() {
            let time = flows.time_received.get(row).unwrap();
            *self.0.entry(time - time.rem_euclid(MINUTE)).or_default() += 1;
        }
    }

    fn rows(&self) -> SeriesBatch {
        let mut rows = SeriesBatch::new();
        for (row, (slot, flows)) in self.0.iter().enumerate() {
            rows.slot.push(row, *slot);
            rows.step.push(row, 60);
            rows.dimension.push(row, names::BY_CHANNEL);
            rows.number.push(row, NUMBER);
            rows.flows.push(row, *flows);
            rows.advance(1);
        }
        rows.finish();
        rows
    }
}

/// From this segment on records are counted as they arrive.
fn counted_from(first: u64) -> MakeSummary {
    Arc::new(move |segment| if segment >= first { Box::new(Counted::default()) } else { no_summary()(segment) })
}

fn open(folder: &TempDir, make: MakeSummary) -> Store {
    let config = StoreConfig {
        background: false,
        retention: None,
        series_retention: None,
        max_size: Some(u64::MAX),
        reserve: 0,
        grace: Duration::ZERO,
        ..StoreConfig::new(folder.path())
    };
    Store::open(config, make).unwrap()
}

/// A segment of this many records, a minute after the one before.
fn segment(store: &Store, number: i64, rows: usize) {
    let mut flows = FlowBatch::new();
    flows.time_received.fill(0, rows, BEGIN + number * MINUTE);
    flows.bytes.fill(0, rows, 10);
    flows.advance(rows);
    store.append(Rows { flows: Some(&flows), ..Rows::default() }).unwrap();
    store.seal();
}

fn fill(below: u64) -> Fill {
    Fill { id: 5, below, columns: vec![Column::time_received], make: Arc::new(|| Box::new(Counted::default())) }
}

/// How many records are counted in the sums from `from` to before `to`.
fn counted(store: &Store, from: i64, to: i64) -> u64 {
    let mut sum = 0;
    let mut take = |series: &SeriesBatch| {
        for row in 0..series.rows() {
            let is_in = series.slot.get(row).is_some_and(|slot| slot >= from && slot < to);
            sum += if is_in && series.number.get(row) == Some(NUMBER) { series.flows.get(row).unwrap_or(0) } else { 0 };
        }
        ControlFlow::Continue(())
    };
    store.snapshot().read(&[], i64::MIN, i64::MAX, &Cancel::new(), &mut take).unwrap();
    sum
}

#[test]
fn records_are_counted_once_however_often_it_ends_between_two_steps() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder, no_summary());
    (0..6).for_each(|number| segment(&store, number, 10 + number as usize));
    store.shared.maintain(BEGIN, None).unwrap();
    drop(store);
    // What comes now is counted as it arrives.
    let mut store = open(&folder, counted_from(7));
    assert_eq!(store.at_next_segment(|next| next), 7);
    segment(&store, 6, 100);
    store.set_fills(vec![fill(7)]).unwrap();
    assert_eq!(store.snapshot().fill_state(5, 7), FillState { progress: 0.0, from: Some(BEGIN + 5 * MINUTE + 1) });
    let mut steps = 0;
    while step(&store.shared, BEGIN).unwrap() {
        steps += 1;
        let state = store.snapshot().fill_state(5, 7);
        // It ends as a crash ends it: nothing is closed.
        drop(store);
        store = open(&folder, counted_from(7));
        assert_eq!(store.snapshot().fill_state(5, 7), state);
        if let Some(from) = state.from {
            let snapshot = store.snapshot();
            assert!(snapshot.is_filled(5, 7, from, i64::MAX));
            assert!(!snapshot.is_filled(5, 7, from - MINUTE, i64::MAX));
            let in_files: u64 =
                snapshot.files(TableKind::Flows).filter(|file| file.times.placed_min >= from).map(|file| file.rows).sum();
            assert_eq!(counted(&store, from, BEGIN + 6 * MINUTE), in_files);
        }
        store.set_fills(vec![fill(7)]).unwrap();
    }
    assert_eq!(steps, 7, "a step a file, and one that finds nothing more");
    assert_eq!(store.snapshot().fill_state(5, 7), FillState::DONE);
    assert_eq!(counted(&store, i64::MIN, i64::MAX), 10 + 11 + 12 + 13 + 14 + 15 + 100);
}

#[test]
fn what_is_written_and_does_not_count_yet_is_counted_again() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder, no_summary());
    segment(&store, 0, 10);
    store.shared.maintain(BEGIN, None).unwrap();
    store.set_fills(vec![fill(2)]).unwrap();
    // A step that ends behind its file and before the manifest leaves a file that nobody names.
    let lost = folder.path().join("series/2026-01-01/filled-0000000001.parquet");
    std::fs::create_dir_all(lost.parent().unwrap()).unwrap();
    std::fs::write(&lost, "a part").unwrap();
    drop(store);
    let store = open(&folder, no_summary());
    assert!(!lost.exists());
    store.set_fills(vec![fill(2)]).unwrap();
    while step(&store.shared, BEGIN).unwrap() {}
    assert_eq!(counted(&store, i64::MIN, i64::MAX), 10);
}

#[test]
fn files_are_not_merged_across_the_place_that_is_reached() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder, no_summary());
    (0..6).for_each(|number| segment(&store, number, 10));
    store.shared.maintain(BEGIN, None).unwrap();
    store.set_fills(vec![fill(7)]).unwrap();
    assert!(step(&store.shared, BEGIN).unwrap() && step(&store.shared, BEGIN).unwrap());
    // The hour is long over, so all its files would become one.
    crate::merge_plan::merge_small_files(&store.shared, BEGIN + 90 * MINUTE).unwrap();
    let segments = |store: &Store| store.snapshot().files(TableKind::Flows).map(|file| file.segments).collect::<Vec<_>>();
    assert_eq!(segments(&store), [(1, 4), (5, 6)]);
    while step(&store.shared, BEGIN).unwrap() {}
    assert_eq!(counted(&store, i64::MIN, i64::MAX), 60);
    crate::merge_plan::merge_small_files(&store.shared, BEGIN + 48 * 60 * MINUTE).unwrap();
    assert_eq!(segments(&store), [(1, 6)]);
    assert_eq!(counted(&store, i64::MIN, i64::MAX), 60);
}

#[test]
fn segments_that_are_no_files_yet_are_waited_for() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder, no_summary());
    segment(&store, 0, 10);
    let below = store.at_next_segment(|next| next);
    store.set_fills(vec![fill(below)]).unwrap();
    assert!(!step(&store.shared, BEGIN).unwrap());
    assert_eq!(store.snapshot().fill_state(5, below), FillState { progress: 0.0, from: Some(BEGIN + 1) });
    assert!(!store.snapshot().is_filled(5, below, BEGIN, i64::MAX));
    store.shared.maintain(BEGIN, None).unwrap();
    assert_eq!(store.snapshot().fill_state(5, below), FillState::DONE);
    assert_eq!(counted(&store, i64::MIN, i64::MAX), 10);
}

#[test]
fn a_fill_that_nobody_wants_any_more_is_forgotten() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder, no_summary());
    (0..2).for_each(|number| segment(&store, number, 10));
    store.shared.maintain(BEGIN, None).unwrap();
    store.set_fills(vec![fill(3)]).unwrap();
    assert!(step(&store.shared, BEGIN).unwrap());
    store.set_fills(Vec::new()).unwrap();
    assert!(!step(&store.shared, BEGIN).unwrap());
    assert!(store.shared.catalog.state().manifest.fills.is_empty());
}
