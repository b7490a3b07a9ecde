//! Whether a collector can be reached, told when that changes and not at every message.

use std::time::{Duration, Instant};

/// What is known of an endpoint at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// There is a session.
    pub(super) is_up: bool,
    /// Messages handed to the network so far.
    pub(super) messages: u64,
    /// Calls that failed so far.
    pub(super) errors: u64,
    /// Records that found no room so far.
    pub(super) dropped: u64,
}

/// What was seen of an endpoint, and said.
pub(super) struct Health {
    datagrams: bool,
    seen: Seen,
    /// What was said to be wrong.
    told: Option<Trouble>,
    /// When it was seen last.
    last: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    /// The host says that nobody listens; datagrams are sent all the same.
    Refused,
    /// No session, or one that was lost.
    Unreachable,
    /// More comes than the collector takes and than there is room for.
    Full,
}

/// Refusals are rationed by the hosts that tell them, and slow collectors come and go: only after this time without any it is over.
const QUIET: Duration = Duration::from_secs(10);

impl Health {
    pub(super) fn new(datagrams: bool) -> Self {
        Self { datagrams, seen: Seen::default(), told: None, last: None }
    }

    /// What is to be said, if anything has changed. `network` and `disk` are what these said last.
    pub(super) fn look(&mut self, seen: Seen, network: Option<&str>, disk: Option<&str>, now: Instant) -> Option<String> {
        let before = std::mem::replace(&mut self.seen, seen);
        let (failed, dropped) = (seen.errors > before.errors, seen.dropped > before.dropped);
        if failed || dropped {
            self.last = Some(now);
            let met = match (dropped, seen.is_up, self.datagrams) {
                (true, ..) => Trouble::Full,
                (false, true, true) => Trouble::Refused,
                _ => Trouble::Unreachable,
            };
            if self.told >= Some(met) {
                return None;
            }
            self.told = Some(met);
            let cause = disk.or(network).unwrap_or("see its name, its port and the source address");
            return Some(match met {
                Trouble::Unreachable => format!("cannot be reached ({cause}): records wait until it can"),
                Trouble::Refused => "refuses datagrams: nobody seems to listen there".into(),
                Trouble::Full if disk.is_some() => format!("records cannot wait on disk and are dropped: {cause}"),
                Trouble::Full if seen.is_up => "reads too slowly: the oldest records that wait are dropped".into(),
                Trouble::Full => "no room for more records that wait: the oldest are dropped".into(),
            });
        }
        let quiet = self.last.is_none_or(|last| now.saturating_duration_since(last) >= QUIET);
        let is_over = seen.is_up && seen.messages > before.messages && (quiet || self.told == Some(Trouble::Unreachable));
        if !is_over {
            return None;
        }
        self.told.take().map(|_| "is there again".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(is_up: bool, messages: u64, errors: u64, dropped: u64) -> Seen {
        Seen { is_up, messages, errors, dropped }
    }

    #[test]
    fn trouble_and_its_end_are_said_once() {
        let (mut health, start) = (Health::new(false), Instant::now());
        let mut look = |seen, at| health.look(seen, Some("connection refused"), None, at);
        assert_eq!(look(seen(false, 0, 0, 0), start), None, "a connection on its way is no trouble");
        let said = look(seen(false, 0, 1, 0), start).unwrap();
        assert_eq!(said, "cannot be reached (connection refused): records wait until it can");
        assert_eq!(look(seen(false, 0, 2, 0), start), None);
        assert!(look(seen(false, 0, 2, 9), start).unwrap().starts_with("no room for more"), "worse than before");
        assert_eq!(look(seen(false, 0, 3, 12), start), None);
        assert_eq!(look(seen(true, 1, 3, 12), start), None, "not quiet for long enough");
        assert_eq!(look(seen(true, 2, 3, 12), start + QUIET).unwrap(), "is there again");
        assert_eq!(look(seen(false, 2, 4, 12), start + QUIET).map(|said| said.len() > 9), Some(true));
        assert_eq!(look(seen(true, 3, 4, 12), start + QUIET).unwrap(), "is there again", "at once where nothing was lost");
        assert!(look(seen(true, 3, 4, 13), start + QUIET).unwrap().starts_with("reads too slowly"));
    }

    #[test]
    fn refused_datagrams_are_told_apart() {
        let (mut health, start) = (Health::new(true), Instant::now());
        let mut look = |messages, errors, at| health.look(seen(true, messages, errors, 0), None, None, at);
        assert_eq!(look(1, 0, start), None);
        assert!(look(2, 1, start).unwrap().starts_with("refuses datagrams"));
        assert_eq!(look(3, 1, start), None, "its host may only have been silent");
        assert_eq!(look(4, 1, start + QUIET).unwrap(), "is there again");
    }
}
