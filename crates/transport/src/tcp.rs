//! A stream of whole messages to one peer, over TCP or under TLS.
//!
//! Nothing here waits: the connection is made while the caller does other things, messages are gathered and written together, and what a slow
//! peer does not take waits in a bounded buffer. Messages are dropped whole, never in part, so the stream stays readable. What waits when a
//! connection is lost is dropped with it, because the peer would not understand it without the beginning of its session; [`progress`] says what of the
//! session need not be sent again.

mod progress;
mod stream;

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::peer::{NO_ADDRESS, Peer};
use crate::tls::{Side, TlsClient, explain};
use crate::{Counters, SenderOptions, State, Url};
use progress::{Progress, UNANSWERED};
use stream::Stream;

/// Octets that are gathered before they are written.
const CHUNK: usize = 32 << 10;
/// The longest message must fit into the buffer, whatever the options say.
const LEAST_BUFFER: usize = 1 << 16;
/// A peer that holds a connection for so long works: what was wrong before does not count.
const STEADY: Duration = Duration::from_secs(2);
/// How long it may take to see whether the end of a connection was one in order.
const ENDING: Duration = Duration::from_secs(3);
/// How long the peer's end is waited for after ours: what it still says must not meet a socket that is closed, or it would be told that the connection is broken.
const LINGER: Duration = Duration::from_millis(250);
/// How long the last acknowledgement is waited for before looking again.
const SOON: Duration = Duration::from_millis(1);

/// Sends messages over a TCP connection, and makes a new one when it is lost.
#[derive(Debug)]
pub struct TcpSender {
    peer: Peer,
    options: SenderOptions,
    /// Read from its files, and again for each connection.
    tls: Option<TlsClient>,
    link: Link,
    waiting: Waiting,
    progress: Progress,
    /// Connections made.
    sessions: u64,
    counters: Counters,
    /// All messages of the session that was ended last are with the kernel.
    is_handed: bool,
    /// What went wrong last.
    trouble: Option<String>,
}

#[derive(Debug)]
enum Link {
    Down,
    Connecting {
        socket: OwnedFd,
        since: Instant,
    },
    /// TLS begins.
    Greeting {
        stream: Stream,
        since: Instant,
    },
    Up {
        stream: Stream,
        since: Instant,
    },
    /// The peer has ended it, and a reset shows whether it had read everything.
    Ending {
        stream: Stream,
        up: Instant,
        since: Instant,
    },
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
    pub(crate) fn new(url: &Url, options: SenderOptions, tls: Option<TlsClient>) -> Self {
        let peer = Peer::new(url, &options);
        Self {
            peer,
            options,
            tls,
            link: Link::Down,
            waiting: Waiting::default(),
            progress: Progress::default(),
            sessions: 0,
            counters: Counters::default(),
            is_handed: false,
            trouble: None,
        }
    }

    /// See [`Sender::state`](crate::Sender::state).
    pub fn state(&mut self) -> State {
        let now = Instant::now();
        // Addresses that fail at once are followed by the next one.
        loop {
            match std::mem::replace(&mut self.link, Link::Down) {
                Link::Down => {
                    let errors = self.counters.errors;
                    let Some(address) = self.peer.next(now, &mut self.counters.errors) else {
                        if self.counters.errors > errors {
                            self.trouble = Some(NO_ADDRESS.into());
                        }
                        return State::Waiting;
                    };
                    match begin_connecting(self.options.source, address) {
                        Ok(socket) => self.link = Link::Connecting { socket, since: now },
                        Err(error) => self.fail(now, error.into()),
                    }
                }
                Link::Connecting { socket, since } => match is_connected(&socket) {
                    Ok(true) => match self.adopt(socket) {
                        Ok(stream) => self.link = Link::Greeting { stream, since },
                        Err(error) => self.fail(now, error),
                    },
                    Ok(false) if now.duration_since(since) < self.options.connect_timeout => {
                        self.link = Link::Connecting { socket, since };
                        return State::Waiting;
                    }
                    Ok(false) => self.fail(now, ErrorKind::TimedOut.into()),
                    Err(error) => self.fail(now, error.into()),
                },
                Link::Greeting { mut stream, since } => match stream.greet() {
                    Ok(true) => {
                        self.link = Link::Up { stream, since: now };
                        self.counters.reconnects += u64::from(self.sessions > 0);
                        self.sessions += 1;
                        (self.progress, self.is_handed) = (Progress::default(), false);
                        return State::Began;
                    }
                    Ok(false) if now.duration_since(since) < self.options.connect_timeout => {
                        self.link = Link::Greeting { stream, since };
                        return State::Waiting;
                    }
                    Ok(false) => self.fail(now, ErrorKind::TimedOut.into()),
                    Err(error) => self.fail(now, error),
                },
                Link::Up { mut stream, since } => {
                    match stream.is_closed() {
                        Ok(false) => {
                            self.link = Link::Up { stream, since };
                            return State::Ready;
                        }
                        Ok(true) => match stream.shut() {
                            Ok(()) => self.link = Link::Ending { stream, up: since, since: now },
                            Err(error) => {
                                self.link = Link::Up { stream, since };
                                self.lose(now, error);
                                return State::Waiting;
                            }
                        },
                        Err(error) => {
                            self.link = Link::Up { stream, since };
                            self.lose(now, error);
                            // The caller sees the end of the session before the next one begins.
                            return State::Waiting;
                        }
                    }
                }
                Link::Ending { stream, up, since } => {
                    let ended = has_ended(stream.socket());
                    if matches!(ended, Ok(false)) && now.duration_since(since) < ENDING {
                        self.link = Link::Ending { stream, up, since };
                        return State::Ending;
                    }
                    if matches!(ended, Ok(true)) {
                        // As it was when the peer ended: it works on nothing since.
                        self.progress.end_in_order(since);
                    }
                    self.link = Link::Up { stream, since: up };
                    self.lose(now, ErrorKind::UnexpectedEof.into());
                    return State::Waiting;
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
        let before = self.counters;
        let written = self.waiting.write(stream, &mut self.counters).and_then(|()| stream.push());
        let now = Instant::now();
        self.progress.hand(self.counters.messages - before.messages, self.counters.octets - before.octets, now);
        if let Err(error) = written {
            self.lose(now, error);
        }
    }

    /// See [`Sender::waiting`](crate::Sender::waiting).
    pub fn waiting(&self) -> usize {
        let is_pushed = !matches!(&self.link, Link::Up { stream, .. } if stream.has_more());
        self.waiting.octets() + usize::from(!is_pushed)
    }

    /// See [`Sender::settled`](crate::Sender::settled).
    pub fn settled(&mut self) -> u64 {
        self.progress.settled(Instant::now())
    }

    /// See [`Sender::is_handed`](crate::Sender::is_handed).
    pub const fn is_handed(&self) -> bool {
        self.is_handed
    }

    /// See [`Sender::trouble`](crate::Sender::trouble).
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What became of the messages.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Writes what waits, for at most so long, and ends the connection in order.
    pub(crate) fn finish(&mut self, patience: Duration) {
        let end = Instant::now() + patience;
        self.is_handed = false;
        loop {
            self.flush();
            let Link::Up { stream, .. } = &mut self.link else { break };
            let left = end.saturating_duration_since(Instant::now());
            let pushed = stream.push();
            let is_done = self.waiting.messages.is_empty() && matches!(pushed, Ok(true));
            if is_done || left.is_zero() || pushed.is_err() {
                let ended = stream.shut().and_then(|()| linger(stream, LINGER));
                // Only a peer that ends in order too has read everything.
                if is_done && matches!(ended, Ok(true)) {
                    self.progress.finish();
                }
                self.is_handed = is_done && ended.is_ok();
                break;
            }
            wait_for(stream.socket(), PollFlags::OUT, left);
        }
        self.waiting.drop_all(&mut self.counters);
        self.link = Link::Down;
    }

    /// A stream over a socket that is connected.
    fn adopt(&mut self, socket: OwnedFd) -> std::io::Result<Stream> {
        // Both are comforts: messages are gathered already, and a peer that is silently gone is noticed later without.
        let _ = sockopt::set_tcp_nodelay(&socket, true);
        let _ = sockopt::set_tcp_user_timeout(&socket, u32::try_from(UNANSWERED.as_millis()).unwrap_or(u32::MAX));
        // Renewed files count from the next connection on; those that cannot be read any more are no reason to end.
        if let Some(Ok(tls)) = self.options.tls.as_ref().map(TlsClient::load) {
            self.tls = Some(tls);
        }
        Stream::new(TcpStream::from(socket), self.tls.as_ref())
    }

    fn fail(&mut self, now: Instant, error: std::io::Error) {
        self.trouble = Some(explain(&error, Side::Client));
        self.counters.errors += 1;
        self.peer.failed(now);
    }

    /// The connection is gone, with what waited. One that held for a while is followed by the shortest pause.
    fn lose(&mut self, now: Instant, error: std::io::Error) {
        if let Link::Up { since, .. } = std::mem::replace(&mut self.link, Link::Down)
            && now.duration_since(since) >= STEADY.min(self.options.retry_max)
        {
            self.peer.succeeded();
        }
        self.peer.forget_addresses();
        self.fail(now, error);
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
    fn write(&mut self, stream: &mut Stream, counters: &mut Counters) -> std::io::Result<()> {
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

/// Whether both sides have ended the connection and have acknowledged that; an error where it was reset.
fn has_ended(socket: &TcpStream) -> std::io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    // The kernel forgets the peer with the last acknowledgement: that of a peer which was still there to take what we sent.
    Ok(socket.peer_addr().is_err())
}

/// Takes what the peer still says until both have ended the connection, for at most so long. True where they have, an error where it was reset.
fn linger(stream: &mut Stream, patience: Duration) -> std::io::Result<bool> {
    let end = Instant::now() + patience;
    while !stream.is_closed()? {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        wait_for(stream.socket(), PollFlags::IN, left);
    }
    while Instant::now() < end {
        if has_ended(stream.socket())? {
            return Ok(true);
        }
        std::thread::sleep(SOON);
    }
    Ok(false)
}

/// Waits for at most so long. A signal ends the wait early.
fn wait_for(socket: &TcpStream, flags: PollFlags, patience: Duration) {
    if let Ok(patience) = Timespec::try_from(patience) {
        let _ = poll(&mut [PollFd::new(socket, flags)], Some(&patience));
    }
}
