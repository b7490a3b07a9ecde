//! The queries that run: how many may at a time, for how long, and how each of them ends early.
//!
//! A query holds its turn until its work has really ended, whoever stopped waiting for it, so that what runs is never more than the limit.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use utoipa::ToSchema;
use weir_store::Cancel;

use crate::error::Fault;
use crate::limits::Limits;
use crate::people::{Caller, Role};

/// All queries of a server.
#[derive(Debug)]
pub(crate) struct Queries {
    running: Mutex<BTreeMap<u64, Entry>>,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    last_id: AtomicU64,
    limits: Limits,
    counts: Counts,
}

/// What became of queries so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Ended with an answer.
    pub(crate) answered: AtomicU64,
    /// Refused for what they ask.
    pub(crate) refused: AtomicU64,
    /// Refused for want of a turn.
    pub(crate) turned_away: AtomicU64,
    /// Ended early: cancelled, client gone, time over.
    pub(crate) cancelled: AtomicU64,
    /// Failed.
    pub(crate) failed: AtomicU64,
    /// Time that queries ran, microseconds.
    pub(crate) run_time: AtomicU64,
}

/// A query that runs, as the API tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryRow {
    /// By which it can be cancelled.
    pub id: u64,
    /// `query` or `sql`.
    pub kind: String,
    /// What it asks.
    pub text: String,
    /// Whose it is.
    pub user: String,
    /// How long it has been running.
    pub seconds: f64,
}

#[derive(Debug)]
struct Entry {
    kind: &'static str,
    text: String,
    user: String,
    begun: Instant,
    cancel: Cancel,
    why: Option<Why>,
}

impl Entry {
    /// Admins look after those of all.
    fn is_of(&self, caller: &Caller) -> bool {
        caller.role() == Role::Admin || caller.name() == self.user
    }
}

/// Why a query ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Asked,
    ClientGone,
    TimeOver,
}

impl Queries {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            running: Mutex::default(),
            turns: Arc::new(Semaphore::new(limits.queries)),
            waiting: AtomicUsize::new(0),
            last_id: AtomicU64::new(0),
            limits: *limits,
            counts: Counts::default(),
        }
    }

    /// Waits for a turn; the query then runs until the turn is dropped.
    pub(crate) async fn begin(self: &Arc<Self>, kind: &'static str, text: String, user: &str) -> Result<Turn, Fault> {
        let permit = self.permit().await.inspect_err(|_| {
            self.counts.turned_away.fetch_add(1, Ordering::Relaxed);
        })?;
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let cancel = Cancel::new();
        let user = user.to_owned();
        self.table().insert(id, Entry { kind, text, user, begun: Instant::now(), cancel: cancel.clone(), why: None });
        let queries = Arc::clone(self);
        let timer = tokio::spawn(async move {
            tokio::time::sleep(queries.limits.query_time).await;
            queries.end(id, Why::TimeOver);
        });
        Ok(Turn { id, cancel, queries: Arc::clone(self), timer: timer.abort_handle(), _permit: permit })
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let refuse = |error: String| Fault::new(StatusCode::SERVICE_UNAVAILABLE, error);
        if let Ok(permit) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(permit);
        }
        let limit = self.limits.waiting;
        let _waiting = Waiting::new(&self.waiting, limit).ok_or_else(|| {
            refuse(format!("{} queries run and {limit} wait for their turn: ask again later", self.limits.queries))
        })?;
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(self.limits.queue_time, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(refuse(format!(
                "{} queries run and none of them ended within {}: ask again later, or cancel one",
                self.limits.queries,
                seconds(self.limits.queue_time)
            ))),
        }
    }

    /// Those that run and that this caller may see, the oldest first.
    pub(crate) fn rows(&self, caller: &Caller) -> Vec<QueryRow> {
        let table = self.table();
        let row = |(id, entry): (&u64, &Entry)| QueryRow {
            id: *id,
            kind: entry.kind.into(),
            text: entry.text.clone(),
            user: entry.user.clone(),
            seconds: entry.begun.elapsed().as_secs_f64(),
        };
        table.iter().filter(|(_, entry)| entry.is_of(caller)).map(row).collect()
    }

    /// How many run.
    pub(crate) fn running(&self) -> usize {
        self.table().len()
    }

    /// Cancels one; false where none of that number runs, or not one that is theirs.
    pub(crate) fn cancel(&self, id: u64, caller: &Caller) -> bool {
        let is_theirs = self.table().get(&id).is_some_and(|entry| entry.is_of(caller));
        is_theirs && self.end(id, Why::Asked)
    }

    pub(crate) fn cancel_all(&self) {
        let ids: Vec<u64> = self.table().keys().copied().collect();
        for id in ids {
            self.end(id, Why::Asked);
        }
    }

    /// What became of queries so far.
    pub(crate) const fn counts(&self) -> &Counts {
        &self.counts
    }

    fn end(&self, id: u64, why: Why) -> bool {
        match self.table().get_mut(&id) {
            Some(entry) => {
                // The first reason is the one that is told.
                entry.why.get_or_insert(why);
                entry.cancel.cancel();
                true
            }
            None => false,
        }
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that waits, counted while it does.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize, limit: usize) -> Option<Self> {
        let one_more = |waiting: usize| (waiting < limit).then_some(waiting + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to run one query.
#[derive(Debug)]
pub(crate) struct Turn {
    id: u64,
    /// True when the query is to end early.
    pub(crate) cancel: Cancel,
    queries: Arc<Queries>,
    timer: AbortHandle,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Cancels the query when it is dropped, unless the answer went out before.
    pub(crate) fn watch(&self) -> Watch {
        Watch { id: self.id, queries: Arc::clone(&self.queries) }
    }

    /// What is told of a query that was cancelled.
    pub(crate) fn cancelled(&self) -> Fault {
        let why = self.queries.table().get(&self.id).and_then(|entry| entry.why);
        match why {
            Some(Why::TimeOver) => {
                let limit = seconds(self.queries.limits.query_time);
                let error = format!(
                    "the query ran for {limit}, which is the limit: choose a shorter time, fewer keys or a narrower filter"
                );
                Fault::new(StatusCode::REQUEST_TIMEOUT, error)
            }
            _ => Fault::new(StatusCode::CONFLICT, "the query was cancelled"),
        }
    }

    /// Counts how it ended.
    pub(crate) fn note<T>(&self, ended: &Result<T, Fault>) {
        let counts = &self.queries.counts;
        let count = match ended {
            Ok(_) => &counts.answered,
            Err(fault) => match fault.status {
                StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => &counts.refused,
                StatusCode::CONFLICT | StatusCode::REQUEST_TIMEOUT => &counts.cancelled,
                _ => &counts.failed,
            },
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.timer.abort();
        if let Some(entry) = self.queries.table().remove(&self.id) {
            let micros = u64::try_from(entry.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.queries.counts.run_time.fetch_add(micros, Ordering::Relaxed);
        }
    }
}

/// Ends a query whose client is gone.
#[derive(Debug)]
pub(crate) struct Watch {
    id: u64,
    queries: Arc<Queries>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A query whose answer went out is in the table no more.
        self.queries.end(self.id, Why::ClientGone);
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
