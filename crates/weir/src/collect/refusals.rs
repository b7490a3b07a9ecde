//! Who was refused, by address; bounded, whatever addresses strangers make up.

use std::collections::HashMap;
use std::net::IpAddr;

use weir_transport::Verdict;

/// Senders that were refused and are remembered by address; further ones are counted only.
const REFUSED: usize = 4096;

/// A sender that was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// Nanoseconds since 1970.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) not_allowed: u64,
    pub(crate) over_rate: u64,
}

/// The senders that a listener has refused.
#[derive(Debug, Default)]
pub(crate) struct Refusals(HashMap<IpAddr, Refused>);

impl Refusals {
    /// Notes one at that time, nanoseconds since 1970.
    pub(crate) fn note(&mut self, from: IpAddr, verdict: Verdict, now: i64) {
        let is_full = self.0.len() >= REFUSED;
        if is_full && !self.0.contains_key(&from) {
            return;
        }
        let refused = self.0.entry(from).or_insert(Refused { first: now, last: now, not_allowed: 0, over_rate: 0 });
        refused.last = now;
        match verdict {
            Verdict::NotAllowed => refused.not_allowed += 1,
            Verdict::OverRate => refused.over_rate += 1,
            Verdict::Pass => {}
        }
    }

    /// All that are remembered.
    pub(crate) fn all(&self) -> Vec<(IpAddr, Refused)> {
        self.0.iter().map(|(from, refused)| (*from, *refused)).collect()
    }
}
