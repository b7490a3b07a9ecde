//! Datagrams from receivers to workers: order, limits, threads, and a chain of real sockets in which each datagram is accounted for.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use weir_transport::{
    Datagram, DatagramBatch, Guard, GuardOptions, Inbox, ReceiverOptions, ShardCounters, ShardOptions, Shards, Taken, Verdict,
};

use super::receive::{receiver, sender};
use super::{ALLOCATOR, PATIENCE};

const AT_ONCE: Duration = Duration::ZERO;

fn datagram(payload: &[u8], port: u16) -> Datagram<'_> {
    Datagram { payload, from: "2001:db8::1".parse().unwrap(), port, received: i64::from(port) * 1000, listener: 3, stream: None }
}

fn one_worker(batches: usize) -> (Shards, Inbox) {
    let (shards, mut inboxes) = Shards::new(ShardOptions { workers: 1, batch_octets: 0, batches });
    (shards, inboxes.pop().unwrap())
}

/// The counters of all workers together.
fn sum(shards: &Shards) -> ShardCounters {
    shards.counters().fold(ShardCounters::default(), |sum, lane| ShardCounters {
        datagrams: sum.datagrams + lane.datagrams,
        octets: sum.octets + lane.octets,
        dropped: sum.dropped + lane.dropped,
        dropped_octets: sum.dropped_octets + lane.dropped_octets,
        waiting: sum.waiting + lane.waiting,
    })
}

#[test]
fn a_batch_is_what_was_pushed() {
    let (shards, mut inbox) = one_worker(4);
    let longest = vec![9; 65_536];
    let payloads: [&[u8]; 5] = [b"one", b"", b"three", &longest, b"five"];
    for (port, payload) in payloads.iter().enumerate() {
        assert!(shards.push(7, &datagram(payload, port as u16)));
    }
    assert!(!shards.push(7, &datagram(&[0; 65_537], 9)), "no batch can hold it");
    let mut batch = DatagramBatch::default();
    let mut port = 0;
    // The long one does not fit beside those before it, and the last one not beside the long one.
    for count in [3, 1, 1] {
        assert_eq!(inbox.take(&mut batch, AT_ONCE), Taken::Batch);
        assert_eq!((batch.len(), batch.is_empty()), (count, false));
        assert_eq!(batch.octets(), batch.iter().map(|datagram| datagram.payload.len()).sum::<usize>());
        for taken in batch.iter() {
            assert_eq!(taken, datagram(payloads[usize::from(port)], port));
            port += 1;
        }
    }
    assert_eq!(inbox.take(&mut batch, AT_ONCE), Taken::Nothing);
    assert!(batch.is_empty());
}

#[test]
fn a_key_has_one_worker() {
    let (shards, mut inboxes) = Shards::new(ShardOptions { workers: 3, ..ShardOptions::default() });
    for key in (0..30).chain([u64::MAX]) {
        assert!(shards.push(key, &datagram(&key.to_be_bytes(), 1)));
    }
    let mut batch = DatagramBatch::default();
    for (worker, inbox) in inboxes.iter_mut().enumerate() {
        assert_eq!(inbox.take(&mut batch, AT_ONCE), Taken::Batch);
        let keys: Vec<u64> = batch.iter().map(|datagram| u64::from_be_bytes(datagram.payload.try_into().unwrap())).collect();
        let mut expected: Vec<u64> = (0..30).filter(|key| key % 3 == worker as u64).collect();
        expected.extend((worker == 0).then_some(u64::MAX));
        assert_eq!(keys, expected);
    }
}

#[test]
fn the_newest_are_dropped_when_a_queue_is_full() {
    // A batch has room for 65,536 octets, and one datagram for each 128 of them.
    for (payload, room) in [(&[7; 1400][..], 3 * 46), (&[7; 3], 3 * 512), (&[], 3 * 512), (&[7; 65_536], 3)] {
        let (shards, mut inbox) = one_worker(3);
        let accepted =
            (0..room + 5).map(|port| shards.push(0, &datagram(payload, port))).filter(|is_accepted| *is_accepted).count();
        assert_eq!(accepted, usize::from(room), "{} octets", payload.len());
        let octets = payload.len() as u64;
        let full = ShardCounters {
            datagrams: room.into(),
            octets: octets * u64::from(room),
            dropped: 5,
            dropped_octets: 5 * octets,
            waiting: room.into(),
        };
        assert_eq!(sum(&shards), full);

        let mut batch = DatagramBatch::default();
        assert_eq!(inbox.take(&mut batch, AT_ONCE), Taken::Batch);
        assert_eq!(batch.iter().next().unwrap().port, 0, "the oldest has stayed");
        assert!(shards.push(0, &datagram(payload, 0)), "there is room again");
        assert_eq!(sum(&shards).waiting, u64::from(room) - batch.len() as u64 + 1);
    }
}

#[test]
fn batches_go_round_without_allocations() {
    let (shards, mut inbox) = one_worker(4);
    let mut batch = DatagramBatch::default();
    let mut turn = || {
        for _ in 0..100 {
            assert!(shards.push(0, &datagram(&[7; 1400], 1)));
        }
        let mut taken = 0;
        while inbox.take(&mut batch, AT_ONCE) == Taken::Batch {
            taken += batch.len();
        }
        assert_eq!(taken, 100);
    };
    for _ in 0..8 {
        turn();
    }
    let ((), made) = ALLOCATOR.count(|| (0..1000).for_each(|_| turn()));
    assert_eq!(made.count, 0);
}

#[test]
fn a_worker_that_waits_is_woken() {
    let (shards, mut inbox) = one_worker(4);
    let worker = std::thread::spawn(move || {
        let mut batch = DatagramBatch::default();
        let first = (inbox.take(&mut batch, PATIENCE), batch.len());
        (first, inbox.take(&mut batch, PATIENCE), inbox.take(&mut batch, PATIENCE))
    });
    std::thread::sleep(Duration::from_millis(20));
    let begin = Instant::now();
    shards.push(0, &datagram(b"x", 1));
    shards.flush();
    std::thread::sleep(Duration::from_millis(20));
    shards.close();
    assert_eq!(worker.join().unwrap(), ((Taken::Batch, 1), Taken::Closed, Taken::Closed));
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn a_closed_queue_is_emptied_and_takes_nothing() {
    let (shards, mut inbox) = one_worker(4);
    assert!(shards.push(0, &datagram(b"before", 1)));
    shards.close();
    assert!(!shards.push(0, &datagram(b"after", 1)));
    let mut batch = DatagramBatch::default();
    assert_eq!((inbox.take(&mut batch, PATIENCE), batch.len()), (Taken::Batch, 1));
    assert_eq!(inbox.take(&mut batch, PATIENCE), Taken::Closed);
    let counters = sum(&shards);
    assert_eq!((counters.datagrams, counters.dropped, counters.waiting), (1, 1, 0));
}

/// Empties an inbox until it is closed, with a pause after each batch, and counts.
fn work(mut inbox: Inbox, pause: Duration) -> u64 {
    let mut batch = DatagramBatch::default();
    let mut taken = 0;
    loop {
        match inbox.take(&mut batch, Duration::from_millis(10)) {
            Taken::Batch => taken += batch.iter().filter(|datagram| !datagram.payload.is_empty()).count() as u64,
            Taken::Nothing => {}
            Taken::Closed => return taken,
        }
        std::thread::sleep(pause);
    }
}

#[test]
fn receivers_and_workers_on_threads_lose_nothing_uncounted() {
    const EACH: u64 = 20_000;
    let (shards, inboxes) = Shards::new(ShardOptions { workers: 2, batch_octets: 0, batches: 3 });
    // One more than there is room for, before anybody takes any.
    let before = (0..).take_while(|_| shards.push(0, &datagram(&[7; 1000], 1))).count() as u64 + 1;
    let workers: Vec<_> =
        inboxes.into_iter().map(|inbox| std::thread::spawn(move || work(inbox, Duration::from_micros(200)))).collect();
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            let shards = shards.clone();
            std::thread::spawn(move || {
                for key in 0..EACH {
                    shards.push(key, &datagram(&[7; 1000], 1));
                    if key % 50 == 0 {
                        shards.flush();
                    }
                }
            })
        })
        .collect();
    for receiver in receivers {
        receiver.join().unwrap();
    }
    shards.close();
    let taken: u64 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    let counters = sum(&shards);
    assert!(counters.dropped > 0, "{counters:?}");
    let all = before + 2 * EACH;
    assert_eq!((counters.datagrams + counters.dropped, counters.datagrams, counters.waiting), (all, taken, 0));
}

#[test]
fn each_datagram_is_accounted_for_from_the_socket_to_the_worker() {
    const EACH: u64 = 6000;
    let mut receiver = receiver("[::]", ReceiverOptions { receive_buffer: 50_000, ..ReceiverOptions::default() });
    let mut guard = Guard::new(&GuardOptions {
        allowed: vec![("127.0.0.0".parse().unwrap(), 24), ("::1".parse().unwrap(), 128)],
        rate: NonZeroU32::new(2000),
        ..GuardOptions::default()
    });
    let (shards, inboxes) = Shards::new(ShardOptions { workers: 2, batch_octets: 0, batches: 1 });
    let workers: Vec<_> =
        inboxes.into_iter().map(|inbox| std::thread::spawn(move || work(inbox, Duration::from_millis(500)))).collect();
    let address = receiver.local_address();
    // More than the kernel has room for, before anybody reads.
    const FIRST: u64 = 300;
    let first = sender("127.0.0.1", address);
    (0..FIRST).for_each(|_| assert_eq!(first.send(&[7; 1000]).unwrap(), 1000));
    // The third is not allowed. Pauses let some of them through to each of the later stages.
    let senders: Vec<_> = ["127.0.0.1", "::1", "127.0.1.1"]
        .into_iter()
        .map(|from| {
            let socket = sender(from, address);
            std::thread::spawn(move || {
                for index in 0..EACH {
                    socket.send(&[7; 1000]).unwrap();
                    if index % 20 == 0 {
                        std::thread::sleep(Duration::from_micros(100));
                    }
                }
            })
        })
        .collect();
    let end = Instant::now() + PATIENCE;
    while receiver.wait(Duration::from_millis(100)).unwrap() || senders.iter().any(|sender| !sender.is_finished()) {
        // The guard's clock stands still, so that exactly one second's worth of each sender passes.
        receiver
            .receive(0, |datagram| {
                if guard.check(datagram.from, 0) == Verdict::Pass {
                    let key = u64::from(IpAddr::is_ipv6(&datagram.from));
                    shards.push(key, &datagram);
                }
            })
            .unwrap();
        shards.flush();
        std::thread::sleep(Duration::from_millis(1));
        assert!(Instant::now() < end, "{receiver:?}");
    }
    shards.close();
    let taken: u64 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    let (received, guarded, handed) = (receiver.counters(), guard.counters(), sum(&shards));
    let all = format!("{received:?} {guarded:?} {handed:?} {taken}");
    assert_eq!(received.datagrams + received.kernel_dropped, FIRST + 3 * EACH, "{all}");
    assert_eq!(guarded.passed + guarded.not_allowed + guarded.over_rate, received.datagrams, "{all}");
    assert_eq!(handed.datagrams + handed.dropped, guarded.passed, "{all}");
    assert_eq!(handed.datagrams, taken, "{all}");
    assert!(received.kernel_dropped > 0 && guarded.not_allowed > 0 && handed.dropped > 0, "{all}");
    assert!(guarded.passed <= 4000 && guarded.passed > 0, "{all}");
}
