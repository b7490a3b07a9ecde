//! Peers: STUN and TURN (RFC 8489, 3489, 8656), BitTorrent (BEP 3, 5, 14, 15, 29).

use super::{begins_with, u16_at, u32_at, yes_if};
use crate::app::protocol::{Context, Probe};

const STUN_HEADER: usize = 20;
/// In every message since RFC 5389.
const STUN_COOKIE: u32 = 0x2112_a442;

/// A type with two leading zero bits, a length of whole words, the cookie.
fn is_stun(octets: &[u8]) -> Option<usize> {
    let (kind, length) = (u16_at(octets, 0)?, u16_at(octets, 2)?);
    (kind >> 14 == 0 && length & 3 == 0 && u32_at(octets, 4)? == STUN_COOKIE).then_some(usize::from(length) + STUN_HEADER)
}

/// The first kind (RFC 3489) has no cookie: the length must be all of it, and attributes fill it.
fn is_classic_stun(octets: &[u8], wire_length: usize) -> bool {
    let (Some(1 | 2 | 0x101 | 0x102 | 0x111 | 0x112 | 3 | 0x103), Some(length)) = (u16_at(octets, 0), u16_at(octets, 2)) else {
        return false;
    };
    let mut attributes = octets.get(STUN_HEADER..).unwrap_or_default();
    while let [high, low, size_high, size_low, ..] = attributes {
        let (kind, size) = (u16::from_be_bytes([*high, *low]), u16::from_be_bytes([*size_high, *size_low]));
        let is_known = matches!(kind, 1..=0x30 | 0x8000..=0x80ff | 0xc000..);
        let behind = 4 + usize::from(size).next_multiple_of(4);
        if !is_known || behind > attributes.len() {
            return false;
        }
        attributes = attributes.get(behind..).unwrap_or_default();
    }
    attributes.is_empty() && usize::from(length) + STUN_HEADER == wire_length && octets.len() == wire_length
}

pub(super) fn stun_datagram(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_modern = is_stun(octets).is_some_and(|length| length <= context.wire_length);
    // Data on a channel of TURN: its number and length.
    let is_channel = || {
        let (number, length) = (u16_at(octets, 0).unwrap_or(0), u16_at(octets, 2).unwrap_or(0));
        context.has_port(3478)
            && (0x4000..0x5000).contains(&number)
            && usize::from(length).next_multiple_of(4) + 4 >= context.wire_length
    };
    yes_if(is_modern || is_classic_stun(octets, context.wire_length) || is_channel())
}

/// As it is, or with its length before it (RFC 4571).
pub(super) fn stun(octets: &[u8], _: &Context<'_>) -> Probe {
    if octets.len() < 10 {
        let may_be = matches!(octets, [] | [0..=0x3f] | [0..=1, ..]);
        return if may_be { Probe::More } else { Probe::No };
    }
    let framed = || octets.get(2..).and_then(is_stun).is_some_and(|length| u16_at(octets, 0).map(usize::from) == Some(length));
    yes_if(is_stun(octets).is_some() || framed())
}

/// The handshake.
pub(super) fn bittorrent(octets: &[u8], _: &Context<'_>) -> Probe {
    begins_with(octets, &[b"\x13BitTorrent protocol"])
}

/// A message of the distributed table, of a tracker, a local search, or the transport's first packet.
pub(super) fn bittorrent_datagram(octets: &[u8], context: &Context<'_>) -> Probe {
    const STARTS: &[&[u8]] = &[
        b"d1:ad2:id20:",
        b"d1:rd2:id20:",
        b"d1:eli20",
        b"d2:ip6:",
        b"d2:ip18:",
        b"BT-SEARCH * HTTP/1.1\r\n",
        b"\x13BitTorrent protocol",
        // A tracker is asked for a connection.
        b"\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00",
    ];
    yes_if(STARTS.iter().any(|start| octets.starts_with(start)) || is_transport(octets, context))
}

/// uTP: a SYN of version 1 with a first sequence number and nothing acknowledged, or data that carries the handshake.
fn is_transport(octets: &[u8], context: &Context<'_>) -> bool {
    let is_syn = octets.starts_with(&[0x41]) && matches!(octets.get(1), Some(0..=2)) && context.wire_length <= 64;
    let is_first = u32_at(octets, 8) == Some(0) && u16_at(octets, 16) == Some(1) && u16_at(octets, 18) == Some(0);
    let carries = || {
        matches!(octets, [0x01, 0..=2, ..]) && octets.get(20..).is_some_and(|data| data.starts_with(b"\x13BitTorrent protocol"))
    };
    is_syn && is_first || carries()
}
