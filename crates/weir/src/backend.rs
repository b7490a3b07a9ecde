//! Answers over what is stored: for the HTTP edge of the running service, and for commands that read the files themselves.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use weir_query::{Answer, Question};
use weir_server::{Backend, Counter, Health, Library, NamesOf, QueryError, SourceRow};
use weir_store::{AccountSlot, AskLimits, Cancel, Snapshot, SqlAnswer, SqlLimits};

use crate::client::Refused;
use crate::collect::now;
use crate::exit::Failure;
use crate::metrics;
use crate::names::Names;
use crate::objects;
use crate::service::running::Running;

/// The running service behind the HTTP edge.
pub(crate) struct ServiceBackend {
    running: Arc<Running>,
    names: Names,
}

impl ServiceBackend {
    pub(crate) fn new(running: Arc<Running>) -> Self {
        Self { running, names: Names::new() }
    }

    fn snapshot(&self) -> Result<Snapshot, QueryError> {
        let store = self.running.store();
        let store = store.ok_or_else(|| QueryError::Unavailable("nothing is stored: the configuration has no [store]".into()))?;
        Ok(store.snapshot())
    }
}

impl Backend for ServiceBackend {
    fn health(&self) -> Health {
        self.running.health()
    }

    fn sources(&self) -> Vec<SourceRow> {
        self.running.sources()
    }

    fn counters(&self) -> Vec<Counter> {
        metrics::counters(&self.running)
    }

    fn names(&self, addresses: &[IpAddr]) -> NamesOf {
        self.names.of(addresses)
    }

    fn library(&self) -> Option<Arc<Library>> {
        self.running.library().cloned()
    }

    fn query(&self, question: &Question, cancel: &Cancel) -> Result<Answer, QueryError> {
        let snapshot = self.snapshot()?;
        let question = match self.running.sums() {
            Some(sums) => &sums.answering(question.clone(), &snapshot),
            None => question,
        };
        ask(&snapshot, question, None, cancel)
    }

    fn account(&self, question: &Question, cancel: &Cancel) -> Result<Vec<AccountSlot>, QueryError> {
        Ok(weir_store::account(&self.snapshot()?, question, now(), cancel)?)
    }

    fn sql(&self, statement: &str, cancel: &Cancel) -> Result<SqlAnswer, QueryError> {
        ask_sql(&self.snapshot()?, statement, None, cancel)
    }
}

/// What can be read of the store at this path now.
pub(crate) fn open(path: &Path) -> Result<Snapshot, Failure> {
    let opened = Snapshot::open(path, None, Some(objects::plain_summary()));
    opened.map_err(|error| Failure::Failed(format!("cannot read the store {}: {error}", path.display())))
}

/// Answers a question, within this time if there is one.
pub(crate) fn ask(
    snapshot: &Snapshot,
    question: &Question,
    time: Option<Duration>,
    cancel: &Cancel,
) -> Result<Answer, QueryError> {
    let limits = AskLimits { time, ..AskLimits::default() };
    Ok(weir_store::ask(snapshot, question, &limits, cancel)?)
}

/// Begins to answer a statement, within this time if there is one.
pub(crate) fn ask_sql(
    snapshot: &Snapshot,
    statement: &str,
    time: Option<Duration>,
    cancel: &Cancel,
) -> Result<SqlAnswer, QueryError> {
    let limits = SqlLimits { time, ..SqlLimits::default() };
    Ok(weir_store::sql(snapshot, statement, &limits, cancel)?)
}

/// Why there is no answer, as the commands tell it.
pub(crate) fn refused(error: QueryError) -> Refused {
    match error {
        QueryError::Refused(refusal) => Refused::Question(refusal),
        other => Refused::Failed(Failure::Failed(other.to_string())),
    }
}
