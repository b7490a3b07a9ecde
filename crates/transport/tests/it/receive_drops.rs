//! More datagrams than a receiver takes: each one that the kernel drops is counted.

use std::time::{Duration, Instant};

use weir_transport::{ReceiverOptions, UdpReceiver};

use super::PATIENCE;
use super::receive::{receiver, sender};

/// A receiver with room for a few dozen datagrams of 1400 octets.
fn small() -> UdpReceiver {
    receiver("127.0.0.1", ReceiverOptions { receive_buffer: 100_000, ..ReceiverOptions::default() })
}

/// Takes what is there, without waiting for anything.
fn drain(receiver: &mut UdpReceiver) -> u64 {
    let mut count = 0;
    while receiver.receive(0, |_| count += 1).unwrap() > 0 {}
    count
}

#[test]
fn drops_are_known_though_nothing_follows() {
    let mut receiver = small();
    let socket = sender("127.0.0.1", receiver.local_address());
    let mut sent = 0;
    let mut received = 0;
    for round in 1..=3 {
        for _ in 0..1000 * round {
            socket.send(&[7; 1400]).unwrap();
        }
        sent += 1000 * round;
        received += drain(&mut receiver);
        assert!(!receiver.wait(Duration::ZERO).unwrap());
        let counters = receiver.counters();
        assert!(received < 1000, "the buffer is too large for this test");
        assert_eq!((counters.datagrams, counters.kernel_dropped), (received, sent - received), "round {round}");
    }
}

#[test]
fn drops_are_told_by_the_next_datagram() {
    let mut receiver = small();
    let socket = sender("127.0.0.1", receiver.local_address());
    for _ in 0..2000 {
        socket.send(&[7; 1400]).unwrap();
    }
    let received = drain(&mut receiver);
    assert_eq!(receiver.counters().kernel_dropped, 0, "nothing was queued after the drops");
    socket.send(b"next").unwrap();
    assert_eq!(drain(&mut receiver), 1);
    assert_eq!(receiver.counters().kernel_dropped, 2000 - received);
}

#[test]
fn a_slow_reader_and_the_kernel_account_for_every_datagram() {
    const SENT: u64 = 10_000;
    let mut receiver = small();
    let socket = sender("127.0.0.1", receiver.local_address());
    // More than there is room for, before anybody reads.
    const FIRST: u64 = 1000;
    let send = move |numbers: std::ops::Range<u64>| {
        for index in numbers {
            socket.send(&vec![7; 100 + index as usize % 1300]).unwrap();
        }
    };
    send(0..FIRST);
    let sending = std::thread::spawn(move || send(FIRST..SENT));
    let end = Instant::now() + PATIENCE;
    while receiver.wait(Duration::from_millis(50)).unwrap() || !sending.is_finished() {
        receiver.receive(0, |_| ()).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        assert!(Instant::now() < end, "{:?}", receiver.counters());
    }
    sending.join().unwrap();
    drain(&mut receiver);
    receiver.wait(Duration::ZERO).unwrap();
    let counters = receiver.counters();
    assert!(counters.kernel_dropped > 0, "{counters:?}");
    assert_eq!(counters.datagrams + counters.kernel_dropped, SENT, "{counters:?}");
}

#[test]
fn drops_are_counted_once_when_another_receiver_takes_over() {
    let mut first = small();
    let socket = sender("127.0.0.1", first.local_address());
    let flood = || {
        for _ in 0..2000 {
            socket.send(&[7; 1400]).unwrap();
        }
    };
    flood();
    let received = drain(&mut first);
    assert!(!first.wait(Duration::ZERO).unwrap());
    assert_eq!(first.counters().kernel_dropped, 2000 - received);
    let options = ReceiverOptions { receive_buffer: 4096, ..ReceiverOptions::default() };
    let mut second = UdpReceiver::take_over(&first.share().unwrap(), options).unwrap();
    assert!(!second.wait(Duration::ZERO).unwrap());
    assert_eq!(second.counters().kernel_dropped, 0);
    flood();
    let received = received + drain(&mut second);
    assert!(!second.wait(Duration::ZERO).unwrap() && !first.wait(Duration::ZERO).unwrap());
    assert_eq!(first.counters().kernel_dropped + second.counters().kernel_dropped, 4000 - received);
}
