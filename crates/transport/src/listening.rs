//! Sockets that listen, whatever for: the addresses of a host, one after the other, and what to say when none can be had.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt;

use crate::{Scheme, Url};

/// Why nothing can be received there.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// A scheme of the other kind of listener.
    #[error("{url}: expected {}", names(schemes))]
    OtherScheme {
        /// Where it should listen.
        url: Url,
        /// What this kind of listener can do.
        schemes: &'static [Scheme],
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
    #[error("{url}: cannot listen on {address}: {source}{}", advice(url, source))]
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
fn advice(url: &Url, error: &io::Error) -> &'static str {
    let is_stream = matches!(url.scheme, Scheme::Tcp | Scheme::Tls);
    match error.kind() {
        io::ErrorKind::AddrInUse if is_stream => "; another socket has this port, `ss -tlpn` shows whose",
        io::ErrorKind::AddrInUse => "; another socket has this port, `ss -ulpn` shows whose",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need the capability CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "; no interface of this host has this address",
        _ => "",
    }
}

fn names(schemes: &[Scheme]) -> String {
    let names: Vec<String> = schemes.iter().map(|scheme| format!("{}://", scheme.name())).collect();
    names.join(" or ")
}

/// Lets another socket of this user have the port of this one beside it, or not any more: so that a listener whose address overlaps can be opened before this
/// one is closed, and nothing is lost in between. The kernel gives what comes to either of them. Only for as long as it takes.
pub(crate) fn share_port(socket: impl AsFd, is_shared: bool) -> io::Result<()> {
    Ok(sockopt::set_socket_reuseport(socket, is_shared)?)
}

/// A socket that listens.
pub(crate) struct Bound {
    pub(crate) socket: OwnedFd,
    /// 0.0.0.0 instead of `::`.
    pub(crate) fell_back: bool,
}

/// Binds the first address of the host that can be had, and says what the caller wants to know of it. Where the host is `::` and there is no IPv6 on this
/// host, binds 0.0.0.0 instead, unless only IPv6 is wanted.
pub(crate) fn bind<T>(
    url: &Url,
    schemes: &'static [Scheme],
    v6_only: bool,
    open: impl Fn(SocketAddr) -> Result<OwnedFd, Errno>,
    describe: impl Fn(&OwnedFd) -> io::Result<T>,
) -> Result<(Bound, T), ListenError> {
    if !schemes.contains(&url.scheme) {
        return Err(ListenError::OtherScheme { url: url.clone(), schemes });
    }
    let no_address = |source| ListenError::NoAddress { url: url.clone(), source };
    let addresses = (url.host.as_str(), url.port).to_socket_addrs().map_err(no_address)?;
    let mut refusal = no_address(io::ErrorKind::NotFound.into());
    for address in addresses {
        let mut opened = open(address);
        let has_no_ipv6 = matches!(opened, Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL));
        let fell_back = has_no_ipv6 && address.ip() == Ipv6Addr::UNSPECIFIED && !v6_only;
        if fell_back {
            opened = open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())));
        }
        let described = opened.map_err(io::Error::from).and_then(|socket| describe(&socket).map(|facts| (socket, facts)));
        match described {
            Ok((socket, facts)) => return Ok((Bound { socket, fell_back }, facts)),
            Err(source) => refusal = ListenError::Bind { url: url.clone(), address, source },
        }
    }
    Err(refusal)
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketType, bind as bind_socket, getsockname, socket};

    use super::*;

    /// A host whose kernel has no IPv6.
    fn open_without_ipv6(address: SocketAddr) -> Result<OwnedFd, Errno> {
        if address.is_ipv6() {
            return Err(Errno::AFNOSUPPORT);
        }
        let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        bind_socket(&socket, &address)?;
        Ok(socket)
    }

    fn bind_there(url: &str, v6_only: bool) -> Result<(bool, SocketAddr), ListenError> {
        let describe = |socket: &OwnedFd| Ok(SocketAddr::try_from(getsockname(socket)?)?);
        let (bound, address) = bind(&Url::parse(url, 0).unwrap(), &[Scheme::Udp], v6_only, open_without_ipv6, describe)?;
        Ok((bound.fell_back, address))
    }

    #[test]
    fn without_ipv6_all_addresses_are_those_of_ipv4() {
        let (fell_back, address) = bind_there("udp://[::]", false).unwrap();
        assert!(fell_back);
        assert_eq!(address.ip(), Ipv4Addr::UNSPECIFIED);
        // There is a listener for IPv4 then, or somebody wants just that address.
        assert!(bind_there("udp://[::]", true).is_err());
        assert!(bind_there("udp://[::1]", false).is_err());
    }

    #[test]
    fn a_scheme_of_another_listener_is_refused() {
        let error = bind_there("tcp://[::]", false).unwrap_err().to_string();
        assert_eq!(error, "tcp://[::]:0: expected udp://");
    }
}
