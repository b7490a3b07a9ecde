//! What tells flows apart: both ends of a connection in an order of their own, so that its two directions have one key.

use weir_record::Address;
use weir_wire::{Headers, Tunnel, TunnelKind, protocol};

use crate::config::Config;

/// The key of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// The end that is smaller by address and port.
    pub(crate) low: Address,
    /// The other end.
    pub(crate) high: Address,
    pub(crate) low_port: u16,
    pub(crate) high_port: u16,
    /// Where interfaces are told apart; else 0.
    interface: u32,
    /// What tells tunnels apart; else 0.
    tunnel: u32,
    /// Where VLANs are told apart; else 0.
    vlan: u16,
    pub(crate) protocol: u8,
}

/// A packet's place in its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyed {
    pub(crate) key: Key,
    /// It goes from the low end to the high one.
    pub(crate) from_low: bool,
}

impl Key {
    /// The key of a packet whose IP header is known, with these ports.
    #[inline]
    pub(crate) fn of(
        config: &Config,
        headers: &Headers,
        ports: (u16, u16),
        tunnel: Option<&Tunnel>,
        interface: u32,
    ) -> Option<Keyed> {
        let ip = headers.ip.as_ref()?;
        let (src, dst) = (Address::from(ip.src), Address::from(ip.dst));
        let (src_port, dst_port) = ports;
        // A host that asks itself: only the kind of message tells question from answer.
        let from_low =
            if src == dst && is_icmp(ip.protocol) { !is_icmp_answer(headers) } else { (src, src_port) <= (dst, dst_port) };
        let (low, high) = if from_low { (src, dst) } else { (dst, src) };
        let swap_ports = !from_low && !is_icmp(ip.protocol);
        let (low_port, high_port) = if swap_ports { (dst_port, src_port) } else { (src_port, dst_port) };
        let vlan = if config.key_vlan { headers.vlans.first().map_or(0, |tag| tag.id()) } else { 0 };
        let key = Self {
            low,
            high,
            low_port,
            high_port,
            interface: if config.key_interface { interface } else { 0 },
            tunnel: tunnel.and_then(network).unwrap_or(0),
            vlan,
            protocol: ip.protocol,
        };
        Some(Keyed { key, from_low })
    }

    /// A hash that nobody can foresee who does not know the secret: folded multiplications of 128 bits.
    #[inline]
    pub(crate) fn hash(&self, secret: &Secret) -> u64 {
        let [a, b, c, d, e, f] = secret.0;
        let (low_high, low_low) = self.low.halves();
        let (high_high, high_low) = self.high.halves();
        let ports = u64::from(self.low_port) << 48
            | u64::from(self.high_port) << 32
            | u64::from(self.vlan) << 8
            | u64::from(self.protocol);
        let rest = u64::from(self.interface) << 32 | u64::from(self.tunnel);
        // No operand without a word of the secret: a product with 0 would be 0 whatever the other says.
        let mixed = fold(low_low ^ a, high_low ^ b).rotate_left(32) ^ fold(ports ^ c, rest ^ d);
        let wide = if low_high | high_high == 0 { 0 } else { fold(low_high ^ e, high_high ^ f) };
        fold(mixed ^ b, wide ^ d)
    }
}

/// What tells networks in tunnels apart that may use the same addresses. Other ids are of one direction each.
fn network(tunnel: &Tunnel) -> Option<u32> {
    tunnel.id.filter(|_| matches!(tunnel.kind, TunnelKind::Vxlan | TunnelKind::Geneve | TunnelKind::Nvgre))
}

/// What the hash of keys is mixed with.
#[derive(Clone, Debug)]
pub(crate) struct Secret([u64; 6]);

impl Secret {
    /// Six words from one, as splitmix64 makes them.
    pub(crate) fn new(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        }))
    }
}

/// The upper and lower half of a product, one over the other.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

pub(crate) const fn is_icmp(number: u8) -> bool {
    matches!(number, protocol::ICMP | protocol::ICMPV6)
}

/// Whether the packet answers an ICMP question.
pub(crate) fn is_icmp_answer(headers: &Headers) -> bool {
    let kind = headers.transport.and_then(|transport| transport.icmp).map(|(kind, _)| kind);
    let version = headers.ip.map(|ip| ip.version);
    matches!((version, kind), (Some(4), Some(0 | 14 | 16 | 18)) | (Some(6), Some(129)))
}

/// What stands in the places of ports for ICMP: a question and its answer have the same (its type, its identifier), everything else its own type and code.
pub(crate) fn icmp_ports(version: u8, kind: u8, code: u8, identifier: Option<u16>) -> (u16, u16) {
    // Echo, timestamp, information, address mask (RFC 792, RFC 950); echo of ICMPv6 (RFC 4443).
    let question = match (version, kind) {
        (4, 0 | 8) => Some(8),
        (4, 13 | 14) => Some(13),
        (4, 15 | 16) => Some(15),
        (4, 17 | 18) => Some(17),
        (6, 128 | 129) => Some(128),
        _ => None,
    };
    match question {
        Some(question) => (u16::from_be_bytes([question, 0]), identifier.unwrap_or(0)),
        None => (u16::from_be_bytes([kind, code]), 0),
    }
}

#[cfg(test)]
mod tests;
