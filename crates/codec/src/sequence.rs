//! What the sequence numbers of exporters say about messages that are missing, late, or from an exporter that began anew.
//!
//! NetFlow v5 and v7 count flows, NetFlow v9 and sFlow messages, IPFIX data records (RFC 7011, section 3.1); all modulo 2^32. The
//! caller says by how much a message advances its counter.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use weir_record::Address;

use crate::{Protocol, Stats};

/// Senders whose next number is remembered; beyond it those silent for longest are forgotten, at least half of it always stays.
pub(crate) const SENDER_LIMIT: usize = 65_536;
/// A gap up to here is a loss; a larger one is a sender that began anew.
const GAP_LIMIT: u32 = 1 << 20;
/// A message is late when its number is behind by at most this many messages of its own size.
const LATE_MESSAGES: u32 = 32;

/// Who numbers messages: one counter of one sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sender {
    pub(crate) exporter: Address,
    pub(crate) port: u16,
    /// Observation domain, engine or sub-agent.
    pub(crate) domain: u32,
    pub(crate) protocol: Protocol,
}

/// What is known of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The number that the next message should have.
    pub(crate) next: u32,
    /// Counted as lost in the last gaps and not seen late since.
    pub(crate) missing: u32,
}

/// The counters of all senders.
///
/// Two generations of at most half the limit each: when the young one is full it becomes the old one, whose remaining senders are
/// forgotten. Whoever is heard of moves to the young one, so memory and time stay bounded whatever addresses a stranger makes up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sequences {
    young: HashMap<Sender, Expected, RandomState>,
    old: HashMap<Sender, Expected, RandomState>,
}

impl Sequences {
    /// Takes in a message that has this number and counts `advance` flows, records or messages.
    pub(crate) fn observe(&mut self, sender: Sender, sequence: u32, advance: u32, stats: &mut Stats) {
        let after = sequence.wrapping_add(advance);
        let Some(expected) = self.entry(sender) else {
            self.insert(sender, Expected { next: after, missing: 0 });
            return;
        };
        let ahead = sequence.wrapping_sub(expected.next);
        let behind = expected.next.wrapping_sub(sequence);
        if ahead == 0 {
            expected.next = after;
        } else if ahead <= GAP_LIMIT {
            stats.lost += u64::from(ahead);
            *expected = Expected { next: after, missing: ahead.saturating_add(expected.missing) };
        } else if behind <= advance.max(1).saturating_mul(LATE_MESSAGES) {
            // It was taken for lost when its successor came; a duplicate was not.
            let found = advance.min(expected.missing);
            expected.missing -= found;
            stats.lost = stats.lost.saturating_sub(u64::from(found));
            stats.reordered += 1;
        } else {
            stats.sequence_restarts += 1;
            *expected = Expected { next: after, missing: 0 };
        }
    }

    /// Every sender with its counter, for saving.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Sender, &Expected)> {
        self.old.iter().chain(&self.young)
    }

    /// Takes up a saved counter.
    pub(crate) fn insert(&mut self, sender: Sender, expected: Expected) {
        if self.young.len() >= SENDER_LIMIT / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&sender);
        self.young.insert(sender, expected);
    }

    /// Begins anew with a sender, as after a message that advances its counter by nobody knows how much.
    pub(crate) fn forget(&mut self, sender: &Sender) {
        self.old.remove(sender);
        self.young.remove(sender);
    }

    /// The counter of a sender that is known, made young.
    fn entry(&mut self, sender: Sender) -> Option<&mut Expected> {
        if !self.old.is_empty()
            && let Some(expected) = self.old.remove(&sender)
        {
            self.insert(sender, expected);
        }
        self.young.get_mut(&sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(domain: u32) -> Sender {
        Sender { exporter: Address::v4(0xc000_0201), port: 2055, domain, protocol: Protocol::NetFlow5 }
    }

    /// Feeds numbers of messages of 30 flows; gives lost, reordered, restarts.
    fn feed(numbers: &[u32]) -> (u64, u64, u64) {
        let (mut sequences, mut stats) = (Sequences::default(), Stats::default());
        for number in numbers {
            sequences.observe(sender(0), *number, 30, &mut stats);
        }
        (stats.lost, stats.reordered, stats.sequence_restarts)
    }

    #[test]
    fn in_order_and_across_the_wrap_nothing_is_counted() {
        assert_eq!(feed(&[100, 130, 160, 190]), (0, 0, 0));
        assert_eq!(feed(&[u32::MAX - 29, 0, 30]), (0, 0, 0));
    }

    #[test]
    fn a_gap_is_lost_and_a_late_message_takes_it_back() {
        assert_eq!(feed(&[0, 30, 120]), (60, 0, 0));
        assert_eq!(feed(&[0, 30, 120, 60, 150]), (30, 1, 0));
        assert_eq!(feed(&[0, 30, 120, 60, 90, 150]), (0, 2, 0));
    }

    #[test]
    fn a_duplicate_is_late_but_takes_nothing_back() {
        assert_eq!(feed(&[0, 30, 30, 60]), (0, 1, 0));
        assert_eq!(feed(&[0, 90, 90, 120]), (30, 1, 0));
    }

    #[test]
    fn far_away_is_a_restart() {
        assert_eq!(feed(&[5_000_000, 0, 30]), (0, 0, 1));
        assert_eq!(feed(&[0, 30 + GAP_LIMIT]), (u64::from(GAP_LIMIT), 0, 0));
        assert_eq!(feed(&[0, 30 + GAP_LIMIT + 1]), (0, 0, 1));
        assert_eq!(feed(&[10_030, 10_060 - 30 * LATE_MESSAGES]), (0, 1, 0));
        assert_eq!(feed(&[10_030, 10_059 - 30 * LATE_MESSAGES]), (0, 0, 1));
    }

    #[test]
    fn counters_of_different_senders_do_not_mix() {
        let (mut sequences, mut stats) = (Sequences::default(), Stats::default());
        sequences.observe(sender(1), 100, 1, &mut stats);
        sequences.observe(sender(2), 50, 1, &mut stats);
        sequences.observe(sender(1), 101, 1, &mut stats);
        sequences.observe(sender(2), 51, 1, &mut stats);
        assert_eq!((stats.lost, stats.reordered, stats.sequence_restarts), (0, 0, 0));
    }

    #[test]
    fn the_number_of_senders_is_bounded_and_the_busy_ones_stay() {
        let (mut sequences, mut stats) = (Sequences::default(), Stats::default());
        for domain in 0..=SENDER_LIMIT as u32 {
            sequences.observe(sender(domain), 7, 1, &mut stats);
            sequences.observe(sender(u32::MAX), domain, 1, &mut stats);
        }
        assert!(sequences.iter().count() <= SENDER_LIMIT);
        assert_eq!((stats.lost, stats.reordered, stats.sequence_restarts), (0, 0, 0));
        // The busy one was never forgotten: a gap is still seen.
        sequences.observe(sender(u32::MAX), SENDER_LIMIT as u32 + 11, 1, &mut stats);
        assert_eq!(stats.lost, 10);
    }

    #[test]
    fn saved_counters_go_on() {
        let (mut sequences, mut stats) = (Sequences::default(), Stats::default());
        sequences.observe(sender(3), 10, 5, &mut stats);
        let mut loaded = Sequences::default();
        for (sender, expected) in sequences.iter() {
            loaded.insert(*sender, *expected);
        }
        loaded.observe(sender(3), 20, 5, &mut stats);
        assert_eq!(stats.lost, 5);
    }
}
