//! Data limits: the rows and columns that somebody sees, whatever they ask.
//!
//! The filter of the limits is and-ed into every question, so an answer is the one over these rows alone. A hidden column stands in no answer, and nothing may be
//! asked of it, since whoever may filter by a value can find it out by halves. The two halves of a connection swap source and destination, ingress and egress: a
//! column is hidden with its counterpart.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_query::{Filter, Question};
use weir_record::Column;

use crate::error::{Place, Refusal};

/// Octets of the filter of limits.
const MAX_FILTER: usize = 16 << 10;

/// By what every question goes, so that hiding it would say nothing.
const ALWAYS_SEEN: [Column; 4] = [Column::time_start, Column::time_end, Column::time_received, Column::record_kind];

/// Limits as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsText {
    /// Only records for which this holds, in the filter language; empty: all.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "src net 10.1.0.0/16 or dst net 10.1.0.0/16")]
    pub filter: String,
    /// Columns that are not shown and of which nothing is asked, by name; each with its counterpart of the other direction.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["src_addr", "dst_addr"]))]
    pub hidden: Vec<String>,
}

/// Limits, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct DataLimits {
    text: LimitsText,
    rows: Filter,
    hidden: BTreeSet<Column>,
}

impl DataLimits {
    /// Reads limits; nothing where they limit nothing.
    ///
    /// # Errors
    /// Where the filter is none, or a column is not known or cannot be hidden.
    pub fn read(text: &LimitsText) -> Result<Option<Self>, Refusal> {
        let rows = match text.filter.trim() {
            "" => Filter::any(),
            filter if filter.len() > MAX_FILTER => {
                let error = format!("limits.filter: {} octets, expected {MAX_FILTER} at the most", filter.len());
                return Err(Refusal::of("limits.filter", error));
            }
            _ => Filter::parse(&text.filter).map_err(|error| Refusal {
                error: format!("limits.filter: {}", error.message()),
                field: Some("limits.filter".into()),
                place: Some(Box::new(Place { position: Some(error.position), line: error.line, column: error.column })),
                expected: error.expected.clone(),
                hint: error.hint.clone(),
            })?,
        };
        let mut hidden = BTreeSet::new();
        for name in &text.hidden {
            let refuse = |error: String| Err(Refusal::of("limits.hidden", error));
            let Some(column) = Column::by_name(name) else {
                return refuse(format!("limits.hidden: there is no column `{name}`: `weir columns` lists them"));
            };
            if ALWAYS_SEEN.contains(&column) {
                return refuse(format!("limits.hidden: {name} cannot be hidden, since every question goes by it"));
            }
            hidden.insert(column);
            hidden.extend(counterpart(column));
        }
        let limits_nothing = rows == Filter::any() && hidden.is_empty();
        Ok((!limits_nothing).then(|| Self { text: text.clone(), rows, hidden }))
    }

    /// As they are written.
    pub const fn text(&self) -> &LimitsText {
        &self.text
    }

    /// True for columns that are not shown.
    pub fn is_hidden(&self, column: Column) -> bool {
        self.hidden.contains(&column)
    }

    /// The question over the rows that are seen.
    ///
    /// # Errors
    /// Where it asks for a hidden column.
    pub fn narrow(&self, question: &Question) -> Result<Question, Refusal> {
        let refuse = |field: Option<&str>, column: Column| {
            let error = format!("{} is hidden from you: leave it out", column.name());
            Refusal { field: field.map(str::to_owned), ..Refusal::new(error) }
        };
        if let Some(column) = question.filter().columns().into_iter().find(|column| self.is_hidden(*column)) {
            return Err(refuse(Some("filter"), column));
        }
        if let Some(column) = question.asked_columns().into_iter().find(|column| self.is_hidden(*column)) {
            return Err(refuse(None, column));
        }
        Ok(question.clone().within(&self.rows))
    }
}

/// The column that has the same of the other direction.
fn counterpart(column: Column) -> Option<Column> {
    const WORDS: [(&str, &str); 2] = [("src", "dst"), ("in", "out")];
    let name = column.name();
    let swapped: Vec<&str> = name
        .split('_')
        .map(|part| {
            let pair = WORDS.iter().find(|(one, other)| part == *one || part == *other);
            pair.map_or(part, |(one, other)| if part == *one { *other } else { *one })
        })
        .collect();
    let swapped = swapped.join("_");
    Column::by_name(&swapped).filter(|other| *other != column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_hidden_with_its_counterpart() {
        let names = |hidden: &[&str]| {
            let text = LimitsText { hidden: hidden.iter().map(ToString::to_string).collect(), ..LimitsText::default() };
            let limits = DataLimits::read(&text).unwrap().unwrap();
            limits.hidden.iter().map(|column| column.name()).collect::<BTreeSet<_>>()
        };
        assert_eq!(names(&["src_addr"]), ["src_addr", "dst_addr"].into());
        assert_eq!(names(&["out_if"]), ["in_if", "out_if"].into());
        assert_eq!(names(&["vlan_in"]), ["vlan_in", "vlan_out"].into());
        assert_eq!(names(&["http_host"]), ["http_host"].into());
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        let field = |filter: &str, hidden: &str| {
            let hidden = [hidden.to_owned()].into_iter().filter(|name| !name.is_empty()).collect();
            DataLimits::read(&LimitsText { filter: filter.into(), hidden }).map_err(|refusal| refusal.field.unwrap())
        };
        assert_eq!(field("", ""), Ok(None));
        assert_eq!(field(" any ", ""), Ok(None));
        assert_eq!(field("src nte 10.0.0.0/8", "").unwrap_err(), "limits.filter");
        assert_eq!(field(&"1".repeat(MAX_FILTER + 1), "").unwrap_err(), "limits.filter");
        assert_eq!(field("", "src_adr").unwrap_err(), "limits.hidden");
        assert_eq!(field("", "time_start").unwrap_err(), "limits.hidden");
        assert!(field("port 53", "").unwrap().is_some());
    }
}
