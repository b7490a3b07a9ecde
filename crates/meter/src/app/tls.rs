//! TLS over TCP: SSL 3.0 (RFC 6101), TLS 1.0 to 1.2 (RFC 5246) and 1.3 (RFC 8446), as far as it is in clear, and DTLS over UDP.
//!
//! Read are the hellos and, up to TLS 1.2, the server's certificate; all else is passed over. `tls_alpn` is the server's choice. Where that is encrypted
//! (TLS 1.3) or was not captured, it is the protocol that the client offers first. `tls_setup` ends with the first record of application data. In TLS 1.3
//! records of the handshake look like it: there, the client's first protected record is its Finished, and what the server sends before is its handshake.

use weir_record::Column;

use super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use crate::facts::Facts;
use crate::packet::Direction;
use crate::samples::microseconds;

// The layers, from the outside in.
mod assembly;
mod certificate;
mod datagrams;
mod fingerprint;
pub(super) mod hello;
pub(super) mod later;

use assembly::{Message, Messages};
use hello::{ClientHello, ServerHello, Transport, is_tls13, kind};

pub(super) const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "tls",
        carrier: Carrier::Stream,
        ports: &[443, 993, 995, 465, 636, 853, 8443],
        probe,
        decoder: Some(decoder),
    },
    Protocol { name: "dtls", carrier: Carrier::Datagram, ports: &[], probe: datagrams::probe, decoder: Some(datagrams::decoder) },
];

/// Octets before the content of a record (RFC 8446 section 5.1).
const RECORD_HEADER: usize = 5;
/// Longest record: 2^14 octets, and 2048 that protection may add (RFC 5246 section 6.2.3).
const MAX_RECORD: u16 = (1 << 14) + 2048;

/// Types of records (RFC 8446 section 5.1, RFC 6520 section 3).
mod record {
    pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(super) const ALERT: u8 = 21;
    pub(super) const HANDSHAKE: u8 = 22;
    pub(super) const APPLICATION_DATA: u8 = 23;
    pub(super) const HEARTBEAT: u8 = 24;
}

/// Reads a stream from its first TLS record on, be it in the middle of a connection (RFC 3207 and the like).
pub(super) fn decoder() -> Box<dyn Decoder> {
    Box::new(Tls::default())
}

/// Reads DTLS, datagram by datagram, that another protocol opened the way for.
pub(super) fn datagrams() -> Box<dyn Decoder> {
    datagrams::decoder()
}

/// A record of each kind as it may come first; more often than not a ClientHello.
fn probe(octets: &[u8], _: &Context<'_>) -> Probe {
    let &[kind, major, ref rest @ ..] = octets else {
        return if matches!(octets, [record::CHANGE_CIPHER_SPEC..=record::APPLICATION_DATA | 0x80..]) {
            Probe::More
        } else {
            Probe::No
        };
    };
    if kind & 0x80 != 0 {
        return probe_old_hello(octets);
    }
    if !matches!(kind, record::CHANGE_CIPHER_SPEC..=record::APPLICATION_DATA) || major != 3 {
        return Probe::No;
    }
    let &[minor, high, low, ref content @ ..] = rest else {
        return if rest.first().is_none_or(|minor| *minor <= 4) { Probe::More } else { Probe::No };
    };
    let length = u16::from_be_bytes([high, low]);
    if minor > 4 || length > MAX_RECORD {
        return Probe::No;
    }
    let is_likely = match kind {
        record::CHANGE_CIPHER_SPEC => length == 1,
        record::ALERT => length >= 2,
        // Protection adds sixteen octets or more.
        record::APPLICATION_DATA => length > 16,
        _ => match content.first() {
            None => return Probe::More,
            // HelloRequest to Finished, CertificateStatus and the like.
            Some(kind) => length >= 4 && matches!(kind, 0..=2 | 4 | 11..=16 | 20..=24),
        },
    };
    if is_likely { Probe::Yes } else { Probe::No }
}

/// A hello in the form of SSL 2.0, which older clients of SSL 3.0 and TLS sent (RFC 5246 appendix E.2).
fn probe_old_hello(octets: &[u8]) -> Probe {
    let Some(head) = octets.first_chunk::<11>() else {
        return match octets.get(2) {
            None | Some(1) => Probe::More,
            Some(_) => Probe::No,
        };
    };
    let &[high, low, kind, major, minor, c1, c0, s1, s0, n1, n0] = head;
    let length = u16::from_be_bytes([high & 0x7f, low]);
    let [ciphers, session, challenge] = [[c1, c0], [s1, s0], [n1, n0]].map(u16::from_be_bytes);
    let is_version = matches!((major, minor), (3, 0..=4) | (0, 2));
    let is_filled = u32::from(length) == 9 + u32::from(ciphers) + u32::from(session) + u32::from(challenge);
    let is_hello = kind == 1 && is_version && is_filled && ciphers % 3 == 0 && ciphers > 0 && (8..=32).contains(&challenge);
    if is_hello { Probe::Yes } else { Probe::No }
}

/// What is known of one connection.
#[derive(Debug, Default)]
struct Tls {
    /// One for each direction.
    halves: [Half; 2],
    /// Where the ClientHello went, or would have gone.
    client: Option<Direction>,
    /// When the ClientHello began, nanoseconds since 1970.
    began: Option<i64>,
    /// The client's application data may come before the server's answer.
    is_early: bool,
    /// The server's choice.
    version: Option<u16>,
}

/// One direction.
#[derive(Debug, Default)]
struct Half {
    /// A record was there.
    is_tls: bool,
    /// Octets to come of a record of the handshake.
    record: usize,
    /// When the message began that is being put together.
    began: i64,
    /// What follows is encrypted, or cannot be followed.
    is_dark: bool,
    /// A protected record of TLS 1.3 was there.
    is_protected: bool,
    messages: Messages,
}

impl Decoder for Tls {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let mut at = 0;
        loop {
            let rest = octets.get(at..).unwrap_or_default();
            let half = &mut self.halves[context.direction as usize];
            if half.record > 0 && !rest.is_empty() {
                let here = rest.get(..half.record).unwrap_or(rest);
                half.record -= here.len();
                at += here.len();
                if let Some(step) = self.handshake(here, context, facts) {
                    return step;
                }
                continue;
            }
            let Some((header, content)) = rest.split_first_chunk::<RECORD_HEADER>() else {
                return Step::Take(at as u64);
            };
            let &[kind, major, minor, high, low] = header;
            let length = u16::from_be_bytes([high, low]);
            let is_record = matches!(kind, record::CHANGE_CIPHER_SPEC..=record::HEARTBEAT);
            if !is_record || major != 3 || minor > 4 || length > MAX_RECORD {
                return self.no_record(rest, at, context);
            }
            half.is_tls = true;
            let step = match kind {
                record::HANDSHAKE if !half.is_dark => {
                    half.record = length.into();
                    at += RECORD_HEADER;
                    continue;
                }
                record::ALERT if length == 2 => match content {
                    &[level, what, ..] => is_last_alert(level, what).then_some(Step::Done),
                    _ => return Step::Take(at as u64),
                },
                record::CHANGE_CIPHER_SPEC => {
                    // In TLS 1.3 it means nothing, and a second hello may follow.
                    half.is_dark = !self.version.is_some_and(is_tls13);
                    None
                }
                record::APPLICATION_DATA => self.application_data(context, facts),
                // Encrypted messages and alerts.
                _ => None,
            };
            if let Some(step) = step {
                return step;
            }
            at += RECORD_HEADER + usize::from(length);
            if at >= octets.len() {
                return Step::Take(at as u64);
            }
        }
    }

    fn gap(&mut self, missing: u64, context: &Context<'_>, facts: &mut Facts) -> Step {
        let half = &mut self.halves[context.direction as usize];
        let Some(missing) = usize::try_from(missing).ok().filter(|missing| *missing <= half.record) else {
            return Step::Enough;
        };
        half.record -= missing;
        let mut messages = std::mem::take(&mut half.messages);
        let (cut, is_in_step) = messages.cut(missing);
        // The next record begins with a message, more often than not.
        let passed = if is_in_step { missing } else { missing + std::mem::take(&mut half.record) };
        let step = cut.and_then(|message| self.message(&message, context, facts));
        self.halves[context.direction as usize].messages = messages;
        step.unwrap_or(Step::Take(passed as u64))
    }

    fn held(&self) -> usize {
        self.halves.iter().map(|half| half.messages.held()).sum()
    }
}

impl Tls {
    /// Octets of records of the handshake.
    fn handshake(&mut self, mut octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Option<Step> {
        let place = context.direction as usize;
        let mut messages = std::mem::take(&mut self.halves[place].messages);
        let mut step = None;
        while step.is_none() && !octets.is_empty() {
            if messages.is_between() {
                self.halves[place].began = context.time;
            }
            let Some(message) = messages.next(&mut octets) else {
                break;
            };
            step = self.message(&message, context, facts);
        }
        self.halves[place].messages = messages;
        step
    }

    fn message(&mut self, message: &Message<'_>, context: &Context<'_>, facts: &mut Facts) -> Option<Step> {
        let direction = context.direction;
        match message.kind {
            kind::CLIENT_HELLO => {
                let hello = ClientHello::read(message, Transport::Tcp)?;
                if self.client.is_none() {
                    self.client = Some(direction);
                    self.began = Some(self.halves[direction as usize].began);
                    self.is_early = hello.sends_early_data() || !hello.offers_tls13();
                }
                hello.tell(Transport::Tcp, facts);
            }
            kind::SERVER_HELLO if self.client != Some(direction) => {
                let hello = ServerHello::read(message)?;
                self.client = Some(direction.reverse());
                self.version = Some(hello.version);
                hello.tell(facts);
                if facts.has(Column::tls_setup) && is_tls13(hello.version) {
                    return Some(Step::Done);
                }
            }
            kind::CERTIFICATE if self.client == Some(direction.reverse()) => certificate::tell(message.body, facts),
            _ => {}
        }
        None
    }

    /// A record of application data, or in TLS 1.3 any that is protected.
    fn application_data(&mut self, context: &Context<'_>, facts: &mut Facts) -> Option<Step> {
        let Some(client) = self.client else {
            // The connection was joined in its middle.
            return Some(Step::Done);
        };
        let is_client = client == context.direction;
        match self.version {
            None if !is_client => Some(Step::Done),
            None => {
                // Early data, or the server's side was not captured.
                if self.is_early {
                    self.tell_setup(context, facts);
                }
                Some(Step::Enough)
            }
            Some(version) if is_tls13(version) && !self.halves[client as usize].is_protected => {
                self.halves[context.direction as usize].is_protected = true;
                None
            }
            Some(_) => {
                self.tell_setup(context, facts);
                Some(Step::Done)
            }
        }
    }

    fn tell_setup(&self, context: &Context<'_>, facts: &mut Facts) {
        if let Some(began) = self.began {
            facts.number(Column::tls_setup, microseconds(context.time.saturating_sub(began)));
        }
    }

    /// Octets that are no record: a hello of older times, or not TLS after all.
    fn no_record(&mut self, octets: &[u8], at: usize, context: &Context<'_>) -> Step {
        if self.halves.iter().any(|half| half.is_tls) || self.client.is_some() {
            return Step::Enough;
        }
        match (probe_old_hello(octets), octets) {
            (Probe::Yes, &[high, low, ..]) => {
                self.client = Some(context.direction);
                self.began = Some(context.time);
                self.is_early = true;
                Step::Take(at as u64 + 2 + u64::from(u16::from_be_bytes([high & 0x7f, low])))
            }
            (Probe::More, _) => Step::Take(at as u64),
            _ => Step::Refuse,
        }
    }
}

/// Fatal, or a farewell (RFC 5246 section 7.2).
fn is_last_alert(level: u8, what: u8) -> bool {
    level == 2 || what == 0
}

#[cfg(test)]
pub(super) mod tests;
