//! Fail-overs in a group of units: when another unit took over, and for how long none of them reported anything. Found in the account of minutes, by when
//! records of each unit arrived.
//!
//! A unit takes over when it sends records and the one before has ended to. Units that report at the same time, as in a cluster whose units are all active, take over
//! nothing.

use std::collections::BTreeMap;

use weir_query::FailOver;
use weir_record::{Address, HealthBatch};

const SECOND: i64 = 1_000_000_000;
/// Less than this is how exporters send: in batches, every second or so.
const SHORTEST: i64 = SECOND;
/// A unit that reports again so soon had not stopped.
const PAUSE: i64 = 10 * SECOND;
/// Spans of records that are looked at: 16 octets each.
const MAX_SPANS: usize = 1 << 20;
/// Fail-overs that are told of one question, the latest.
const MAX_TOLD: usize = 100;

/// When records of units arrived, by group.
#[derive(Default)]
pub(super) struct Spans {
    groups: BTreeMap<Box<str>, BTreeMap<Address, Unit>>,
    held: usize,
}

#[derive(Default)]
struct Unit {
    /// Arrival of the first and the last record, of a few seconds to a minute each.
    spans: Vec<(i64, i64)>,
    /// Minutes in which it sent, and no records.
    bare: Vec<i64>,
}

impl Spans {
    /// Takes in a row of the account.
    pub(super) fn add(&mut self, health: &HealthBatch, row: usize) {
        let (Some(group), Some(unit)) = (health.source_group.get(row), health.exporter.get(row)) else {
            return;
        };
        if self.held >= MAX_SPANS {
            return;
        }
        if !self.groups.contains_key(group) {
            self.groups.insert(group.into(), BTreeMap::new());
        }
        let Some(unit) = self.groups.get_mut(group).map(|units| units.entry(unit).or_default()) else {
            return;
        };
        self.held += 1;
        match (health.first_record.get(row), health.last_record.get(row), health.slot.get(row)) {
            (Some(first), Some(last), _) => unit.spans.push((first, last.max(first))),
            (.., Some(slot)) => unit.bare.push(slot),
            _ => {}
        }
    }

    /// The fail-overs whose gap reaches into this time, in their order.
    pub(super) fn fail_overs(self, from: i64, to: i64) -> Vec<FailOver> {
        let mut found: Vec<FailOver> = self.groups.into_iter().flat_map(|(group, units)| of_group(&group, units)).collect();
        found.retain(|fail_over| fail_over.ended > from && fail_over.began < to);
        found.sort_by_key(|fail_over| fail_over.began);
        found.drain(..found.len().saturating_sub(MAX_TOLD));
        found
    }
}

fn of_group(group: &str, mut units: BTreeMap<Address, Unit>) -> Vec<FailOver> {
    units.values_mut().for_each(|unit| unit.spans.sort_unstable());
    let spans = units.iter().flat_map(|(address, unit)| unit.spans.iter().map(move |(first, last)| (*first, *last, *address)));
    let mut spans: Vec<_> = spans.collect();
    spans.sort_unstable();
    // Of the last seconds it is not known yet who reports again.
    let known = spans.iter().map(|(_, last, _)| *last).max().unwrap_or(i64::MIN).saturating_sub(PAUSE);
    let mut found = Vec::new();
    // Who reported last, and when.
    let mut latest: Option<(Address, i64)> = None;
    for (first, last, unit) in spans {
        if let Some((before, ended)) = latest
            && before != unit
            && first.saturating_sub(ended) >= SHORTEST
            && first <= known
        {
            let next = units.get(&before).and_then(|unit| unit.next_after(first));
            if next.is_none_or(|next| next.saturating_sub(first) > PAUSE) {
                let is_heard = units.get(&before).is_some_and(|unit| unit.is_heard(ended, next));
                let fail_over =
                    FailOver { group: group.to_owned(), from: before, to: unit, began: ended, ended: first, is_heard };
                found.push(fail_over);
            }
        }
        if latest.is_none_or(|(_, ended)| last >= ended) {
            latest = Some((unit, last));
        }
    }
    found
}

impl Unit {
    /// When it next reported records.
    fn next_after(&self, time: i64) -> Option<i64> {
        self.spans.get(self.spans.partition_point(|(first, _)| *first < time)).map(|(first, _)| *first)
    }

    /// Whether it sent something in a minute after that, before it reported again.
    fn is_heard(&self, ended: i64, next: Option<i64>) -> bool {
        self.bare.iter().any(|minute| *minute > ended && next.is_none_or(|next| *minute < next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Address = Address::v4(0xc000_0201);
    const B: Address = Address::v4(0xc000_0202);

    /// Rows of units: who, first and last record in seconds.
    fn spans(rows: &[(Address, Option<(i64, i64)>, i64)]) -> Spans {
        let mut health = HealthBatch::new();
        for (row, (unit, records, slot)) in rows.iter().enumerate() {
            health.slot.push(row, slot * SECOND);
            health.exporter.push(row, *unit);
            health.source_group.push(row, "pair");
            if let Some((first, last)) = records {
                health.first_record.push(row, first * SECOND);
                health.last_record.push(row, last * SECOND);
            }
            health.advance(1);
        }
        health.finish();
        let mut spans = Spans::default();
        (0..health.rows()).for_each(|row| spans.add(&health, row));
        spans
    }

    /// From whom to whom, the seconds, and whether the one before was still heard.
    fn told(rows: &[(Address, Option<(i64, i64)>, i64)]) -> Vec<(Address, Address, i64, i64, bool)> {
        let found = spans(rows).fail_overs(i64::MIN, i64::MAX);
        found.iter().map(|one| (one.from, one.to, one.began / SECOND, one.ended / SECOND, one.is_heard)).collect()
    }

    #[test]
    fn a_unit_that_takes_over_is_found_with_the_gap() {
        let rows = [(A, Some((0, 9)), 0), (A, Some((10, 13)), 0), (B, Some((16, 19)), 0), (B, Some((20, 29)), 0)];
        assert_eq!(told(&rows), [(A, B, 13, 16, false)]);
        // In whatever order the rows come; and back again while the first is only heard.
        let back = [
            (B, Some((20, 59)), 0),
            (A, None, 60),
            (A, Some((0, 13)), 0),
            (A, Some((85, 90)), 60),
            (B, Some((16, 19)), 0),
            (B, Some((60, 80)), 60),
        ];
        assert_eq!(told(&back), [(A, B, 13, 16, true), (B, A, 80, 85, false)]);
    }

    #[test]
    fn units_that_report_at_the_same_time_take_over_nothing() {
        assert_eq!(told(&[(A, Some((0, 9)), 0), (B, Some((5, 14)), 0), (A, Some((10, 19)), 0), (B, Some((15, 24)), 0)]), []);
        // Seldom, and in turns.
        assert_eq!(
            told(&[
                (A, Some((0, 0)), 0),
                (B, Some((5, 5)), 0),
                (A, Some((10, 10)), 0),
                (B, Some((15, 15)), 0),
                (A, Some((20, 20)), 0)
            ]),
            []
        );
        // Without a gap, and alone.
        assert_eq!(told(&[(A, Some((0, 9)), 0), (B, Some((9, 60)), 0)]), []);
        assert_eq!(told(&[(A, Some((0, 9)), 0), (A, Some((300, 400)), 300)]), []);
    }

    #[test]
    fn what_is_told_is_of_the_time_asked_for_and_bounded() {
        let rows: Vec<_> =
            (0..300).map(|turn| (if turn % 2 == 0 { A } else { B }, Some((turn * 60, turn * 60 + 50)), turn * 60)).collect();
        assert_eq!(told(&rows).len(), MAX_TOLD);
        assert_eq!(told(&rows)[0], (B, A, 199 * 60 + 50, 200 * 60, false));
        let of = |from: i64, to: i64| spans(&rows).fail_overs(from * SECOND, to * SECOND).len();
        assert_eq!([of(0, 50), of(0, 51), of(59, 111), of(60, 110)], [0, 1, 2, 0]);
    }
}
