//! Datagrams from anybody.
//!
//! One call takes as many datagrams as wait (`recvmmsg`), up to [`UdpReceiver::BATCH`], into memory that was laid out before. What the kernel drops for want
//! of room is counted as it tells, with each datagram and, when none comes any more, by its table of sockets.

mod drops;
mod socket;

use std::array::from_fn;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::AddAssign;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::listening::{ListenError, share_port};
use crate::{Datagram, Url};
use drops::{Drops, Seen};
use socket::Listening;

/// The longest UDP payload that fits in an IP packet.
const LONGEST: usize = 65_535;

/// Octets a nanosecond that must not fill the receive buffer while datagrams gather.
const FASTEST: u64 = 4;

/// How a receiver behaves.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverOptions {
    /// Octets that the kernel shall keep for datagrams not yet received. How many it grants says [`UdpReceiver::receive_buffer`].
    pub receive_buffer: usize,
    /// An IPv6 address takes no IPv4 senders: needed where an IPv4 listener has the same port.
    pub v6_only: bool,
    /// Listens beside sockets that have the port now and are about to be closed; see [`SharedSocket::share_port`].
    pub is_successor: bool,
    /// The caller's number of this receiver, which stands on each datagram.
    pub listener: u16,
    /// Most octets of a datagram. Longer ones are cut, and counted.
    pub longest: usize,
    /// How long datagrams may gather once the first has come, so that a thread is not woken for each of them; less where the receive buffer is small.
    pub gather: Duration,
    /// Let the kernel merge datagrams of one sender on their way here (`UDP_GRO`). They cost less then, but what is dropped for want of room is counted by
    /// merged packets, so that [`ReceiveCounters::kernel_dropped`] is too low.
    pub merged: bool,
}

impl Default for ReceiverOptions {
    /// 64 MiB, both families, listener 0, datagrams as long as they get, gathered for 5 ms, not merged.
    fn default() -> Self {
        let gather = Duration::from_millis(5);
        Self {
            receive_buffer: 64 << 20,
            v6_only: false,
            is_successor: false,
            listener: 0,
            longest: LONGEST,
            gather,
            merged: false,
        }
    }
}

/// What a receiver has counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveCounters {
    /// Datagrams handed out, cut ones included.
    pub datagrams: u64,
    /// Octets of their payloads.
    pub octets: u64,
    /// Datagrams that the kernel dropped: no room in the receive buffer, or a wrong checksum.
    pub kernel_dropped: u64,
    /// Datagrams that were longer than [`ReceiverOptions::longest`] and have been cut.
    pub truncated: u64,
    /// Calls that brought datagrams.
    pub calls: u64,
}

/// A receiver's socket, for others who send or receive by it.
#[derive(Debug)]
pub struct SharedSocket {
    socket: UdpSocket,
    seen: Seen,
}

/// Receives datagrams on one address and port.
#[derive(Debug)]
pub struct UdpReceiver {
    socket: UdpSocket,
    local_address: SocketAddr,
    options: ReceiverOptions,
    fell_back: bool,
    receive_buffer: usize,
    /// One slot for each datagram of a call.
    slots: Vec<u8>,
    drops: Drops,
    counters: ReceiveCounters,
}

impl UdpReceiver {
    /// Most packets that one call takes from the kernel: as many datagrams, unless they are merged.
    pub const BATCH: usize = 64;

    /// Listens on the URL's address and port; port 0 is one that the system chooses. Where the host is `::` and there is no IPv6 on this host, listens on
    /// 0.0.0.0 instead.
    ///
    /// The port is not shared with other sockets: a second program that could take it over would do so silently.
    pub fn open(url: &Url, options: ReceiverOptions) -> Result<Self, ListenError> {
        Ok(Self::new(socket::listen(url, &options)?, options, Seen::default()))
    }

    /// Receives on the socket of another receiver, which may go on as well: each datagram comes to one of them, and each drop is counted by one.
    pub fn take_over(shared: &SharedSocket, options: ReceiverOptions) -> io::Result<Self> {
        Ok(Self::new(socket::adopt(shared.socket()?, &options)?, options, Seen::clone(&shared.seen)))
    }

    fn new(opened: Listening, options: ReceiverOptions, seen: Seen) -> Self {
        let (socket, local_address) = (opened.socket, opened.local_address);
        let longest = if options.merged { LONGEST } else { options.longest.clamp(1, LONGEST) };
        let gather = options.gather.min(Duration::from_nanos(opened.receive_buffer as u64 / FASTEST));
        let options = ReceiverOptions { longest, gather, ..options };
        Self {
            drops: Drops::new(&socket, local_address.is_ipv6(), seen),
            slots: vec![0; longest * Self::BATCH],
            counters: ReceiveCounters::default(),
            receive_buffer: opened.receive_buffer,
            fell_back: opened.fell_back,
            socket,
            local_address,
            options,
        }
    }

    /// The socket again.
    pub fn share(&self) -> io::Result<SharedSocket> {
        Ok(SharedSocket { socket: self.socket.try_clone()?, seen: self.drops.seen() })
    }

    /// Asks for a receive buffer of so many octets, from now on.
    pub fn set_receive_buffer(&mut self, octets: usize) {
        // A socket that is open has one, whatever the kernel says to another size.
        let _ = socket::set_receive_buffer(&self.socket, octets);
        self.receive_buffer = socket::receive_buffer(&self.socket).unwrap_or(self.receive_buffer);
    }

    /// Where it listens.
    pub const fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// True if both families were asked for, but this host has no IPv6.
    pub const fn fell_back(&self) -> bool {
        self.fell_back
    }

    /// Octets of the receive buffer as they were granted, to compare with what was asked for. A packet takes more of them than its payload.
    pub const fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Waits until something can be received, at most so long, and then for [`ReceiverOptions::gather`]; false if nothing can. Before it says so, it asks the
    /// kernel for drops of which no datagram told.
    pub fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        let patience = Timespec::try_from(patience).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
        let is_ready = match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&patience)) {
            Ok(ready) => ready > 0,
            Err(rustix::io::Errno::INTR) => false,
            Err(error) => return Err(error.into()),
        };
        if is_ready {
            std::thread::sleep(self.options.gather);
        } else {
            self.drops.look();
        }
        Ok(is_ready)
    }

    /// Hands out the datagrams that wait, at most [`Self::BATCH`] packets of them, and says how many packets it were: fewer than that, and nothing waits any
    /// more. `now` is the time in nanoseconds since 1970 that stands on them.
    pub fn receive(&mut self, now: i64, mut each: impl FnMut(Datagram<'_>)) -> io::Result<usize> {
        let mut slots = self.slots.chunks_exact_mut(self.options.longest);
        let mut slices: [[IoSliceMut<'_>; 1]; Self::BATCH] = from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
        // Made anew for each call, since nix does not set back the room for control messages after a call that brought none.
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(Self::BATCH, Some(nix::cmsg_space!(u32, i32)));
        let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let packets = match recvmmsg(socket, &mut headers, &mut slices, flags, None) {
            Ok(packets) => packets,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut count = 0;
        for packet in packets {
            count += 1;
            let payload = packet.iovs().next().unwrap_or_default();
            let mut segment = payload.len();
            for message in packet.cmsgs().into_iter().flatten() {
                match message {
                    ControlMessageOwned::RxqOvfl(dropped) => self.drops.told(dropped),
                    ControlMessageOwned::UdpGroSegments(octets) => segment = usize::try_from(octets).unwrap_or(segment),
                    _ => {}
                }
            }
            self.counters.truncated += u64::from(packet.flags.contains(MsgFlags::MSG_TRUNC));
            self.counters.octets += payload.len() as u64;
            let (from, port) = sender(packet.address.as_ref());
            let listener = self.options.listener;
            let mut hand_out = |payload| {
                self.counters.datagrams += 1;
                each(Datagram { payload, from, port, received: now, listener, stream: None });
            };
            if segment >= payload.len() {
                hand_out(payload);
            } else {
                payload.chunks(segment.max(1)).for_each(hand_out);
            }
        }
        self.drops.expect();
        self.counters.calls += 1;
        Ok(count)
    }

    /// What has been counted.
    pub const fn counters(&self) -> ReceiveCounters {
        ReceiveCounters { kernel_dropped: self.drops.total(), ..self.counters }
    }
}

impl SharedSocket {
    /// To send by it.
    pub fn socket(&self) -> io::Result<UdpSocket> {
        self.socket.try_clone()
    }

    /// Lets a socket that takes this one's place have its port beside it, or not any more.
    pub fn share_port(&self, is_shared: bool) -> io::Result<()> {
        share_port(&self.socket, is_shared)
    }
}

impl AddAssign for ReceiveCounters {
    fn add_assign(&mut self, other: Self) {
        self.datagrams += other.datagrams;
        self.octets += other.octets;
        self.kernel_dropped += other.kernel_dropped;
        self.truncated += other.truncated;
        self.calls += other.calls;
    }
}

/// Address and port of a sender; an IPv4 address that a socket of both families has mapped is one again.
fn sender(address: Option<&SockaddrStorage>) -> (IpAddr, u16) {
    if let Some(v6) = address.and_then(SockaddrStorage::as_sockaddr_in6) {
        return (v6.ip().to_canonical(), v6.port());
    }
    match address.and_then(SockaddrStorage::as_sockaddr_in) {
        Some(v4) => (v4.ip().into(), v4.port()),
        None => (Ipv6Addr::UNSPECIFIED.into(), 0),
    }
}
