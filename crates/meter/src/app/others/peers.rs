//! Peers: BitTorrent (BEP 3, 5, 14, 15, 29).

use super::{begins_with, u16_at, u32_at, yes_if};
use crate::app::protocol::{Context, Probe};

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
