//! What happens in a conversation: how it opens, what is asked and answered, what goes wrong on the way, how it ends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use fastrand::Rng;
use weir_wire::Tcp;

use super::{Conversation, From, Host, MICROSECOND, MILLISECOND, Segment, TIMEOUT, Wire};

const START: i64 = 1_700_000_000_000_000_000;
/// Between the segments of one burst.
const SPACING: i64 = 400 * MICROSECOND;
/// A segment that is overtaken for no longer than this came out of order, whatever the round-trip time.
const OUT_OF_ORDER_WITHIN: i64 = 3 * MILLISECOND;

/// How the conversation opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Clean,
    /// The capture sees each packet of the handshake twice.
    SeenTwice,
    SynAgain,
    SynAckAgain,
    /// Both sides send a SYN.
    Simultaneous,
    /// The SYN brings the first request (RFC 7413).
    FastOpen,
    Refused,
    /// Refused, and accepted when it is tried again.
    RefusedOnce,
    Unanswered,
    /// The capture begins later.
    Midstream,
}

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// Lost between its sender and the capture, which sees it when it is sent again.
    LostBefore,
    /// Lost behind the capture, which sees it twice.
    LostBehind,
    /// The segments behind it overtake it.
    Overtaken,
    /// Comes again, because a network doubled it.
    Doubled,
    /// Comes once, and the capture sees it twice.
    SeenTwice,
}

pub(super) fn play(mut rng: Rng) -> Conversation {
    use Opening::*;
    let openings = [
        Clean,
        Clean,
        Clean,
        SeenTwice,
        SynAgain,
        SynAckAgain,
        Simultaneous,
        FastOpen,
        Refused,
        RefusedOnce,
        Unanswered,
        Midstream,
    ];
    let opening = openings[rng.usize(0..openings.len())];
    let mut wire = wire(rng, opening);
    let handshake = open(&mut wire, opening);
    if matches!(handshake, "complete" | "midstream") {
        let greets = !matches!(opening, FastOpen | Midstream) && wire.rng.u8(0..4) == 0;
        if greets {
            burst(&mut wire, From::Server, 0, true);
        }
        let first = if opening == FastOpen { 2 } else { 1 };
        for exchange in first..first + wire.rng.u32(1..6) {
            talk(&mut wire, exchange, opening == Midstream && exchange == first);
        }
        close(&mut wire);
    }
    wire.finish(handshake)
}

fn wire(mut rng: Rng, opening: Opening) -> Wire {
    let is_v6 = rng.bool();
    let address = |last: u8, port: u16| {
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
        let ip = if is_v6 { IpAddr::V6(v6) } else { IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)) };
        SocketAddr::new(ip, port)
    };
    let mut host = |address: SocketAddr| {
        // A third of the numbers wrap around soon.
        let next = if rng.u8(0..3) == 0 { u32::MAX - rng.u32(0..20_000) } else { rng.u32(..) };
        Host { address, next, ip_id: 0, window: 64_000, away: rng.i64(40..40_000) * MICROSECOND }
    };
    let hosts = [host(address(1, 40_000)), host(address(2, 80))];
    let only = match opening {
        Opening::Clean | Opening::SynAgain | Opening::SynAckAgain | Opening::Midstream => match rng.u8(0..6) {
            0 => Some(From::Client),
            1 => Some(From::Server),
            _ => None,
        },
        _ => None,
    };
    let has_ip_ids = !is_v6 && rng.bool();
    let has_timestamps = rng.bool();
    Wire { rng, now: START, hosts, has_ip_ids, has_timestamps, only, rtt: None, shown: Vec::new(), sides: Default::default() }
}

// ---- how it opens ----

/// Opens the conversation. Gives the outcome of the handshake.
fn open(wire: &mut Wire, opening: Opening) -> &'static str {
    use From::{Client, Server};
    const SYN_ACK: u16 = Tcp::SYN | Tcp::ACK;
    if opening == Opening::Midstream {
        return "midstream";
    }
    let request = if opening == Opening::FastOpen { wire.rng.usize(2..1000) } else { 0 };
    let syn = wire.segment(Client, Tcp::SYN, request);
    let (to_server, to_client) = (wire.hosts[1].away, wire.hosts[0].away);
    show_opening(wire, syn, opening);
    match opening {
        Opening::Unanswered => {
            for _ in 0..wire.rng.u8(0..4) {
                again(wire, syn);
            }
            return "unanswered";
        }
        Opening::Refused | Opening::RefusedOnce => {
            wire.now += to_server;
            let next = std::mem::take(&mut wire.host_mut(Server).next);
            let reset = wire.segment(Server, Tcp::RST | Tcp::ACK, 0);
            wire.host_mut(Server).next = next;
            wire.show(wire.now, reset, None);
            wire.count(Server, |side| &mut side.resets);
            if opening == Opening::Refused {
                return "refused";
            }
            again(wire, syn);
        }
        Opening::SynAgain => again(wire, syn),
        Opening::Simultaneous => return open_both(wire, syn),
        _ => {}
    }
    wire.now += to_server;
    let syn_ack = wire.segment(Server, SYN_ACK, 0);
    show_opening(wire, syn_ack, opening);
    if opening == Opening::SynAckAgain {
        again(wire, syn_ack);
    }
    let is_clean = matches!(opening, Opening::Clean | Opening::SeenTwice | Opening::FastOpen);
    if is_clean && wire.only.is_none() {
        wire.rtt = Some((to_client, to_server));
    }
    let answered = wire.now;
    wire.now += to_client;
    let ack = wire.segment(Client, Tcp::ACK, 0);
    if opening == Opening::FastOpen {
        // The server may answer before it knows that its SYN-ACK arrived.
        let answer = wire.segment(Server, Tcp::ACK | Tcp::PSH, 300);
        let time = answered + wire.moment(1, 2 * to_client / MICROSECOND);
        wire.show(time, answer, Some(1));
        wire.now = wire.now.max(time) + to_client;
        wire.show(answered + to_client, ack, None);
    } else {
        show_opening(wire, ack, opening);
    }
    wire.now += MILLISECOND;
    "complete"
}

/// RFC 9293, figure 7.
fn open_both(wire: &mut Wire, syn: Segment) -> &'static str {
    let other = wire.segment(From::Server, Tcp::SYN, 0);
    wire.now += 10 * MICROSECOND;
    wire.show(wire.now, other, None);
    for (mine, theirs) in [(syn, other), (other, syn)] {
        wire.now += wire.hosts[mine.from as usize].away;
        let flags = Tcp::SYN | Tcp::ACK;
        wire.show(wire.now, Segment { flags, ack: theirs.seq.wrapping_add(1), ..mine }, None);
    }
    wire.now += MILLISECOND;
    "complete"
}

fn show_opening(wire: &mut Wire, segment: Segment, opening: Opening) {
    let exchange = (segment.length > 0).then_some(1);
    let frame = wire.show(wire.now, segment, exchange);
    // An acknowledgment without identification could be another one.
    let is_known_again = segment.flags & Tcp::SYN != 0 || wire.has_ip_ids;
    if opening == Opening::SeenTwice && is_known_again {
        wire.show_twice(wire.now + 7 * MICROSECOND, segment.from, &frame);
    }
}

fn again(wire: &mut Wire, segment: Segment) {
    wire.now += TIMEOUT;
    wire.show(wire.now, segment, None);
    wire.count(segment.from, |side| &mut side.retransmissions);
}

// ---- what is asked and answered ----

/// A request and its answer, and then perhaps a pause or a full receiver.
fn talk(wire: &mut Wire, exchange: u32, is_plain: bool) {
    burst(wire, From::Client, exchange, !is_plain);
    wire.now += wire.moment(100, 50_000);
    burst(wire, From::Server, exchange, !is_plain);
    let from = if wire.rng.bool() { From::Client } else { From::Server };
    match wire.rng.u8(0..5) {
        _ if is_plain => {}
        0 => keep_alive(wire, from),
        1 => fill_up(wire, from, exchange),
        _ => {}
    }
    wire.now += wire.moment(1000, 100_000);
}

/// Segments in a row, and what becomes of each.
fn burst(wire: &mut Wire, from: From, exchange: u32, may_fail: bool) {
    let count = wire.rng.usize(1..8);
    let mut fates: Vec<Fate> = (0..count).map(|_| if may_fail { fate(&mut wire.rng) } else { Fate::Arrives }).collect();
    for place in 0..count {
        if fates[place] == Fate::Overtaken {
            // By segments that arrive, and not at the end.
            fates[place + 1..].fill(Fate::Arrives);
        }
    }
    if fates.last() == Some(&Fate::Overtaken) {
        fates[count - 1] = Fate::Arrives;
    }
    let segments: Vec<Segment> = (0..count)
        .map(|_| {
            let length = wire.rng.usize(2..1400);
            wire.segment(from, Tcp::ACK | Tcp::PSH, length)
        })
        .collect();
    let start = wire.now;
    let mut later = start + count as i64 * SPACING + TIMEOUT;
    let mut end = start + count as i64 * SPACING;
    for (place, (segment, fate)) in segments.iter().zip(&fates).enumerate() {
        let time = start + place as i64 * SPACING;
        match fate {
            Fate::Arrives => {
                wire.show(time, *segment, Some(exchange));
            }
            Fate::SeenTwice => {
                let frame = wire.show(time, *segment, Some(exchange));
                let after = wire.moment(1, 300);
                wire.show_twice(time + after, from, &frame);
            }
            Fate::Doubled => {
                let frame = wire.show(time, *segment, Some(exchange));
                let after = wire.moment(1100, 5000);
                wire.record(time + after, from, frame, None);
                wire.count(from, |side| &mut side.retransmissions);
                end = end.max(time + after);
            }
            Fate::Overtaken => {
                let after = overtaken_for(wire);
                let is_soon = after <= OUT_OF_ORDER_WITHIN.max(wire.rtt.map_or(0, |(client, server)| client + server));
                wire.show(time + SPACING + after, *segment, Some(exchange));
                wire.count(from, |side| if is_soon { &mut side.out_of_order } else { &mut side.retransmissions });
                end = end.max(time + SPACING + after);
            }
            Fate::LostBehind => {
                wire.show(time, *segment, Some(exchange));
                wire.show(later, *segment, None);
                wire.count(from, |side| &mut side.retransmissions);
                (later, end) = (later + SPACING, later);
            }
            Fate::LostBefore => {
                wire.show(later, *segment, Some(exchange));
                // Nothing shows that it was sent before, unless what was sent behind it was seen.
                if fates[place + 1..].iter().any(|fate| *fate != Fate::LostBefore) {
                    wire.count(from, |side| &mut side.retransmissions);
                }
                (later, end) = (later + SPACING, later);
            }
        }
    }
    acknowledge(wire, from, end, segments[0].seq);
}

fn fate(rng: &mut Rng) -> Fate {
    match rng.u8(0..20) {
        0 => Fate::LostBefore,
        1 => Fate::LostBehind,
        2 | 3 => Fate::Overtaken,
        4 => Fate::Doubled,
        5 => Fate::SeenTwice,
        _ => Fate::Arrives,
    }
}

/// How long after the segment that overtook it a segment comes: soon by any round-trip time, or perhaps late.
fn overtaken_for(wire: &mut Wire) -> i64 {
    if wire.rng.bool() { wire.moment(1, 2900) } else { wire.moment(3001, 90_000) }
}

/// The receiver acknowledges; it asks again and again for the first segment before, where that did not come at once.
fn acknowledge(wire: &mut Wire, from: From, end: i64, first: u32) {
    let receiver = from.other();
    let away = wire.host(receiver).away;
    if end > wire.now + TIMEOUT {
        let before = Segment { ack: first, ..wire.segment(receiver, Tcp::ACK, 0) };
        for place in 0..3 {
            wire.show(wire.now + TIMEOUT / 2 + place * 20 * MICROSECOND, before, None);
        }
    }
    wire.now = end + away;
    let ack = wire.segment(receiver, Tcp::ACK, 0);
    let frame = wire.show(wire.now, ack, None);
    if wire.has_ip_ids && wire.rng.u8(0..8) == 0 {
        wire.show_twice(wire.now + 3 * MICROSECOND, receiver, &frame);
    }
    wire.now += 100 * MICROSECOND;
}

/// Asks twice whether the other side is still there (RFC 9293, section 3.8.4).
fn keep_alive(wire: &mut Wire, from: From) {
    for _ in 0..2 {
        wire.now += 5_000 * MILLISECOND;
        let length = wire.rng.usize(0..2);
        let seq = wire.host(from).next.wrapping_sub(1);
        let ack = wire.host(from.other()).next;
        wire.show(wire.now, Segment { from, seq, ack, flags: Tcp::ACK, length }, None);
        answer(wire, from.other());
    }
}

/// The receiver has no more room for a while, and the sender asks for it (RFC 9293, section 3.8.6.1): with an octet that is new, or one that is not.
fn fill_up(wire: &mut Wire, from: From, exchange: u32) {
    let receiver = from.other();
    let window = std::mem::take(&mut wire.host_mut(receiver).window);
    answer(wire, receiver);
    let (next, ack) = (wire.host(from).next, wire.host(receiver).next);
    let is_new = wire.rng.bool();
    for place in 0..wire.rng.u8(1..4) {
        wire.now += 200 * MILLISECOND;
        let (seq, length) = if is_new { (next, 1) } else { (next.wrapping_sub(1), 0) };
        let exchange = (is_new && place == 0).then_some(exchange);
        wire.show(wire.now, Segment { from, seq, ack, flags: Tcp::ACK, length }, exchange);
        answer(wire, receiver);
    }
    wire.host_mut(receiver).window = window;
    answer(wire, receiver);
    let length = wire.rng.usize(2..1400);
    let segment = wire.segment(from, Tcp::ACK | Tcp::PSH, length);
    wire.show(wire.now, segment, Some(exchange));
    answer(wire, receiver);
}

fn answer(wire: &mut Wire, from: From) {
    wire.now += wire.host(from).away;
    let ack = wire.segment(from, Tcp::ACK, 0);
    wire.show(wire.now, ack, None);
    wire.now += 50 * MICROSECOND;
}

// ---- how it ends ----

fn close(wire: &mut Wire) {
    let from = if wire.rng.bool() { From::Client } else { From::Server };
    match wire.rng.u8(0..4) {
        0 => {}
        1 => {
            let reset = wire.segment(from, Tcp::RST, 0);
            wire.show(wire.now, reset, None);
            wire.count(from, |side| &mut side.resets);
        }
        _ => {
            for from in [from, from.other()] {
                let fin = wire.segment(from, Tcp::FIN | Tcp::ACK, 0);
                let frame = wire.show(wire.now, fin, None);
                match wire.rng.u8(0..6) {
                    0 => again(wire, fin),
                    1 => wire.show_twice(wire.now + 2 * MICROSECOND, from, &frame),
                    _ => {}
                }
                answer(wire, from.other());
            }
        }
    }
}
