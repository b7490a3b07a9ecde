//! Questions over what is stored: records listed, summed up by groups or by time, from files, the journal, or continuous series.
//!
//! Reading order: [`ask`], then `sums` (groups, series, summaries), `list` (records), `account` (what is known to be missing).

mod account;
mod fail_over;
mod list;
mod sums;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

pub use account::{AccountSlot, MAX_ACCOUNT_SLOTS, account};
use weir_query::{AggregationError, AggregationLimits, Answer, Note, Question, QuestionKind};

use crate::error::StoreError;
use crate::manifest::TableKind;
use crate::scan::{Cancel, ScanStats};
use crate::snapshot::Snapshot;

/// What the answer to a question may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskLimits {
    /// Threads that read; 0 for as many as there are cores.
    pub threads: usize,
    /// Groups, where not only the largest are asked for.
    pub groups: usize,
    /// Octets of memory for groups, or for listed records.
    pub memory: usize,
    /// Slots of a series.
    pub slots: usize,
    /// How long it may take.
    pub time: Option<Duration>,
}

impl Default for AskLimits {
    /// As many threads as there are cores, a million groups, 512 MiB, a hundred thousand slots, any time.
    fn default() -> Self {
        let AggregationLimits { groups, memory, slots } = AggregationLimits::default();
        Self { threads: 0, groups, memory, slots, time: None }
    }
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The answer is too large.
    #[error(transparent)]
    Aggregation(#[from] AggregationError),
    /// The listed records need too much memory.
    #[error("the records need more than {} MiB: take a smaller `limit` or name `columns`", limit >> 20)]
    Memory {
        /// Octets that are allowed.
        limit: usize,
    },
    /// It took too long.
    #[error("no answer within {} s: add a filter or take a shorter time", limit.as_secs())]
    Time {
        /// How long it may take.
        limit: Duration,
    },
    /// Nobody wants the answer any more.
    #[error("the question was cancelled")]
    Cancelled,
    /// The store cannot be read.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for AskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Cancelled => Self::Cancelled,
            error => Self::Store(error),
        }
    }
}

/// Answers a question from what a snapshot has. Blocks until the answer is there; when its time is over, `cancel` is told.
///
/// # Errors
/// Where the answer passes a limit, was cancelled, or the store cannot be read. A file that cannot be read is no error: the answer says that it is left out.
pub fn ask(snapshot: &Snapshot, question: &Question, limits: &AskLimits, cancel: &Cancel) -> Result<Answer, AskError> {
    match limits.time {
        Some(time) => within(time, cancel, || answer(snapshot, question, limits, cancel)),
        None => answer(snapshot, question, limits, cancel),
    }
}

/// Does the work, and tells it to end when the time is over.
fn within<T>(time: Duration, cancel: &Cancel, work: impl FnOnce() -> Result<T, AskError>) -> Result<T, AskError> {
    let watch = Watch::default();
    let late = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            if !watch.is_over_within(time) {
                late.store(true, Ordering::Relaxed);
                cancel.cancel();
            }
        });
        let result = work();
        watch.end();
        match result {
            Err(AskError::Cancelled) if late.load(Ordering::Relaxed) => Err(AskError::Time { limit: time }),
            result => result,
        }
    })
}

fn answer(snapshot: &Snapshot, question: &Question, limits: &AskLimits, cancel: &Cancel) -> Result<Answer, AskError> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
    let (mut answer, stats) = match question.kind() {
        QuestionKind::List => list::list(snapshot, question, limits, cancel)?,
        _ => sums::sum_up(snapshot, question, limits, cancel)?,
    };
    let account = account::of(snapshot, question, now, cancel)?;
    answer.completeness = Some(account.completeness);
    answer.notes.extend(account.fail_overs.into_iter().map(Note::FailOver));
    if account.are_fail_overs_untold {
        answer.notes.push(Note::FailOversUntold);
    }
    if let Some(since) = account.arriving_since {
        answer.notes.push(Note::StillArriving { since });
    }
    if let Some(first) = stats.unreadable.first() {
        answer.notes.push(Note::Unreadable { files: stats.unreadable.len() as u64, what: first.what.clone() });
    }
    Ok(answer)
}

/// The tables in which a question's records are: events and drops are looked at only where the filter tells kinds apart.
fn tables(question: &Question) -> &'static [TableKind] {
    if question.names_kinds() { &[TableKind::Flows, TableKind::Events] } else { &[TableKind::Flows] }
}

/// Adds what a scan of one table did to that of others: what could not be read is told once.
fn add(all: &mut ScanStats, stats: ScanStats) {
    let known = |what: &str| all.unreadable.iter().any(|unreadable| unreadable.what == what);
    let unreadable = stats.unreadable.iter().filter(|unreadable| !known(&unreadable.what)).cloned().collect();
    *all += ScanStats { unreadable, ..stats };
}

/// Tells one thread that another is done.
#[derive(Default)]
struct Watch {
    is_over: Mutex<bool>,
    told: Condvar,
}

impl Watch {
    /// Waits; false where the time is over first.
    fn is_over_within(&self, time: Duration) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_over, _) =
            self.told.wait_timeout_while(is_over, time, |is_over| !*is_over).unwrap_or_else(PoisonError::into_inner);
        *is_over
    }

    fn end(&self) {
        *self.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }
}

#[cfg(test)]
mod tests;
