//! What of a session is with the peer, and need not be sent again when the session is lost.
//!
//! TCP tells nobody what the peer's program has read. What is known: octets that were handed to the kernel longer ago than a connection may go unanswered have
//! been acknowledged, since it would have been given up otherwise; and no more octets lie unread at the peer than both kernels keep. After an end in order
//! (no reset follows it) everything was read, and only what the program had no time to work on may be missing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a connection may go unanswered before it is given up.
pub(super) const UNANSWERED: Duration = Duration::from_secs(60);
/// The age of octets that a living peer has read.
const READ_AFTER: Duration = Duration::from_secs(75);
/// The age of octets that a program which has read them has also worked on, though its machine be busy: one that is killed ends in order too.
const WORKED_AFTER: Duration = Duration::from_secs(30);
/// More octets than the buffers of both kernels keep, also where they were made large.
const IN_BUFFERS: u64 = 64 << 20;

/// Messages are told apart in portions of at least this time or so many octets.
const PORTION: (Duration, u64) = (Duration::from_millis(50), 256 << 10);

/// How far a session has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Messages of the session that are with the kernel whole, and their octets.
    handed: (u64, u64),
    /// What was with the kernel at certain times, oldest first.
    marks: VecDeque<Mark>,
    settled: u64,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    messages: u64,
    octets: u64,
}

impl Progress {
    /// So many more messages, of so many octets, are with the kernel.
    pub(super) fn hand(&mut self, messages: u64, octets: u64, now: Instant) {
        if messages == 0 {
            return;
        }
        self.handed = (self.handed.0 + messages, self.handed.1 + octets);
        let mark = Mark { at: now, messages: self.handed.0, octets: self.handed.1 };
        let before = self.marks.len().checked_sub(2).and_then(|place| self.marks.get(place));
        let (time, portion) = PORTION;
        // The last mark moves on as long as it is near the one before it.
        let is_near = before.is_some_and(|before| now.duration_since(before.at) < time && mark.octets - before.octets < portion);
        match self.marks.back_mut() {
            Some(last) if is_near => *last = mark,
            _ => self.marks.push_back(mark),
        }
    }

    /// Messages of the session, from its first on, that are with the peer.
    pub(super) fn settled(&mut self, now: Instant) -> u64 {
        self.settle(now, READ_AFTER);
        self.settled
    }

    /// The peer has ended the session in order.
    pub(super) fn end_in_order(&mut self, now: Instant) {
        self.settle(now, WORKED_AFTER);
    }

    /// Both sides have ended it in order after all was sent.
    pub(super) fn finish(&mut self) {
        self.settled = self.handed.0;
        self.marks.clear();
    }

    fn settle(&mut self, now: Instant, age: Duration) {
        while let Some(mark) = self.marks.front()
            && (now.duration_since(mark.at) >= age || self.handed.1 - mark.octets >= IN_BUFFERS)
        {
            self.settled = mark.messages;
            self.marks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_settled_by_age_and_by_what_came_after() {
        let (mut progress, start) = (Progress::default(), Instant::now());
        progress.hand(10, 1000, start);
        progress.hand(5, 500, start + Duration::from_secs(1));
        assert_eq!(progress.settled(start + READ_AFTER - Duration::from_millis(1)), 0);
        assert_eq!(progress.settled(start + READ_AFTER), 10);
        progress.hand(1, IN_BUFFERS - 1, start + READ_AFTER);
        assert_eq!(progress.settled(start + READ_AFTER), 10, "one octet less than the buffers keep");
        progress.hand(1, 1, start + READ_AFTER + PORTION.0);
        assert_eq!(progress.settled(start + READ_AFTER + PORTION.0), 15);
    }

    #[test]
    fn an_end_in_order_leaves_only_the_youngest() {
        let (mut progress, start) = (Progress::default(), Instant::now());
        progress.hand(10, 1000, start);
        progress.hand(5, 500, start + Duration::from_secs(2));
        let end = start + WORKED_AFTER + Duration::from_secs(1);
        progress.end_in_order(end);
        assert_eq!(progress.settled(end), 10);
        progress.finish();
        assert_eq!(progress.settled(end), 15);
    }

    #[test]
    fn marks_are_few() {
        let (mut progress, start) = (Progress::default(), Instant::now());
        for number in 0..100_000 {
            progress.hand(1, 100, start + Duration::from_micros(number * 10));
        }
        // A second, in portions of at least a twentieth or of 256 KiB.
        assert!(progress.marks.len() < 100, "{}", progress.marks.len());
        assert_eq!(progress.settled(start + Duration::from_secs(1000)), 100_000);
    }
}
