//! Groups, series and summaries: passes over the records, or one over continuous series.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::thread;

use weir_query::{Aggregation, AggregationLimits, Answer, Pass, Question, SeriesFeed, SeriesPlan, from_series};
use weir_record::{Column, SeriesBatch};

use super::{AskError, AskLimits, add, tables};
use crate::block::BlockKind;
use crate::scan::{Cancel, ScanRequest, ScanStats};
use crate::snapshot::Snapshot;

/// Nanoseconds.
const HOUR: i64 = 3_600_000_000_000;

pub(super) fn sum_up(
    snapshot: &Snapshot,
    question: &Question,
    limits: &AskLimits,
    cancel: &Cancel,
) -> Result<(Answer, ScanStats), AskError> {
    let threads = match limits.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let aggregation = |workers| {
        let limits = AggregationLimits { groups: limits.groups, memory: limits.memory, slots: limits.slots };
        Aggregation::new(question, limits, workers)
    };
    if let Some(plan) = question.series_plan()
        && has_whole_series(snapshot)
        && let Some(found) = of_series(snapshot, question, plan, aggregation(1), cancel)?
    {
        return Ok(found);
    }
    of_records(snapshot, question, threads, aggregation(threads), cancel)
}

fn of_records(
    snapshot: &Snapshot,
    question: &Question,
    threads: usize,
    mut aggregation: Aggregation,
    cancel: &Cancel,
) -> Result<(Answer, ScanStats), AskError> {
    let columns: Vec<Column> = question.scanned_columns();
    let mut all = ScanStats::default();
    loop {
        let workers: Vec<_> = (0..threads).map(|_| Mutex::new(aggregation.worker())).collect();
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
            let stats = snapshot.scan(&request, |number| {
                let worker = workers.get(number);
                move |batch: &_, mask: &_| match worker {
                    Some(worker) => worker.lock().unwrap_or_else(PoisonError::into_inner).feed(batch, mask),
                    None => ControlFlow::Break(()),
                }
            })?;
            add(&mut all, stats);
        }
        let workers = workers.into_iter().map(|worker| worker.into_inner().unwrap_or_else(PoisonError::into_inner));
        match aggregation.end_pass(workers.collect())? {
            Pass::Again => {}
            Pass::Done(answer) => return Ok((*answer, all)),
        }
    }
}

/// False where the journal has records of which nobody made the series.
fn has_whole_series(snapshot: &Snapshot) -> bool {
    snapshot.blocks(BlockKind::Flows).next().is_none() || !snapshot.live_series().0.is_empty()
}

/// The answer from series; nothing where there are none, as in a store that was made without.
fn of_series(
    snapshot: &Snapshot,
    question: &Question,
    plan: SeriesPlan,
    mut aggregation: Aggregation,
    cancel: &Cancel,
) -> Result<Option<(Answer, ScanStats)>, AskError> {
    let columns: Vec<usize> = SeriesFeed::columns().map(|column| column as usize).collect();
    loop {
        let mut feed = SeriesFeed::new(question, plan, aggregation.worker());
        // Some rows are about whole hours.
        let from = question.from().saturating_sub(question.from().rem_euclid(HOUR));
        let stats = snapshot.read(&columns, from, question.to(), cancel, &mut |series: &SeriesBatch| feed.feed(series))?;
        let (worker, rows, notes) = feed.end();
        if rows == 0 {
            return Ok(None);
        }
        match aggregation.end_pass(vec![worker])? {
            Pass::Again => {}
            Pass::Done(answer) => return Ok(Some((from_series(*answer, notes), stats))),
        }
    }
}
