//! QUIC version 1 (RFC 9000, 9001), version 2 (RFC 9369) and their drafts from 22 on; Google's QUIC by name.
//!
//! The first packets of a connection, Initial packets, are protected with keys that follow from what they say themselves, so whoever sees them can read
//! the hellos in them. `tls_alpn` is what the client offers first: the server's answer is encrypted with other keys. Nothing is read behind the hellos.

use weir_record::Column;
use weir_wire::Reader;

use super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use super::tls::hello::{ClientHello, ServerHello, Transport};
use crate::facts::Facts;
use crate::packet::Direction;

// A packet, from the outside in.
mod crypto;
mod header;
mod protection;

use crypto::Crypto;
use header::{ConnectionId, Header, Kind, Packet, Version};

pub(super) const PROTOCOLS: &[Protocol] =
    &[Protocol { name: "quic", carrier: Carrier::Datagram, ports: &[443], probe, decoder: Some(decoder) }];

/// Datagrams that are looked at for the hellos.
const MAX_DATAGRAMS: u8 = 24;

fn decoder() -> Box<dyn Decoder> {
    Box::new(Quic::default())
}

fn probe(octets: &[u8], _: &Context<'_>) -> Probe {
    let is_quic = match octets.first() {
        Some(0x80..) => Header::read(octets).is_some_and(|header| header.version.is_known() || is_negotiation(&header)),
        Some(_) => google_version(octets).is_some(),
        None => false,
    };
    if is_quic { Probe::Yes } else { Probe::No }
}

/// A Version Negotiation packet that offers a version known here (RFC 9000 section 17.2.1).
fn is_negotiation(header: &Header<'_>) -> bool {
    let (versions, rest) = header.content.as_chunks::<4>();
    header.version == Version::NEGOTIATION
        && rest.is_empty()
        && versions.iter().any(|version| Version(u32::from_be_bytes(*version)).is_known())
}

/// The version in the public header of Google's QUIC up to Q043: flags that say that it is there, a connection id of eight octets, the version.
fn google_version(octets: &[u8]) -> Option<Version> {
    let &[flags, _, _, _, _, _, _, _, _, a, b, c, d] = octets.first_chunk::<13>()?;
    let version = Version(u32::from_be_bytes([a, b, c, d]));
    (flags & 0b1000_1001 == 0b1001 && version.is_google()).then_some(version)
}

/// What is known of one connection.
#[derive(Debug, Default)]
struct Quic {
    /// What the keys follow from: the id that the client gave the server in its first packet, or the server gave itself by a Retry.
    id: Option<ConnectionId>,
    /// The hellos; none once it is read.
    client: Crypto,
    server: Crypto,
    has_client_hello: bool,
    has_retried: bool,
    looked_at: u8,
}

impl Decoder for Quic {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        if let Some(version) = google_version(octets) {
            facts.number(Column::quic_version, version.0);
            return Step::Done;
        }
        self.looked_at += 1;
        let step = self.datagram(octets, context.direction, facts);
        if self.looked_at >= MAX_DATAGRAMS || step == Step::Done {
            self.tell_first_part(facts);
            return Step::Done;
        }
        step
    }

    fn held(&self) -> usize {
        self.client.held() + self.server.held()
    }
}

impl Quic {
    /// The packets of a datagram (RFC 9000 section 12.2).
    fn datagram(&mut self, octets: &[u8], direction: Direction, facts: &mut Facts) -> Step {
        let mut rest = octets;
        while let Some(header) = Header::read(rest) {
            let Some(kind) = header.kind() else {
                return self.other_version(&header, facts);
            };
            facts.number(Column::quic_version, header.version.0);
            if kind == Kind::Retry {
                // The keys change, for both (RFC 9001 section 5.2). A client takes the first only.
                if !std::mem::replace(&mut self.has_retried, true) {
                    self.id = ConnectionId::new(header.source);
                }
                return Step::Take(0);
            }
            let Some((packet, behind)) = header.packet(rest) else {
                return Step::Take(0);
            };
            match (kind, direction) {
                (Kind::Initial, Direction::ToServer) if !self.has_client_hello => self.client_initial(&header, &packet, facts),
                (Kind::Initial, Direction::ToClient) if self.server_initial(&header, &packet, facts) => return Step::Done,
                // The client has the server's hello, and it was missed here.
                (Kind::Handshake, Direction::ToServer) if self.has_client_hello => return Step::Done,
                _ => {}
            }
            rest = behind;
        }
        let is_past_hellos =
            self.has_client_hello && direction == Direction::ToServer && octets.first().is_some_and(|first| *first < 0x80);
        if is_past_hellos { Step::Done } else { Step::Take(0) }
    }

    /// Version negotiation, or a version of which the name alone is known.
    fn other_version(&mut self, header: &Header<'_>, facts: &mut Facts) -> Step {
        if header.version == Version::NEGOTIATION {
            // The client begins anew, with another version.
            *self = Self { looked_at: self.looked_at, ..Self::default() };
            return Step::Take(0);
        }
        facts.replace_number(Column::quic_version, header.version.0);
        if header.version.is_google() { Step::Done } else { Step::Take(0) }
    }

    fn client_initial(&mut self, header: &Header<'_>, packet: &Packet<'_>, facts: &mut Facts) {
        let open = |id: &ConnectionId| protection::open(packet, header.version, id, Direction::ToServer);
        let mut content = self.id.as_ref().and_then(open);
        if content.is_none() {
            // The first packet, or one that answers a Retry that was missed.
            let Some(id) = ConnectionId::new(header.destination).filter(|id| self.id.as_ref() != Some(id)) else {
                return;
            };
            content = open(&id);
            if content.is_some() {
                self.id = Some(id);
            }
        }
        let Some(content) = content else {
            return;
        };
        self.client.read(&content);
        if let Some(message) = self.client.message()
            && message.whole
            && let Some(hello) = ClientHello::read(&message, Transport::Quic)
        {
            facts.replace_number(Column::quic_version, header.version.0);
            facts.number(Column::tls_version, 0x0304u16);
            hello.tell(Transport::Quic, facts);
            self.has_client_hello = true;
            self.client = Crypto::default();
        }
    }

    /// True when the server's hello is read.
    fn server_initial(&mut self, header: &Header<'_>, packet: &Packet<'_>, facts: &mut Facts) -> bool {
        let Some(content) = self.id.as_ref().and_then(|id| protection::open(packet, header.version, id, Direction::ToClient))
        else {
            return false;
        };
        self.server.read(&content);
        let Some(hello) = self.server.message().filter(|message| message.whole).as_ref().and_then(ServerHello::read) else {
            return false;
        };
        // The server may go over to a version that is compatible (RFC 9368).
        facts.replace_number(Column::quic_version, header.version.0);
        hello.tell(facts);
        self.has_client_hello
    }

    /// What there is of a hello that did not come as a whole.
    fn tell_first_part(&self, facts: &mut Facts) {
        if let Some(message) = self.client.message()
            && let Some(hello) = ClientHello::read(&message, Transport::Quic)
        {
            hello.tell(Transport::Quic, facts);
        }
    }
}

/// An integer of variable length (RFC 9000 section 16).
fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.peek_u8().ok()?;
    let octets = reader.bytes(1 << (first >> 6)).ok()?;
    let value = octets.iter().fold(0, |value: u64, octet| value << 8 | u64::from(*octet));
    // The first two bits are the length.
    Some(value & u64::MAX >> (64 - 8 * octets.len() + 2))
}

#[cfg(test)]
mod tests;
