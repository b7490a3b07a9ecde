//! The addresses of a peer, and when to try it again.
//!
//! A name is looked up by a thread of its own, since that may wait for a DNS server for long, and whoever sends has other things to do meanwhile.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::{SenderOptions, Url};

/// What is wrong where a look-up finds nothing.
pub(crate) const NO_ADDRESS: &str = "its name has no address";

/// A peer that is looked for: its addresses one after the other, with pauses that grow between failures.
#[derive(Debug)]
pub(crate) struct Peer {
    url: Url,
    source: Option<IpAddr>,
    retry: (Duration, Duration),
    /// Addresses of the last look-up that are still to be tried, last first.
    addresses: Vec<SocketAddr>,
    /// The system is being asked for the addresses.
    asked: Option<Receiver<Vec<SocketAddr>>>,
    failures: u32,
    next_try: Option<Instant>,
}

impl Peer {
    pub(crate) fn new(url: &Url, options: &SenderOptions) -> Self {
        let retry = (options.retry_min, options.retry_max);
        Self { url: url.clone(), source: options.source, retry, addresses: Vec::new(), asked: None, failures: 0, next_try: None }
    }

    /// The next address to try, when its time has come and it is known. The name is looked up anew once all addresses were tried.
    pub(crate) fn next(&mut self, now: Instant, errors: &mut u64) -> Option<SocketAddr> {
        if self.next_try.is_some_and(|time| now < time) {
            return None;
        }
        if self.addresses.is_empty() {
            self.addresses = self.look_up()?;
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

    /// An address worked: the next failure begins with the shortest pause and a fresh look-up.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.next_try = None;
        self.forget_addresses();
    }

    /// The next try begins with a fresh look-up.
    pub(crate) fn forget_addresses(&mut self) {
        self.addresses.clear();
    }

    /// Addresses of the source's family, in the system's order of preference, last first; empty where there are none. Nothing as long as the system is being
    /// asked: ask again.
    pub(crate) fn look_up(&mut self) -> Option<Vec<SocketAddr>> {
        let source = self.source;
        let fits = move |address: &SocketAddr| source.is_none_or(|source| source.is_ipv4() == address.is_ipv4());
        if let Ok(address) = self.url.host.parse::<IpAddr>() {
            return Some(Some(SocketAddr::new(address, self.url.port)).filter(fits).into_iter().collect());
        }
        let asked = self.asked.take().or_else(|| {
            let (tell, asked) = sync_channel(1);
            let (host, port) = (self.url.host.clone(), self.url.port);
            let ask = move || {
                let found = (host.as_str(), port).to_socket_addrs();
                let mut addresses: Vec<SocketAddr> = found.into_iter().flatten().filter(fits).collect();
                addresses.reverse();
                // Nobody waits for it any more where this fails.
                let _ = tell.send(addresses);
            };
            thread::Builder::new().name("weir-resolve".into()).spawn(ask).ok().map(|_| asked)
        });
        let Some(asked) = asked else { return Some(Vec::new()) };
        match asked.try_recv() {
            Ok(addresses) => Some(addresses),
            Err(TryRecvError::Disconnected) => Some(Vec::new()),
            Err(TryRecvError::Empty) => {
                self.asked = Some(asked);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks until the answer is there.
    fn look_up(peer: &mut Peer) -> Vec<SocketAddr> {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            if let Some(addresses) = peer.look_up() {
                return addresses;
            }
            assert!(Instant::now() < end, "no answer");
            thread::sleep(Duration::from_millis(1));
        }
    }

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
        let mut peer = Peer::new(&url, &options);
        let addresses = look_up(&mut peer);
        assert!(!addresses.is_empty() && addresses.iter().all(SocketAddr::is_ipv4), "{addresses:?}");
    }

    #[test]
    fn a_name_that_is_none_has_no_address_and_is_asked_for_again() {
        let url = Url::parse("udp://no-such-name.invalid", 9).unwrap();
        let mut peer = Peer::new(&url, &SenderOptions::default());
        assert_eq!((look_up(&mut peer), look_up(&mut peer)), (Vec::new(), Vec::new()));
    }
}
