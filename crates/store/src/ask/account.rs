//! What is known to be missing in an answer: the account that the service keeps of each minute.
//!
//! For each minute and source the service notes what arrived and what it knows to be lost, and for itself how long it was receiving. Before its first note
//! nothing is known; a minute after that without a note is one in which it did not run.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use weir_query::{AggregationError, BoundValues, Completeness, FailOver, Question};
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
/// Slots of time of which account may be asked for at a time.
pub const MAX_ACCOUNT_SLOTS: usize = 10_000;

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
    let Some(kept) = Kept::of(snapshot, question, now) else {
        return Ok(Account { completeness: known, fail_overs: Vec::new(), are_fail_overs_untold: false, arriving_since: None });
    };
    let mut unknown: BTreeSet<Option<Address>> = BTreeSet::new();
    let mut spans = Spans::default();
    let up = read(snapshot, question, Some(&mut spans), cancel, |_, health, row| {
        if health.sequence_unknown.get(row) == Some(1) {
            unknown.insert(health.exporter.get(row));
        }
        add(&mut known, health, row);
    })?;
    let are_fail_overs_untold = spans.is_full();
    let (from, to) = (question.from(), question.to());
    let mut fail_overs = spans.fail_overs(from, to);
    let gaps = fail_overs.iter().map(|one| one.ended.min(to).saturating_sub(one.began.max(from)).unsigned_abs());
    known.fail_over_ns = gaps.sum();
    fail_overs.drain(..fail_overs.len().saturating_sub(MAX_TOLD));
    known.sources_unknown = unknown.len() as u64;
    known.known = kept.begin < kept.end.max(kept.last) && to > kept.first;
    known.down_ns = kept.gaps(&up).map(|(_, missing)| missing).sum();
    let since = now.saturating_sub(ARRIVING);
    let arriving_since = (kept.is_running && to > since).then(|| since.max(from));
    Ok(Account { completeness: known, fail_overs, are_fail_overs_untold, arriving_since })
}

/// What is known to be missing in a slot of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSlot {
    /// Begin, nanoseconds since 1970.
    pub from: i64,
    /// End, not included.
    pub to: i64,
    /// What is known of it.
    pub completeness: Completeness,
}

/// What is known to be missing in each slot of a series, of the sources that its filter does not rule out; up to now. `now` is nanoseconds since 1970.
///
/// # Errors
/// Where there are too many slots, it was cancelled, or the store cannot be read.
pub fn account(snapshot: &Snapshot, question: &Question, now: i64, cancel: &Cancel) -> Result<Vec<AccountSlot>, AskError> {
    let Some(slots) = question.slots() else { return Ok(Vec::new()) };
    let kept = Kept::of(snapshot, question, now);
    let first = match (question.from(), &kept) {
        (i64::MIN, None) => return Ok(Vec::new()),
        (i64::MIN, Some(kept)) => slots.begin_of(kept.first),
        (from, _) => from,
    };
    let end = question.to().min(now);
    let count = (i128::from(end) - i128::from(first) + i128::from(slots.step) - 1) / i128::from(slots.step);
    if count > MAX_ACCOUNT_SLOTS as i128 {
        return Err(AggregationError::TooManySlots { limit: MAX_ACCOUNT_SLOTS }.into());
    }
    let begins = (0..).map(|number| first.saturating_add(slots.step.saturating_mul(number))).take_while(|begin| *begin < end);
    let mut found: Vec<AccountSlot> = begins
        .map(|from| AccountSlot { from, to: from.saturating_add(slots.step), completeness: Completeness::default() })
        .collect();
    let Some(kept) = kept else { return Ok(found) };
    let place = |time: i64| usize::try_from(slots.begin_of(time).saturating_sub(first) / slots.step).ok();
    let mut unknown: BTreeSet<(usize, Option<Address>)> = BTreeSet::new();
    let up = read(snapshot, question, None, cancel, |slot, health, row| {
        let Some(place) = place(slot) else { return };
        let Some(known) = found.get_mut(place) else { return };
        if health.sequence_unknown.get(row) == Some(1) {
            unknown.insert((place, health.exporter.get(row)));
        }
        add(&mut known.completeness, health, row);
    })?;
    for (place, _) in unknown {
        if let Some(slot) = found.get_mut(place) {
            slot.completeness.sources_unknown += 1;
        }
    }
    for (minute, missing) in kept.gaps(&up) {
        if let Some(slot) = place(minute).and_then(|place| found.get_mut(place)) {
            slot.completeness.down_ns += missing;
        }
    }
    for slot in &mut found {
        slot.completeness.known = slot.to > kept.first;
    }
    Ok(found)
}

/// The time of which account was kept, as far as a question is about it.
struct Kept {
    /// Begin of the first minute of which there is a note.
    first: i64,
    /// End of the last.
    last: i64,
    /// The first minute that is asked for.
    begin: i64,
    /// What is behind it has notes still to come.
    end: i64,
    /// End of what is asked for.
    to: i64,
    is_running: bool,
}

impl Kept {
    fn of(snapshot: &Snapshot, question: &Question, now: i64) -> Option<Self> {
        let (first, last) = noted(snapshot)?;
        let (from, to) = (question.from(), question.to());
        let is_running = now.saturating_sub(last) < PATIENCE;
        // Nothing is held against the minute whose notes are still to come, nor against the time after the last note where no end was asked for.
        let end = if is_running || to == i64::MAX { last.saturating_sub(MINUTE) } else { to.min(now) };
        Some(Self { first, last, begin: from.max(first).div_euclid(MINUTE) * MINUTE, end, to, is_running })
    }

    /// Minutes in which the service was not receiving all the time, and for how many nanoseconds.
    fn gaps(&self, up: &BTreeMap<i64, i64>) -> impl Iterator<Item = (i64, u64)> {
        let end = self.end.min(self.to);
        // The service began somewhere in its first minute.
        let first = self.first.div_euclid(MINUTE).saturating_add(1).saturating_mul(MINUTE);
        let minutes = (0..).map(move |number: i64| self.begin.max(first).saturating_add(number.saturating_mul(MINUTE)));
        minutes.take_while(move |minute| *minute < end).filter_map(move |minute| {
            let wanted = MINUTE.min(end - minute);
            let missing = wanted - up.get(&minute).copied().unwrap_or(0).min(wanted);
            (missing > TOLERANCE).then_some((minute, missing as u64))
        })
    }
}

/// Reads the notes of the time and of the sources of a question: `each` gets the minute, and a row; `spans`, where there are, what tells of fail-overs. Tells for how long the
/// service was receiving in each minute.
fn read(
    snapshot: &Snapshot,
    question: &Question,
    mut spans: Option<&mut Spans>,
    cancel: &Cancel,
    mut each: impl FnMut(i64, &HealthBatch, usize),
) -> Result<BTreeMap<i64, i64>, AskError> {
    let sources = Sources::of(question);
    let (from, to) = (question.from(), question.to());
    let mut up: BTreeMap<i64, i64> = BTreeMap::new();
    // Who reported before and behind that time tells what happened at its ends.
    let around = if spans.is_some() { AROUND } else { 0 };
    snapshot.read(&[], from.saturating_sub(around), to.saturating_add(around), cancel, &mut |health: &HealthBatch| {
        for row in 0..health.rows() {
            if let Some(spans) = &mut spans
                && health.exporter.get(row).is_some_and(|source| sources.hold(source))
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
            each(slot, health, row);
        }
        ControlFlow::Continue(())
    })?;
    Ok(up)
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
