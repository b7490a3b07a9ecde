//! The door to what the service knows: whoever asks gets what they may see, whatever they ask.
//!
//! Routes have no other way to the [`Backend`]. Whoever has limits is answered over their rows and columns alone; what cannot be told of these alone (counters of the
//! whole service, what was lost on the way, SQL) is not told.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use weir_query::{Answer, Body, Cell, Note, Question, QuestionText};
use weir_record::{AnyColumnMut, Column};
use weir_store::{Cancel, SqlAnswer};

use super::caller::Caller;
use super::limits::DataLimits;
use crate::account::AccountRow;
use crate::backend::{Backend, QueryError};
use crate::metric::Counter;
use crate::named::{self, NamesOf};
use crate::source::{SourceRow, SourceState};

/// How far back the sources of somebody with limits are looked for, nanoseconds.
const SOURCES_OF: i64 = 3_600_000_000_000;

/// How long a source may be silent there and counts as one that sends, nanoseconds.
const SILENT: i64 = 300_000_000_000;

/// What is behind it, for one who asks.
#[derive(Clone)]
pub(crate) struct Door {
    backend: Arc<dyn Backend>,
    limits: Option<Arc<DataLimits>>,
}

impl Door {
    pub(crate) fn of(backend: Arc<dyn Backend>, caller: &Caller) -> Self {
        Self { backend, limits: caller.limits.clone() }
    }

    /// Answers a question over the rows that are seen.
    pub(crate) fn query(&self, question: &Question, cancel: &Cancel) -> Result<Answer, QueryError> {
        let Some(limits) = &self.limits else { return self.backend.query(question, cancel) };
        let narrowed = limits.narrow(question).map_err(QueryError::Refused)?;
        let mut answer = self.backend.query(&narrowed, cancel)?;
        hide(&mut answer, limits);
        Ok(answer)
    }

    /// Adds names to an answer, where addresses and names are seen.
    pub(crate) fn add_names(&self, answer: &mut Answer) {
        if self.limits.as_ref().is_some_and(|limits| limits.is_hidden(Column::src_host)) {
            return;
        }
        named::add_names(answer, |addresses| self.backend.names(addresses));
    }

    /// What is known to be missing in each slot of a series; with limits whether something is, of the sources that they do not rule out.
    pub(crate) fn account(&self, question: &Question, cancel: &Cancel) -> Result<Vec<AccountRow>, QueryError> {
        let slots = match &self.limits {
            None => self.backend.account(question, cancel),
            Some(limits) => self.backend.account(&limits.narrow(question).map_err(QueryError::Refused)?, cancel),
        };
        Ok(slots?.iter().map(|slot| AccountRow::of(slot, !self.is_limited())).collect())
    }

    /// Begins to answer an SQL statement.
    pub(crate) fn sql(&self, statement: &str, cancel: &Cancel) -> Result<SqlAnswer, QueryError> {
        self.whole("SQL is")?;
        self.backend.sql(statement, cancel)
    }

    /// Every counter.
    pub(crate) fn counters(&self) -> Result<Vec<Counter>, QueryError> {
        self.whole("counters are")?;
        Ok(self.backend.counters())
    }

    /// Names of addresses.
    pub(crate) fn names(&self, addresses: &[IpAddr]) -> Result<NamesOf, QueryError> {
        self.whole("names of any address are")?;
        Ok(self.backend.names(addresses))
    }

    /// True where something is kept from whoever asks.
    pub(crate) const fn is_limited(&self) -> bool {
        self.limits.is_some()
    }

    /// Every source; with limits those of which rows are seen, and of these what the rows tell.
    pub(crate) fn sources(&self, now: i64, cancel: &Cancel) -> Result<Vec<SourceRow>, QueryError> {
        let Some(limits) = &self.limits else { return Ok(self.backend.sources()) };
        if limits.is_hidden(Column::exporter) || limits.is_hidden(Column::obs_domain) {
            return Err(QueryError::Forbidden("exporters are hidden from you".into()));
        }
        let text = QuestionText {
            by: "exporter, obs_domain".into(),
            measures: "records, last".into(),
            from: Some(now.saturating_sub(SOURCES_OF)),
            ..QuestionText::default()
        };
        let question = Question::new(&text).map_err(|error| QueryError::Failed(error.to_string()))?;
        let answer = self.query(&question, cancel)?;
        let known: BTreeMap<(IpAddr, Option<u32>), SourceRow> =
            self.backend.sources().into_iter().map(|row| ((row.exporter, row.domain), row)).collect();
        let Body::Table(table) = answer.body else { return Ok(Vec::new()) };
        Ok(table.rows.iter().filter_map(|row| source(row, &known, now)).collect())
    }

    /// Sources that have a channel of their own in the profile of all sources; whoever has limits is not told which there are.
    pub(crate) fn channels(&self) -> Vec<SourceRow> {
        if self.is_limited() { Vec::new() } else { self.backend.sources() }
    }

    /// Refuses what is about all that there is to whoever sees a part of it.
    fn whole(&self, what: &str) -> Result<(), QueryError> {
        if self.is_limited() {
            return Err(QueryError::Forbidden(format!("{what} about all that there is, and you see a part of it")));
        }
        Ok(())
    }
}

/// Takes out of an answer what is not about the rows and columns that are seen.
fn hide(answer: &mut Answer, limits: &DataLimits) {
    // Whole datagrams are lost, with rows of whomever.
    answer.completeness = None;
    // So is who reports when.
    answer.notes.retain(|note| !matches!(note, Note::FailOver(_) | Note::FailOversUntold));
    for note in &mut answer.notes {
        if let Note::Unreadable { what, .. } = note {
            *what = "an admin finds it in the log".into();
        }
    }
    if let Body::Records(records, columns) = &mut answer.body {
        columns.retain(|column| !limits.is_hidden(*column));
        // Some were read for the filter of the limits, and whoever writes a table looks at what there is.
        for column in Column::ALL.iter().filter(|column| limits.is_hidden(**column)) {
            match records.column_mut(*column) {
                AnyColumnMut::U8(column) => column.clear(),
                AnyColumnMut::U16(column) => column.clear(),
                AnyColumnMut::U32(column) => column.clear(),
                AnyColumnMut::U64(column) => column.clear(),
                AnyColumnMut::Time(column) => column.clear(),
                AnyColumnMut::Ip(column) => column.clear(),
                AnyColumnMut::Text(column) => column.clear(),
                AnyColumnMut::List(column) => column.clear(),
            }
        }
    }
}

/// A source by what its rows tell: exporter, domain, records, the last of them.
fn source(row: &[Cell], known: &BTreeMap<(IpAddr, Option<u32>), SourceRow>, now: i64) -> Option<SourceRow> {
    let [Cell::Address(exporter), domain, records, last, ..] = row else { return None };
    let number = |cell: &Cell| match cell {
        Cell::Number(number) => Some(*number),
        _ => None,
    };
    let exporter = exporter.to_ip();
    let domain = number(domain).and_then(|domain| u32::try_from(domain).ok());
    let last = match last {
        Cell::Time(time) => Some(*time),
        _ => None,
    };
    let is_sending = last.is_some_and(|last| now.saturating_sub(last) < SILENT);
    let state = if is_sending { SourceState::Receiving } else { SourceState::Silent };
    let named = known.get(&(exporter, domain));
    Some(SourceRow {
        name: named.and_then(|row| row.name.clone()),
        group: named.and_then(|row| row.group.clone()),
        domain,
        records: number(records).unwrap_or_default(),
        last_record: last,
        last_seen: last,
        ..SourceRow::new(exporter, state)
    })
}

#[cfg(test)]
mod tests {
    use weir_query::{AnswerSource, AnswerTable, Completeness, FailOver};
    use weir_record::Address;

    use super::super::limits::LimitsText;
    use super::*;

    #[test]
    fn nobody_with_limits_is_told_when_units_took_over() {
        let (from, to) = (Address::v4(0xc000_0201), Address::v4(0xc000_0202));
        let fail_over = FailOver { group: "pair".into(), from, to, began: 0, ended: 1, is_heard: false };
        let unreadable = |what: &str| Note::Unreadable { files: 1, what: what.into() };
        let mut answer = Answer {
            body: Body::Table(AnswerTable::default()),
            records: 3,
            first: None,
            last: None,
            notes: vec![Note::Overflow, Note::FailOver(fail_over), Note::FailOversUntold, unreadable("journal/1.wal")],
            completeness: Some(Completeness { fail_over_ns: 1, ..Completeness::default() }),
            source: AnswerSource::Records,
        };
        let limits = LimitsText { filter: "source_group = \"pair\"".into(), ..LimitsText::default() };
        hide(&mut answer, &DataLimits::read(&limits).unwrap().unwrap());
        assert_eq!((answer.notes, answer.completeness), (vec![Note::Overflow, unreadable("an admin finds it in the log")], None));
    }
}
