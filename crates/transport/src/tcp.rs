//! A stream of whole messages to one peer.
//!
//! Nothing here waits: the connection is made while the caller does other things, messages are gathered and written together, and what a slow
//! peer does not take waits in a bounded buffer. Messages are dropped whole, never in part, so the stream stays readable. What waits when a
//! connection is lost is dropped with it, because the peer would not understand it without the beginning of its session.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::peer::Peer;
use crate::{Counters, SenderOptions, State, Url};

/// Octets that are gathered before they are written.
const CHUNK: usize = 32 << 10;
/// The longest message must fit into the buffer, whatever the options say.
const LEAST_BUFFER: usize = 1 << 16;

/// Sends messages over a TCP connection, and makes a new one when it is lost.
#[derive(Debug)]
pub struct TcpSender {
    peer: Peer,
    options: SenderOptions,
    link: Link,
    waiting: Waiting,
    /// Connections made.
    sessions: u64,
    counters: Counters,
}

#[derive(Debug)]
enum Link {
    Down,
    Connecting { socket: OwnedFd, since: Instant },
    Up { stream: TcpStream, since: Instant },
}

/// Messages that are not with the kernel yet.
#[derive(Debug, Default)]
struct Waiting {
    octets: Vec<u8>,
    /// Octets at the beginning that were written.
    written: usize,
    /// Octets of each message that are still to be written, and its whole length.
    messages: VecDeque<(usize, usize)>,
}

impl TcpSender {
    pub(crate) fn new(url: &Url, options: SenderOptions) -> Self {
        let peer = Peer::new(url, &options);
        Self { peer, options, link: Link::Down, waiting: Waiting::default(), sessions: 0, counters: Counters::default() }
    }

    /// See [`Sender::state`](crate::Sender::state).
    pub fn state(&mut self) -> State {
        let now = Instant::now();
        if let Link::Up { stream, .. } = &mut self.link {
            if !is_closed(stream) {
                return State::Ready;
            }
            self.lose(now);
        }
        // Addresses that fail at once are followed by the next one.
        loop {
            match std::mem::replace(&mut self.link, Link::Down) {
                Link::Down => {
                    let Some(address) = self.peer.next(now, &mut self.counters.errors) else {
                        return State::Waiting;
                    };
                    match begin_connecting(self.options.source, address) {
                        Ok(socket) => self.link = Link::Connecting { socket, since: now },
                        Err(_) => self.fail(now),
                    }
                }
                Link::Connecting { socket, since } => match is_connected(&socket) {
                    Ok(true) => {
                        self.link = Link::Up { stream: self.adopt(socket), since: now };
                        self.counters.reconnects += u64::from(self.sessions > 0);
                        self.sessions += 1;
                        return State::Began;
                    }
                    Ok(false) if now.duration_since(since) < self.options.connect_timeout => {
                        self.link = Link::Connecting { socket, since };
                        return State::Waiting;
                    }
                    Ok(false) | Err(_) => self.fail(now),
                },
                up @ Link::Up { .. } => {
                    self.link = up;
                    return State::Ready;
                }
            }
        }
    }

    /// Takes one whole message, or drops and counts it.
    pub fn send(&mut self, message: &[u8]) {
        let room = self.options.buffer.max(LEAST_BUFFER);
        if self.waiting.octets() + message.len() > room {
            self.flush();
        }
        if !matches!(self.link, Link::Up { .. }) || self.waiting.octets() + message.len() > room {
            self.counters.dropped += 1;
            return;
        }
        self.waiting.push(message);
        // Once the kernel's buffer is full, every message would be one more attempt in vain; the end of the batch is one.
        if self.waiting.octets() >= CHUNK && self.waiting.octets() < CHUNK + message.len() {
            self.flush();
        }
    }

    /// Writes what waits, as far as the kernel takes it at once.
    pub fn flush(&mut self) {
        let Link::Up { stream, .. } = &mut self.link else { return };
        if self.waiting.write(stream, &mut self.counters).is_err() {
            self.lose(Instant::now());
        }
    }

    /// What became of the messages.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Writes what waits, for at most so long, and ends the connection.
    pub(crate) fn close(mut self, patience: Duration) -> Counters {
        let end = Instant::now() + patience;
        loop {
            self.flush();
            let Link::Up { stream, .. } = &self.link else { break };
            let left = end.saturating_duration_since(Instant::now());
            if self.waiting.messages.is_empty() || left.is_zero() {
                break;
            }
            let Ok(left) = Timespec::try_from(left) else { break };
            // A signal ends the wait early, and the loop begins the next one.
            let _ = poll(&mut [PollFd::new(stream, PollFlags::OUT)], Some(&left));
        }
        self.waiting.drop_all(&mut self.counters);
        self.counters
    }

    /// A stream from a socket that is connected.
    fn adopt(&self, socket: OwnedFd) -> TcpStream {
        // Both are comforts: messages are gathered already, and a peer that is silently gone is noticed later without.
        let _ = sockopt::set_tcp_nodelay(&socket, true);
        let patience = u32::try_from(self.options.retry_max.as_millis()).unwrap_or(u32::MAX);
        let _ = sockopt::set_tcp_user_timeout(&socket, patience);
        TcpStream::from(socket)
    }

    fn fail(&mut self, now: Instant) {
        self.counters.errors += 1;
        self.peer.failed(now);
    }

    /// The connection is gone, with what waited. One that held is followed by the shortest pause.
    fn lose(&mut self, now: Instant) {
        if let Link::Up { since, .. } = std::mem::replace(&mut self.link, Link::Down)
            && now.duration_since(since) >= self.options.retry_max
        {
            self.peer.succeeded();
        }
        self.peer.forget_addresses();
        self.fail(now);
        self.waiting.drop_all(&mut self.counters);
    }
}

impl Waiting {
    const fn octets(&self) -> usize {
        self.octets.len() - self.written
    }

    fn push(&mut self, message: &[u8]) {
        self.octets.extend_from_slice(message);
        self.messages.push_back((message.len(), message.len()));
    }

    /// Writes as much as is taken at once.
    fn write(&mut self, stream: &mut TcpStream, counters: &mut Counters) -> std::io::Result<()> {
        while let Some(rest) = self.octets.get(self.written..).filter(|rest| !rest.is_empty()) {
            match stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.advance(count, counters),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        // Moving the rest to the front is worth it only when much in front of it is gone.
        if self.written == self.octets.len() {
            self.octets.clear();
            self.written = 0;
        } else if self.written >= self.octets.len() / 2 {
            self.octets.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }

    fn advance(&mut self, mut count: usize, counters: &mut Counters) {
        self.written += count;
        while let Some((left, whole)) = self.messages.front_mut() {
            if *left > count {
                *left -= count;
                return;
            }
            count -= *left;
            counters.messages += 1;
            counters.octets += *whole as u64;
            self.messages.pop_front();
        }
    }

    fn drop_all(&mut self, counters: &mut Counters) {
        counters.dropped += self.messages.len() as u64;
        *self = Self::default();
    }
}

/// A socket on its way to the address.
fn begin_connecting(source: Option<IpAddr>, address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if let Some(source) = source {
        rustix::net::bind(&socket, &SocketAddr::new(source, 0))?;
    }
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// Whether a connection is made; an error where it failed.
fn is_connected(socket: &OwnedFd) -> Result<bool, Errno> {
    let mut polled = [PollFd::new(socket, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut polled, Some(&at_once)) {
        Ok(0) | Err(Errno::INTR) => Ok(false),
        Ok(_) => sockopt::socket_error(socket)?.map(|()| true),
        Err(error) => Err(error),
    }
}

/// Whether the peer has ended the connection. What it says otherwise is not looked at: exporters are not spoken to (RFC 7011, section 10.4).
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 256]) {
        Ok(count) => count == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
}
