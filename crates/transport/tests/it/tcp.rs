//! Streams to collectors that are there, are not, close, read slowly and come back.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use weir_transport::{Sender, State};

use super::{PATIENCE, open, wait_for};

/// A sender whose connection is made, and the collector's end of it.
fn connected(listener: &TcpListener) -> (Sender, TcpStream) {
    let mut sender = open(&format!("tcp://{}", listener.local_addr().unwrap()));
    wait_for(&mut sender, State::Began);
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    (sender, stream)
}

#[test]
fn messages_arrive_in_order_over_both_families() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let (mut sender, mut stream) = connected(&listener);
        assert_eq!(sender.state(), State::Ready);
        sender.send(b"one ");
        sender.send(b"two ");
        sender.flush();
        assert_eq!(sender.counters().messages, 2);
        sender.send(b"three");
        let counters = sender.close(PATIENCE);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two three");
        assert_eq!((counters.messages, counters.octets, counters.dropped, counters.errors), (3, 13, 0, 0));
    }
}

#[test]
fn without_a_connection_messages_are_dropped_and_one_is_made_later() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut sender = open(&format!("tcp://{address}"));
    for _ in 0..20 {
        assert_eq!(sender.state(), State::Waiting);
        sender.send(b"lost");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!((sender.counters().messages, sender.counters().dropped), (0, 20));
    assert!((1..10).contains(&sender.counters().errors), "{:?}", sender.counters());
    let listener = TcpListener::bind(address).unwrap();
    wait_for(&mut sender, State::Began);
    sender.send(b"kept");
    sender.flush();
    let mut octets = [0; 4];
    listener.accept().unwrap().0.read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"kept");
    assert_eq!(sender.counters().reconnects, 0);
}

#[test]
fn a_peer_that_closes_ends_the_session_and_the_next_one_begins() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut sender, stream) = connected(&listener);
    drop(stream);
    wait_for(&mut sender, State::Waiting);
    sender.send(b"between");
    assert_eq!(sender.counters().dropped, 1);
    wait_for(&mut sender, State::Began);
    assert_eq!(sender.state(), State::Ready);
    assert_eq!(sender.counters().reconnects, 1);
}

#[test]
fn a_peer_that_reads_slowly_gets_whole_messages_and_the_rest_is_dropped_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut sender, mut stream) = connected(&listener);
    let mut offered = 0u64;
    while sender.counters().dropped < 100 {
        sender.send(&[offered as u8; 1000]);
        offered += 1;
        assert!(offered < 100_000);
    }
    let reader = std::thread::spawn(move || {
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).unwrap();
        octets
    });
    let dropped = sender.counters().dropped;
    let counters = sender.close(PATIENCE);
    let octets = reader.join().unwrap();
    assert_eq!((counters.messages + dropped, counters.dropped), (offered, dropped));
    assert_eq!((octets.len() as u64, counters.octets), (counters.messages * 1000, counters.messages * 1000));
    assert!(octets.chunks(1000).all(|message| message.iter().all(|octet| *octet == message[0])));
}

#[test]
fn what_waits_when_a_connection_is_lost_is_dropped_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut sender, stream) = connected(&listener);
    let mut offered = 0;
    while sender.counters().dropped < 10 {
        sender.send(&[1; 1000]);
        offered += 1;
    }
    drop(stream);
    wait_for(&mut sender, State::Began);
    let counters = *sender.counters();
    assert_eq!(counters.messages + counters.dropped, offered);
    assert!(counters.dropped > 10);
    sender.send(b"new session");
    sender.flush();
    let mut octets = Vec::new();
    sender.close(PATIENCE);
    listener.accept().unwrap().0.read_to_end(&mut octets).unwrap();
    assert_eq!(octets, b"new session");
}
