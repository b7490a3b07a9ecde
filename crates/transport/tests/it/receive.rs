//! Datagrams to a receiver: families, ports, many in a call, cut and merged ones.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use weir_testkit::free_address;
use weir_transport::{Datagram, ReceiverOptions, UdpReceiver, Url};

use super::{ALLOCATOR, PATIENCE};

const NOW: i64 = 1_790_000_000_000_000_000;

/// A receiver on a port that the system chooses.
pub(crate) fn receiver(host: &str, options: ReceiverOptions) -> UdpReceiver {
    UdpReceiver::open(&Url::parse(&format!("udp://{host}"), 0).unwrap(), options).unwrap()
}

/// A socket that sends there from that address.
pub(crate) fn sender(from: &str, to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((from.parse::<IpAddr>().unwrap(), 0)).unwrap();
    let host = if to.ip().is_unspecified() { socket.local_addr().unwrap().ip() } else { to.ip() };
    socket.connect((host, to.port())).unwrap();
    socket
}

/// Everything that can be received until so many datagrams have come, as the sender's address, its port and the payload.
fn receive(receiver: &mut UdpReceiver, count: usize) -> Vec<(IpAddr, u16, Vec<u8>)> {
    let mut received = Vec::new();
    while received.len() < count {
        assert!(receiver.wait(PATIENCE).unwrap(), "{} of {count}, {receiver:?}", received.len());
        let take = |datagram: Datagram<'_>| {
            assert_eq!(datagram.received, NOW);
            received.push((datagram.from, datagram.port, datagram.payload.to_vec()));
        };
        assert!(receiver.receive(NOW, take).unwrap() > 0);
    }
    received
}

#[test]
fn senders_of_both_families_are_told_by_their_own_addresses() {
    for (host, senders) in [
        ("127.0.0.1", &["127.0.0.1", "127.0.0.9"][..]),
        ("0.0.0.0", &["127.0.0.1"]),
        ("[::1]", &["::1"]),
        ("localhost", &[]),
        ("[::]", &["127.0.0.1", "::1"]),
    ] {
        let mut receiver = receiver(host, ReceiverOptions { listener: 7, ..ReceiverOptions::default() });
        assert!(!receiver.fell_back());
        for from in senders {
            let socket = sender(from, receiver.local_address());
            socket.send(b"one").unwrap();
            socket.send(b"").unwrap();
            let port = socket.local_addr().unwrap().port();
            let from = from.parse().unwrap();
            let expected = vec![(from, port, b"one".to_vec()), (from, port, Vec::new())];
            assert_eq!(receive(&mut receiver, 2), expected, "{host}");
        }
        let counters = receiver.counters();
        let count = senders.len() as u64;
        assert_eq!((counters.datagrams, counters.octets, counters.kernel_dropped), (2 * count, 3 * count, 0), "{host}");
    }
}

#[test]
fn the_number_of_the_listener_stands_on_each_datagram() {
    let mut receiver = receiver("127.0.0.1", ReceiverOptions { listener: 65_535, ..ReceiverOptions::default() });
    sender("127.0.0.1", receiver.local_address()).send(b"x").unwrap();
    assert!(receiver.wait(PATIENCE).unwrap());
    let mut listeners = Vec::new();
    receiver.receive(NOW, |datagram| listeners.push(datagram.listener)).unwrap();
    assert_eq!(listeners, [65_535]);
}

#[test]
fn two_listeners_share_a_port_if_one_keeps_to_ipv6() {
    let port = free_address().port();
    let mut v4 = receiver(&format!("0.0.0.0:{port}"), ReceiverOptions::default());
    let url = Url::parse("udp://[::]", port).unwrap();
    let refusal = UdpReceiver::open(&url, ReceiverOptions::default()).unwrap_err().to_string();
    let expected = format!("udp://[::]:{port}: cannot listen on [::]:{port}: ");
    assert!(
        refusal.starts_with(&expected) && refusal.ends_with("another socket has this port, `ss -ulpn` shows whose"),
        "{refusal}"
    );

    let mut v6 = UdpReceiver::open(&url, ReceiverOptions { v6_only: true, ..ReceiverOptions::default() }).unwrap();
    sender("127.0.0.1", v4.local_address()).send(b"four").unwrap();
    sender("::1", v6.local_address()).send(b"six").unwrap();
    assert_eq!(receive(&mut v4, 1)[0].2, b"four");
    assert_eq!(receive(&mut v6, 1)[0].2, b"six");
}

#[test]
fn a_port_is_not_taken_over_from_another_listener() {
    let url = Url::parse(&format!("udp://{}", free_address()), 0).unwrap();
    let first = UdpReceiver::open(&url, ReceiverOptions::default()).unwrap();
    assert!(UdpReceiver::open(&url, ReceiverOptions::default()).is_err());
    drop(first);
    assert!(UdpReceiver::open(&url, ReceiverOptions::default()).is_ok());
}

#[test]
fn what_cannot_be_listened_on_says_why() {
    let open = |url: &str| UdpReceiver::open(&Url::parse(url, 0).unwrap(), ReceiverOptions::default()).unwrap_err().to_string();
    assert_eq!(open("tls://[::]:4740"), "tls://[::]:4740: expected udp:// or dtls://");
    assert!(
        open("udp://no-such-name.invalid").starts_with("udp://no-such-name.invalid:0: no address for \"no-such-name.invalid\": ")
    );
    let elsewhere = open("udp://192.0.2.1");
    assert!(elsewhere.ends_with("no interface of this host has this address"), "{elsewhere}");
}

#[test]
fn a_small_receive_buffer_is_granted_as_asked_for() {
    let granted =
        |receive_buffer| receiver("[::]", ReceiverOptions { receive_buffer, ..ReceiverOptions::default() }).receive_buffer();
    assert_eq!(granted(100_000), 100_000);
    // Whoever is no administrator gets the limit of the system here.
    let limit: usize = std::fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap().trim().parse().unwrap();
    let large = granted(usize::MAX);
    assert!(large == limit || large == i32::MAX as usize / 2, "{large}");
}

#[test]
fn a_call_takes_a_batch_and_keeps_the_order() {
    let mut receiver = receiver("127.0.0.1", ReceiverOptions::default());
    let socket = sender("127.0.0.1", receiver.local_address());
    let count = 3 * UdpReceiver::BATCH + 5;
    for index in 0..count {
        socket.send(&(index as u32).to_be_bytes()).unwrap();
    }
    assert!(receiver.wait(PATIENCE).unwrap());
    let mut indices = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..5 {
        let take = |datagram: Datagram<'_>| indices.push(u32::from_be_bytes(datagram.payload.try_into().unwrap()));
        calls.push(receiver.receive(NOW, take).unwrap());
    }
    assert_eq!(calls, [UdpReceiver::BATCH, UdpReceiver::BATCH, UdpReceiver::BATCH, 5, 0]);
    assert_eq!(indices, Vec::from_iter(0..count as u32));
    assert_eq!((receiver.counters().datagrams, receiver.counters().calls), (count as u64, 4));
}

#[test]
fn what_a_call_allocates_does_not_grow_with_the_datagrams() {
    let mut receiver = receiver("127.0.0.1", ReceiverOptions::default());
    let socket = sender("127.0.0.1", receiver.local_address());
    let mut allocations = |count: usize| {
        for _ in 0..count {
            socket.send(&[7; 1400]).unwrap();
        }
        let (received, made) = ALLOCATOR.count(|| receiver.receive(NOW, |datagram| assert_eq!(datagram.payload.len(), 1400)));
        assert_eq!(received.unwrap(), count);
        made.count
    };
    let for_one = allocations(1);
    assert_eq!(allocations(UdpReceiver::BATCH), for_one);
}

#[test]
fn waiting_ends_with_its_time_or_with_a_datagram() {
    let mut receiver = receiver("127.0.0.1", ReceiverOptions::default());
    assert!(!receiver.wait(Duration::ZERO).unwrap());
    assert!(!receiver.wait(Duration::from_millis(5)).unwrap());
    assert_eq!(receiver.receive(NOW, |datagram| panic!("{datagram:?}")).unwrap(), 0);
    let socket = sender("127.0.0.1", receiver.local_address());
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        socket.send(b"x").unwrap();
    });
    assert!(receiver.wait(Duration::MAX).unwrap());
    later.join().unwrap();
}

#[test]
fn datagrams_gather_while_there_is_room_for_them() {
    let waited = |receive_buffer, gather| {
        let mut receiver = receiver("127.0.0.1", ReceiverOptions { receive_buffer, gather, ..ReceiverOptions::default() });
        let socket = sender("127.0.0.1", receiver.local_address());
        socket.send(b"first").unwrap();
        let begin = Instant::now();
        assert!(receiver.wait(PATIENCE).unwrap());
        let waited = begin.elapsed();
        // What has come meanwhile comes with it.
        socket.send(b"second").unwrap();
        receive(&mut receiver, 2);
        (waited, receiver.counters().calls)
    };
    let gather = Duration::from_millis(200);
    let long = waited(4 << 30, gather);
    assert!((long.0 >= gather && long.1 == 1) || !is_administrator(), "{long:?}");
    // 25 microseconds are as long as this buffer can do without a reader.
    assert!(waited(100_000, Duration::from_secs(3600)).0 < PATIENCE);
}

/// Whether large receive buffers are granted.
fn is_administrator() -> bool {
    receiver("127.0.0.1", ReceiverOptions::default()).receive_buffer() == 64 << 20
}

#[test]
fn a_datagram_that_is_too_long_is_cut_and_counted() {
    let mut receiver = receiver("127.0.0.1", ReceiverOptions { longest: 100, ..ReceiverOptions::default() });
    let socket = sender("127.0.0.1", receiver.local_address());
    for length in [100, 101, 3] {
        socket.send(&vec![5; length]).unwrap();
    }
    let lengths: Vec<usize> = receive(&mut receiver, 3).iter().map(|(_, _, payload)| payload.len()).collect();
    assert_eq!(lengths, [100, 100, 3]);
    assert_eq!((receiver.counters().truncated, receiver.counters().octets), (1, 203));
}

#[test]
fn the_longest_datagrams_are_whole() {
    let mut receiver = receiver("[::]", ReceiverOptions::default());
    for (from, longest) in [("127.0.0.1", 65_507), ("::1", 65_527)] {
        let payload: Vec<u8> = (0..longest).map(|index| index as u8).collect();
        sender(from, receiver.local_address()).send(&payload).unwrap();
        assert!(receive(&mut receiver, 1)[0].2 == payload, "{from}");
    }
    assert_eq!(receiver.counters().truncated, 0);
}

#[test]
fn merged_datagrams_are_parted_again() {
    for (merged, packets) in [(false, 11), (true, 1)] {
        let mut receiver = receiver("[::]", ReceiverOptions { merged, longest: 1500, ..ReceiverOptions::default() });
        let socket = sender("127.0.0.1", receiver.local_address());
        // One call that the kernel sends as datagrams of 500 octets, the last one shorter.
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::UdpGsoSegment, &500).unwrap();
        let octets: Vec<u8> = (0..5100).map(|index| (index / 500) as u8).collect();
        socket.send(&octets).unwrap();
        assert!(receiver.wait(PATIENCE).unwrap());
        let mut payloads = Vec::new();
        let count = receiver.receive(NOW, |datagram| payloads.push(datagram.payload.to_vec())).unwrap();
        assert_eq!(count, packets);
        assert_eq!(payloads, octets.chunks(500).map(<[u8]>::to_vec).collect::<Vec<_>>(), "merged: {merged}");
        assert_eq!((receiver.counters().datagrams, receiver.counters().octets), (11, 5100));
    }
}
