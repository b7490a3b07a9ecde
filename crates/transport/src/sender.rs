//! A sender of whole messages to one peer, whatever the transport.

use std::net::IpAddr;
use std::time::Duration;

use crate::{Counters, Scheme, TcpSender, UdpSender, Url};

/// How a sender behaves.
#[derive(Clone, Copy, Debug)]
pub struct SenderOptions {
    /// The address to send from; the kernel chooses where there is none.
    pub source: Option<IpAddr>,
    /// How long a TCP connection may take to be made.
    pub connect_timeout: Duration,
    /// The first pause after a failure; each further one doubles it.
    pub retry_min: Duration,
    /// The longest pause after failures.
    pub retry_max: Duration,
    /// Most octets that wait for a TCP peer that reads slowly.
    pub buffer: usize,
}

impl Default for SenderOptions {
    /// 5 s to connect, pauses of 1 s to 60 s, 1 MiB.
    fn default() -> Self {
        Self {
            source: None,
            connect_timeout: Duration::from_secs(5),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            buffer: 1 << 20,
        }
    }
}

/// Whether messages can be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A new session has just begun: the peer knows nothing of earlier messages. Told once a session.
    Began,
    /// The session goes on.
    Ready,
    /// There is none: messages sent now are dropped and counted.
    Waiting,
}

/// Why a sender cannot be made at all. That a peer does not answer is no such reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// TLS and DTLS.
    #[error("{url}: sending over {} is not supported yet, use udp:// or tcp://", url.scheme.name())]
    NotYet {
        /// The peer.
        url: Url,
    },
    /// The peer's address is of the other family than the source address.
    #[error("{url}: the source address {source_address} is of the other IP version")]
    OtherFamily {
        /// The peer.
        url: Url,
        /// The address to send from.
        source_address: IpAddr,
    },
}

/// Sends whole messages to one peer.
///
/// Before a batch of messages the caller asks for the [`state`](Self::state), and says again what a new session must know. A session begins
/// nowhere else, so that no message goes out before that.
#[derive(Debug)]
pub enum Sender {
    /// Datagrams.
    Udp(UdpSender),
    /// A stream.
    Tcp(TcpSender),
}

impl Sender {
    /// A sender to this peer. Nothing is resolved or connected yet: [`Sender::state`] does it.
    pub fn open(url: &Url, options: SenderOptions) -> Result<Self, OpenError> {
        if let (Some(source), Ok(peer)) = (options.source, url.host.parse::<IpAddr>())
            && source.is_ipv4() != peer.is_ipv4()
        {
            return Err(OpenError::OtherFamily { url: url.clone(), source_address: source });
        }
        match url.scheme {
            Scheme::Udp => Ok(Self::Udp(UdpSender::new(url, options))),
            Scheme::Tcp => Ok(Self::Tcp(TcpSender::new(url, options))),
            Scheme::Tls | Scheme::Dtls => Err(OpenError::NotYet { url: url.clone() }),
        }
    }

    /// Moves the connection on as far as it goes without waiting (a name that must be resolved aside), and says whether messages can be sent.
    pub fn state(&mut self) -> State {
        match self {
            Self::Udp(sender) => sender.state(),
            Self::Tcp(sender) => sender.state(),
        }
    }

    /// Sends one whole message, or drops and counts it.
    pub fn send(&mut self, message: &[u8]) {
        match self {
            Self::Udp(sender) => sender.send(message),
            Self::Tcp(sender) => sender.send(message),
        }
    }

    /// Hands to the kernel what waits, as far as it takes it at once. Call it after a batch.
    pub fn flush(&mut self) {
        match self {
            Self::Udp(sender) => sender.flush(),
            Self::Tcp(sender) => sender.flush(),
        }
    }

    /// Waits, at most so long, until all that was sent is with the kernel, or the session is lost. For the end of the program.
    pub fn close(self, patience: Duration) -> Counters {
        match self {
            Self::Udp(sender) => sender.close(),
            Self::Tcp(sender) => sender.close(patience),
        }
    }

    /// What became of the messages so far.
    pub const fn counters(&self) -> &Counters {
        match self {
            Self::Udp(sender) => sender.counters(),
            Self::Tcp(sender) => sender.counters(),
        }
    }
}
