//! What is known to be missing in an answer: the account that the service keeps of each minute.
//!
//! For each minute and source the service notes what arrived and what it knows to be lost, and for itself how long it was receiving. Before its first note
//! nothing is known; a minute after that without a note is one in which it did not run.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use weir_query::{BoundValues, Completeness, FailOver, Question};
use weir_record::{Address, Column, HealthBatch};

use super::AskError;
use super::fail_over::{AROUND, Spans};
use crate::block::BlockKind;
use crate::manifest::TableKind;
use crate::scan::Cancel;
use crate::snapshot::Snapshot;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
/// The note of a minute is written when it is over, and a little later.
const PATIENCE: i64 = 3 * MINUTE;
/// Fail-overs that are told of one question, the latest.
const MAX_TOLD: usize = 100;
/// Devices report flows that go on at least so often, most of them.
const ARRIVING: i64 = 5 * MINUTE;
/// So much of a minute may be missing in its note before it counts.
const TOLERANCE: i64 = SECOND;

pub(super) struct Account {
    pub(super) completeness: Completeness,
    /// Units that took over from others, in their order; the latest.
    pub(super) fail_overs: Vec<FailOver>,
    /// Of these nothing can be told: the time is too long.
    pub(super) are_fail_overs_untold: bool,
    /// Records of this time may still arrive.
    pub(super) arriving_since: Option<i64>,
}

pub(super) fn of(snapshot: &Snapshot, question: &Question, now: i64, cancel: &Cancel) -> Result<Account, AskError> {
    let mut known = Completeness::default();
    let Some((first, last)) = noted(snapshot) else {
        return Ok(Account { completeness: known, fail_overs: Vec::new(), are_fail_overs_untold: false, arriving_since: None });
    };
    let sources = Sources::of(question);
    let mut up: BTreeMap<i64, i64> = BTreeMap::new();
    let mut unknown: BTreeSet<Option<Address>> = BTreeSet::new();
    let mut spans = Spans::default();
    let (from, to) = (question.from(), question.to());
    // Who reported before and behind that time tells what happened at its ends.
    let (before, behind) = (from.saturating_sub(AROUND), to.saturating_add(AROUND));
    snapshot.read(&[], before, behind, cancel, &mut |health: &HealthBatch| {
        for row in 0..health.rows() {
            if health.exporter.get(row).is_some_and(|source| sources.hold(source))
                && health.source_group.get(row).is_some_and(|group| sources.hold_group(group))
            {
                spans.add(health, row);
            }
            let Some(slot) = health.slot.get(row).filter(|slot| *slot < to && slot.saturating_add(MINUTE) > from) else {
                continue;
            };
            let source = health.exporter.get(row);
            if source.is_some_and(|source| !sources.hold(source)) {
                continue;
            }
            if let (None, Some(microseconds)) = (source, health.up.get(row)) {
                let minute = up.entry(slot.div_euclid(MINUTE) * MINUTE).or_default();
                *minute = minute.saturating_add(i64::try_from(microseconds).unwrap_or(i64::MAX).saturating_mul(1_000));
            }
            if health.sequence_unknown.get(row) == Some(1) {
                unknown.insert(source);
            }
            add(&mut known, health, row);
        }
        ControlFlow::Continue(())
    })?;
    let are_fail_overs_untold = spans.is_full();
    let mut fail_overs = spans.fail_overs(from, to);
    let gaps = fail_overs.iter().map(|one| one.ended.min(to).saturating_sub(one.began.max(from)).unsigned_abs());
    known.fail_over_ns = gaps.sum();
    fail_overs.drain(..fail_overs.len().saturating_sub(MAX_TOLD));
    known.sources_unknown = unknown.len() as u64;
    let is_running = now.saturating_sub(last) < PATIENCE;
    let begin = from.max(first).div_euclid(MINUTE) * MINUTE;
    // Nothing is held against the minute whose notes are still to come, nor against the time after the last note where no end was asked for.
    let end = if is_running || to == i64::MAX { last.saturating_sub(MINUTE) } else { to.min(now) };
    known.known = begin < end.max(last) && to > first;
    let mut minute = begin;
    while minute < end.min(to) {
        // The service began somewhere in its first minute.
        if minute > first.div_euclid(MINUTE) * MINUTE {
            let wanted = MINUTE.min(end.min(to) - minute);
            let missing = wanted - up.get(&minute).copied().unwrap_or(0).min(wanted);
            known.down_ns += if missing > TOLERANCE { missing as u64 } else { 0 };
        }
        minute += MINUTE;
    }
    let arriving_since = (is_running && to > now.saturating_sub(ARRIVING)).then(|| now.saturating_sub(ARRIVING).max(from));
    Ok(Account { completeness: known, fail_overs, are_fail_overs_untold, arriving_since })
}

/// Begin of the first minute of which there is a note, and end of the last.
fn noted(snapshot: &Snapshot) -> Option<(i64, i64)> {
    let files = snapshot.files(TableKind::Health).map(|file| file.times);
    let blocks = snapshot.blocks(BlockKind::Health).map(|block| block.times());
    let ends = files.chain(blocks).map(|times| (times.received_min, times.received_max));
    let (first, last) = ends.reduce(|(first, last), (min, max)| (first.min(min), last.max(max)))?;
    Some((first, last.div_euclid(MINUTE).saturating_add(1).saturating_mul(MINUTE)))
}

fn add(known: &mut Completeness, health: &HealthBatch, row: usize) {
    let of = |column: &weir_record::column::Fixed<u64>| column.get(row).unwrap_or(0);
    known.records += of(&health.records);
    known.lost_records += of(&health.lost_records);
    known.lost_datagrams += of(&health.lost_datagrams);
    known.dropped_datagrams += of(&health.dropped_kernel) + of(&health.dropped_queue) + of(&health.dropped_guard);
    known.faults += of(&health.faults);
}

/// The sources from which a question's records can be: those that its filter does not rule out.
struct Sources {
    /// Each must hold the source.
    ranges: Vec<Vec<(Address, Address)>>,
    /// Each must hold the group.
    groups: Vec<Vec<String>>,
}

impl Sources {
    fn of(question: &Question) -> Self {
        let (mut ranges, mut groups) = (Vec::new(), Vec::new());
        for clause in question.filter().bounds().clauses {
            let of_exporter = clause.iter().map(|bound| match (bound.column, &bound.values) {
                (Column::exporter, BoundValues::Addresses(ranges)) => Some(ranges.as_slice()),
                _ => None,
            });
            ranges.extend(of_exporter.collect::<Option<Vec<_>>>().map(|ranges| ranges.concat()));
            let of_group = clause.iter().map(|bound| match (bound.column, &bound.values) {
                (Column::source_group, BoundValues::Texts(groups)) => Some(groups.as_slice()),
                _ => None,
            });
            groups.extend(of_group.collect::<Option<Vec<_>>>().map(|groups| groups.concat()));
        }
        Self { ranges, groups }
    }

    fn hold_group(&self, group: &str) -> bool {
        self.groups.iter().all(|groups| groups.iter().any(|wanted| wanted == group))
    }

    fn hold(&self, source: Address) -> bool {
        self.ranges.iter().all(|ranges| ranges.iter().any(|(first, last)| (*first..=*last).contains(&source)))
    }
}
