//! What exports count.
//!
//! Each record that an endpoint was to be sent is counted once: chosen + left by an earlier run = sent - sent again + waiting + dropped.

use std::ops::AddAssign;

use weir_transport::Counters;

use super::choice::Chosen;
use crate::exit::tell;

/// What became of the records for an endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) chosen: Chosen,
    /// Records in batches that found no room on their way here.
    pub(crate) queue_dropped: u64,
    /// Records that an earlier run has left on disk.
    pub(crate) restored: u64,
    /// Records that were sent, those that were sent again included.
    pub(crate) sent: u64,
    /// Records that are to be sent again, or were, because a session was lost before the collector was known to have them.
    pub(crate) resent: u64,
    /// Chosen records that were given up: no room, or the end came first.
    pub(crate) dropped: u64,
    /// Values, and records, for which the protocol has no place.
    pub(crate) left_out: u64,
    /// Records that wait.
    pub(crate) waiting: u64,
    /// Octets of memory or disk that they take, with those that may have to be sent again.
    pub(crate) waiting_octets: u64,
    pub(crate) targets: Vec<TargetCounted>,
}

/// What became of messages to one target.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetCounted {
    pub(crate) url: String,
    pub(crate) counters: Counters,
    /// It has a session, and gets the records.
    pub(crate) is_up: bool,
}

/// What became of the records of an endpoint; of one with several lanes, the sum over them.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) counted: Counted,
}

impl Counted {
    /// Messages that were handed to the network.
    pub(crate) fn messages(&self) -> u64 {
        self.targets.iter().map(|target| target.counters.messages).sum()
    }

    /// Records that were given up.
    pub(crate) const fn lost(&self) -> u64 {
        self.dropped + self.queue_dropped
    }
}

impl AddAssign for Counted {
    /// Adds what another lane of the same endpoint counted.
    fn add_assign(&mut self, other: Self) {
        let Self { chosen, queue_dropped, restored, sent, resent, dropped, left_out, waiting, waiting_octets, targets } = other;
        self.chosen.seen += chosen.seen;
        self.chosen.selected += chosen.selected;
        self.chosen.left_out += chosen.left_out;
        self.chosen.samples_flows |= chosen.samples_flows;
        self.queue_dropped += queue_dropped;
        self.restored += restored;
        self.sent += sent;
        self.resent += resent;
        self.dropped += dropped;
        self.left_out += left_out;
        self.waiting += waiting;
        self.waiting_octets += waiting_octets;
        self.targets.extend(targets);
    }
}

impl Sent {
    /// Whether the endpoint lacks what it was to be sent; said in words.
    pub(crate) fn tell_failure(&self) -> bool {
        let (lost, messages) = (self.counted.lost(), self.counted.messages());
        let errors: u64 = self.counted.targets.iter().map(|target| target.counters.errors).sum();
        if lost > 0 {
            let what = if messages == 0 { "nothing was sent, " } else { "" };
            tell(&format!("{}: {what}{lost} records were dropped", self.name));
        } else if messages == 0 && errors > 0 {
            tell(&format!("{}: nothing was sent", self.name));
        }
        lost > 0 || messages == 0 && errors > 0
    }

    /// By name.
    pub(crate) fn counters(&self) -> [(&'static str, u64); 7] {
        let sum = |count: fn(&Counters) -> u64| self.counted.targets.iter().map(|target| count(&target.counters)).sum();
        [
            ("records", self.counted.chosen.selected),
            ("messages", self.counted.messages()),
            ("octets", sum(|counters| counters.octets)),
            ("dropped_records", self.counted.lost()),
            ("resent_records", self.counted.resent),
            ("errors", sum(|counters| counters.errors)),
            ("left_out", self.counted.left_out + self.counted.chosen.left_out),
        ]
    }
}
