//! What is wrong with a statement, and where.

use std::time::Duration;

use datafusion::error::DataFusionError;

use crate::error::StoreError;

/// Why a statement has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// The text is no statement, or names what is not there. Prints as three lines: what is wrong, the line of the text, and a mark under the place.
    #[error("{}", pointed(*.line, *.column, .message, .source_line))]
    Text {
        /// Line of the fault, from 1; 0 where the place is not known.
        line: usize,
        /// Character of the fault in its line, from 1; 0 where the place is not known.
        column: usize,
        /// What is wrong.
        message: String,
        /// The line of the text in which the fault is.
        source_line: String,
    },
    /// A statement that would do more than read.
    #[error("{0}")]
    Refused(String),
    /// Sorting, grouping or joining needs more memory than it may have.
    #[error("the statement needs more than the {} MiB of memory that it may have: ask for less time, fewer groups or fewer columns, or allow more", .limit >> 20)]
    Memory {
        /// Octets.
        limit: usize,
    },
    /// The time is over.
    #[error("the statement took longer than the {} s that it may take: ask for less time or fewer columns, or allow more", .limit.as_secs_f64())]
    Time {
        /// How long it may take.
        limit: Duration,
    },
    /// The caller stopped it.
    #[error("the statement was cancelled")]
    Cancelled,
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something of the store could not be read, so the answer lacks its rows.
    #[error("the answer may lack {rows} rows: {what}{}", if *.more > 0 { format!(", and {more} more like it") } else { String::new() })]
    Incomplete {
        /// The first that could not be read, and why.
        what: String,
        /// How many others.
        more: usize,
        /// How many rows are in all of them, wanted or not.
        rows: u64,
    },
    /// The engine failed for another reason.
    #[error("{0}")]
    Failed(String),
}

impl SqlError {
    /// What the engine says about a statement.
    pub(super) fn of(error: DataFusionError, text: &str) -> Self {
        let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
        let place = span.map(|span| (span.start.line, span.start.column));
        match error {
            DataFusionError::Diagnostic(_, inner) => Self::inner(*inner, text, place),
            error => Self::inner(error, text, place),
        }
    }

    fn inner(error: DataFusionError, text: &str, place: Option<(u64, u64)>) -> Self {
        match error {
            DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => Self::inner(*inner, text, place),
            DataFusionError::Shared(shared) => match shared.find_root() {
                DataFusionError::ResourcesExhausted(_) => Self::Memory { limit: 0 },
                root => Self::Failed(first_lines(&root.strip_backtrace())),
            },
            DataFusionError::Collection(mut errors) if !errors.is_empty() => Self::of(errors.swap_remove(0), text),
            DataFusionError::ResourcesExhausted(_) => Self::Memory { limit: 0 },
            DataFusionError::External(external) => match external.downcast::<StoreError>() {
                Ok(error) => Self::Store(*error),
                Err(error) => Self::Failed(error.to_string()),
            },
            DataFusionError::SQL(error, _) => {
                let message = error.to_string().replace("sql parser error: ", "");
                let (message, said) = split_place(&message);
                let end = message.ends_with("found: EOF").then(|| end_of(text));
                Self::text(message, said.or(place).or(end), text)
            }
            error @ (DataFusionError::Plan(_) | DataFusionError::SchemaError(..) | DataFusionError::NotImplemented(_)) => {
                Self::text(&first_lines(&error.strip_backtrace()), place, text)
            }
            error => Self::Failed(first_lines(&error.strip_backtrace())),
        }
    }

    fn text(message: &str, place: Option<(u64, u64)>, text: &str) -> Self {
        let number = |number: u64| usize::try_from(number).unwrap_or(0);
        let (line, column) = place.map_or((0, 0), |(line, column)| (number(line), number(column)));
        let source_line = line.checked_sub(1).and_then(|line| text.lines().nth(line)).unwrap_or_default();
        Self::Text { line, column, message: message.to_owned(), source_line: source_line.to_owned() }
    }
}

/// Line and column behind the last character.
fn end_of(text: &str) -> (u64, u64) {
    let text = text.trim_end();
    let line = text.lines().last().unwrap_or_default();
    (text.lines().count().max(1) as u64, line.chars().count() as u64 + 1)
}

/// A parser's message without the place at its end, and the place.
fn split_place(message: &str) -> (&str, Option<(u64, u64)>) {
    let Some((before, place)) = message.rsplit_once(" at Line: ") else {
        return (message, None);
    };
    let mut numbers = place.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(line), Some(column)) => (before, Some((line, column))),
        _ => (message, None),
    }
}

/// Without the kind of error, of which the reader knows nothing, and without the list of all columns.
fn first_lines(message: &str) -> String {
    const KINDS: [&str; 7] = [
        "Error during planning: ",
        "Schema error: ",
        "This feature is not implemented: ",
        "Execution error: ",
        "Optimizer rule ",
        "Arrow error: ",
        "External error: ",
    ];
    let mut message = message;
    while let Some(rest) = KINDS.iter().find_map(|kind| message.strip_prefix(kind)) {
        message = rest;
    }
    let lines = message.lines().filter(|line| !line.starts_with("Valid fields are"));
    lines.collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

fn pointed(line: usize, column: usize, message: &str, source_line: &str) -> String {
    if line == 0 {
        return format!("SQL: {message}");
    }
    // Long lines are cut around the fault, so that the mark stays in view.
    let skip = column.saturating_sub(60);
    let shown: String = source_line.chars().skip(skip).take(120).collect();
    let lead = " ".repeat(column.saturating_sub(1).saturating_sub(skip).min(120));
    format!("SQL, line {line}, column {column}: {message}\n  {}\n  {lead}^", shown.trim_end())
}
