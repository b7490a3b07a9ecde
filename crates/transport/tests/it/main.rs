//! Senders and receivers against real sockets of this machine: peers that listen, refuse, close, read slowly and come back, or send more than can be taken.
#![allow(clippy::unwrap_used, reason = "tests, their helpers included")]

use std::time::{Duration, Instant};

use weir_testkit::CountingAllocator;
use weir_transport::{Sender, SenderOptions, State, Url};

mod receive;
mod receive_drops;
mod shards;
mod streams;
mod streams_tls;
mod tcp;
mod udp;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// How long something is waited for that has to come: long enough for a machine that others use as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sender whose pauses are short.
fn open(url: &str) -> Sender {
    let options = SenderOptions {
        retry_min: Duration::from_millis(10),
        retry_max: Duration::from_millis(40),
        buffer: 0,
        ..SenderOptions::default()
    };
    Sender::open(&Url::parse(url, 4739).unwrap(), options).unwrap()
}

/// Asks for the state until it is that one.
fn wait_for(sender: &mut Sender, wanted: State) {
    let end = Instant::now() + PATIENCE;
    while sender.state() != wanted {
        assert!(Instant::now() < end, "never {wanted:?}: {sender:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_cannot_be_opened_says_why() {
    let open = |url: &str, source: Option<&str>| {
        let options = SenderOptions { source: source.map(|source| source.parse().unwrap()), ..SenderOptions::default() };
        Sender::open(&Url::parse(url, 4739).unwrap(), options).map(drop).map_err(|error| error.to_string())
    };
    let family = "udp://[::1]:4739: the source address 127.0.0.1 is of the other IP version";
    assert_eq!(open("udp://[::1]", Some("127.0.0.1")), Err(family.to_owned()));
    assert_eq!(open("tcp://[::1]", Some("::1")), Ok(()));
}
