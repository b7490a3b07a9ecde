//! Questions as the API takes them, in JSON or as parameters of a URL.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_query::{Question, QuestionError, QuestionText};

use crate::error::{Place, Refusal};
use crate::moment::{self, Edge};

/// A question over flow records. Everything may be left out: an empty question lists records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only records for which this holds, in the filter language.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "src net 10.0.0.0/8 and port 443")]
    pub filter: String,
    /// Begin of the time: RFC 3339; without offset local time of the service; a day; `-1h`. Without it from the first record on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-03-02T09:00:00Z")]
    pub from: Option<String>,
    /// End of the time, not included. Without it to the latest record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Instead of both: this long until now, as in `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1h")]
    pub last: Option<String>,
    /// Keys to sum by, separated by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "src_addr,dst_port")]
    pub by: String,
    /// What to sum, separated by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "bytes,packets,rtt p95")]
    pub measures: String,
    /// The measure to sort by.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sort: String,
    /// Only groups for which this holds.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "bytes > 1G")]
    pub having: String,
    /// Only so many groups, the first by `sort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<u64>,
    /// Sums over time, in steps of this length.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "5m")]
    pub series: String,
    /// One line: how much, first, last, how complete.
    #[serde(skip_serializing_if = "is_false")]
    pub summary: bool,
    /// Bytes and packets as reported, not multiplied by the sampling rate.
    #[serde(skip_serializing_if = "is_false")]
    pub unscaled: bool,
    /// Of groups and summaries: of records that go beyond the time, only their part in it, as in series. The time is widened to whole minutes.
    #[serde(skip_serializing_if = "is_false")]
    pub spread: bool,
    /// Names of addresses beside them, looked up for this answer by the resolver of the service.
    #[serde(skip_serializing_if = "is_false")]
    pub names: bool,
    /// Columns of a list, separated by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub columns: String,
    /// Most records of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// List the oldest records first, not the newest.
    #[serde(skip_serializing_if = "is_false")]
    pub oldest_first: bool,
    /// In which form to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Characters in a line of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
}

/// Forms of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON document: columns, rows, totals, notes, completeness.
    #[default]
    Json,
    /// JSON Lines: an object a row and nothing else.
    Lines,
    /// Comma-separated values with a head.
    Csv,
    /// Aligned columns for people.
    Table,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

impl Asked {
    /// What is asked, checked. `now` is nanoseconds since 1970; `zone` is that of times without offset.
    ///
    /// # Errors
    /// Where a part of it makes no sense: which, and where in it.
    pub fn question(&self, now: i64, zone: &TimeZone) -> Result<Question, Refusal> {
        let (from, to) = self.range(now, zone)?;
        let text = QuestionText {
            filter: self.filter.clone(),
            by: self.by.clone(),
            measures: self.measures.clone(),
            sort: self.sort.clone(),
            series: self.series.clone(),
            having: self.having.clone(),
            columns: self.columns.clone(),
            from,
            to,
            top: self.top,
            limit: self.limit,
            unscaled: self.unscaled,
            spread: self.spread,
            summary: self.summary,
            oldest_first: self.oldest_first,
        };
        Question::new(&text).map_err(|error| refuse(&error))
    }

    /// Begin and end of the time, where told.
    ///
    /// # Errors
    /// Where one of them is no time, or the end is not after the begin.
    pub fn range(&self, now: i64, zone: &TimeZone) -> Result<(Option<i64>, Option<i64>), Refusal> {
        if let Some(last) = &self.last {
            if self.from.is_some() || self.to.is_some() {
                return Err(Refusal::of("last", "last goes with neither from nor to: leave out one or the other"));
            }
            let length = moment::read_length(last).map_err(|error| Refusal::of("last", error))?;
            return Ok((Some(now.saturating_sub(length)), Some(now)));
        }
        let read = |field: &str, text: &Option<String>, edge| {
            let read = |text: &String| moment::read(text, edge, now, zone).map_err(|error| Refusal::of(field, error));
            text.as_ref().map(read).transpose()
        };
        let range = (read("from", &self.from, Edge::From)?, read("to", &self.to, Edge::To)?);
        if let (Some(from), Some(to)) = range
            && from >= to
        {
            let error = format!("the time ends ({}) before it begins ({})", moment::text(to), moment::text(from));
            return Err(Refusal::of("to", error));
        }
        Ok(range)
    }

    /// The same with times that mean the same at any time and in any zone.
    ///
    /// # Errors
    /// Those of [`Asked::range`].
    pub fn fixed(mut self, now: i64, zone: &TimeZone) -> Result<Self, Refusal> {
        let (from, to) = self.range(now, zone)?;
        self.from = from.map(moment::text);
        self.to = to.map(moment::text);
        self.last = None;
        Ok(self)
    }
}

fn refuse(error: &QuestionError) -> Refusal {
    let inner = &error.error;
    Refusal {
        error: format!("{}: {}", error.part, inner.message()),
        field: Some(error.part.into()),
        place: Some(Box::new(Place { position: Some(inner.position), line: inner.line, column: inner.column })),
        expected: inner.expected.clone(),
        hint: inner.hint.clone(),
    }
}

/// A statement in SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskedSql {
    /// One `SELECT` or `EXPLAIN`.
    #[schema(example = "SELECT src_addr, sum(bytes) AS bytes FROM flows GROUP BY src_addr ORDER BY bytes DESC LIMIT 10")]
    pub sql: String,
    /// In which form to answer.
    #[serde(default)]
    pub format: SqlFormat,
}

/// Forms of an answer to SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SqlFormat {
    /// JSON Lines: an object a row; nulls are left out.
    #[default]
    Lines,
    /// JSON Lines: first the columns, then an array a row.
    Arrays,
    /// One JSON document: columns, and rows as arrays.
    Json,
}
