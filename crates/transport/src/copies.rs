//! Copies of datagrams, unchanged, to one peer: from an address of ours, or with the address and port of the original sender.
//!
//! Many leave in one call (`sendmmsg`), and nothing is allocated for each datagram. With the original sender, whole IP packets are made for a raw socket, for which the
//! kernel asks the capability CAP_NET_RAW; its checks of source addresses do not apply there, but those of routers on the way may (BCP 38).

mod packet;

use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::ops::AddAssign;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};

use crate::peer::{NO_ADDRESS, Peer};
use crate::{Datagram, Scheme, SenderOptions, State, Url};
use packet::{Packet, Packets};

/// Packets of one call.
const BATCH: usize = 128;
/// Fewest octets of the largest packet: the fragments of any datagram are one batch then.
const LEAST_MTU: u16 = 576;
/// A name is looked up again after this time, in case its address has changed.
const LOOK_UP: Duration = Duration::from_secs(60);
/// A peer whose host has not refused anything for so long while it was sent to listens again. Hosts tell a refusal about once a second.
const QUIET: Duration = Duration::from_millis(1500);

/// How copies are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    /// Copies have the address and port of the original sender.
    pub original_source: bool,
    /// Octets of the largest packet on the way; longer ones with the original sender are sent in fragments.
    pub mtu: u16,
}

/// What became of the copies: `datagrams + dropped + other_family` is their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyCounters {
    /// Copies handed to the kernel.
    pub datagrams: u64,
    /// Octets of these.
    pub octets: u64,
    /// Calls that failed: refused, unreachable, name not found.
    pub errors: u64,
    /// Copies given up: the peer has no address yet, or the kernel does not take them.
    pub dropped: u64,
    /// Copies given up because the original sender and the peer are of different IP versions.
    pub other_family: u64,
}

impl AddAssign for CopyCounters {
    fn add_assign(&mut self, other: Self) {
        self.datagrams += other.datagrams;
        self.octets += other.octets;
        self.errors += other.errors;
        self.dropped += other.dropped;
        self.other_family += other.other_family;
    }
}

/// Why copies cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A stream, or DTLS.
    #[error("{url}: datagrams are copied over udp:// alone")]
    NotUdp {
        /// The peer.
        url: Url,
    },
    /// The kernel refuses a raw socket.
    #[error(
        "{url}: sending with the original source address needs the capability CAP_NET_RAW: run as root, give it to the program (setcap cap_net_raw=ep), or to the service (AmbientCapabilities=CAP_NET_RAW)"
    )]
    NotAllowed {
        /// The peer.
        url: Url,
    },
    /// There is no socket to be had.
    #[error("{url}: cannot open a raw socket: {source}")]
    Socket {
        /// The peer.
        url: Url,
        /// What the system says.
        source: io::Error,
    },
}

/// Sends copies to one peer.
pub struct CopySender {
    peer: Peer,
    options: CopyOptions,
    session: Option<Session>,
    counters: CopyCounters,
    packets: Packets,
    /// What went wrong last.
    trouble: Option<String>,
}

struct Session {
    socket: OwnedFd,
    address: SocketAddr,
    looked_up: Instant,
    is_asked: bool,
    /// When the peer's host said last that nobody listens.
    refused: Option<Instant>,
    /// Something was sent since then.
    tried: bool,
}

impl CopySender {
    /// A sender to this peer. Nothing is looked up yet, but a raw socket is tried for.
    pub fn open(url: &Url, options: CopyOptions) -> Result<Self, CopyError> {
        if url.scheme != Scheme::Udp {
            return Err(CopyError::NotUdp { url: url.clone() });
        }
        if options.original_source {
            let is_v6 = url.host.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6());
            raw_socket(is_v6).map_err(|source| match source.kind() {
                ErrorKind::PermissionDenied => CopyError::NotAllowed { url: url.clone() },
                _ => CopyError::Socket { url: url.clone(), source },
            })?;
        }
        Ok(Self {
            peer: Peer::new(url, &SenderOptions::default()),
            options,
            session: None,
            counters: CopyCounters::default(),
            packets: Packets::default(),
            trouble: None,
        })
    }

    /// Moves the look-up of the name on, and says whether copies can be sent: [`State::Began`] when there is an address for the first time or another one, and when
    /// a peer that was not there listens again.
    pub fn state(&mut self) -> State {
        let now = Instant::now();
        self.look_again(now);
        if let Some(session) = &mut self.session {
            let is_back = session.tried && session.refused.is_some_and(|refused| now.duration_since(refused) >= QUIET);
            if is_back {
                session.refused = None;
            }
            return if is_back { State::Began } else { State::Ready };
        }
        let errors = self.counters.errors;
        let Some(address) = self.peer.next(now, &mut self.counters.errors) else {
            if self.counters.errors > errors {
                self.trouble = Some(NO_ADDRESS.into());
            }
            return State::Waiting;
        };
        match self.connect(address) {
            Ok(socket) => {
                self.peer.succeeded();
                self.session = Some(Session { socket, address, looked_up: now, is_asked: false, refused: None, tried: false });
                State::Began
            }
            Err(error) => {
                self.trouble = Some(error.to_string());
                self.counters.errors += 1;
                self.peer.failed(now);
                State::Waiting
            }
        }
    }

    /// Sends copies of datagrams, or drops and counts them.
    pub fn send<'a>(&mut self, datagrams: impl IntoIterator<Item = Datagram<'a>>) {
        let Self { options, session, counters, packets, trouble, .. } = self;
        let mut datagrams = datagrams.into_iter().peekable();
        let Some(session) = session else {
            counters.dropped += datagrams.count() as u64;
            return;
        };
        let (target, mtu) = (session.address, usize::from(options.mtu.max(LEAST_MTU)));
        let source = |datagram: &Datagram<'_>| options.original_source.then_some(SocketAddr::new(datagram.from, datagram.port));
        while datagrams.peek().is_some() {
            let mut batch: [Packet<'a>; BATCH] = std::array::from_fn(|_| Packet::default());
            let mut filled = 0;
            let fits = |datagram: &Datagram<'a>, filled: usize| filled + packet::count(datagram, source(datagram), mtu) <= BATCH;
            while let Some(datagram) = datagrams.next_if(|datagram| fits(datagram, filled)) {
                let source = source(&datagram);
                if source.is_some_and(|source| source.is_ipv4() != target.is_ipv4()) {
                    counters.other_family += 1;
                } else if let Some(rest) = batch.get_mut(filled..) {
                    filled += packets.make(&datagram, source, target, mtu, rest);
                }
            }
            session.send(batch.get(..filled).unwrap_or_default(), counters, trouble);
        }
    }

    /// What went wrong last, if anything did.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether the peer's host says that nobody listens there.
    pub fn is_refused(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.refused.is_some())
    }

    /// What became of the copies.
    pub const fn counters(&self) -> &CopyCounters {
        &self.counters
    }

    /// Now and then sees whether the peer has moved.
    fn look_again(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        if !session.is_asked && now.duration_since(session.looked_up) < LOOK_UP {
            return;
        }
        session.is_asked = true;
        let Some(addresses) = self.peer.look_up() else { return };
        (session.is_asked, session.looked_up) = (false, now);
        if !addresses.is_empty() && !addresses.contains(&session.address) {
            self.session = None;
        }
    }

    fn connect(&self, address: SocketAddr) -> io::Result<OwnedFd> {
        let socket = if self.options.original_source {
            raw_socket(address.is_ipv6())?
        } else {
            let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
            rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?
        };
        // To a raw socket a port is a protocol.
        let to = if self.options.original_source { SocketAddr::new(address.ip(), 0) } else { address };
        rustix::net::connect(&socket, &to)?;
        Ok(socket)
    }
}

impl Session {
    /// Hands packets to the kernel. One that it does not take is dropped, and the others are sent.
    fn send(&mut self, packets: &[Packet<'_>], counters: &mut CopyCounters, trouble: &mut Option<String>) {
        let nobody: [Option<SockaddrStorage>; BATCH] = [const { None }; BATCH];
        // One for all calls: it cannot go from thread to thread, as a sender can.
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(packets.len(), None);
        let mut sent = 0;
        let mut was_refused = false;
        while let Some(rest) = packets.get(sent..).filter(|rest| !rest.is_empty()) {
            let slices: [[IoSlice<'_>; 2]; BATCH] =
                std::array::from_fn(|place| rest.get(place).map_or([IoSlice::new(&[]), IoSlice::new(&[])], Packet::slices));
            let slices = slices.get(..rest.len()).unwrap_or_default();
            let taken = match sendmmsg(self.socket.as_raw_fd(), &mut headers, slices, nobody, [], MsgFlags::empty()) {
                Ok(results) => results.count(),
                Err(error) => {
                    counters.errors += 1;
                    *trouble = Some(io::Error::from(error).to_string());
                    if error == nix::errno::Errno::EINTR {
                        continue;
                    }
                    let refused = error == nix::errno::Errno::ECONNREFUSED;
                    if refused {
                        (self.refused, self.tried) = (Some(Instant::now()), false);
                    }
                    // A refusal is about an earlier datagram: the first of these has not been sent by the call that tells it.
                    if !refused || was_refused {
                        counters.dropped += u64::from(rest.first().is_some_and(|packet| packet.ends));
                        sent += 1;
                    }
                    was_refused = refused && !was_refused;
                    continue;
                }
            };
            self.tried = true;
            for packet in rest.iter().take(taken) {
                counters.datagrams += u64::from(packet.ends);
                counters.octets += packet.payload.len() as u64;
            }
            sent += taken.max(1);
        }
    }
}

/// A socket that takes whole IP packets.
fn raw_socket(is_v6: bool) -> io::Result<OwnedFd> {
    let family = if is_v6 { AddressFamily::INET6 } else { AddressFamily::INET };
    Ok(rustix::net::socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::RAW))?)
}
