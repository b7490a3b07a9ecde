//! DTLS 1.0 (RFC 4347), 1.2 (RFC 6347) and 1.3 (RFC 9147): each datagram holds whole records.

use weir_record::Column;
use weir_wire::Reader;

use super::assembly::Message;
use super::hello::{ClientHello, ServerHello, Transport, kind};
use super::{certificate, record};
use crate::app::protocol::{Context, Decoder, Probe, Step};
use crate::facts::Facts;
use crate::samples::microseconds;

/// Octets before the content of a record (RFC 6347 section 4.1).
const RECORD_HEADER: usize = 13;
/// Datagrams that are looked at for the handshake.
const MAX_DATAGRAMS: u8 = 64;

pub(super) fn decoder() -> Box<dyn Decoder> {
    Box::new(Dtls::default())
}

/// A first record whose every field is in its range.
pub(super) fn probe(octets: &[u8], context: &Context<'_>) -> Probe {
    let Some(record) = Record::read(&mut Reader::new(octets)) else {
        return Probe::No;
    };
    let fits = RECORD_HEADER + usize::from(record.length) <= context.wire_length;
    let is_likely = match record.kind {
        record::HANDSHAKE if record.epoch == 0 => matches!(record.content.first(), Some(0..=4 | 11..=16 | 20..=24)),
        record::CHANGE_CIPHER_SPEC => record.length == 1 || record.length == 3,
        record::ALERT => record.length >= 2,
        record::HANDSHAKE | record::APPLICATION_DATA => record.epoch > 0 && record.epoch < 16 && record.length > 16,
        _ => false,
    };
    if fits && is_likely { Probe::Yes } else { Probe::No }
}

/// What is known of one connection.
#[derive(Debug, Default)]
struct Dtls {
    /// When the ClientHello came, nanoseconds since 1970.
    began: Option<i64>,
    looked_at: u8,
}

impl Decoder for Dtls {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let mut reader = Reader::new(octets);
        while let Some(record) = Record::read(&mut reader) {
            match record.kind {
                record::HANDSHAKE if record.epoch == 0 => self.handshake(record.content, context, facts),
                record::APPLICATION_DATA => {
                    if let Some(began) = self.began {
                        facts.number(Column::tls_setup, microseconds(context.time.saturating_sub(began)));
                    }
                    return Step::Done;
                }
                _ => {}
            }
        }
        // What begins otherwise is a record of DTLS 1.3, encrypted (RFC 9147 section 4).
        let is_encrypted = reader.peek_u8().is_ok_and(|first| first >> 5 == 1);
        self.looked_at += 1;
        if is_encrypted || self.looked_at >= MAX_DATAGRAMS { Step::Done } else { Step::Take(0) }
    }
}

impl Dtls {
    /// The messages of a record, or parts of them (RFC 6347 section 4.2.2). Parts behind the first are of no use.
    fn handshake(&mut self, content: &[u8], context: &Context<'_>, facts: &mut Facts) {
        let mut reader = Reader::new(content);
        while let Some((message, offset)) = fragment(&mut reader) {
            if offset > 0 {
                continue;
            }
            match message.kind {
                kind::CLIENT_HELLO => {
                    self.began.get_or_insert(context.time);
                    if let Some(hello) = ClientHello::read(&message, Transport::Dtls) {
                        hello.tell(Transport::Dtls, facts);
                    }
                }
                kind::SERVER_HELLO => {
                    if let Some(hello) = ServerHello::read(&message) {
                        hello.tell(facts);
                    }
                }
                kind::CERTIFICATE if !context.is_from_client() => certificate::tell(message.body, facts),
                _ => {}
            }
        }
    }
}

/// The next message or part of one, as far as it is there, and where in the message it stands.
fn fragment<'a>(reader: &mut Reader<'a>) -> Option<(Message<'a>, u32)> {
    let kind = reader.u8().ok()?;
    let length = reader.u24().ok()?;
    let _sequence = reader.u16().ok()?;
    let offset = reader.u24().ok()?;
    let here = reader.u24().ok()?;
    let body = reader.bytes((here as usize).min(reader.left())).ok()?;
    Some((Message { kind, body, whole: body.len() == length as usize }, offset))
}

/// A record in the form of DTLS 1.2 and before; the hellos of 1.3 have it too.
struct Record<'a> {
    kind: u8,
    epoch: u16,
    length: u16,
    /// As far as it is there.
    content: &'a [u8],
}

impl<'a> Record<'a> {
    /// None, with nothing read, where there is no such record.
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let mut ahead = *reader;
        let kind = ahead.u8().ok()?;
        let version = ahead.u16().ok()?;
        // The last one is what OpenSSL spoke before DTLS 1.0 was done.
        let is_record =
            matches!(kind, record::CHANGE_CIPHER_SPEC..=record::HEARTBEAT) && matches!(version, 0xfefd | 0xfeff | 0x0100);
        if !is_record {
            return None;
        }
        let epoch = ahead.u16().ok()?;
        ahead.skip(6).ok()?;
        let length = ahead.u16().ok()?;
        let content = ahead.bytes(usize::from(length).min(ahead.left())).ok()?;
        *reader = ahead;
        Some(Self { kind, epoch, length, content })
    }
}
