//! Rate of live capture: how many small packets a second are read from a veth pair without a drop, and what that costs.
//!
//! `cargo run --release -p weir-capture --example live_rate -- [SECONDS [RATE...]]`, as root. A sender offers each rate (packets a second; 0 for
//! as many as it can) for some seconds, and one reader reads the first octets of every frame. The kernel's work for a frame is done on the
//! core of the sender, since veth has no interrupt of its own; the reader's cost is told apart.
//!
//! With `PROGRAM=target/release/weir` in the environment, that program meters the packets instead, of 16,384 flows, with all that it measures; what it counted
//! and the processor time that it took are printed.
#![allow(unsafe_code, reason = "the clock of a thread has no safe interface")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement, not part of the program")]

#[path = "../tests/it/live/frames.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod frames;
#[path = "../tests/it/live/net.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod net;

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use frames::{Ends, UDP};
use net::{Net, RawSender};
use weir_capture::{LiveCapture, LiveConfig};

const RATES: [u64; 6] = [100_000, 200_000, 400_000, 600_000, 800_000, 0];
/// Packets that are sent in one call.
const BATCH: usize = 64;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|argument| argument.parse().unwrap()).collect();
    let (seconds, rates) = match numbers.split_first() {
        Some((seconds, [])) => (*seconds, &RATES[..]),
        Some((seconds, rates)) => (*seconds, rates),
        None => (5, &RATES[..]),
    };
    println!(
        "{:>10} {:>10} {:>10} {:>9} {:>12} {:>14}",
        "offered/s", "sent/s", "read/s", "dropped", "reader CPU %", "reader ns/pkt"
    );
    for rate in rates {
        match std::env::var_os("PROGRAM") {
            Some(program) => measure_program(&program, *rate, seconds),
            None => measure(*rate, Duration::from_secs(seconds)),
        }
    }
}

/// Lets a program meter what is sent.
fn measure_program(program: &OsStr, rate: u64, seconds: u64) {
    let Some(net) = Net::with_pairs(1) else { return };
    let before = children_time();
    let listens = format!("{}s", seconds + 3);
    let arguments = ["meter", "-i", "b0", "--format", "none", "--stats", "--duration", &listens];
    let program = net.within(1, || Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn());
    thread::sleep(Duration::from_secs(1));
    let sent = net.within(0, || send(rate, Duration::from_secs(seconds), 16_384));
    let said = program.unwrap().wait_with_output().unwrap();
    let cpu = children_time() - before;
    println!("{rate:>10} offered/s, {sent} sent, {:.0} ns of processor time each", cpu.as_nanos() as f64 / sent.max(1) as f64);
    println!("{}", String::from_utf8_lossy(&said.stderr));
}

fn measure(rate: u64, time: Duration) {
    let Some(net) = Net::with_pairs(1) else { return };
    let mut capture = net.within(1, || LiveCapture::open(&LiveConfig::new("b0"))).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let sent = net.within(0, || send(rate, time, BATCH as u32));
            is_over.store(true, Ordering::Release);
            sent
        });
        let (read, cpu) = read(&mut capture, &is_over);
        let sent = sender.join().unwrap();
        let stats = capture.stats().unwrap();
        assert_eq!(stats.received, read);
        let per_second = |count: u64| count as f64 / time.as_secs_f64();
        println!(
            "{rate:>10} {:>10.0} {:>10.0} {:>9} {:>12.1} {:>14.1}",
            per_second(sent),
            per_second(read),
            stats.dropped,
            cpu.as_secs_f64() / time.as_secs_f64() * 100.0,
            cpu.as_nanos() as f64 / read.max(1) as f64,
        );
    });
}

/// Sends packets of so many flows at a steady rate; returns how many.
fn send(rate: u64, time: Duration, flows: u32) -> u64 {
    let sender = RawSender::open("a0");
    let frames: Vec<_> = (0..flows).map(|n| Ends::numbered(n).ipv4(UDP)).collect();
    let mut batches = frames.chunks(BATCH).cycle();
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < time {
        let due = if rate == 0 { u64::MAX } else { (start.elapsed().as_secs_f64() * rate as f64) as u64 };
        if sent < due {
            sender.send(batches.next().unwrap());
            sent += BATCH as u64;
        } else {
            thread::sleep(Duration::from_micros(100));
        }
    }
    sent
}

/// Reads until the sender has ended and nothing is left; returns how many frames, and the processor time of this thread.
fn read(capture: &mut LiveCapture, is_over: &AtomicBool) -> (u64, Duration) {
    let (start, mut frames, mut sum) = (thread_time(), 0, 0_u64);
    loop {
        let was_over = is_over.load(Ordering::Acquire);
        match capture.next_block(LiveCapture::MAX_DELAY).unwrap() {
            Some(mut block) => {
                while let Some(frame) = block.next() {
                    frames += 1;
                    sum += frame.data.iter().take(40).map(|octet| u64::from(*octet)).sum::<u64>();
                }
            }
            None if was_over => break,
            None => {}
        }
    }
    std::hint::black_box(sum);
    (frames, thread_time() - start)
}

/// Processor time of programs that have ended.
fn children_time() -> Duration {
    // SAFETY: all zeros are a value of the type.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: writes one value, which is ours.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) }, 0);
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one time, which is ours.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
