//! SQL over a snapshot: DataFusion's parser, optimizer and operators over the store's own scan. Read only.
//!
//! Tables are `flows`, `events`, `counters`, `health` and `series`, with the columns of the manual in types that read well ([`friendly`](crate::friendly)).
//! Only the columns that a statement names are read, conditions that the filter language can express are checked where the columns lie, and an answer that is
//! dropped stops its threads. Statements that change anything, or would reach outside of the store, are refused before they are planned.
//!
//! Reading order: this file, `source` (what is read from), `table` and `scan` (as the engine sees it), `pushdown` (conditions to filters), `functions`, `rows`, `error`.

mod error;
mod functions;
mod pushdown;
mod rows;
mod scan;
mod source;
mod table;

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::config::ConfigNonZeroUsize;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;

use crate::manifest::TableKind;
use crate::runtime::Background;
use crate::scan::{Cancel, ScanStats};
use crate::snapshot::Snapshot;

pub use error::SqlError;
pub use rows::SqlRows;
use source::Source;
use table::StoreTable;

/// Longest statement, in octets.
const MAX_SQL_TEXT: usize = 1 << 20;
/// How deep a statement may be nested.
const MAX_DEPTH: usize = 1000;
/// Rows that the engine works on at a time.
const BATCH_ROWS: usize = 8192;
/// How often a waiting caller looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(20);

/// What a statement may cost.
#[derive(Clone, Debug)]
pub struct SqlLimits {
    /// Octets of memory that sorting, grouping and joining may hold.
    pub memory: usize,
    /// How long it may take, from the call to the last row; nothing for as long as it takes.
    pub time: Option<Duration>,
    /// Threads that read, and as many that calculate.
    pub threads: usize,
}

impl Default for SqlLimits {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { memory: 512 << 20, time: None, threads }
    }
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlColumn {
    /// Its name.
    pub name: String,
    /// What its values are: `number`, `text`, `time`, `bool`, `list` or `other`.
    pub kind: &'static str,
}

/// Answers one statement.
///
/// # Errors
/// Where the text is no statement that reads, names what is not there, or the time is over or `cancel` was called before the first row.
pub fn sql(snapshot: &Snapshot, text: &str, limits: &SqlLimits, cancel: &Cancel) -> Result<SqlAnswer, SqlError> {
    answer(Arc::new(snapshot.clone()), text, limits, cancel)
}

fn answer(source: Arc<dyn Source>, text: &str, limits: &SqlLimits, cancel: &Cancel) -> Result<SqlAnswer, SqlError> {
    let statement = parse(text)?;
    let deadline = limits.time.and_then(|time| Instant::now().checked_add(time));
    let background = Background::new("weir-sql", limits.threads).map_err(|error| SqlError::Failed(error.to_string()))?;
    let guard = Guard { background, cancel: cancel.clone(), deadline, limits: limits.clone(), text: text.into() };
    let stats = Arc::new(Mutex::new(ScanStats::default()));
    let context = context(&source, limits, &stats).map_err(|error| guard.fault(error))?;
    let stream = guard.wait(async move { start(&context, statement).await })?.map_err(|error| guard.fault(error))?;
    let columns = stream
        .schema()
        .fields()
        .iter()
        .map(|field| SqlColumn { name: field.name().clone(), kind: rows::kind(field.data_type()) })
        .collect();
    Ok(SqlAnswer { columns, stream: Some(Arc::new(tokio::sync::Mutex::new(stream))), guard, stats })
}

/// The only statement of a text, if it reads.
fn parse(text: &str) -> Result<Statement, SqlError> {
    if text.len() > MAX_SQL_TEXT {
        return Err(SqlError::Refused(format!("a statement of {} octets is longer than {MAX_SQL_TEXT}", text.len())));
    }
    let fault = |error| SqlError::of(error, text);
    let mut parser = DFParserBuilder::new(text).with_recursion_limit(MAX_DEPTH).build().map_err(fault)?;
    let mut statements = parser.parse_statements().map_err(fault)?;
    let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
        return Err(SqlError::Refused("expected one statement, such as SELECT".into()));
    };
    refused(&statement).map_or(Ok(statement), |what| {
        Err(SqlError::Refused(format!("{what} is refused: SQL only reads here (SELECT, EXPLAIN, SHOW, DESCRIBE)")))
    })
}

/// The first words of a statement that does anything but read.
fn refused(statement: &Statement) -> Option<String> {
    let statement = match statement {
        Statement::Explain(explain) => return refused(&explain.statement),
        Statement::Statement(statement) => statement.as_ref(),
        Statement::CreateExternalTable(_) => return Some("CREATE EXTERNAL TABLE".into()),
        Statement::CopyTo(_) => return Some("COPY".into()),
        Statement::Reset(_) => return Some("RESET".into()),
    };
    match statement {
        ast::Statement::Query(_)
        | ast::Statement::ExplainTable { .. }
        | ast::Statement::ShowTables { .. }
        | ast::Statement::ShowColumns { .. }
        | ast::Statement::ShowFunctions { .. }
        | ast::Statement::ShowVariable { .. } => None,
        ast::Statement::Explain { statement, .. } => refused(&Statement::Statement(statement.clone())),
        other => {
            let text = other.to_string();
            Some(text.split_whitespace().take(2).collect::<Vec<_>>().join(" ").trim_end_matches('(').to_owned())
        }
    }
}

/// A session that knows the store's tables and functions, and nothing else.
fn context(
    source: &Arc<dyn Source>,
    limits: &SqlLimits,
    stats: &Arc<Mutex<ScanStats>>,
) -> Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_target_partitions(limits.threads.max(1))
        .with_batch_size(BATCH_ROWS)
        // Paths of this machine are nobody's business who may ask.
        .set_str("datafusion.explain.show_statistics", "false");
    let options = config.options_mut();
    options.sql_parser.collect_spans = true;
    options.sql_parser.recursion_limit = ConfigNonZeroUsize::try_new(MAX_DEPTH)?;
    options.execution.time_zone = Some("UTC".into());
    let top = NonZeroUsize::MIN;
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(GreedyMemoryPool::new(limits.memory), top)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .build_arc()?;
    let context = SessionContext::new_with_config_rt(config, runtime);
    for table in [TableKind::Flows, TableKind::Events, TableKind::Counters, TableKind::Health, TableKind::Series] {
        let provider = StoreTable::new(Arc::clone(source), table, limits.threads, Arc::clone(stats));
        context.register_table(table.name(), Arc::new(provider))?;
    }
    functions::register(&context);
    Ok(context)
}

/// Plans a statement and begins to run it.
async fn start(context: &SessionContext, statement: Statement) -> Result<SendableRecordBatchStream, DataFusionError> {
    let state = context.state();
    let plan = state.statement_to_plan(statement).await?;
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false).verify_plan(&plan)?;
    let plan = state.create_physical_plan(&plan).await?;
    execute_stream(plan, context.task_ctx())
}

/// The rows of an answer, some thousand at a time, as they are found. An answer that is dropped stops what works for it.
pub struct SqlAnswer {
    columns: Vec<SqlColumn>,
    /// Nothing after the end. The stream goes before the runtime that drives it.
    stream: Option<Arc<tokio::sync::Mutex<SendableRecordBatchStream>>>,
    guard: Guard,
    stats: Arc<Mutex<ScanStats>>,
}

impl SqlAnswer {
    /// The columns.
    pub fn columns(&self) -> &[SqlColumn] {
        &self.columns
    }

    /// What was read so far, and what could not be read: whoever shows an answer tells it.
    pub fn stats(&self) -> ScanStats {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SqlAnswer {
    /// An answer that lacks what could not be read does not end as if it were whole.
    fn unread(&self) -> Option<SqlError> {
        let stats = self.stats();
        let first = stats.unreadable.first()?;
        let rows = stats.unreadable.iter().map(|lost| lost.rows).sum();
        Some(SqlError::Incomplete { what: first.what.clone(), more: stats.unreadable.len() - 1, rows })
    }
}

impl Iterator for SqlAnswer {
    type Item = Result<SqlRows, SqlError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let stream = Arc::clone(self.stream.as_ref()?);
            let next: Result<Option<Result<RecordBatch, DataFusionError>>, SqlError> =
                self.guard.wait(async move { stream.lock().await.next().await });
            let result = match next {
                Ok(Some(Ok(rows))) if rows.num_rows() == 0 => continue,
                Ok(Some(Ok(rows))) => return Some(SqlRows::new(rows).map_err(|error| self.guard.fault(error.into()))),
                Ok(Some(Err(error))) => Some(Err(self.guard.fault(error))),
                Ok(None) => self.unread().map(Err),
                Err(error) => Some(Err(error)),
            };
            self.stream = None;
            return result;
        }
    }
}

/// Waits for the engine, but not past what a statement may take.
struct Guard {
    background: Background,
    cancel: Cancel,
    deadline: Option<Instant>,
    limits: SqlLimits,
    text: Box<str>,
}

impl Guard {
    /// Waits on the thread of the caller: those of the engine may calculate for long between two awaits, and nothing else runs there then.
    fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Result<T, SqlError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let work = self.background.handle().spawn(async move {
            // Nobody receives where the caller was told of an end already.
            let _ = sender.send(future.await);
        });
        loop {
            let ended = match self.deadline {
                _ if self.cancel.is_cancelled() => SqlError::Cancelled,
                Some(deadline) if Instant::now() >= deadline => SqlError::Time { limit: self.limits.time.unwrap_or_default() },
                _ => match receiver.recv_timeout(LOOK) {
                    Ok(value) => return Ok(value),
                    Err(mpsc::RecvTimeoutError::Timeout) => continue,
                    Err(mpsc::RecvTimeoutError::Disconnected) => SqlError::Failed("the query engine stopped unexpectedly".into()),
                },
            };
            work.abort();
            return Err(ended);
        }
    }

    fn fault(&self, error: DataFusionError) -> SqlError {
        match SqlError::of(error, &self.text) {
            SqlError::Memory { .. } => SqlError::Memory { limit: self.limits.memory },
            error => error,
        }
    }
}

#[cfg(test)]
mod tests;
