//! What is handed to the kernel for a datagram: its payload, or whole IP packets with the header of somebody else (RFC 768, RFC 791, RFC 8200).

use std::io::IoSlice;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Datagram;

const UDP_HEADER: usize = 8;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const FRAGMENT_HEADER: usize = 8;
const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
/// Hops that a packet may take.
const HOPS: u8 = 64;
/// The bit that says that more fragments follow, of IPv4 and of IPv6.
const MORE_V4: u16 = 0x2000;
const MORE_V6: u16 = 1;

/// A packet, or a datagram where the kernel makes the header.
#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    header: [u8; IPV6_HEADER + FRAGMENT_HEADER + UDP_HEADER],
    header_length: usize,
    pub(super) payload: &'a [u8],
    /// It is the last one of its datagram.
    pub(super) ends: bool,
}

/// Makes packets.
#[derive(Debug, Default)]
pub(super) struct Packets {
    /// Identification of the last datagram that was sent in fragments.
    identification: u32,
}

/// How many packets a datagram becomes.
pub(super) fn count(datagram: &Datagram<'_>, source: Option<SocketAddr>, mtu: usize) -> usize {
    let whole = UDP_HEADER + datagram.payload.len();
    match source {
        Some(SocketAddr::V4(_)) if IPV4_HEADER + whole > mtu => whole.div_ceil(room(mtu, IPV4_HEADER)),
        Some(SocketAddr::V6(_)) if IPV6_HEADER + whole > mtu => whole.div_ceil(room(mtu, IPV6_HEADER + FRAGMENT_HEADER)),
        _ => 1,
    }
}

/// Octets behind the headers of a fragment, a multiple of eight.
const fn room(mtu: usize, headers: usize) -> usize {
    let room = mtu.saturating_sub(headers) / 8 * 8;
    if room == 0 { 8 } else { room }
}

impl Default for Packet<'_> {
    fn default() -> Self {
        Self { header: [0; IPV6_HEADER + FRAGMENT_HEADER + UDP_HEADER], header_length: 0, payload: &[], ends: true }
    }
}

impl<'a> Packet<'a> {
    /// Header and payload.
    pub(super) fn slices(&self) -> [IoSlice<'_>; 2] {
        [IoSlice::new(self.header.get(..self.header_length).unwrap_or_default()), IoSlice::new(self.payload)]
    }

    fn new(header: &[&[u8]], payload: &'a [u8], ends: bool) -> Self {
        let mut packet = Self { payload, ends, ..Self::default() };
        for part in header {
            if let Some(place) = packet.header.get_mut(packet.header_length..packet.header_length + part.len()) {
                place.copy_from_slice(part);
                packet.header_length += part.len();
            }
        }
        packet
    }
}

impl Packets {
    /// Writes the packets of a datagram to the front of `into`, and says how many they are. Without a source the kernel makes the header.
    pub(super) fn make<'a>(
        &mut self,
        datagram: &Datagram<'a>,
        source: Option<SocketAddr>,
        target: SocketAddr,
        mtu: usize,
        into: &mut [Packet<'a>],
    ) -> usize {
        let payload = datagram.payload;
        let Some(source) = source else {
            return put(into, 0, Packet::new(&[], payload, true));
        };
        let udp = udp_header(source, target, payload);
        let whole = UDP_HEADER + payload.len();
        match (source, target) {
            (SocketAddr::V4(from), SocketAddr::V4(to)) => {
                let header = |length, id, place| ipv4_header(*from.ip(), *to.ip(), length, id, place);
                if IPV4_HEADER + whole <= mtu {
                    return put(into, 0, Packet::new(&[&header(whole, 0, 0), &udp], payload, true));
                }
                let id = self.next_identification() as u16;
                fragments(payload, room(mtu, IPV4_HEADER), into, |offset, length, more, first, part| {
                    let place = (offset / 8) as u16 | if more { MORE_V4 } else { 0 };
                    Packet::new(&[&header(length, id, place), if first { &udp } else { &[] }], part, !more)
                })
            }
            (SocketAddr::V6(from), SocketAddr::V6(to)) => {
                let header = |length, next| ipv6_header(*from.ip(), *to.ip(), length, next);
                if IPV6_HEADER + whole <= mtu {
                    return put(into, 0, Packet::new(&[&header(whole, UDP), &udp], payload, true));
                }
                let id = self.next_identification();
                fragments(payload, room(mtu, IPV6_HEADER + FRAGMENT_HEADER), into, |offset, length, more, first, part| {
                    // Thirteen bits of offset in units of eight octets, as octets in their place.
                    let place = offset as u16 | if more { MORE_V6 } else { 0 };
                    let mut fragment = [UDP, 0, 0, 0, 0, 0, 0, 0];
                    fragment[2..4].copy_from_slice(&place.to_be_bytes());
                    fragment[4..].copy_from_slice(&id.to_be_bytes());
                    let ip = header(FRAGMENT_HEADER + length, FRAGMENT);
                    Packet::new(&[&ip, &fragment, if first { &udp } else { &[] }], part, !more)
                })
            }
            _ => 0,
        }
    }

    /// Never zero, which means to the kernel that it may choose.
    const fn next_identification(&mut self) -> u32 {
        self.identification = self.identification.wrapping_add(1);
        if self.identification as u16 == 0 {
            self.identification = self.identification.wrapping_add(1);
        }
        self.identification
    }
}

fn put<'a>(into: &mut [Packet<'a>], at: usize, packet: Packet<'a>) -> usize {
    into.get_mut(at).map_or(0, |place| {
        *place = packet;
        1
    })
}

/// Cuts UDP header and payload into parts of `room` octets. `make` gets the offset of a part, its length, whether more follow, whether it is the first, and what of the
/// payload is in it.
fn fragments<'a>(
    payload: &'a [u8],
    room: usize,
    into: &mut [Packet<'a>],
    make: impl Fn(usize, usize, bool, bool, &'a [u8]) -> Packet<'a>,
) -> usize {
    let whole = UDP_HEADER + payload.len();
    let mut count = 0;
    for offset in (0..whole).step_by(room) {
        let end = (offset + room).min(whole);
        let part = payload.get(offset.saturating_sub(UDP_HEADER)..end - UDP_HEADER).unwrap_or_default();
        count += put(into, count, make(offset, end - offset, end < whole, offset == 0, part));
    }
    count
}

fn udp_header(source: SocketAddr, target: SocketAddr, payload: &[u8]) -> [u8; UDP_HEADER] {
    let length = (UDP_HEADER + payload.len()) as u16;
    let mut header = [0; UDP_HEADER];
    header[..2].copy_from_slice(&source.port().to_be_bytes());
    header[2..4].copy_from_slice(&target.port().to_be_bytes());
    header[4..6].copy_from_slice(&length.to_be_bytes());
    let addresses = match (source, target) {
        (SocketAddr::V4(from), SocketAddr::V4(to)) => sum(&from.ip().octets()) + sum(&to.ip().octets()),
        (SocketAddr::V6(from), SocketAddr::V6(to)) => sum(&from.ip().octets()) + sum(&to.ip().octets()),
        _ => 0,
    };
    let mut total = addresses + u64::from(UDP) + u64::from(length) + sum(&header) + sum(payload);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    // Zero would mean that there is none.
    let checksum = match !(total as u16) {
        0 => 0xffff,
        checksum => checksum,
    };
    header[6..].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// The sum of an Internet checksum (RFC 1071), not folded: of an odd number of octets the last one is a high one.
fn sum(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let words: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    let (pairs, last) = rest.as_chunks::<2>();
    let pairs: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
    words + pairs + last.first().map_or(0, |last| u64::from(*last) << 8)
}

/// The kernel fills in the checksum, and the identification where it is zero.
fn ipv4_header(from: Ipv4Addr, to: Ipv4Addr, length: usize, id: u16, place: u16) -> [u8; IPV4_HEADER] {
    let mut header = [0; IPV4_HEADER];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&((IPV4_HEADER + length) as u16).to_be_bytes());
    header[4..6].copy_from_slice(&id.to_be_bytes());
    header[6..8].copy_from_slice(&place.to_be_bytes());
    header[8] = HOPS;
    header[9] = UDP;
    header[12..16].copy_from_slice(&from.octets());
    header[16..].copy_from_slice(&to.octets());
    header
}

fn ipv6_header(from: Ipv6Addr, to: Ipv6Addr, length: usize, next: u8) -> [u8; IPV6_HEADER] {
    let mut header = [0; IPV6_HEADER];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&(length as u16).to_be_bytes());
    header[6] = next;
    header[7] = HOPS;
    header[8..24].copy_from_slice(&from.octets());
    header[24..].copy_from_slice(&to.octets());
    header
}

#[cfg(test)]
mod tests;
