//! By which names the service may be asked, and where a request really comes from.
//!
//! A page of a stranger whose name was made to point here (DNS rebinding) names the stranger's host, so only names that are known are answered. What proxies say about
//! their clients is believed of proxies that are known; from others it is refused, since nobody else has a reason to send it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, Request, StatusCode, Version, header};
use tokio_rustls::rustls::ServerConfig;

use crate::error::Fault;

/// Whether an address is one of some networks.
pub type Networks = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// How the service meets the network.
#[derive(Clone)]
pub struct Edge {
    /// Names by which it is asked, besides those of this machine.
    pub hosts: Vec<String>,
    /// Proxies whose word on their clients is believed.
    pub trusted_proxies: Networks,
    /// Who may read the counters at `/metrics` without signing in.
    pub metrics_from: Networks,
    /// Certificate and key, where it speaks TLS.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Default for Edge {
    /// This machine alone, without TLS.
    fn default() -> Self {
        Self { hosts: Vec::new(), trusted_proxies: Arc::new(|_| false), metrics_from: Arc::new(|_| false), tls: None }
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("hosts", &self.hosts).field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) local: SocketAddr,
    pub(crate) is_tls: bool,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The client, also behind a proxy that is known.
    pub(super) from: IpAddr,
    /// Nobody between the client and the service, or the proxy, can read it.
    pub(super) is_secret: bool,
}

/// What only proxies say.
const FORWARDED: [&str; 3] = ["forwarded", "x-real-ip", "x-client-ip"];
const FORWARDED_BEGIN: &str = "x-forwarded-";

/// Refuses a request that names the service by something else.
pub(super) fn check_host<B>(edge: &Edge, peer: &Peer, request: &Request<B>) -> Result<(), Fault> {
    let mut named = request.headers().get_all(header::HOST).iter();
    let host = named.next();
    if named.next().is_some() || (host.is_none() && request.version() >= Version::HTTP_11) {
        return Err(Fault::new(StatusCode::BAD_REQUEST, "a request names its host once (RFC 9112, section 3.2)"));
    }
    // Both are looked at where a request has both: nobody knows which of them the client went by.
    let in_target = request.uri().authority().map(|authority| authority.as_str());
    let in_head = host.map(|host| host.to_str().unwrap_or_default());
    if let Some(unknown) = [in_target, in_head].into_iter().flatten().find(|host| !is_known(edge, peer, host)) {
        let shown: String = unknown.chars().filter(|letter| letter.is_ascii_graphic()).take(100).collect();
        let error = format!(
            "this service is not known as \"{shown}\": ask it by the address it is bound to or as localhost, or add the name to [console] hosts"
        );
        return Err(Fault::new(StatusCode::MISDIRECTED_REQUEST, error));
    }
    Ok(())
}

/// Whether this, with or without a port, is a name of the service.
pub(super) fn is_known(edge: &Edge, peer: &Peer, host: &str) -> bool {
    let name = own_name(host);
    if let Ok(address) = name.parse::<IpAddr>() {
        let address = address.to_canonical();
        return address.is_loopback() || address == peer.local.ip().to_canonical() || is_listed(edge, name);
    }
    name.eq_ignore_ascii_case("localhost") || is_listed(edge, name)
}

fn is_listed(edge: &Edge, name: &str) -> bool {
    edge.hosts.iter().any(|host| own_name(host).eq_ignore_ascii_case(name))
}

/// A host without its port, the brackets of an address and the dot that ends a whole name.
pub fn own_name(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        // What is left of an address without brackets has colons.
        Some((name, port))
            if port.bytes().all(|octet| octet.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
}

/// Where a request comes from, by who sent it and, where that is a proxy that is known, by what it says.
pub(super) fn origin(edge: &Edge, peer: &Peer, headers: &HeaderMap) -> Result<Origin, Fault> {
    let is_of_proxy = |name: &str| name.starts_with(FORWARDED_BEGIN) || FORWARDED.contains(&name);
    let Some(told) = headers.keys().find(|name| is_of_proxy(name.as_str())) else {
        return Ok(Origin { from: peer.address, is_secret: peer.is_tls });
    };
    let refuse = |error: String| Fault::new(StatusCode::BAD_REQUEST, error);
    if !(edge.trusted_proxies)(peer.address) {
        let address = peer.address;
        return Err(refuse(format!(
            "the header {told} is taken of proxies alone: add {address} to [console] trusted_proxies if that is one"
        )));
    }
    let mut from = peer.address;
    let all = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect::<Vec<_>>().join(",");
    let clients = if headers.contains_key("x-forwarded-for") {
        all("x-forwarded-for").split(',').map(|client| client.trim().to_owned()).collect()
    } else if headers.contains_key("forwarded") {
        forwarded_for(&all("forwarded"))
    } else {
        Vec::new()
    };
    // The nearest is what our proxy saw; what stands before it is the word of whoever that is.
    for client in clients.iter().rev() {
        let address = own_name(client.trim_matches('"')).parse::<IpAddr>();
        from = address.map_err(|_| refuse(format!("the proxy {} names no address of its client", peer.address)))?.to_canonical();
        if !(edge.trusted_proxies)(from) {
            break;
        }
    }
    let by_proxy = headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
        || all("forwarded").to_ascii_lowercase().contains("proto=https");
    Ok(Origin { from, is_secret: peer.is_tls || by_proxy })
}

/// The clients of a header `Forwarded` (RFC 7239, section 4).
fn forwarded_for(text: &str) -> Vec<String> {
    let client = |element: &str| {
        let pair = element.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then_some(value.trim().trim_matches('"'))
        });
        pair.unwrap_or("?").to_owned()
    };
    text.split(',').map(client).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer { address: address.parse().unwrap(), local: "192.0.2.7:8080".parse().unwrap(), is_tls: false }
    }

    fn edge() -> Edge {
        let is_proxy = |address: IpAddr| matches!(address, IpAddr::V4(address) if address.octets()[0] == 10);
        Edge { hosts: vec!["Weir.example".into(), "203.0.113.1".into()], trusted_proxies: Arc::new(is_proxy), ..Edge::default() }
    }

    #[test]
    fn names_of_the_service_are_known_and_no_others() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1",
            "127.0.0.9:1",
            "[::1]:8080",
            "[::1]",
            "192.0.2.7:8080",
            "weir.example",
            "weir.example.:443",
            "203.0.113.1:8080",
            "[::ffff:192.0.2.7]:8080",
        ] {
            assert!(is_known(&edge(), &peer("192.0.2.1"), host), "{host}");
        }
        for host in [
            "",
            ":",
            ":8080",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "weir.example.evil",
            "192.0.2.8",
            "[::2]",
            "weir.example:80:80",
            "weir.example@evil",
            "weir.example\u{0}",
        ] {
            assert!(!is_known(&edge(), &peer("192.0.2.1"), host), "{host}");
        }
    }

    fn origin_of(from: &str, told: &[(&'static str, &'static str)]) -> Result<(String, bool), StatusCode> {
        let mut headers = HeaderMap::new();
        for (name, value) in told {
            headers.append(*name, value.parse().unwrap());
        }
        let origin = origin(&edge(), &peer(from), &headers).map_err(|fault| fault.status)?;
        Ok((origin.from.to_string(), origin.is_secret))
    }

    #[test]
    fn proxies_that_are_known_are_believed() {
        let told = |from, headers: &[_]| origin_of(from, headers).unwrap().0;
        assert_eq!(told("192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(told("10.0.0.1", &[("x-forwarded-for", "192.0.2.9")]), "192.0.2.9");
        assert_eq!(
            told("10.0.0.1", &[("x-forwarded-for", "1.2.3.4, 192.0.2.9, 10.0.0.2")]),
            "192.0.2.9",
            "what a client made up is not taken"
        );
        assert_eq!(told("10.0.0.1", &[("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "192.0.2.9")]), "192.0.2.9");
        assert_eq!(told("10.0.0.1", &[("forwarded", "for=1.2.3.4, for=\"[2001:db8::9]:4711\";proto=https")]), "2001:db8::9");
        assert_eq!(told("10.0.0.1", &[("x-forwarded-proto", "https")]), "10.0.0.1");
        assert!(origin_of("10.0.0.1", &[("x-forwarded-proto", "https")]).unwrap().1);
        assert!(!origin_of("10.0.0.1", &[("x-forwarded-proto", "http")]).unwrap().1);
    }

    #[test]
    fn strangers_are_refused() {
        for header in ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"] {
            assert_eq!(origin_of("192.0.2.1", &[(header, "127.0.0.1")]), Err(StatusCode::BAD_REQUEST), "{header}");
        }
        assert_eq!(origin_of("10.0.0.1", &[("x-forwarded-for", "nonsense")]), Err(StatusCode::BAD_REQUEST));
        assert_eq!(origin_of("10.0.0.1", &[("forwarded", "for=_hidden")]), Err(StatusCode::BAD_REQUEST));
    }
}
