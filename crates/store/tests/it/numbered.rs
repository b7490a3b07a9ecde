//! Rows with numbers, and what a snapshot has of them.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weir_query::{Filter, Mask};
use weir_record::{Address, Column, CounterBatch, FlowBatch, HealthBatch, SeriesBatch};
use weir_store::{Cancel, MakeSummary, Rows, ScanRequest, Snapshot, Store, StoreConfig, Summary, TableKind};

/// 2026-01-01T00:00:00Z.
pub(crate) const BEGIN: i64 = 1_767_225_600_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const HOUR: i64 = 3600 * SECOND;

/// A store without a background, so that tests say when something happens.
pub(crate) fn config(path: &Path) -> StoreConfig {
    StoreConfig {
        background: false,
        retention: None,
        series_retention: None,
        max_size: Some(u64::MAX),
        reserve: 0,
        grace: Duration::ZERO,
        ..StoreConfig::new(path)
    }
}

pub(crate) fn open(config: StoreConfig) -> Store {
    Store::open(config, counted()).unwrap()
}

/// Sums that count flows by minute.
pub(crate) fn counted() -> MakeSummary {
    #[derive(Default)]
    struct Minutes(BTreeMap<i64, u64>);
    impl Summary for Minutes {
        fn feed(&mut self, flows: &FlowBatch) {
            for row in 0..flows.rows() {
                let time = flows.time_received.get(row).unwrap();
                *self.0.entry(time - time % (60 * SECOND)).or_default() += 1;
            }
        }

        fn rows(&self) -> SeriesBatch {
            let mut rows = SeriesBatch::new();
            for (row, (slot, flows)) in self.0.iter().enumerate() {
                rows.slot.push(row, *slot);
                rows.step.push(row, 60);
                rows.flows.push(row, *flows);
                rows.advance(1);
            }
            rows
        }
    }
    Arc::new(|_| Box::new(Minutes::default()))
}

/// Flow records whose `flow_id` is a number of the range and that arrived at `time`.
pub(crate) fn flows(numbers: Range<u64>, time: i64) -> FlowBatch {
    let mut flows = FlowBatch::new();
    let rows = (numbers.end - numbers.start) as usize;
    flows.time_received.fill(0, rows, time);
    flows.time_start.fill(0, rows, time - SECOND);
    flows.time_end.fill(0, rows, time);
    flows.src_addr.extend(0, numbers.clone().map(|number| Address::v4(number as u32)).collect::<Vec<_>>().into_iter());
    flows.bytes.extend(0, (0..rows).map(|row| row as u64 * 977));
    flows.flow_id.extend(0, numbers.collect::<Vec<_>>().into_iter());
    flows.advance(rows);
    flows
}

/// 20,000 flow records with the numbers from `20,000 * batch` on, and bytes without order, so that they take room.
pub(crate) fn noise(batch: u64) -> FlowBatch {
    let mut flows = flows(batch * 20_000..batch * 20_000 + 20_000, BEGIN + batch as i64 * SECOND);
    flows.bytes.clear();
    flows.bytes.extend(0, (0..20_000_usize).map(|row| (row as u64 + batch * 20_000).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    flows
}

/// Counter records whose `in_octets` is a number of the range.
pub(crate) fn counters(numbers: Range<u64>, time: i64) -> CounterBatch {
    let mut counters = CounterBatch::new();
    let rows = (numbers.end - numbers.start) as usize;
    counters.time_received.fill(0, rows, time);
    counters.in_octets.extend(0, numbers.collect::<Vec<_>>().into_iter());
    counters.advance(rows);
    counters
}

/// One row of intake health.
pub(crate) fn health(time: i64) -> HealthBatch {
    let mut health = HealthBatch::new();
    health.slot.push(0, time);
    health.up.push(0, 60_000_000);
    health.advance(1);
    health
}

/// Appends flows and counters with the same numbers, and a row of health.
pub(crate) fn append(store: &Store, numbers: Range<u64>, time: i64) {
    let (flows, counters, health) = (flows(numbers.clone(), time), counters(numbers, time), health(time));
    store.append(Rows { flows: Some(&flows), counters: Some(&counters), health: Some(&health) }).unwrap();
}

/// The numbers of all flows that a snapshot has, in order.
pub(crate) fn flow_numbers(snapshot: &Snapshot) -> Vec<u64> {
    let numbers = Mutex::new(Vec::new());
    let (filter, cancel) = (Filter::any(), Cancel::new());
    let request = ScanRequest {
        table: TableKind::Flows,
        columns: &[Column::flow_id],
        from: i64::MIN,
        to: i64::MAX,
        filter: &filter,
        threads: 1,
        cancel: &cancel,
    };
    let consumer = |_| {
        |batch: &FlowBatch, mask: &Mask| {
            let chosen = (0..batch.rows()).filter(|row| mask.get(*row));
            numbers.lock().unwrap().extend(chosen.map(|row| batch.flow_id.get(row).unwrap()));
            ControlFlow::Continue(())
        }
    };
    let stats = snapshot.scan(&request, consumer).unwrap();
    assert_eq!(stats.unreadable, []);
    let mut numbers = numbers.into_inner().unwrap();
    numbers.sort_unstable();
    numbers
}

/// The numbers of all counter records that a snapshot has, in order.
pub(crate) fn counter_numbers(snapshot: &Snapshot) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut take = |batch: &CounterBatch| {
        numbers.extend((0..batch.rows()).map(|row| batch.in_octets.get(row).unwrap()));
        ControlFlow::Continue(())
    };
    let stats = snapshot.read::<CounterBatch>(&[], i64::MIN, i64::MAX, &Cancel::new(), &mut take).unwrap();
    assert_eq!(stats.unreadable, []);
    numbers.sort_unstable();
    numbers
}

/// Rows of intake health.
pub(crate) fn health_rows(snapshot: &Snapshot) -> usize {
    let mut rows = 0;
    let mut take = |batch: &HealthBatch| {
        rows += batch.rows();
        ControlFlow::Continue(())
    };
    snapshot.read::<HealthBatch>(&[], i64::MIN, i64::MAX, &Cancel::new(), &mut take).unwrap();
    rows
}

/// Flows that the series have counted.
pub(crate) fn flows_in_series(snapshot: &Snapshot) -> u64 {
    let mut flows = 0;
    let mut take = |batch: &SeriesBatch| {
        flows += (0..batch.rows()).map(|row| batch.flows.get(row).unwrap()).sum::<u64>();
        ControlFlow::Continue(())
    };
    snapshot.read::<SeriesBatch>(&[], i64::MIN, i64::MAX, &Cancel::new(), &mut take).unwrap();
    flows
}

/// Every row with these numbers is there, once, in each table and in the sums.
pub(crate) fn assert_has(snapshot: &Snapshot, numbers: impl IntoIterator<Item = u64>) {
    let numbers: Vec<u64> = numbers.into_iter().collect();
    assert!(flow_numbers(snapshot) == numbers, "flows");
    assert!(counter_numbers(snapshot) == numbers, "counters");
    assert_eq!(flows_in_series(snapshot), numbers.len() as u64, "series");
}
