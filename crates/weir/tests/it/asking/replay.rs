//! `weir replay`: captures and stored flows on their way to a collector, and what arrives there.

use std::net::UdpSocket;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::service::{Asked, sample};
use crate::run::weir;

const COLUMNS: &str = "src_addr,dst_addr,src_port,dst_port,protocol,packets,bytes,tcp_flags,in_if,out_if,src_as,dst_as,sampling_rate,biflow,obs_domain,format";

/// Rows as texts, in an order of their own.
fn sorted(rows: &[Value]) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

#[test]
fn what_is_replayed_is_stored_as_decode_prints_it() {
    for name in ["netflow5", "netflow9", "ipfix", "sflow"] {
        let printed = weir(&["decode", &sample(name), "--format", "json", "--columns", COLUMNS]).records();
        assert!(!printed.is_empty());
        let asked = Asked::with(&[name]);
        let stored = asked.ask(&["query", "--format", "json", "--columns", COLUMNS, "--limit", "100000"]).records();
        assert_eq!(sorted(&stored), sorted(&printed), "{name}");
    }
}

/// The datagrams of a sample as a collector gets them.
fn received(name: &str, more: &[&str]) -> (Vec<Vec<u8>>, Value) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let url = format!("udp://{}", socket.local_addr().unwrap());
    let run = weir(&[&["replay", &sample(name), "--to", &url, "--rate", "max", "--stats"], more].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut datagrams = Vec::new();
    let mut octets = [0; 65_536];
    while let Ok(length) = socket.recv(&mut octets) {
        datagrams.push(octets[..length].to_vec());
    }
    (datagrams, run.stats())
}

#[test]
fn times_are_moved_to_now_unless_they_are_to_stay() {
    for (name, at) in [("netflow5", 8), ("netflow9", 8), ("ipfix", 4)] {
        let (original, stats) = received(name, &["--original-time"]);
        assert_eq!(stats["datagrams"].as_u64(), Some(original.len() as u64), "{stats}");
        assert_eq!(stats["octets"].as_u64(), Some(original.iter().map(|datagram| datagram.len() as u64).sum()));
        let (moved, _) = received(name, &[]);
        assert_eq!(moved.len(), original.len(), "{name}");
        let time = |datagram: &[u8]| u64::from(u32::from_be_bytes(*datagram[at..].first_chunk().unwrap()));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        for (moved, original) in moved.iter().zip(&original) {
            assert_eq!(moved.len(), original.len());
            assert!(time(original) < 1_773_000_000, "{name}: a time of the capture");
            assert!(time(moved).abs_diff(now) < 120, "{name}: {} is not about {now}", time(moved));
            assert_eq!(
                (&moved[..at], &moved[at + 4..at + 8]),
                (&original[..at], &original[at + 4..at + 8]),
                "{name}: the rest of the header stays"
            );
        }
    }
}

#[test]
fn a_rate_is_kept() {
    let begun = std::time::Instant::now();
    let (datagrams, _) = received("sflow", &[]);
    let unhurried = begun.elapsed();
    assert!(datagrams.len() > 1);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("udp://{}", socket.local_addr().unwrap());
    let begun = std::time::Instant::now();
    let run = weir(&["replay", &sample("sflow"), "--to", &url, "--rate", "4"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let least = Duration::from_millis(250) * (datagrams.len() as u32 - 1);
    assert!(
        begun.elapsed() >= least,
        "{} datagrams at 4 a second took {:?} ({unhurried:?} without a rate)",
        datagrams.len(),
        begun.elapsed()
    );
}

#[test]
fn stored_flows_are_sent_anew() {
    let first = Asked::with(&["netflow5"]);
    let second = Asked::start();
    let url = format!("udp://{}", second.service.address);
    let run = first.read(&["replay", "--to", &url, "--filter", "tcp", "--rate", "max", "--stats"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let sums = |asked: &Asked| {
        asked
            .ask(&["query", "tcp", "--format", "json", "--by", "src_addr,dst_addr,dst_port", "--measures", "flows,packets,bytes"])
            .records()
    };
    let expected = sums(&first);
    let flows: u64 = expected.iter().map(|row| row["flows"].as_u64().unwrap()).sum();
    assert_eq!(run.stats()["records"].as_u64(), Some(flows), "{}", run.stderr);
    second.wait_stored(flows);
    assert_eq!(sorted(&sums(&second)), sorted(&expected));
}

#[test]
fn what_holds_no_datagrams_is_said() {
    let run = weir(&["replay", &sample("packets"), "--to", "udp://127.0.0.1:9", "--rate", "max", "--stats"]);
    assert_eq!((run.code, run.stats()["datagrams"].as_u64()), (1, Some(0)), "{}", run.stderr);
}
