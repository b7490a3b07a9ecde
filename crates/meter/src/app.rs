//! What a connection carries: its protocol is recognised by its first octets in either direction, then read by the decoder of that protocol.
//!
//! Everything is bounded: what is looked at before giving up, what is kept of one direction until a decoder can go on, and what all
//! connections keep together.

use std::sync::LazyLock;

use weir_record::names::{APP_BY_CONTENT, APP_BY_PORT};

use crate::facts::Facts;
use crate::packet::Direction;

// How protocols are described and streams put in order.
mod lines;
mod protocol;
mod protocols;
mod side;

// The protocols, by family.
mod dhcp;
mod dns;
mod http;
mod mail;
mod others;
mod quic;
mod rtp;
mod sip;
mod smb;
mod sql;
mod tls;

pub(crate) use protocol::{Carrier, Context};
use protocol::{Decoder, Probe, Protocol, Step};
use protocols::PROTOCOLS;
use side::Side;

/// Octets of one direction that are looked at before the protocol counts as unknown.
const RECOGNISED_WITHIN: usize = 1024;
/// Datagrams of a connection that are looked at before the protocol counts as unknown.
const DATAGRAMS_LOOKED_AT: u8 = 6;

/// The application of one connection.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) facts: Facts,
    state: State,
    /// Protocols that refused, a bit each by their place in the list. Not one number: it would ask for an alignment that costs room.
    refused: [u64; 2],
    /// A decoder handed the stream over: what it found out stays whatever comes behind it.
    handed_over: bool,
    looked_at: u8,
    /// Made when they are needed, and given back with the last octet that is wanted.
    sides: Option<Box<[Side; 2]>>,
}

#[derive(Debug)]
enum State {
    /// Not recognised yet.
    Open,
    /// Recognised, and read.
    Read { name: &'static str, sure: bool, place: u8, decoder: Box<dyn Decoder> },
    /// Nothing more is wanted; the name where it was recognised.
    Closed(Option<&'static str>),
}

/// What became of asking every protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recognised {
    Yes,
    /// Some protocol waits for more octets.
    Later,
    No,
}

/// What all connections together may keep of octets that wait.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) held: usize,
    pub(crate) limit: usize,
    /// Connections whose application was given up because there was no room.
    pub(crate) refused: u64,
}

impl Default for Pool {
    fn default() -> Self {
        Self { held: 0, limit: 64 << 20, refused: 0 }
    }
}

/// A segment of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamOctets<'a> {
    /// Sequence number of its first octet.
    pub(crate) seq: u32,
    /// Sequence number of the stream's first octet, where the SYN was seen.
    pub(crate) first: Option<u32>,
    /// The octets at hand.
    pub(crate) octets: &'a [u8],
    /// Octets on the wire.
    pub(crate) length: usize,
}

impl App {
    pub(crate) fn new() -> Self {
        Self { facts: Facts::default(), state: State::Open, refused: [0; 2], handed_over: false, looked_at: 0, sides: None }
    }

    /// Reads something of it, to have it at hand.
    #[inline]
    pub(crate) fn touch(&self) -> i64 {
        i64::from(self.looked_at) ^ i64::from(self.handed_over) ^ i64::from(self.facts.unanswered)
    }

    /// Whether more octets of this direction can tell anything.
    #[inline]
    pub(crate) fn wants(&self, direction: Direction) -> bool {
        let is_enough = |sides: &[Side; 2]| sides[direction as usize].is_enough();
        !matches!(self.state, State::Closed(_)) && !self.sides.as_deref().is_some_and(is_enough)
    }

    /// Whether it is over and has nothing to tell.
    pub(crate) fn is_void(&self) -> bool {
        matches!(self.state, State::Closed(None)) && self.facts.is_empty()
    }

    /// The name of the application, and whether the content or the port told it.
    pub(crate) fn name(&self) -> Option<&'static str> {
        let by_decoder = match self.state {
            State::Open => None,
            State::Read { name, sure, .. } => sure.then_some(name),
            State::Closed(name) => name,
        };
        self.facts.app.or(by_decoder)
    }

    /// A datagram.
    pub(crate) fn datagram(&mut self, octets: &[u8], context: &Context<'_>, pool: &mut Pool) {
        let before = self.held();
        self.read(octets, context);
        self.settle(before, pool);
    }

    fn read(&mut self, octets: &[u8], context: &Context<'_>) {
        if let State::Open = self.state {
            self.looked_at += 1;
            if self.recognise(octets, context) != Recognised::Yes {
                if self.looked_at >= DATAGRAMS_LOOKED_AT {
                    self.state = State::Closed(None);
                }
                return;
            }
        }
        let State::Read { decoder, .. } = &mut self.state else {
            return;
        };
        match decoder.read(octets, context, &mut self.facts) {
            Step::Take(_) | Step::Wait | Step::Anew(_) => {}
            Step::Enough => self.enough(context.direction),
            Step::Done => self.close(),
            Step::Refuse => self.refuse(),
        }
    }

    /// A segment of a stream, in whatever order it comes.
    pub(crate) fn segment(&mut self, segment: &StreamOctets<'_>, context: &Context<'_>, pool: &mut Pool) {
        let before = self.held();
        if matches!(self.state, State::Closed(_)) {
            return;
        }
        let sides = self.sides.get_or_insert_default();
        if sides[context.direction as usize].accept(segment) {
            self.advance(context);
        }
        self.settle(before, pool);
    }

    /// Accounts for what waits now, and gives the application up where that is too much.
    fn settle(&mut self, before: usize, pool: &mut Pool) {
        let after = self.held();
        pool.held = (pool.held + after).saturating_sub(before);
        if pool.held > pool.limit && after > 0 {
            pool.held = pool.held.saturating_sub(after);
            pool.refused += 1;
            self.close();
        }
    }

    /// Octets that wait.
    pub(crate) fn held(&self) -> usize {
        let in_decoder = if let State::Read { decoder, .. } = &self.state { decoder.held() } else { 0 };
        self.sides.iter().flat_map(|sides| sides.iter()).map(Side::held).sum::<usize>() + in_decoder
    }

    /// Octets of memory, without what waits.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.facts.memory() + self.sides.as_ref().map_or(0, |_| size_of::<[Side; 2]>())
    }

    /// Lets the decoder, or first the recogniser, go on with what waits in either direction.
    fn advance(&mut self, context: &Context<'_>) {
        for direction in [context.direction, context.direction.reverse()] {
            let context = Context { direction, ..*context };
            while let Some(progress) = self.next(&context) {
                if !progress {
                    break;
                }
            }
        }
    }

    /// One step in one direction. None when it cannot go on.
    fn next(&mut self, context: &Context<'_>) -> Option<bool> {
        let mut sides = self.sides.take()?;
        let progress = self.step(&mut sides, context);
        if !matches!(self.state, State::Closed(_)) {
            self.sides = Some(sides);
        }
        progress
    }

    fn step(&mut self, sides: &mut [Side; 2], context: &Context<'_>) -> Option<bool> {
        let side = &mut sides[context.direction as usize];
        let (octets, gap) = side.ready()?;
        if let State::Open = self.state {
            let recognised = if octets.is_empty() { Recognised::No } else { self.recognise(octets, context) };
            if recognised == Recognised::Yes {
                sides[context.direction.reverse() as usize].rejoin();
                return Some(true);
            }
            if gap > 0 || octets.len() >= RECOGNISED_WITHIN || recognised == Recognised::No {
                if side.try_next() {
                    return Some(true);
                }
                side.enough();
                if sides.iter().all(Side::is_enough_or_new) && self.looked_at > 0 {
                    self.state = State::Closed(None);
                }
                self.looked_at = self.looked_at.saturating_add(1);
            } else {
                side.keep();
            }
            return None;
        }
        let State::Read { decoder, .. } = &mut self.state else {
            return None;
        };
        let step = match (octets.is_empty(), gap) {
            (true, 0) => return None,
            (true, missing) => decoder.gap(missing, context, &mut self.facts),
            (false, _) => decoder.read(octets, context, &mut self.facts),
        };
        match step {
            Step::Take(count) if octets.is_empty() => {
                side.pass_gap(count);
                Some(true)
            }
            Step::Take(0) | Step::Wait if gap > 0 && !octets.is_empty() => {
                // What is missing will not come: the rest of what was waiting for it is of no use.
                side.drop_waiting();
                Some(true)
            }
            Step::Take(0) | Step::Wait => {
                side.keep();
                None
            }
            Step::Take(count) => {
                side.take(count);
                Some(true)
            }
            Step::Anew(count) => {
                (self.state, self.handed_over) = (State::Open, true);
                side.take(count.max(1));
                Some(true)
            }
            Step::Enough => {
                side.enough();
                if sides.iter().all(Side::is_enough) {
                    self.close();
                }
                None
            }
            Step::Done => {
                self.close();
                None
            }
            Step::Refuse => {
                self.refuse();
                Some(true)
            }
        }
    }

    /// Asks every protocol.
    fn recognise(&mut self, octets: &[u8], context: &Context<'_>) -> Recognised {
        let mut result = Recognised::No;
        for (place, protocol) in &BY_CARRIER[context.carrier as usize] {
            if self.refused[usize::from(*place / 64)] >> (*place % 64) & 1 == 1 {
                continue;
            }
            let sure = match (protocol.probe)(octets, context) {
                Probe::Yes => true,
                Probe::Likely => false,
                Probe::No => continue,
                Probe::More => {
                    result = Recognised::Later;
                    continue;
                }
            };
            self.state = match protocol.decoder {
                Some(make) => State::Read { name: protocol.name, sure, place: *place, decoder: make() },
                None => State::Closed(Some(protocol.name)),
            };
            return Recognised::Yes;
        }
        result
    }

    fn enough(&mut self, direction: Direction) {
        let sides = self.sides.get_or_insert_default();
        sides[direction as usize].enough();
        if sides.iter().all(Side::is_enough) {
            self.close();
        }
    }

    fn refuse(&mut self) {
        if let State::Read { place, .. } = self.state {
            self.refused[usize::from(place / 64)] |= 1 << (place % 64);
            if !self.handed_over {
                self.facts = Facts::default();
            }
            self.state = State::Open;
        }
    }

    /// Nothing more is wanted: frees what waits.
    fn close(&mut self) {
        self.state = State::Closed(self.name());
        self.facts.shrink();
        self.sides = None;
    }
}

/// The protocols of each carrier, with their places in the list of all.
static BY_CARRIER: LazyLock<[Vec<(u8, &'static Protocol)>; 2]> = LazyLock::new(|| {
    [Carrier::Stream, Carrier::Datagram].map(|carrier| {
        let protocols = (0..).zip(PROTOCOLS.iter().flat_map(|family| family.iter()));
        protocols.filter(|(_, protocol)| protocol.carrier == carrier).collect()
    })
});

/// Ports in order, with what customarily uses them.
static BY_PORT: LazyLock<[Vec<(u16, &'static str)>; 2]> = LazyLock::new(|| {
    [Carrier::Stream, Carrier::Datagram].map(|carrier| {
        let protocols = PROTOCOLS.iter().flat_map(|family| family.iter()).filter(|protocol| protocol.carrier == carrier);
        let mut ports: Vec<_> = protocols.flat_map(|protocol| protocol.ports.iter().map(|port| (*port, protocol.name))).collect();
        ports.sort_by_key(|(port, _)| *port);
        ports.dedup_by_key(|(port, _)| *port);
        ports
    })
});

/// The application that customarily uses these ports, the server's first.
pub(crate) fn by_port(carrier: Carrier, server_port: u16, client_port: u16) -> Option<&'static str> {
    let ports = &BY_PORT[carrier as usize];
    let find = |port: u16| ports.binary_search_by_key(&port, |(port, _)| *port).ok().and_then(|place| ports.get(place));
    find(server_port).or_else(|| find(client_port)).map(|(_, name)| *name)
}

/// The name of the application and how it was recognised (`app`, `app_source`).
pub(crate) fn name_of(
    app: Option<&App>,
    carrier: Option<Carrier>,
    server_port: u16,
    client_port: u16,
) -> Option<(&'static str, u8)> {
    let by_content = app.and_then(App::name).map(|name| (name, APP_BY_CONTENT));
    by_content.or_else(|| by_port(carrier?, server_port, client_port).map(|name| (name, APP_BY_PORT)))
}

#[cfg(test)]
mod tests;
