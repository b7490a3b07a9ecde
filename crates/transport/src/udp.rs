//! Datagrams to one peer.
//!
//! The socket is connected, so that what the peer's host says about datagrams (port unreachable) comes back as errors. They are counted and
//! nothing more: the next datagram is sent all the same, since a collector that is started again should hear it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::peer::{NO_ADDRESS, Peer};
use crate::{Counters, SenderOptions, State, Url};

/// Sends datagrams to one peer.
#[derive(Debug)]
pub struct UdpSender {
    peer: Peer,
    options: SenderOptions,
    session: Option<Session>,
    /// Sessions begun.
    sessions: u64,
    /// Messages of the session.
    sent: u64,
    counters: Counters,
    /// What went wrong last.
    trouble: Option<String>,
}

#[derive(Debug)]
struct Session {
    socket: UdpSocket,
    address: SocketAddr,
    /// When the name was looked up last.
    looked_up: Instant,
    /// It is being looked up.
    is_asked: bool,
    trouble: Trouble,
}

/// A name is looked up again after this time, in case its address has changed.
const LOOK_UP: Duration = Duration::from_secs(60);
/// And after this time where datagrams are refused or cannot be sent.
const LOOK_UP_IN_TROUBLE: Duration = Duration::from_secs(5);

/// What sending has met since the name was looked up.
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
        Self {
            peer: Peer::new(url, &options),
            options,
            session: None,
            sessions: 0,
            sent: 0,
            counters: Counters::default(),
            trouble: None,
        }
    }

    /// See [`Sender::state`](crate::Sender::state).
    pub fn state(&mut self) -> State {
        let now = Instant::now();
        self.look_again(now);
        if self.session.is_some() {
            return State::Ready;
        }
        let errors = self.counters.errors;
        let Some(address) = self.peer.next(now, &mut self.counters.errors) else {
            if self.counters.errors > errors {
                self.trouble = Some(NO_ADDRESS.into());
            }
            return State::Waiting;
        };
        let socket = match connect(self.options.source, address) {
            Ok(socket) => socket,
            Err(error) => {
                self.trouble = Some(error.to_string());
                self.counters.errors += 1;
                self.peer.failed(now);
                return State::Waiting;
            }
        };
        if !self.options.gives_way {
            self.peer.succeeded();
        }
        self.session = Some(Session { socket, address, looked_up: now, is_asked: false, trouble: Trouble::None });
        self.counters.reconnects += u64::from(self.sessions > 0);
        self.sessions += 1;
        self.sent = 0;
        State::Began
    }

    /// Now and then, and sooner after errors, sees whether the peer has moved.
    fn look_again(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        if session.trouble != Trouble::None && self.options.gives_way {
            self.session = None;
            self.peer.forget_addresses();
            self.peer.failed(now);
            return;
        }
        let pause = if session.trouble == Trouble::None { LOOK_UP } else { LOOK_UP_IN_TROUBLE.min(self.options.retry_max) };
        if !session.is_asked && now.duration_since(session.looked_up) < pause {
            return;
        }
        session.is_asked = true;
        let Some(addresses) = self.peer.look_up() else { return };
        (session.is_asked, session.looked_up) = (false, now);
        let trouble = std::mem::replace(&mut session.trouble, Trouble::None);
        let has_moved = !addresses.is_empty() && !addresses.contains(&session.address);
        if trouble == Trouble::Other || has_moved {
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
            let error = match session.socket.send(message) {
                Ok(_) => {
                    self.sent += 1;
                    self.counters.messages += 1;
                    self.counters.octets += message.len() as u64;
                    return;
                }
                Err(error) => error,
            };
            self.counters.errors += 1;
            self.trouble = Some(error.to_string());
            match error.kind() {
                ErrorKind::ConnectionRefused => session.trouble = session.trouble.max(Trouble::Refused),
                // No other socket would take it, and there is no use in trying again.
                _ if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                    session.trouble = Trouble::Other;
                    break;
                }
                // Nothing can be sent now: no way there, an interface that is down.
                _ => {
                    self.session = None;
                    self.peer.forget_addresses();
                    self.peer.failed(Instant::now());
                    self.counters.dropped += 1;
                    return;
                }
            }
        }
        self.sent += 1;
        self.counters.dropped += 1;
    }

    /// See [`Sender::settled`](crate::Sender::settled): nobody knows more of a datagram than that it was sent.
    pub const fn settled(&self) -> u64 {
        self.sent
    }

    /// See [`Sender::trouble`](crate::Sender::trouble).
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What became of the datagrams.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn finish(&mut self) {
        self.session = None;
    }
}

/// A socket that sends to the address, from the source address if one is wanted.
pub(crate) fn connect(source: Option<IpAddr>, address: SocketAddr) -> std::io::Result<UdpSocket> {
    let any = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((source.unwrap_or(any), 0))?;
    socket.connect(address)?;
    Ok(socket)
}
