//! What a listener of streams counts.

use std::ops::AddAssign;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::StreamEnd;

/// What became of connections and messages. Each connection is open, or has ended for one reason: `connections` is the sum of `open` and `ended`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// Connections that came, those that were not taken included.
    pub connections: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Connections that have ended, or were not taken, by the number of the reason in [`StreamEnd::NAMES`].
    pub ended: [u64; StreamEnd::NAMES.len()],
    /// Messages handed to workers.
    pub messages: u64,
    /// Octets of those messages.
    pub octets: u64,
    /// Reads of a connection that came after a wait for room at its worker.
    pub waits: u64,
    /// Datagrams of no association, which begin none (DTLS).
    pub strange: u64,
    /// Times that the system could give no connection, as when there are no file descriptors left.
    pub accept_errors: u64,
}

impl AddAssign for StreamCounters {
    fn add_assign(&mut self, other: Self) {
        self.connections += other.connections;
        self.open += other.open;
        self.ended.iter_mut().zip(other.ended).for_each(|(sum, count)| *sum += count);
        self.messages += other.messages;
        self.octets += other.octets;
        self.waits += other.waits;
        self.strange += other.strange;
        self.accept_errors += other.accept_errors;
    }
}

/// The same while it is counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    connections: AtomicU64,
    open: AtomicU64,
    ended: [AtomicU64; StreamEnd::NAMES.len()],
    messages: AtomicU64,
    octets: AtomicU64,
    waits: AtomicU64,
    strange: AtomicU64,
    accept_errors: AtomicU64,
}

impl Counts {
    /// Counts an end.
    pub(crate) fn note(&self, end: &StreamEnd) {
        if let Some(count) = self.ended.get(end.number()) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Counts a connection that has come.
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// Counts one that was taken.
    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    /// Counts the end of one that was taken.
    pub(crate) fn closed(&self, end: &StreamEnd) {
        self.open.fetch_sub(1, Relaxed);
        self.note(end);
    }

    /// Counts a wait for room.
    pub(super) fn waited(&self) {
        self.waits.fetch_add(1, Relaxed);
    }

    /// Counts a connection that the system could not give.
    pub(super) fn not_accepted(&self) {
        self.accept_errors.fetch_add(1, Relaxed);
    }

    /// Counts a datagram of nobody.
    pub(crate) fn strange(&self) {
        self.strange.fetch_add(1, Relaxed);
    }

    /// Counts messages handed over.
    pub(crate) fn add_messages(&self, messages: u64, octets: u64) {
        self.messages.fetch_add(messages, Relaxed);
        self.octets.fetch_add(octets, Relaxed);
    }

    pub(crate) fn read(&self) -> StreamCounters {
        let ended = std::array::from_fn(|number| self.ended.get(number).map_or(0, |count| count.load(Relaxed)));
        StreamCounters {
            connections: self.connections.load(Relaxed),
            open: self.open.load(Relaxed),
            ended,
            messages: self.messages.load(Relaxed),
            octets: self.octets.load(Relaxed),
            strange: self.strange.load(Relaxed),
            waits: self.waits.load(Relaxed),
            accept_errors: self.accept_errors.load(Relaxed),
        }
    }
}
