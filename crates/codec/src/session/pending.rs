//! Data sets that came before their template, and wait for it.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

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

/// The sets of one session that wait, of each template oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// None is empty. By template, so that a template which nothing waits for costs one look.
    sets: HashMap<u16, VecDeque<WaitingSet>, RandomState>,
    count: usize,
    octets: usize,
}

impl Pending {
    /// Number of sets.
    pub(crate) const fn sets(&self) -> usize {
        self.count
    }

    /// Octets that they hold, the room of a set itself included.
    pub(crate) const fn octets(&self) -> usize {
        self.octets
    }

    /// Octets that a set of that many octets takes: a queue has room for four from its first on.
    pub(crate) const fn cost(body: usize) -> usize {
        body + 4 * size_of::<WaitingSet>()
    }

    pub(crate) fn push(&mut self, set: WaitingSet) {
        self.count += 1;
        self.octets += Self::cost(set.body.len());
        self.sets.entry(set.template).or_default().push_back(set);
    }

    /// Takes out the sets that came before `time`.
    pub(crate) fn expire(&mut self, time: i64, mut expired: impl FnMut(WaitingSet)) {
        self.sets.retain(|_, waiting| {
            while let Some(set) = waiting.pop_front_if(|set| set.received < time) {
                self.count -= 1;
                self.octets -= Self::cost(set.body.len());
                expired(set);
            }
            !waiting.is_empty()
        });
    }

    /// Takes out the oldest set that waits for a template.
    pub(crate) fn take(&mut self, template: u16) -> Option<WaitingSet> {
        let waiting = self.sets.get_mut(&template)?;
        let set = waiting.pop_front()?;
        if waiting.is_empty() {
            self.sets.remove(&template);
        }
        self.count -= 1;
        self.octets -= Self::cost(set.body.len());
        Some(set)
    }
}
