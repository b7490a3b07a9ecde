//! The associations of a listener, one for each sender's address and port.
//!
//! Whoever sends a first datagram gets an association; that costs memory before it is known whether the address is true, so those that have not come about make room
//! for others when there are too many, and never those that have. A sender that begins anew from the same port (RFC 6347, section 4.2.8) has a
//! second association beside the first, which takes its place when it has come about.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::{DtlsEvent, DtlsServer, DtlsSession};
use crate::streams::{Counts, next_stream, source_of};
use crate::{Datagram, StreamCounters, StreamEnd, StreamLimits};

/// The content type of handshake records, and the message that begins one; the octet of a record where its handshake's type stands.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const RECORD_HEADER: usize = 13;

/// What is to be done, or has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DtlsAct<'a> {
    /// This datagram is to be sent there.
    Send(SocketAddr, &'a [u8]),
    /// A message came; an empty one says that its association has ended, as of a stream.
    Message(Datagram<'a>),
    /// An association has ended, or was not taken.
    Ended(SocketAddr, StreamEnd),
}

/// The associations of a listener.
#[derive(Debug)]
pub struct DtlsSessions {
    server: Arc<DtlsServer>,
    limits: StreamLimits,
    sessions: HashMap<SocketAddr, Association>,
    /// How many there are of each source.
    of_one: HashMap<IpAddr, usize>,
    counts: Counts,
}

#[derive(Debug)]
struct Association {
    session: DtlsSession,
    stream: u64,
    /// Begins anew.
    rival: Option<Box<DtlsSession>>,
    begun: Instant,
    heard: Instant,
    /// Messages were handed out, so somebody keeps something of it.
    has_sent: bool,
}

impl DtlsSessions {
    /// None yet.
    pub fn new(server: DtlsServer, limits: StreamLimits) -> Self {
        Self { server: Arc::new(server), limits, sessions: HashMap::new(), of_one: HashMap::new(), counts: Counts::default() }
    }

    /// Goes over to other files and limits, for associations that begin from now on.
    pub fn set_rules(&mut self, server: DtlsServer, limits: StreamLimits) {
        self.server = Arc::new(server);
        self.limits = limits;
    }

    /// What was counted so far.
    pub fn counters(&self) -> StreamCounters {
        self.counts.read()
    }

    /// Takes a datagram.
    pub fn take(&mut self, datagram: &Datagram<'_>, now: Instant, act: &mut dyn FnMut(DtlsAct<'_>)) {
        let from = SocketAddr::new(datagram.from, datagram.port);
        if !self.sessions.contains_key(&from) && !self.admit(from, datagram.payload, now, act) {
            return;
        }
        let Self { server, sessions, counts, .. } = self;
        let Some(association) = sessions.get_mut(&from) else { return };
        association.heard = now;
        if is_client_hello(datagram.payload) && association.session.is_ready() && association.rival.is_none() {
            association.rival = Some(Box::new(server.accept(now)));
        }
        let (mut is_closed, mut messages, mut octets) = (false, 0, 0);
        let stream = Some(association.stream);
        let mut each = |event: DtlsEvent<'_>| match event {
            DtlsEvent::Send(datagram) => act(DtlsAct::Send(from, datagram)),
            DtlsEvent::Message([]) | DtlsEvent::Ready => {}
            DtlsEvent::Message(payload) => {
                messages += 1;
                octets += payload.len() as u64;
                act(DtlsAct::Message(Datagram { payload, stream, ..*datagram }));
            }
            DtlsEvent::Closed => is_closed = true,
        };
        let is_for_rival_alone = association.rival.is_some() && is_plain_handshake(datagram.payload);
        let taken = if is_for_rival_alone { Ok(()) } else { association.session.take(datagram.payload, now, &mut each) };
        association.has_sent |= messages > 0;
        counts.add_messages(messages, octets);
        if let Some(messages) = association.challenge(datagram, now, from, act) {
            // The sender began anew: what it announced before is gone with its old association.
            if association.has_sent {
                act(DtlsAct::Message(association.end_message(from, datagram)));
            }
            association.stream = next_stream();
            association.has_sent = !messages.is_empty();
            for payload in &messages {
                counts.add_messages(1, payload.len() as u64);
                act(DtlsAct::Message(Datagram { payload, stream: Some(association.stream), ..*datagram }));
            }
            return;
        }
        let end = match taken {
            Err(reason) if association.session.is_ready() => StreamEnd::Lost { reason },
            Err(reason) => StreamEnd::Handshake { reason },
            Ok(()) if is_closed => StreamEnd::Closed,
            Ok(()) => return,
        };
        self.end(from, end, datagram, act);
    }

    /// Looks after all: what is to be sent again, and who was silent for too long. `received` and `listener` of the datagram stand on the ends of associations.
    pub fn pass(&mut self, now: Instant, at: &Datagram<'_>, act: &mut dyn FnMut(DtlsAct<'_>)) {
        let mut ended = Vec::new();
        for (from, association) in &mut self.sessions {
            if let Some(limit) = self.limits.idle_time
                && now.saturating_duration_since(association.heard) >= limit
            {
                ended.push((*from, StreamEnd::Idle { limit }));
                continue;
            }
            let mut each = |event: DtlsEvent<'_>| {
                if let DtlsEvent::Send(datagram) = event {
                    act(DtlsAct::Send(*from, datagram));
                }
            };
            if let Some(rival) = &mut association.rival
                && rival.next() <= now
                && rival.pass(now, &mut each).is_err()
            {
                association.rival = None;
            }
            if association.session.next() <= now
                && let Err(reason) = association.session.pass(now, &mut each)
            {
                let is_ready = association.session.is_ready();
                ended.push((*from, if is_ready { StreamEnd::Lost { reason } } else { StreamEnd::Handshake { reason } }));
            }
        }
        for (from, end) in ended {
            self.end(from, end, at, act);
        }
    }

    /// Ends all of them whose address is not allowed any more.
    pub fn retain(&mut self, is_allowed: impl Fn(IpAddr) -> bool, at: &Datagram<'_>, act: &mut dyn FnMut(DtlsAct<'_>)) {
        let refused: Vec<SocketAddr> = self.sessions.keys().filter(|from| !is_allowed(from.ip())).copied().collect();
        for from in refused {
            self.end(from, StreamEnd::NotAllowed, at, act);
        }
    }

    /// Tells all peers that this is the end.
    pub fn close(&mut self, at: &Datagram<'_>, act: &mut dyn FnMut(DtlsAct<'_>)) {
        let all: Vec<SocketAddr> = self.sessions.keys().copied().collect();
        for from in all {
            if let Some(association) = self.sessions.get_mut(&from) {
                association.session.close(&mut |event| {
                    if let DtlsEvent::Send(datagram) = event {
                        act(DtlsAct::Send(from, datagram));
                    }
                });
            }
            self.end(from, StreamEnd::Stopped, at, act);
        }
    }

    /// Makes an association for somebody new, if it may be.
    fn admit(&mut self, from: SocketAddr, payload: &[u8], now: Instant, act: &mut dyn FnMut(DtlsAct<'_>)) -> bool {
        // Late datagrams of an association that has ended, and what is no DTLS at all.
        if !is_client_hello(payload) {
            self.counts.strange();
            return false;
        }
        self.counts.connected();
        let StreamLimits { connections, connections_of_one, .. } = self.limits;
        let refusal = if self.of_one.get(&source_of(from.ip())).is_some_and(|count| *count >= connections_of_one) {
            (!self.make_room(Some(source_of(from.ip())), act)).then_some(StreamEnd::TooManyOfOne { limit: connections_of_one })
        } else if self.sessions.len() >= connections {
            (!self.make_room(None, act)).then_some(StreamEnd::TooMany { limit: connections })
        } else {
            None
        };
        if let Some(end) = refusal {
            self.counts.note(&end);
            act(DtlsAct::Ended(from, end));
            return false;
        }
        let session = self.server.accept(now);
        let association = Association { session, stream: next_stream(), rival: None, begun: now, heard: now, has_sent: false };
        self.sessions.insert(from, association);
        *self.of_one.entry(source_of(from.ip())).or_default() += 1;
        self.counts.opened();
        true
    }

    /// Ends the oldest association that has not come about, of that source or of all; false if there is none.
    fn make_room(&mut self, of: Option<IpAddr>, act: &mut dyn FnMut(DtlsAct<'_>)) -> bool {
        let begun = self.sessions.iter().filter(|(from, _)| of.is_none_or(|of| of == source_of(from.ip())));
        let begun = begun.filter(|(_, association)| !association.session.is_ready());
        let Some(oldest) = begun.min_by_key(|(_, association)| association.begun).map(|(from, _)| *from) else { return false };
        let reason = "it made room for others before it had come about".to_owned();
        self.forget(oldest, &StreamEnd::Handshake { reason: reason.clone() });
        act(DtlsAct::Ended(oldest, StreamEnd::Handshake { reason }));
        true
    }

    fn end(&mut self, from: SocketAddr, end: StreamEnd, at: &Datagram<'_>, act: &mut dyn FnMut(DtlsAct<'_>)) {
        if let Some(association) = self.forget(from, &end)
            && association.has_sent
        {
            act(DtlsAct::Message(association.end_message(from, at)));
        }
        act(DtlsAct::Ended(from, end));
    }

    fn forget(&mut self, from: SocketAddr, end: &StreamEnd) -> Option<Association> {
        let association = self.sessions.remove(&from)?;
        let source = source_of(from.ip());
        if let Some(count) = self.of_one.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.of_one.remove(&source);
            }
        }
        self.counts.closed(end);
        Some(association)
    }
}

impl Association {
    /// Gives the datagram to the rival, if there is one. When that has come about and has taken the place, gives the messages that came with the end of its
    /// handshake.
    fn challenge(
        &mut self,
        datagram: &Datagram<'_>,
        now: Instant,
        from: SocketAddr,
        act: &mut dyn FnMut(DtlsAct<'_>),
    ) -> Option<Vec<Vec<u8>>> {
        let mut rival = self.rival.take()?;
        let mut messages = Vec::new();
        let mut each = |event: DtlsEvent<'_>| match event {
            DtlsEvent::Send(datagram) => act(DtlsAct::Send(from, datagram)),
            DtlsEvent::Message([]) | DtlsEvent::Ready | DtlsEvent::Closed => {}
            DtlsEvent::Message(message) => messages.push(message.to_vec()),
        };
        rival.take(datagram.payload, now, &mut each).ok()?;
        if !rival.is_ready() {
            self.rival = Some(rival);
            return None;
        }
        self.session = *rival;
        Some(messages)
    }

    /// What says that nothing more will come of it.
    const fn end_message<'a>(&self, from: SocketAddr, at: &Datagram<'a>) -> Datagram<'a> {
        let ip = from.ip();
        Datagram {
            payload: &[],
            from: ip,
            port: from.port(),
            received: at.received,
            listener: at.listener,
            stream: Some(self.stream),
        }
    }
}

/// Whether a datagram begins a handshake: a record of epoch 0 with a ClientHello.
fn is_client_hello(datagram: &[u8]) -> bool {
    is_plain_handshake(datagram) && datagram.get(RECORD_HEADER) == Some(&CLIENT_HELLO)
}

/// Whether a datagram begins with a handshake record of epoch 0.
fn is_plain_handshake(datagram: &[u8]) -> bool {
    matches!(datagram, [HANDSHAKE, _, _, 0, 0, ..])
}
