//! The addresses of a peer, and when to try it again.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::{SenderOptions, Url};

/// A peer that is looked for: its addresses one after the other, with pauses that grow between failures.
#[derive(Debug)]
pub(crate) struct Peer {
    url: Url,
    source: Option<IpAddr>,
    retry: (Duration, Duration),
    /// Addresses of the last resolution that are still to be tried, last first.
    addresses: Vec<SocketAddr>,
    failures: u32,
    next_try: Option<Instant>,
}

impl Peer {
    pub(crate) fn new(url: &Url, options: &SenderOptions) -> Self {
        let retry = (options.retry_min, options.retry_max);
        Self { url: url.clone(), source: options.source, retry, addresses: Vec::new(), failures: 0, next_try: None }
    }

    /// The next address to try, when its time has come. Resolves the name anew once all addresses were tried; that may wait for a DNS server.
    pub(crate) fn next(&mut self, now: Instant, errors: &mut u64) -> Option<SocketAddr> {
        if self.next_try.is_some_and(|time| now < time) {
            return None;
        }
        if self.addresses.is_empty() {
            self.addresses = self.resolve();
        }
        let address = self.addresses.pop();
        if address.is_none() {
            *errors += 1;
            self.failed(now);
        }
        address
    }

    /// An address did not work: the next one is tried at once, and after the last comes a pause.
    pub(crate) fn failed(&mut self, now: Instant) {
        if !self.addresses.is_empty() {
            return;
        }
        let (shortest, longest) = self.retry;
        let pause = shortest.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures += 1;
        self.next_try = Some(now + pause);
    }

    /// An address worked: the next failure begins with the shortest pause and a fresh resolution.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.next_try = None;
        self.forget_addresses();
    }

    /// The next try begins with a fresh resolution.
    pub(crate) fn forget_addresses(&mut self) {
        self.addresses.clear();
    }

    /// True where the address may change: the host is a name.
    pub(crate) fn is_name(&self) -> bool {
        self.url.host.parse::<IpAddr>().is_err()
    }

    /// The first address now, if the name can be resolved.
    pub(crate) fn current(&self) -> Option<SocketAddr> {
        self.resolve().pop()
    }

    /// Addresses of the source's family, in the system's order of preference, last first.
    fn resolve(&self) -> Vec<SocketAddr> {
        let found = (self.url.host.as_str(), self.url.port).to_socket_addrs();
        let fits = |address: &SocketAddr| self.source.is_none_or(|source| source.is_ipv4() == address.is_ipv4());
        let mut addresses: Vec<SocketAddr> = found.into_iter().flatten().filter(fits).collect();
        addresses.reverse();
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let url = Url::parse("udp://192.0.2.1", 9).unwrap();
        let second = Duration::from_secs(1);
        let mut peer = Peer::new(&url, &SenderOptions { retry_min: second, retry_max: 3 * second, ..SenderOptions::default() });
        let (mut now, mut errors) = (Instant::now(), 0);
        for pause in [1, 2, 3, 3] {
            assert!(peer.next(now, &mut errors).is_some());
            peer.failed(now);
            assert_eq!(peer.next(now + pause * second - Duration::from_millis(1), &mut errors), None);
            now += pause * second;
        }
        assert!(peer.next(now, &mut errors).is_some());
        peer.succeeded();
        assert!(peer.next(now, &mut errors).is_some());
        assert_eq!(errors, 0);
    }

    #[test]
    fn a_source_address_chooses_the_family() {
        let url = Url::parse("udp://localhost", 9).unwrap();
        let options = SenderOptions { source: Some("127.0.0.1".parse().unwrap()), ..SenderOptions::default() };
        let peer = Peer::new(&url, &options);
        assert!(peer.is_name());
        assert!(peer.current().unwrap().is_ipv4());
    }
}
