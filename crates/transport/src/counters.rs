//! What a sender counts.

use std::ops::AddAssign;

/// What became of the messages that a sender was given: `messages + dropped` is their number, those still in its buffer aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages handed to the kernel whole.
    pub messages: u64,
    /// Octets of those messages.
    pub octets: u64,
    /// Calls that failed: refused, unreachable, reset, name not found.
    pub errors: u64,
    /// Messages given up: no session, no room in the buffer, or in the buffer of a connection that was lost.
    pub dropped: u64,
    /// Sessions begun after the first one.
    pub reconnects: u64,
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.octets += other.octets;
        self.errors += other.errors;
        self.dropped += other.dropped;
        self.reconnects += other.reconnects;
    }
}
