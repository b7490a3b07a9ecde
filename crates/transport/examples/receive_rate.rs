//! What receiving datagrams costs: a call for each of them, many in a call, merged ones, and with the guard and the hand-out to a worker behind it.
//!
//! First the receive buffer is filled, then emptied by one thread whose processor time is measured, again and again, so that what sending costs is left out;
//! printed is the median of the rounds. Then one thread sends as fast as it can while another one receives. Run by an administrator, since the buffer has to
//! hold all datagrams of a round:
//!
//! `cargo run --release -p weir-transport --example receive_rate -- [OCTETS [DATAGRAMS A ROUND [ROUNDS]]]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

use std::hint::black_box;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use nix::time::{ClockId, clock_gettime};
use weir_transport::{
    DatagramBatch, Guard, GuardOptions, Inbox, ReceiverOptions, ShardOptions, Shards, Taken, UdpReceiver, Url, Verdict,
};

/// Datagrams that a sender hands to the kernel in one call, where it sends merged.
const MERGED: usize = 40;
/// How long sender and receiver run side by side.
const RACE: Duration = Duration::from_secs(3);

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let argument = |index: usize, default| arguments.get(index).copied().unwrap_or(default);
    let (octets, round, rounds) = (argument(0, 1400), argument(1, 2000), argument(2, 200));
    println!("{octets} octets, {round} datagrams a round, {rounds} rounds; microseconds of processor time a datagram:");
    let load = Load { octets, round, rounds };

    let mut buffer = vec![0; 65_536];
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    setsockopt(&socket, sockopt::RcvBufForce, &(256 << 20)).unwrap();
    socket.set_nonblocking(true).unwrap();
    load.measure("recv_from", socket.local_addr().unwrap(), 1, || {
        let mut count = 0;
        while let Ok((length, _)) = socket.recv_from(&mut buffer) {
            black_box(&buffer[..length]);
            count += 1;
        }
        count
    });

    for (name, merged, sent_merged) in [
        ("recvmmsg", false, 1),
        ("recvmmsg, merged by the sender only", false, MERGED),
        ("recvmmsg, merged all the way", true, MERGED),
        ("recvmmsg, merging asked for in vain", true, 1),
    ] {
        let mut receiver = receiver(merged);
        load.measure(name, receiver.local_address(), sent_merged, || drain(&mut receiver, |payload| _ = black_box(payload)));
    }

    let mut receiver = receiver(false);
    let mut guard = Guard::new(&GuardOptions {
        allowed: vec![("127.0.0.0".parse().unwrap(), 8)],
        rate: NonZeroU32::new(u32::MAX),
        ..GuardOptions::default()
    });
    let (shards, mut inboxes) = Shards::new(ShardOptions { batches: 2048, ..ShardOptions::default() });
    let mut inbox = inboxes.pop().unwrap();
    let mut batch = DatagramBatch::default();
    load.measure("recvmmsg, guard and hand-out", receiver.local_address(), 1, || {
        let mut count = 0;
        loop {
            let taken = receiver.receive(0, |datagram| {
                if guard.check(datagram.from, 0) == Verdict::Pass {
                    assert!(shards.push(u64::from(datagram.port), &datagram));
                }
            });
            shards.flush();
            if taken.unwrap() == 0 {
                return count;
            }
            count += empty(&mut inbox, &mut batch);
        }
    });

    println!("10,000 a second, one at a time, with a worker:");
    for gather in [0, 2, 5].map(Duration::from_millis) {
        trickle(octets, gather);
    }

    println!("at full speed:");
    load.race("recvmmsg", false, 1);
    load.race("recvmmsg, merged by the sender only", false, MERGED);
    load.race("recvmmsg, merged all the way", true, MERGED);
}

struct Load {
    octets: usize,
    round: usize,
    rounds: usize,
}

impl Load {
    /// Sends a round, lets it be received, and so on; prints the processor time of receiving.
    fn measure(&self, name: &str, to: SocketAddr, merged: usize, mut receive: impl FnMut() -> usize) {
        let sender = sender(to, self.octets, merged);
        let message = vec![7; self.octets * merged];
        let mut each = Vec::new();
        for _ in 0..self.rounds {
            for _ in 0..self.round / merged {
                sender.send(&message).unwrap();
            }
            let before = processor_time();
            let received = receive();
            each.push((processor_time() - before).as_secs_f64() * 1e6 / received as f64);
            assert_eq!(received, self.round / merged * merged, "the receive buffer is too small");
        }
        each.sort_by(f64::total_cmp);
        println!("{name:40} {:.3}", each[each.len() / 2]);
    }

    /// Receives what another thread sends as fast as it can.
    fn race(&self, name: &str, asked_merged: bool, merged: usize) {
        let mut receiver = receiver(asked_merged);
        let (sender, message) = (sender(receiver.local_address(), self.octets, merged), vec![7; self.octets * merged]);
        let sending = std::thread::spawn(move || {
            let (begin, mut sent) = (Instant::now(), 0);
            while begin.elapsed() < RACE {
                sender.send(&message).unwrap();
                sent += merged as u64;
            }
            sent
        });
        let before = processor_time();
        while receiver.wait(Duration::from_millis(200)).unwrap() {
            drain(&mut receiver, |payload| _ = black_box(payload));
        }
        let spent = processor_time() - before;
        let (sent, counters) = (sending.join().unwrap(), receiver.counters());
        let datagrams = counters.datagrams;
        println!(
            "{name:40} {:.0} sent/s, {:.0} received/s, {} dropped, {} told of, {:.3} us, {:.1} packets a call",
            sent as f64 / RACE.as_secs_f64(),
            datagrams as f64 / RACE.as_secs_f64(),
            sent - datagrams,
            counters.kernel_dropped,
            spent.as_secs_f64() * 1e6 / datagrams as f64,
            datagrams as f64 / counters.calls as f64 / if asked_merged { merged as f64 } else { 1.0 },
        );
    }
}

/// Receives 10,000 datagrams a second and hands them to a worker; prints the processor time of both threads.
fn trickle(octets: usize, gather: Duration) {
    let options = ReceiverOptions { gather, ..ReceiverOptions::default() };
    let mut receiver = UdpReceiver::open(&Url::parse("udp://127.0.0.1", 0).unwrap(), options).unwrap();
    let (sender, message) = (sender(receiver.local_address(), octets, 1), vec![7; octets]);
    let (shards, mut inboxes) = Shards::new(ShardOptions::default());
    let mut inbox = inboxes.pop().unwrap();
    let sending = std::thread::spawn(move || {
        let begin = Instant::now();
        let mut sent: u32 = 0;
        while begin.elapsed() < RACE {
            if begin.elapsed() >= sent * Duration::from_micros(100) {
                sender.send(&message).unwrap();
                sent += 1;
            } else {
                std::thread::sleep(Duration::from_micros(20));
            }
        }
    });
    let working = std::thread::spawn(move || {
        let mut batch = DatagramBatch::default();
        let before = processor_time();
        while inbox.take(&mut batch, Duration::MAX) == Taken::Batch {
            batch.iter().for_each(|datagram| _ = black_box(datagram.payload));
        }
        processor_time() - before
    });
    let before = processor_time();
    while receiver.wait(Duration::from_millis(200)).unwrap() {
        while receiver.receive(0, |datagram| _ = shards.push(0, &datagram)).unwrap() == UdpReceiver::BATCH {}
        shards.flush();
    }
    let spent = processor_time() - before;
    shards.close();
    sending.join().unwrap();
    let (worked, counters) = (working.join().unwrap(), receiver.counters());
    let each = |time: Duration| time.as_secs_f64() * 1e6 / counters.datagrams as f64;
    let packets = counters.datagrams as f64 / counters.calls as f64;
    println!("gathered for {gather:<27?} {:.3} and {:.3} us, {packets:.1} packets a call", each(spent), each(worked));
}

fn sender(to: SocketAddr, octets: usize, merged: usize) -> UdpSocket {
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.connect(to).unwrap();
    if merged > 1 {
        setsockopt(&sender, sockopt::UdpGsoSegment, &(octets as i32)).unwrap();
    }
    sender
}

fn receiver(merged: bool) -> UdpReceiver {
    let options = ReceiverOptions { merged, receive_buffer: 256 << 20, ..ReceiverOptions::default() };
    UdpReceiver::open(&Url::parse("udp://127.0.0.1", 0).unwrap(), options).unwrap()
}

fn drain(receiver: &mut UdpReceiver, mut each: impl FnMut(&[u8])) -> usize {
    let mut count = 0;
    let mut take = || {
        receiver.receive(0, |datagram| {
            each(datagram.payload);
            count += 1;
        })
    };
    while take().unwrap() > 0 {}
    count
}

/// What a worker does with its queue, on the same thread.
fn empty(inbox: &mut Inbox, batch: &mut DatagramBatch) -> usize {
    let mut count = 0;
    while inbox.take(batch, Duration::ZERO) == Taken::Batch {
        batch.iter().for_each(|datagram| _ = black_box(datagram.payload));
        count += batch.len();
    }
    count
}

/// Time that this thread has been on a processor.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).expect("the clock of a thread is always there")
}
