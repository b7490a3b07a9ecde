//! SQL Server: Tabular Data Stream 4.2 to 7.4 (MS-TDS).
//!
//! A message is one or several packets, each with a header of 8 octets: type, status, length with the header (network order), channel, number, window.
//! TLS is shaken hands within packets and goes on without. What is inside of messages has its least significant octet first.

use weir_record::Column;

use super::super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use super::{MAX_MESSAGES, Secured, from_utf16, is_statement, keep_statement, visible};
use crate::facts::Facts;

// What is inside of its messages.
mod login;
mod request;
mod response;

pub(super) const PROTOCOL: Protocol =
    Protocol { name: NAME, carrier: Carrier::Stream, ports: &[1433], probe, decoder: Some(|| Box::new(Tds::default())) };

const NAME: &str = "mssql";

const HEADER: usize = 8;
/// Octets of TLS that wait for the rest of a record, of one direction.
const MAX_TLS_WAITING: usize = 16 << 10;

// Types of packets.
const BATCH: u8 = 1;
const OLD_LOGIN: u8 = 2;
const CALL: u8 = 3;
const RESPONSE: u8 = 4;
const LOGIN: u8 = 16;
const PRELOGIN: u8 = 18;

/// Status: the last packet of its message.
const LAST: u8 = 1;

/// A packet: a pre-login or login message on any port, what is sent later on the customary one.
fn probe(octets: &[u8], context: &Context<'_>) -> Probe {
    let &[kind, status, high, low, _, _, _, window, ref body @ ..] = octets else {
        let begins = matches!(octets, [] | [BATCH | OLD_LOGIN | CALL | RESPONSE | 6 | 7 | 14 | LOGIN | 17 | PRELOGIN, ..]);
        return if begins { Probe::More } else { Probe::No };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if window != 0
        || status & 0xe0 != 0
        || length < HEADER
        || octets.len() > length && status & LAST != 0 && context.is_from_client()
    {
        return Probe::No;
    }
    let is_tds = match (kind, body) {
        // The version comes first, behind a list of options that ends with 255.
        (PRELOGIN | RESPONSE, [0, 0, offset, 0, 6, rest @ ..]) if *offset >= 6 => {
            status == LAST && length < 512 && usize::from(*offset) + 6 + HEADER <= length && rest.contains(&0xff)
        }
        // Its own length and a version of the protocol that there is.
        (LOGIN, [a, b, c, d, _, _, _, version, ..]) => {
            let inner = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
            matches!(version, 0x70..=0x74) && (inner + HEADER == length || status & LAST == 0 && inner + HEADER > length)
        }
        (BATCH | CALL, _) if context.has_port(1433) || length == octets.len() => request::statement(kind, body)
            .is_some_and(|text| context.has_port(1433) || kind == BATCH && is_statement(text.as_bytes())),
        (BATCH | OLD_LOGIN | CALL | RESPONSE | 6 | 7 | 14 | 17, _) => {
            context.has_port(1433) && (length <= octets.len() || status & LAST == 0)
        }
        _ => false,
    };
    if is_tds { Probe::Yes } else { Probe::No }
}

/// One connection.
#[derive(Debug, Default)]
struct Tds {
    secured: Option<Secured>,
    /// TLS has told what it has to tell.
    handshaken: bool,
    /// TLS is for more than the login.
    stays_encrypted: bool,
    /// TLS records that packets carried, by direction, and octets of them to pass over.
    records: [Vec<u8>; 2],
    skip: [u64; 2],
    /// Each direction's last packet was not the last of its message.
    continued: [bool; 2],
    /// Row counts have 4 octets (before 7.2).
    is_old: bool,
    messages: [u32; 2],
}

impl Decoder for Tds {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        facts.text(Column::sql_engine, NAME.as_bytes());
        if let Some(step) = self.bare_tls(octets, context, facts) {
            return step;
        }
        let &[kind, status, high, low, _, _, _, _, ref rest @ ..] = octets else {
            return Step::Wait;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < HEADER {
            return Step::Enough;
        }
        let is_tls = kind == PRELOGIN && matches!(rest, [0x14..=0x17, 3, ..]);
        let body = if is_tls { rest.get(..length - HEADER) } else { visible(rest, length - HEADER) };
        let Some(body) = body else {
            return Step::Wait;
        };
        let place = context.direction as usize;
        self.messages[place] += 1;
        let continues = std::mem::replace(&mut self.continued[place], status & LAST == 0);
        if is_tls {
            self.wrapped_tls(body, context, facts);
        } else if !continues {
            self.message(kind, body, context, facts);
        }
        let knows = if context.is_from_client() { super::knows_client(context, facts) } else { facts.has(Column::sql_error) };
        if knows || self.messages[place] >= MAX_MESSAGES {
            return Step::Enough;
        }
        Step::Take(length as u64)
    }

    fn held(&self) -> usize {
        self.secured.as_ref().map_or(0, Secured::held) + self.records.iter().map(Vec::capacity).sum::<usize>()
    }
}

impl Tds {
    /// The first packet of a message.
    fn message(&mut self, kind: u8, body: &[u8], context: &Context<'_>, facts: &mut Facts) {
        match (kind, context.is_from_client()) {
            (LOGIN, true) => {
                self.is_old = login::is_old(body);
                // What is not understood of it is left out.
                let _ = login::read(body, facts);
            }
            (OLD_LOGIN, true) => login::read_old(body, facts),
            (BATCH | CALL, true) => {
                let text = if context.settings.sql_text { request::statement(kind, body) } else { None };
                keep_statement(text.unwrap_or_default().as_bytes(), context, facts);
            }
            (PRELOGIN | RESPONSE, false) if body.starts_with(&[0, 0]) => {
                self.stays_encrypted = login::encryption(body).is_some_and(|wanted| matches!(wanted, 1 | 3));
            }
            (RESPONSE, false) => {
                if let Ok(Some(number)) = response::error(body, self.is_old) {
                    facts.text(Column::sql_error, number.to_string().as_bytes());
                }
            }
            _ => {}
        }
    }

    /// TLS records between packets. None where there is something else.
    fn bare_tls(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Option<Step> {
        let (0x14..=0x17, Some(secured)) = (*octets.first()?, &mut self.secured) else {
            return None;
        };
        let &[_, _, _, high, low, ..] = octets else {
            return Some(Step::Wait);
        };
        if !self.handshaken {
            let step = secured.read(octets, NAME, context, facts);
            if !matches!(step, Step::Done | Step::Enough) {
                return Some(step);
            }
            self.handshaken = true;
        }
        if self.stays_encrypted {
            return Some(Step::Done);
        }
        self.messages[context.direction as usize] += 1;
        let over = self.messages[context.direction as usize] > MAX_MESSAGES;
        Some(if over { Step::Enough } else { Step::Take(5 + u64::from(u16::from_be_bytes([high, low]))) })
    }

    /// TLS records within a packet.
    fn wrapped_tls(&mut self, body: &[u8], context: &Context<'_>, facts: &mut Facts) {
        let place = context.direction as usize;
        let passed = usize::try_from(self.skip[place]).unwrap_or(usize::MAX).min(body.len());
        self.skip[place] -= passed as u64;
        let (records, secured) = (&mut self.records[place], self.secured.get_or_insert_with(Secured::new));
        records.extend_from_slice(body.get(passed..).unwrap_or_default());
        while !self.handshaken && !records.is_empty() {
            match secured.read(records, NAME, context, facts) {
                Step::Take(count) if count > 0 => {
                    let here = usize::try_from(count).unwrap_or(usize::MAX).min(records.len());
                    self.skip[place] = count - here as u64;
                    records.drain(..here);
                }
                Step::Take(_) | Step::Wait if records.len() < MAX_TLS_WAITING => break,
                // Nothing more of this direction; the other one may have more to tell.
                Step::Enough => records.clear(),
                _ => self.handshaken = true,
            }
        }
        if self.handshaken {
            self.records = Default::default();
        }
    }
}
