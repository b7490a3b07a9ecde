//! HTTP/1 (RFC 9112): the first request of a connection and its final answer are kept, all requests are counted. HTTP/2 without TLS is known by its preface
//! (RFC 9113, 3.4), and what the PROXY protocol puts in front of any stream is read.
//!
//! The answers are of no more interest behind the first, so only what clients send is looked at for as long as a connection lasts. Bodies are passed over
//! without being kept. Where octets are missing, counting goes on at the next segment that begins with a request.

use weir_record::Column;

use super::lines::{Lines, begins, decimal, line, status, word};
use super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use crate::facts::Facts;
use crate::packet::Direction;

mod forwarded;
mod proxy;

use forwarded::Field;

pub(super) const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "http",
        carrier: Carrier::Stream,
        ports: &[80, 8080, 8000, 3128],
        probe,
        decoder: Some(|| Box::new(Http::default())),
    },
    Protocol { name: "http", carrier: Carrier::Stream, ports: &[], probe: probe_preface, decoder: None },
    proxy::PROTOCOL,
];

/// Methods that are believed before the rest of the line is there.
const WELL_KNOWN: &[&str] = &["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT"];
const ANSWER: &[u8] = b"HTTP/1.";
/// What a client with prior knowledge of HTTP/2 says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn probe(octets: &[u8], _: &Context<'_>) -> Probe {
    if !octets.first().is_some_and(u8::is_ascii_uppercase) {
        return Probe::No;
    }
    if octets.starts_with(ANSWER) {
        return Probe::Yes;
    }
    if ANSWER.starts_with(octets) {
        return Probe::More;
    }
    let method = match method(octets) {
        Method::Whole(method) => method,
        Method::Unfinished => return Probe::More,
        Method::None => return Probe::No,
    };
    match (line(octets), octets.get(method.len() + 1)) {
        (Some((line, _)), _) if Request::read(line).is_some() => Probe::Yes,
        (Some(_), _) => Probe::No,
        (None, None) => Probe::More,
        (None, Some(b'/' | b'*' | b'h' | b'H')) if well_known(method).is_some() => Probe::Likely,
        (None, Some(b'/' | b'h' | b'H')) => Probe::More,
        (None, Some(_)) if method == b"CONNECT" => Probe::More,
        (None, Some(_)) => Probe::No,
    }
}

fn probe_preface(octets: &[u8], _: &Context<'_>) -> Probe {
    match octets {
        _ if octets.starts_with(PREFACE) => Probe::Yes,
        _ if PREFACE.starts_with(octets) => Probe::More,
        _ => Probe::No,
    }
}

/// What octets begin with.
enum Method<'a> {
    /// A method and a space.
    Whole(&'a [u8]),
    /// The start of what may be a method.
    Unfinished,
    None,
}

/// The method at the start of a request.
fn method(octets: &[u8]) -> Method<'_> {
    /// The longest in the registry of IANA are shorter.
    const LONGEST: usize = 20;
    let is_part = |octet: &u8| octet.is_ascii_uppercase() || matches!(octet, b'-' | b'_');
    match octets.iter().take(LONGEST + 1).position(|octet| !is_part(octet)) {
        Some(end) if end >= 3 && octets.get(end) == Some(&b' ') => Method::Whole(octets.get(..end).unwrap_or_default()),
        None if octets.len() <= LONGEST => Method::Unfinished,
        _ => Method::None,
    }
}

fn well_known(method: &[u8]) -> Option<&'static str> {
    WELL_KNOWN.iter().copied().find(|known| known.as_bytes() == method)
}

/// A request line (RFC 9112, 3).
struct Request<'a> {
    method: &'a [u8],
    target: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads a whole line.
    fn read(line: &'a [u8]) -> Option<Self> {
        let Method::Whole(method) = method(line) else {
            return None;
        };
        let (_, rest) = word(line);
        let rest = rest.trim_ascii_end();
        let end = rest.iter().rposition(|octet| *octet == b' ')?;
        let (target, version) = rest.split_at_checked(end)?;
        version.trim_ascii_start().starts_with(ANSWER).then_some(Self { method, target: target.trim_ascii() })
    }

    /// Reads the start of a line that is longer than what is waited for.
    fn read_start(line: &'a [u8]) -> Option<Self> {
        let (method, target) = word(line);
        well_known(method).map(|_| Self { method, target })
    }

    fn is_connect(&self) -> bool {
        self.method == b"CONNECT"
    }

    /// Host, where the target names it, and path (RFC 9112, 3.2).
    fn host_and_path(&self, with_query: bool) -> (&'a [u8], &'a [u8]) {
        if self.is_connect() {
            return (word(self.target).0, b"");
        }
        let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| begins(self.target, scheme));
        let (host, path) = match scheme {
            Some(scheme) => {
                let behind = self.target.get(scheme.len()..).unwrap_or_default();
                let (authority, path) = behind.split_at(behind.iter().position(|o| b"/?#".contains(o)).unwrap_or(behind.len()));
                // A user name and password may stand before the host.
                (authority.rsplit(|octet| *octet == b'@').next().unwrap_or_default(), path)
            }
            None => (&b""[..], self.target),
        };
        let query = if with_query { None } else { path.iter().position(|octet| *octet == b'?') };
        (host, path.get(..query.unwrap_or(path.len())).unwrap_or_default())
    }
}

/// Where in its messages a direction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// In the header fields.
    Head,
    /// At the size of a chunk.
    Chunk,
    /// In the fields behind the last chunk.
    Trailer,
    /// Octets were missing, or the length of a body is not known.
    Lost,
}

/// One direction.
#[derive(Debug, Default)]
struct Messages {
    place: Place,
    lines: Lines,
    /// The method of a request whose line is not there in whole.
    begun: Option<&'static str>,
    /// 0 for a request.
    status: u16,
    /// The message that is being read is kept.
    kept: bool,
    /// The field that tells for whom a proxy sends this request, and what of it is wanted.
    forwarded: Option<Forwarded>,
    chunked: bool,
    length: Option<u64>,
}

/// For whom a request is sent.
#[derive(Clone, Copy, Debug)]
struct Forwarded {
    /// The field that came first; the other one is not read.
    field: Field,
    /// The text is kept: no request before had any.
    is_kept: bool,
    /// An address was there.
    is_told: bool,
}

#[derive(Debug, Default)]
struct Http {
    /// The direction of requests, where one was seen.
    requests: Option<Direction>,
    sides: [Messages; 2],
    /// A tunnel was asked for.
    connect: bool,
    /// The status that is kept answers the first request.
    is_answered: bool,
}

impl Decoder for Http {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let mut messages = std::mem::take(&mut self.sides[context.direction as usize]);
        let step = self.lines(&mut messages, octets, context, facts);
        self.sides[context.direction as usize] = messages;
        step
    }

    fn gap(&mut self, _missing: u64, context: &Context<'_>, facts: &mut Facts) -> Step {
        let mut messages = std::mem::take(&mut self.sides[context.direction as usize]);
        if let Some(method) = messages.begun {
            let request = Request { method: method.as_bytes(), target: b"" };
            self.request(&mut messages, &request, context, facts);
        }
        let is_answered = messages.place == Place::Head && self.is_last_answer(&messages);
        self.sides[context.direction as usize] = Messages { place: Place::Lost, ..Messages::default() };
        if is_answered { Step::Enough } else { Step::Take(0) }
    }
}

impl Http {
    /// Reads whole lines, and passes over bodies.
    fn lines(&mut self, messages: &mut Messages, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        if messages.place == Place::Lost && (octets.starts_with(ANSWER) || matches!(method(octets), Method::Whole(_))) {
            *messages = Messages::default();
        }
        let mut at = 0;
        while messages.place != Place::Lost {
            let Some((line, is_whole)) = messages.lines.next(octets, &mut at) else {
                if let (Place::Start, Method::Whole(method)) = (messages.place, method(octets.get(at..).unwrap_or_default())) {
                    messages.begun = well_known(method);
                }
                return Step::Take(at as u64);
            };
            match messages.place {
                // Clients are known to send empty lines between requests (RFC 9112, 2.2).
                Place::Start if line.is_empty() => {}
                Place::Start => {
                    if !self.start(messages, line, is_whole, context, facts) && facts.app.is_none() {
                        return Step::Refuse;
                    }
                }
                Place::Head if line.is_empty() => {
                    if let Some(step) = self.end_of_head(messages, at as u64) {
                        return step;
                    }
                    if let (false, Some(length @ 1..)) = (messages.chunked, messages.length) {
                        return Step::Take((at as u64).saturating_add(length));
                    }
                }
                Place::Head => field(messages, line, facts),
                Place::Chunk => match chunk_size(line) {
                    Some(0) => messages.place = Place::Trailer,
                    Some(size) => return Step::Take((at as u64).saturating_add(size).saturating_add(2)),
                    None => messages.place = Place::Lost,
                },
                Place::Trailer if line.is_empty() => messages.place = Place::Start,
                Place::Trailer | Place::Lost => {}
            }
        }
        Step::Take(octets.len() as u64)
    }

    /// The first line of a message. False where it is none.
    fn start(&mut self, messages: &mut Messages, line: &[u8], is_whole: bool, context: &Context<'_>, facts: &mut Facts) -> bool {
        *messages = Messages { place: Place::Lost, lines: std::mem::take(&mut messages.lines), ..Messages::default() };
        if let Some(rest) = line.strip_prefix(ANSWER) {
            return self.requests != Some(context.direction) && self.answer(messages, rest, facts);
        }
        let request = if is_whole { Request::read(line) } else { Request::read_start(line) };
        let Some(request) = request.filter(|_| self.requests.is_none_or(|direction| direction == context.direction)) else {
            return false;
        };
        self.request(messages, &request, context, facts);
        true
    }

    fn request(&mut self, messages: &mut Messages, request: &Request<'_>, context: &Context<'_>, facts: &mut Facts) {
        facts.app = Some("http");
        facts.count(Column::http_count, 1);
        self.connect |= request.is_connect();
        // Inside of a tunnel that was asked for, the request for that stays.
        (messages.place, messages.kept) = (Place::Head, self.requests.is_none() && !facts.has(Column::http_method));
        self.requests = Some(context.direction);
        if messages.kept {
            facts.text(Column::http_method, request.method);
            let (host, path) = request.host_and_path(context.settings.url_queries);
            facts.text(Column::http_host, host);
            facts.text(Column::http_path, path);
        }
    }

    /// What stands behind `HTTP/1.`; false where that is no status line (RFC 9112, 4).
    fn answer(&mut self, messages: &mut Messages, rest: &[u8], facts: &mut Facts) -> bool {
        let (_, rest) = word(rest);
        let Some(status) = status(rest) else {
            return false;
        };
        facts.app = Some("http");
        (messages.place, messages.status) = (Place::Head, status);
        // Behind an interim answer comes the one that tells (RFC 9110, 15.2).
        messages.kept = status >= 200 || status == 101;
        if messages.kept && self.requests.is_none() {
            facts.number(Column::http_status, status);
        } else if messages.kept && !self.is_answered {
            // An answer to what was asked before the capture gives way.
            facts.replace_number(Column::http_status, status);
            self.is_answered = true;
        }
        true
    }

    /// Whether no answer behind this one is of interest.
    fn is_last_answer(&self, messages: &Messages) -> bool {
        messages.status >= 200 && self.requests.is_some() && !self.connect
    }

    /// What comes behind the header fields (RFC 9112, 6.3).
    fn end_of_head(&self, messages: &mut Messages, at: u64) -> Option<Step> {
        let is_answer = messages.status > 0;
        if messages.status == 101 {
            // The connection speaks another protocol from here (RFC 9110, 7.8).
            return Some(Step::Done);
        }
        if self.connect && (200..300).contains(&messages.status) {
            return Some(Step::Anew(at));
        }
        if self.is_last_answer(messages) {
            return Some(Step::Enough);
        }
        let has_no_body = matches!(messages.status, 100..200 | 204 | 304);
        messages.place = match (messages.chunked, messages.length) {
            _ if has_no_body => Place::Start,
            (true, _) => Place::Chunk,
            (false, None) if is_answer => Place::Lost,
            (false, _) => Place::Start,
        };
        if has_no_body {
            messages.length = None;
        }
        None
    }
}

/// A header field (RFC 9112, 5).
fn field(messages: &mut Messages, line: &[u8], facts: &mut Facts) {
    let Some(colon) = line.iter().position(|octet| *octet == b':') else {
        return;
    };
    let (name, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
    if is(b"content-length") {
        messages.length = decimal(value);
    } else if is(b"transfer-encoding") {
        messages.chunked =
            value.len() >= 7 && value.get(value.len() - 7..).is_some_and(|end| end.eq_ignore_ascii_case(b"chunked"));
    } else if let (0, Some(field)) = (messages.status, Field::of(name)) {
        forwarded(messages, field, value, facts);
    } else if !messages.kept {
    } else if messages.status > 0 {
        if is(b"content-type") {
            facts.replace_text(Column::http_content_type, value);
        }
    } else if is(b"host") {
        facts.text(Column::http_host, value);
    } else if is(b"user-agent") {
        facts.text(Column::http_user_agent, value);
    }
}

/// For whom a proxy sends the request. The lines of a field are one list (RFC 9110, 5.3).
fn forwarded(messages: &mut Messages, field: Field, value: &[u8], facts: &mut Facts) {
    let is_kept = !facts.has(Column::http_forwarded_for);
    let told = messages.forwarded.get_or_insert(Forwarded { field, is_kept, is_told: false });
    if told.field != field {
        return;
    }
    if told.is_kept {
        facts.append_text(Column::http_forwarded_for, b", ", value);
    }
    let Some(client) = field.client(value).filter(|_| !told.is_told) else {
        return;
    };
    told.is_told = true;
    match facts.address_of(Column::client_addr) {
        None => facts.address(Column::client_addr, client),
        // Proxies send requests of several clients over one connection.
        Some(first) if first != client => facts.count(Column::http_other_clients, 1),
        Some(_) => {}
    }
}

/// The size of a chunk, before its extensions (RFC 9112, 7.1).
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests;
