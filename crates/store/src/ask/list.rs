//! Records as they are, the newest or the oldest first.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use weir_query::{Answer, AnswerSource, Body, Mask, Note, Question};
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
    match list_with(snapshot, question, limits, limits.threads, cancel) {
        // Several threads also read what turns out not to be needed: whether the records fit must not depend on that.
        Err(AskError::Memory { .. }) if limits.threads != 1 => list_with(snapshot, question, limits, 1, cancel),
        result => result,
    }
}

fn list_with(
    snapshot: &Snapshot,
    question: &Question,
    limits: &AskLimits,
    threads: usize,
    cancel: &Cancel,
) -> Result<(Answer, ScanStats), AskError> {
    let columns = match question.scanned_columns() {
        all if all.is_empty() => Column::ALL.to_vec(),
        columns => columns,
    };
    let mut stats = ScanStats::default();
    let mut found = Found { question, columns: &columns, batches: Vec::new() };
    // One more than is shown tells whether there are more.
    let most = question.limit() + 1;
    for table in tables(question) {
        let request = ScanRequest {
            table: *table,
            columns: &columns,
            from: question.from(),
            to: question.to(),
            filter: question.filter(),
            threads,
            cancel,
        };
        let (pieces, memory) = (Mutex::new(Vec::new()), AtomicUsize::new(found.memory()));
        let of_table = snapshot.scan_first(&request, !question.oldest_first(), most, |_| {
            |piece, batch: &FlowBatch, mask: &Mask| {
                let mut rows: Vec<usize> = mask.iter().collect();
                if !question.oldest_first() {
                    rows.reverse();
                }
                rows.truncate(most);
                let copy = copy(batch, &columns, &rows);
                let taken = memory.fetch_add(copy.memory(), Ordering::Relaxed) + copy.memory();
                pieces.lock().unwrap_or_else(PoisonError::into_inner).push((piece, copy));
                if taken > limits.memory { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        })?;
        if memory.into_inner() > limits.memory {
            return Err(AskError::Memory { limit: limits.memory });
        }
        let mut pieces = pieces.into_inner().unwrap_or_else(PoisonError::into_inner);
        pieces.sort_by_key(|(piece, _)| *piece);
        found.batches.extend(pieces.into_iter().map(|(_, batch)| batch));
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
}

/// Rows of a batch, of these columns alone.
fn copy(batch: &FlowBatch, columns: &[Column], rows: &[usize]) -> FlowBatch {
    let mut copy = FlowBatch::new();
    let places: Vec<(&FlowBatch, usize)> = rows.iter().map(|row| (batch, *row)).collect();
    append(&mut copy, columns, &places);
    copy
}

impl Found<'_> {
    fn memory(&self) -> usize {
        self.batches.iter().map(FlowBatch::memory).sum()
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
