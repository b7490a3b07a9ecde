//! What the server needs from the service, and how a question can fail there.

use std::net::IpAddr;
use std::sync::Arc;

use weir_query::{Answer, Question};
use weir_store::{AccountSlot, AskError, Cancel, SqlAnswer, SqlError, StoreError};

use crate::error::{Place, Refusal};
use crate::metric::Counter;
use crate::named::NamesOf;
use crate::objects::Library;
use crate::source::SourceRow;

/// The service behind the API. Calls may take as long as their work does: the server makes them on threads that may wait.
pub trait Backend: Send + Sync + 'static {
    /// Whether all parts are well.
    fn health(&self) -> Health;

    /// Every source that was heard, or is configured.
    fn sources(&self) -> Vec<SourceRow>;

    /// Every counter; those of one metric stand together.
    fn counters(&self) -> Vec<Counter>;

    /// Names of addresses, looked up now or known from before; nothing for one that has none. Those that are not known in time are left out.
    fn names(&self, addresses: &[IpAddr]) -> NamesOf;

    /// Where profiles, chapters and dashboards are kept; nothing where there is no place for them.
    fn library(&self) -> Option<Arc<Library>> {
        None
    }

    /// Answers a question over what is stored.
    ///
    /// # Errors
    /// Where the question cannot be answered, or was cancelled.
    fn query(&self, question: &Question, cancel: &Cancel) -> Result<Answer, QueryError>;

    /// What is known to be missing in each slot of a series, of the sources that its filter does not rule out.
    ///
    /// # Errors
    /// Where that cannot be told, or was cancelled.
    fn account(&self, question: &Question, cancel: &Cancel) -> Result<Vec<AccountSlot>, QueryError>;

    /// Begins to answer an SQL statement.
    ///
    /// # Errors
    /// Where the statement is none, is not allowed, or was cancelled.
    fn sql(&self, statement: &str, cancel: &Cancel) -> Result<SqlAnswer, QueryError>;
}

/// Whether the service is well, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What is unwell and why, a sentence each. None: all is well.
    pub problems: Vec<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The question makes no sense; where and why.
    #[error("{}", .0.error)]
    Refused(Refusal),
    /// It is not for whoever asks.
    #[error("{0}")]
    Forbidden(String),
    /// It would take more than the limits allow.
    #[error("{0}")]
    TooMuch(String),
    /// It was to end early.
    #[error("the query was cancelled")]
    Cancelled,
    /// It ran for longer than it may.
    #[error("{0}")]
    TimeOver(String),
    /// The service has no store, or cannot read it now.
    #[error("{0}")]
    Unavailable(String),
    /// Something is wrong with the store.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Cancelled => Self::Cancelled,
            StoreError::Limit { what } => Self::TooMuch(what),
            // The next snapshot has the files that this one misses.
            StoreError::Gone { .. } => Self::Unavailable(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<AskError> for QueryError {
    fn from(error: AskError) -> Self {
        let told = error.to_string();
        match error {
            AskError::Aggregation(_) | AskError::Memory { .. } => Self::TooMuch(told),
            AskError::Time { .. } => Self::TimeOver(told),
            AskError::Cancelled => Self::Cancelled,
            AskError::Store(error) => error.into(),
            _ => Self::Failed(told),
        }
    }
}

impl From<SqlError> for QueryError {
    fn from(error: SqlError) -> Self {
        let told = error.to_string();
        match error {
            SqlError::Text { line, column, message, .. } => {
                let place = (line > 0).then(|| Box::new(Place { position: None, line, column }));
                Self::Refused(Refusal { place, ..Refusal::of("sql", message) })
            }
            SqlError::Refused(message) => Self::Refused(Refusal::of("sql", message)),
            SqlError::Memory { .. } => Self::TooMuch(told),
            SqlError::Time { .. } => Self::TimeOver(told),
            SqlError::Cancelled => Self::Cancelled,
            SqlError::Store(error) => error.into(),
            _ => Self::Failed(told),
        }
    }
}
