//! Messages to one peer under DTLS: IPFIX as RFC 7011, section 10.3, has it.
//!
//! Nothing here waits: the handshake goes on in the background of later calls. DTLS does not notice a peer that has forgotten the association, as after a sudden restart
//! (RFC 5153, section 6); so each is ended and begun anew after a while, which bounds what is lost by it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::dtls::{DtlsClient, DtlsEvent, DtlsSession};
use crate::peer::{NO_ADDRESS, Peer};
use crate::udp::connect;
use crate::{Counters, SenderOptions, State, Url};

/// The longest life of an association.
const LIFE: Duration = Duration::from_secs(600);
/// Datagrams of the peer that are looked at in one go.
const AT_ONCE: usize = 64;

/// Sends messages under DTLS.
#[derive(Debug)]
pub struct DtlsSender {
    peer: Peer,
    options: SenderOptions,
    /// Read from its files, and again for each association.
    client: DtlsClient,
    link: Option<Link>,
    /// Associations made.
    sessions: u64,
    /// Messages of this one.
    sent: u64,
    counters: Counters,
    /// What went wrong last.
    trouble: Option<String>,
}

/// An association, or one that begins.
#[derive(Debug)]
struct Link {
    socket: UdpSocket,
    session: DtlsSession,
    since: Instant,
    is_up: bool,
}

impl DtlsSender {
    pub(crate) fn new(url: &Url, options: SenderOptions, client: DtlsClient) -> Self {
        Self {
            peer: Peer::new(url, &options),
            options,
            client,
            link: None,
            sessions: 0,
            sent: 0,
            counters: Counters::default(),
            trouble: None,
        }
    }

    /// See [`Sender::state`](crate::Sender::state).
    pub fn state(&mut self) -> State {
        let now = Instant::now();
        match &mut self.link {
            None => self.begin(now),
            Some(link) => match link.work(now) {
                Err(trouble) => {
                    self.lose(now, trouble);
                    State::Waiting
                }
                Ok(()) if link.is_up && now.duration_since(link.since) >= LIFE => {
                    self.finish();
                    State::Waiting
                }
                Ok(()) if link.is_up => State::Ready,
                Ok(()) if link.session.is_ready() => {
                    (link.is_up, link.since) = (true, now);
                    self.peer.succeeded();
                    self.counters.reconnects += u64::from(self.sessions > 0);
                    self.sessions += 1;
                    self.sent = 0;
                    State::Began
                }
                Ok(()) => State::Waiting,
            },
        }
    }

    /// Sends one message, or drops and counts it.
    pub fn send(&mut self, message: &[u8]) {
        let Some(link) = self.link.as_mut().filter(|link| link.is_up) else {
            self.counters.dropped += 1;
            return;
        };
        if message.len() > DtlsSession::LONGEST {
            self.sent += 1;
            self.counters.errors += 1;
            self.counters.dropped += 1;
            self.trouble = Some(format!("a message of {} octets is too long for DTLS", message.len()));
            return;
        }
        match link.send(message) {
            Ok(()) => {
                self.sent += 1;
                self.counters.messages += 1;
                self.counters.octets += message.len() as u64;
            }
            Err(trouble) => {
                self.counters.dropped += 1;
                self.lose(Instant::now(), trouble);
            }
        }
    }

    /// See [`Sender::settled`](crate::Sender::settled): nobody knows more of a datagram than that it was sent.
    pub const fn settled(&self) -> u64 {
        self.sent
    }

    /// See [`Sender::trouble`](crate::Sender::trouble).
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What became of the messages.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Ends the association in order.
    pub(crate) fn finish(&mut self) {
        if let Some(Link { mut session, socket, .. }) = self.link.take() {
            session.close(&mut |event| {
                if let DtlsEvent::Send(datagram) = event {
                    // Whether the peer hears of it is not our matter any more.
                    let _ = socket.send(datagram);
                }
            });
        }
    }

    /// Begins a handshake, when its time has come.
    fn begin(&mut self, now: Instant) -> State {
        let errors = self.counters.errors;
        let Some(address) = self.peer.next(now, &mut self.counters.errors) else {
            if self.counters.errors > errors {
                self.trouble = Some(NO_ADDRESS.into());
            }
            return State::Waiting;
        };
        // Renewed files count from the next association on; those that cannot be read any more are no reason to end.
        if let Some(Ok(client)) = self.options.tls.as_ref().map(DtlsClient::load) {
            self.client = client;
        }
        match open(self.options.source, address) {
            Ok(socket) => {
                let session = self.client.connect(now);
                self.link = Some(Link { socket, session, since: now, is_up: false });
            }
            Err(error) => self.lose(now, error.to_string()),
        }
        State::Waiting
    }

    fn lose(&mut self, now: Instant, trouble: String) {
        self.link = None;
        self.trouble = Some(trouble);
        self.counters.errors += 1;
        self.peer.failed(now);
    }
}

impl Link {
    /// Takes what has come, and sends what is due.
    fn work(&mut self, now: Instant) -> Result<(), String> {
        let Self { socket, session, .. } = self;
        let (mut is_closed, mut failed) = (false, None);
        let mut act = |event: DtlsEvent<'_>| match event {
            DtlsEvent::Send(datagram) => failed = socket.send(datagram).err().or(failed.take()),
            DtlsEvent::Closed => is_closed = true,
            // Exporters are not spoken to (RFC 7011, section 10.4).
            DtlsEvent::Ready | DtlsEvent::Message(_) => {}
        };
        let mut octets = [0; 1 << 16];
        for _ in 0..AT_ONCE {
            match socket.recv(&mut octets) {
                Ok(length) => session.take(octets.get(..length).unwrap_or_default(), now, &mut act)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        if now >= session.next() {
            session.pass(now, &mut act)?;
        }
        match failed {
            Some(error) if error.kind() != ErrorKind::WouldBlock => Err(error.to_string()),
            _ if is_closed => Err("the peer has ended the association".into()),
            _ => Ok(()),
        }
    }

    fn send(&mut self, message: &[u8]) -> Result<(), String> {
        let Self { socket, session, .. } = self;
        let mut failed = None;
        session.send(message, &mut |event| {
            if let DtlsEvent::Send(datagram) = event {
                failed = send_whole(socket, datagram).err();
            }
        })?;
        failed.map_or(Ok(()), |error: io::Error| Err(error.to_string()))
    }
}

/// Sends a datagram, and waits for the moment in which a full socket has room again.
fn send_whole(socket: &UdpSocket, datagram: &[u8]) -> io::Result<()> {
    loop {
        match socket.send(datagram) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                std::thread::sleep(Duration::from_micros(100));
            }
            sent => return sent.map(|_| ()),
        }
    }
}

fn open(source: Option<IpAddr>, address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = connect(source, address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
