//! Fail-overs in a group of units: when another unit took over, and for how long none of them reported anything. Found in the account of minutes, by when
//! records of each unit arrived.
//!
//! A unit takes over when the one before, which reported alone, ended, and it reports alone itself. Units that report at the same time or by turns, as in a cluster whose units
//! are all active, take over nothing, nor is it a gap where a group is often silent for so long.

use std::collections::BTreeMap;

use weir_query::FailOver;
use weir_record::{Address, HealthBatch};

const SECOND: i64 = 1_000_000_000;
/// Less than this is how exporters send: in batches, every second or so. It is a gap only where one unit reported alone for long, and then another.
const USUAL_PAUSE: i64 = SECOND;
/// A unit that reports again so soon had not stopped. Who reports for so long without others does so alone; for gaps of some seconds as long as the gap is enough.
const PAUSE: i64 = 10 * SECOND;
/// So far around a gap the silences of the group are compared with it.
pub(super) const AROUND: i64 = 600 * SECOND;
/// Silences of one unit, as long as the gap, from which on they are usual: one may be an event by itself.
const USUAL: usize = 2;
/// Spans of records that are looked at: 16 octets each.
const MAX_SPANS: usize = 1 << 20;

/// When records of units arrived, by group.
#[derive(Default)]
pub(super) struct Spans {
    groups: BTreeMap<Box<str>, BTreeMap<Address, Unit>>,
    held: usize,
}

#[derive(Default)]
struct Unit {
    /// Arrival of the first and the last record, without a pause between.
    spans: Vec<(i64, i64)>,
    /// Minutes in which it sent, and no records.
    bare: Vec<i64>,
}

/// From whom records came, and when.
#[derive(Clone, Copy)]
struct Span {
    first: i64,
    last: i64,
    unit: Address,
}

impl Spans {
    /// Takes in a row of the account.
    pub(super) fn add(&mut self, health: &HealthBatch, row: usize) {
        let (Some(group), Some(unit)) = (health.source_group.get(row), health.exporter.get(row)) else {
            return;
        };
        if self.is_full() {
            return;
        }
        if !self.groups.contains_key(group) {
            self.groups.insert(group.into(), BTreeMap::new());
        }
        let Some(unit) = self.groups.get_mut(group).map(|units| units.entry(unit).or_default()) else {
            return;
        };
        let is_new = match (health.first_record.get(row), health.last_record.get(row), health.slot.get(row)) {
            (Some(first), Some(last), _) => unit.report(first, last.max(first)),
            (.., Some(slot)) => unit.send(slot),
            _ => false,
        };
        self.held += usize::from(is_new);
    }

    /// There were more rows than are looked at, so nothing can be told.
    pub(super) const fn is_full(&self) -> bool {
        self.held >= MAX_SPANS
    }

    /// The fail-overs whose gap reaches into this time, in their order.
    pub(super) fn fail_overs(self, from: i64, to: i64) -> Vec<FailOver> {
        if self.is_full() {
            return Vec::new();
        }
        let mut found: Vec<FailOver> = self.groups.into_iter().flat_map(|(group, units)| of_group(&group, units)).collect();
        found.retain(|fail_over| fail_over.ended > from && fail_over.began < to);
        found.sort_by_key(|fail_over| fail_over.began);
        found
    }
}

fn of_group(group: &str, mut units: BTreeMap<Address, Unit>) -> Vec<FailOver> {
    units.values_mut().for_each(|unit| unit.spans.sort_unstable());
    let spans = |(address, unit): (&Address, &Unit)| {
        let unit_of = *address;
        unit.spans.iter().map(move |(first, last)| Span { first: *first, last: *last, unit: unit_of }).collect::<Vec<_>>()
    };
    let mut spans: Vec<Span> = units.iter().flat_map(spans).collect();
    spans.sort_unstable_by_key(|span| (span.first, span.last, span.unit));
    let silences = silences(&spans);
    // Of the last seconds it is not known yet who reports again.
    let known = spans.iter().map(|span| span.last).max().unwrap_or(i64::MIN).saturating_sub(PAUSE);
    let mut found = Vec::new();
    let Some(&(mut latest)) = spans.first() else { return found };
    // Since when nobody else reported than the latest.
    let mut alone_since = latest.first;
    for (place, span) in spans.iter().enumerate().skip(1) {
        let gap = span.first.saturating_sub(latest.last);
        if span.unit != latest.unit && gap > 0 && span.first <= known {
            let enough = if gap < USUAL_PAUSE { PAUSE } else { gap.min(PAUSE) };
            let was_alone = latest.last.saturating_sub(alone_since) >= enough;
            let others = spans.iter().skip(place).find(|other| other.unit != span.unit).map(|other| other.first);
            let is_alone = others.is_none_or(|others| others.saturating_sub(span.first) > PAUSE);
            if was_alone && is_alone && !is_usual(&silences, gap, latest.last, span.first) {
                let is_heard = units.get(&latest.unit).is_some_and(|unit| unit.is_heard_after(latest.last));
                let (group, from, to) = (group.to_owned(), latest.unit, span.unit);
                found.push(FailOver { group, from, to, began: latest.last, ended: span.first, is_heard });
            }
        }
        if span.unit == latest.unit {
            latest.last = latest.last.max(span.last);
        } else if span.last >= latest.last {
            (alone_since, latest) = (latest.last.max(span.first), *span);
        } else {
            alone_since = alone_since.max(span.last);
        }
    }
    found
}

/// Where nobody reported, and then the same unit went on: when it ended, and how long it was.
fn silences(spans: &[Span]) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    let Some(&(mut latest)) = spans.first() else { return found };
    for span in spans.iter().skip(1) {
        let silence = span.first.saturating_sub(latest.last);
        if span.unit == latest.unit && silence >= USUAL_PAUSE {
            found.push((span.first, silence));
        }
        if span.last >= latest.last {
            latest = *span;
        }
    }
    found
}

/// Whether the group is often silent for as long as this gap.
fn is_usual(silences: &[(i64, i64)], gap: i64, began: i64, ended: i64) -> bool {
    let near = silences.iter().skip(silences.partition_point(|(end, _)| *end < began.saturating_sub(AROUND)));
    let near = near.take_while(|(end, _)| *end <= ended.saturating_add(AROUND));
    near.filter(|(_, silence)| *silence >= gap).take(USUAL).count() == USUAL
}

impl Unit {
    /// Notes when records came; true where that takes room. What goes on without a pause is one span.
    fn report(&mut self, first: i64, last: i64) -> bool {
        match self.spans.last_mut() {
            Some(span) if first >= span.0 && first.saturating_sub(span.1) < USUAL_PAUSE => span.1 = span.1.max(last),
            _ => {
                self.spans.push((first, last));
                return true;
            }
        }
        false
    }

    /// Notes a minute without records; true where that takes room.
    fn send(&mut self, minute: i64) -> bool {
        let is_new = self.bare.last() != Some(&minute);
        if is_new {
            self.bare.push(minute);
        }
        is_new
    }

    /// Whether it sent something in a minute after that, before it reported again.
    fn is_heard_after(&self, ended: i64) -> bool {
        let next = self.spans.get(self.spans.partition_point(|(first, _)| *first <= ended)).map(|(first, _)| *first);
        self.bare.iter().any(|minute| *minute > ended && next.is_none_or(|next| *minute < next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Address = Address::v4(0xc000_0201);
    const B: Address = Address::v4(0xc000_0202);
    const C: Address = Address::v4(0xc000_0203);

    /// A unit, its first and last record in seconds, and the minute of the row.
    type Row = (Address, Option<(i64, i64)>, i64);

    fn account(rows: &[Row]) -> HealthBatch {
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
        health
    }

    fn spans(rows: &[Row]) -> Spans {
        let (health, mut spans) = (account(rows), Spans::default());
        (0..health.rows()).for_each(|row| spans.add(&health, row));
        spans
    }

    /// From whom to whom, the seconds, and whether the one before was still heard.
    fn told(rows: &[Row]) -> Vec<(Address, Address, i64, i64, bool)> {
        let found = spans(rows).fail_overs(i64::MIN, i64::MAX);
        found.iter().map(|one| (one.from, one.to, one.began / SECOND, one.ended / SECOND, one.is_heard)).collect()
    }

    /// Units that report a moment each.
    fn moments(rows: &[(Address, i64)]) -> Vec<Row> {
        rows.iter().map(|(unit, time)| (*unit, Some((*time, *time)), time / 60 * 60)).collect()
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
            (A, Some((85, 96)), 60),
            (B, Some((16, 20)), 0),
            (B, Some((60, 80)), 60),
        ];
        assert_eq!(told(&back), [(A, B, 13, 16, true), (B, A, 80, 85, false)]);
        // A single long silence, as when the collector starts again, hides no short gap behind it.
        let silent = [(A, Some((0, 30)), 0), (A, Some((90, 130)), 60), (B, Some((134, 170)), 120)];
        assert_eq!(told(&silent), [(A, B, 130, 134, false)]);
        // One unit of three, after the other.
        let three = [(A, Some((0, 30)), 0), (B, Some((35, 60)), 0), (C, Some((62, 90)), 60)];
        assert_eq!(told(&three), [(A, B, 30, 35, false), (B, C, 60, 62, false)]);
    }

    #[test]
    fn a_gap_below_a_second_is_told_between_units_that_report_alone() {
        let told = |alone: i64, gap: i64| {
            let mut health = account(&[(A, Some((0, alone)), 0), (B, Some((alone, alone + 20)), 0)]);
            health.first_record.clear();
            health.first_record.push(0, 0);
            health.first_record.push(1, alone * SECOND + gap);
            health.finish();
            let mut spans = Spans::default();
            (0..health.rows()).for_each(|row| spans.add(&health, row));
            spans.fail_overs(i64::MIN, i64::MAX).iter().map(|one| one.ended - one.began).sum::<i64>()
        };
        assert_eq!(told(10, SECOND / 5), SECOND / 5);
        assert_eq!(told(9, SECOND / 5), 0, "a unit of a cluster may be quiet for so long");
        assert_eq!(told(9, SECOND), SECOND);
        assert_eq!(told(10, 0), 0, "nothing between");
    }

    #[test]
    fn whether_it_stays_is_known_ten_seconds_later() {
        assert_eq!(told(&[(A, Some((0, 13)), 0), (B, Some((16, 25)), 0)]), []);
        assert_eq!(told(&[(A, Some((0, 13)), 0), (B, Some((16, 26)), 0)]), [(A, B, 13, 16, false)]);
        assert_eq!(told(&[(A, Some((0, 13)), 0), (B, Some((16, 40)), 0), (A, Some((26, 40)), 0)]), [], "it reports again");
    }

    #[test]
    fn units_that_report_at_the_same_time_take_over_nothing() {
        assert_eq!(told(&[(A, Some((0, 9)), 0), (B, Some((5, 14)), 0), (A, Some((10, 19)), 0), (B, Some((15, 24)), 0)]), []);
        // Both are quiet for a while, and one of them begins before the other.
        let quiet = [(A, Some((0, 29)), 0), (B, Some((0, 30)), 0), (A, Some((60, 120)), 60), (B, Some((90, 120)), 60)];
        assert_eq!(told(&quiet), []);
        // Without a gap, and alone.
        assert_eq!(told(&[(A, Some((0, 9)), 0), (B, Some((9, 60)), 0)]), []);
        assert_eq!(told(&[(A, Some((0, 9)), 0), (A, Some((300, 400)), 300)]), []);
    }

    #[test]
    fn units_that_seldom_report_take_over_nothing() {
        // By turns, at any pace.
        for step in [2, 5, 20, 45, 90] {
            let rows: Vec<_> = (0..20).map(|turn| (if turn % 2 == 0 { A } else { B }, turn * step)).collect();
            assert_eq!(told(&moments(&rows)), [], "{step} s");
        }
        let uneven: Vec<_> = (0..20).flat_map(|turn| [(A, turn * 60), (B, turn * 60 + 20)]).collect();
        assert_eq!(told(&moments(&uneven)), []);
        // Every half a minute: what is no longer than that is no gap, what is longer is one.
        let seldom = |first: i64| -> Vec<_> {
            (0..6).map(|turn| (A, turn * 30)).chain((0..6).map(|turn| (B, first + turn * 30))).collect()
        };
        assert_eq!(told(&moments(&seldom(180))), []);
        assert_eq!(told(&moments(&seldom(195))), [(A, B, 150, 195, false)]);
    }

    #[test]
    fn what_is_told_is_of_the_time_asked_for() {
        let rows: Vec<_> =
            (0..300).map(|turn| (if turn % 2 == 0 { A } else { B }, Some((turn * 60, turn * 60 + 50)), turn * 60)).collect();
        assert_eq!(told(&rows).len(), 299);
        let of = |from: i64, to: i64| spans(&rows).fail_overs(from * SECOND, to * SECOND).len();
        assert_eq!([of(0, 50), of(0, 51), of(59, 111), of(60, 110)], [0, 1, 2, 0]);
    }

    #[test]
    fn nothing_is_told_of_more_than_is_looked_at() {
        let mut spans = Spans::default();
        let rows = account(&[(A, Some((0, 13)), 0), (B, Some((16, 40)), 0)]);
        (0..rows.rows()).for_each(|row| spans.add(&rows, row));
        // What goes on takes no room.
        (0..rows.rows()).for_each(|row| spans.add(&rows, row));
        assert_eq!(spans.held, 2);
        spans.held = MAX_SPANS - 1;
        assert!(!spans.is_full());
        let other = account(&[(A, Some((100, 101)), 60)]);
        spans.add(&other, 0);
        assert!(spans.is_full());
        assert_eq!(spans.fail_overs(i64::MIN, i64::MAX), []);
    }
}
