//! What SQL reads from: tables whose rows come batch by batch, on threads of the source's own.

use std::ops::ControlFlow;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use weir_query::{Filter, Mask};
use weir_record::{Column, ColumnInfo, CounterBatch, FlowBatch, HealthBatch, SeriesBatch, Table};

use super::BATCH_ROWS;
use crate::block::BlockKind;
use crate::error::StoreError;
use crate::friendly::{self, Rows};
use crate::manifest::TableKind;
use crate::prune;
use crate::scan::{Cancel, ScanRequest, ScanStats, StoredTable};
use crate::snapshot::Snapshot;
use crate::times::Times;

/// What is read of one table.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) table: TableKind,
    /// Places in the table's columns, in the order that is asked for.
    pub(super) columns: Vec<usize>,
    /// Which rows; of flows and events only.
    pub(super) filter: Filter,
    pub(super) threads: usize,
    /// The columns as the engine knows them.
    pub(super) schema: SchemaRef,
}

/// Takes rows, on any thread; breaks when it has enough.
pub(super) type Take<'a> = &'a (dyn Fn(Result<RecordBatch, DataFusionError>) -> ControlFlow<()> + Sync);

/// A snapshot, or what a test has instead.
pub(super) trait Source: Send + Sync + 'static {
    /// Gives every row that is asked for, in no particular order.
    fn read(&self, request: &Request, cancel: &Cancel, take: Take<'_>) -> Result<ScanStats, StoreError>;

    /// How much of a table may have such rows, for those who ask how a statement will be answered.
    fn reach(&self, request: &Request) -> Option<Reach>;
}

/// Files and blocks of the journal that will be looked at, and how many there are.
pub(super) struct Reach {
    pub(super) files: (usize, usize),
    pub(super) blocks: (usize, usize),
}

impl Source for Snapshot {
    fn read(&self, request: &Request, cancel: &Cancel, take: Take<'_>) -> Result<ScanStats, StoreError> {
        match request.table {
            TableKind::Flows | TableKind::Events => read_flows(self, request, cancel, take),
            TableKind::Counters => read_whole::<CounterBatch>(self, request, cancel, take),
            TableKind::Health => read_whole::<HealthBatch>(self, request, cancel, take),
            TableKind::Series => read_whole::<SeriesBatch>(self, request, cancel, take),
        }
    }

    fn reach(&self, request: &Request) -> Option<Reach> {
        if !matches!(request.table, TableKind::Flows | TableKind::Events) {
            return None;
        }
        let bounds = request.filter.bounds();
        let count = |times: &mut dyn Iterator<Item = Times>| {
            let all: Vec<bool> = times.map(|times| prune::may_arrive(&times, &bounds)).collect();
            (all.iter().filter(|may| **may).count(), all.len())
        };
        Some(Reach {
            files: count(&mut self.files(request.table).map(|file| file.times)),
            blocks: count(&mut self.blocks(BlockKind::Flows).map(|block| block.times())),
        })
    }
}

fn read_flows(snapshot: &Snapshot, request: &Request, cancel: &Cancel, take: Take<'_>) -> Result<ScanStats, StoreError> {
    let columns: Vec<Column> = request.columns.iter().filter_map(|place| Column::ALL.get(*place).copied()).collect();
    let scan = ScanRequest {
        table: request.table,
        columns: &columns,
        from: i64::MIN,
        to: i64::MAX,
        filter: &request.filter,
        threads: request.threads,
        cancel,
    };
    snapshot.scan(&scan, |_| {
        let mut listed = Vec::new();
        move |batch: &FlowBatch, mask: &Mask| {
            friendly::in_pieces(mask, BATCH_ROWS, &mut listed, |rows| take(record(request, batch, rows)))
        }
    })
}

/// Hands on every row of a table that has no filters.
fn read_whole<T: StoredTable>(
    snapshot: &Snapshot,
    request: &Request,
    cancel: &Cancel,
    take: Take<'_>,
) -> Result<ScanStats, StoreError> {
    // Where no column is asked for, one is enough to count rows by.
    let columns: &[usize] = if request.columns.is_empty() { &[0] } else { &request.columns };
    snapshot.read::<T>(columns, i64::MIN, i64::MAX, cancel, &mut |batch| {
        let pieces = (0..batch.rows()).step_by(BATCH_ROWS).map(|from| Rows::Span(from, (from + BATCH_ROWS).min(batch.rows())));
        pieces.map(|rows| record(request, batch, rows)).try_for_each(take)
    })
}

/// Rows of a batch as the engine takes them.
pub(super) fn record<T: Table>(request: &Request, batch: &T, rows: Rows<'_>) -> Result<RecordBatch, DataFusionError> {
    let arrays: Vec<ArrayRef> = request.columns.iter().map(|place| friendly::array(batch, *place, rows)).collect();
    // Where no column is asked for, rows are only counted.
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(SchemaRef::clone(&request.schema), arrays, &options)?)
}

/// The columns of a table.
pub(super) const fn columns(table: TableKind) -> &'static [ColumnInfo] {
    match table {
        TableKind::Flows | TableKind::Events => FlowBatch::COLUMNS,
        TableKind::Counters => CounterBatch::COLUMNS,
        TableKind::Health => HealthBatch::COLUMNS,
        TableKind::Series => SeriesBatch::COLUMNS,
    }
}
