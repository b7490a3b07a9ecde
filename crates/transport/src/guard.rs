//! Who may send, and how much.
//!
//! [`Guard`] lets a datagram pass or not by its sender's address alone: the address must lie in an allowed prefix, and no address may send more than so many
//! datagrams a second. Time is an argument. What one datagram costs does not depend on what strangers send.

mod prefixes;
mod rates;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::AddAssign;

pub(crate) use prefixes::Prefixes;
use rates::Rates;

/// What a guard lets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardOptions {
    /// Prefixes with their lengths in bits. None at all means everybody.
    pub allowed: Vec<(IpAddr, u8)>,
    /// Most datagrams a second of one address, as many of them at once. None means any number.
    pub rate: Option<NonZeroU32>,
    /// Most addresses whose rate is known at a time. Beyond it, those silent for longest are forgotten, and have their full rate when they come again.
    pub addresses: usize,
}

impl Default for GuardOptions {
    /// Everybody, any number, 65,536 addresses.
    fn default() -> Self {
        Self { allowed: Vec::new(), rate: None, addresses: 65_536 }
    }
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Pass,
    /// Its sender is in no allowed prefix.
    NotAllowed,
    /// Its sender has sent too much.
    OverRate,
}

/// What became of the datagrams: each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuardCounters {
    /// Datagrams that passed.
    pub passed: u64,
    /// Datagrams of senders that are in no allowed prefix.
    pub not_allowed: u64,
    /// Datagrams of senders that have sent too much.
    pub over_rate: u64,
    /// Addresses whose rate is known at present.
    pub addresses: u64,
}

impl AddAssign for GuardCounters {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.not_allowed += other.not_allowed;
        self.over_rate += other.over_rate;
        self.addresses += other.addresses;
    }
}

/// Decides about each datagram.
#[derive(Debug)]
pub struct Guard {
    allowed: Prefixes,
    rates: Option<Rates>,
    counters: GuardCounters,
}

impl Guard {
    /// A guard that has seen nobody yet.
    pub fn new(options: &GuardOptions) -> Self {
        let rates = options.rate.map(|rate| Rates::new(rate, options.addresses));
        Self { allowed: Prefixes::new(&options.allowed), rates, counters: GuardCounters::default() }
    }

    /// Decides by other rules from now on. Everybody has the full rate again; the counters go on.
    pub fn configure(&mut self, options: &GuardOptions) {
        *self = Self { counters: self.counters, ..Self::new(options) };
    }

    /// Decides about a datagram of this sender, received at `now` in nanoseconds since 1970.
    pub fn check(&mut self, from: IpAddr, now: i64) -> Verdict {
        if !self.allowed.contain(from) {
            self.counters.not_allowed += 1;
            return Verdict::NotAllowed;
        }
        if self.rates.as_mut().is_some_and(|rates| !rates.take(from, now)) {
            self.counters.over_rate += 1;
            return Verdict::OverRate;
        }
        self.counters.passed += 1;
        Verdict::Pass
    }

    /// Whether the sender is in an allowed prefix; counts nothing.
    pub fn allows(&self, from: IpAddr) -> bool {
        self.allowed.contain(from)
    }

    /// What became of the datagrams so far.
    pub fn counters(&self) -> GuardCounters {
        let addresses = self.rates.as_ref().map_or(0, Rates::len) as u64;
        GuardCounters { addresses, ..self.counters }
    }
}

#[cfg(test)]
mod tests;
