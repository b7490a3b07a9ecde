//! Datagrams to one peer.
//!
//! The socket is connected, so that what the peer's host says about datagrams (port unreachable) comes back as errors. They are counted and
//! nothing more: the next datagram is sent all the same, since a collector that is started again should hear it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use crate::peer::Peer;
use crate::{Counters, SenderOptions, State, Url};

/// Sends datagrams to one peer.
#[derive(Debug)]
pub struct UdpSender {
    peer: Peer,
    options: SenderOptions,
    session: Option<Session>,
    /// Sessions begun.
    sessions: u64,
    counters: Counters,
}

#[derive(Debug)]
struct Session {
    socket: UdpSocket,
    address: SocketAddr,
    /// When the name was resolved last.
    resolved: Instant,
    trouble: Trouble,
}

/// What sending has met since the name was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    None,
    /// Nobody listens there: perhaps the name is another address's by now.
    Refused,
    /// The socket itself may be of no use any more, as when our address has changed.
    Other,
}

impl UdpSender {
    pub(crate) fn new(url: &Url, options: SenderOptions) -> Self {
        Self { peer: Peer::new(url, &options), options, session: None, sessions: 0, counters: Counters::default() }
    }

    /// See [`Sender::state`](crate::Sender::state).
    pub fn state(&mut self) -> State {
        let now = Instant::now();
        self.look_again(now);
        if self.session.is_some() {
            return State::Ready;
        }
        let Some(address) = self.peer.next(now, &mut self.counters.errors) else {
            return State::Waiting;
        };
        let Ok(socket) = connect(self.options.source, address) else {
            self.counters.errors += 1;
            self.peer.failed(now);
            return State::Waiting;
        };
        self.peer.succeeded();
        self.session = Some(Session { socket, address, resolved: now, trouble: Trouble::None });
        self.counters.reconnects += u64::from(self.sessions > 0);
        self.sessions += 1;
        State::Began
    }

    /// After errors, and not too often, sees whether the peer has moved.
    fn look_again(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        if session.trouble == Trouble::None || now.duration_since(session.resolved) < self.options.retry_max {
            return;
        }
        let trouble = std::mem::replace(&mut session.trouble, Trouble::None);
        session.resolved = now;
        let moved = self.peer.is_name() && self.peer.current().is_some_and(|address| address != session.address);
        if trouble == Trouble::Other || moved {
            self.session = None;
        }
    }

    /// Sends one datagram, or drops and counts it.
    pub fn send(&mut self, message: &[u8]) {
        let Some(session) = &mut self.session else {
            self.counters.dropped += 1;
            return;
        };
        // A refusal is about an earlier datagram, and this one has not been sent by the call that tells it.
        for _ in 0..2 {
            match session.socket.send(message) {
                Ok(_) => {
                    self.counters.messages += 1;
                    self.counters.octets += message.len() as u64;
                    return;
                }
                Err(error) => {
                    self.counters.errors += 1;
                    let refused = error.kind() == ErrorKind::ConnectionRefused;
                    session.trouble = session.trouble.max(if refused { Trouble::Refused } else { Trouble::Other });
                    if !refused {
                        break;
                    }
                }
            }
        }
        self.counters.dropped += 1;
    }

    /// Datagrams do not wait.
    pub const fn flush(&mut self) {}

    /// What became of the datagrams.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn close(self) -> Counters {
        self.counters
    }
}

/// A socket that sends to the address, from the source address if one is wanted.
fn connect(source: Option<IpAddr>, address: SocketAddr) -> std::io::Result<UdpSocket> {
    let any = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((source.unwrap_or(any), 0))?;
    socket.connect(address)?;
    Ok(socket)
}
