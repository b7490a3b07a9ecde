//! Groups, series and summaries: passes over the records, or one over continuous series.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::thread;

use weir_query::{Aggregation, AggregationLimits, Answer, Pass, Question, SeriesFeed, SeriesPlan, Worker, from_series};
use weir_record::{Column, SeriesBatch, SeriesColumn};

use super::{AskError, AskLimits, add, tables};
use crate::block::BlockKind;
use crate::layout::FileTable;
use crate::read::PageFilter;
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
        && let Some(found) =
            of_series(snapshot, question, plan, threads, aggregation(1 + plan.left(question).count() * threads), cancel)?
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
    let mut all = ScanStats::default();
    let range = (question.from(), question.to());
    loop {
        let workers = (0..threads).map(|_| aggregation.worker()).collect();
        match aggregation.end_pass(feed(snapshot, question, range, workers, &mut all, cancel)?)? {
            Pass::Again => {}
            Pass::Done(answer) => return Ok((*answer, all)),
        }
    }
}

/// Feeds workers, a thread each, with the records of a range.
fn feed(
    snapshot: &Snapshot,
    question: &Question,
    (from, to): (i64, i64),
    workers: Vec<Worker>,
    all: &mut ScanStats,
    cancel: &Cancel,
) -> Result<Vec<Worker>, AskError> {
    let columns: Vec<Column> = question.scanned_columns();
    let workers: Vec<_> = workers.into_iter().map(Mutex::new).collect();
    for table in tables(question) {
        let (columns, filter, threads) = (columns.as_slice(), question.filter(), workers.len());
        let request = ScanRequest { table: *table, columns, from, to, filter, threads, cancel };
        let stats = snapshot.scan(&request, |number| {
            let worker = workers.get(number);
            move |batch: &_, mask: &_| match worker {
                Some(worker) => worker.lock().unwrap_or_else(PoisonError::into_inner).feed(batch, mask),
                None => ControlFlow::Break(()),
            }
        })?;
        add(all, stats);
    }
    Ok(workers.into_iter().map(|worker| worker.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
}

/// The answer from series, and from records what these leave; nothing where there are none, as in a store or journal that was made without.
fn of_series(
    snapshot: &Snapshot,
    question: &Question,
    plan: SeriesPlan,
    threads: usize,
    mut aggregation: Aggregation,
    cancel: &Cancel,
) -> Result<Option<(Answer, ScanStats)>, AskError> {
    let columns: Vec<usize> = plan.columns().map(|column| column as usize).collect();
    // In files, series lie by step and dimension.
    let wants =
        |series: &SeriesBatch, rows: usize| (0..rows).any(|row| plan.wants(series.step.get(row), series.dimension.get(row)));
    let pages = PageFilter { columns: &[SeriesColumn::step as usize, SeriesColumn::dimension as usize], wants: &wants };
    loop {
        let mut sums = SeriesFeed::new(question, plan, aggregation.worker());
        // Some rows are about whole hours.
        let from = question.from().saturating_sub(question.from().rem_euclid(HOUR));
        let range = (from, question.to());
        let (live, unreadable) = snapshot.live_series(&|step, dimension| plan.wants(Some(step), Some(dimension)));
        if live.is_empty() && snapshot.blocks(BlockKind::Flows).next().is_some() {
            // The journal has records of which nobody made the series.
            return Ok(None);
        }
        let mut stats = snapshot.read_files(&columns, Some(&pages), range, cancel, &mut |series| sums.feed(series))?;
        stats.unreadable.extend(unreadable);
        for series in live.iter().filter(|series| series.times().overlaps_placed(range.0, range.1)) {
            stats.rows_read += series.rows() as u64;
            if sums.feed(series).is_break() {
                break;
            }
        }
        let (worker, rows, notes) = sums.end();
        if rows == 0 {
            return Ok(None);
        }
        let mut workers = vec![worker];
        for (from, to) in plan.left(question) {
            let of_part = (0..threads).map(|_| aggregation.worker().within(from, to)).collect();
            workers.extend(feed(snapshot, question, (from, to), of_part, &mut stats, cancel)?);
        }
        match aggregation.end_pass(workers)? {
            Pass::Again => {}
            Pass::Done(answer) => return Ok(Some((from_series(*answer, notes), stats))),
        }
    }
}
