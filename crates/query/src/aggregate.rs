//! Records summed up by groups, for a question.
//!
//! [`Aggregation`] says how: it makes [`Worker`]s, one a thread, which are fed with batches and the rows that the filter selected; at the end of a pass over the
//! records it puts the workers together and has the answer, or wants another pass. Most questions need one pass. The largest of very many
//! groups need more (`cut`), and so does a series of the largest groups, which must be known first.
//!
//! Reading order: `lanes` (what is kept of a group), `layout` (what a key is), `table` (where groups are found), `worker`, `cut`, `series`, `finish`.

mod cut;
mod finish;
mod hash;
mod lanes;
mod layout;
mod percentiles;
mod rest;
mod rows;
mod series;
mod table;
mod text;
mod worker;

use std::fmt;
use std::sync::Arc;

use crate::answer::Answer;
use crate::question::{Question, QuestionKind, SortBy};
use crate::time::Slots;
use cut::{Candidates, Cut, Sums};
use finish::Merged;
use lanes::{Lanes, Side};
use layout::Layout;
use worker::{Account, Kept};

pub use series::{SeriesFeed, SeriesPlan, from_series};
pub use worker::Worker;

/// What an aggregation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregationLimits {
    /// Groups that an answer may have where not only the largest are asked for.
    pub groups: usize,
    /// Octets of memory for all workers together.
    pub memory: usize,
    /// Slots of time that a series may have.
    pub slots: usize,
}

impl Default for AggregationLimits {
    /// A million groups, 512 MiB, a hundred thousand slots.
    fn default() -> Self {
        Self { groups: 1_000_000, memory: 512 << 20, slots: 100_000 }
    }
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AggregationError {
    /// There are more groups than allowed.
    TooManyGroups {
        /// How many are.
        limit: usize,
    },
    /// The groups need more memory than allowed.
    TooMuchMemory {
        /// Octets that are.
        limit: usize,
    },
    /// The series has more slots than allowed.
    TooManySlots {
        /// How many are.
        limit: usize,
    },
    /// The largest groups could not be told from the others in a reasonable number of passes.
    TooMuchAlike,
}

impl fmt::Display for AggregationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyGroups { limit } => {
                write!(
                    f,
                    "more than {limit} groups: ask for the largest (`top`, sorted by a sum), or add a filter, or take fewer keys"
                )
            }
            Self::TooMuchMemory { limit } => write!(
                f,
                "the groups need more than {} MiB: ask for the largest (`top`, sorted by a sum), or add a filter, or take fewer keys or measures",
                limit >> 20
            ),
            Self::TooManySlots { limit } => write!(f, "more than {limit} slots of time: take a longer step or a shorter time"),
            Self::TooMuchAlike => {
                f.write_str("too many groups are nearly as large as the largest: add a filter or take fewer keys")
            }
        }
    }
}

impl std::error::Error for AggregationError {}

/// Whether a pass over the records was the last.
#[derive(Debug)]
pub enum Pass {
    /// The records must be read once more, by new workers.
    Again,
    /// The answer.
    Done(Box<Answer>),
}

/// What stays the same in all passes.
#[derive(Debug)]
struct Shared {
    lanes: Lanes,
    layout: Layout,
    /// Keys of which different values are counted, at the places of their sides.
    distincts: Vec<Option<Layout>>,
    places: bool,
    names_kinds: bool,
    /// True where both halves of a connection are asked for alike, so that what is of the connection is taken from one.
    once: bool,
    seed: u64,
}

/// What the workers of a pass do.
#[derive(Debug)]
struct PassPlan {
    shared: Arc<Shared>,
    sink: Sink,
    /// True where this pass sums up everything together.
    totals: bool,
    /// Only groups among these are summed up.
    candidates: Option<Candidates>,
    /// Where only what lies in slots of time counts.
    window: Option<Window>,
    /// True where sums may take the place of groups.
    may_bound: bool,
    sort_lane: Option<usize>,
    sums_bits: u32,
    /// Of one worker.
    limits: AggregationLimits,
}

/// Where rows go.
#[derive(Debug)]
enum Sink {
    /// To the totals alone.
    Totals,
    /// To groups.
    Groups,
    /// To slots of time: of everything, or of each of the largest groups.
    Slots { tops: Option<Arc<Merged>> },
}

/// Slots of time in a range.
#[derive(Clone, Copy, Debug)]
struct Window {
    slots: Slots,
    from: i64,
    to: i64,
}

impl PassPlan {
    fn key_words(&self) -> usize {
        match self.sink {
            Sink::Totals => 0,
            Sink::Groups => self.shared.layout.words,
            Sink::Slots { tops: None } => 1,
            // The slot, and the place among the largest.
            Sink::Slots { tops: Some(_) } => 2,
        }
    }

    fn seed(&self) -> u64 {
        self.shared.seed
    }

    fn sums_lane(&self) -> usize {
        self.sort_lane.unwrap_or(0)
    }
}

/// The way from records to the answer of a question.
#[derive(Debug)]
pub struct Aggregation {
    question: Question,
    shared: Arc<Shared>,
    limits: AggregationLimits,
    workers: usize,
    sort_lane: Option<usize>,
    stage: Stage,
    plan: Arc<PassPlan>,
    totals: Option<finish::Totals>,
}

#[derive(Debug)]
enum Stage {
    /// Every group, or sums where there are too many.
    Groups,
    /// Groups with large sums.
    Cut(Box<(Cut, Merged)>),
    /// Slots of time.
    Slots,
}

impl Aggregation {
    /// Prepares the answer to a question, by so many workers a pass. A question for records is answered with its summary.
    pub fn new(question: &Question, limits: AggregationLimits, workers: usize) -> Self {
        let lanes = Lanes::new(&question.measures, question.unscaled);
        let distincts = lanes.sides.iter().map(|side| match side {
            Side::Distinct(key) => Some(Layout::new(std::slice::from_ref(key))),
            Side::Histogram(_) => None,
        });
        let shared = Arc::new(Shared {
            layout: Layout::new(&question.keys),
            distincts: distincts.collect(),
            lanes,
            places: question.needs_placing(),
            names_kinds: question.names_kinds(),
            once: question.is_of_sources(),
            seed: hash::seed(),
        });
        let sort_lane = match question.sort.by {
            SortBy::Measure(place) if !question.sort.ascending => {
                question.measures.get(place).and_then(|measure| shared.lanes.additive(&measure.what))
            }
            _ => None,
        };
        let workers = workers.max(1);
        let stage = if question.kind == QuestionKind::Series && question.keys.is_empty() { Stage::Slots } else { Stage::Groups };
        let mut aggregation = Self {
            plan: Arc::new(PassPlan {
                shared: Arc::clone(&shared),
                sink: Sink::Totals,
                totals: true,
                candidates: None,
                window: None,
                may_bound: false,
                sort_lane,
                sums_bits: 0,
                limits,
            }),
            question: question.clone(),
            shared,
            limits,
            workers,
            sort_lane,
            stage,
            totals: None,
        };
        aggregation.plan = Arc::new(aggregation.first_plan());
        aggregation
    }

    /// A worker for the next pass.
    pub fn worker(&self) -> Worker {
        Worker::new(Arc::clone(&self.plan))
    }

    /// Puts the workers of a pass together.
    ///
    /// # Errors
    /// Where the answer is past a limit.
    pub fn end_pass(&mut self, workers: Vec<Worker>) -> Result<Pass, AggregationError> {
        let mut workers = workers;
        if self.plan.totals {
            self.totals = Some(finish::Totals::of(&mut workers, &self.shared.lanes));
        }
        match std::mem::replace(&mut self.stage, Stage::Groups) {
            Stage::Groups => self.end_groups(workers),
            Stage::Cut(cut) => {
                let (cut, found) = *cut;
                self.end_cut(workers, cut, found)
            }
            Stage::Slots => self.end_slots(workers),
        }
    }

    fn first_plan(&self) -> PassPlan {
        let is_series = self.question.kind == QuestionKind::Series;
        let sink = match (self.question.kind, self.question.keys.is_empty()) {
            (QuestionKind::Series, true) => Sink::Slots { tops: None },
            (_, true) => Sink::Totals,
            (_, false) => Sink::Groups,
        };
        let slots_alone = matches!(sink, Sink::Slots { .. });
        PassPlan {
            shared: Arc::clone(&self.shared),
            may_bound: matches!(sink, Sink::Groups) && self.question.top.is_some() && self.sort_lane.is_some(),
            sink,
            totals: !is_series || slots_alone,
            candidates: None,
            window: if slots_alone { self.slot_window() } else { self.range_window(is_series || self.question.spread) },
            sort_lane: self.sort_lane,
            sums_bits: self.sums_bits(),
            limits: self.worker_limits(),
        }
    }

    /// The slots of a series.
    fn slot_window(&self) -> Option<Window> {
        let slots = self.question.slots?;
        Some(Window { slots, from: self.question.from, to: self.question.to })
    }

    /// One slot that is the range, so that the largest groups of a series are those of what lies in it.
    fn range_window(&self, is_spread: bool) -> Option<Window> {
        let (from, to) = (self.question.from, self.question.to);
        if !is_spread || (from == i64::MIN && to == i64::MAX) {
            return None;
        }
        // Open at one end, it is as long as a slot can be.
        let step = to.saturating_sub(from);
        let origin = if from == i64::MIN { to.saturating_sub(step) } else { from };
        Some(Window { slots: Slots { step, origin }, from, to })
    }

    fn worker_limits(&self) -> AggregationLimits {
        AggregationLimits { memory: self.limits.memory / (self.workers + 1), ..self.limits }
    }

    /// As many sums as take a third of the memory, but no more than help.
    fn sums_bits(&self) -> u32 {
        const MOST: u32 = 23;
        const LEAST: u32 = 10;
        let room = self.limits.memory / 3 / 8 / (self.workers + 1);
        room.checked_ilog2().unwrap_or(0).clamp(LEAST, MOST)
    }

    fn end_groups(&mut self, workers: Vec<Worker>) -> Result<Pass, AggregationError> {
        if matches!(self.plan.sink, Sink::Totals) {
            return self.done(self.totals_alone());
        }
        let bound = workers.iter().any(|worker| matches!(worker.kept, Kept::Sums(_)));
        if !bound {
            let merged = self.merge(workers)?;
            if merged.groups.len() <= self.limits.groups && merged.memory() <= self.limits.memory {
                return self.end_found(merged);
            }
            if !self.plan.may_bound {
                return Err(self.too_many(merged.groups.len()));
            }
            let mut sums = Sums::new(self.plan.sums_bits);
            sums.add_groups(&merged.groups, self.plan.sums_lane());
            return self.begin_cut(sums);
        }
        let mut all: Option<Sums> = None;
        for worker in workers {
            let sums = match worker.kept {
                Kept::Sums(sums) => sums,
                Kept::Groups(groups) => {
                    let mut sums = Sums::new(self.plan.sums_bits);
                    sums.add_groups(&groups, self.plan.sums_lane());
                    sums
                }
                Kept::TooMany { groups } => return Err(self.too_many(groups)),
                Kept::Nothing => continue,
            };
            match &mut all {
                Some(all) => all.merge(&sums),
                None => all = Some(sums),
            }
        }
        self.begin_cut(all.unwrap_or_else(|| Sums::new(self.plan.sums_bits)))
    }

    fn begin_cut(&mut self, sums: Sums) -> Result<Pass, AggregationError> {
        // What groups take in a pass, with the table that finds them twice as long as it must be.
        let group = (self.shared.layout.words + self.shared.lanes.lanes.len() + 6) * 8 * 2;
        let room = (self.worker_limits().memory / group).min(self.limits.groups);
        let cut = Cut::new(sums, self.question.top.unwrap_or(1), room);
        let found = self.merged();
        self.next_cut(cut, found)
    }

    fn end_cut(&mut self, workers: Vec<Worker>, mut cut: Cut, mut found: Merged) -> Result<Pass, AggregationError> {
        if workers.iter().any(|worker| matches!(worker.kept, Kept::TooMany { .. })) {
            if !cut.divide() {
                return Err(AggregationError::TooMuchMemory { limit: self.limits.memory });
            }
            return self.next_cut(cut, found);
        }
        let merged = self.merge(workers)?;
        let span = self.span();
        let chosen = merged.choose(&self.question, &self.shared, span);
        found.add(&merged.subset(&chosen, &self.shared), &self.shared.layout);
        let best = found.choose(&self.question, &self.shared, span);
        found = found.subset(&best, &self.shared);
        self.next_cut(cut, found)
    }

    fn next_cut(&mut self, mut cut: Cut, found: Merged) -> Result<Pass, AggregationError> {
        let is_full = self.question.top.is_some_and(|top| found.groups.len() >= top);
        let lane = self.plan.sums_lane();
        let amounts = (0..found.groups.len() as u32).map(|group| found.groups.lanes(group)[lane]);
        let last = if is_full { amounts.min() } else { None };
        let Some(candidates) = cut.next(last) else {
            return self.end_found(found);
        };
        if cut.is_endless() {
            return Err(AggregationError::TooMuchAlike);
        }
        self.plan = Arc::new(PassPlan {
            shared: Arc::clone(&self.shared),
            sink: Sink::Groups,
            totals: false,
            candidates: Some(candidates),
            window: self.plan.window,
            may_bound: false,
            sort_lane: self.sort_lane,
            sums_bits: 0,
            limits: self.worker_limits(),
        });
        self.stage = Stage::Cut(Box::new((cut, found)));
        Ok(Pass::Again)
    }

    /// The groups are found: they are the answer, or a series is made of them.
    fn end_found(&mut self, merged: Merged) -> Result<Pass, AggregationError> {
        if self.question.kind != QuestionKind::Series {
            return self.done(merged);
        }
        let chosen = merged.choose(&self.question, &self.shared, self.span());
        self.plan = Arc::new(PassPlan {
            shared: Arc::clone(&self.shared),
            sink: Sink::Slots { tops: Some(Arc::new(merged.subset(&chosen, &self.shared))) },
            totals: true,
            candidates: None,
            window: self.slot_window(),
            may_bound: false,
            sort_lane: None,
            sums_bits: 0,
            limits: self.worker_limits(),
        });
        self.stage = Stage::Slots;
        Ok(Pass::Again)
    }

    fn end_slots(&mut self, workers: Vec<Worker>) -> Result<Pass, AggregationError> {
        let merged = self.merge(workers)?;
        let answer = finish::series(&self.question, &self.plan, &merged, self.totals.take(), self.limits)?;
        Ok(Pass::Done(Box::new(answer)))
    }

    fn done(&mut self, merged: Merged) -> Result<Pass, AggregationError> {
        let is_all = self.plan.candidates.is_none();
        let span = self.span();
        let answer = finish::groups(&self.question, &self.shared, &merged, self.totals.take(), span, is_all);
        Ok(Pass::Done(Box::new(answer)))
    }

    /// Groups without any key: one, of everything.
    fn totals_alone(&self) -> Merged {
        self.merged()
    }

    fn merged(&self) -> Merged {
        Merged::new(self.plan.key_words(), &self.shared)
    }

    fn merge(&self, workers: Vec<Worker>) -> Result<Merged, AggregationError> {
        let mut merged: Option<Merged> = None;
        for worker in workers {
            let groups = match worker.kept {
                Kept::Groups(groups) => groups,
                Kept::TooMany { groups } => return Err(self.too_many(groups)),
                Kept::Nothing | Kept::Sums(_) => continue,
            };
            let part = Merged { groups, texts: worker.texts };
            match &mut merged {
                None => merged = Some(part),
                Some(merged) if matches!(self.plan.sink, Sink::Groups) => merged.add(&part, &self.shared.layout),
                Some(merged) => merged.groups.merge(&part.groups, |_| {}),
            }
        }
        Ok(merged.unwrap_or_else(|| self.merged()))
    }

    fn too_many(&self, groups: usize) -> AggregationError {
        if matches!(self.plan.sink, Sink::Slots { .. }) {
            return AggregationError::TooManySlots { limit: self.limits.slots };
        }
        if groups > self.limits.groups {
            AggregationError::TooManyGroups { limit: self.limits.groups }
        } else {
            AggregationError::TooMuchMemory { limit: self.limits.memory }
        }
    }

    /// Nanoseconds that rates are over: what was asked for, or from the first record to the last.
    fn span(&self) -> Option<u64> {
        let account = self.totals.as_ref().map(|totals| &totals.account);
        let (from, to) = (self.question.from, self.question.to);
        let (from, to) = if from != i64::MIN && to != i64::MAX {
            (from, to)
        } else {
            let account: &Account = account?;
            let from = if from == i64::MIN { account.first? } else { from };
            (from, if to == i64::MAX { account.last? } else { to })
        };
        (to > from).then(|| (to as u64).wrapping_sub(from as u64))
    }
}

#[cfg(test)]
mod tests;
