//! Streams from anybody: TCP connections, with or without TLS, cut into messages and handed to workers.
//!
//! [`StreamListener`] has the port, [`Streams`] is what goes on behind it: a task that accepts, and one for each connection, on the caller's runtime. What a message
//! is the caller says ([`StreamHandler`]). Messages go into the same queues as datagrams, many at a time and without memory of their own; a
//! connection whose worker has no room for it is not read until there is, so that its sender slows down and nothing is dropped.
//!
//! What strangers can make grow is bounded ([`StreamLimits`]): connections, those of one address, and for each of them what was read and is not handed over. When
//! all places are taken, connections that have never sent a message make room for others, the oldest first: whoever only holds a place keeps nobody out.

mod connection;
mod counters;
mod end;
mod places;
mod socket;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::guard::Prefixes;
use crate::listening::{ListenError, share_port};
use crate::tls::TlsServer;
use crate::{Shards, Url};
use connection::Connection;
pub(crate) use connection::next_stream;
pub(crate) use counters::Counts;
pub use counters::StreamCounters;
pub use end::StreamEnd;
pub(crate) use places::source_of;
use places::{Place, Places};

/// How long accepting rests after it failed, as it does when the program has no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Most octets of a message, with what stands in front of it.
pub(crate) const LONGEST: usize = (64 << 10) + 64;

/// What stands at the front of octets of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A message, behind so many octets that are none of it. It need not have come whole.
    Message {
        /// Octets in front of the message.
        skip: usize,
        /// Octets of the message, at least 1.
        length: usize,
    },
    /// The beginning of a message that does not tell its length yet.
    More,
    /// Nothing that can be read: the stream ends here.
    Bad {
        /// What was seen where a length or a version belongs.
        seen: u64,
    },
}

/// What streams carry, and who wants to know of their end.
pub trait StreamHandler: Send + Sync + 'static {
    /// Looks at the front of what has come; it is never empty. A message with what stands in front of it has at most 64 KiB and 64 octets; a longer one ends the
    /// stream.
    fn cut(&self, octets: &[u8]) -> Cut;

    /// By what a message goes to a worker.
    fn key(&self, message: &[u8], from: IpAddr) -> u64;

    /// Whether workers keep something of a stream, so that they are told of its end.
    fn has_sessions(&self) -> bool;

    /// A connection has ended, or was not taken at all.
    fn ended(&self, from: SocketAddr, end: &StreamEnd);
}

/// Where a listener of streams stands among others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    /// An IPv6 address takes no IPv4 senders: needed where an IPv4 listener has the same port.
    pub v6_only: bool,
    /// Listens beside sockets that have the port now and are about to be closed; see [`Streams::share_port`].
    pub is_successor: bool,
    /// The caller's number of this listener, which stands on each message.
    pub listener: u16,
}

/// What strangers may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Connections of the listener.
    pub connections: usize,
    /// Connections of one address, or of one /64 of IPv6.
    pub connections_of_one: usize,
    /// How long a message may take from its first octet to its last.
    pub message_time: Duration,
    /// How long a connection may be silent. None means for ever; a host that has gone is noticed within two minutes all the same.
    pub idle_time: Option<Duration>,
}

impl Default for StreamLimits {
    /// 1,024 connections, 256 of one address, 30 s for a message, silent for ever.
    fn default() -> Self {
        Self { connections: 1024, connections_of_one: 256, message_time: Duration::from_secs(30), idle_time: None }
    }
}

/// Who may come, and how. All of it can change while connections go on.
#[derive(Clone, Debug, Default)]
pub struct StreamRules {
    /// Prefixes with their lengths in bits. None at all means everybody.
    pub allowed: Vec<(IpAddr, u8)>,
    /// What strangers may do; for connections that come from now on.
    pub limits: StreamLimits,
    /// TLS; for connections that come from now on. Without it octets come as they are.
    pub tls: Option<TlsServer>,
}

/// A port that waits for its connections.
#[derive(Debug)]
pub struct StreamListener {
    socket: TcpListener,
    local_address: SocketAddr,
    options: StreamOptions,
    fell_back: bool,
}

/// A listener at work.
#[derive(Debug)]
pub struct Streams {
    /// Closed when it ends.
    socket: Option<TcpListener>,
    control: watch::Sender<Control>,
    places: Arc<Places>,
    task: Option<JoinHandle<()>>,
}

/// What connections are told while they go on.
#[derive(Clone, Debug)]
struct Control {
    rules: Arc<Rules>,
    is_over: bool,
}

#[derive(Debug)]
struct Rules {
    allowed: Prefixes,
    limits: StreamLimits,
    tls: Option<TlsServer>,
}

impl StreamListener {
    /// Listens on the URL's address and port; port 0 is one that the system chooses. Where the host is `::` and there is no IPv6 on this host, listens on
    /// 0.0.0.0 instead.
    pub fn open(url: &Url, options: StreamOptions) -> Result<Self, ListenError> {
        let (socket, local_address, fell_back) = socket::listen(url, &options)?;
        Ok(Self { socket, local_address, options, fell_back })
    }

    /// The same port as that of a listener at work, so that none of those who are about to connect is lost when this one takes over.
    pub fn take_over(from: &Streams, listener: u16) -> io::Result<Self> {
        let socket = from.socket()?.try_clone()?;
        let options = StreamOptions { listener, ..StreamOptions::default() };
        Ok(Self { local_address: socket.local_addr()?, socket, options, fell_back: false })
    }

    /// Where it listens.
    pub const fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// True if both families were asked for, but this host has no IPv6.
    pub const fn fell_back(&self) -> bool {
        self.fell_back
    }

    /// Begins to accept on that runtime.
    pub fn start(
        self,
        runtime: &Handle,
        rules: &StreamRules,
        shards: &Shards,
        handler: Arc<dyn StreamHandler>,
    ) -> io::Result<Streams> {
        let (control, follow) = watch::channel(Control { rules: Arc::new(Rules::new(rules)), is_over: false });
        let places = Arc::new(Places::default());
        let entered = runtime.enter();
        let accepting = tokio::net::TcpListener::from_std(self.socket.try_clone()?)?;
        drop(entered);
        let doorman = Doorman {
            listener: self.options.listener,
            places: Arc::clone(&places),
            shards: shards.clone(),
            handler,
            connections: JoinSet::new(),
        };
        let task = runtime.spawn(doorman.run(accepting, follow));
        Ok(Streams { socket: Some(self.socket), control, places, task: Some(task) })
    }
}

impl Streams {
    /// Goes over to other rules. Connections of addresses that are not allowed any more end.
    pub fn set_rules(&self, rules: &StreamRules) {
        let rules = Arc::new(Rules::new(rules));
        self.control.send_modify(|control| control.rules = rules);
    }

    /// What was counted so far.
    pub fn counters(&self) -> StreamCounters {
        self.places.counters()
    }

    /// Accepts no more, and lets connections hand over what has already come; see [`Self::ending`].
    pub fn stop(&self) {
        self.control.send_modify(|control| control.is_over = true);
    }

    /// Lets a socket that takes this one's place have its port beside it, or not any more.
    pub fn share_port(&self, is_shared: bool) -> io::Result<()> {
        share_port(self.socket()?, is_shared)
    }

    /// After [`Self::stop`]: lets go of the port, and gives what ends when all connections have ended; nothing when it was asked for before.
    pub fn ending(&mut self) -> Option<JoinHandle<()>> {
        self.socket = None;
        self.task.take()
    }

    fn socket(&self) -> io::Result<&TcpListener> {
        self.socket.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Rules {
    fn new(rules: &StreamRules) -> Self {
        Self { allowed: Prefixes::new(&rules.allowed), limits: rules.limits, tls: rules.tls.clone() }
    }
}

/// Accepts connections, and keeps them.
struct Doorman {
    listener: u16,
    places: Arc<Places>,
    shards: Shards,
    handler: Arc<dyn StreamHandler>,
    connections: JoinSet<()>,
}

impl Doorman {
    async fn run(mut self, accepting: tokio::net::TcpListener, control: watch::Receiver<Control>) {
        let mut followed = control.clone();
        loop {
            tokio::select! {
                () = connection::over(&mut followed) => break,
                Some(_) = self.connections.join_next() => {}
                accepted = accepting.accept() => match accepted {
                    Ok((stream, from)) => self.admit(stream, from, &control),
                    // Whoever gave up while waiting is not our matter; without file descriptors it is no use to try again at once.
                    Err(_) => {
                        self.places.not_accepted();
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        drop(accepting);
        while self.connections.join_next().await.is_some() {}
    }

    fn admit(&mut self, stream: TcpStream, from: SocketAddr, control: &watch::Receiver<Control>) {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let rules = Arc::clone(&control.borrow().rules);
        let place = match self.places.take(from.ip(), &rules) {
            Ok(place) => place,
            Err(end) => return self.handler.ended(from, &end),
        };
        let connection = Connection::new(from, self.listener, place, &self.shards, &self.handler);
        self.connections.spawn(connection.run(stream, rules, control.clone()));
    }
}
