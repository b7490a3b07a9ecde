//! From groups to an answer.

use std::cmp::Ordering;

use weir_record::{Column, Unit};

use super::lanes::{Lane, Lanes, side_of};
use super::layout::Layout;
use super::table::Groups;
use super::text::Texts;
use super::worker::{Account, Worker};
use super::{AggregationError, AggregationLimits, PassPlan, Shared, Sink};
use crate::answer::{Answer, AnswerColumn, AnswerSource, AnswerTable, Body, Cell, Note, Role};
use crate::plan::ordered;
use crate::question::{Key, KeySource, Measure, Question, QuestionKind, SortBy, What};

/// Groups, and the texts of their keys.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    pub(super) groups: Groups,
    pub(super) texts: Vec<Texts>,
}

/// Everything together.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) groups: Groups,
    pub(super) account: Account,
}

impl Totals {
    pub(super) fn of(workers: &mut [Worker], lanes: &Lanes) -> Self {
        let mut totals = Self { groups: super::table::totals(lanes), account: Account::default() };
        for worker in workers {
            totals.groups.merge(&worker.totals, |_| {});
            let (all, part) = (&mut totals.account, &worker.account);
            all.records += part.records;
            all.rate_unknown += part.rate_unknown;
            all.sampled += part.sampled;
            all.from_histograms |= part.from_histograms;
            all.first = [all.first, part.first].into_iter().flatten().min();
            all.last = [all.last, part.last].into_iter().flatten().max();
        }
        totals
    }
}

impl Merged {
    pub(super) fn new(key_words: usize, shared: &Shared) -> Self {
        Self { groups: Groups::new(key_words, &shared.lanes), texts: shared.layout.new_texts() }
    }

    /// The place of the others behind the largest groups.
    pub(super) const fn others(&self) -> u64 {
        self.groups.len() as u64
    }

    pub(super) fn memory(&self) -> usize {
        self.groups.memory() + self.texts.iter().map(Texts::memory).sum::<usize>()
    }

    /// Adds groups of the same keys.
    pub(super) fn add(&mut self, other: &Self, layout: &Layout) {
        let (groups, texts) = (&mut self.groups, &mut self.texts);
        groups.merge(&other.groups, |words| layout.translate(words, &other.texts, texts));
    }

    /// These groups alone, in this order.
    pub(super) fn subset(&self, chosen: &[u32], shared: &Shared) -> Self {
        Self { groups: self.groups.subset(chosen, &shared.lanes), texts: self.texts.clone() }
    }

    /// The groups that satisfy the condition on measures, sorted; the first of them where only so many are wanted.
    pub(super) fn choose(&self, question: &Question, shared: &Shared, span: Option<u64>) -> Vec<u32> {
        let view = View { merged: self, lanes: &shared.lanes, span };
        let measure = |group: u32, place: usize| {
            question.measures.get(place).map_or(Cell::Absent, |measure| view.measure(group, &measure.what))
        };
        let mut groups: Vec<u32> = (0..self.groups.len() as u32).collect();
        if let Some(having) = &question.having {
            groups.retain(|group| having.holds(&|place| measure(*group, place)));
        }
        let mut sorted: Vec<(Cell, u32)> = match question.sort.by {
            SortBy::Measure(place) => {
                // What grows with a sum is sorted by it: rates need no time for that.
                let additive = question.measures.get(place).and_then(|measure| shared.lanes.additive(&measure.what));
                let value = |group: u32| match additive {
                    Some(lane) => Cell::Number(self.groups.lanes(group)[lane]),
                    None => measure(group, place),
                };
                groups.into_iter().map(|group| (value(group), group)).collect()
            }
            SortBy::Key(place) => {
                let key = |group: u32| shared.layout.cells(self.groups.key(group), &self.texts).swap_remove(place);
                groups.into_iter().map(|group| (key(group), group)).collect()
            }
        };
        let order = |one: &(Cell, u32), other: &(Cell, u32)| {
            let by_value = match (&one.0, &other.0) {
                // What has no value is last either way.
                (Cell::Absent, Cell::Absent) => Ordering::Equal,
                (Cell::Absent, _) => Ordering::Greater,
                (_, Cell::Absent) => Ordering::Less,
                (one, other) if question.sort.ascending => one.order(other),
                (one, other) => other.order(one),
            };
            by_value.then_with(|| self.order_keys(&shared.layout, one.1, other.1))
        };
        if let Some(top) = question.top.filter(|top| *top < sorted.len()) {
            sorted.select_nth_unstable_by(top - 1, order);
            sorted.truncate(top);
        }
        sorted.sort_unstable_by(order);
        sorted.into_iter().map(|(_, group)| group).collect()
    }

    /// Some order of keys that does not depend on how rows came to workers.
    fn order_keys(&self, layout: &Layout, one: u32, other: u32) -> Ordering {
        let (one, other) = (self.groups.key(one), self.groups.key(other));
        if layout.texts == 0 {
            return one.cmp(other);
        }
        let (one, other) = (layout.cells(one, &self.texts), layout.cells(other, &self.texts));
        one.iter().zip(&other).map(|(one, other)| one.order(other)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

/// Groups as the measures of a question.
struct View<'a> {
    merged: &'a Merged,
    lanes: &'a Lanes,
    /// Nanoseconds that rates are over.
    span: Option<u64>,
}

impl View<'_> {
    fn measure(&self, group: u32, what: &What) -> Cell {
        measure(&self.merged.groups, group, self.lanes, what, self.span)
    }
}

/// A measure of a group.
fn measure(groups: &Groups, group: u32, lanes: &Lanes, what: &What, span: Option<u64>) -> Cell {
    let lane = |lane: Lane| lanes.place(lane).map_or(0, |place| groups.lanes(group)[place]);
    let present =
        |column: Column, value: Lane| if lane(Lane::Count(column)) > 0 { Cell::Number(lane(value)) } else { Cell::Absent };
    let time = |value: u64, neutral: u64| if value == neutral { Cell::Absent } else { Cell::Time(ordered(value as i64) as i64) };
    let rate = |amount: u64, factor: u128| match span {
        Some(span) => {
            let rate = u128::from(amount) * factor * 1_000_000_000 / u128::from(span);
            Cell::Number(u64::try_from(rate).unwrap_or(u64::MAX))
        }
        None => Cell::Absent,
    };
    match what {
        What::Flows => Cell::Number(lane(Lane::Flows)),
        What::Samples => Cell::Number(lane(Lane::Samples)),
        What::Connections => Cell::Number(lane(Lane::Connections)),
        What::Records => Cell::Number(lane(Lane::Records)),
        What::Sum(column) => Cell::Number(lane(Lane::Sum(*column))),
        What::BitsPerSecond => rate(lane(Lane::Sum(Column::bytes)), 8),
        What::PacketsPerSecond => rate(lane(Lane::Sum(Column::packets)), 1),
        What::BytesPerPacket => {
            let packets = lane(Lane::Sum(Column::packets));
            lane(Lane::Sum(Column::bytes)).checked_div(packets).map_or(Cell::Absent, Cell::Number)
        }
        What::First => time(lane(Lane::First), u64::MAX),
        What::Last => time(lane(Lane::Last), 0),
        What::Smallest(Column::srt) => {
            Some(lane(Lane::Smallest(Column::srt))).filter(|value| *value != u64::MAX).map_or(Cell::Absent, Cell::Number)
        }
        What::Largest(Column::srt) => lane(Lane::Largest(Column::srt)).checked_sub(1).map_or(Cell::Absent, Cell::Number),
        What::Smallest(column) => present(*column, Lane::Smallest(*column)),
        What::Largest(column) => present(*column, Lane::Largest(*column)),
        What::Average(column) => match lane(Lane::Count(*column)) {
            0 => Cell::Absent,
            count => Cell::Real(lane(Lane::Total(*column)) as f64 / count as f64),
        },
        What::Percentile(_, tenths) => {
            let histogram = side_place(lanes, what).and_then(|side| groups.histogram(side, group));
            let value = histogram.and_then(|histogram| histogram.percentile(f64::from(*tenths) / 1000.0));
            value.map_or(Cell::Absent, Cell::Number)
        }
        What::Distinct(_) => {
            let set = side_place(lanes, what).and_then(|side| groups.distinct(side, group));
            Cell::Number(set.map_or(0, crate::Distinct::count))
        }
    }
}

fn side_place(lanes: &Lanes, what: &What) -> Option<usize> {
    let side = side_of(what)?;
    lanes.sides.iter().position(|known| *known == side)
}

/// The standard error of a sum of a group.
fn standard_error(groups: &Groups, group: u32, what: &What) -> Cell {
    let place = match what {
        What::Sum(Column::bytes) => 0,
        _ => 1,
    };
    groups.variance(group).map_or(Cell::Absent, |variance| Cell::Number(variance[place].sqrt().round() as u64))
}

/// The answer of groups, or of everything where there are no keys.
pub(super) fn groups(
    question: &Question,
    shared: &Shared,
    merged: &Merged,
    totals: Option<Totals>,
    span: Option<u64>,
    is_all: bool,
) -> Answer {
    let totals = totals.unwrap_or_else(|| Totals::of(&mut [], &shared.lanes));
    let table = Layouter { question, lanes: &shared.lanes, has_error: totals.groups.variance(0).is_some() };
    let mut answer = AnswerTable { columns: table.columns(), totals: Vec::new(), rows: Vec::new(), groups: None };
    let total_measures = table.measures(&totals.groups, 0, span);
    if question.keys.is_empty() {
        answer.rows.push(total_measures.clone());
    } else {
        for group in merged.choose(question, shared, span) {
            let mut row = shared.layout.cells(merged.groups.key(group), &merged.texts);
            row.extend(table.measures(&merged.groups, group, span));
            answer.rows.push(row);
        }
        answer.groups = is_all.then_some(merged.groups.len() as u64);
    }
    answer.totals = vec![Cell::Absent; question.keys.len()];
    answer.totals.extend(total_measures);
    answer_of(question, shared, answer, &totals)
}

/// The answer of a series: `merged` has a group for each slot, or for each slot and place among the largest groups.
pub(super) fn series(
    question: &Question,
    plan: &PassPlan,
    merged: &Merged,
    totals: Option<Totals>,
    limits: AggregationLimits,
) -> Result<Answer, AggregationError> {
    let shared = &plan.shared;
    let totals = totals.unwrap_or_else(|| Totals::of(&mut [], &shared.lanes));
    let table = Layouter { question, lanes: &shared.lanes, has_error: totals.groups.variance(0).is_some() };
    let step = question.slots.map_or(1, |slots| slots.step.max(1));
    let tops = match &plan.sink {
        Sink::Slots { tops: Some(tops) } => Some(tops),
        _ => None,
    };
    let mut places: Vec<(i64, u64, u32)> = (0..merged.groups.len() as u32)
        .map(|group| {
            let key = merged.groups.key(group);
            (key[0] as i64, key.get(1).copied().unwrap_or(0), group)
        })
        .collect();
    places.sort_unstable();
    let begin = if question.from == i64::MIN { places.first().map(|place| place.0) } else { Some(question.from) };
    let end = if question.to == i64::MAX { places.last().map(|place| place.0.saturating_add(step)) } else { Some(question.to) };
    let slots = begin.zip(end).map_or(0, |(begin, end)| (i128::from(end) - i128::from(begin)) / i128::from(step));
    if slots > limits.slots as i128 || places.len() > limits.groups {
        return Err(AggregationError::TooManySlots { limit: limits.slots });
    }
    let mut answer = AnswerTable { columns: table.columns(), totals: Vec::new(), rows: Vec::new(), groups: None };
    let none = super::table::totals(&shared.lanes);
    let mut expected = begin.unwrap_or(0);
    for (slot, place, group) in places {
        // Slots in which nothing happened stand in a series of everything, so that a chart needs no knowledge of them.
        while tops.is_none() && expected < slot {
            answer.rows.push(table.empty_slot(expected, &none));
            expected += step;
        }
        expected = slot.saturating_add(step);
        let mut row = vec![Cell::Time(slot)];
        match tops {
            Some(tops) if place < tops.others() => row.extend(shared.layout.cells(tops.groups.key(place as u32), &tops.texts)),
            Some(_) => row.extend(question.keys.iter().map(|_| Cell::Others)),
            None => {}
        }
        row.extend(table.measures(&merged.groups, group, Some(step as u64)));
        answer.rows.push(row);
    }
    while tops.is_none() && end.is_some_and(|end| expected < end) {
        answer.rows.push(table.empty_slot(expected, &none));
        expected += step;
    }
    let span = begin.zip(end).map(|(begin, end)| (end as u64).wrapping_sub(begin as u64)).filter(|span| *span > 0);
    answer.totals = vec![Cell::Absent; 1 + question.keys.len()];
    answer.totals.extend(table.measures(&totals.groups, 0, span));
    Ok(answer_of(question, shared, answer, &totals))
}

/// The columns of an answer, and what stands in them.
struct Layouter<'a> {
    question: &'a Question,
    lanes: &'a Lanes,
    /// True where sums have a standard error.
    has_error: bool,
}

impl Layouter<'_> {
    fn shown(&self) -> &[Measure] {
        &self.question.measures[..self.question.shown]
    }

    fn columns(&self) -> Vec<AnswerColumn> {
        let mut columns = Vec::new();
        if self.question.kind == QuestionKind::Series {
            let label = "Time".to_owned();
            columns.push(AnswerColumn { name: "slot".to_owned(), label, unit: Unit::None, role: Role::Slot });
        }
        columns.extend(self.question.keys.iter().map(key_column));
        for measure in self.shown() {
            let column = measure_column(measure);
            let error = self.has_error(measure).then(|| AnswerColumn {
                name: format!("{}_error", column.name),
                label: format!("{} ±", column.label),
                unit: column.unit,
                role: Role::StandardError,
            });
            columns.push(column);
            columns.extend(error);
        }
        columns
    }

    fn has_error(&self, measure: &Measure) -> bool {
        self.has_error && matches!(measure.what, What::Sum(Column::bytes | Column::packets))
    }

    fn measures(&self, groups: &Groups, group: u32, span: Option<u64>) -> Vec<Cell> {
        let mut cells = Vec::new();
        for shown in self.shown() {
            cells.push(measure(groups, group, self.lanes, &shown.what, span));
            if self.has_error(shown) {
                cells.push(standard_error(groups, group, &shown.what));
            }
        }
        cells
    }

    /// A slot in which nothing happened: sums are zero, everything else is absent.
    fn empty_slot(&self, slot: i64, none: &Groups) -> Vec<Cell> {
        let mut row = vec![Cell::Time(slot)];
        row.extend(self.measures(none, 0, self.question.slots.map(|slots| slots.step as u64)));
        row
    }
}

fn key_column(key: &Key) -> AnswerColumn {
    let (label, unit) = match (&key.source, key.column()) {
        (KeySource::Column(_), Some(column)) if key.prefix.is_none() => (column.info().label.to_owned(), column.info().unit),
        (KeySource::Application, _) => ("Application".to_owned(), Unit::None),
        (_, column) => (key.name.clone(), column.map_or(Unit::None, |column| column.info().unit)),
    };
    AnswerColumn { name: key.name.clone(), label, unit, role: Role::Key }
}

fn measure_column(measure: &Measure) -> AnswerColumn {
    let label = match &measure.what {
        What::Sum(column) if measure.name == column.name() => column.info().label.to_owned(),
        What::Flows | What::Samples | What::Connections | What::Records | What::First | What::Last => {
            let mut label = measure.name.clone();
            label.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
            label
        }
        _ => measure.name.replace('_', " "),
    };
    AnswerColumn { name: measure.name.clone(), label, unit: measure.unit(), role: Role::Measure }
}

fn answer_of(question: &Question, shared: &Shared, table: AnswerTable, totals: &Totals) -> Answer {
    let account = &totals.account;
    let mut notes = Vec::new();
    if account.rate_unknown > 0 {
        notes.push(Note::RateUnknown { records: account.rate_unknown });
    }
    if account.sampled > 0 {
        notes.push(Note::Sampled { records: account.sampled });
    }
    let is_full = |cell: &Cell| *cell == Cell::Number(u64::MAX);
    if table.totals.iter().any(is_full) || table.rows.iter().flatten().any(is_full) {
        notes.push(Note::Overflow);
    }
    let has = |wanted: fn(&What) -> bool| question.measures[..question.shown].iter().any(|measure| wanted(&measure.what));
    if has(|what| matches!(what, What::Percentile(..))) {
        notes.push(if account.from_histograms { Note::PercentilesOfHistograms } else { Note::PercentilesBucketed });
    }
    let sketched = |set: &crate::Distinct| !set.is_exact();
    let sides = 0..shared.lanes.sides.len();
    if sides.into_iter().filter_map(|side| totals.groups.distinct(side, 0)).any(sketched) {
        notes.push(Note::DistinctSketched);
    }
    if shared.layout.is_either {
        notes.push(Note::EitherSide);
    }
    Answer {
        body: Body::Table(table),
        records: account.records,
        first: account.first,
        last: account.last,
        notes,
        completeness: None,
        source: AnswerSource::Records,
    }
}
