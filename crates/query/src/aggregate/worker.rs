//! A worker: rows in, groups out, for one pass over the records.

use std::ops::ControlFlow;
use std::sync::Arc;

use weir_record::{FlowBatch, SeriesBatch};

use super::cut::Sums;
use super::lanes::{CHUNK, Chunk, Side, is_event};
use super::layout::Packed;
use super::percentiles::add_values;
use super::rows::Rows;
use super::table::{Groups, totals};
use super::text::Texts;
use super::{PassPlan, Sink, Window, hash};
use crate::Mask;
use crate::mask::Bits;
use crate::time::{Piece, Placed, Slots};

/// Sums up records on one thread; see [`Aggregation`](super::Aggregation).
#[derive(Debug)]
pub struct Worker {
    pub(super) plan: Arc<PassPlan>,
    pub(super) kept: Kept,
    pub(super) texts: Vec<Texts>,
    /// Everything together; one group.
    pub(super) totals: Groups,
    pub(super) account: Account,
    rows: Vec<u32>,
    placed: Vec<Placed>,
    pieces: Vec<Piece>,
    rates: Vec<u64>,
    work: Work,
    /// True while rows are of no group.
    totals_alone: bool,
    /// Where only what lies in slots of time counts.
    window: Option<Window>,
}

/// What a worker keeps of groups.
#[derive(Debug)]
pub(super) enum Kept {
    Nothing,
    Groups(Groups),
    /// Upper bounds of the sums of groups, where there are too many of these.
    Sums(Sums),
    /// There were more groups than allowed, and no other way.
    TooMany {
        groups: usize,
    },
}

/// What a worker saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) records: u64,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    pub(super) rate_unknown: u64,
    pub(super) sampled: u64,
    pub(super) from_histograms: bool,
}

/// Memory that is used for chunk after chunk.
#[derive(Debug, Default)]
struct Work {
    sides: [Packed; 2],
    picked: Packed,
    keep: Vec<u32>,
    rows: Vec<u32>,
    placed: Vec<Placed>,
    pieces: Vec<Piece>,
    rates: Vec<u64>,
    values: Vec<u64>,
    variance: Vec<[f64; 2]>,
    groups: Vec<u32>,
    distinct: Packed,
}

impl Worker {
    pub(super) fn new(plan: Arc<PassPlan>) -> Self {
        let kept = match plan.sink {
            Sink::Totals => Kept::Nothing,
            Sink::Groups | Sink::Slots { .. } => Kept::Groups(Groups::new(plan.key_words(), &plan.shared.lanes)),
        };
        Self {
            kept,
            texts: plan.shared.layout.new_texts(),
            totals: totals(&plan.shared.lanes),
            account: Account::default(),
            rows: Vec::new(),
            placed: Vec::new(),
            pieces: Vec::new(),
            rates: Vec::new(),
            work: Work::default(),
            totals_alone: false,
            window: plan.window,
            plan,
        }
    }

    /// The same for a part of the range of a question that is spread.
    #[must_use]
    pub fn within(self, from: i64, to: i64) -> Self {
        let slots = Slots { step: to.saturating_sub(from), origin: from };
        Self { window: Some(Window { slots, from, to }), ..self }
    }

    /// Takes the selected rows of a batch; breaks off where a limit is passed.
    pub fn feed(&mut self, batch: &FlowBatch, mask: &Mask) -> ControlFlow<()> {
        let drop_events = !self.plan.shared.names_kinds && !batch.record_kind.is_empty();
        for (index, word) in mask.words().iter().enumerate() {
            let first = index as u32 * 64;
            if *word == u64::MAX && !drop_events {
                self.rows.extend(first..first + 64);
            } else {
                let kept = Bits(*word).filter(|bit| !drop_events || !is_event(batch, index * 64 + bit));
                self.rows.extend(kept.map(|bit| first + bit as u32));
            }
            if self.rows.len() + 64 > CHUNK {
                self.take_rows(batch)?;
            }
        }
        self.take_rows(batch)
    }

    /// Takes the selected rows of continuous series; `as_flows` has their keys and times, row for row.
    pub(super) fn feed_sums(&mut self, series: &SeriesBatch, as_flows: &FlowBatch, mask: &Mask) -> ControlFlow<()> {
        // Few rows sum up many records, so a chunk more or less does not matter.
        for row in mask.iter() {
            self.rows.push(row as u32);
            if self.rows.len() == CHUNK {
                self.take_sums(series, as_flows)?;
            }
        }
        self.take_sums(series, as_flows)
    }

    /// The same where they are of no group.
    pub(super) fn feed_totals(&mut self, series: &SeriesBatch, as_flows: &FlowBatch, mask: &Mask) -> ControlFlow<()> {
        self.totals_alone = true;
        let fed = self.feed_sums(series, as_flows, mask);
        self.totals_alone = false;
        fed
    }

    fn take_sums(&mut self, series: &SeriesBatch, as_flows: &FlowBatch) -> ControlFlow<()> {
        let rows = std::mem::take(&mut self.rows);
        for row in &rows {
            let of = |column: &weir_record::column::Fixed<u64>| column.get(*row as usize).unwrap_or(0);
            self.account.records += of(&series.flows) + of(&series.samples);
            if self.plan.shared.lanes.is_scaled {
                self.account.rate_unknown += of(&series.rate_unknown);
                self.account.sampled += of(&series.sampled);
            }
        }
        self.placed.clear();
        self.placed.extend(rows.iter().map(|row| Placed::of(as_flows, *row as usize)));
        let done = match self.window {
            None => self.sum_up(as_flows, &rows, Some(series)),
            Some(_) => self.take_pieces(as_flows, &rows, Some(series)),
        };
        self.rows = rows;
        self.rows.clear();
        done
    }

    /// Works on the rows that were selected.
    fn take_rows(&mut self, batch: &FlowBatch) -> ControlFlow<()> {
        if self.rows.is_empty() {
            return ControlFlow::Continue(());
        }
        let rows = std::mem::take(&mut self.rows);
        self.account.records += rows.len() as u64;
        self.note_rates(batch, &rows);
        self.placed.clear();
        if self.plan.shared.places {
            self.placed.extend(rows.iter().map(|row| Placed::of(batch, *row as usize)));
            for placed in &self.placed {
                self.account.first = Some(self.account.first.map_or(placed.start, |first| first.min(placed.start)));
                self.account.last = Some(self.account.last.map_or(placed.end, |last| last.max(placed.end)));
            }
        }
        let done = match self.window {
            None => self.sum_up(batch, &rows, None),
            Some(_) => self.take_pieces(batch, &rows, None),
        };
        self.rows = rows;
        self.rows.clear();
        done
    }

    /// Works on the parts of rows in slots of time.
    fn take_pieces(&mut self, batch: &FlowBatch, rows: &[u32], series: Option<&SeriesBatch>) -> ControlFlow<()> {
        let Some(window) = self.window else {
            return ControlFlow::Continue(());
        };
        let all = std::mem::take(&mut self.placed);
        let mut parts: Vec<u32> = Vec::with_capacity(CHUNK);
        for (row, placed) in rows.iter().zip(&all) {
            for piece in placed.pieces_from(window.slots, window.from) {
                if piece.slot >= window.to {
                    break;
                }
                parts.push(*row);
                self.placed.push(*placed);
                self.pieces.push(piece);
                if parts.len() == CHUNK {
                    self.sum_up(batch, &parts, series)?;
                    parts.clear();
                    self.placed.clear();
                    self.pieces.clear();
                }
            }
        }
        let done = if parts.is_empty() { ControlFlow::Continue(()) } else { self.sum_up(batch, &parts, series) };
        self.pieces.clear();
        self.placed = all;
        done
    }

    /// Counts rows whose sampling rate is unknown, and those that are samples.
    fn note_rates(&mut self, batch: &FlowBatch, rows: &[u32]) {
        if !self.plan.shared.lanes.is_scaled || !self.plan.totals {
            return;
        }
        let rates = &batch.sampling_rate;
        if rates.is_empty() {
            self.account.rate_unknown += rows.len() as u64;
            return;
        }
        for row in rows {
            match rates.get(*row as usize) {
                None => self.account.rate_unknown += 1,
                Some(rate) => self.account.sampled += u64::from(rate > 1),
            }
        }
    }

    /// Adds rows to the totals and to their groups.
    fn sum_up(&mut self, batch: &FlowBatch, rows: &[u32], series: Option<&SeriesBatch>) -> ControlFlow<()> {
        let mut work = std::mem::take(&mut self.work);
        self.fill_rates(batch, rows);
        let (placed, pieces, rates) =
            (std::mem::take(&mut self.placed), std::mem::take(&mut self.pieces), std::mem::take(&mut self.rates));
        let plan = Arc::clone(&self.plan);
        let shared = &plan.shared;
        let chunk = Chunk {
            batch,
            rows: Rows::new(rows),
            placed: &placed,
            pieces: &pieces,
            rates: &rates,
            has_events: shared.names_kinds && !batch.record_kind.is_empty(),
            series,
        };
        if plan.totals {
            fill_values(&plan, &chunk, &mut work);
            work.groups.clear();
            work.groups.resize(rows.len(), 0);
            add_all(&plan, &chunk, &mut work, &mut self.totals, &mut self.account);
        }
        match plan.sink {
            Sink::Totals => {}
            _ if self.totals_alone => {}
            Sink::Slots { tops: None } => {
                slot_keys(&pieces, &mut work.picked, plan.seed());
                if let Kept::Groups(groups) = &mut self.kept {
                    groups.locate(&work.picked, rows.len(), &mut work.groups);
                    if !plan.totals {
                        fill_values(&plan, &chunk, &mut work);
                    }
                    add_all(&plan, &chunk, &mut work, groups, &mut self.account);
                }
            }
            Sink::Groups | Sink::Slots { tops: Some(_) } => {
                let sides = 1 + usize::from(shared.layout.is_either);
                for side in 0..sides {
                    shared.layout.pack(batch, &chunk.rows, chunk.placed, side, plan.seed(), &mut work.sides[side]);
                }
                for side in 0..sides {
                    self.sum_up_side(&plan, &chunk, rows, side, sides, &mut work);
                }
            }
        }
        self.work = work;
        (self.placed, self.pieces, self.rates) = (placed, pieces, rates);
        self.check_limits()
    }

    /// Adds rows to the groups to which one of their sides belongs.
    fn sum_up_side(&mut self, plan: &PassPlan, chunk: &Chunk<'_>, rows: &[u32], side: usize, sides: usize, work: &mut Work) {
        let layout = &plan.shared.layout;
        let [first, second] = &work.sides;
        let packed = if side == 0 { first } else { second };
        work.keep.clear();
        let counts = |index: usize| match (sides, side) {
            (1, _) => true,
            // A row counts for a side that has a value, but once where both are the same, and once where none has one.
            (_, 0) => first.is_there[index] || !second.is_there[index],
            _ => second.is_there[index] && !same_key(layout.words, first, second, index),
        };
        match &plan.candidates {
            None => work.keep.extend((0..rows.len()).filter(|index| counts(*index)).map(|index| index as u32)),
            Some(candidates) => {
                let hashes = &packed.hashes;
                let chosen = (0..rows.len()).filter(|index| candidates.has(hashes[*index]) && counts(*index));
                work.keep.extend(chosen.map(|index| index as u32));
            }
        }
        if work.keep.is_empty() {
            return;
        }
        if let Kept::Sums(sums) = &mut self.kept {
            let lane = plan.sums_lane();
            if !plan.totals {
                work.values.resize((lane + 1) * CHUNK, 0);
                let values = &mut work.values[lane * CHUNK..][..rows.len()];
                chunk.fill(plan.shared.lanes.lanes[lane], plan.shared.lanes.unscaled, values);
            }
            let values = &work.values[lane * CHUNK..];
            for index in &work.keep {
                sums.add(packed.hashes[*index as usize], values[*index as usize]);
            }
            return;
        }
        if work.keep.len() == rows.len() && layout.texts == 0 && plan.totals && matches!(plan.sink, Sink::Groups) {
            if let Kept::Groups(groups) = &mut self.kept {
                let packed = std::mem::take(&mut work.sides[side]);
                groups.locate(&packed, rows.len(), &mut work.groups);
                work.sides[side] = packed;
                add_all(plan, chunk, work, groups, &mut self.account);
            }
            return;
        }
        self.sum_up_picked(plan, chunk, rows, side, work);
    }

    /// Adds the rows that were kept of a side.
    fn sum_up_picked(&mut self, plan: &PassPlan, chunk: &Chunk<'_>, rows: &[u32], side: usize, work: &mut Work) {
        let layout = &plan.shared.layout;
        let count = work.keep.len();
        let mut picked = std::mem::take(&mut work.picked);
        let packed = &work.sides[side];
        picked.words.resize(layout.words.max(2) * CHUNK, 0);
        picked.hashes.clear();
        picked.hashes.extend(work.keep.iter().map(|index| packed.hashes[*index as usize]));
        for word in 0..layout.words {
            for (place, index) in work.keep.iter().enumerate() {
                picked.words[word * CHUNK + place] = packed.words[word * CHUNK + *index as usize];
            }
        }
        if layout.texts > 0 {
            for (place, index) in work.keep.iter().enumerate() {
                let row = rows[*index as usize] as usize;
                let number = |text: usize, octets: &[u8]| {
                    let hash = hash::octets(plan.seed(), octets);
                    match &plan.sink {
                        Sink::Slots { tops: Some(tops) } => tops.texts[text].find(hash, octets).unwrap_or(u32::MAX),
                        _ => self.texts[text].number(hash, octets),
                    }
                };
                layout.pack_texts(chunk.batch, row, side, &mut picked, place, number);
            }
        }
        if let Sink::Slots { tops: Some(tops) } = &plan.sink {
            let mut key = vec![0; layout.words];
            for (place, index) in work.keep.iter().enumerate() {
                key.iter_mut().zip(0..).for_each(|(word, at)| *word = picked.words[at * CHUNK + place]);
                let rank = tops.groups.find(picked.hashes[place], &key).map_or(tops.others(), u64::from);
                picked.words[place] = chunk.pieces.get(*index as usize).map_or(0, |piece| piece.slot as u64);
                picked.words[CHUNK + place] = rank;
                picked.hashes[place] = hash::fold(hash::fold(plan.seed(), picked.words[place]), rank);
            }
        }
        gather(&mut work.rows, rows, &work.keep);
        gather(&mut work.placed, chunk.placed, &work.keep);
        gather(&mut work.pieces, chunk.pieces, &work.keep);
        gather(&mut work.rates, chunk.rates, &work.keep);
        if let Kept::Groups(groups) = &mut self.kept {
            groups.locate(&picked, count, &mut work.groups);
            let (list, placed, pieces, rates) = (
                std::mem::take(&mut work.rows),
                std::mem::take(&mut work.placed),
                std::mem::take(&mut work.pieces),
                std::mem::take(&mut work.rates),
            );
            let part = Chunk { rows: Rows::new(&list), placed: &placed, pieces: &pieces, rates: &rates, ..*chunk };
            // The values of all rows are wanted again for the other side.
            let values = std::mem::take(&mut work.values);
            let variance = std::mem::take(&mut work.variance);
            fill_values(plan, &part, work);
            add_all(plan, &part, work, groups, &mut self.account);
            (work.values, work.variance) = (values, variance);
            (work.rows, work.placed, work.pieces, work.rates) = (list, placed, pieces, rates);
        }
        work.picked = picked;
    }

    /// Sampling rates of rows, where one of them is over 1 and they matter.
    fn fill_rates(&mut self, batch: &FlowBatch, rows: &[u32]) {
        self.rates.clear();
        let rates = &batch.sampling_rate;
        if !self.plan.shared.lanes.is_scaled || rates.is_empty() {
            return;
        }
        let rate = |row: &u32| u64::from(rates.get(*row as usize).unwrap_or(1).max(1));
        if rows.iter().any(|row| rate(row) > 1) {
            self.rates.extend(rows.iter().map(rate));
        }
    }

    /// Goes over to sums where there are too many groups, or ends.
    fn check_limits(&mut self) -> ControlFlow<()> {
        let Kept::Groups(groups) = &self.kept else {
            return ControlFlow::Continue(());
        };
        let limits = &self.plan.limits;
        let (count, memory) = (groups.len(), groups.memory() + self.texts.iter().map(Texts::memory).sum::<usize>());
        // Where nearly every row is a group of its own, there is no use in waiting for the limit.
        let is_hopeless = self.plan.may_bound && count > EARLY && count as u64 * 2 > self.account.records;
        if count <= limits.groups && memory <= limits.memory && !is_hopeless {
            return ControlFlow::Continue(());
        }
        if !self.plan.may_bound {
            self.kept = Kept::TooMany { groups: count };
            return ControlFlow::Break(());
        }
        let mut sums = Sums::new(self.plan.sums_bits);
        sums.add_groups(groups, self.plan.sums_lane());
        self.kept = Kept::Sums(sums);
        self.texts = self.plan.shared.layout.new_texts();
        ControlFlow::Continue(())
    }
}

/// Groups after which it is worth to ask whether every row is one.
const EARLY: usize = 1 << 18;

/// What rows bring to every lane.
fn fill_values(plan: &PassPlan, chunk: &Chunk<'_>, work: &mut Work) {
    let lanes = &plan.shared.lanes;
    let count = chunk.rows.len();
    work.values.resize(lanes.lanes.len() * CHUNK, 0);
    for (lane, values) in lanes.lanes.iter().zip(work.values.chunks_exact_mut(CHUNK)) {
        chunk.fill(*lane, lanes.unscaled, &mut values[..count]);
    }
    work.variance.clear();
    if lanes.has_variance {
        chunk.fill_variance(&mut work.variance);
    }
}

/// Adds what rows bring to their groups, which stand in `work.groups`.
fn add_all(plan: &PassPlan, chunk: &Chunk<'_>, work: &mut Work, groups: &mut Groups, account: &mut Account) {
    groups.add(&work.groups, &work.values);
    groups.add_variance(&work.groups, &work.variance);
    for (side, what) in plan.shared.lanes.sides.iter().enumerate() {
        match what {
            Side::Histogram(column) => add_values(plan, chunk, *column, &work.groups, side, (groups, account)),
            Side::Distinct(_) => {
                let Some(layout) = plan.shared.distincts.get(side).and_then(Option::as_ref) else {
                    continue;
                };
                for from in 0..1 + usize::from(layout.is_either) {
                    layout.pack(chunk.batch, &chunk.rows, chunk.placed, from, hash::FIXED_SEED, &mut work.distinct);
                    for (index, group) in work.groups.iter().enumerate() {
                        let counts = chunk.pieces.get(index).is_none_or(Piece::is_last);
                        if counts && layout.is_present(&work.distinct, index) {
                            groups.with_distinct(side, *group, |set| set.add(work.distinct.hashes[index]));
                        }
                    }
                }
            }
        }
    }
}

/// Keys of a series of everything: the begin of the slot.
fn slot_keys(pieces: &[Piece], picked: &mut Packed, seed: u64) {
    picked.words.resize(CHUNK.max(picked.words.len()), 0);
    picked.hashes.clear();
    for (word, piece) in picked.words.iter_mut().zip(pieces) {
        *word = piece.slot as u64;
        picked.hashes.push(hash::fold(hash::fold(seed, *word), 0));
    }
}

fn same_key(words: usize, one: &Packed, other: &Packed, index: usize) -> bool {
    one.hashes[index] == other.hashes[index]
        && (0..words).all(|word| one.words[word * CHUNK + index] == other.words[word * CHUNK + index])
}

/// The values at the places that are kept; none where there are none.
fn gather<T: Copy>(out: &mut Vec<T>, from: &[T], keep: &[u32]) {
    out.clear();
    if !from.is_empty() {
        out.extend(keep.iter().map(|index| from[*index as usize]));
    }
}
