//! The PROXY protocol, versions 1 and 2 (haproxy, proxy-protocol.txt): a load balancer tells in front of any stream for whom it connects.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weir_record::Column;
use weir_wire::{Reader, Short};

use super::super::lines::line;
use super::super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use crate::facts::Facts;

pub(super) const PROTOCOL: Protocol =
    Protocol { name: "haproxy", carrier: Carrier::Stream, ports: &[], probe, decoder: Some(|| Box::new(ProxyHeader)) };

const VERSION_1: &[u8] = b"PROXY ";
const VERSION_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest header of version 1 (2.1).
const LONGEST_1: usize = 107;

fn probe(octets: &[u8], _: &Context<'_>) -> Probe {
    let mut starts = [VERSION_1, VERSION_2].into_iter();
    match octets {
        _ if starts.clone().any(|start| octets.starts_with(start)) => Probe::Yes,
        _ if starts.any(|start| start.starts_with(octets)) => Probe::More,
        _ => Probe::No,
    }
}

#[derive(Debug)]
struct ProxyHeader;

impl Decoder for ProxyHeader {
    fn read(&mut self, octets: &[u8], _: &Context<'_>, facts: &mut Facts) -> Step {
        let found = if octets.starts_with(VERSION_1) {
            version_1(octets)
        } else if octets.starts_with(VERSION_2) {
            Found::of(version_2(octets))
        } else {
            // The server is not who sends it.
            return Step::Wait;
        };
        let Found::Header { client, length } = found else {
            return if matches!(found, Found::More) { Step::Wait } else { Step::Refuse };
        };
        if let Some(client) = client {
            facts.address(Column::client_addr, client.into());
        }
        Step::Anew(length as u64)
    }
}

/// What stands at the start.
enum Found {
    /// A header of so many octets; no address where the proxy speaks for itself.
    Header {
        client: Option<IpAddr>,
        length: usize,
    },
    More,
    None,
}

impl Found {
    fn of(read: Result<Option<(Option<IpAddr>, usize)>, Short>) -> Self {
        match read {
            Ok(Some((client, length))) => Self::Header { client, length },
            Ok(None) => Self::None,
            Err(_) => Self::More,
        }
    }
}

/// `PROXY TCP4 source destination port port` (2.1).
fn version_1(octets: &[u8]) -> Found {
    let Some((line, length)) = line(octets) else {
        return if octets.len() < LONGEST_1 { Found::More } else { Found::None };
    };
    let mut words = line.split(|octet| *octet == b' ').skip(1);
    match words.next() {
        Some(b"TCP4" | b"TCP6") => {
            let client = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
            if client.is_some() { Found::Header { client, length } } else { Found::None }
        }
        Some(b"UNKNOWN") => Found::Header { client: None, length },
        _ => Found::None,
    }
}

/// Version and command, family, length, addresses (2.2). None where that is not understood.
fn version_2(octets: &[u8]) -> Result<Option<(Option<IpAddr>, usize)>, Short> {
    let mut reader = Reader::new(octets);
    reader.skip(VERSION_2.len())?;
    let (command, family, length) = (reader.u8()?, reader.u8()?, usize::from(reader.u16()?));
    if command >> 4 != 2 {
        return Ok(None);
    }
    let whole = reader.offset() + length;
    let client = match (command & 15, family >> 4) {
        (1, 1) if length >= 12 => Some(Ipv4Addr::from_bits(reader.u32()?).into()),
        (1, 2) if length >= 36 => Some(Ipv6Addr::from_bits(u128::from_be_bytes(reader.array()?)).into()),
        _ => None,
    };
    Ok(Some((client, whole)))
}
