//! Data sets that came before their template, and wait for it.

use std::collections::VecDeque;

/// A data set that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WaitingSet {
    pub(crate) template: u16,
    /// Arrival, nanoseconds since 1970.
    pub(crate) received: i64,
    /// Export time of its message, nanoseconds since 1970.
    pub(crate) exported: i64,
    /// Boot time of the exporter by its message (NetFlow v9).
    pub(crate) boot: Option<i64>,
    /// Offset of the body in its message.
    pub(crate) offset: usize,
    pub(crate) body: Box<[u8]>,
}

/// The sets of one session that wait, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    sets: VecDeque<WaitingSet>,
    octets: usize,
}

impl Pending {
    /// Number of sets.
    pub(crate) fn sets(&self) -> usize {
        self.sets.len()
    }

    /// Octets that they hold, the room of a set itself included.
    pub(crate) const fn octets(&self) -> usize {
        self.octets
    }

    /// Octets that a set of that many octets takes.
    pub(crate) const fn cost(body: usize) -> usize {
        body + size_of::<WaitingSet>()
    }

    pub(crate) fn push(&mut self, set: WaitingSet) {
        self.octets += Self::cost(set.body.len());
        self.sets.push_back(set);
    }

    /// Takes out the oldest set if it came before `time`.
    pub(crate) fn expired(&mut self, time: i64) -> Option<WaitingSet> {
        self.sets.front().filter(|set| set.received < time)?;
        let set = self.sets.pop_front()?;
        self.octets -= Self::cost(set.body.len());
        Some(set)
    }

    /// Takes out the oldest set that waits for a template.
    pub(crate) fn take(&mut self, template: u16) -> Option<WaitingSet> {
        let place = self.sets.iter().position(|set| set.template == template)?;
        let set = self.sets.remove(place)?;
        self.octets -= Self::cost(set.body.len());
        Some(set)
    }
}
