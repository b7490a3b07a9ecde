//! What keeps networks and plants running: Kerberos (RFC 4120), LDAP (RFC 4511), RADIUS (RFC 2865), Diameter (RFC 6733), NTP (RFC 5905), SNMP (RFC 3416),
//! syslog (RFC 5424), BGP (RFC 4271), flow exports, SSDP, CoAP (RFC 7252), Modbus, DNP3, IEC 60870-5-104.

use weir_wire::{Reader, Short};

use super::{too_few, u16_at, u32_at, yes_if};
use crate::app::lines::begins;
use crate::app::protocol::{Carrier, Context, Probe};

/// The tag and the length of what comes next in DER or BER.
fn tagged(reader: &mut Reader<'_>) -> Result<(u8, usize), Short> {
    let (tag, first) = (reader.u8()?, reader.u8()?);
    let length = match first {
        0x81 => reader.u8()?.into(),
        0x82 => reader.u16()?.into(),
        0x83 => reader.u24()? as usize,
        0x84 => reader.u32()? as usize,
        short => short.into(),
    };
    Ok((tag, length))
}

/// A message: its tag, a sequence, and the version 5 first.
fn is_kerberos(octets: &[u8]) -> Result<bool, Short> {
    let mut reader = Reader::new(octets);
    let (tag, length) = tagged(&mut reader)?;
    if !matches!(tag, 0x6a..=0x6f | 0x74..=0x76 | 0x7e) || length < 16 {
        return Ok(false);
    }
    let (sequence, inner) = tagged(&mut reader)?;
    // The field's own number differs between requests and answers.
    let version: [u8; 5] = reader.array()?;
    Ok(sequence == 0x30 && inner < length && matches!(version, [0xa0 | 0xa1, 3, 2, 1, 5]))
}

/// Behind its length; the length's first octets are 0.
pub(super) fn kerberos(octets: &[u8], _: &Context<'_>) -> Probe {
    match octets {
        [] | [0] | [0, 0..=1] | [0, 0..=1, _] | [0, 0..=1, _, _] => Probe::More,
        [0, 0..=1, _, _, message @ ..] => match is_kerberos(message) {
            Ok(is_it) => yes_if(is_it),
            Err(_) if matches!(message, [0x6a..=0x6f | 0x74..=0x76 | 0x7e, ..]) => Probe::More,
            Err(_) => Probe::No,
        },
        _ => Probe::No,
    }
}

pub(super) fn kerberos_datagram(octets: &[u8], _: &Context<'_>) -> Probe {
    yes_if(is_kerberos(octets).unwrap_or(false))
}

/// A message: a sequence of its number and an operation that has its own structure.
fn is_ldap(octets: &[u8]) -> Result<bool, Short> {
    let mut reader = Reader::new(octets);
    let (sequence, length) = tagged(&mut reader)?;
    let ([2], size) = (reader.array()?, reader.u8()?) else {
        return Ok(false);
    };
    if sequence != 0x30 || !(1..=4).contains(&size) || length < 5 {
        return Ok(false);
    }
    reader.skip(size.into())?;
    let (operation, inner) = tagged(&mut reader)?;
    if inner >= length {
        return Ok(false);
    }
    // What must come first of the operation: a version, a name, a result, an object identifier.
    let next = || reader.peek_u8();
    Ok(match operation {
        0x60 => next()? == 2,
        0x61 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | 0x78 => next()? == 0x0a,
        0x63 | 0x64 | 0x66 | 0x68 | 0x6c | 0x6e => next()? == 4,
        0x73 => next()? == 4,
        0x77 => next()? == 0x80,
        0x42 => inner == 0,
        _ => false,
    })
}

pub(super) fn ldap(octets: &[u8], context: &Context<'_>) -> Probe {
    match is_ldap(octets) {
        Ok(is_it) => yes_if(is_it),
        Err(_) if context.carrier == Carrier::Stream && octets.first().is_none_or(|tag| *tag == 0x30) => Probe::More,
        Err(_) => Probe::No,
    }
}

/// A code, its own length, and attributes that fill it; on a customary port.
pub(super) fn radius(octets: &[u8], context: &Context<'_>) -> Probe {
    let (Some(code @ (1..=5 | 11..=13 | 40..=45)), Some(length)) = (octets.first(), u16_at(octets, 2)) else {
        return Probe::No;
    };
    let has_port = [1812, 1813, 1645, 1646, 3799].into_iter().any(|port| context.has_port(port));
    if usize::from(length) > context.wire_length || length < 20 || !has_port && !matches!(code, 1 | 2 | 4 | 5) {
        return Probe::No;
    }
    let mut attributes = octets.get(20..usize::from(length).min(octets.len())).unwrap_or_default();
    let mut count = 0;
    while let [kind, size @ 2..=255, ..] = attributes {
        if *kind == 0 {
            return Probe::No;
        }
        count += 1;
        attributes = attributes.get(usize::from(*size)..).unwrap_or(&[0]);
    }
    yes_if(attributes.is_empty() && (has_port || count >= 3 && usize::from(length) == context.wire_length))
}

/// Version 1, a length, a command that there is (RFC 6733 section 3).
pub(super) fn diameter(octets: &[u8], _: &Context<'_>) -> Probe {
    let &[1, _, _, low, flags, command_high, command_mid, _, ..] = octets else {
        return if octets.len() < 8 { too_few(octets, &[1, 0]) } else { Probe::No };
    };
    let command = u32_at(octets, 4).unwrap_or_default() & 0xff_ffff;
    let is_command = matches!(command, 257 | 258 | 265 | 271 | 272 | 274 | 275 | 280 | 282 | 300..=324) || command >> 8 == 0x7fff;
    yes_if(is_command && low & 3 == 0 && flags & 0x0f == 0 && (command_high, command_mid) != (0, 0))
}

/// A version and a mode that there are, and a length that goes with them.
pub(super) fn ntp(octets: &[u8], context: &Context<'_>) -> Probe {
    let Some(&first) = octets.first() else {
        return Probe::No;
    };
    let (version, mode) = (first >> 3 & 7, first & 7);
    let is_long_enough = match mode {
        1..=5 => context.wire_length >= 48 || version == 1 && context.wire_length >= 44,
        6 | 7 => context.wire_length >= 8,
        _ => version == 1,
    };
    yes_if(context.has_port(123) && (1..=4).contains(&version) && is_long_enough && context.wire_length <= 1024)
}

/// A sequence with a version, and a community of 1 and 2 or the header of 3.
pub(super) fn snmp(octets: &[u8], _: &Context<'_>) -> Probe {
    let read = || -> Result<bool, Short> {
        let mut reader = Reader::new(octets);
        let (sequence, length) = tagged(&mut reader)?;
        if sequence != 0x30 || length < 8 {
            return Ok(false);
        }
        let version: [u8; 3] = reader.array()?;
        let (next, inner) = tagged(&mut reader)?;
        Ok(match (version, next) {
            ([2, 1, 0 | 1], 4) => {
                reader.skip(inner)?;
                matches!(reader.u8()?, 0xa0..=0xa8)
            }
            ([2, 1, 3], 0x30) => inner >= 8,
            _ => false,
        })
    };
    yes_if(read().unwrap_or(false))
}

/// A priority of up to 191 in angle brackets, and text.
pub(super) fn syslog(octets: &[u8], context: &Context<'_>) -> Probe {
    let Some(rest) = octets.strip_prefix(b"<") else {
        return Probe::No;
    };
    let Some(end) = rest.iter().take(4).position(|octet| *octet == b'>') else {
        return Probe::No;
    };
    let priority = rest.get(..end).and_then(crate::app::lines::decimal);
    let is_text =
        rest.get(end + 1..).unwrap_or_default().iter().take(16).all(|octet| matches!(octet, b'\n' | b'\r' | b'\t' | 0x20..));
    let has_port = context.carrier == Carrier::Datagram || [514, 601].into_iter().any(|port| context.has_port(port));
    yes_if(priority.is_some_and(|priority| priority <= 191) && is_text && rest.len() > end + 4 && has_port)
}

/// A marker of ones, a length, a type.
pub(super) fn bgp(octets: &[u8], _: &Context<'_>) -> Probe {
    match octets.split_at_checked(16) {
        Some((marker, [high, low, kind, ..])) => {
            let length = u16::from_be_bytes([*high, *low]);
            yes_if(marker.iter().all(|octet| *octet == 0xff) && (19..=4096).contains(&length) && matches!(kind, 1..=5))
        }
        _ if octets.iter().take(16).all(|octet| *octet == 0xff) => Probe::More,
        _ => Probe::No,
    }
}

/// NetFlow 5 or 9: a version, a count that fits, on a customary port.
pub(super) fn netflow(octets: &[u8], context: &Context<'_>) -> Probe {
    let has_port = [2055, 9995, 9996].into_iter().any(|port| context.has_port(port));
    let is_netflow = match (u16_at(octets, 0), u16_at(octets, 2)) {
        (Some(5), Some(count)) => (1..=30).contains(&count) && context.wire_length == 24 + 48 * usize::from(count),
        (Some(9), Some(count)) => has_port && (1..=512).contains(&count) && context.wire_length >= 24,
        _ => false,
    };
    yes_if(is_netflow)
}

/// IPFIX: version 10 and its own length.
pub(super) fn ipfix(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_ipfix = u16_at(octets, 0) == Some(10) && u16_at(octets, 2).map(usize::from) == Some(context.wire_length);
    yes_if(is_ipfix && context.wire_length >= 20 && u16_at(octets, 16).is_some_and(|set| set == 2 || set == 3 || set >= 256))
}

/// sFlow: version 5 and the family of the agent's address.
pub(super) fn sflow(octets: &[u8], _: &Context<'_>) -> Probe {
    yes_if(u32_at(octets, 0) == Some(5) && matches!(u32_at(octets, 4), Some(1 | 2)) && octets.len() >= 28)
}

/// HTTP in a datagram: a search, an announcement, or the answer from the customary port.
pub(super) fn ssdp(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_answer = context.has_port(1900) && octets.starts_with(b"HTTP/1.1 200 ");
    yes_if(is_answer || octets.starts_with(b"M-SEARCH * HTTP/1.") || octets.starts_with(b"NOTIFY * HTTP/1."))
}

/// Version 1, a token of up to 8 octets, a code that there is; on a customary port.
pub(super) fn coap(octets: &[u8], context: &Context<'_>) -> Probe {
    let &[first, code, _, _, ..] = octets else {
        return Probe::No;
    };
    let is_code = matches!(code, 0 | 1..=7 | 0x41..=0x45 | 0x5f | 0x80..=0x88 | 0x8c..=0x8f | 0xa0..=0xa5);
    let token = usize::from(first & 15);
    yes_if(first >> 6 == 1 && token <= 8 && octets.len() >= 4 + token && is_code && context.has_port(5683))
}

/// Protocol 0, a length that ends with the segment or begins the next message, a function; on the customary port.
pub(super) fn modbus(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_modbus = match octets {
        [_, _, 0, 0, 0, length @ 2..=254, _, function, ..] => {
            octets.len() >= usize::from(*length) + 6 && matches!(function & 0x7f, 1..=43 | 90)
        }
        _ => false,
    };
    yes_if(is_modbus && context.has_port(502))
}

/// Its two first octets, and the length of what follows; on the customary port.
pub(super) fn dnp3(octets: &[u8], context: &Context<'_>) -> Probe {
    yes_if(context.has_port(20_000) && matches!(octets, [0x05, 0x64, 5..=255, ..]))
}

/// A start octet, a length that fits, and counters of one of three kinds; on the customary port.
pub(super) fn iec104(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_iec = match octets {
        [0x68, length @ 4..=253, first, _, third, ..] => {
            octets.len() >= usize::from(*length) + 2 && (first & 1 == 0 || third & 1 == 0)
        }
        _ => false,
    };
    yes_if(is_iec && context.has_port(2404))
}

/// Whether a text starts like a request of a family of HTTP: a method, then this.
pub(super) fn is_request(octets: &[u8], methods: &[&[u8]], target: &[u8]) -> bool {
    methods.iter().any(|method| {
        let rest = if begins(octets, method) { octets.get(method.len()..) } else { None };
        rest.and_then(|rest| rest.strip_prefix(b" ")).is_some_and(|rest| begins(rest, target))
    })
}
