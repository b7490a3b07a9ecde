//! Streams to collectors that are there, are not, close, read slowly and come back.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_testkit::{Authority, free_address};
use weir_transport::tls::{IdentityFiles, TlsClientOptions, TlsServer, TlsServerOptions, TlsVersions};
use weir_transport::{Sender, SenderOptions, State, Url};

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
    let (address, begun) = (free_address(), Instant::now());
    let mut sender = open(&format!("tcp://{address}"));
    for _ in 0..20 {
        assert_eq!(sender.state(), State::Waiting);
        sender.send(b"lost");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!((sender.counters().messages, sender.counters().dropped), (0, 20));
    // Tries with 10, 20, and then always 40 ms between them; the machine may have had other things to do.
    let most = 3 + begun.elapsed().as_millis() as u64 / 40;
    assert!((1..=most).contains(&sender.counters().errors), "{:?}", sender.counters());
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

/// Messages until the peer's host takes no more, which it may seem to do for a moment before.
fn fill(sender: &mut Sender) {
    let (mut taken, mut since) = (0, Instant::now());
    while since.elapsed() < Duration::from_millis(500) {
        let dropped = sender.counters().dropped;
        while sender.counters().dropped == dropped {
            sender.send(&[7; 1000]);
        }
        std::thread::sleep(Duration::from_millis(10));
        sender.flush();
        if sender.counters().messages > taken {
            (taken, since) = (sender.counters().messages, Instant::now());
        }
    }
}

#[test]
fn what_a_peer_that_stalls_has_not_taken_is_not_settled_at_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut sender, stream) = connected(&listener);
    fill(&mut sender);
    let given = sender.counters().messages;
    assert!(given > 0);
    sender.finish(Duration::from_millis(20));
    assert_eq!((sender.settled(), sender.is_handed()), (0, false));
    drop(stream);
}

/// Ends the session; false where the peer took so long to end too that nothing can be said of it: a sender waits for a quarter of a second.
fn is_finished_in_time(sender: &mut Sender) -> bool {
    let begun = Instant::now();
    sender.finish(PATIENCE);
    begun.elapsed() < Duration::from_millis(200)
}

/// Tries until the peer was in time; a machine that others use as well may keep it from that now and then.
fn in_time<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    (0..50).find_map(|_| attempt()).unwrap()
}

#[test]
fn what_a_peer_throws_away_is_neither_settled_nor_handed() {
    assert_eq!(in_time(throws_away), (0, false));
}

fn throws_away() -> Option<(u64, bool)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut sender, stream) = connected(&listener);
    sender.send(b"unread");
    sender.flush();
    let closing = std::thread::spawn(move || {
        // The octets are there before it goes, so that it ends with a reset.
        stream.peek(&mut [0]).unwrap();
        drop(stream);
    });
    let is_in_time = is_finished_in_time(&mut sender);
    closing.join().unwrap();
    is_in_time.then(|| (sender.settled(), sender.is_handed()))
}

#[test]
fn what_a_peer_has_read_to_the_end_is_settled() {
    assert_eq!(in_time(reads_to_the_end), (5, true));
}

fn reads_to_the_end() -> Option<(u64, bool)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut sender, mut stream) = connected(&listener);
    (0..5).for_each(|_| sender.send(b"read"));
    sender.flush();
    assert_eq!(sender.settled(), 0, "nobody knows yet");
    let reader = std::thread::spawn(move || stream.read_to_end(&mut Vec::new()).unwrap());
    let is_in_time = is_finished_in_time(&mut sender);
    assert_eq!(reader.join().unwrap(), 20);
    is_in_time.then(|| (sender.settled(), sender.is_handed()))
}

/// The end of a peer under TLS that speaks by the rules or not: whether it says that its side ends, and whether it reads before.
fn tls_peer(says_end: bool, reads: bool) -> Option<(u64, bool)> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tcp-tls-{}-{says_end}-{reads}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let authority = Authority::new();
    let (certificate, private_key) = authority.issue(&["localhost"]).write(&folder, "server");
    let ca = authority.write(&folder, "ca.pem");
    let identity = IdentityFiles { certificate, private_key };
    let rules = TlsServerOptions { identity, client_ca: None, allowed_names: vec![], versions: TlsVersions::Only13 };
    let server = TlsServer::load(&rules).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = listener.local_addr().unwrap().port();
    let (greeted, is_greeted) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut stream = rustls::StreamOwned::new(rustls::ServerConnection::new(Arc::clone(server.config())).unwrap(), socket);
        stream.conn.complete_io(&mut stream.sock).unwrap();
        greeted.send(()).unwrap();
        let mut octets = Vec::new();
        if reads {
            stream.read_to_end(&mut octets).unwrap();
        } else {
            stream.sock.peek(&mut [0]).unwrap();
        }
        if says_end {
            stream.conn.send_close_notify();
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        octets.len()
    });
    let trust = TlsClientOptions { name: "localhost".into(), ca: Some(ca), identity: None, versions: TlsVersions::Only13 };
    let url = Url::parse(&format!("tls://127.0.0.1:{peer}"), 0).unwrap();
    let mut sender = Sender::open(&url, SenderOptions { tls: Some(trust), ..SenderOptions::default() }).unwrap();
    wait_for(&mut sender, State::Began);
    is_greeted.recv().unwrap();
    (0..5).for_each(|_| sender.send(b"read"));
    sender.flush();
    let is_in_time = is_finished_in_time(&mut sender);
    assert_eq!(thread.join().unwrap(), if reads { 20 } else { 0 });
    std::fs::remove_dir_all(&folder).unwrap();
    is_in_time.then(|| (sender.settled(), sender.is_handed()))
}

#[test]
fn under_tls_too_only_what_was_read_is_settled() {
    assert_eq!(in_time(|| tls_peer(true, true)), (5, true));
    assert_eq!(in_time(|| tls_peer(false, true)), (5, true), "it ends TCP and not TLS");
    assert_eq!(in_time(|| tls_peer(false, false)), (0, false));
}
