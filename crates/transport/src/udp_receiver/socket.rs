//! Sockets that listen for datagrams.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::socket::{setsockopt, sockopt as option};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::ReceiverOptions;
use crate::listening::{self, Bound, ListenError};
use crate::{Scheme, Url};

/// A socket that listens.
pub(super) struct Listening {
    pub(super) socket: UdpSocket,
    pub(super) local_address: SocketAddr,
    /// Octets granted.
    pub(super) receive_buffer: usize,
    /// 0.0.0.0 instead of `::`.
    pub(super) fell_back: bool,
}

/// Listens on the first address of the host that can be had.
pub(super) fn listen(url: &Url, options: &ReceiverOptions) -> Result<Listening, ListenError> {
    let schemes = &[Scheme::Udp, Scheme::Dtls];
    let (bound, (local_address, receive_buffer)) =
        listening::bind(url, schemes, options.v6_only, |address| open(address, options), describe)?;
    let Bound { socket, fell_back } = bound;
    Ok(Listening { socket: UdpSocket::from(socket), local_address, receive_buffer, fell_back })
}

/// A bound socket with all its options.
fn open(address: SocketAddr, options: &ReceiverOptions) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, options.v6_only)?;
    }
    set_receive_buffer(&socket, options.receive_buffer)?;
    // Without the first drops are known from the table of sockets, without the second datagrams come one by one.
    let _ = setsockopt(&socket, option::RxqOvfl, &1);
    if options.merged {
        let _ = setsockopt(&socket, option::UdpGroSegment, &true);
    }
    sockopt::set_socket_reuseport(&socket, options.is_successor)?;
    rustix::net::bind(&socket, &address)?;
    // The next one to bind is to find the port taken.
    sockopt::set_socket_reuseport(&socket, false)?;
    Ok(socket)
}

/// A socket that listens already.
pub(super) fn adopt(socket: UdpSocket, options: &ReceiverOptions) -> io::Result<Listening> {
    set_receive_buffer(&socket, options.receive_buffer)?;
    let (local_address, receive_buffer) = (socket.local_addr()?, receive_buffer(&socket)?);
    Ok(Listening { socket, local_address, receive_buffer, fell_back: false })
}

/// Asks for a receive buffer of so many octets.
pub(super) fn set_receive_buffer(socket: impl AsFd, octets: usize) -> Result<(), Errno> {
    // The kernel doubles the number for its own needs, and refuses what does not fit in 32 bits then.
    let octets = octets.min(i32::MAX as usize / 2);
    // Beyond the limit of the system (net.core.rmem_max) only an administrator gets; anybody else gets the limit.
    if sockopt::set_socket_recv_buffer_size_force(&socket, octets).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, octets)?;
    }
    Ok(())
}

/// Octets of the receive buffer that are granted.
pub(super) fn receive_buffer(socket: impl AsFd) -> io::Result<usize> {
    Ok(sockopt::socket_recv_buffer_size(socket)? / 2)
}

/// Where it listens, and octets granted.
fn describe(socket: &OwnedFd) -> io::Result<(SocketAddr, usize)> {
    let address = rustix::net::getsockname(socket)?;
    Ok((SocketAddr::try_from(address)?, receive_buffer(socket)?))
}
