//! A connection in the table: its key, the counters of both directions, and where the rest of it is.

use weir_record::Address;
use weir_wire::Tunnel;

use crate::app::App;
use crate::key::Key;
use crate::packet::Direction;

/// A connection. What only some connections have lies elsewhere.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) key: Key,
    /// By [`Direction`].
    pub(crate) halves: [Half; 2],
    /// When the record began that is being counted.
    pub(crate) since: i64,
    pub(crate) app: Option<Box<App>>,
    pub(crate) rare: Option<Box<Rare>>,
    /// Place of its TCP state, see [`crate::table::Parts`].
    pub(crate) tcp: Option<Place>,
    /// Place of its gaps.
    pub(crate) gaps: Option<Place>,
    /// The bucket in which its idleness is looked at next.
    pub(crate) tick: i64,
    /// The initiator is the low end of the key.
    pub(crate) initiator_is_low: bool,
    /// Closed or reset; it only waits for stragglers.
    pub(crate) closing: bool,
    /// Which directions the application wants to see, one bit each.
    pub(crate) app_wants: u8,
    /// In use; what is free keeps its memory.
    pub(crate) live: bool,
}

/// A place in a slab, one up, so that none costs nothing.
pub(crate) type Place = std::num::NonZeroU32;

/// One direction.
#[derive(Clone, Debug)]
pub(crate) struct Half {
    /// Time of the first packet of the record.
    pub(crate) first: i64,
    /// Time of the latest packet of the record.
    pub(crate) last: i64,
    /// Layer-3 octets.
    pub(crate) bytes: u64,
    pub(crate) packets: u32,
    pub(crate) interface: u32,
    pub(crate) flow_label: u32,
    pub(crate) flags: u16,
    pub(crate) vlan: u16,
    pub(crate) src_mac: [u8; 6],
    pub(crate) dst_mac: [u8; 6],
    pub(crate) tos: u8,
    pub(crate) ttl_min: u8,
    pub(crate) ttl_max: u8,
    pub(crate) icmp: [u8; 2],
    /// What of the above was there: [`Half::VLAN`] and so on.
    pub(crate) has: u8,
}

impl Half {
    /// No packet went this way; so it was heard of last before all others.
    pub(crate) const UNSEEN: Self = Self {
        first: 0,
        last: i64::MIN,
        bytes: 0,
        packets: 0,
        interface: 0,
        flow_label: 0,
        flags: 0,
        vlan: 0,
        src_mac: [0; 6],
        dst_mac: [0; 6],
        tos: 0,
        ttl_min: 0,
        ttl_max: 0,
        icmp: [0; 2],
        has: 0,
    };
    pub(crate) const VLAN: u8 = 1;
    pub(crate) const SRC_MAC: u8 = 2;
    pub(crate) const DST_MAC: u8 = 4;
    pub(crate) const ICMP: u8 = 8;
    /// The direction was seen before the record began.
    pub(crate) const SEEN: u8 = 16;
}

/// What few connections have.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// MPLS label entries of the first packet, by direction.
    pub(crate) mpls: [Vec<u32>; 2],
    /// The innermost tunnel, by direction.
    pub(crate) tunnels: [Option<Tunnel>; 2],
}

impl Flow {
    /// Reads something of each part, to have it at hand.
    #[inline]
    pub(crate) fn touch(&self) -> i64 {
        let [one, other] = &self.halves;
        let ((low, _), (_, high)) = (self.key.low.halves(), self.key.high.halves());
        let times = one.first ^ one.last ^ other.first ^ other.last ^ self.since ^ self.tick;
        let rest = i64::from(one.ttl_max) ^ i64::from(other.ttl_max) ^ i64::from(self.key.low_port) ^ i64::from(self.app_wants);
        times ^ rest ^ (low ^ high).cast_signed()
    }

    /// Address and port of the initiator, then of the responder.
    pub(crate) fn ends(&self) -> [(Address, u16); 2] {
        let Key { low, high, low_port, high_port, .. } = self.key;
        if self.initiator_is_low { [(low, low_port), (high, high_port)] } else { [(high, high_port), (low, low_port)] }
    }

    /// Time of the latest packet of either direction.
    pub(crate) fn last(&self) -> i64 {
        self.halves[0].last.max(self.halves[1].last)
    }

    /// Which way a packet goes.
    #[inline]
    pub(crate) const fn direction(&self, from_low: bool) -> Direction {
        if from_low == self.initiator_is_low { Direction::ToServer } else { Direction::ToClient }
    }
}
