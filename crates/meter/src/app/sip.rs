//! SIP over UDP and TCP (RFC 3261): who calls whom, with what, and how it ended.
//!
//! The first call of a connection is kept, and the final answer to its method; a demand for authentication gives way to the answer after it.

use weir_record::Column;

use super::lines::{begins, decimal, line, status, word};
use super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use crate::facts::Facts;

pub(super) const PROTOCOLS: &[Protocol] = &[
    Protocol { name: "sip", carrier: Carrier::Datagram, ports: &[5060], probe, decoder: Some(|| Box::new(Sip::default())) },
    Protocol { name: "sip", carrier: Carrier::Stream, ports: &[5060, 5061], probe, decoder: Some(|| Box::new(Sip::default())) },
];

/// Methods (RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665).
const METHODS: &[&[u8]] = &[
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"OPTIONS",
    b"REGISTER",
    b"PRACK",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"PUBLISH",
    b"INFO",
    b"REFER",
    b"MESSAGE",
    b"UPDATE",
];
/// What a request is for.
const SCHEMES: &[&[u8]] = &[b"sip:", b"sips:", b"tel:", b"urn:", b"im:"];
const ANSWER: &[u8] = b"SIP/2.0 ";

/// Messages that are looked through for what is wanted.
const MAX_MESSAGES: u32 = 256;
/// Header lines of a message that are looked at.
const MAX_LINES: usize = 128;

/// A method and what it is for, or an answer.
fn probe(octets: &[u8], _: &Context<'_>) -> Probe {
    // Empty lines keep a connection open.
    let octets = octets.trim_ascii_start();
    if octets.first().is_some_and(|first| !first.is_ascii_uppercase()) {
        return Probe::No;
    }
    if octets.starts_with(ANSWER) {
        return Probe::Yes;
    }
    let (method, target) = word(octets);
    let may_be = METHODS.iter().any(|known| known.starts_with(octets)) || ANSWER.starts_with(octets);
    if may_be {
        return Probe::More;
    }
    if !METHODS.contains(&method) {
        return Probe::No;
    }
    if SCHEMES.iter().any(|scheme| begins(target, scheme)) {
        Probe::Yes
    } else if SCHEMES.iter().any(|scheme| scheme.starts_with(target)) {
        Probe::More
    } else {
        Probe::No
    }
}

/// One connection.
#[derive(Debug, Default)]
struct Sip {
    messages: u32,
    /// The final answer is not a demand for authentication.
    answered: bool,
}

/// What is wanted of a message.
#[derive(Debug, Default)]
struct Message<'a> {
    /// The method of a request.
    method: Option<&'a [u8]>,
    /// The status of an answer.
    status: Option<u16>,
    /// The method that the message belongs to.
    sequence_method: Option<&'a [u8]>,
    call_id: Option<&'a [u8]>,
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    /// Octets of the body.
    length: u64,
    /// Octets of the head.
    head: usize,
}

impl Decoder for Sip {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let empty = octets.len() - octets.trim_ascii_start().len();
        if empty == octets.len() {
            return Step::Take(empty as u64);
        }
        let octets = octets.get(empty..).unwrap_or_default();
        let (message, is_whole) = message(octets);
        if !is_whole && context.carrier == Carrier::Stream {
            return Step::Wait;
        }
        self.messages += 1;
        self.keep(&message, facts);
        if self.answered && facts.has(Column::sip_method) {
            return Step::Done;
        }
        if self.messages >= MAX_MESSAGES
            || message.method.is_none() && message.status.is_none() && context.carrier == Carrier::Stream
        {
            return Step::Enough;
        }
        Step::Take((empty + message.head) as u64 + message.length)
    }
}

impl Sip {
    fn keep(&mut self, message: &Message<'_>, facts: &mut Facts) {
        let columns = [(Column::sip_call_id, message.call_id), (Column::sip_from, message.from), (Column::sip_to, message.to)];
        let is_other_call = || {
            let known = facts.text_of(Column::sip_call_id);
            known.is_some_and(|known| message.call_id.is_some_and(|call_id| !call_id.starts_with(known.as_bytes())))
        };
        if is_other_call() {
            return;
        }
        for (column, text) in columns {
            facts.text(column, text.unwrap_or_default());
        }
        // An answer says its request's method too, for whoever sees answers alone.
        let method = message.method.or(message.sequence_method).unwrap_or_default();
        facts.text(Column::sip_method, method);
        if let Some(status @ 200..) = message.status
            && facts.text_of(Column::sip_method).is_some_and(|first| first.as_bytes() == method)
        {
            self.answered = !matches!(status, 401 | 407);
            facts.replace_number(Column::sip_status, status);
        }
    }
}

/// Reads the head of a message, and whether its end is there.
fn message(octets: &[u8]) -> (Message<'_>, bool) {
    let mut message = Message::default();
    for _ in 0..MAX_LINES {
        let rest = octets.get(message.head..).unwrap_or_default();
        let Some((line, length)) = line(rest) else {
            return (message, false);
        };
        if message.head == 0 {
            match line.strip_prefix(ANSWER) {
                Some(rest) => message.status = status(rest),
                None => message.method = Some(word(line).0).filter(|method| METHODS.contains(method)),
            }
        } else if line.is_empty() {
            message.head += length;
            return (message, true);
        } else {
            header(line, &mut message);
        }
        message.head += length;
    }
    (message, true)
}

/// A header line; some names have a short form of one letter.
fn header<'a>(line: &'a [u8], message: &mut Message<'a>) {
    let Some(colon) = line.iter().take(32).position(|octet| *octet == b':') else {
        return;
    };
    let (name, value) = line.split_at(colon);
    let (name, value) = (name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii());
    let is = |long: &[u8], short: &[u8]| name.eq_ignore_ascii_case(long) || !short.is_empty() && name.eq_ignore_ascii_case(short);
    if is(b"call-id", b"i") {
        message.call_id.get_or_insert(value);
    } else if is(b"from", b"f") {
        message.from.get_or_insert(uri(value));
    } else if is(b"to", b"t") {
        message.to.get_or_insert(uri(value));
    } else if is(b"cseq", b"") {
        message.sequence_method = Some(word(value).1.trim_ascii()).filter(|method| METHODS.contains(method));
    } else if is(b"content-length", b"l") {
        message.length = decimal(value).unwrap_or(0);
    }
}

/// The address of `"Name" <sip:user@host;more>;tag=1` or `sip:user@host;tag=1`: user and host.
fn uri(value: &[u8]) -> &[u8] {
    // A name in quotes may hold anything.
    let name =
        value.strip_prefix(b"\"").and_then(|rest| Some(value.len() - rest.len() + rest.iter().position(|octet| *octet == b'"')?));
    let value = value.get(name.unwrap_or(0)..).unwrap_or_default();
    let inside = value.iter().position(|octet| *octet == b'<').and_then(|open| value.get(open + 1..));
    let value = inside.unwrap_or(value);
    let end = value.iter().position(|octet| matches!(octet, b'>' | b';' | b'?')).unwrap_or(value.len());
    value.get(..end).unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests;
