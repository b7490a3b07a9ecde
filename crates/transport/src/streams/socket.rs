//! Sockets that wait for connections.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::StreamOptions;
use crate::listening::{self, ListenError};
use crate::{Scheme, Url};

/// Connections that may wait to be accepted; the system takes fewer if it is told so (net.core.somaxconn).
const BACKLOG: i32 = 1024;

/// A connection is asked for a sign of life when it was silent for so long, then so often in these pauses until it counts as gone.
const KEEP_IDLE: Duration = Duration::from_secs(60);
const KEEP_PAUSE: Duration = Duration::from_secs(15);
const KEEP_COUNT: u32 = 4;

/// Socket, address, and whether it is 0.0.0.0 instead of `::`.
pub(super) fn listen(url: &Url, options: &StreamOptions) -> Result<(TcpListener, SocketAddr, bool), ListenError> {
    let describe = |socket: &OwnedFd| Ok(SocketAddr::try_from(rustix::net::getsockname(socket)?)?);
    let schemes = &[Scheme::Tcp, Scheme::Tls];
    let (bound, address) = listening::bind(url, schemes, options.v6_only, |address| open(address, options), describe)?;
    Ok((TcpListener::from(bound.socket), address, bound.fell_back))
}

fn open(address: SocketAddr, options: &StreamOptions) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, options.v6_only)?;
    }
    // After a restart, connections of the program before still hold the port for a while.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    // Accepted connections inherit these.
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, KEEP_IDLE)?;
    sockopt::set_tcp_keepintvl(&socket, KEEP_PAUSE)?;
    sockopt::set_tcp_keepcnt(&socket, KEEP_COUNT)?;
    sockopt::set_socket_reuseport(&socket, options.is_successor)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    // The next one to bind is to find the port taken.
    sockopt::set_socket_reuseport(&socket, false)?;
    Ok(socket)
}
