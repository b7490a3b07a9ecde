//! Changes of a meter that runs: interfaces come and go, flows are made otherwise, and no packet is lost by it.
//!
//! What can fail is done by whoever asks: new interfaces are opened before anything changes. Each worker then takes what is meant for it between two rounds, and
//! says when it is done: an interface that goes and comes again is let go before it is opened anew, so that no packet is counted twice. An interface that
//! stays goes on as it was, with its flows. Where flows are to be made otherwise, those that are open are reported and begin anew.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use weir_capture::LiveCapture;

use super::super::front::Front;
use crate::config::{Condition, Meter};
use crate::exit::Failure;
use crate::export::About;

/// How long a change waits for the one before.
const PATIENCE: Duration = Duration::from_secs(5);

/// A hand on a meter that runs.
pub(crate) struct Changes {
    workers: Vec<Place>,
    turn: Mutex<Turn>,
    filter: Mutex<Option<Condition>>,
    gone: Mutex<BTreeSet<String>>,
    /// What collectors are told of it.
    pub(crate) about: Arc<About>,
}

/// Where a worker finds what it is to do.
#[derive(Default)]
struct Place {
    stage: Mutex<Stage>,
    done: Condvar,
}

/// How far a change of a worker has come.
#[derive(Default)]
enum Stage {
    #[default]
    Done,
    Posted(Box<Change>),
    /// The worker is about it.
    Taken,
}

/// The role of this unit changes: what was metered until then goes on, and behind it exports begin or end.
#[derive(Default)]
struct Turn {
    /// How many there were; a worker that knows a lower one has to come to it.
    number: u64,
    /// Flows that are open go on too.
    cut: bool,
    /// Not before this.
    at: Option<Instant>,
    /// Exports do not follow it yet.
    is_pending: bool,
    /// Workers that have not come to it.
    waited_for: BTreeSet<usize>,
    /// Workers that have ended.
    ended: BTreeSet<usize>,
}

/// What a worker is to do otherwise.
#[derive(Default)]
pub(super) struct Change {
    /// Interfaces that it captures on, besides those that it has.
    pub(super) add: Vec<LiveCapture>,
    /// The names of all that it captures on from now on.
    pub(super) keep: Vec<String>,
    /// How flows are made from now on.
    pub(super) front: Option<Front>,
}

impl Changes {
    /// For a meter with these settings.
    pub(crate) fn new(meter: &Meter) -> Self {
        let workers = (0..meter.workers.max(1)).map(|_| Place::default()).collect();
        Self { workers, turn: Mutex::default(), filter: Mutex::default(), gone: Mutex::default(), about: Arc::default() }
    }

    /// Whether a meter can go over from one to the other while it runs.
    pub(crate) fn can(old: &Meter, new: &Meter) -> bool {
        let fixed = |meter: &Meter| (meter.workers, meter.ring, meter.snap_length, meter.promiscuous, meter.bpf.clone());
        fixed(old) == fixed(new) && !new.interfaces.is_empty()
    }

    /// Has a meter go over from one to the other, one change at a time; where an interface cannot be opened nothing changes.
    pub(crate) fn apply(&self, old: &Meter, new: &Meter) -> Result<(), Failure> {
        let until = Instant::now() + PATIENCE;
        if !self.workers.iter().all(|place| place.is_done(until)) {
            let patience = PATIENCE.as_secs();
            return Err(Failure::Failed(format!(
                "the meter is about the change before for {patience} s already: its flows find no room, or it has ended"
            )));
        }
        let added = new.interfaces.iter().filter(|name| !old.interfaces.contains(name)).cloned().collect();
        let captures = super::open(&Meter { interfaces: added, ..new.clone() })?;
        let metered = super::metered(new)?;
        let same_flows = Meter { interfaces: old.interfaces.clone(), filter: old.filter.clone(), ..new.clone() } == *old;
        for (number, (place, captures)) in self.workers.iter().zip(captures).enumerate() {
            let front = (!same_flows).then(|| Front::new(new, false, RandomState::new().hash_one(number)));
            *lock(&place.stage) = Stage::Posted(Box::new(Change { add: captures, keep: new.interfaces.clone(), front }));
        }
        self.about.metered.store(Arc::new(metered));
        if old.filter != new.filter {
            *lock(&self.filter) = Some(new.filter.clone());
        }
        lock(&self.gone).retain(|name| new.interfaces.contains(name));
        Ok(())
    }

    /// Records that there are by now go on, those of open flows too where `cut` says so; behind them exports of the meter follow the role of this unit.
    /// That comes after this time.
    pub(crate) fn turn(&self, cut: bool, after: Duration) {
        let mut turn = lock(&self.turn);
        turn.number += 1;
        turn.cut = cut;
        turn.at = Some(Instant::now() + after);
        turn.is_pending = true;
        turn.waited_for = (0..self.workers.len()).filter(|worker| !turn.ended.contains(worker)).collect();
    }

    /// Which turn a worker that knows this one has to come to, and whether its open flows go on with it.
    pub(super) fn turn_after(&self, known: u64) -> Option<(u64, bool)> {
        let turn = lock(&self.turn);
        let is_due = turn.number != known && turn.at.is_some_and(|at| Instant::now() >= at);
        is_due.then_some((turn.number, turn.cut))
    }

    /// What a worker had goes on.
    pub(super) fn has_turned(&self, worker: usize, number: u64) {
        let mut turn = lock(&self.turn);
        if turn.number == number {
            turn.waited_for.remove(&worker);
        }
    }

    /// A worker has handed over its last.
    pub(super) fn ends(&self, worker: usize) {
        let mut turn = lock(&self.turn);
        turn.waited_for.remove(&worker);
        turn.ended.insert(worker);
    }

    /// True once, when all workers have come to it.
    pub(super) fn turned(&self) -> bool {
        let mut turn = lock(&self.turn);
        turn.waited_for.is_empty() && std::mem::take(&mut turn.is_pending)
    }

    /// What a worker is to do otherwise, once; then it is to say that it is done.
    pub(super) fn of_worker(&self, number: usize) -> Option<Change> {
        let mut stage = lock(&self.workers.get(number)?.stage);
        match std::mem::replace(&mut *stage, Stage::Taken) {
            Stage::Posted(change) => Some(*change),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// A worker has done what it was to do.
    pub(super) fn done(&self, number: usize) {
        if let Some(place) = self.workers.get(number) {
            *lock(&place.stage) = Stage::Done;
            place.done.notify_all();
        }
    }

    /// The flows to report from now on, once.
    pub(super) fn filter(&self) -> Option<Condition> {
        lock(&self.filter).take()
    }

    /// An interface is captured on no more, though nobody asked for that.
    pub(super) fn lose(&self, name: &str) {
        lock(&self.gone).insert(name.to_owned());
    }

    /// Interfaces that went away.
    pub(crate) fn gone(&self) -> Vec<String> {
        lock(&self.gone).iter().cloned().collect()
    }
}

impl Place {
    /// Waits until nothing is to be done any more. False where that takes longer.
    fn is_done(&self, until: Instant) -> bool {
        let patience = until.saturating_duration_since(Instant::now());
        let is_busy = |stage: &mut Stage| !matches!(stage, Stage::Done);
        let (stage, _) =
            self.done.wait_timeout_while(lock(&self.stage), patience, is_busy).unwrap_or_else(PoisonError::into_inner);
        matches!(*stage, Stage::Done)
    }
}

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(interfaces: &[&str]) -> Meter {
        Meter { interfaces: interfaces.iter().map(ToString::to_string).collect(), ..Meter::default() }
    }

    #[test]
    fn a_change_waits_for_the_one_before() {
        let (both, one) = (meter(&["a", "b"]), meter(&["a"]));
        let changes = Changes::new(&both);
        let posted = |changes: &Changes| matches!(*lock(&changes.workers[0].stage), Stage::Posted(_));
        changes.apply(&both, &one).unwrap();
        assert!(posted(&changes));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| changes.apply(&one, &one));
            // Taken is not done: the worker may hold the interface still.
            let change = changes.of_worker(0).unwrap();
            assert_eq!(change.keep, ["a"]);
            assert!(!changes.workers[0].is_done(Instant::now()) && !second.is_finished());
            changes.done(0);
            second.join().unwrap().unwrap();
        });
        assert!(posted(&changes));
        let refused = changes.apply(&one, &one).unwrap_err().sentence();
        assert!(refused.contains("the change before"), "{refused}");
    }
}
