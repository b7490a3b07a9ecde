//! A sender of whole messages to one peer, whatever the transport.

use std::net::IpAddr;
use std::time::Duration;

use crate::dtls::DtlsClient;
use crate::tls::{TlsClient, TlsClientOptions, TlsError, TlsVersions};
use crate::{Counters, DtlsSender, Scheme, TcpSender, UdpSender, Url};

/// How a sender behaves.
#[derive(Clone, Debug)]
pub struct SenderOptions {
    /// The address to send from; the kernel chooses where there is none.
    pub source: Option<IpAddr>,
    /// How long a connection may take to be made, and its handshake as long again.
    pub connect_timeout: Duration,
    /// The first pause after a failure; each further one doubles it.
    pub retry_min: Duration,
    /// The longest pause after failures.
    pub retry_max: Duration,
    /// Most octets that wait for a peer of a stream that reads slowly.
    pub buffer: usize,
    /// A refusal of datagrams ends the session, so that another peer can take over.
    pub gives_way: bool,
    /// Whom to trust and who we are, for `tls://` and `dtls://`.
    pub tls: Option<TlsClientOptions>,
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
            gives_way: false,
            tls: None,
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
    /// The peer has ended the session, and it is being found out what it has taken; messages sent now are dropped and counted.
    Ending,
    /// There is none: messages sent now are dropped and counted.
    Waiting,
}

/// Why a sender cannot be made at all. That a peer does not answer is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What TLS needs cannot be had.
    #[error("{url}: {source}")]
    Tls {
        /// The peer.
        url: Url,
        /// What is wrong with a file, or with the name.
        source: TlsError,
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
    Udp(Box<UdpSender>),
    /// A stream, over TCP or under TLS.
    Tcp(Box<TcpSender>),
    /// Datagrams under DTLS.
    Dtls(Box<DtlsSender>),
}

impl Sender {
    /// A sender to this peer. Nothing is resolved or connected yet: [`Sender::state`] does it.
    pub fn open(url: &Url, options: SenderOptions) -> Result<Self, OpenError> {
        if let (Some(source), Ok(peer)) = (options.source, url.host.parse::<IpAddr>())
            && source.is_ipv4() != peer.is_ipv4()
        {
            return Err(OpenError::OtherFamily { url: url.clone(), source_address: source });
        }
        let unasked = TlsClientOptions { name: url.host.clone(), ca: None, identity: None, versions: TlsVersions::From12 };
        let tls = options.tls.clone().unwrap_or(unasked);
        let refused = |source| OpenError::Tls { url: url.clone(), source };
        match url.scheme {
            Scheme::Udp => Ok(Self::Udp(Box::new(UdpSender::new(url, options)))),
            Scheme::Tcp => Ok(Self::Tcp(Box::new(TcpSender::new(url, options, None)))),
            Scheme::Tls => {
                let client = TlsClient::load(&tls).map_err(refused)?;
                Ok(Self::Tcp(Box::new(TcpSender::new(url, SenderOptions { tls: Some(tls), ..options }, Some(client)))))
            }
            Scheme::Dtls => {
                let client = DtlsClient::load(&tls).map_err(refused)?;
                Ok(Self::Dtls(Box::new(DtlsSender::new(url, SenderOptions { tls: Some(tls), ..options }, client))))
            }
        }
    }

    /// Moves the connection on as far as it goes without waiting, and says whether messages can be sent. The end of a session is told by one
    /// [`State::Waiting`] at least.
    pub fn state(&mut self) -> State {
        match self {
            Self::Udp(sender) => sender.state(),
            Self::Tcp(sender) => sender.state(),
            Self::Dtls(sender) => sender.state(),
        }
    }

    /// Sends one whole message, or drops and counts it.
    pub fn send(&mut self, message: &[u8]) {
        match self {
            Self::Udp(sender) => sender.send(message),
            Self::Tcp(sender) => sender.send(message),
            Self::Dtls(sender) => sender.send(message),
        }
    }

    /// Hands to the kernel what waits, as far as it takes it at once. Call it after a batch.
    pub fn flush(&mut self) {
        match self {
            Self::Tcp(sender) => sender.flush(),
            // Datagrams do not wait.
            Self::Udp(_) | Self::Dtls(_) => {}
        }
    }

    /// Octets of messages that wait until a slow peer has room for them, about; 0 only where all are with the kernel.
    pub fn waiting(&self) -> usize {
        match self {
            Self::Udp(_) | Self::Dtls(_) => 0,
            Self::Tcp(sender) => sender.waiting(),
        }
    }

    /// How many of the messages of the session, from its first on, are with the peer: they need not be sent again when the session is lost. Once it is, this stays
    /// what it was until [`Self::state`] tells of the next one. Of datagrams that is each one that was sent.
    pub fn settled(&mut self) -> u64 {
        match self {
            Self::Udp(sender) => sender.settled(),
            Self::Tcp(sender) => sender.settled(),
            Self::Dtls(sender) => sender.settled(),
        }
    }

    /// After [`Self::finish`]: all messages of that session are with the kernel, though the peer has perhaps not said that it has them.
    pub const fn is_handed(&self) -> bool {
        match self {
            Self::Udp(_) | Self::Dtls(_) => true,
            Self::Tcp(sender) => sender.is_handed(),
        }
    }

    /// What went wrong last, if anything did.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Udp(sender) => sender.trouble(),
            Self::Tcp(sender) => sender.trouble(),
            Self::Dtls(sender) => sender.trouble(),
        }
    }

    /// Waits, at most so long, until all that was sent is with the kernel, or the session is lost; and ends the session in order. The next [`Self::state`] begins
    /// another one.
    pub fn finish(&mut self, patience: Duration) {
        match self {
            Self::Udp(sender) => sender.finish(),
            Self::Tcp(sender) => sender.finish(patience),
            Self::Dtls(sender) => sender.finish(),
        }
    }

    /// The same for the end of the program; says what became of the messages.
    pub fn close(mut self, patience: Duration) -> Counters {
        self.finish(patience);
        *self.counters()
    }

    /// What became of the messages so far.
    pub const fn counters(&self) -> &Counters {
        match self {
            Self::Udp(sender) => sender.counters(),
            Self::Tcp(sender) => sender.counters(),
            Self::Dtls(sender) => sender.counters(),
        }
    }
}
