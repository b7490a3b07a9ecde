//! Clients that ask and do not read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde_json::json;
use weir_server::Limits;

use crate::service::{PATIENCE, Running, start, wait};

/// Counts the queries that ended early.
const CANCELLED: &str = "weir_api_queries_total{outcome=\"cancelled\"}";

/// Rows of an answer that fits into no buffer between client and service: 20 MB.
const ROWS: usize = 400_000;

/// Sends a request, and leaves the answer where it is.
fn ask(address: SocketAddr, path: &str, body: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    let method = if body.is_empty() { "GET" } else { "POST" };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json");
    write!(client, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    client
}

fn question(format: &str) -> String {
    json!({"format": format, "by": "src_addr"}).to_string()
}

/// What is left of an answer, after the service gave it up. A reset is an end as well.
fn rest(mut client: TcpStream) -> Vec<u8> {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).map_err(|error| assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock));
    answer
}

fn counter(running: &Running, name: &str) -> u64 {
    let rows = running.get("/api/v1/counters?grep=weir_api").json();
    rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} in {rows}"))["value"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_client_that_takes_nothing_loses_its_connection_and_its_turn() {
    let limits = Limits { queries: 1, client_time: Duration::from_millis(300), ..Limits::default() };
    let running = start(limits);
    for (ended, format) in (1..).zip(["json", "lines", "csv"]) {
        running.service.more.store(ROWS, Ordering::SeqCst);
        let client = ask(running.address, "/api/v1/query", &question(format));
        // It need not be seen in the list of those that run: the time may be over before anybody looks.
        wait(|| counter(&running, CANCELLED) == ended);
        wait(|| running.get("/api/v1/queries").json() == json!([]));
        let answer = rest(client);
        assert!(answer.starts_with(b"HTTP/1.1 200 OK") && answer.len() < ROWS * 40, "{format}: {} octets", answer.len());
        assert!(!answer.ends_with(b"0\r\n\r\n"), "{format}: a part looks like the whole");
        // Whoever reads gets the only turn.
        running.service.more.store(0, Ordering::SeqCst);
        assert_eq!(running.post("/api/v1/query", &json!({})).status, 200);
    }
    assert_eq!(counter(&running, CANCELLED), 3);
}

#[test]
fn an_answer_has_to_be_taken_within_the_time_of_its_query() {
    let limits = Limits { query_time: Duration::from_secs(1), client_time: PATIENCE, ..Limits::default() };
    let running = start(limits);
    running.service.more.store(ROWS, Ordering::SeqCst);
    let is_told_why = |attempt| {
        let client = ask(running.address, "/api/v1/query", &question("lines"));
        wait(|| counter(&running, CANCELLED) == attempt);
        // The client comes back, too late: what was under way, and why that is not all.
        let answer = String::from_utf8(rest(client)).unwrap();
        assert!(!answer.ends_with("0\r\n\r\n"), "a part looks like the whole");
        answer.contains("{\"error\":\"the query ran for 1 s")
    };
    // The last line waits half a second for a client that reads: one that is held up for longer does not get it.
    assert!((1..=10).any(is_told_why), "nobody is told why the answer breaks off");
}

#[test]
fn a_slow_client_gets_all_of_it() {
    let limits = Limits { client_time: PATIENCE, ..Limits::default() };
    let running = start(limits);
    running.service.more.store(ROWS, Ordering::SeqCst);
    let mut client = ask(running.address, "/api/v1/query", &question("csv"));
    let (mut answer, mut part) = (Vec::new(), vec![0; 4 << 20]);
    while let Ok(octets @ 1..) = client.read(&mut part) {
        answer.extend_from_slice(&part[..octets]);
        thread::sleep(Duration::from_millis(2));
    }
    assert!(answer.ends_with(b"\r\n0\r\n\r\n"));
    let rows = answer.windows(10).filter(|window| *window == b"1200000001").count();
    // Some are cut by the frames of the transfer, and the head has the totals.
    assert!(rows > ROWS - 1000 && rows <= ROWS + 2, "{rows}");
}

#[test]
fn answers_that_nobody_reads_have_a_limit_together() {
    let running = start(Limits { unread_bytes: 18 << 20, client_time: PATIENCE, ..Limits::default() });
    running.service.more.store(20_000, Ordering::SeqCst);
    let held = ask(running.address, "/api/v1/sources", "");
    wait(|| counter(&running, "weir_api_unread_bytes") > 1 << 20);
    let refused = running.get("/api/v1/sources");
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(refused.headers["retry-after"], "5");
    assert!(refused.json()["error"].as_str().unwrap().contains("18 MiB"), "{}", refused.text);
    assert_eq!(counter(&running, "weir_api_unread_refused_total"), 1);
    // Small ones need no place.
    assert_eq!(running.get("/healthz").status, 200);
    drop(held);
    wait(|| counter(&running, "weir_api_unread_bytes") == 0);
    let page = running.get("/api/v1/sources");
    assert_eq!((page.status, page.json().as_array().unwrap().len()), (200, 20_001));
}
