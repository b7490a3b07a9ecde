//! The operator that reads a table: threads of the store fill a bounded queue, and each partition of the plan takes from it what comes.
//!
//! Partitions share one queue, so that none waits for another, however the engine polls them. When the last of them is dropped, the threads stop.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties};
use tokio::sync::mpsc;

use super::source::{Reach, Request, Source};
use crate::error::StoreError;
use crate::scan::{Cancel, ScanStats};

/// Batches that wait in the queue, for each thread that fills it.
const QUEUE_PER_THREAD: usize = 2;

pub(super) struct StoreScan {
    source: Arc<dyn Source>,
    request: Arc<Request>,
    /// Rows after which reading may stop.
    limit: Option<usize>,
    stats: Arc<Mutex<ScanStats>>,
    /// The same of this scan alone, as `EXPLAIN ANALYZE` shows it.
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
    running: Mutex<Running>,
}

/// A reading of which some partitions are still to be handed out.
#[derive(Default)]
struct Running {
    reading: Option<Arc<Reading>>,
    taken: Vec<bool>,
}

impl StoreScan {
    pub(super) fn new(source: Arc<dyn Source>, request: Request, limit: Option<usize>, stats: Arc<Mutex<ScanStats>>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(SchemaRef::clone(&request.schema)),
            Partitioning::UnknownPartitioning(request.threads),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            source,
            request: Arc::new(request),
            limit,
            stats,
            metrics: ExecutionPlanMetricsSet::new(),
            properties: Arc::new(properties),
            running: Mutex::default(),
        }
    }

    /// The reading that a partition belongs to: a new one where this partition was handed out before, as in a recursive query.
    fn reading(&self, partition: usize) -> Result<Arc<Reading>, DataFusionError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = match running.reading.take() {
            Some(reading) if !running.taken.get(partition).copied().unwrap_or(true) => reading,
            _ => {
                running.taken = vec![false; self.request.threads];
                self.start()?
            }
        };
        if let Some(taken) = running.taken.get_mut(partition) {
            *taken = true;
        }
        // With its last partition it is no longer held here, so that it ends when they do.
        if running.taken.contains(&false) {
            running.reading = Some(Arc::clone(&reading));
        }
        Ok(reading)
    }

    fn start(&self) -> Result<Arc<Reading>, DataFusionError> {
        let (stats, metrics) = (Arc::clone(&self.stats), self.metrics.clone());
        let count = move |read: ScanStats| {
            let ScanStats { rows_read, rows_selected, files, row_groups, row_groups_pruned, octets_read, .. } = read;
            for (name, number) in [
                ("rows_read", rows_read),
                ("rows_selected", rows_selected),
                ("files", files),
                ("row_groups", row_groups),
                ("row_groups_pruned", row_groups_pruned),
                ("octets_read", octets_read),
            ] {
                MetricBuilder::new(&metrics).global_counter(name).add(usize::try_from(number).unwrap_or(usize::MAX));
            }
            *stats.lock().unwrap_or_else(PoisonError::into_inner) += read;
        };
        Reading::start(Arc::clone(&self.source), Arc::clone(&self.request), self.limit, count)
    }
}

impl ExecutionPlan for StoreScan {
    fn name(&self) -> &'static str {
        "StoreScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream, DataFusionError> {
        let reading = self.reading(partition)?;
        let rows = futures::stream::unfold(reading, |reading| async move { reading.next().await.map(|batch| (batch, reading)) });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

impl DisplayAs for StoreScan {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.request.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(
            f,
            "StoreScan: table={}, columns=[{}], filter={}",
            self.request.table.name(),
            columns.join(", "),
            self.request.filter
        )?;
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        if let Some(Reach { files, blocks }) = self.source.reach(&self.request) {
            write!(f, ", files={} of {}, blocks={} of {}", files.0, files.1, blocks.0, blocks.1)?;
        }
        Ok(())
    }
}

impl fmt::Debug for StoreScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as(DisplayFormatType::Default, f)
    }
}

/// Threads that read, and the queue they fill.
struct Reading {
    queue: tokio::sync::Mutex<mpsc::Receiver<Result<RecordBatch, DataFusionError>>>,
    /// Set when reading came to its end, whatever the end was; a queue that closes before is a fault.
    ended: Arc<AtomicBool>,
    cancel: Cancel,
}

impl Reading {
    fn start(
        source: Arc<dyn Source>,
        request: Arc<Request>,
        limit: Option<usize>,
        count: impl FnOnce(ScanStats) + Send + 'static,
    ) -> Result<Arc<Self>, DataFusionError> {
        let (sender, queue) = mpsc::channel(QUEUE_PER_THREAD * request.threads);
        let reading = Self { queue: queue.into(), ended: Arc::default(), cancel: Cancel::new() };
        let (ended, cancel) = (Arc::clone(&reading.ended), reading.cancel.clone());
        let read = move || {
            let left = AtomicUsize::new(limit.unwrap_or(usize::MAX));
            let result = source.read(&request, &cancel, &|batch| {
                let rows = batch.as_ref().map_or(0, RecordBatch::num_rows);
                let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(rows)));
                if before.unwrap_or(0) == 0 || sender.blocking_send(batch).is_err() {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            ended.store(true, Ordering::Release);
            match result {
                Ok(read) => count(read),
                // Nobody waits for the rest.
                Err(StoreError::Cancelled) => {}
                Err(error) => {
                    let _ = sender.blocking_send(Err(DataFusionError::External(error.into())));
                }
            }
        };
        std::thread::Builder::new().name("weir-sql-scan".into()).spawn(read).map_err(DataFusionError::IoError)?;
        Ok(Arc::new(reading))
    }

    async fn next(&self) -> Option<Result<RecordBatch, DataFusionError>> {
        let next = self.queue.lock().await.recv().await;
        if next.is_none() && !self.ended.swap(true, Ordering::AcqRel) {
            return Some(Err(DataFusionError::Execution("reading stopped before its end".into())));
        }
        next
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
