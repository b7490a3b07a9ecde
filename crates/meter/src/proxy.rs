//! The header of the PROXY protocol, versions 1 and 2 (haproxy, proxy-protocol.txt): with it a load balancer tells, in front of any stream, for whom it
//! connects.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weir_record::Address;
use weir_wire::{Reader, Short};

const VERSION_1: &[u8] = b"PROXY ";
const VERSION_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest header of version 1, its end included (2.1).
const LONGEST_1: usize = 107;

/// What octets begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// A header of so many octets, which may be more than there are; no client where the load balancer speaks for itself, or does not tell.
    Header { client: Option<Address>, length: usize },
    /// The start of what may be a header.
    Unfinished,
    /// Something else.
    Other,
}

/// Looks for a header.
#[inline]
pub(crate) fn start(octets: &[u8]) -> Start {
    match octets.first() {
        Some(b'P') => version_1(octets),
        Some(b'\r') => version_2(octets).unwrap_or(Start::Unfinished),
        _ => Start::Other,
    }
}

/// `PROXY TCP4 source destination port port`, or `PROXY UNKNOWN` and anything (2.1).
fn version_1(octets: &[u8]) -> Start {
    let room = octets.get(..LONGEST_1).unwrap_or(octets);
    let Some(rest) = room.strip_prefix(VERSION_1) else {
        return if VERSION_1.starts_with(octets) { Start::Unfinished } else { Start::Other };
    };
    let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
        return if room.len() < LONGEST_1 { Start::Unfinished } else { Start::Other };
    };
    let length = VERSION_1.len() + end + 2;
    let line = std::str::from_utf8(rest.get(..end).unwrap_or_default()).unwrap_or_default();
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Start::Header { client: None, length };
    }
    match told_1(line) {
        Some(client) => Start::Header { client: Some(client.into()), length },
        None => Start::Other,
    }
}

/// The source. None unless everything is there, and of the family.
fn told_1(line: &str) -> Option<IpAddr> {
    let mut words = line.split(' ');
    let is_v4 = match words.next()? {
        "TCP4" => true,
        "TCP6" => false,
        _ => return None,
    };
    let mut address = || words.next()?.parse::<IpAddr>().ok().filter(|address| address.is_ipv4() == is_v4);
    let (source, _) = (address()?, address()?);
    let mut port = || words.next()?.parse::<u16>().ok();
    let _ = (port()?, port()?);
    words.next().is_none().then_some(source.to_canonical())
}

/// Version and command, family, length, addresses (2.2).
fn version_2(octets: &[u8]) -> Result<Start, Short> {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    const INTERNET: u8 = 1;
    const INTERNET_6: u8 = 2;
    if !octets.iter().zip(VERSION_2).all(|(octet, other)| octet == other) {
        return Ok(Start::Other);
    }
    let mut reader = Reader::new(octets);
    reader.skip(VERSION_2.len())?;
    let (command, family, length) = (reader.u8()?, reader.u8()?, usize::from(reader.u16()?));
    let whole = reader.offset() + length;
    let client = match (command, family >> 4) {
        (PROXY, INTERNET) if length >= 12 => Some(Ipv4Addr::from_bits(reader.u32()?).into()),
        (PROXY, INTERNET_6) if length >= 36 => Some(Ipv6Addr::from_bits(u128::from_be_bytes(reader.array()?)).to_canonical()),
        // Too short for its family.
        (PROXY, INTERNET | INTERNET_6) => return Ok(Start::Other),
        (PROXY | LOCAL, _) => None,
        _ => return Ok(Start::Other),
    };
    Ok(Start::Header { client: client.map(IpAddr::into), length: whole })
}

#[cfg(test)]
mod tests;
