//! Whether records are sent at all: a unit that stands by holds them back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::config::{Export, Origin, Units};

/// Open, unless this unit stands by.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Closed for records of the meter, and for those that the store has taken.
    closed: [AtomicBool; 2],
    stands_by: AtomicBool,
    withheld: AtomicU64,
}

impl Gate {
    /// What this unit does from now on; for each origin when it [follows](Self::follow).
    pub(crate) fn stand_by(&self, stands_by: bool) {
        self.stands_by.store(stands_by, Ordering::Release);
    }

    /// Lets records of this origin through, or holds them back, as the unit does.
    pub(crate) fn follow(&self, origin: Origin) {
        self.closed[origin as usize].store(self.stands_by.load(Ordering::Acquire), Ordering::Release);
    }

    /// Whether this export is sent records now.
    pub(super) fn is_open(&self, export: &Export) -> bool {
        export.units == Units::Both || !self.closed[export.from as usize].load(Ordering::Acquire)
    }

    /// So many records were held back.
    pub(super) fn withhold(&self, rows: u64) {
        self.withheld.fetch_add(rows, Ordering::Relaxed);
    }

    /// Records that were held back so far.
    pub(crate) fn withheld(&self) -> u64 {
        self.withheld.load(Ordering::Relaxed)
    }
}
