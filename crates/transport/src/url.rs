//! Where a peer is: `udp://host:port`, `tcp://`, `tls://`, `dtls://`; IPv6 addresses in brackets (RFC 3986, section 3.2.2).

use std::fmt;

/// How octets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// Datagrams under DTLS.
    Dtls,
}

impl Scheme {
    /// Every scheme with its name in a URL.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("udp", Self::Udp), ("tcp", Self::Tcp), ("tls", Self::Tls), ("dtls", Self::Dtls)];

    /// The name in a URL.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, scheme)| *scheme == self).map_or("", |(name, _)| name)
    }
}

/// The address of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    /// How octets travel.
    pub scheme: Scheme,
    /// Name or address, an IPv6 address without its brackets.
    pub host: String,
    /// Port; 0 only where the caller's default is 0, and means to a listener one that the system chooses.
    pub port: u16,
}

/// Why a text is no URL of a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No `scheme://`.
    #[error("\"{text}\": expected udp://, tcp://, tls:// or dtls:// and a host")]
    NoScheme {
        /// The whole text.
        text: String,
    },
    /// A scheme that is none of ours.
    #[error("\"{scheme}://\" is unknown, expected udp://, tcp://, tls:// or dtls://")]
    UnknownScheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// Nothing between the scheme and the port, or characters that no host has.
    #[error("\"{host}\" is no host: expected a name, an IPv4 address, or an IPv6 address in brackets")]
    BadHost {
        /// What stands where the host belongs.
        host: String,
    },
    /// A port that is no number from 1 to 65535.
    #[error("\"{port}\" is no port, expected 1 to 65535")]
    BadPort {
        /// What stands behind the colon.
        port: String,
    },
}

impl Url {
    /// Reads a URL. `default_port` is the port where the text names none. A single `/` at the end is taken.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, UrlError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(UrlError::NoScheme { text: text.to_owned() });
        };
        let known = Scheme::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(scheme));
        let Some((_, scheme)) = known else {
            return Err(UrlError::UnknownScheme { scheme: scheme.to_owned() });
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_host(rest)?;
        let port = match port {
            None => default_port,
            Some(port) => {
                let number = port.parse().ok().filter(|_| port.bytes().all(|digit| digit.is_ascii_digit()));
                number.filter(|number| *number != 0).ok_or_else(|| UrlError::BadPort { port: port.to_owned() })?
            }
        };
        Ok(Self { scheme: *scheme, host: host.to_owned(), port })
    }
}

/// Host, and port where there is one.
fn split_host(rest: &str) -> Result<(&str, Option<&str>), UrlError> {
    let bad = || UrlError::BadHost { host: rest.to_owned() };
    if let Some(bracketed) = rest.strip_prefix('[') {
        let (host, behind) = bracketed.split_once(']').ok_or_else(bad)?;
        let (address, _zone) = host.split_once('%').unwrap_or((host, ""));
        address.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?;
        return match behind.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if behind.is_empty() => Ok((host, None)),
            None => Err(bad()),
        };
    }
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
    // An IPv6 address without brackets would have colons in what is taken for its port.
    if host.is_empty() || !host.bytes().all(is_allowed) || port.is_some_and(|port| port.contains(':')) {
        return Err(bad());
    }
    Ok((host, port))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        let scheme = scheme.name();
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        Url::parse(text, 4739).map(|url| url.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn urls_are_read_and_printed_back() {
        for (text, expected) in [
            ("udp://192.0.2.1:2055", "udp://192.0.2.1:2055"),
            ("UDP://collector.example", "udp://collector.example:4739"),
            ("tcp://[2001:db8::1]:3000/", "tcp://[2001:db8::1]:3000"),
            ("tcp://[fe80::1%eth0]", "tcp://[fe80::1%eth0]:4739"),
            ("tls://[::1]", "tls://[::1]:4739"),
            ("dtls://a_b-c.example:1", "dtls://a_b-c.example:1"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_told() {
        for (text, expected) in [
            ("192.0.2.1:2055", "\"192.0.2.1:2055\": expected udp://, tcp://, tls:// or dtls:// and a host"),
            ("http://a", "\"http://\" is unknown, expected udp://, tcp://, tls:// or dtls://"),
            ("udp://", "\"\" is no host: expected a name, an IPv4 address, or an IPv6 address in brackets"),
            ("udp://:2055", "\":2055\" is no host: expected a name, an IPv4 address, or an IPv6 address in brackets"),
            ("udp://::1", "\"::1\" is no host: expected a name, an IPv4 address, or an IPv6 address in brackets"),
            (
                "udp://2001:db8::1:99",
                "\"2001:db8::1:99\" is no host: expected a name, an IPv4 address, or an IPv6 address in brackets",
            ),
            ("udp://[::1", "\"[::1\" is no host: expected a name, an IPv4 address, or an IPv6 address in brackets"),
            ("udp://[::1]2055", "\"[::1]2055\" is no host: expected a name, an IPv4 address, or an IPv6 address in brackets"),
            ("udp://a/b", "\"a/b\" is no host: expected a name, an IPv4 address, or an IPv6 address in brackets"),
            ("udp://a:0", "\"0\" is no port, expected 1 to 65535"),
            ("udp://a:65536", "\"65536\" is no port, expected 1 to 65535"),
            ("udp://a:+1", "\"+1\" is no port, expected 1 to 65535"),
            ("udp://a:", "\"\" is no port, expected 1 to 65535"),
        ] {
            assert_eq!(parse(text), Err(expected.to_owned()), "{text}");
        }
    }
}
