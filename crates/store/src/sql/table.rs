//! A table of the store as the engine plans it.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use weir_query::Filter;

use super::pushdown;
use super::scan::StoreScan;
use super::source::{self, Request, Source};
use crate::friendly;
use crate::manifest::TableKind;
use crate::scan::ScanStats;

pub(super) struct StoreTable {
    source: Arc<dyn Source>,
    table: TableKind,
    threads: usize,
    schema: SchemaRef,
    stats: Arc<Mutex<ScanStats>>,
}

impl StoreTable {
    pub(super) fn new(source: Arc<dyn Source>, table: TableKind, threads: usize, stats: Arc<Mutex<ScanStats>>) -> Self {
        Self { source, table, threads: threads.max(1), schema: friendly::schema(source::columns(table)), stats }
    }

    /// True for the tables that filters are about.
    const fn has_filters(&self) -> bool {
        matches!(self.table, TableKind::Flows | TableKind::Events)
    }
}

impl fmt::Debug for StoreTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreTable({})", self.table.name())
    }
}

#[async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        let support = |filter: &&Expr| {
            let is_whole = self.has_filters() && pushdown::filter(&[filter]).is_some();
            if is_whole { TableProviderFilterPushDown::Exact } else { TableProviderFilterPushDown::Unsupported }
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let columns = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let schema = Arc::new(self.schema.project(&columns)?);
        let filter = if filters.is_empty() { Some(Filter::any()) } else { pushdown::filter(&filters.iter().collect::<Vec<_>>()) };
        let Some(filter) = filter else {
            return internal_err!("conditions that were taken cannot be read: {filters:?}");
        };
        let request = Request { table: self.table, columns, filter, threads: self.threads, schema };
        Ok(Arc::new(StoreScan::new(Arc::clone(&self.source), request, limit, Arc::clone(&self.stats))))
    }
}
