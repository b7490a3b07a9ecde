//! The places that a listener has for connections.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::connection::next_stream;
use super::{Counts, Rules, StreamCounters, StreamEnd, StreamLimits};

/// The places of a listener, and what was counted of its connections.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Mutex<Taken>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Taken {
    /// Where each open connection is from, by its number.
    of: HashMap<u64, IpAddr>,
    /// How many connections there are of each source.
    of_one: HashMap<IpAddr, usize>,
    /// Those that have never sent a message, oldest first; whoever is woken there has lost its place.
    silent: BTreeMap<u64, Arc<Notify>>,
}

/// A place of one connection, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    stream: u64,
    lost: Arc<Notify>,
}

impl Places {
    /// A place for a connection of that address, if it may come; why not is counted.
    pub(super) fn take(self: &Arc<Self>, from: IpAddr, rules: &Rules) -> Result<Place, StreamEnd> {
        let mut taken = self.lock();
        self.counts.connected();
        let refusal = if rules.allowed.contain(from) {
            self.make_room(&mut taken, from, &rules.limits)
        } else {
            Err(StreamEnd::NotAllowed)
        };
        if let Err(end) = refusal {
            self.counts.note(&end);
            return Err(end);
        }
        let (stream, lost) = (next_stream(), Arc::<Notify>::default());
        taken.of.insert(stream, source_of(from));
        *taken.of_one.entry(source_of(from)).or_default() += 1;
        taken.silent.insert(stream, Arc::clone(&lost));
        self.counts.opened();
        drop(taken);
        Ok(Place { places: Arc::clone(self), stream, lost })
    }

    /// Sees that there is a place, at the cost of somebody who has never sent a message where there is none.
    fn make_room(&self, taken: &mut Taken, from: IpAddr, limits: &StreamLimits) -> Result<(), StreamEnd> {
        let source = source_of(from);
        if taken.of_one.get(&source).is_some_and(|count| *count >= limits.connections_of_one) {
            let is_theirs = |stream: &&u64| taken.of.get(*stream) == Some(&source);
            let oldest = taken.silent.keys().find(is_theirs).copied();
            self.clear(taken, oldest, StreamEnd::TooManyOfOne { limit: limits.connections_of_one })?;
        }
        if taken.of.len() >= limits.connections {
            let oldest = taken.silent.keys().next().copied();
            self.clear(taken, oldest, StreamEnd::TooMany { limit: limits.connections })?;
        }
        Ok(())
    }

    /// Takes the place of that connection away, or gives the reason not to take another one.
    fn clear(&self, taken: &mut Taken, stream: Option<u64>, refusal: StreamEnd) -> Result<(), StreamEnd> {
        let Some((stream, lost)) = stream.and_then(|stream| taken.silent.remove_entry(&stream)) else { return Err(refusal) };
        self.release(taken, stream, &StreamEnd::MadeRoom);
        lost.notify_one();
        Ok(())
    }

    /// Frees a place, and counts why, unless it was taken away before.
    fn release(&self, taken: &mut Taken, stream: u64, end: &StreamEnd) {
        let Some(source) = taken.of.remove(&stream) else { return };
        taken.silent.remove(&stream);
        if let Some(count) = taken.of_one.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                taken.of_one.remove(&source);
            }
        }
        self.counts.closed(end);
    }

    /// What was counted so far; the counts of one moment.
    pub(super) fn counters(&self) -> StreamCounters {
        let _taken = self.lock();
        self.counts.read()
    }

    /// Counts a connection that the system could not give.
    pub(super) fn not_accepted(&self) {
        self.counts.not_accepted();
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Whoever panicked left the maps whole.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The connection's number, which no other one has.
    pub(super) const fn stream(&self) -> u64 {
        self.stream
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.places.counts
    }

    /// It has sent a message, so the place is its own until it ends.
    pub(super) fn keep(&self) {
        self.places.lock().silent.remove(&self.stream);
    }

    /// What is woken when another connection has got the place.
    pub(super) fn lost(&self) -> Arc<Notify> {
        Arc::clone(&self.lost)
    }

    /// Gives the place back.
    pub(super) fn leave(self, end: &StreamEnd) {
        self.places.release(&mut self.places.lock(), self.stream, end);
    }
}

/// A connection that ends without a reason has been given up with its listener.
impl Drop for Place {
    fn drop(&mut self) {
        self.places.release(&mut self.places.lock(), self.stream, &StreamEnd::Stopped);
    }
}

/// By what connections of one sender are counted: its address, or, since a host has as many addresses of IPv6 as it likes, its /64.
pub(crate) fn source_of(from: IpAddr) -> IpAddr {
    match from {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StreamRules;

    #[test]
    fn who_is_silent_keeps_nobody_out() {
        let limits = StreamLimits { connections: 6, connections_of_one: 4, ..StreamLimits::default() };
        let rules = Rules::new(&StreamRules { limits, ..StreamRules::default() });
        let places = Arc::<Places>::default();
        let from = |text: &str| text.parse::<IpAddr>().unwrap();
        // Many addresses of one /64 are one source.
        let host = |last: u16| from(&format!("2001:db8::{last:x}"));
        let first: Vec<Place> = (0..4).map(|last| places.take(host(last), &rules).unwrap()).collect();
        first[0].keep();
        let fifth = places.take(host(5), &rules).unwrap();
        assert_eq!((places.counters().open, places.counters().ended[StreamEnd::MadeRoom.number()]), (4, 1));
        assert!(!places.lock().of.contains_key(&first[1].stream()), "the oldest that is silent");
        // Its own end, later, counts nothing more.
        drop(first);
        assert_eq!((places.counters().open, places.counters().ended[StreamEnd::Stopped.number()]), (1, 3));
        fifth.keep();

        let kept: Vec<Place> = (1..6).map(|last| places.take(from(&format!("192.0.2.{last}")), &rules).unwrap()).collect();
        kept[1..].iter().for_each(Place::keep);
        let other = places.take(from("2001:db8:0:1::1"), &rules).unwrap();
        other.keep();
        assert_eq!(places.take(from("192.0.2.9"), &rules).unwrap_err(), StreamEnd::TooMany { limit: 6 });
        other.leave(&StreamEnd::Closed);
        let counters = places.counters();
        assert_eq!((counters.open, counters.connections), (5, 12));
        assert_eq!(counters.open + counters.ended.iter().sum::<u64>(), counters.connections);
        drop((fifth, kept));
        assert!(places.lock().of_one.is_empty() && places.lock().silent.is_empty());
    }

    #[test]
    fn sources_are_addresses_of_ipv4_and_networks_of_ipv6() {
        let of = |text: &str| source_of(text.parse().unwrap()).to_string();
        assert_eq!([of("192.0.2.1"), of("2001:db8:1:2:3:4:5:6")], ["192.0.2.1", "2001:db8:1:2::"]);
    }
}
