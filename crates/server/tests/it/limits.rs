//! What clients may take of the service, and what becomes of their queries.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use weir_server::{Limits, QueryRow};

use crate::service::{PATIENCE, start, wait};

fn question() -> serde_json::Value {
    json!({"filter": "port 53"})
}

#[test]
fn a_query_ends_when_its_client_is_gone() {
    let running = start(Limits::default());
    running.service.slow.store(true, Ordering::SeqCst);
    let mut client = TcpStream::connect(running.address).unwrap();
    let body = question().to_string();
    let head = "POST /api/v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    write!(client, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    running.wait_running(1);
    drop(client);
    wait(|| running.service.cancelled.load(Ordering::SeqCst) == 1);
    wait(|| running.get("/api/v1/queries").json() == json!([]));
}

#[test]
fn a_query_can_be_listed_and_cancelled() {
    let running = start(Limits::default());
    running.service.slow.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        let asking = scope.spawn(|| running.post("/api/v1/query", &question()));
        running.wait_running(1);
        let rows: Vec<QueryRow> = serde_json::from_value(running.get("/api/v1/queries").json()).unwrap();
        assert_eq!((rows.len(), rows[0].kind.as_str()), (1, "query"));
        assert!(rows[0].text.contains("53"), "{rows:?}");
        assert_eq!(running.delete(&format!("/api/v1/queries/{}", rows[0].id)).status, 204);
        let page = asking.join().unwrap();
        assert_eq!((page.status, page.json()["error"].as_str()), (409, Some("the query was cancelled")));
        assert_eq!(running.delete(&format!("/api/v1/queries/{}", rows[0].id)).status, 404);
        assert_eq!(running.delete("/api/v1/queries/all").status, 404);
    });
}

#[test]
fn a_query_that_runs_too_long_is_told_so() {
    let running = start(Limits { query_time: Duration::from_millis(100), ..Limits::default() });
    running.service.slow.store(true, Ordering::SeqCst);
    let page = running.post("/api/v1/query", &question());
    assert_eq!(page.status, 408, "{}", page.text);
    assert!(page.json()["error"].as_str().unwrap().contains("0.1 s"), "{}", page.text);
    wait(|| running.get("/api/v1/queries").json() == json!([]));
}

#[test]
fn more_queries_than_may_run_wait_for_their_turn() {
    let running = start(Limits { queries: 1, waiting: 1, queue_time: PATIENCE, ..Limits::default() });
    running.service.slow.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        let first = scope.spawn(|| running.post("/api/v1/query", &question()));
        running.wait_running(1);
        // Of two more, one waits, and whichever comes later is refused at once.
        let (answered, answers) = mpsc::channel();
        for _ in 0..2 {
            let (answered, running) = (answered.clone(), &running);
            scope.spawn(move || answered.send(running.post("/api/v1/query", &question())).unwrap());
        }
        let refused = answers.recv_timeout(PATIENCE).unwrap();
        assert_eq!(refused.status, 503, "{}", refused.text);
        assert_eq!(refused.headers["retry-after"], "5");
        assert!(refused.json()["error"].as_str().unwrap().contains("ask again later"), "{}", refused.text);
        running.service.slow.store(false, Ordering::SeqCst);
        assert_eq!(first.join().unwrap().status, 200);
        assert_eq!(answers.recv_timeout(PATIENCE).unwrap().status, 200);
    });
}

#[test]
fn a_query_does_not_wait_for_ever() {
    let running = start(Limits { queries: 1, queue_time: Duration::from_millis(50), ..Limits::default() });
    running.service.slow.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        let first = scope.spawn(|| running.post("/api/v1/query", &question()));
        running.wait_running(1);
        let second = running.post("/api/v1/query", &question());
        assert_eq!(second.status, 503, "{}", second.text);
        running.service.slow.store(false, Ordering::SeqCst);
        assert_eq!(first.join().unwrap().status, 200);
    });
}

#[test]
fn a_body_has_a_limit() {
    let running = start(Limits { body_bytes: 1_000, ..Limits::default() });
    let ask = |octets: usize| running.post_text("/api/v1/query", "application/json", &format!("{{{}}}", " ".repeat(octets - 2)));
    assert_eq!(ask(1_000).status, 200);
    let refused = ask(1_001);
    assert_eq!(refused.status, 413, "{}", refused.text);
    assert!(refused.json()["error"].is_string());
}

#[test]
fn a_head_that_does_not_arrive_ends_the_connection() {
    let running = start(Limits { header_time: Duration::from_millis(100), ..Limits::default() });
    let mut client = TcpStream::connect(running.address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").unwrap();
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = client.read_to_end(&mut answer).map_err(|error| assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock));
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn connections_past_the_limit_wait() {
    // The connection that holds the place does so for as long as the test wants.
    let running = start(Limits { connections: 1, header_time: PATIENCE, ..Limits::default() });
    let mut held = TcpStream::connect(running.address).unwrap();
    held.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    held.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut octet = [0];
    held.read_exact(&mut octet).unwrap();
    let mut next = TcpStream::connect(running.address).unwrap();
    next.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    next.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(next.read_exact(&mut octet).is_err(), "answered beside the one that holds the only place");
    drop(held);
    next.set_read_timeout(Some(PATIENCE)).unwrap();
    next.read_exact(&mut octet).unwrap();
}

#[test]
fn a_strangers_name_is_refused() {
    let running = start(Limits::default());
    let ask = |host: &str| {
        let mut client = TcpStream::connect(running.address).unwrap();
        write!(client, "GET /api/v1/sources HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n").unwrap().0.to_owned()
    };
    for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]"] {
        assert_eq!(ask(host), "HTTP/1.1 200 OK", "{host}");
    }
    for host in ["attacker.example", "attacker.example:8080", "localhost.attacker.example", "192.0.2.1", ""] {
        assert_eq!(ask(host), "HTTP/1.1 421 Misdirected Request", "{host}");
    }
}

#[test]
fn closing_ends_queries_and_waits_for_their_answers() {
    let mut running = start(Limits::default());
    running.service.slow.store(true, Ordering::SeqCst);
    let server = running.server.take().unwrap();
    thread::scope(|scope| {
        let asking = scope.spawn(|| running.post("/api/v1/query", &question()));
        running.wait_running(1);
        let begun = Instant::now();
        server.close(PATIENCE);
        assert!(begun.elapsed() < PATIENCE);
        assert_eq!(asking.join().unwrap().status, 409);
    });
    assert!(TcpStream::connect(running.address).is_err(), "nobody listens any more");
}
