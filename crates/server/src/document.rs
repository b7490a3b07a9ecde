//! The shapes of answers in JSON, for the description of the API and for those who read them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An answer as one JSON document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerDocument {
    /// What stands in the rows, in order.
    pub columns: Vec<ColumnDocument>,
    /// An object a row; absent values are left out.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<serde_json::Map<String, serde_json::Value>>,
    /// The sums over all that was selected, also of what is not among the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub totals: Option<serde_json::Map<String, serde_json::Value>>,
    /// Groups there are, also those that are not among the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<u64>,
    /// Records that were selected.
    pub records: u64,
    /// When the first of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// When the last of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// What to know about the numbers.
    pub notes: Vec<NoteDocument>,
    /// What is known to be missing in that time and of those sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub completeness: Option<serde_json::Map<String, serde_json::Value>>,
    /// From what the numbers are: `records`, `series` (exact sums kept for longer) or `series_sketched`.
    pub source: String,
}

/// A column of an answer: of a list its name alone, since `weir columns` tells the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ColumnDocument {
    /// Of a list of records.
    Name(String),
    /// Of a table.
    Described(TableColumnDocument),
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableColumnDocument {
    /// Its name in the rows.
    pub name: String,
    /// Words for a head.
    pub label: String,
    /// Unit of its numbers; empty where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// `slot`, `key`, `measure` or `standard_error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// Something to know about an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NoteDocument {
    /// One of a closed set, for programs.
    pub code: String,
    /// A sentence, for people.
    pub text: String,
    /// Of the code `fail_over`: which unit of a group took over, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_over: Option<FailOverDocument>,
}

/// A unit of a group that took over from another one, with a time between in which neither reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailOverDocument {
    /// The group.
    pub group: String,
    /// The unit that reported before.
    pub from: String,
    /// The unit that took over.
    pub to: String,
    /// Arrival of the last record of the one.
    pub began: String,
    /// Arrival of the first record of the other.
    pub ended: String,
    /// The time between.
    pub seconds: f64,
    /// `silent`: the one before fell silent; `standby`: it still sends, and no records.
    pub reason: String,
}

/// A column of an answer to SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlColumnDocument {
    /// Its name.
    pub name: String,
    /// What its values are: `number`, `text`, `time` and so on.
    pub kind: String,
}
