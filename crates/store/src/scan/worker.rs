//! A thread of a scan: takes row groups and blocks, marks the rows that are wanted, and hands them on.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use weir_query::{Bounds, Mask, time};
use weir_record::{Column, FlowBatch};

use super::enough::Enough;
use super::queue::{Queue, Work};
use super::{ScanRequest, ScanStats, Unreadable};
use crate::error::StoreError;
use crate::journal::{BlockReader, BlockRef};
use crate::manifest::{DataFile, TableKind};
use crate::place::Place;
use crate::prune::{self, PageTests};
use crate::read::TableFile;
use crate::times::Times;
use crate::write::is_event;

/// What receives batches, with the number of the row group or block that they are of.
type Consumer<'c> = dyn FnMut(usize, &FlowBatch, &Mask) -> ControlFlow<()> + 'c;

/// Where one in so many rows of a page is wanted, or fewer, they are picked instead of decoding the page.
const FEW: usize = 8;

pub(super) struct Worker<'r> {
    pub(super) newest_first: bool,
    place: &'r Place,
    request: &'r ScanRequest<'r>,
    bounds: Bounds,
    filtered: BTreeSet<Column>,
    batch: FlowBatch,
    mask: Mask,
    /// The rows of a page that are looked at, where they are few.
    rows: Vec<usize>,
    /// When no more rows are needed, where there is an end to that.
    enough: Option<&'r Enough>,
    /// The row group or block that is being read, and rows of it that were handed over.
    piece: usize,
    found: usize,
    memory: BlockReader,
    stats: ScanStats,
}

impl<'r> Worker<'r> {
    pub(super) fn new(place: &'r Place, request: &'r ScanRequest<'r>) -> Self {
        Self {
            newest_first: false,
            place,
            request,
            bounds: request.filter.bounds(),
            filtered: request.filter.columns(),
            batch: FlowBatch::new(),
            mask: Mask::new(),
            rows: Vec::new(),
            enough: None,
            piece: 0,
            found: 0,
            memory: BlockReader::default(),
            stats: ScanStats::default(),
        }
    }

    /// Stops where enough was found, over all the threads.
    pub(super) const fn until(mut self, enough: &'r Enough) -> Self {
        self.enough = Some(enough);
        self
    }

    /// Works until nothing is left, the consumer breaks or somebody cancels.
    pub(super) fn run(mut self, queue: &Queue<'_>, consumer: &mut Consumer<'_>) -> Result<ScanStats, StoreError> {
        while let Some((piece, work)) = queue.take() {
            (self.piece, self.found) = (piece, 0);
            let is_file = matches!(work, Work::File(_));
            let flow = match work {
                Work::File(file) => {
                    queue.open(|| self.open(&file));
                    ControlFlow::Continue(())
                }
                Work::Group(file, group) => {
                    let (flow, read) = self.read_group(&file, group, consumer);
                    if let Err(error) = read {
                        self.missing(&error, file.group_rows(group) as u64);
                    }
                    flow
                }
                Work::Block(block) => self.read_block(&block, consumer),
            };
            if self.request.cancel.is_cancelled() {
                queue.close();
                return Err(StoreError::Cancelled);
            }
            if let (Some(enough), false) = (self.enough, is_file) {
                enough.done(self.piece, self.found);
            }
            if flow.is_break() || !self.is_needed(0) {
                queue.close();
            }
        }
        Ok(self.stats)
    }

    /// The row groups of a file that may have rows that are wanted.
    fn open<'a>(&mut self, known: &Arc<DataFile>) -> Vec<Work<'a>> {
        let file = match TableFile::open(self.place, &known.name) {
            Ok(file) => Arc::new(file),
            Err(error) => {
                self.missing(&error, known.rows);
                return Vec::new();
            }
        };
        self.stats.files += 1;
        let ScanRequest { from, to, .. } = *self.request;
        let all = 0..file.row_groups();
        let mut wanted: Vec<usize> = all
            .filter(|group| file.group_times(*group).overlaps_placed(from, to) && prune::may_hold(&file, *group, &self.bounds))
            .collect();
        self.stats.row_groups_pruned += (file.row_groups() - wanted.len()) as u64;
        if self.newest_first {
            wanted.reverse();
        }
        wanted.into_iter().map(|group| Work::Group(file.clone(), group)).collect()
    }

    fn read_group(
        &mut self,
        file: &TableFile,
        group: usize,
        consumer: &mut Consumer<'_>,
    ) -> (ControlFlow<()>, Result<(), StoreError>) {
        let is_timed = self.needs_times(&file.group_times(group));
        let mut first = self.filtered.clone();
        if is_timed {
            first.extend(time::COLUMNS);
        }
        let later: Vec<usize> = places(self.request.columns.iter().filter(|column| !first.contains(column)));
        let (first, wanted) = (places(&first), places(self.request.columns));
        let mut reader = file.group::<FlowBatch>(group);
        let mut tests = PageTests::new(&self.bounds);
        self.stats.row_groups += 1;
        let (pages, mut flow, mut read) = (reader.pages(), ControlFlow::Continue(()), Ok(()));
        for page in 0..pages {
            if self.request.cancel.is_cancelled() || flow.is_break() || !self.is_needed(self.found) {
                break;
            }
            let page = if self.newest_first { pages - 1 - page } else { page };
            let all = reader.page_rows(page).len();
            let mut rows = std::mem::take(&mut self.rows);
            let few = match tests.rows(&mut reader, page, &mut rows) {
                Ok(candidates) => candidates.filter(|rows| rows.len() * FEW <= all).map(<[usize]>::len),
                Err(error) => {
                    read = Err(error);
                    break;
                }
            };
            self.rows = rows;
            self.batch.clear();
            self.stats.rows_read += all as u64;
            if let Some(candidates) = few {
                if candidates == 0 {
                    continue;
                }
                read = reader.pick(page, &first, &self.rows, &mut self.batch);
                self.batch.advance(candidates);
            } else {
                read = reader.read(page, &first, &mut self.batch);
                self.batch.advance(all);
            }
            if read.is_err() {
                break;
            }
            self.batch.finish();
            self.mark(is_timed);
            let selected = self.mask.count();
            if selected == 0 {
                continue;
            }
            self.found += selected;
            if few.is_some() {
                read = reader.pick(page, &later, &self.rows, &mut self.batch);
            } else if selected * FEW <= all {
                self.rows.clear();
                self.rows.extend(self.mask.iter());
                self.batch.clear();
                read = reader.pick(page, &wanted, &self.rows, &mut self.batch);
                self.batch.advance(selected);
                self.mask.select_all(selected);
            } else {
                read = reader.read(page, &later, &mut self.batch);
            }
            if read.is_ok() {
                self.batch.finish();
                flow = consumer(self.piece, &self.batch, &self.mask);
            }
            if read.is_err() {
                break;
            }
        }
        self.stats.octets_read += reader.octets();
        (flow, read)
    }

    /// False where what this worker could still find is not needed: `found` rows of its piece are there.
    fn is_needed(&self, found: usize) -> bool {
        self.enough.is_none_or(|enough| enough.needs(self.piece, found))
    }

    fn read_block(&mut self, block: &BlockRef<'_>, consumer: &mut Consumer<'_>) -> ControlFlow<()> {
        let is_timed = self.needs_times(&block.times());
        let mut columns = self.filtered.clone();
        columns.extend(self.request.columns);
        columns.insert(Column::record_kind);
        if is_timed {
            columns.extend(time::COLUMNS);
        }
        if let Err(error) = block.read(Some(&places(&columns)), &mut self.memory, &mut self.batch) {
            self.missing(&error, block.rows() as u64);
            return ControlFlow::Continue(());
        }
        self.stats.rows_read += self.batch.rows() as u64;
        self.mark(is_timed);
        // The journal holds both tables.
        let selected = self.mask.count();
        if !self.batch.record_kind.is_empty() || self.request.table == TableKind::Events {
            let (batch, wants_events) = (&self.batch, self.request.table == TableKind::Events);
            self.mask.retain(|row| is_event(batch, row) == wants_events);
        }
        let left = self.mask.count();
        self.stats.rows_selected -= (selected - left) as u64;
        self.found = left;
        if left == 0 { ControlFlow::Continue(()) } else { consumer(self.piece, &self.batch, &self.mask) }
    }

    /// Marks the rows of the batch that are wanted.
    fn mark(&mut self, is_timed: bool) {
        let Self { request, batch, mask, stats, .. } = self;
        request.filter.evaluate(batch, mask);
        if is_timed {
            time::restrict(batch, request.from, request.to, mask);
        }
        stats.rows_selected += mask.count() as u64;
    }

    /// True where some of the rows may lie outside of the range that is wanted.
    const fn needs_times(&self, times: &Times) -> bool {
        times.placed_min < self.request.from || times.placed_max >= self.request.to && self.request.to != i64::MAX
    }

    fn missing(&mut self, error: &StoreError, rows: u64) {
        self.stats.unreadable.push(Unreadable { what: error.to_string(), rows });
    }
}

/// Places of columns in their table.
fn places<'c>(columns: impl IntoIterator<Item = &'c Column>) -> Vec<usize> {
    columns.into_iter().map(|column| *column as usize).collect()
}
