//! Counters as they move.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::time::Instant;

use weir_server::{Limits, LiveCounters};

use crate::service::{PATIENCE, start, wait};

/// The lines of an answer, from its status on.
fn watch(address: SocketAddr, wanted: &str) -> impl Iterator<Item = String> + use<> {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(client, "GET /api/v1/live{wanted} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    BufReader::new(client).lines().map(|line| line.unwrap().trim_end().to_owned())
}

fn next(lines: &mut impl Iterator<Item = String>) -> LiveCounters {
    let data = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).unwrap();
    serde_json::from_str(&data).unwrap()
}

#[test]
fn the_first_event_tells_all_and_later_ones_what_changed() {
    let running = start(Limits::default());
    let mut lines = watch(running.address, "?grep=weir_receive");
    assert_eq!(lines.next().unwrap(), "HTTP/1.1 200 OK");
    let kind = lines.find(|line| line.starts_with("content-type: ")).unwrap();
    assert_eq!(kind, "content-type: text/event-stream");
    let first = next(&mut lines);
    let names: Vec<&str> = first.counters.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["weir_receive_datagrams_total{listener=\"ipfix\"}", "weir_receive_datagrams_total{listener=\"netflow\"}"]);
    running.service.netflow.fetch_add(30, Ordering::SeqCst);
    // An event that was on its way before tells of no change.
    let second = std::iter::repeat_with(|| next(&mut lines)).find(|event| !event.counters.is_empty()).unwrap();
    assert_eq!(second.counters.len(), 1, "{second:?}");
    assert_eq!(
        (second.counters[0].name.as_str(), second.counters[0].value.as_u64()),
        ("weir_receive_datagrams_total{listener=\"netflow\"}", Some(42))
    );
    assert!(second.time > first.time);
}

#[test]
fn more_watchers_than_may_be_are_refused() {
    let running = start(Limits { live: 1, ..Limits::default() });
    let mut lines = watch(running.address, "");
    next(&mut lines);
    let refused = running.get("/api/v1/live");
    assert_eq!((refused.status, refused.headers["retry-after"].to_str().unwrap()), (503, "5"), "{}", refused.text);
    assert!(refused.json()["error"].as_str().unwrap().contains("/api/v1/counters"), "{}", refused.text);
    drop(lines);
    wait(|| watch(running.address, "").next().unwrap() == "HTTP/1.1 200 OK");
}

#[test]
fn watchers_end_when_the_service_does() {
    let mut running = start(Limits::default());
    let mut lines = watch(running.address, "");
    next(&mut lines);
    let begun = Instant::now();
    running.server.take().unwrap().close(PATIENCE);
    assert!(begun.elapsed() < PATIENCE / 2, "closing waited for those who watch");
    // What was told before may still be read; then the stream ends, where another would be silent until the time to read is over.
    lines.for_each(drop);
}
