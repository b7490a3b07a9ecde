//! Messages and media: MQTT, AMQP, Kafka, NATS, STOMP, IRC (RFC 2812), XMPP (RFC 6120), RTSP (RFC 7826).

use super::control::is_request;
use super::{begins_with, u16_at, u32_at, yes_if};
use crate::app::lines::begins;
use crate::app::protocol::{Context, Decoder, Probe, Step};
use crate::facts::Facts;

/// A wish to connect with the protocol's name, or its answer; on the customary port any message that fills its segment.
pub(super) fn mqtt(octets: &[u8], context: &Context<'_>) -> Probe {
    let &[first, ref rest @ ..] = octets else {
        return Probe::More;
    };
    // The length is written in up to 4 octets of 7 bits.
    let count = rest.iter().take(4).position(|octet| octet & 0x80 == 0);
    let Some(body) = count.and_then(|count| rest.get(count + 1..)) else {
        return if matches!(first, 0x10) && rest.len() < 4 { Probe::More } else { Probe::No };
    };
    let length =
        rest.iter().take(4).take(count.unwrap_or(0) + 1).rev().fold(0, |sum: usize, octet| sum << 7 | usize::from(octet & 0x7f));
    if first == 0x10 {
        return begins_with(body, &[b"\x00\x04MQTT\x03", b"\x00\x04MQTT\x04", b"\x00\x04MQTT\x05", b"\x00\x06MQIsdp\x03"]);
    }
    let is_message = match (first >> 4, first & 15) {
        (2, 0) => length >= 2 && matches!(body, [0 | 1, ..]),
        (3, _) => u16_at(body, 0).is_some_and(|topic| topic > 0 && usize::from(topic) + 2 <= length),
        (4 | 5 | 7 | 9 | 11, 0) | (6 | 8 | 10, 2) => length >= 2,
        (12..=14, 0) => length == 0,
        _ => false,
    };
    // Away from the customary port, a message with a topic in words that fills its segment.
    let topic = u16_at(body, 0).and_then(|topic| body.get(2..2 + usize::from(topic))).unwrap_or_default();
    let is_certain = first >> 4 == 3 && body.len() == length && topic.len() >= 3 && topic.iter().all(u8::is_ascii_graphic);
    yes_if(is_message && body.len() >= length && (context.has_port(1883) || is_certain))
}

/// A ping or its answer, all that idle clients send: joined in the middle, nothing else may be seen.
pub(super) fn mqtt_pings(octets: &[u8], _: &Context<'_>) -> Probe {
    if matches!(octets, [0xc0 | 0xd0, 0]) { Probe::Likely } else { Probe::No }
}

/// A connection that began with a ping or its answer: it is MQTT when the other one follows.
#[derive(Debug, Default)]
pub(super) struct Pings {
    seen: [bool; 2],
}

impl Decoder for Pings {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let place = match octets {
            [_] => return Step::Wait,
            [0xc0, 0, ..] => 0,
            [0xd0, 0, ..] => 1,
            _ if mqtt(octets, &Context { server_port: 1883, ..*context }) == Probe::Yes => return Step::Take(octets.len() as u64),
            _ => return Step::Refuse,
        };
        self.seen[place] = true;
        if self.seen == [true; 2] {
            facts.app = Some("mqtt");
            return Step::Done;
        }
        Step::Take(2)
    }
}

/// The protocol's name and a version; a method frame of the broker.
pub(super) fn amqp(octets: &[u8], _: &Context<'_>) -> Probe {
    match octets {
        // connection.start on channel 0.
        [1, 0, 0, _, _, _, _, 0, 10, 0, 10, 0, 9, ..] => Probe::Yes,
        _ => begins_with(octets, &[b"AMQP\x00", b"AMQP\x01", b"AMQP\x02", b"AMQP\x03"]),
    }
}

/// A request: its length, what is asked in which version, a number, the client's name; on the customary port.
pub(super) fn kafka(octets: &[u8], context: &Context<'_>) -> Probe {
    let (Some(length), Some(key), Some(version), Some(name)) =
        (u32_at(octets, 0), u16_at(octets, 4), u16_at(octets, 6), u16_at(octets, 12))
    else {
        return Probe::No;
    };
    let name = octets.get(14..14 + usize::from(name)).unwrap_or_default();
    let is_named = !name.is_empty() && name.iter().all(|octet| octet.is_ascii_graphic());
    yes_if(
        length as usize + 4 == octets.len()
            && key <= 92
            && version <= 20
            && is_named
            && (context.has_port(9092) || name.len() >= 4),
    )
}

pub(super) fn nats(octets: &[u8], context: &Context<'_>) -> Probe {
    match begins_with(octets, &[b"INFO {\"server", b"CONNECT {\""]) {
        Probe::No if context.has_port(4222) => begins_with(octets, &[b"INFO {", b"PING\r\n", b"PUB ", b"SUB ", b"MSG "]),
        found => found,
    }
}

pub(super) fn stomp(octets: &[u8], _: &Context<'_>) -> Probe {
    const STARTS: &[&[u8]] = &[
        b"CONNECT\naccept-version:",
        b"CONNECT\r\naccept-version:",
        b"CONNECT\nlogin:",
        b"CONNECT\nhost:",
        b"STOMP\n",
        b"STOMP\r\n",
        b"CONNECTED\n",
        b"CONNECTED\r\n",
    ];
    begins_with(octets, STARTS)
}

/// What a client says first, with the name of the user not far, or what a server does before it looks the client up.
pub(super) fn irc(octets: &[u8], context: &Context<'_>) -> Probe {
    if octets.first().is_some_and(|first| !b"NCUncu:".contains(first)) {
        return Probe::No;
    }
    let line = octets.split(|octet| *octet == b'\n').next().unwrap_or_default();
    let starts = [&b"NICK "[..], b"CAP LS", b"CAP REQ ", b"USER "].iter().any(|word| begins(octets, word));
    let has = |text: &[u8]| octets.windows(text.len()).take(512).any(|window| window.eq_ignore_ascii_case(text));
    let is_client = starts && (context.has_port(6667) || has(b"\nUSER ") || has(b"\nNICK ") || begins(octets, b"CAP LS 302"));
    let is_server =
        begins(octets, b"NOTICE AUTH :") || octets.first() == Some(&b':') && has(b" NOTICE ") && line.len() < 510 && has(b"***");
    match (starts, is_client || is_server) {
        (_, true) => Probe::Yes,
        (true, false) if octets.len() < 64 && !has(b"\r\n\r\n") => Probe::More,
        _ => Probe::No,
    }
}

/// The head of the stream, with or without that of the document.
pub(super) fn xmpp(octets: &[u8], _: &Context<'_>) -> Probe {
    if octets.starts_with(b"<?xml ") {
        let is_stream = octets.windows(15).take(256).any(|window| window == b"<stream:stream ");
        return if is_stream {
            Probe::Yes
        } else if octets.len() < 64 {
            Probe::More
        } else {
            Probe::No
        };
    }
    begins_with(octets, &[b"<stream:stream ", b"<?xml "])
}

/// A request for its own scheme, or an answer.
pub(super) fn rtsp(octets: &[u8], _: &Context<'_>) -> Probe {
    const METHODS: &[&[u8]] = &[
        b"OPTIONS",
        b"DESCRIBE",
        b"SETUP",
        b"PLAY",
        b"PAUSE",
        b"TEARDOWN",
        b"ANNOUNCE",
        b"RECORD",
        b"REDIRECT",
        b"GET_PARAMETER",
        b"SET_PARAMETER",
    ];
    if octets.first().is_some_and(|first| !first.is_ascii_alphabetic()) {
        return Probe::No;
    }
    if is_request(octets, METHODS, b"rtsp://")
        || is_request(octets, METHODS, b"rtspu://")
        || is_request(octets, METHODS, b"* RTSP/")
    {
        return Probe::Yes;
    }
    let is_begun =
        METHODS.iter().any(|method| method.starts_with(octets) || begins(octets, method) && octets.len() < method.len() + 9);
    if is_begun { Probe::More } else { begins_with(octets, &[b"RTSP/1.0 ", b"RTSP/2.0 "]) }
}
