//! One pass over what is stored, for every question: row groups of files and blocks of the journal, worked off by several threads.
//!
//! Files and row groups are passed over by their times and by what the filter needs; of the others, pages of the filter's columns are decoded first, and
//! the columns that were asked for only where the filter selects a row. Memory: for each thread, the encoded columns of one row group and a page of values, or one
//! block of the journal.

mod enough;
mod queue;
mod worker;

use std::ops::{AddAssign, ControlFlow};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use weir_query::{Filter, Mask};
use weir_record::{Column, FlowBatch};

use crate::block::{BlockKind, BlockTable};
use crate::error::StoreError;
use crate::journal::BlockReader;
use crate::layout::FileTable;
use crate::manifest::TableKind;
use crate::prune;
use crate::read::{PageFilter, TableFile};
use crate::snapshot::Snapshot;
use crate::times::Times;
use enough::Enough;
use queue::{Queue, Work};
use worker::Worker;

/// Tells those who work on an answer that nobody wants it any more. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// One that was not told yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on the answer is not wanted.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True from the moment that somebody cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Which records are wanted.
#[derive(Clone, Copy, Debug)]
pub struct ScanRequest<'a> {
    /// [`TableKind::Flows`] or [`TableKind::Events`]; others have no records.
    pub table: TableKind,
    /// The columns that the consumer looks at. Batches may have others too.
    pub columns: &'a [Column],
    /// Records that are about a moment from here on, in nanoseconds since 1970; `i64::MIN` where there is no limit.
    pub from: i64,
    /// And before this one; `i64::MAX` where there is no limit.
    pub to: i64,
    /// And that the filter selects.
    pub filter: &'a Filter,
    /// How many threads work; 0 for as many as there are cores.
    pub threads: usize,
    /// Ends the scan early with [`StoreError::Cancelled`].
    pub cancel: &'a Cancel,
}

/// What a scan did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Rows that were looked at.
    pub rows_read: u64,
    /// Rows that were wanted.
    pub rows_selected: u64,
    /// Files that were opened.
    pub files: u64,
    /// Row groups of which something was read.
    pub row_groups: u64,
    /// Row groups of opened files that were passed over.
    pub row_groups_pruned: u64,
    /// Octets fetched from files.
    pub octets_read: u64,
    /// What could not be read, and is missing in the answer.
    pub unreadable: Vec<Unreadable>,
}

/// A file or a block of the journal that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which, and why.
    pub what: String,
    /// How many rows it has, wanted or not, that the answer may lack.
    pub rows: u64,
}

impl AddAssign for ScanStats {
    fn add_assign(&mut self, other: Self) {
        self.rows_read += other.rows_read;
        self.rows_selected += other.rows_selected;
        self.files += other.files;
        self.row_groups += other.row_groups;
        self.row_groups_pruned += other.row_groups_pruned;
        self.octets_read += other.octets_read;
        self.unreadable.extend(other.unreadable);
    }
}

impl Snapshot {
    /// Hands the records that are wanted to consumers, one a thread, which `consumer` makes of the thread's number. Each gets batches with the mask of the
    /// rows that count, at least one, in no order. A consumer that breaks ends the scan.
    ///
    /// # Errors
    /// [`StoreError::Cancelled`]. What cannot be read is told in the answer, and the rest is answered.
    pub fn scan<C>(&self, request: &ScanRequest<'_>, consumer: impl Fn(usize) -> C + Sync) -> Result<ScanStats, StoreError>
    where
        C: FnMut(&FlowBatch, &Mask) -> ControlFlow<()>,
    {
        let queue = Queue::new(self.work(request, false), false);
        let run = |number: usize| {
            let mut consumer = consumer(number);
            Worker::new(self.place(), request).run(&queue, &mut |_, batch, mask| consumer(batch, mask))
        };
        run_all(threads(request, &queue), &queue, run)
    }

    /// The same until `most` rows are found in order of arrival, or with `newest_first` from the end. Row groups and blocks are read beside one another, so consumers
    /// also get the number of the one that a batch is of: those with the lowest numbers have the rows that are wanted, each in order of arrival within its batches.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    pub fn scan_first<C>(
        &self,
        request: &ScanRequest<'_>,
        newest_first: bool,
        most: usize,
        consumer: impl Fn(usize) -> C + Sync,
    ) -> Result<ScanStats, StoreError>
    where
        C: FnMut(usize, &FlowBatch, &Mask) -> ControlFlow<()>,
    {
        let queue = Queue::new(self.work(request, newest_first), true);
        let enough = Enough::new(most);
        let run = |number: usize| {
            let mut worker = Worker::new(self.place(), request).until(&enough);
            worker.newest_first = newest_first;
            worker.run(&queue, &mut consumer(number))
        };
        run_all(threads(request, &queue), &queue, run)
    }

    /// The same on the thread of the caller, and in order of arrival, or with `newest_first` from the end; the rows of a batch are in order of arrival always.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    pub fn scan_in_order(
        &self,
        request: &ScanRequest<'_>,
        newest_first: bool,
        consumer: &mut dyn FnMut(&FlowBatch, &Mask) -> ControlFlow<()>,
    ) -> Result<ScanStats, StoreError> {
        let queue = Queue::new(self.work(request, newest_first), true);
        let mut worker = Worker::new(self.place(), request);
        worker.newest_first = newest_first;
        worker.run(&queue, &mut |_, batch, mask| consumer(batch, mask))
    }

    /// Files and blocks that may have records that are wanted.
    fn work(&self, request: &ScanRequest<'_>, newest_first: bool) -> Vec<Work<'_>> {
        let (from, to) = (request.from, request.to);
        if from >= to || !matches!(request.table, TableKind::Flows | TableKind::Events) {
            return Vec::new();
        }
        let bounds = request.filter.bounds();
        let may_hold = |times: &Times| times.overlaps_placed(from, to) && prune::may_arrive(times, &bounds);
        let files = self.files(request.table).filter(|file| may_hold(&file.times));
        let blocks = self.blocks(BlockKind::Flows).filter(|block| may_hold(&block.times()));
        let mut work: Vec<Work<'_>> = files.map(|file| Work::File(file.clone())).chain(blocks.map(Work::Block)).collect();
        if newest_first {
            work.reverse();
        }
        work
    }

    /// Hands over the rows of another table in order of arrival: `columns` are places in the table, none for all. Batches are those that overlap the range from `from` to
    /// before `to`; single rows of them may lie outside.
    ///
    /// # Errors
    /// [`StoreError::Cancelled`]. What cannot be read is told in the answer.
    pub fn read<T: StoredTable>(
        &self,
        columns: &[usize],
        from: i64,
        to: i64,
        cancel: &Cancel,
        take: &mut dyn FnMut(&T) -> ControlFlow<()>,
    ) -> Result<ScanStats, StoreError> {
        let all: Vec<usize> = (0..T::COLUMNS.len()).collect();
        let columns = if columns.is_empty() { all.as_slice() } else { columns };
        let mut is_over = false;
        let mut stats = self.read_files(columns, None, (from, to), cancel, &mut |batch| {
            let next = take(batch);
            is_over = next.is_break();
            next
        })?;
        if !is_over {
            T::read_blocks(self, columns, from, to, &mut stats, &mut |batch| {
                if cancel.is_cancelled() { ControlFlow::Break(()) } else { take(batch) }
            });
        }
        end(cancel, stats)
    }

    /// Columns of the pages of files that are wanted, without the journal.
    pub(crate) fn read_files<T: StoredTable>(
        &self,
        columns: &[usize],
        wanted: Option<&PageFilter<'_, T>>,
        (from, to): (i64, i64),
        cancel: &Cancel,
        take: &mut dyn FnMut(&T) -> ControlFlow<()>,
    ) -> Result<ScanStats, StoreError> {
        let mut stats = ScanStats::default();
        for known in self.files(T::TABLE).filter(|file| file.times.overlaps_placed(from, to)) {
            let file = match TableFile::open(self.place(), &known.name) {
                Ok(file) => file,
                Err(error) => {
                    stats.unreadable.push(Unreadable { what: error.to_string(), rows: known.rows });
                    continue;
                }
            };
            stats.files += 1;
            for group in 0..file.row_groups() {
                if !file.group_times(group).overlaps_placed(from, to) {
                    stats.row_groups_pruned += 1;
                    continue;
                }
                stats.row_groups += 1;
                let mut is_over = cancel.is_cancelled();
                let read = file.read_pages::<T>(group, columns, wanted, &mut |batch| {
                    stats.rows_read += batch.rows() as u64;
                    is_over = cancel.is_cancelled() || take(batch).is_break();
                    if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                if let Err(error) = read {
                    stats.unreadable.push(Unreadable { what: error.to_string(), rows: file.group_rows(group) as u64 });
                }
                if is_over {
                    return end(cancel, stats);
                }
            }
        }
        end(cancel, stats)
    }
}

fn end(cancel: &Cancel, mut stats: ScanStats) -> Result<ScanStats, StoreError> {
    if cancel.is_cancelled() {
        return Err(StoreError::Cancelled);
    }
    stats.rows_selected = stats.rows_read;
    Ok(stats)
}

/// How many threads have something to do.
fn threads(request: &ScanRequest<'_>, queue: &Queue<'_>) -> usize {
    let threads = match request.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    threads.min(queue.len()).max(1)
}

/// Runs a worker on this thread and others beside it.
fn run_all(
    threads: usize,
    queue: &Queue<'_>,
    run: impl Fn(usize) -> Result<ScanStats, StoreError> + Sync,
) -> Result<ScanStats, StoreError> {
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|number| {
                scope.spawn({
                    let run = &run;
                    move || run(number)
                })
            })
            .collect();
        let mut all = run(0);
        for other in others {
            match (other.join(), &mut all) {
                (Ok(Ok(stats)), Ok(all)) => *all += stats,
                (Ok(Err(error)), Ok(_)) => all = Err(error),
                (Ok(_), Err(_)) => {}
                // A consumer's panic is the caller's.
                (Err(panic), _) => {
                    queue.close();
                    std::panic::resume_unwind(panic);
                }
            }
        }
        if let Ok(all) = &mut all {
            all.unreadable.sort_by(|one, other| one.what.cmp(&other.what));
        }
        all
    })
}

/// A table that is read as a whole: counters, health, series.
pub trait StoredTable: FileTable {
    /// Its files.
    const TABLE: TableKind;

    /// Hands over its blocks in the journal that overlap a range of time.
    fn read_blocks(
        snapshot: &Snapshot,
        columns: &[usize],
        from: i64,
        to: i64,
        stats: &mut ScanStats,
        take: &mut dyn FnMut(&Self) -> ControlFlow<()>,
    );
}

fn read_journal<T: BlockTable>(
    snapshot: &Snapshot,
    columns: &[usize],
    range: (i64, i64),
    stats: &mut ScanStats,
    take: &mut dyn FnMut(&T) -> ControlFlow<()>,
) {
    let (mut memory, mut batch) = (BlockReader::default(), T::default());
    for block in snapshot.blocks(T::KIND).filter(|block| block.times().overlaps_placed(range.0, range.1)) {
        match block.read(Some(columns), &mut memory, &mut batch) {
            Ok(()) => stats.rows_read += batch.rows() as u64,
            Err(error) => {
                stats.unreadable.push(Unreadable { what: error.to_string(), rows: block.rows() as u64 });
                continue;
            }
        }
        if take(&batch).is_break() {
            return;
        }
    }
}

macro_rules! stored_in_journal {
    ($($batch:ty => $table:ident),*) => { $(
        impl StoredTable for $batch {
            const TABLE: TableKind = TableKind::$table;

            fn read_blocks(
                snapshot: &Snapshot,
                columns: &[usize],
                from: i64,
                to: i64,
                stats: &mut ScanStats,
                take: &mut dyn FnMut(&Self) -> ControlFlow<()>,
            ) {
                read_journal(snapshot, columns, (from, to), stats, take);
            }
        }
    )* };
}

stored_in_journal!(weir_record::CounterBatch => Counters, weir_record::HealthBatch => Health);

impl StoredTable for weir_record::SeriesBatch {
    const TABLE: TableKind = TableKind::Series;

    /// Rows of segments that are not in files yet.
    fn read_blocks(
        snapshot: &Snapshot,
        _columns: &[usize],
        from: i64,
        to: i64,
        stats: &mut ScanStats,
        take: &mut dyn FnMut(&Self) -> ControlFlow<()>,
    ) {
        let (batches, unreadable) = snapshot.live_series(&|_, _| true);
        stats.unreadable.extend(unreadable);
        for batch in batches.iter().filter(|batch| batch.times().overlaps_placed(from, to)) {
            stats.rows_read += batch.rows() as u64;
            if take(batch).is_break() {
                return;
            }
        }
    }
}
