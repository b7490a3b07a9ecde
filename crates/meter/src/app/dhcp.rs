//! DHCP (RFC 2131) and what it grew out of, BOOTP (RFC 951); DHCPv6 (RFC 8415) by name.
//!
//! The message type that is kept is the last of the flow, because the outcome (ACK, NAK) tells more than what began it. The address is the first that is
//! offered.

use std::net::Ipv4Addr;

use weir_record::Column;
use weir_wire::{Reader, Short};

use super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use crate::facts::Facts;

pub(super) const PROTOCOLS: &[Protocol] = &[
    Protocol { name: "dhcp", carrier: Carrier::Datagram, ports: &[67, 68], probe, decoder: Some(|| Box::new(Dhcp)) },
    Protocol { name: "dhcpv6", carrier: Carrier::Datagram, ports: &[546, 547], probe: probe_6, decoder: None },
];

/// Octets in front of the options (RFC 2131, 2).
const HEADER: usize = 236;
const MAGIC_COOKIE: u32 = 0x6382_5363;

fn probe(octets: &[u8], context: &Context<'_>) -> Probe {
    // 4011 is what boot servers listen to beside a DHCP server (PXE 2.1).
    let has_port = [67, 68, 4011].into_iter().any(|port| context.has_port(port));
    match octets {
        // Request or reply, hardware type, length of the address.
        [1 | 2, 1..=255, 0..=16, ..] if has_port && context.wire_length >= HEADER => Probe::Yes,
        _ => Probe::No,
    }
}

fn probe_6(octets: &[u8], context: &Context<'_>) -> Probe {
    let has_port = context.has_port(546) || context.has_port(547);
    match octets {
        // Relays put a hop count and two addresses in front of the options (RFC 8415, 9).
        [12 | 13, _, rest @ ..] if has_port && are_options(rest.get(32..).unwrap_or_default()) => Probe::Yes,
        [1..=11 | 14..=36, _, _, _, rest @ ..] if has_port && are_options(rest) => Probe::Yes,
        _ => Probe::No,
    }
}

/// Whether the first option has a code that is assigned and a length that can be (RFC 8415, 21.1).
fn are_options(octets: &[u8]) -> bool {
    const MOST: u16 = 200;
    match octets {
        [code_high, code_low, length_high, length_low, ..] => {
            (1..MOST).contains(&u16::from_be_bytes([*code_high, *code_low]))
                && usize::from(u16::from_be_bytes([*length_high, *length_low])) < 1500
        }
        _ => octets.is_empty(),
    }
}

#[derive(Debug)]
struct Dhcp;

impl Decoder for Dhcp {
    fn read(&mut self, octets: &[u8], _: &Context<'_>, facts: &mut Facts) -> Step {
        // What the capture cut is not known, and what stands before it is.
        let _ = message(octets, facts);
        Step::Wait
    }
}

fn message(octets: &[u8], facts: &mut Facts) -> Result<(), Short> {
    let mut reader = Reader::new(octets);
    reader.skip(1)?;
    let (hardware, length) = (reader.u8()?, reader.u8()?);
    // Hops, transaction, seconds, flags, the client's present address.
    reader.skip(1 + 4 + 2 + 2 + 4)?;
    let offered = Ipv4Addr::from_bits(reader.u32()?);
    if !offered.is_unspecified() {
        facts.address(Column::dhcp_addr, offered.into());
    }
    // The next server and the relay.
    reader.skip(4 + 4)?;
    let address: [u8; 6] = reader.array()?;
    // Ethernet (RFC 1700, hardware types).
    if (hardware, length) == (1, 6) {
        let [a, b, c, d, e, f] = address;
        facts.number(Column::dhcp_mac, u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
    }
    // The rest of that field, the names of the server and the boot file.
    reader.skip(10 + 64 + 128)?;
    if reader.u32()? != MAGIC_COOKIE {
        return Ok(());
    }
    options(&mut reader, facts)
}

/// Options behind the cookie (RFC 2132, 2).
fn options(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), Short> {
    const PAD: u8 = 0;
    const HOST_NAME: u8 = 12;
    const MESSAGE_TYPE: u8 = 53;
    const END: u8 = 255;
    loop {
        let code = reader.u8()?;
        match code {
            PAD => continue,
            END => return Ok(()),
            _ => {}
        }
        let length = reader.u8()?;
        let value = reader.bytes(length.into())?;
        match (code, value) {
            (HOST_NAME, name) => facts.text(Column::dhcp_host, name),
            (MESSAGE_TYPE, [kind]) => facts.replace_number(Column::dhcp_type, *kind),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
