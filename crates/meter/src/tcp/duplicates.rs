//! Packets that the capture saw twice: a mirror port that copies both ingress and egress, one frame on two VLANs.
//!
//! The copy follows within a millisecond and is the same IP packet. Where it has no identification (IPv6, and many hosts where fragments are
//! forbidden, RFC 6864) a segment with payload that is sent again on a fast network looks the same; but it is sent again because the
//! other side said something, so such a packet counts as a copy only while the other side is silent. Acknowledgments without
//! identification are never taken for copies: equal ones are how a receiver reports a loss.

use weir_wire::Tcp;

use super::Segment;

/// Packets remembered of a connection.
const REMEMBERED: usize = 4;
/// Packets remembered once something rare was seen: the copies come in bursts where the capture takes them at two places.
const REMEMBERED_LONGER: usize = 64;
/// Longest time between a packet and its copy, in units of 1024 ns.
const WITHIN: u32 = 1_000_000 >> 10;

/// The last packets of a connection, newest first: of each its fingerprint plus its time, so that the difference to that of a copy is the time
/// between the two.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recent([u32; REMEMBERED]);

/// More of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecentLonger {
    stamps: [u32; REMEMBERED_LONGER],
    oldest: u8,
}

impl Recent {
    /// Remembers the packet, in `longer` too. True where it is a copy of one remembered; one that is known to be new is not looked for.
    /// `turns`: how often the other side has begun to speak.
    #[inline]
    pub(super) fn meet(&mut self, segment: &Segment<'_>, turns: u8, is_new: bool, longer: Option<&mut RecentLonger>) -> bool {
        let flags = segment.tcp.flags;
        let is_bare = segment.length == 0 && flags & (Tcp::SYN | Tcp::FIN | Tcp::RST) == 0;
        if segment.ip_id == 0 && is_bare {
            return false;
        }
        let turns = if segment.ip_id == 0 && flags & Tcp::SYN == 0 { turns } else { 0 };
        let stamp = fingerprint(segment, turns).wrapping_add((segment.time >> 10) as u32);
        let is_copy = |held: &u32| stamp.wrapping_sub(*held) <= WITHIN;
        let is_remembered = !is_new && self.0.iter().any(is_copy);
        if is_remembered || (!is_new && longer.as_ref().is_some_and(|longer| longer.stamps.iter().any(is_copy))) {
            return true;
        }
        self.0.rotate_right(1);
        self.0[0] = stamp;
        if let Some(longer) = longer {
            longer.stamps[usize::from(longer.oldest) % REMEMBERED_LONGER] = stamp;
            longer.oldest = longer.oldest.wrapping_add(1);
        }
        false
    }
}

impl Default for RecentLonger {
    fn default() -> Self {
        Self { stamps: [0; REMEMBERED_LONGER], oldest: 0 }
    }
}

/// A number made of everything that a copy has in common with its original.
fn fingerprint(segment: &Segment<'_>, turns: u8) -> u32 {
    let tcp = segment.tcp;
    let numbers = u64::from(tcp.seq) << 32 | u64::from(tcp.ack);
    let lengths = u64::from(segment.length) << 32 | u64::from(segment.ip_id);
    let rest = u64::from(segment.checksum) << 48
        | u64::from(tcp.window) << 32
        | u64::from(tcp.flags) << 16
        | u64::from(turns) << 8
        | segment.direction as u64;
    let mixed = numbers.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ lengths.wrapping_mul(0xc2b2_ae3d_27d4_eb4f).rotate_left(23)
        ^ rest.wrapping_mul(0x1656_67b1_9e37_79f9).rotate_left(41);
    ((mixed ^ mixed >> 29).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 32) as u32
}
