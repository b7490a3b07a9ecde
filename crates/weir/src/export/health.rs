//! Whether a collector can be reached, told when that changes and not at every message.

use std::time::{Duration, Instant};

use weir_transport::Counters;

/// What was seen of an endpoint, and said.
pub(super) struct Health {
    datagrams: bool,
    seen: Counters,
    /// What was said to be wrong.
    told: Option<Trouble>,
    /// When it was seen last.
    last: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// No session, or one that was lost.
    Unreachable,
    /// The host says that nobody listens; datagrams are sent all the same.
    Refused,
    /// The collector takes less than it is sent.
    Slow,
}

/// Refusals are rationed by the hosts that tell them, and slow collectors come and go: only after this time without any it is over.
const QUIET: Duration = Duration::from_secs(10);

impl Health {
    pub(super) const fn new(datagrams: bool) -> Self {
        let seen = Counters { messages: 0, octets: 0, errors: 0, dropped: 0, reconnects: 0 };
        Self { datagrams, seen, told: None, last: None }
    }

    /// What is to be said, if anything has changed. `is_up`: there is a session.
    pub(super) fn look(&mut self, is_up: bool, counters: &Counters, now: Instant) -> Option<&'static str> {
        let before = std::mem::replace(&mut self.seen, *counters);
        let (failed, dropped) = (counters.errors > before.errors, counters.dropped > before.dropped);
        if failed || dropped {
            self.last = Some(now);
            if self.told.is_some() {
                return None;
            }
            let trouble = match (is_up, self.datagrams) {
                (true, true) if !dropped => Trouble::Refused,
                (true, false) if !failed => Trouble::Slow,
                _ => Trouble::Unreachable,
            };
            self.told = Some(trouble);
            return Some(match trouble {
                Trouble::Unreachable => {
                    "cannot be reached (see its name, its port and the source address): messages are dropped until it can"
                }
                Trouble::Refused => "refuses datagrams: nobody seems to listen there",
                Trouble::Slow => "reads too slowly: messages are dropped",
            });
        }
        let quiet = self.last.is_none_or(|last| now.saturating_duration_since(last) >= QUIET);
        let is_over = is_up && counters.messages > before.messages && (quiet || self.told == Some(Trouble::Unreachable));
        if !is_over {
            return None;
        }
        self.told.take().map(|_| "is there again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_and_its_end_are_said_once() {
        let (mut health, start) = (Health::new(false), Instant::now());
        let counted = |messages, errors, dropped| Counters { messages, errors, dropped, ..Counters::default() };
        assert_eq!(health.look(false, &counted(0, 0, 0), start), None, "a connection on its way is no trouble");
        assert!(health.look(false, &counted(0, 1, 0), start).unwrap().starts_with("cannot be reached"));
        assert_eq!(health.look(false, &counted(0, 2, 9), start), None);
        assert_eq!(health.look(true, &counted(1, 2, 9), start), Some("is there again"));
        assert_eq!(health.look(true, &counted(2, 2, 9), start), None);
        assert!(health.look(true, &counted(3, 2, 10), start).unwrap().starts_with("reads too slowly"));
        assert_eq!(health.look(true, &counted(4, 2, 10), start), None, "not quiet for long enough");
        assert_eq!(health.look(true, &counted(5, 2, 10), start + QUIET), Some("is there again"));
    }

    #[test]
    fn refused_datagrams_are_told_apart() {
        let (mut health, start) = (Health::new(true), Instant::now());
        let counted = |messages, errors| Counters { messages, errors, ..Counters::default() };
        assert_eq!(health.look(true, &counted(1, 0), start), None);
        assert!(health.look(true, &counted(2, 1), start).unwrap().starts_with("refuses datagrams"));
        assert_eq!(health.look(true, &counted(3, 1), start), None, "its host may only have been silent");
        assert_eq!(health.look(true, &counted(4, 1), start + QUIET), Some("is there again"));
    }
}
