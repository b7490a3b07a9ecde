//! Questions that continuous series can answer: charts over any time, without a look at the records.
//!
//! Series hold, for each source and slot of a minute or an hour, the sums that records would give: what is spread over time is spread by the same arithmetic,
//! so the answers are the same. They are kept for the whole source and for each value of some columns; records that do not have a column stand in no row of its
//! values, so they are what the source has more than these. Of addresses the largest alone are kept, by hour: the answer says that it comes from a sketch.

use std::collections::HashMap;
use std::ops::ControlFlow;

use weir_record::{Address, AnyColumnMut, Column, FlowBatch, SeriesBatch, SeriesColumn, names};

use super::lanes::{Lane, Side, lanes_of, side_of, summed};
use super::percentiles::histograms;
use super::rest::{AMOUNTS, Rest, has_performance};
use super::worker::Kept;
use super::{Sink, Worker};
use crate::Mask;
use crate::answer::{Answer, AnswerSource, Body, Note};
use crate::question::{KeySource, Question, QuestionKind, What};
use crate::time::Slots;

const SECOND: i64 = 1_000_000_000;
const HOUR: u32 = 3600;
const MINUTE: u32 = 60;

/// Columns of whose values series are kept.
const DIMENSIONS: &[(Column, u8)] = &[
    (Column::in_if, names::BY_IN_IF),
    (Column::out_if, names::BY_OUT_IF),
    (Column::protocol, names::BY_PROTOCOL),
    (Column::src_as, names::BY_SRC_AS),
    (Column::dst_as, names::BY_DST_AS),
    (Column::src_country, names::BY_SRC_COUNTRY),
    (Column::dst_country, names::BY_DST_COUNTRY),
    (Column::src_addr, names::TOP_SRC_ADDR),
    (Column::dst_addr, names::TOP_DST_ADDR),
];

/// Which rows of continuous series answer a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesPlan {
    /// Seconds of their slots; nothing where whole hours are of hours, and what is left of minutes.
    step: Option<u32>,
    /// Of which dimension they are.
    dimension: u8,
    /// The key besides the source.
    key: Option<Column>,
    /// The channel whose sums these are; its filter is that of the question.
    channel: Option<u64>,
    /// True where percentiles of times are asked for.
    has_times: bool,
    /// The part of the range that they answer: nanoseconds since 1970, the end not included.
    range: (i64, i64),
}

impl SeriesPlan {
    /// The parts of the range that are left for records to answer.
    pub fn left(&self, question: &Question) -> impl Iterator<Item = (i64, i64)> {
        let (from, to) = self.range;
        [(question.from, from), (to, question.to)].into_iter().filter(|(from, to)| from < to)
    }

    /// The columns that are looked at.
    pub fn columns(&self) -> impl Iterator<Item = SeriesColumn> {
        use SeriesColumn as Of;
        let keys = [Of::slot, Of::step, Of::exporter, Of::dimension, Of::number, Of::address, Of::text];
        let times = [Of::rtt_hist, Of::srt_hist].into_iter().filter(|_| self.has_times);
        keys.into_iter().chain(AMOUNTS).chain([Of::sketch_error]).chain(times)
    }

    /// True where rows of this step and dimension may matter.
    pub fn wants(&self, step: Option<u32>, dimension: Option<u8>) -> bool {
        let is_of_step = self.step.is_none() || step == self.step;
        match dimension {
            // Of hours alone, whatever the step.
            Some(names::DISPLACED) => true,
            // What no row of a value has is what the source has more, and without a row of the source nobody made the sums.
            Some(names::BY_SOURCE) => is_of_step,
            dimension => is_of_step && dimension == Some(self.dimension),
        }
    }
}

impl Question {
    /// How continuous series answer the question; nothing where they cannot.
    pub fn series_plan(&self) -> Option<SeriesPlan> {
        let step = match self.kind {
            QuestionKind::Series => self.slots?.step,
            QuestionKind::Groups | QuestionKind::Summary if self.spread && self.is_bounded() => i64::from(MINUTE) * SECOND,
            _ => return None,
        };
        let mut key = None;
        for known in &self.keys {
            match known.source {
                _ if known.prefix.is_some() => return None,
                KeySource::Column(Column::exporter) => {}
                KeySource::Column(column) if key.is_none() => key = Some((column, dimension_of(column)?)),
                KeySource::Application if key.is_none() => key = Some((Column::app, names::BY_APP)),
                _ => return None,
            }
        }
        let dimension = match key {
            None if self.channel.is_some() => names::BY_CHANNEL,
            None => names::BY_SOURCE,
            Some(_) if self.channel.is_some() => return None,
            Some((_, dimension)) => dimension,
        };
        let is_sketch = names::is_sketch(dimension);
        let empty = SeriesBatch::new();
        let lane_fits = |lane: &Lane| match lane {
            Lane::Sum(Column::bytes) if !self.unscaled => true,
            _ if is_sketch => false,
            Lane::Sum(Column::retransmissions | Column::out_of_order) => has_performance(dimension),
            lane => summed(&empty, *lane, self.unscaled).is_some(),
        };
        let side_fits = |side: &Side| match side {
            Side::Histogram(column) => has_performance(dimension) && histograms(&empty, *column).is_some(),
            Side::Distinct(_) => false,
        };
        let fits = |what: &What| side_of(what).iter().all(side_fits) && lanes_of(what).iter().all(lane_fits);
        let measures_fit = self.measures.iter().all(|measure| fits(&measure.what));
        let filter_fits = self.channel.is_some() || self.filters_sources_alone();
        let divides = |seconds: u32| step % (i64::from(seconds) * SECOND) == 0;
        let all = (self.from, self.to);
        let (step, range) = match self.kind {
            QuestionKind::Series if divides(HOUR) => (Some(HOUR), all),
            QuestionKind::Series if divides(MINUTE) && !is_sketch => (Some(MINUTE), all),
            QuestionKind::Series => return None,
            // There are sketches of hours alone.
            _ if is_sketch => (Some(HOUR), self.whole_hours()?),
            _ => (None, all),
        };
        let key = key.map(|(column, _)| column);
        let has_times = self.measures.iter().any(|measure| matches!(measure.what, What::Percentile(..)));
        (measures_fit && filter_fits).then_some(SeriesPlan { step, dimension, key, channel: self.channel, has_times, range })
    }

    /// True where nothing but sources, and the applications of connections, are told apart: of a connection both halves are asked for, or none.
    pub(super) fn is_of_sources(&self) -> bool {
        let is_neutral = |source: &KeySource| matches!(source, KeySource::Column(Column::exporter) | KeySource::Application);
        self.filters_sources_alone() && self.keys.iter().all(|key| is_neutral(&key.source))
    }

    fn filters_sources_alone(&self) -> bool {
        self.filter.columns().iter().all(|column| *column == Column::exporter)
    }

    /// True where the range has two ends. Without them rates are over the time of the records, which series do not know.
    const fn is_bounded(&self) -> bool {
        self.from != i64::MIN && self.to != i64::MAX
    }

    /// The whole hours in the range; nothing where there are none.
    fn whole_hours(&self) -> Option<(i64, i64)> {
        let hour = i64::from(HOUR) * SECOND;
        let slots = Slots::every(hour);
        let (from, to) = (slots.begin_of(self.from.saturating_add(hour - 1)), slots.begin_of(self.to));
        (from < to).then_some((from, to))
    }
}

/// The dimension of a column's values.
fn dimension_of(column: Column) -> Option<u8> {
    DIMENSIONS.iter().find(|(known, _)| *known == column).map(|(_, dimension)| *dimension)
}

/// Rows of series on their way into a worker.
#[derive(Debug)]
pub struct SeriesFeed<'q> {
    question: &'q Question,
    plan: SeriesPlan,
    worker: Worker,
    /// By slot of the question, and by source where that is a key.
    rests: HashMap<(i64, Option<Address>), Rest>,
    /// By how many bytes rows of a slot may be too small.
    errors: HashMap<i64, u64>,
    /// Some records of that time do not stand where they were.
    has_displaced: bool,
    /// Some rows are of values for which there was no room.
    has_rest: bool,
    /// Rows that counted.
    rows: u64,
}

/// Rests that become rows at a time.
const REST_ROWS: usize = 4096;

impl<'q> SeriesFeed<'q> {
    /// Feeds a worker of the question's aggregation with series in place of records.
    pub fn new(question: &'q Question, plan: SeriesPlan, worker: Worker) -> Self {
        let (rests, errors) = (HashMap::new(), HashMap::new());
        Self { question, plan, worker, rests, errors, has_displaced: false, has_rest: false, rows: 0 }
    }

    /// Takes rows of series; those of other kinds and times may be among them.
    pub fn feed(&mut self, series: &SeriesBatch) -> ControlFlow<()> {
        let as_flows = self.as_flows(series);
        let mut mask = Mask::new();
        match self.plan.channel {
            // Whoever made the sums has looked at the filter.
            Some(_) => mask.select_all(series.rows()),
            None => self.question.filter.evaluate(&as_flows, &mut mask),
        }
        let dimension = |row: usize| series.dimension.get(row);
        self.has_displaced |= (0..series.rows()).any(|row| {
            // Without a source it is of any.
            let is_wanted = mask.get(row) || series.exporter.get(row).is_none();
            dimension(row) == Some(names::DISPLACED) && is_wanted && self.is_in_hour_of(series.slot.get(row))
        });
        mask.retain(|row| {
            let (from, to) = self.plan.range;
            let is_in_time = series.slot.get(row).is_some_and(|slot| slot >= from && slot < to);
            is_in_time && series.step.get(row) == Some(self.plan.step.unwrap_or_else(|| self.step_at(series.slot.get(row))))
        });
        let sketch = names::is_sketch(self.plan.dimension);
        if self.plan.key.is_some() && !sketch {
            let is_by_source = self.question.keys.iter().any(|key| key.source == KeySource::Column(Column::exporter));
            for row in mask.iter() {
                let (is_source, is_value) =
                    (dimension(row) == Some(names::BY_SOURCE), dimension(row) == Some(self.plan.dimension));
                if !is_source && !is_value {
                    continue;
                }
                // Where no record has a value, the rest is all.
                self.rows += u64::from(is_source);
                self.has_rest |= is_value && series.number.get(row).is_none() && series.text.get(row).is_none();
                let slot = self.slot_of(series.slot.get(row));
                let rest = self.rests.entry((slot, series.exporter.get(row).filter(|_| is_by_source))).or_default();
                rest.add(series, row, is_source, self.plan.dimension);
                if self.plan.has_times {
                    rest.add_times(series, row, is_source);
                }
            }
            // The worker has the other half of the memory.
            if self.rests.values().map(Rest::memory).sum::<usize>() > self.worker.plan.limits.memory / 2 {
                self.worker.kept = Kept::TooMany { groups: 0 };
                return ControlFlow::Break(());
            }
        }
        if sketch {
            // A sketch does not know how many records it is of.
            let of_sources = mask.iter().filter(|row| dimension(*row) == Some(names::BY_SOURCE));
            let records = of_sources.map(|row| series.flows.get(row).unwrap_or(0) + series.samples.get(row).unwrap_or(0));
            self.worker.account.records += records.sum::<u64>();
        }
        mask.retain(|row| dimension(row) == Some(self.plan.dimension));
        if self.plan.channel.is_some() {
            self.has_rest |= mask.iter().any(|row| series.number.get(row).is_none());
            mask.retain(|row| series.number.get(row) == self.plan.channel);
        }
        if sketch {
            for row in mask.iter() {
                let slot = self.slot_of(series.slot.get(row));
                let error = self.errors.entry(slot).or_default();
                *error = error.saturating_add(series.sketch_error.get(row).unwrap_or(0));
            }
            // What is left besides the largest is no group, and stands with the others in the end.
            if matches!(self.worker.plan.sink, Sink::Groups) {
                let mut left = mask.clone();
                left.retain(|row| series.address.get(row).is_none());
                self.worker.feed_totals(series, &as_flows, &left)?;
                mask.retain(|row| series.address.get(row).is_some());
            }
        }
        self.rows += mask.count() as u64;
        self.worker.feed_sums(series, &as_flows, &mask)
    }

    /// The slot of the question in which a slot of series lies; where it has none, the range is one.
    fn slot_of(&self, slot: Option<i64>) -> i64 {
        self.question.slots.map_or(self.question.from, |slots| slots.begin_of(slot.unwrap_or(0)))
    }

    /// Of rows of which step the sums at a time are: of its hour, where all of it is in the range.
    fn step_at(&self, slot: Option<i64>) -> u32 {
        let length = i64::from(HOUR) * SECOND;
        let hour = Slots::every(length).begin_of(slot.unwrap_or(0));
        let is_whole = hour >= self.question.from && hour.saturating_add(length) <= self.question.to;
        if is_whole { HOUR } else { MINUTE }
    }

    /// True where a time is in the hour that begins there.
    fn is_in_hour_of(&self, slot: Option<i64>) -> bool {
        let hour = i64::from(HOUR) * SECOND;
        slot.is_some_and(|slot| slot < self.question.to && slot.saturating_add(hour) > self.question.from)
    }

    /// The worker with everything in it, how many rows counted, and what must be said of them.
    pub fn end(mut self) -> (Worker, u64, Vec<Note>) {
        let mut series = SeriesBatch::new();
        for ((slot, exporter), rest) in std::mem::take(&mut self.rests) {
            if rest.is_empty() {
                continue;
            }
            let row = series.rows();
            series.slot.push(row, slot);
            series.exporter.push_some(row, exporter);
            rest.push(&mut series, row);
            series.advance(1);
            if series.rows() == REST_ROWS {
                self.feed_rests(&std::mem::take(&mut series));
            }
        }
        self.feed_rests(&series);
        let mut notes = Vec::new();
        if names::is_sketch(self.plan.dimension) {
            notes.push(Note::Sketched { error: self.errors.values().copied().max().unwrap_or(0) });
        }
        notes.extend(self.has_displaced.then_some(Note::SeriesDisplaced));
        notes.extend(self.has_rest.then_some(Note::SeriesRest));
        (self.worker, self.rows, notes)
    }

    fn feed_rests(&mut self, series: &SeriesBatch) {
        let as_flows = self.as_flows(series);
        let mut mask = Mask::new();
        mask.select_all(series.rows());
        // Where a limit is passed, the worker says so itself.
        let _ = self.worker.feed_sums(series, &as_flows, &mask);
    }

    /// Keys and times of rows, as those of records.
    fn as_flows(&self, series: &SeriesBatch) -> FlowBatch {
        let mut flows = FlowBatch::new();
        for row in 0..series.rows() {
            flows.exporter.push_some(row, series.exporter.get(row));
            flows.time_received.push_some(row, series.slot.get(row));
            let number = series.number.get(row);
            match self.plan.key.map(|key| flows.column_mut(key)) {
                Some(AnyColumnMut::U8(column)) => column.push_some(row, number.and_then(|number| number.try_into().ok())),
                Some(AnyColumnMut::U32(column)) => column.push_some(row, number.and_then(|number| number.try_into().ok())),
                Some(AnyColumnMut::Ip(column)) => column.push_some(row, series.address.get(row)),
                Some(AnyColumnMut::Text(column)) => column.push_some(row, series.text.get(row)),
                _ => {}
            }
        }
        flows.advance(series.rows());
        flows
    }
}

/// An answer that was made of series says so.
pub fn from_series(mut answer: Answer, notes: Vec<Note>) -> Answer {
    let is_sketch = notes.iter().any(|note| matches!(note, Note::Sketched { .. }));
    answer.source = if is_sketch { AnswerSource::SeriesSketched } else { AnswerSource::Series };
    if let (true, Body::Table(table)) = (is_sketch, &mut answer.body) {
        // Of those that are not among the largest nobody knows how many they are.
        table.groups = None;
    }
    (answer.first, answer.last) = (None, None);
    answer.notes.extend(notes);
    answer
}
