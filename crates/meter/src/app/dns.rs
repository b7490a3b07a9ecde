//! DNS (RFC 1035) over UDP and TCP, and what took its messages over: Multicast DNS (RFC 6762), LLMNR (RFC 4795) and the name service of NetBIOS (RFC 1002).
//!
//! Kept are the first question and the result of the first query that is answered, or of the very first query when its answer comes later. Over UDP
//! every answer is matched with its query by its id, and gives a response time.

use weir_record::Column;

use super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use crate::facts::Facts;
use message::{HEADER, Header, Question};

mod message;

pub(super) const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "dns",
        carrier: Carrier::Datagram,
        ports: &[53],
        probe: probe_datagram,
        decoder: Some(|| Dns::boxed(Kind::Dns)),
    },
    Protocol {
        name: "dns",
        carrier: Carrier::Stream,
        ports: &[53],
        probe: probe_stream,
        decoder: Some(|| Dns::boxed(Kind::Stream)),
    },
    Protocol {
        name: "mdns",
        carrier: Carrier::Datagram,
        ports: &[5353],
        probe: probe_mdns,
        decoder: Some(|| Dns::boxed(Kind::Others)),
    },
    Protocol {
        name: "llmnr",
        carrier: Carrier::Datagram,
        ports: &[5355],
        probe: probe_llmnr,
        decoder: Some(|| Dns::boxed(Kind::Others)),
    },
    Protocol {
        name: "netbios-ns",
        carrier: Carrier::Datagram,
        ports: &[137],
        probe: probe_netbios,
        decoder: Some(|| Dns::boxed(Kind::NetBios)),
    },
];

/// Queries that wait for their answers at a time; when there are more, the oldest counts as unanswered.
const MAX_OPEN: usize = 64;
/// A query that is repeated within this time waits since it was first sent; later it counts as another one (nanoseconds; resolvers give up after this long).
const REPEATED_WITHIN: i64 = 5_000_000_000;
/// Octets of the length in front of each message of a stream (RFC 1035, 4.2.2).
const LENGTH: usize = 2;
/// The operation whose messages have prerequisites in the place of answers (RFC 2136, 2.2).
const UPDATE: u8 = 5;

fn probe_datagram(octets: &[u8], context: &Context<'_>) -> Probe {
    let has_other_port = [5353, 5355, 137].into_iter().any(|port| context.has_port(port));
    let Some(header) = Header::read(octets).filter(|_| !has_other_port) else {
        return Probe::No;
    };
    let is_dns = if context.has_port(53) {
        header.is_plausible() && header.is_opcode_of(&[0, 1, 2, 4, UPDATE, 6])
    } else {
        header.is_strict() && Question::read(octets).is_ok_and(|question| question.is_strict(&header, context.wire_length))
    };
    yes_if(is_dns && has_question(octets, &header, context.wire_length))
}

fn probe_mdns(octets: &[u8], context: &Context<'_>) -> Probe {
    yes_if(context.has_port(5353) && is_named_service(octets, context, &[0]))
}

fn probe_llmnr(octets: &[u8], context: &Context<'_>) -> Probe {
    yes_if(context.has_port(5355) && is_named_service(octets, context, &[0]))
}

fn probe_netbios(octets: &[u8], context: &Context<'_>) -> Probe {
    // Query, registration, release, wait, refresh (RFC 1002, 4.2.1.1, with the code that implementations use for refresh).
    yes_if(context.has_port(137) && is_named_service(octets, context, &[0, 5, 6, 7, 8, 9]))
}

fn is_named_service(octets: &[u8], context: &Context<'_>, opcodes: &[u8]) -> bool {
    Header::read(octets).is_some_and(|header| {
        header.is_plausible() && header.is_opcode_of(opcodes) && has_question(octets, &header, context.wire_length)
    })
}

/// Whether the question can be read where there should be one, or was cut by the capture.
fn has_question(octets: &[u8], header: &Header, length: usize) -> bool {
    match Question::read(octets) {
        _ if header.questions == 0 => true,
        Ok(_) => true,
        Err(fault) => fault == message::Fault::Short && octets.len() < length,
    }
}

fn probe_stream(octets: &[u8], context: &Context<'_>) -> Probe {
    let Some((length, message)) = octets.split_first_chunk::<LENGTH>() else {
        return if context.has_port(53) { Probe::More } else { Probe::No };
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if !context.has_port(53) && message.len() != length {
        return Probe::No;
    }
    let Some(header) = Header::read(message) else {
        return if length >= HEADER { Probe::More } else { Probe::No };
    };
    let strict = || header.is_strict() && Question::read(message).is_ok_and(|question| question.is_strict(&header, length));
    let is_dns = header.is_plausible() && header.is_opcode_of(&[0, 4, UPDATE, 6]) && (context.has_port(53) || strict());
    match Question::read(message) {
        _ if !is_dns => Probe::No,
        Err(message::Fault::Short) if header.questions > 0 && message.len() < length => Probe::More,
        Err(_) if header.questions > 0 => Probe::No,
        _ => Probe::Yes,
    }
}

fn yes_if(is: bool) -> Probe {
    if is { Probe::Yes } else { Probe::No }
}

/// What messages mean, and what carries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dns,
    /// DNS in a stream, whose sequence numbers give the response times.
    Stream,
    /// Queries go to everybody, and answers come to a conversation of their own or not at all.
    Others,
    /// As those, and names are encoded twice.
    NetBios,
}

#[derive(Debug)]
struct Dns {
    kind: Kind,
    /// The id of the first query.
    first: Option<u16>,
    /// The result that is kept answers the first query.
    settled: bool,
    has_result: bool,
    open: Vec<Open>,
}

/// A query that waits for its answer.
#[derive(Debug)]
struct Open {
    id: u16,
    time: i64,
}

impl Decoder for Dns {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        if self.kind == Kind::Stream {
            return self.stream(octets, context, facts);
        }
        if let Some(header) = Header::read(octets) {
            self.message(&header, octets, context, facts);
        }
        Step::Wait
    }
}

impl Dns {
    fn boxed(kind: Kind) -> Box<dyn Decoder> {
        Box::new(Self { kind, first: None, settled: false, has_result: false, open: Vec::new() })
    }

    /// Messages with their lengths in front, of which the start is enough.
    fn stream(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let Some((length, message)) = octets.split_first_chunk::<LENGTH>() else {
            return Step::Wait;
        };
        let length = usize::from(u16::from_be_bytes(*length));
        let message = message.get(..length.min(message.len())).unwrap_or_default();
        let is_whole = message.len() == length;
        let Some(header) = Header::read(message) else {
            return if is_whole { Step::Enough } else { Step::Wait };
        };
        if !is_whole && !facts.has(Column::dns_name) && Question::read(message) == Err(message::Fault::Short) {
            return Step::Wait;
        }
        self.message(&header, message, context, facts);
        if self.settled { Step::Done } else { Step::Take((LENGTH + length) as u64) }
    }

    fn message(&mut self, header: &Header, octets: &[u8], context: &Context<'_>, facts: &mut Facts) {
        // An answer about NetBIOS names has no question, and its record begins as one does (RFC 1002, 4.2.13).
        if (header.questions > 0 || self.kind == Kind::NetBios)
            && !facts.has(Column::dns_name)
            && let Ok(question) = Question::read(octets)
        {
            let name = if self.kind == Kind::NetBios { question.netbios_name() } else { question.name() };
            facts.text(Column::dns_name, name.as_bytes());
            facts.number(Column::dns_type, question.kind);
        }
        if header.is_answer() {
            self.answer(header, context, facts);
        } else {
            self.query(header, context, facts);
        }
    }

    fn query(&mut self, header: &Header, context: &Context<'_>, facts: &mut Facts) {
        self.first.get_or_insert(header.id);
        if self.kind != Kind::Dns && self.kind != Kind::NetBios {
            return;
        }
        if let Some(open) = self.open.iter_mut().find(|open| open.id == header.id) {
            if context.time - open.time >= REPEATED_WITHIN {
                open.time = context.time;
                facts.unanswered += u32::from(self.kind == Kind::Dns);
            }
            return;
        }
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push(Open { id: header.id, time: context.time });
        facts.unanswered += u32::from(self.kind == Kind::Dns);
    }

    fn answer(&mut self, header: &Header, context: &Context<'_>, facts: &mut Facts) {
        if let Some(place) = self.open.iter().position(|open| open.id == header.id) {
            let open = self.open.remove(place);
            facts.unanswered = facts.unanswered.saturating_sub(1);
            let times = facts.response_times.get_or_insert_default();
            times.add(context.time - open.time, context.histograms);
        }
        let is_first = self.first == Some(header.id);
        if !self.settled && (is_first || !self.has_result) {
            facts.replace_number(Column::dns_rcode, header.rcode());
            if !header.is_opcode_of(&[UPDATE]) {
                facts.replace_number(Column::dns_answers, header.answers);
            }
            (self.settled, self.has_result) = (is_first, true);
        }
    }
}

#[cfg(test)]
mod tests;
