//! An answer: records, or a table of groups and measures, and what must be known to judge it.

mod completeness;
mod note;
mod write;

use std::cmp::Ordering;

use weir_record::{Address, Column, FlowBatch, Unit};

pub use completeness::Completeness;
pub use note::{FailOver, Note};
pub use write::AnswerForm;

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was asked for.
    pub body: Body,
    /// How many records the question selected; where it was answered from series, how many they summed up.
    pub records: u64,
    /// Begin of the first record selected, where times were looked at: nanoseconds since 1970.
    pub first: Option<i64>,
    /// End of the last record selected, likewise.
    pub last: Option<i64>,
    /// What must be said beside the numbers.
    pub notes: Vec<Note>,
    /// What is known to be missing; nothing until somebody looked.
    pub completeness: Option<Completeness>,
    /// Where the numbers come from.
    pub source: AnswerSource,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one of it for each answer")]
pub enum Body {
    /// Records in order, and the columns to show.
    Records(FlowBatch, Vec<Column>),
    /// Groups, slots of time, or one line.
    Table(AnswerTable),
}

/// Where the numbers of an answer come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerSource {
    /// From the records themselves.
    Records,
    /// From continuous series, which sum up every record: as exact.
    Series,
    /// From a bounded sketch of the largest addresses.
    SeriesSketched,
}

impl AnswerSource {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Series => "series",
            Self::SeriesSketched => "series_sketched",
        }
    }
}

/// Rows of keys and measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerTable {
    /// What stands in each column.
    pub columns: Vec<AnswerColumn>,
    /// The rows in order; each has a cell a column.
    pub rows: Vec<Vec<Cell>>,
    /// The measures of all records selected, also of those in groups that are not shown; a cell a column, keys are absent.
    pub totals: Vec<Cell>,
    /// How many groups there are, shown or not; nothing where they were not all looked at one by one.
    pub groups: Option<u64>,
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerColumn {
    /// Name in JSON and CSV.
    pub name: String,
    /// Words for a table's head or a chart's axis.
    pub label: String,
    /// Unit of its numbers.
    pub unit: Unit,
    /// What it is for.
    pub role: Role,
}

/// What a column of an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Begin of the slot of time.
    Slot,
    /// A key.
    Key,
    /// A measure.
    Measure,
    /// The standard error by sampling of the measure that the name begins with.
    StandardError,
}

impl Role {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::Key => "key",
            Self::Measure => "measure",
            Self::StandardError => "standard_error",
        }
    }
}

/// A value in an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// There is none.
    #[default]
    Absent,
    /// A whole number.
    Number(u64),
    /// Any other number.
    Real(f64),
    /// Nanoseconds since 1970.
    Time(i64),
    /// An address.
    Address(Address),
    /// A network: its first address, and how many bits are fixed.
    Prefix(Address, u8),
    /// A MAC address.
    Mac(u64),
    /// True or false.
    Bool(bool),
    /// One of a closed set of words.
    Word(&'static str),
    /// A text.
    Text(Box<str>),
    /// Of a series of the largest groups: all the others together.
    Others,
}

impl Cell {
    /// How two values stand to each other; nothing where one is absent or they are of different kinds.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => Some(one.cmp(other)),
            (Self::Real(one), Self::Real(other)) => one.partial_cmp(other),
            (Self::Number(one), Self::Real(other)) => (*one as f64).partial_cmp(other),
            (Self::Real(one), Self::Number(other)) => one.partial_cmp(&(*other as f64)),
            (Self::Time(one), Self::Time(other)) => Some(one.cmp(other)),
            (Self::Address(one), Self::Address(other)) => Some(one.cmp(other)),
            (Self::Prefix(one, length), Self::Prefix(other, of_other)) => Some((one, length).cmp(&(other, of_other))),
            (Self::Mac(one), Self::Mac(other)) => Some(one.cmp(other)),
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(other)),
            (Self::Word(one), Self::Word(other)) => Some(one.cmp(other)),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }

    /// An order of all values: absent ones first, the others of a group last.
    pub fn order(&self, other: &Self) -> Ordering {
        let place = |cell: &Self| match cell {
            Self::Absent => 0,
            Self::Others => 2,
            _ => 1,
        };
        self.compare(other).unwrap_or_else(|| place(self).cmp(&place(other)))
    }
}

#[cfg(test)]
mod tests;
