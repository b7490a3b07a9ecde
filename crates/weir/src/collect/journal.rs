//! The one thread that writes to the store: batches of all workers in the order in which they come, made durable in time.
//!
//! **When the store takes nothing more**, because the disk is full or broken, the thread holds what it has and tries again: the workers wait behind it, the
//! queues before them fill up, and what arrives is dropped and counted. An alarm stands until the store takes batches again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use weir_record::HealthBatch;
use weir_store::{Rows, Store, StoreError};

use super::batch::Batch;
use super::health::{Dropped, MINUTE, Service, slot_of};
use super::now;
use crate::config::Origin;
use crate::export::Exports;
use crate::pipeline::queue::{Queue, Taken};
use crate::stop::Stop;

/// How often a store that takes nothing is asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// How often a row says that the service is there.
const SERVICE_ROW: Duration = Duration::from_secs(10);

/// Minutes of which rows of the service may wait for a store that refuses them: a day. What the oldest dropped then stands in the next.
const OWED_MINUTES: usize = 1440;

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
    /// Who is sent what the store has taken.
    exports: Arc<Exports>,
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
    /// By minute, what the store has not taken yet.
    owed: BTreeMap<i64, Service>,
}

impl Journal {
    /// Begins to write to the store what so many sides push. `dropped` tells what was dropped on the way here so far.
    pub(crate) fn start(
        store: Arc<Store>,
        sides: usize,
        durable_after: Duration,
        dropped: impl Fn() -> Dropped + Send + 'static,
        exports: Arc<Exports>,
        stop: &Stop,
    ) -> std::io::Result<Self> {
        // One side is the journal's own: others may come and go until it is closed.
        let queue = Arc::new(Queue::new(BATCHES * (sides + 1), sides + 1));
        let state = Arc::new(JournalState::default());
        let mut writer = Writer {
            store,
            queue: Arc::clone(&queue),
            state: Arc::clone(&state),
            stop: stop.clone(),
            // The other half is for gathering a batch, and for the commit itself.
            commit_interval: durable_after / 2,
            is_dirty: false,
            committed: Instant::now(),
            uptime: Uptime::new(Box::new(dropped)),
            exports,
        };
        // From now on account is kept: whoever asks at once is told so, and how long the service was away.
        writer.write_service();
        let thread = thread::Builder::new().name("weir-journal".into()).spawn(move || writer.run())?;
        Ok(Self { queue, state, thread })
    }

    /// Waits until everything is written and durable, after all sides have left. Gives how many rows were given up.
    pub(crate) fn close(self) -> u64 {
        self.queue.leave();
        // A writer that panicked has told why.
        let _ = self.thread.join();
        self.state.given_up.load(Ordering::Relaxed)
    }
}

impl Writer {
    fn run(mut self) {
        loop {
            match self.queue.take(self.patience()) {
                Taken::Batch(mut batch) => {
                    if self.write(&batch) {
                        self.exports.offer(Origin::All, &mut batch.output.flows);
                    }
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

    /// Writes a batch; as long as the store takes nothing it waits, and at the end gives up. True where the store has taken it.
    fn write(&mut self, batch: &Batch) -> bool {
        let Batch { output, health } = batch;
        let rows = Rows {
            flows: Some(&output.flows).filter(|rows| !rows.is_empty()),
            counters: Some(&output.counters).filter(|rows| !rows.is_empty()),
            health: Some(health).filter(|rows| !rows.is_empty()),
        };
        let count = (output.flows.rows() + output.counters.rows() + health.rows()) as u64;
        if count == 0 {
            return false;
        }
        loop {
            match self.store.append(rows) {
                Ok(_) => {
                    self.state.rows.fetch_add(count, Ordering::Relaxed);
                    self.is_dirty = true;
                    self.unstick();
                    return true;
                }
                Err(error @ StoreError::TooLarge { .. }) => {
                    tracing::error!(%error, rows = count, "records are given up");
                    self.state.given_up.fetch_add(count, Ordering::Relaxed);
                    return false;
                }
                Err(error) => self.stick(&error),
            }
            if self.stop.is_due() {
                tracing::error!(rows = count, "records are given up: the store took nothing until the end");
                self.state.given_up.fetch_add(count, Ordering::Relaxed);
                return false;
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
        let health = self.uptime.rows(now());
        let rows = Rows { flows: None, counters: None, health: Some(&health) };
        match self.store.append(rows) {
            Ok(_) => {
                self.uptime.settle();
                self.is_dirty = true;
                self.unstick();
            }
            Err(error) => self.stick(&error),
        }
    }
}

impl Uptime {
    fn new(dropped: Box<dyn Fn() -> Dropped + Send>) -> Self {
        let begun = Instant::now();
        Self {
            dropped,
            before: Dropped::default(),
            up: Duration::ZERO,
            since: Some(begun),
            written: begun,
            slot: slot_of(now()),
            owed: BTreeMap::new(),
        }
    }

    /// True when a row is to be written: it is time, or another minute.
    fn is_due(&self) -> bool {
        self.written.elapsed() >= SERVICE_ROW || slot_of(now()) != self.slot
    }

    /// The rows that the store has not taken yet, with what came since the last time; what was before the minute's begin goes to the minute before.
    fn rows(&mut self, now: i64) -> HealthBatch {
        if self.since.is_some() {
            self.pause();
            self.go_on();
        }
        let up = i64::try_from(std::mem::take(&mut self.up).as_nanos()).unwrap_or(i64::MAX);
        let slot = slot_of(now);
        let is_next = slot > self.slot && slot - self.slot <= MINUTE;
        let in_this = if is_next { up.min(now - slot) } else { up };
        let microseconds = |nanoseconds: i64| nanoseconds.unsigned_abs() / 1000;
        if in_this < up {
            self.owe(self.slot, Service { up: microseconds(up - in_this), dropped: Dropped::default() });
        }
        let dropped = (self.dropped)();
        self.owe(slot, Service { up: microseconds(in_this), dropped: dropped.since(self.before) });
        (self.before, self.slot, self.written) = (dropped, slot, Instant::now());
        let mut rows = HealthBatch::new();
        self.owed.iter().for_each(|(slot, service)| service.write(*slot, &mut rows));
        rows.finish();
        rows
    }

    /// The store has taken the rows.
    fn settle(&mut self) {
        self.owed.clear();
    }

    fn owe(&mut self, slot: i64, service: Service) {
        self.owed.entry(slot).or_default().add(service);
        if self.owed.len() > OWED_MINUTES
            && let Some((_, oldest)) = self.owed.pop_first()
            && let Some(mut next) = self.owed.first_entry()
        {
            next.get_mut().add(Service { up: 0, ..oldest });
        }
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
        assert_eq!(taken(&mut uptime, 5, minute + 10_000_000_000), [(minute, 5, 3)]);
        // Eight seconds until two seconds after the minute's end.
        assert_eq!(taken(&mut uptime, 8, minute + MINUTE + 2_000_000_000), [(minute, 6, 0), (minute + MINUTE, 2, 0)]);
        uptime.pause();
        // What was written is not written again.
        assert_eq!(taken(&mut uptime, 1, minute + MINUTE + 3_000_000_000), [(minute + MINUTE, 1, 0)]);
    }

    #[test]
    fn what_the_store_refuses_is_owed_to_it() {
        let kernel = Arc::new(AtomicU64::new(3));
        let counted = Arc::clone(&kernel);
        let mut uptime = Uptime::new(Box::new(move || Dropped { kernel: counted.load(Ordering::Relaxed), ..Dropped::default() }));
        let minute = uptime.slot;
        uptime.up = Duration::from_secs(5);
        uptime.rows(minute + 10_000_000_000);
        kernel.store(10, Ordering::Relaxed);
        assert_eq!(taken(&mut uptime, 4, minute + MINUTE + 1_000_000_000), [(minute, 8, 3), (minute + MINUTE, 1, 7)]);
        // At the limit and one more: the oldest minute goes, what it dropped stays.
        kernel.store(20, Ordering::Relaxed);
        let after = |minutes: usize| minute + (2 + minutes as i64) * MINUTE;
        for minutes in 0..=OWED_MINUTES {
            uptime.up = Duration::from_secs(1);
            uptime.slot = after(minutes);
            uptime.rows(after(minutes) + 1_000_000_000);
        }
        let told = taken(&mut uptime, 0, after(OWED_MINUTES) + 1_000_000_000);
        assert_eq!((told.len(), told[0], told[1]), (OWED_MINUTES, (after(1), 1, 10), (after(2), 1, 0)));
    }

    /// Minute, seconds and drops of the rows that the store takes.
    fn taken(uptime: &mut Uptime, seconds: u64, time: i64) -> Vec<(i64, u64, u64)> {
        uptime.up = Duration::from_secs(seconds);
        let rows = uptime.rows(time);
        uptime.settle();
        let row = |row| (rows.slot.values()[row], rows.up.values()[row] / 1_000_000, rows.dropped_kernel.values()[row]);
        (0..rows.rows()).map(row).collect()
    }
}
