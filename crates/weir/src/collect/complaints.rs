//! Bad data is told in the log, and never faster than anybody can read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use weir_codec::Fault;

/// Each kind of trouble is told once in this time.
const PAUSE: Duration = Duration::from_secs(10);

/// What was told lately.
#[derive(Default)]
pub(crate) struct Complaints(Mutex<BTreeMap<&'static str, Told>>);

struct Told {
    at: Instant,
    /// Since then, and not told.
    suppressed: u64,
}

impl Complaints {
    /// Tells of faults in a datagram of that sender, unless their reasons were told lately.
    pub(crate) fn note(&self, from: IpAddr, faults: &[Fault]) {
        for Fault { reason, offset, seen } in faults {
            if let Some(suppressed) = self.is_due(reason.name()) {
                let meaning = reason.meaning();
                tracing::warn!(reason = reason.name(), exporter = %from, octet = offset, seen, suppressed, "bad data: {meaning}");
            }
        }
    }

    /// Whether it is time to tell of this kind of trouble, and then how many times it was not since it was told last.
    pub(crate) fn is_due(&self, kind: &'static str) -> Option<u64> {
        suppressed(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), kind, Instant::now())
    }
}

/// How many were not told since its kind was told last; nothing where that was just now.
fn suppressed(told: &mut BTreeMap<&'static str, Told>, kind: &'static str, now: Instant) -> Option<u64> {
    match told.get_mut(kind) {
        Some(last) if now.saturating_duration_since(last.at) < PAUSE => {
            last.suppressed += 1;
            None
        }
        Some(last) => {
            last.at = now;
            Some(std::mem::take(&mut last.suppressed))
        }
        None => {
            told.insert(kind, Told { at: now, suppressed: 0 });
            Some(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_in_a_while_with_what_was_not() {
        let (mut told, now) = (BTreeMap::new(), Instant::now());
        assert_eq!(suppressed(&mut told, "truncated", now), Some(0));
        assert_eq!(suppressed(&mut told, "truncated", now), None);
        assert_eq!(suppressed(&mut told, "bad_count", now), Some(0), "each reason by itself");
        assert_eq!(suppressed(&mut told, "truncated", now), None);
        assert_eq!(suppressed(&mut told, "truncated", now + PAUSE), Some(2));
        assert_eq!(suppressed(&mut told, "truncated", now + PAUSE), None);
    }
}
