//! Sockets that listen for datagrams.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::fd::OwnedFd;

use nix::sys::socket::{setsockopt, sockopt as option};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::ReceiverOptions;
use crate::{Scheme, Url};

/// Why nothing can be received there.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// TCP, TLS and DTLS.
    #[error("{url}: listening on {} is not supported yet, use udp://", url.scheme.name())]
    NotYet {
        /// Where it should listen.
        url: Url,
    },
    /// The host is a name that has no address.
    #[error("{url}: no address for \"{}\": {source}", url.host)]
    NoAddress {
        /// Where it should listen.
        url: Url,
        /// What the system says.
        source: io::Error,
    },
    /// The address and port cannot be had.
    #[error("{url}: cannot listen on {address}: {source}{}", advice(source))]
    Bind {
        /// Where it should listen.
        url: Url,
        /// The address that was tried.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// What to do about it.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another socket has this port, `ss -ulpn` shows whose",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need the capability CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "; no interface of this host has this address",
        _ => "",
    }
}

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
    listen_with(url, options, open)
}

fn listen_with(
    url: &Url,
    options: &ReceiverOptions,
    open: impl Fn(SocketAddr, &ReceiverOptions) -> Result<OwnedFd, Errno>,
) -> Result<Listening, ListenError> {
    if url.scheme != Scheme::Udp {
        return Err(ListenError::NotYet { url: url.clone() });
    }
    let no_address = |source| ListenError::NoAddress { url: url.clone(), source };
    let addresses = (url.host.as_str(), url.port).to_socket_addrs().map_err(no_address)?;
    let mut refusal = no_address(io::ErrorKind::NotFound.into());
    for address in addresses {
        let mut opened = open(address, options);
        let has_no_ipv6 = matches!(opened, Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL));
        let falls_back = has_no_ipv6 && address.ip() == Ipv6Addr::UNSPECIFIED && !options.v6_only;
        if falls_back {
            opened = open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())), options);
        }
        match opened.map_err(io::Error::from).and_then(|socket| describe(socket, falls_back)) {
            Ok(listening) => return Ok(listening),
            Err(source) => refusal = ListenError::Bind { url: url.clone(), address, source },
        }
    }
    Err(refusal)
}

/// A bound socket with all its options.
fn open(address: SocketAddr, options: &ReceiverOptions) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, options.v6_only)?;
    }
    // The kernel doubles the number for its own needs, and refuses what does not fit in 32 bits then.
    let octets = options.receive_buffer.min(i32::MAX as usize / 2);
    // Beyond the limit of the system (net.core.rmem_max) only an administrator gets; anybody else gets the limit.
    if sockopt::set_socket_recv_buffer_size_force(&socket, octets).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, octets)?;
    }
    // Without the first drops are known from the table of sockets, without the second datagrams come one by one.
    let _ = setsockopt(&socket, option::RxqOvfl, &1);
    if options.merged {
        let _ = setsockopt(&socket, option::UdpGroSegment, &true);
    }
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

fn describe(socket: OwnedFd, fell_back: bool) -> io::Result<Listening> {
    let receive_buffer = sockopt::socket_recv_buffer_size(&socket)? / 2;
    let socket = UdpSocket::from(socket);
    Ok(Listening { local_address: socket.local_addr()?, socket, receive_buffer, fell_back })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host whose kernel has no IPv6.
    fn open_without_ipv6(address: SocketAddr, options: &ReceiverOptions) -> Result<OwnedFd, Errno> {
        if address.is_ipv6() { Err(Errno::AFNOSUPPORT) } else { open(address, options) }
    }

    #[test]
    fn without_ipv6_all_addresses_are_those_of_ipv4() {
        let url = Url::parse("udp://[::]", 0).unwrap();
        let options = ReceiverOptions::default();
        let listening = listen_with(&url, &options, open_without_ipv6).unwrap();
        assert!(listening.fell_back);
        assert_eq!(listening.local_address.ip(), Ipv4Addr::UNSPECIFIED);

        // There is a listener for IPv4 then, or somebody wants just that address.
        let v6_only = ReceiverOptions { v6_only: true, ..options };
        assert!(listen_with(&url, &v6_only, open_without_ipv6).is_err());
        let loopback = Url::parse("udp://[::1]", 0).unwrap();
        assert!(listen_with(&loopback, &options, open_without_ipv6).is_err());
    }
}
