//! What happens to the journal and to files besides intake: one thread, one thing at a time.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::catalog::Catalog;
use crate::compact::{self, DAY};
use crate::error::StoreError;
use crate::fill::{self, Fill};
use crate::journal::{Journal, lock};
use crate::merge_plan;
use crate::retention::{self, Kept, Room};
use crate::scan::Cancel;
use crate::status::{Done, add};
use crate::store::{MakeSummary, StoreConfig, now};

/// How often the background looks for something to do when nobody wakes it.
const PERIOD: Duration = Duration::from_secs(1);
/// How often files are looked through for what is small or old.
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// How long the background waits after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// What remains in the journal after a store was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Segments that the next opening goes on with.
    pub segments_left: usize,
}

/// What the writer of a store and its background have in common.
pub(crate) struct Shared {
    pub(crate) config: StoreConfig,
    pub(crate) make: MakeSummary,
    pub(crate) journal: Journal,
    pub(crate) catalog: Catalog,
    pub(crate) room: Room,
    pub(crate) kept: Mutex<Kept>,
    pub(crate) done: Done,
    /// Sums that are made of what is stored.
    pub(crate) fills: Mutex<Vec<Fill>>,
    /// Ends what can as well be done another day.
    pub(crate) cancel: Cancel,
    /// Held by whoever makes or merges files, so that it is done once.
    working: Mutex<()>,
    signal: Mutex<Signal>,
    bell: Condvar,
    /// When the store was opened, and the arrival of the newest record that it had in files then; of an empty one, what the clock said.
    opened: Instant,
    newest: i64,
}

#[derive(Default)]
struct Signal {
    is_work: bool,
    /// The end of the store's life: whatever can be done until then is.
    deadline: Option<Instant>,
}

impl Shared {
    pub(crate) fn new(config: StoreConfig, make: MakeSummary, journal: Journal, catalog: Catalog) -> Self {
        let room = Room::new(&config);
        let newest = catalog.state().manifest.files.iter().map(|file| file.times.received_max).max();
        let newest = newest.unwrap_or_else(now);
        let kept = Kept { retention: config.retention, series_retention: config.series_retention, max_size: config.max_size };
        Self {
            kept: Mutex::new(kept),
            config,
            make,
            journal,
            catalog,
            room,
            done: Done::default(),
            fills: Mutex::default(),
            cancel: Cancel::new(),
            working: Mutex::default(),
            signal: Mutex::default(),
            bell: Condvar::new(),
            opened: Instant::now(),
            newest,
        }
    }

    /// The clock as far as it can be believed where records are deleted by it: it may not run away from the newest record by more than a day and the
    /// time since the store was opened. So a clock that jumps ahead costs no record; after a long pause retention by age waits for the next start.
    fn trusted(&self, now: i64) -> i64 {
        let since = i64::try_from(self.opened.elapsed().as_nanos()).unwrap_or(i64::MAX);
        now.min(self.newest.saturating_add(DAY).saturating_add(since))
    }

    /// Tells the background that there is something to do.
    pub(crate) fn wake(&self) {
        lock(&self.signal).is_work = true;
        self.bell.notify_all();
    }

    /// Tells the background to end.
    pub(crate) fn stop(&self, deadline: Instant) {
        lock(&self.signal).deadline.get_or_insert(deadline);
        self.cancel.cancel();
        self.bell.notify_all();
    }

    /// True once there is no time left for what is being done.
    pub(crate) fn is_over(&self, deadline: Option<Instant>) -> bool {
        let deadline = deadline.or(lock(&self.signal).deadline);
        deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// One round of everything.
    pub(crate) fn maintain(&self, now: i64, deadline: Option<Instant>) -> Result<(), StoreError> {
        self.journal.seal_if_old();
        self.compact(now, deadline)?;
        if deadline.is_none() {
            self.keep_house(now)?;
            while self.fill(now)? {}
        }
        Ok(())
    }

    /// Does a step of what sums lack; false where there is nothing to do.
    fn fill(&self, now: i64) -> Result<bool, StoreError> {
        let _alone = lock(&self.working);
        fill::step(self, now)
    }

    /// Makes files of all sealed segments.
    fn compact(&self, now: i64, deadline: Option<Instant>) -> Result<(), StoreError> {
        let _alone = lock(&self.working);
        loop {
            let first = self.catalog.state().segments.into_iter().next();
            let Some(segment) = first.filter(|segment| segment.is_sealed()) else {
                return Ok(());
            };
            if self.is_over(deadline) || !compact::compact(self, &segment, now, deadline)? {
                return Ok(());
            }
        }
    }

    /// Merges small files, and lets go what is too old or too much.
    fn keep_house(&self, now: i64) -> Result<(), StoreError> {
        retention::apply(self, now)?;
        let _alone = lock(&self.working);
        merge_plan::merge_small_files(self, now)?;
        self.sweep();
        Ok(())
    }

    /// Deletes files that nobody needs any more.
    pub(crate) fn sweep(&self) {
        add(&self.done.files_deleted, self.catalog.sweep(self.config.grace, false));
    }

    fn wait(&self, time: Duration) -> Option<Instant> {
        let signal = lock(&self.signal);
        let is_idle = |signal: &mut Signal| !signal.is_work && signal.deadline.is_none();
        let waited = self.bell.wait_timeout_while(signal, time, is_idle);
        let (mut signal, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        signal.is_work = false;
        signal.deadline
    }
}

/// Starts the background.
pub(crate) fn start(shared: &Arc<Shared>) -> Result<JoinHandle<()>, StoreError> {
    let own = shared.clone();
    let thread = std::thread::Builder::new().name("store".to_owned());
    thread.spawn(move || run(&own)).map_err(StoreError::io("start a thread for", &shared.config.path))
}

fn run(shared: &Shared) {
    let mut looked = None::<Instant>;
    let mut pause = Duration::ZERO;
    loop {
        let deadline = shared.wait(pause);
        let mut round = || -> Result<bool, StoreError> {
            shared.journal.seal_if_old();
            shared.room.keep(shared)?;
            // Whatever hinders one must not hinder the other: room is made even where no file can be written.
            let compacted = shared.compact(now(), deadline);
            if deadline.is_none() && looked.is_none_or(|looked| looked.elapsed() >= HOUSEKEEPING) {
                looked = Some(Instant::now());
                shared.keep_house(shared.trusted(now()))?;
            }
            shared.sweep();
            compacted?;
            // One step a round, so that segments do not wait for the past.
            Ok(deadline.is_none() && shared.fill(now())?)
        };
        pause = match round() {
            Ok(true) => Duration::ZERO,
            Ok(false) => PERIOD,
            Err(StoreError::Cancelled) => Duration::ZERO,
            Err(error) => {
                add(&shared.done.failures, 1);
                tracing::error!(%error, "the store's background failed; it tries again");
                AFTER_FAILURE
            }
        };
        if deadline.is_some() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
