//! Packets that the capture saw twice: a mirror port that copies both ingress and egress, one frame on two VLANs.
//!
//! The copy follows within a millisecond and is the same IP packet. Where it has no identification (IPv6, and many hosts where fragments are
//! forbidden, RFC 6864) a segment with payload that is sent again on a fast network looks the same; but it is sent again because the
//! other side said something, so such a packet counts as a copy only while the other side is silent. Acknowledgments without
//! identification are never taken for copies: equal ones are how a receiver reports a loss.

use weir_wire::Tcp;

use super::Segment;

/// Packets remembered once something rare was seen: the copies come in bursts where the capture takes them at two places.
const REMEMBERED_LONGER: usize = 32;
/// A copy follows in less than a millisecond; in units of 16,384 ns. Different packets pass for copies once in 2^24 times.
const WITHIN: u32 = (1_000_000 >> UNIT) - 1;
/// Times are shifted by so many bits.
const UNIT: u32 = 14;

/// The last packets of a connection, newest first: of each its fingerprint plus its time, so that the difference to that of a copy is the time
/// between the two.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recent([u32; 4]);

/// More of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecentLonger {
    stamps: [u64; REMEMBERED_LONGER],
    oldest: u8,
}

impl Recent {
    /// Remembers the packet, in `longer` too. True where it is a copy of one remembered; one that is known to be new is not looked for.
    /// `turns`: how often the other side has begun to speak.
    #[inline]
    pub(super) fn meet(&mut self, segment: &Segment<'_>, turns: u8, is_new: bool, longer: Option<&mut RecentLonger>) -> bool {
        let flags = segment.tcp.flags;
        let is_bare = segment.length == 0 && flags & (Tcp::SYN | Tcp::FIN) == 0;
        if segment.ip_id == 0 && is_bare {
            return false;
        }
        let turns = if segment.ip_id == 0 && flags & Tcp::SYN == 0 { turns } else { 0 };
        let stamp = fingerprint(segment, turns).wrapping_add((segment.time >> UNIT) as u64);
        let short = stamp as u32;
        if !is_new {
            let is_copy = |held: &u64| stamp.wrapping_sub(*held) <= WITHIN.into();
            let is_remembered = self.0.iter().any(|held| short.wrapping_sub(*held) <= WITHIN)
                || longer.as_ref().is_some_and(|longer| longer.stamps.iter().any(is_copy));
            if is_remembered {
                return true;
            }
        }
        let [first, second, third, _] = self.0;
        self.0 = [short, first, second, third];
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

/// A number made of everything that a copy has in common with its original: one multiplication, both halves of the product.
#[inline]
fn fingerprint(segment: &Segment<'_>, turns: u8) -> u64 {
    let tcp = segment.tcp;
    // Hosts that set no identification are told apart by turns instead.
    let id = segment.ip_id as u16 | u16::from(turns);
    let numbers = u64::from(tcp.seq) << 32 | u64::from(tcp.ack ^ segment.length.rotate_left(16));
    let rest = u64::from(segment.checksum) << 48
        | u64::from(id) << 32
        | u64::from(tcp.window) << 16
        | (segment.direction as u64) << 12
        | u64::from(tcp.flags & 0xfff);
    let product = u128::from(numbers ^ 0x9e37_79b9_7f4a_7c15) * u128::from(rest ^ 0xc2b2_ae3d_27d4_eb4f);
    product as u64 ^ (product >> 64) as u64
}
