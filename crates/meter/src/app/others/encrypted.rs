//! Tunnels and encryption: WireGuard, OpenVPN, IKE (RFC 7296) and ESP in UDP (RFC 3948), L2TP (RFC 2661), PPTP (RFC 2637), VXLAN (RFC 7348), Geneve (RFC 8926),
//! GTP (TS 29.281), Teredo (RFC 4380), SOCKS (RFC 1928).

use super::{begins_with, u16_at, u32_at, yes_if};
use crate::app::protocol::{Context, Probe};

/// A type, three octets of 0, and the length that belongs to it.
pub(super) fn wireguard(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_wireguard = match (octets, context.wire_length) {
        ([1, 0, 0, 0, ..], 148) | ([2, 0, 0, 0, ..], 92) | ([3, 0, 0, 0, ..], 64) => true,
        // Data counts its packets in 8 octets, and hardly up to 2^32 before a new handshake.
        ([4, 0, 0, 0, _, _, _, _, _, _, _, _, 0, 0, 0, 0, ..], length) => length >= 32 && length.is_multiple_of(16),
        _ => false,
    };
    yes_if(is_wireguard)
}

/// Octets of the codes that authenticate a packet.
const OPENVPN_CODES: &[usize] = &[16, 20, 28, 32, 48, 64];

/// A hard reset of the client or the server, bare, authenticated, or encrypted.
fn is_openvpn(octets: &[u8], length: usize) -> bool {
    let is_client = matches!(octets.first(), Some(0x08 | 0x38 | 0x50));
    let is_server = matches!(octets.first(), Some(0x10 | 0x40));
    // A packet number at the start, and a time; nothing acknowledged and message 0; one acknowledgement.
    let is_numbered = |place: usize| u32_at(octets, place).is_some_and(|number| (1..=16).contains(&number));
    let is_bare = |place: usize| octets.get(place..).is_some_and(|end| end.starts_with(&[0; 5]));
    let acknowledges = |place: usize| octets.get(place) == Some(&1) && u32_at(octets, place + 1) == Some(0);
    let authenticated = || {
        let mut codes = OPENVPN_CODES.iter();
        codes.any(|code| {
            let (number, end) = (9 + code, 17 + code);
            is_numbered(number)
                && (is_client && length == end + 5 && is_bare(end) || is_server && length == end + 17 && acknowledges(end))
        })
    };
    match length {
        14 => is_client && is_bare(9),
        26 => is_server && acknowledges(9),
        // Encrypted, with a code of 32 octets; a key of the client's may follow.
        54 if is_client && is_numbered(9) => true,
        55.. if octets.first() == Some(&0x50) && is_numbered(9) => true,
        66 if is_server && is_numbered(9) => true,
        _ => authenticated(),
    }
}

pub(super) fn openvpn_datagram(octets: &[u8], context: &Context<'_>) -> Probe {
    yes_if(is_openvpn(octets, context.wire_length))
}

/// Behind its length.
pub(super) fn openvpn(octets: &[u8], _: &Context<'_>) -> Probe {
    let (Some(length), Some(message)) = (u16_at(octets, 0), octets.get(2..)) else {
        return Probe::More;
    };
    let length = usize::from(length);
    match message.get(..length) {
        Some(message) => yes_if(is_openvpn(message, length)),
        None if length <= 512 && matches!(message, [] | [0x08 | 0x10 | 0x38 | 0x40 | 0x50, ..]) => Probe::More,
        None => Probe::No,
    }
}

/// IKE: the initiator's index, a payload, version 1 or 2, an exchange, and its own length. On port 4500 four octets of 0 come first.
pub(super) fn ipsec(octets: &[u8], context: &Context<'_>) -> Probe {
    let marked = if context.has_port(4500) { octets.strip_prefix(&[0; 4]) } else { None };
    let (octets, marker) = marked.map_or((octets, 0), |rest| (rest, 4));
    let header = (octets.get(16), octets.get(17), octets.get(18), u32_at(octets, 24));
    let is_ike = match header {
        (Some(_), Some(0x10 | 0x11), Some(0..=6 | 32..=34), Some(length)) => length as usize + marker == context.wire_length,
        (Some(_), Some(0x20), Some(34..=43), Some(length)) => length as usize + marker == context.wire_length,
        _ => false,
    };
    let has_index = octets.get(..8).is_some_and(|index| index.iter().any(|octet| *octet != 0));
    // One octet keeps an address translator's binding.
    let keeps_alive = context.has_port(4500) && octets == [0xff] && context.wire_length == 1;
    yes_if(is_ike && has_index || keeps_alive)
}

/// A control message: type, length and sequence present, version 2, its own length.
pub(super) fn l2tp(octets: &[u8], context: &Context<'_>) -> Probe {
    yes_if(octets.starts_with(&[0xc8, 2]) && u16_at(octets, 2).map(usize::from) == Some(context.wire_length))
}

/// A control message: its length, type 1, its cookie.
pub(super) fn pptp(octets: &[u8], _: &Context<'_>) -> Probe {
    match octets {
        [] | [0] | [0, _] | [0, _, 0] => Probe::More,
        [0, _, 0, 1, cookie @ ..] => begins_with(cookie, &[&[0x1a, 0x2b, 0x3c, 0x4d]]),
        _ => Probe::No,
    }
}

/// Flags with an identifier and nothing else, on its port.
pub(super) fn vxlan(octets: &[u8], context: &Context<'_>) -> Probe {
    yes_if(context.has_port(4789) && matches!(octets, [8, 0, 0, 0, _, _, _, 0, ..]))
}

/// Version 0 and Ethernet or IP inside, on its port.
pub(super) fn geneve(octets: &[u8], context: &Context<'_>) -> Probe {
    yes_if(
        context.has_port(6081)
            && matches!(octets, [0..=0x3f, _, 0x65, 0x58, ..] | [0..=0x3f, _, 8, 0, ..] | [0..=0x3f, _, 0x86, 0xdd, ..]),
    )
}

/// Version 1 of the user's or the control's plane, or 2 of the control's, and its own length; on a customary port.
pub(super) fn gtp(octets: &[u8], context: &Context<'_>) -> Probe {
    let (Some(first), Some(length)) = (octets.first(), u16_at(octets, 2)) else {
        return Probe::No;
    };
    let length = usize::from(length);
    let is_gtp = match first >> 5 {
        1 => length + 8 == context.wire_length && [2152, 2123, 3386].into_iter().any(|port| context.has_port(port)),
        0 => length + 20 == context.wire_length && context.has_port(3386),
        2 => length + 4 <= context.wire_length && context.has_port(2123),
        _ => false,
    };
    yes_if(is_gtp)
}

/// IPv6 inside, behind what says who and where; on its port.
pub(super) fn teredo(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_inside = |packet: &[u8]| {
        let length = u16_at(packet, 4).map(usize::from);
        packet.first().is_some_and(|first| first >> 4 == 6) && length.is_some_and(|length| length + 40 <= context.wire_length)
    };
    let is_teredo = match octets {
        // The place of an origin has 8 octets, an authentication 13 and what its two lengths say.
        [0, 0, rest @ ..] => rest.get(6..).is_some_and(is_inside),
        [0, 1, id, auth, rest @ ..] => {
            let behind = rest.get(9 + usize::from(*id) + usize::from(*auth)..).unwrap_or_default();
            is_inside(behind) || behind.starts_with(&[0, 0])
        }
        packet => is_inside(packet),
    };
    yes_if(is_teredo && context.has_port(3544))
}

/// Version 4 with a command, a port, an address and a name; version 5 with methods; on a customary port.
pub(super) fn socks(octets: &[u8], context: &Context<'_>) -> Probe {
    if octets.is_empty() {
        return Probe::More;
    }
    let is_socks = match octets {
        [4, 1 | 2, _, _, _, _, _, _, .., 0] => octets.len() <= 512,
        [5, 0 | 2] if !context.is_from_client() => context.has_port(1080),
        // Methods: none, GSSAPI, a password, or of those who agree.
        [5, count @ 1..=9, methods @ ..] => {
            methods.len() == usize::from(*count)
                && methods.iter().all(|method| matches!(method, 0..=9 | 0x80..))
                && (context.has_port(1080) || methods.contains(&0) || methods.contains(&2))
        }
        _ => false,
    };
    if !is_socks && context.has_port(1080) && octets.len() < 3 {
        return begins_with(octets, &[&[5, 1, 0], &[5, 2, 0], &[5, 3, 0]]);
    }
    yes_if(is_socks)
}
