//! How much each address may still send.
//!
//! A token bucket for each address, held as one number, the time at which all it may send at once is used up to nothing (the generic cell rate algorithm).
//! The table has two generations: when the young one is full it becomes the old one, whose addresses are forgotten unless they are heard of again.
//! A lookup costs the same however many there are, since addresses are hashed with a secret that is drawn anew for each table.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::num::NonZeroU32;

const NS_PER_SECOND: i64 = 1_000_000_000;

/// The rates of all addresses.
#[derive(Debug)]
pub(super) struct Rates {
    /// Nanoseconds that one datagram uses.
    cost: i64,
    /// Nanoseconds of datagrams that may come at once.
    burst: i64,
    /// Most addresses of a generation.
    room: usize,
    young: HashMap<IpAddr, i64>,
    old: HashMap<IpAddr, i64>,
}

impl Rates {
    pub(super) fn new(rate: NonZeroU32, addresses: usize) -> Self {
        let rate = i64::from(rate.get());
        let cost = NS_PER_SECOND.div_euclid(rate).max(1);
        Self { cost, burst: cost * rate, room: (addresses / 2).max(1), young: HashMap::new(), old: HashMap::new() }
    }

    /// Whether one more datagram may come, which is used up then.
    pub(super) fn take(&mut self, from: IpAddr, now: i64) -> bool {
        if self.young.len() >= self.room && !self.young.contains_key(&from) {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        let used_until = match self.young.entry(from) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(self.old.remove(&from).unwrap_or(now)),
        };
        // More ahead than can be used at once: the clock was set back.
        let is_plausible = used_until.saturating_sub(now) <= self.burst;
        let begin = if is_plausible { now.max(*used_until) } else { now };
        let end = begin.saturating_add(self.cost);
        let has_room = end.saturating_sub(now) <= self.burst;
        *used_until = if has_room { end } else { begin };
        has_room
    }

    /// Addresses that are known.
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
