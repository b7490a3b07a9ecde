//! The filter language: one text that selects the same records in live data, stored data, exports and alerts.
//!
//! [`Filter::parse`] reads a text, checks it against the columns of [`weir_record`] and prepares it;
//! [`Filter::evaluate`] marks the rows of a [`FlowBatch`](weir_record::FlowBatch) that it selects, 64 at a time.
//! A filter prints back as text ([`Display`](std::fmt::Display)) that means the same, and [`complete`] says what may
//! be typed next. A [`Question`] says what is wanted of the records: groups, measures, series; [`Aggregation`] answers it from batches with an [`Answer`].
//!
//! **Absent values.** A comparison with an absent value is false, and `not` turns true into false and nothing else:
//! every test is either true or false. A negated comparison (`!=`, `not in`, `not contains`) therefore means "there is a
//! value, and it does not compare": `tos != 0` leaves out rows without `tos`, `not tos = 0` keeps them.
//! **Either side.** A name that stands for two columns (`port`, `ip`, `as`, ...) holds when one of the two holds; its negated
//! comparison means that at least one side has a value and *no* side compares: `port != 80` is "neither port is 80".
//!
//! Reading order: [`syntax`] (what a filter is), `token` and `parse` (from text), `names` (which words mean which
//! columns), `plan` (what is evaluated), [`Mask`], `complete`; `bounds` and [`sql`] (a filter for others); [`time`] (where a record lies), `question`, `response`, `aggregate`,
//! `answer`.
//!
//! Never: files, sockets, clocks, threads, protocols.

pub mod syntax;

mod error;
mod expect;
mod literal;
mod names;
mod parse;
mod token;

mod filter;
mod mask;
mod plan;

mod bounds;
pub mod sql;

mod complete;

pub mod sampling;
pub mod time;

mod question;

mod response;

mod aggregate;
pub mod distinct;
pub mod histogram;

mod answer;

pub use aggregate::{Aggregation, AggregationError, AggregationLimits, Pass, SeriesFeed, SeriesPlan, Worker, from_series};
pub use answer::{Answer, AnswerColumn, AnswerForm, AnswerSource, AnswerTable, Body, Cell, Completeness, FailOver, Note, Role};
pub use bounds::{Bound, BoundValues, Bounds};
pub use complete::{Completion, CompletionKind, complete};
pub use distinct::Distinct;
pub use error::FilterError;
pub use filter::Filter;
pub use histogram::Histogram;
pub use mask::Mask;
pub use parse::{MAX_DEPTH, MAX_LIST_ITEMS, MAX_TEXT};
pub use question::{
    DEFAULT_LIMIT, DEFAULT_TOP, MAX_ITEMS, MAX_TOP, Question, QuestionError, QuestionKind, QuestionText, complete_question,
};
pub use response::{ResponseTimes, response_times};

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
