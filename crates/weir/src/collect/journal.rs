//! The one thread that writes to the store: batches of all workers in the order in which they come, made durable in time.
//!
//! **When the store takes nothing more**, because the disk is full or broken, the thread holds what it has and tries again: the workers wait behind it, the
//! queues before them fill up, and what arrives is dropped and counted. An alarm stands until the store takes batches again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use weir_record::HealthBatch;
use weir_store::{Rows, Store, StoreError};

use super::batch::Batch;
use super::health::{Dropped, MINUTE, Service, slot_of};
use super::now;
use crate::pipeline::queue::{Queue, Taken};
use crate::stop::Stop;

/// How often a store that takes nothing is asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// How often a row says that the service is there.
const SERVICE_ROW: Duration = Duration::from_secs(10);

/// Batches that may wait for the store, for each worker.
pub(crate) const BATCHES: usize = 4;

/// Writes what workers make to the store.
pub(crate) struct Journal {
    pub(crate) queue: Arc<Queue<Batch>>,
    pub(crate) state: Arc<JournalState>,
    thread: JoinHandle<()>,
}

/// What others may know of it.
#[derive(Debug, Default)]
pub(crate) struct JournalState {
    /// Records, counter records and rows of health that the store took.
    pub(crate) rows: AtomicU64,
    /// The store takes nothing.
    pub(crate) is_stuck: AtomicBool,
    /// How often that has begun.
    pub(crate) stuck: AtomicU64,
    /// Rows that were given up: the store took nothing until the end.
    pub(crate) given_up: AtomicU64,
}

/// The thread's own.
struct Writer {
    store: Arc<Store>,
    queue: Arc<Queue<Batch>>,
    state: Arc<JournalState>,
    stop: Stop,
    /// The most time from one commit to the next.
    commit_interval: Duration,
    /// Written since the last commit.
    is_dirty: bool,
    committed: Instant,
    uptime: Uptime,
}

/// How long the service was receiving, and what it dropped, not yet written as a row.
struct Uptime {
    dropped: Box<dyn Fn() -> Dropped + Send>,
    /// All of it that was written.
    before: Dropped,
    /// How long it was receiving until the store took nothing any more.
    up: Duration,
    /// Since when it is receiving; nothing while the store takes nothing.
    since: Option<Instant>,
    /// When the last row was written, and the minute then.
    written: Instant,
    slot: i64,
}

impl Journal {
    /// Begins to write to the store what so many sides push. `dropped` tells what was dropped on the way here so far.
    pub(crate) fn start(
        store: Arc<Store>,
        sides: usize,
        durable_after: Duration,
        dropped: impl Fn() -> Dropped + Send + 'static,
        stop: &Stop,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(BATCHES * sides.max(1), sides));
        let state = Arc::new(JournalState::default());
        let writer = Writer {
            store,
            queue: Arc::clone(&queue),
            state: Arc::clone(&state),
            stop: stop.clone(),
            // The other half is for gathering a batch, and for the commit itself.
            commit_interval: durable_after / 2,
            is_dirty: false,
            committed: Instant::now(),
            uptime: Uptime::new(Box::new(dropped)),
        };
        let thread = thread::Builder::new().name("weir-journal".into()).spawn(move || writer.run())?;
        Ok(Self { queue, state, thread })
    }

    /// Waits until everything is written and durable, after all sides have left. Gives how many rows were given up.
    pub(crate) fn close(self) -> u64 {
        // A writer that panicked has told why.
        let _ = self.thread.join();
        self.state.given_up.load(Ordering::Relaxed)
    }
}

impl Writer {
    fn run(mut self) {
        loop {
            match self.queue.take(self.patience()) {
                Taken::Batch(batch) => {
                    self.write(&batch);
                    self.queue.give_back(batch);
                }
                Taken::Nothing => {}
                Taken::End => break,
            }
            if self.uptime.is_due() {
                self.write_service();
            }
            if self.is_dirty && self.committed.elapsed() >= self.commit_interval {
                self.commit();
            }
        }
        self.write_service();
        self.commit();
    }

    /// How long it may wait for a batch.
    fn patience(&self) -> Duration {
        let commit = self.commit_interval.saturating_sub(self.committed.elapsed());
        if self.is_dirty { commit } else { self.commit_interval }
    }

    /// Writes a batch; as long as the store takes nothing it waits, and at the end gives up.
    fn write(&mut self, batch: &Batch) {
        let Batch { output, health } = batch;
        let rows = Rows {
            flows: Some(&output.flows).filter(|rows| !rows.is_empty()),
            counters: Some(&output.counters).filter(|rows| !rows.is_empty()),
            health: Some(health).filter(|rows| !rows.is_empty()),
        };
        let count = (output.flows.rows() + output.counters.rows() + health.rows()) as u64;
        if count == 0 {
            return;
        }
        loop {
            match self.store.append(rows) {
                Ok(_) => {
                    self.state.rows.fetch_add(count, Ordering::Relaxed);
                    self.is_dirty = true;
                    return self.unstick();
                }
                Err(error @ StoreError::TooLarge { .. }) => {
                    tracing::error!(%error, rows = count, "records are given up");
                    self.state.given_up.fetch_add(count, Ordering::Relaxed);
                    return;
                }
                Err(error) => self.stick(&error),
            }
            if self.stop.is_due() {
                tracing::error!(rows = count, "records are given up: the store took nothing until the end");
                self.state.given_up.fetch_add(count, Ordering::Relaxed);
                return;
            }
            thread::sleep(AGAIN);
        }
    }

    fn commit(&mut self) {
        if !self.is_dirty {
            return;
        }
        match self.store.commit() {
            Ok(_) => {
                self.is_dirty = false;
                self.unstick();
            }
            Err(error) => self.stick(&error),
        }
        self.committed = Instant::now();
    }

    /// The store takes nothing.
    fn stick(&mut self, error: &StoreError) {
        if !self.state.is_stuck.swap(true, Ordering::Relaxed) {
            self.state.stuck.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "the store takes nothing: intake stops until it does");
            self.uptime.pause();
        }
    }

    fn unstick(&mut self) {
        if self.state.is_stuck.swap(false, Ordering::Relaxed) {
            tracing::info!("the store takes records again");
            self.uptime.go_on();
        }
    }

    /// Writes that the service was there, and what it dropped.
    fn write_service(&mut self) {
        if self.state.is_stuck.load(Ordering::Relaxed) {
            return;
        }
        let mut health = HealthBatch::new();
        self.uptime.write(now(), &mut health);
        health.finish();
        let rows = Rows { flows: None, counters: None, health: Some(&health) };
        match self.store.append(rows) {
            Ok(_) => self.is_dirty = true,
            Err(error) => self.stick(&error),
        }
    }
}

impl Uptime {
    fn new(dropped: Box<dyn Fn() -> Dropped + Send>) -> Self {
        let begun = Instant::now();
        Self { dropped, before: Dropped::default(), up: Duration::ZERO, since: Some(begun), written: begun, slot: slot_of(now()) }
    }

    /// True when a row is to be written: it is time, or another minute.
    fn is_due(&self) -> bool {
        self.written.elapsed() >= SERVICE_ROW || slot_of(now()) != self.slot
    }

    /// Writes what came since; what was before the minute's begin goes to the minute before.
    fn write(&mut self, now: i64, into: &mut HealthBatch) {
        self.pause();
        self.go_on();
        let up = i64::try_from(std::mem::take(&mut self.up).as_nanos()).unwrap_or(i64::MAX);
        let slot = slot_of(now);
        let is_next = slot > self.slot && slot - self.slot <= MINUTE;
        let in_this = if is_next { up.min(now - slot) } else { up };
        let microseconds = |nanoseconds: i64| nanoseconds.unsigned_abs() / 1000;
        if in_this < up {
            Service { up: microseconds(up - in_this), dropped: Dropped::default() }.write(self.slot, into);
        }
        let dropped = (self.dropped)();
        Service { up: microseconds(in_this), dropped: dropped.since(self.before) }.write(now, into);
        (self.before, self.slot, self.written) = (dropped, slot, Instant::now());
    }

    /// What was received until now counts, what comes does not.
    fn pause(&mut self) {
        if let Some(since) = self.since.take() {
            self.up += since.elapsed();
        }
    }

    fn go_on(&mut self) {
        self.since = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_goes_to_the_minute_in_which_it_was() {
        let mut uptime = Uptime::new(Box::new(|| Dropped { kernel: 3, queue: 2, guard: 1 }));
        let minute = uptime.slot;
        let mut rows = HealthBatch::new();
        uptime.up = Duration::from_secs(5);
        uptime.write(minute + 10_000_000_000, &mut rows);
        // Eight seconds until two seconds after the minute's end.
        uptime.up = Duration::from_secs(8);
        uptime.write(minute + MINUTE + 2_000_000_000, &mut rows);
        uptime.pause();
        uptime.up = Duration::from_secs(1);
        uptime.write(minute + MINUTE + 3_000_000_000, &mut rows);
        rows.finish();
        assert_eq!(rows.slot.values(), [minute, minute, minute + MINUTE, minute + MINUTE]);
        let seconds: Vec<_> = rows.up.values().iter().map(|up| up / 1_000_000).collect();
        assert_eq!(seconds, [5, 6, 2, 1]);
        assert_eq!(rows.dropped_kernel.values(), [3, 0, 0, 0], "what was written is not written again");
    }
}
