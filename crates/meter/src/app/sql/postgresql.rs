//! PostgreSQL: the frontend/backend protocol 3 (PostgreSQL documentation, "Frontend/Backend Protocol").
//!
//! The client's first message is a length of 4 octets and a version or request code; every later one has a letter before its length.

use weir_record::Column;
use weir_wire::{Reader, Short};

use super::super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use super::{MAX_MESSAGES, Secured, is_statement, keep_statement, knows_client, terminated, visible};
use crate::facts::Facts;

pub(super) const PROTOCOL: Protocol =
    Protocol { name: NAME, carrier: Carrier::Stream, ports: &[5432], probe, decoder: Some(|| Box::new(Postgresql::default())) };

const NAME: &str = "postgresql";

// Request codes in the place of the version.
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS_ENCRYPTION: u32 = 80_877_104;

/// Octets of a startup message that the server takes.
const MAX_STARTUP: u32 = 10_000;

/// A startup message or request; the server's demand for authentication or refusal; a statement of a connection joined in its middle.
fn probe(octets: &[u8], context: &Context<'_>) -> Probe {
    let mut reader = Reader::new(octets);
    match (reader.u32(), reader.u32()) {
        (Ok(8), Ok(SSL | GSS_ENCRYPTION)) => return Probe::Yes,
        (Ok(16..=268), Ok(CANCEL)) => return Probe::Yes,
        (Ok(length @ 9..=MAX_STARTUP), Ok(version)) if version >> 16 == 3 && version & 0xffff <= 2 => {
            let is_whole = octets.len() >= length as usize;
            return match reader.rest() {
                [] => Probe::More,
                [0 | b'a'..=b'z' | b'_', ..] if !is_whole => Probe::Likely,
                [0 | b'a'..=b'z' | b'_', ..] if octets.get(length as usize - 1) == Some(&0) => Probe::Yes,
                _ => Probe::No,
            };
        }
        (Ok(length @ 8..=MAX_STARTUP), Err(_)) if length as usize > octets.len() => return Probe::More,
        (Err(_), _) if octets.iter().all(|&octet| octet == 0) || context.has_port(5432) => return Probe::More,
        _ => {}
    }
    let &[tag, a, b, c, d, ref body @ ..] = octets else {
        return Probe::No;
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    let is_postgresql = match tag {
        // Authentication is wanted, and how.
        b'R' => (8..=512).contains(&length) && matches!(body, [0, 0, 0, 0..=12, ..]),
        // An error, with its severity first.
        b'E' => {
            (16..=MAX_STARTUP as usize).contains(&length)
                && [&b"SERROR\0"[..], b"SFATAL\0", b"SPANIC\0"].iter().any(|start| body.starts_with(start))
        }
        b'Q' => body.len() + 4 == length && body.last() == Some(&0) && is_statement(body),
        b'P' => body.len() + 4 >= length && terminated(body).is_some_and(|(name, rest)| name.len() < 64 && is_statement(rest)),
        _ => false,
    };
    if is_postgresql { Probe::Yes } else { Probe::No }
}

/// One connection.
#[derive(Debug, Default)]
struct Postgresql {
    /// The client's messages have letters now.
    started: bool,
    /// The client asked for encryption, and the server has not answered.
    asked: bool,
    secured: Option<Secured>,
    messages: [u32; 2],
}

impl Decoder for Postgresql {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        facts.text(Column::sql_engine, NAME.as_bytes());
        if let Some(secured) = &mut self.secured {
            return secured.read(octets, NAME, context, facts);
        }
        let place = context.direction as usize;
        self.messages[place] += 1;
        if self.messages[place] > MAX_MESSAGES {
            return Step::Enough;
        }
        match (context.is_from_client(), self.started) {
            (true, false) => self.startup(octets, context, facts),
            (true, true) => statement(octets, context, facts),
            (false, _) => self.server(octets, facts),
        }
    }

    fn held(&self) -> usize {
        self.secured.as_ref().map_or(0, Secured::held)
    }
}

impl Postgresql {
    /// The first message of a client, or the first again after it was told how to encrypt.
    fn startup(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        if octets.first().is_some_and(|&first| first != 0) {
            // Joined in the middle; or the answer is not seen, and TLS was begun.
            if self.asked && octets.starts_with(&[0x16, 3]) {
                return self.secured.insert(Secured::new()).read(octets, NAME, context, facts);
            }
            self.started = true;
            return statement(octets, context, facts);
        }
        let mut reader = Reader::new(octets);
        let (Ok(length), Ok(code)) = (reader.u32(), reader.u32()) else {
            return self.again();
        };
        if !(8..=MAX_STARTUP).contains(&length) {
            return Step::Enough;
        }
        match code {
            SSL | GSS_ENCRYPTION => self.asked = true,
            CANCEL => return Step::Done,
            _ => {
                let Some(parameters) = visible(reader.rest(), length as usize - 8) else {
                    return self.again();
                };
                self.started = true;
                facts.app = Some(NAME);
                startup_parameters(parameters, facts);
                if knows_client(context, facts) {
                    return Step::Enough;
                }
            }
        }
        Step::Take(length.into())
    }

    /// The message is shown again, and must not count twice.
    fn again(&mut self) -> Step {
        self.messages[0] -= 1;
        Step::Wait
    }

    fn server(&mut self, octets: &[u8], facts: &mut Facts) -> Step {
        if std::mem::take(&mut self.asked) {
            match octets.first() {
                Some(b'S') => self.secured = Some(Secured::new()),
                // Encrypted, and not by TLS.
                Some(b'G') => return Step::Done,
                Some(b'N') => {}
                _ => return self.message(octets, facts),
            }
            return Step::Take(1);
        }
        self.message(octets, facts)
    }

    fn message(&mut self, octets: &[u8], facts: &mut Facts) -> Step {
        let Some((tag, length, body)) = tagged(octets) else {
            return Step::Wait;
        };
        if tag == b'E' {
            let Some(fields) = visible(body, length) else {
                return Step::Wait;
            };
            // The first octet of a field says what it is; before protocol 3 there were none.
            let mut fields = fields.split(|&octet| octet == 0);
            if let Some([b'C', state @ ..]) = fields.find(|field| field.first() == Some(&b'C')) {
                facts.text(Column::sql_error, state);
                return Step::Enough;
            }
        }
        Step::Take(length as u64 + 5)
    }
}

/// Names and values in turn, each with a NUL behind it.
fn startup_parameters(mut octets: &[u8], facts: &mut Facts) {
    while let Some((name, rest)) = terminated(octets)
        && let Some((value, rest)) = terminated(rest)
    {
        match name {
            b"user" => facts.text(Column::sql_user, value),
            b"database" => facts.text(Column::sql_database, value),
            _ => {}
        }
        octets = rest;
    }
}

/// A message of the client after its startup.
fn statement(octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
    // Whoever did not give a name of a database at startup never does.
    if !context.settings.sql_text || facts.has(Column::sql_statement) {
        return Step::Enough;
    }
    let Some((tag, length, body)) = tagged(octets) else {
        return Step::Wait;
    };
    if matches!(tag, b'Q' | b'P') {
        let Some(body) = visible(body, length) else {
            return Step::Wait;
        };
        let text = if tag == b'P' { terminated(body).map(|(_, rest)| rest).unwrap_or_default() } else { body };
        keep_statement(text.split(|&octet| octet == 0).next().unwrap_or_default(), context, facts);
    }
    Step::Take(length as u64 + 5)
}

/// The letter of a message, the length of its body, and what there is of that.
fn tagged(octets: &[u8]) -> Option<(u8, usize, &[u8])> {
    let read = || -> Result<_, Short> {
        let mut reader = Reader::new(octets);
        let (tag, length) = (reader.u8()?, reader.u32()?);
        Ok((tag, (length as usize).saturating_sub(4), reader.rest()))
    };
    read().ok()
}
