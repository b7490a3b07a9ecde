//! Commits while records come over UDP (NetFlow v5 and IPFIX) and TCP (IPFIX) at once: none is lost, none is double, and memory stays as it is.
//!
//! Each record has a number of its own. The figures at full rate are those of this test with other measures:
//! `WEIR_COMMITS=200 WEIR_RATE=100000 cargo test --release --package weir --test it commits_under_load -- --nocapture`.

use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use weir_testkit::wait_until;

use super::session::Session;
use crate::collect::messages::{ipfix_rows, netflow5_rows};
use crate::collect::service::{Folder, Service, Stored};

/// A number from the environment.
fn measure(name: &str, usual: u32) -> u32 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// Records of a message.
const ROWS: u32 = 30;

/// Sends messages of records whose numbers come from `next`, so many records a second, until it is over.
fn send(next: &AtomicU32, rate: u32, is_over: &AtomicBool, mut write: impl FnMut(u32, u32)) {
    let begun = Instant::now();
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        write(sent, next.fetch_add(ROWS, Ordering::Relaxed));
        sent += ROWS;
        let due = Duration::from_secs_f64(f64::from(sent) / f64::from(rate));
        if let Some(early) = due.checked_sub(begun.elapsed()).filter(|early| *early > Duration::from_millis(1)) {
            std::thread::sleep(early);
        }
    }
}

/// A port that nobody has now.
pub(super) fn free_port() -> SocketAddr {
    weir_testkit::free_address()
}

#[test]
fn commits_under_load_lose_no_record_and_make_none_double() {
    let (commits, rate) = (measure("WEIR_COMMITS", 20), measure("WEIR_RATE", 20_000));
    let folder = Folder::new();
    let (stream, console) = (free_port(), free_port());
    let more = format!(
        "[source.core]\nmatch = \"127.0.0.1\"\n[listen.stream]\nurl = \"tcp://{stream}\"\n[console]\nlisten = \"{console}\"\n"
    );
    let service = Service::start(&folder, "", &more);
    let session = Session::new(&service);
    let (next, is_over) = (AtomicU32::new(1), AtomicBool::new(false));
    let mut memory = Vec::new();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            send(&next, rate / 4, &is_over, |sequence, first| {
                socket.send_to(&netflow5_rows(sequence, first, ROWS), service.address).unwrap();
            });
        });
        scope.spawn(|| {
            // Another exporter, with templates and sequence numbers of its own.
            let socket = UdpSocket::bind("127.0.0.2:0").unwrap();
            send(&next, rate / 4, &is_over, |sequence, first| {
                socket.send_to(&ipfix_rows(sequence, sequence == 0, first, ROWS), service.address).unwrap();
            });
        });
        scope.spawn(|| {
            let mut socket = TcpStream::connect(stream).unwrap();
            send(&next, rate / 2, &is_over, |sequence, first| {
                socket.write_all(&ipfix_rows(sequence, sequence == 0, first, ROWS)).unwrap();
            });
        });
        // Also where a commit fails those who send are to end.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for number in 0..commits {
                commit(&session, number);
                memory.push(service.memory());
            }
        }));
        is_over.store(true, Ordering::Relaxed);
        done.unwrap();
    });
    let (sent, took) = (next.into_inner() - 1, begun.elapsed());
    wait_until("everything is decoded", || session.counter("weir_decode_records_total") == u64::from(sent));
    let ended = service.stop();
    ended.check_identity();
    assert_eq!((ended.count("queue_dropped"), ended.count("kernel_dropped"), ended.count("lost")), (0, 0, 0));
    let stored = Stored::read(&folder.store());
    let mut numbers: Vec<_> = (0..stored.flows.rows()).filter_map(|row| stored.flows.bytes.get(row)).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(1..=u64::from(sent)), "{} of {sent}", numbers.len());
    // What waits while a disk stands still goes again; what a commit leaves behind does not.
    let quarter = memory.len() / 4;
    let (early, late) = (memory[quarter], memory[memory.len() - 1 - quarter..].iter().copied().min().unwrap());
    println!(
        "{commits} commits in {:.1} s at {:.0} records/s: {sent} records, none lost, none double; memory {} MiB after a quarter, {} MiB in the last one",
        took.as_secs_f64(),
        f64::from(sent) / took.as_secs_f64(),
        early >> 20,
        late >> 20
    );
    // The journal's segments and what is being made of them come and go.
    assert!(late < early + (64 << 20), "{memory:?}");
}

/// Changes of every kind: what sources are called, how long records stay, names of prefixes, listeners that come and go, and one that changes, endpoints.
fn commit(session: &Session<'_>, number: u32) {
    session.done(&["set", "source.core.name", &format!("Core {number}")]);
    session.done(&["set", "store.retention", &format!("{}d", 10 + number)]);
    session.done(&["set", &format!("enrich.prefixes.10.{}.{}.0/24", number / 250, number % 250), "office"]);
    match number % 4 {
        0 => drop(session.done(&["set", "listen.more.url", &format!("udp://{}", free_port())])),
        1 => drop(session.done(&["set", "listen.lab.rate_limit", "1000000"])),
        2 => drop(session.done(&["unset", "listen.more"])),
        _ => drop(session.done(&["unset", "listen.lab.rate_limit"])),
    }
    session.done(&["commit"]);
}
