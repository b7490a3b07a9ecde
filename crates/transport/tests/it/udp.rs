//! Datagrams to collectors that are there, are not, and come back.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use weir_transport::{Sender, SenderOptions, State, Url};

use super::{PATIENCE, open, wait_for};

fn collector(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 65_536];
    let (length, _) = socket.recv_from(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

#[test]
fn datagrams_arrive_over_both_families() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let collector = collector(address);
        let mut sender = open(&format!("udp://{}", collector.local_addr().unwrap()));
        sender.send(b"before the session");
        assert_eq!((sender.state(), sender.state()), (State::Began, State::Ready));
        sender.send(b"one");
        sender.send(&[7; 1400]);
        sender.flush();
        assert_eq!((receive(&collector), receive(&collector)), (b"one".to_vec(), vec![7; 1400]));
        let counters = *sender.counters();
        assert_eq!((counters.messages, counters.octets, counters.errors), (2, 1403, 0));
        assert_eq!((counters.dropped, counters.reconnects), (1, 0));
    }
}

#[test]
fn a_source_address_is_taken() {
    let collector = collector("127.0.0.1:0");
    let options = SenderOptions { source: Some("127.0.0.2".parse().unwrap()), ..SenderOptions::default() };
    let url = Url::parse(&format!("udp://{}", collector.local_addr().unwrap()), 0).unwrap();
    let mut sender = Sender::open(&url, options).unwrap();
    assert_eq!(sender.state(), State::Began);
    sender.send(b"x");
    let (_, from) = collector.recv_from(&mut [0; 10]).unwrap();
    assert_eq!(from.ip().to_string(), "127.0.0.2");
}

#[test]
fn a_refusal_is_counted_and_a_collector_that_comes_back_is_heard() {
    let address = weir_testkit::free_address();
    let mut sender = open(&format!("udp://{address}"));
    assert_eq!(sender.state(), State::Began);
    for _ in 0..20 {
        sender.send(b"to nobody");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(sender.counters().errors > 0, "{:?}", sender.counters());
    let again = collector(&address.to_string());
    let before = sender.counters().messages;
    sender.send(b"to somebody");
    assert_eq!(sender.counters().messages, before + 1);
    assert_eq!(receive(&again), b"to somebody");
}

#[test]
fn what_no_datagram_can_carry_is_dropped_and_a_new_socket_follows() {
    let collector = collector("127.0.0.1:0");
    let mut sender = open(&format!("udp://{}", collector.local_addr().unwrap()));
    assert_eq!(sender.state(), State::Began);
    sender.send(&[0; 70_000]);
    assert_eq!((sender.counters().errors, sender.counters().dropped), (1, 1));
    wait_for(&mut sender, State::Began);
    sender.send(b"short");
    assert_eq!(receive(&collector), b"short");
    assert_eq!(sender.counters().reconnects, 1);
}

#[test]
fn a_name_that_is_none_is_asked_for_again_later() {
    let url = Url::parse("udp://no-such-name.invalid", 4739).unwrap();
    // A pause longer than any look-up of the name.
    let mut sender = Sender::open(&url, SenderOptions { retry_min: 6 * PATIENCE, ..SenderOptions::default() }).unwrap();
    let end = Instant::now() + PATIENCE;
    while sender.counters().errors == 0 {
        assert_eq!(sender.state(), State::Waiting);
        assert!(Instant::now() < end, "no answer to the look-up");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(sender.state(), State::Waiting);
    assert_eq!(sender.trouble(), Some("its name has no address"));
    sender.send(b"x");
    assert_eq!((sender.counters().errors, sender.counters().dropped), (1, 1));
}
