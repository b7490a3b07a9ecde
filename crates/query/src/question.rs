//! A question: which records, and what is wanted of them.
//!
//! [`Question::new`] reads the texts that people and programs write ([`QuestionText`]), checks them against the columns and each other, and says where one is
//! wrong. What a question can ask for:
//!
//! - **records** as they are (nothing told but a filter),
//! - **groups** by keys with measures (`by`), the largest of them (`top`) or all,
//! - a **series** of measures by slots of time (`series`), of everything or of the largest groups,
//! - a **summary**, one line of measures.

mod having;
mod key;
mod list;
mod measure;

use std::collections::BTreeSet;
use std::fmt;

use weir_record::Column;

pub(crate) use having::Having;
pub(crate) use key::{Key, KeySource, Prefixed};
pub use list::complete_question;
pub(crate) use measure::{Measure, What, is_scaled, of_connection};

use crate::expect::Expected;
use crate::parse::Fault;
use crate::time::{self, Slots};
use crate::{Filter, FilterError, literal};

/// Records of a list where no limit is told.
pub const DEFAULT_LIMIT: usize = 1000;
/// Groups of a series with keys where no number is told.
pub const DEFAULT_TOP: usize = 10;
/// The largest number for `top` and `limit`.
pub const MAX_TOP: u64 = 1_000_000;
/// Keys and measures of one question.
pub const MAX_ITEMS: usize = 32;

const SECOND: i64 = 1_000_000_000;

/// A question as texts. What is empty is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionText {
    /// A filter; nothing means every record.
    pub filter: String,
    /// Records that lie before this (nanoseconds since 1970) are left out.
    pub from: Option<i64>,
    /// Records that lie at or behind this are left out.
    pub to: Option<i64>,
    /// Keys with commas between: `src_addr, dst_port`.
    pub by: String,
    /// Measures with commas between: `bytes, rtt p95, distinct(src_addr)`.
    pub measures: String,
    /// The measure or key by which groups are sorted, largest first; with `asc` behind it smallest first.
    pub sort: String,
    /// How many groups are wanted.
    pub top: Option<u64>,
    /// The step of a series, a duration: `5m`.
    pub series: String,
    /// A condition on measures of a group: `flows > 100 and bytes > 1M`.
    pub having: String,
    /// Bytes and packets as reported instead of multiplied by the sampling rate.
    pub unscaled: bool,
    /// Of groups and summaries: what records have in the time asked for and no more, as in series.
    pub spread: bool,
    /// One line of measures.
    pub summary: bool,
    /// Columns of listed records, with commas between.
    pub columns: String,
    /// How many records are listed.
    pub limit: Option<u64>,
    /// List the oldest records first, and not the newest.
    pub oldest_first: bool,
}

/// What kind of answer a question gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionKind {
    /// Records.
    List,
    /// Groups by keys.
    Groups,
    /// Measures by slots of time.
    Series,
    /// One line.
    Summary,
}

/// A question, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub(crate) filter: Filter,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) kind: QuestionKind,
    pub(crate) keys: Vec<Key>,
    /// Those that are shown, then those that only `sort` or `having` need.
    pub(crate) measures: Vec<Measure>,
    /// How many of the measures are shown.
    pub(crate) shown: usize,
    pub(crate) sort: Sort,
    pub(crate) top: Option<usize>,
    pub(crate) slots: Option<Slots>,
    pub(crate) having: Option<Having>,
    pub(crate) unscaled: bool,
    /// True where groups and summaries have what lies in the time asked for, as the slot of a series.
    pub(crate) spread: bool,
    /// The channel of which sums are kept and that has this filter.
    pub(crate) channel: Option<u64>,
    columns: Vec<Column>,
    limit: usize,
    oldest_first: bool,
    names_kinds: bool,
}

/// By what groups are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) by: SortBy,
    pub(crate) ascending: bool,
}

/// A measure or a key, by its place in the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SortBy {
    Measure(usize),
    Key(usize),
}

impl Question {
    /// Reads and checks a question.
    ///
    /// # Errors
    /// Where a part of it cannot be read, or parts do not go together.
    pub fn new(text: &QuestionText) -> Result<Self, QuestionError> {
        let filter = match text.filter.trim() {
            "" => Filter::any(),
            _ => Filter::parse(&text.filter).map_err(|error| QuestionError { part: "filter", error: Box::new(error) })?,
        };
        let kind = kind(text)?;
        let slots = slots(text)?;
        let names_kinds = filter.columns().contains(&Column::record_kind);
        let mut question = Self {
            filter,
            from: text.from.unwrap_or(i64::MIN),
            to: text.to.unwrap_or(i64::MAX),
            kind,
            keys: Key::list(&text.by).map_err(in_part("by"))?,
            measures: Vec::new(),
            shown: 0,
            sort: Sort { by: SortBy::Measure(0), ascending: false },
            top: top(text)?,
            slots,
            having: None,
            unscaled: text.unscaled,
            spread: text.spread,
            channel: None,
            columns: list::columns(&text.columns).map_err(in_part("columns"))?,
            limit: limit("limit", text.limit)?.unwrap_or(DEFAULT_LIMIT),
            oldest_first: text.oldest_first,
            names_kinds,
        };
        if question.to <= question.from {
            let found = "a range of time that ends before it begins";
            return Err(misfit("to", "", found, "`to` behind `from`"));
        }
        question.measure(text)?;
        question.widen();
        Ok(question)
    }

    fn measure(&mut self, text: &QuestionText) -> Result<(), QuestionError> {
        if self.kind == QuestionKind::List {
            return Ok(());
        }
        let told = if text.measures.trim().is_empty() { self.kind.default_measures() } else { &text.measures };
        self.measures = Measure::list(told).map_err(in_part("measures"))?;
        self.shown = self.measures.len();
        self.sort = match text.sort.trim() {
            "" => self.default_sort(),
            _ => list::sort(&text.sort, &self.keys, &mut self.measures).map_err(in_part("sort"))?,
        };
        if !text.having.trim().is_empty() {
            self.having = Some(Having::parse(&text.having, &mut self.measures).map_err(in_part("having"))?);
        }
        Ok(())
    }

    /// By bytes where these are measured, else by the first measure.
    fn default_sort(&self) -> Sort {
        let bytes = self.measures.iter().position(|measure| measure.what == What::Sum(Column::bytes));
        Sort { by: SortBy::Measure(bytes.unwrap_or(0)), ascending: false }
    }

    /// A series is of whole slots; what is spread, of whole minutes.
    fn widen(&mut self) {
        let slots = match self.slots {
            Some(slots) => slots,
            None if self.spread => Slots::every(60 * SECOND),
            None => return,
        };
        if self.from != i64::MIN {
            self.from = slots.begin_of(self.from);
        }
        if self.to != i64::MAX {
            let last = slots.begin_of(self.to.saturating_sub(1));
            self.to = last.saturating_add(slots.step);
        }
    }

    /// The same question, where it is known that continuous series have sums of its filter, as those of this channel.
    #[must_use]
    pub fn of_channel(self, channel: u64) -> Self {
        Self { channel: Some(channel), ..self }
    }

    /// The condition on records.
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Records that lie before this are left out; `i64::MIN` where all are wanted. Of a series, the begin of a slot; of what is spread, of a minute.
    pub const fn from(&self) -> i64 {
        self.from
    }

    /// Records that lie at or behind this are left out; `i64::MAX` where all are wanted. Of a series, the end of a slot; of what is spread, of a minute.
    pub const fn to(&self) -> i64 {
        self.to
    }

    /// What kind of answer it gets.
    pub const fn kind(&self) -> QuestionKind {
        self.kind
    }

    /// The slots of a series.
    pub const fn slots(&self) -> Option<Slots> {
        self.slots
    }

    /// How many records are listed.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// True where the oldest records are listed first.
    pub const fn oldest_first(&self) -> bool {
        self.oldest_first
    }

    /// The columns of listed records, in order; empty for those that have values.
    pub fn listed_columns(&self) -> &[Column] {
        &self.columns
    }

    /// True where the filter tells kinds of records apart, so that events and drops may be meant.
    pub const fn names_kinds(&self) -> bool {
        self.names_kinds
    }

    /// The same question over those records alone that `rows` selects: as if there were no others. Sums that are kept of its own filter are of others too.
    #[must_use]
    pub fn within(self, rows: &Filter) -> Self {
        Self { filter: self.filter.and(rows), channel: None, ..self }
    }

    /// The columns whose values stand in the answer, or bear upon it by what was asked: of the filter, the keys, the measures and the list.
    pub fn asked_columns(&self) -> BTreeSet<Column> {
        let mut columns = self.filter.columns();
        columns.extend(&self.columns);
        self.keys.iter().for_each(|key| key.add_columns(&mut columns));
        self.measures.iter().for_each(|measure| measure.add_columns(true, &mut columns));
        columns
    }

    /// True where answers need the times at which records lie.
    pub(crate) fn needs_placing(&self) -> bool {
        let bounded = self.from != i64::MIN && self.to != i64::MAX;
        let by_time = self.measures.iter().any(|measure| match measure.what {
            What::First | What::Last => true,
            What::BitsPerSecond | What::PacketsPerSecond => !bounded,
            _ => false,
        });
        self.slots.is_some() || self.spread || by_time || self.keys.iter().any(Key::needs_placing)
    }

    /// The columns that must be read to answer, with those of the filter and those that place records in time; empty where all are wanted.
    pub fn scanned_columns(&self) -> Vec<Column> {
        let mut columns: BTreeSet<Column> = self.filter.columns();
        if self.kind == QuestionKind::List {
            if self.columns.is_empty() {
                return Vec::new();
            }
            columns.extend(&self.columns);
            columns.insert(Column::time_received);
        } else {
            columns.insert(Column::record_kind);
            self.keys.iter().for_each(|key| key.add_columns(&mut columns));
            self.measures.iter().for_each(|measure| measure.add_columns(self.unscaled, &mut columns));
        }
        if self.from != i64::MIN || self.to != i64::MAX || self.needs_placing() {
            columns.extend(time::COLUMNS);
        }
        columns.into_iter().collect()
    }
}

impl QuestionKind {
    const fn default_measures(self) -> &'static str {
        match self {
            Self::List => "",
            Self::Groups => "flows, samples, packets, bytes, bpp",
            Self::Series => "flows, samples, packets, bytes, bps",
            Self::Summary => "flows, samples, packets, bytes, first, last",
        }
    }
}

/// The kind that the parts make; parts that say nothing for it are refused, so that nobody believes they did.
fn kind(text: &QuestionText) -> Result<QuestionKind, QuestionError> {
    let told = |text: &str| !text.trim().is_empty();
    let kind = match () {
        () if text.summary => QuestionKind::Summary,
        () if told(&text.series) => QuestionKind::Series,
        () if told(&text.by) => QuestionKind::Groups,
        () => QuestionKind::List,
    };
    let refuse = |part, found: &str, expected: &str| Err(misfit(part, found, found, expected));
    match kind {
        QuestionKind::Summary if told(&text.by) => return refuse("by", &text.by, "no keys beside `summary`"),
        QuestionKind::Summary if told(&text.series) => return refuse("series", &text.series, "no series beside `summary`"),
        QuestionKind::Summary if told(&text.having) => {
            return refuse("having", &text.having, "no condition on groups beside `summary`");
        }
        QuestionKind::List if text.top.is_some() => {
            return Err(misfit("top", "", "`top`", "keys to group by beside it, as in `by src_addr`"));
        }
        QuestionKind::List if told(&text.having) => return refuse("having", &text.having, "keys to group by beside it"),
        QuestionKind::List if told(&text.measures) => {
            return refuse("measures", &text.measures, "`by`, `series` or `summary` beside it");
        }
        QuestionKind::List if told(&text.sort) => return refuse("sort", &text.sort, "keys to group by beside it"),
        QuestionKind::List | QuestionKind::Series if text.spread => {
            return Err(misfit("spread", "", "`spread`", "`by` or `summary` beside it; a series is spread by itself"));
        }
        QuestionKind::List => {}
        _ if told(&text.columns) => {
            return refuse("columns", &text.columns, "no columns where records are summed up; see `measures`");
        }
        _ if text.limit.is_some() => return Err(misfit("limit", "", "`limit`", "`top` where records are summed up")),
        _ => {}
    }
    Ok(kind)
}

fn slots(text: &QuestionText) -> Result<Option<Slots>, QuestionError> {
    let step = text.series.trim();
    if step.is_empty() {
        return Ok(None);
    }
    let read = match literal::duration(step) {
        Some(step) => i64::try_from(step).ok().filter(|step| *step >= SECOND),
        None => None,
    };
    let step = read.ok_or_else(|| {
        misfit("series", &text.series, &format!("`{step}`"), "a duration of at least 1 s, such as `5m` or `1h`")
    })?;
    Ok(Some(Slots::every(step)))
}

fn top(text: &QuestionText) -> Result<Option<usize>, QuestionError> {
    let told = limit("top", text.top)?;
    let series_of_groups = !text.series.trim().is_empty() && !text.by.trim().is_empty();
    Ok(told.or(series_of_groups.then_some(DEFAULT_TOP)))
}

fn limit(part: &'static str, number: Option<u64>) -> Result<Option<usize>, QuestionError> {
    match number {
        Some(number) if !(1..=MAX_TOP).contains(&number) => {
            Err(misfit(part, "", &number.to_string(), &format!("a number from 1 to {MAX_TOP}")))
        }
        number => Ok(number.and_then(|number| usize::try_from(number).ok())),
    }
}

/// A part of a question that is wrong. It prints as three lines: what is wrong, the text, and a mark under the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionError {
    /// Which part: the name of a field of [`QuestionText`].
    pub part: &'static str,
    /// What is wrong with it, and where.
    pub error: Box<FilterError>,
}

impl fmt::Display for QuestionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.write(f, self.part)
    }
}

impl std::error::Error for QuestionError {}

fn in_part(part: &'static str) -> impl Fn(Box<Fault>) -> QuestionError {
    move |fault| QuestionError { part, error: Box::new(fault.error) }
}

/// An error about a whole text.
#[cold]
fn misfit(part: &'static str, text: &str, found: &str, expected: &str) -> QuestionError {
    let found = if found == text { format!("`{}`", text.trim()) } else { found.to_owned() };
    QuestionError { part, error: Box::new(FilterError::new(text, 0, text.len(), found, vec![expected.to_owned()])) }
}

/// A fault with words of its own.
#[cold]
fn expected(mut fault: Box<Fault>, words: &[&str]) -> Box<Fault> {
    fault.error.expected = words.iter().map(|word| (*word).to_owned()).collect();
    fault.expected = vec![Expected::Test];
    fault
}

#[cfg(test)]
mod tests;
