//! Changes of a meter that runs: interfaces come and go, flows are made otherwise, and no packet is lost by it.
//!
//! What can fail is done by whoever asks: new interfaces are opened before anything changes. Each worker then takes what is meant for it between two rounds. An
//! interface that stays goes on as it was, with its flows. Where flows are to be made otherwise, those that are open are reported and begin anew.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use weir_capture::LiveCapture;

use super::super::front::Front;
use crate::config::{Condition, Meter};
use crate::exit::Failure;

/// A hand on a meter that runs.
pub(crate) struct Changes {
    workers: Vec<Mutex<Option<Change>>>,
    filter: Mutex<Option<Condition>>,
    gone: Mutex<BTreeSet<String>>,
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
        let workers = (0..meter.workers.max(1)).map(|_| Mutex::default()).collect();
        Self { workers, filter: Mutex::default(), gone: Mutex::default() }
    }

    /// Whether a meter can go over from one to the other while it runs.
    pub(crate) fn can(old: &Meter, new: &Meter) -> bool {
        let fixed = |meter: &Meter| (meter.workers, meter.ring, meter.snap_length, meter.promiscuous, meter.bpf.clone());
        fixed(old) == fixed(new) && !new.interfaces.is_empty()
    }

    /// Has a meter go over from one to the other; where an interface cannot be opened nothing changes.
    pub(crate) fn apply(&self, old: &Meter, new: &Meter) -> Result<(), Failure> {
        let added = new.interfaces.iter().filter(|name| !old.interfaces.contains(name)).cloned().collect();
        let captures = super::open(&Meter { interfaces: added, ..new.clone() })?;
        let same_flows = Meter { interfaces: old.interfaces.clone(), filter: old.filter.clone(), ..new.clone() } == *old;
        for (number, (place, captures)) in self.workers.iter().zip(captures).enumerate() {
            let front = (!same_flows).then(|| Front::new(new, false, RandomState::new().hash_one(number)));
            let mut place = lock(place);
            // What it has not come to yet goes with this.
            let change = place.get_or_insert_default();
            change.add.extend(captures);
            change.keep.clone_from(&new.interfaces);
            change.front = front.or(change.front.take());
        }
        if old.filter != new.filter {
            *lock(&self.filter) = Some(new.filter.clone());
        }
        lock(&self.gone).retain(|name| new.interfaces.contains(name));
        Ok(())
    }

    /// What a worker is to do otherwise, once.
    pub(super) fn of_worker(&self, number: usize) -> Option<Change> {
        lock(self.workers.get(number)?).take()
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

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
