//! Records as they are, the newest or the oldest first.

use std::ops::ControlFlow;

use weir_query::{Answer, AnswerSource, Body, Note, Question};
use weir_record::{AnyColumn, AnyColumnMut, Column, FlowBatch};

use super::{AskError, AskLimits, add, tables};
use crate::scan::{Cancel, ScanRequest, ScanStats};
use crate::snapshot::Snapshot;

pub(super) fn list(
    snapshot: &Snapshot,
    question: &Question,
    limits: &AskLimits,
    cancel: &Cancel,
) -> Result<(Answer, ScanStats), AskError> {
    let columns = match question.scanned_columns() {
        all if all.is_empty() => Column::ALL.to_vec(),
        columns => columns,
    };
    let mut stats = ScanStats::default();
    let mut found = Found { question, columns: &columns, batches: Vec::new(), memory: 0 };
    for table in tables(question) {
        let request = ScanRequest {
            table: *table,
            columns: &columns,
            from: question.from(),
            to: question.to(),
            filter: question.filter(),
            threads: 1,
            cancel,
        };
        let mut left = question.limit() + 1;
        let mut is_too_much = false;
        let of_table = snapshot.scan_in_order(&request, !question.oldest_first(), &mut |batch, mask| {
            let mut rows: Vec<usize> = mask.iter().collect();
            if !question.oldest_first() {
                rows.reverse();
            }
            rows.truncate(left);
            left -= rows.len();
            found.add(batch, &rows);
            is_too_much = found.memory > limits.memory;
            if left == 0 || is_too_much { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if is_too_much {
            return Err(AskError::Memory { limit: limits.memory });
        }
        add(&mut stats, of_table);
    }
    let (records, has_more) = found.in_order();
    let shown = match question.listed_columns() {
        [] => records.filled().collect(),
        columns => columns.to_vec(),
    };
    let number = records.rows() as u64;
    let notes = if has_more { vec![Note::MoreRecords { shown: number }] } else { Vec::new() };
    let times = records.time_received.values();
    let answer = Answer {
        records: number,
        first: times.iter().min().copied(),
        last: times.iter().max().copied(),
        body: Body::Records(records, shown),
        notes,
        completeness: None,
        source: AnswerSource::Records,
    };
    Ok((answer, stats))
}

/// Records that may be shown.
struct Found<'q> {
    question: &'q Question,
    columns: &'q [Column],
    batches: Vec<FlowBatch>,
    memory: usize,
}

impl Found<'_> {
    fn add(&mut self, batch: &FlowBatch, rows: &[usize]) {
        let mut copy = FlowBatch::new();
        let places: Vec<(&FlowBatch, usize)> = rows.iter().map(|row| (batch, *row)).collect();
        append(&mut copy, self.columns, &places);
        self.memory += copy.memory();
        self.batches.push(copy);
    }

    /// The records in order, no more than are wanted; true where there are more.
    fn in_order(self) -> (FlowBatch, bool) {
        let mut places: Vec<(&FlowBatch, usize)> =
            self.batches.iter().flat_map(|batch| (0..batch.rows()).map(move |row| (batch, row))).collect();
        let arrival = |(batch, row): &(&FlowBatch, usize)| batch.time_received.get(*row).unwrap_or(0);
        // Each table comes in order; where there are two, this puts them together.
        if self.question.oldest_first() {
            places.sort_by_key(arrival);
        } else {
            places.sort_by_key(|place| std::cmp::Reverse(arrival(place)));
        }
        let has_more = places.len() > self.question.limit();
        places.truncate(self.question.limit());
        let mut records = FlowBatch::new();
        append(&mut records, self.columns, &places);
        (records, has_more)
    }
}

/// Appends rows of batches, of these columns alone.
fn append(to: &mut FlowBatch, columns: &[Column], places: &[(&FlowBatch, usize)]) {
    let base = to.rows();
    for column in columns {
        if places.iter().all(|(batch, _)| batch.column(*column).is_empty()) {
            continue;
        }
        macro_rules! append_as {
            ($($kind:ident),*) => {
                match to.column_mut(*column) {
                    $( AnyColumnMut::$kind(to) => to.append(base, places.iter().filter_map(|(batch, row)| match batch.column(*column) {
                        AnyColumn::$kind(from) => Some((from, *row)),
                        _ => None,
                    })), )*
                }
            };
        }
        append_as!(U8, U16, U32, U64, Time, Ip, Text, List);
    }
    to.advance(places.len());
}
