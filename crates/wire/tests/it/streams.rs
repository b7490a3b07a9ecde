//! Streams put in order against the payload that tshark counted.
//!
//! Where tshark marks no segment of a stream as repeated, early or lost, the bytes handed out are the payload it counted; elsewhere
//! retransmissions make its count the larger one. Not equal are streams inside tunnels that the walk does not enter (see
//! `differences.tsv`), and one whose sender goes on after its own reset.

use std::collections::BTreeMap;

use serde::Deserialize;
use weir_wire::{Depth, StreamEvent, StreamKey, Streams, Walk};

use crate::captures;

#[derive(Deserialize)]
struct Capture {
    fragments: u64,
    truncated_packets: u64,
    tcp_streams: Vec<Connection>,
}

#[derive(Deserialize)]
struct Connection {
    client: String,
    cport: u16,
    server: String,
    sport: u16,
    c2s: Direction,
    s2c: Direction,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Direction {
    payload: u64,
    retrans: u64,
    out_of_order: u64,
    keep_alive: u64,
    lost_segment: u64,
    zero_window_probe: u64,
}

/// Payload by direction, and whether all of it came once and in order.
#[derive(Default)]
struct Expected {
    payload: u64,
    plain: bool,
    connections: usize,
}

#[test]
fn streams_hold_the_payload_that_tshark_counts() {
    let Some(shared) = captures::shared() else { return };
    let summary = std::fs::read_to_string(shared.join("truth/packets/summary.jsonl")).unwrap();
    let (mut plain, mut equal, mut other) = (0, 0, 0);
    for line in summary.lines() {
        let file = serde_json::from_str::<serde_json::Value>(line).unwrap()["file"].as_str().unwrap().to_owned();
        let truth: Capture =
            serde_json::from_slice(&captures::truth(&shared.join("truth").join(format!("{file}.json")))).unwrap();
        if truth.fragments > 0 || truth.truncated_packets > 0 || truth.tcp_streams.is_empty() {
            continue;
        }
        let found = payload_by_stream(&captures::frames(&shared.join(&file)));
        for (key, expected) in expected(&truth) {
            let bytes = found.get(&key).copied().unwrap_or(0);
            if expected.plain && expected.connections == 1 {
                plain += 1;
                equal += u32::from(bytes == expected.payload);
                if bytes != expected.payload {
                    println!("{file} {key:?}: {} expected, {bytes} found", expected.payload);
                }
            } else {
                other += 1;
                assert!(bytes <= expected.payload, "{file} {key:?}: {} at most, {bytes} found", expected.payload);
            }
        }
    }
    println!("{equal} of {plain} plain streams equal, {other} others");
    assert!(plain > 3000);
    assert!(f64::from(equal) >= 0.99 * f64::from(plain), "{equal} of {plain}");
}

fn expected(truth: &Capture) -> BTreeMap<StreamKey, Expected> {
    let mut expected = BTreeMap::<StreamKey, Expected>::new();
    for connection in &truth.tcp_streams {
        let client = (connection.client.parse().unwrap(), connection.cport);
        let server = (connection.server.parse().unwrap(), connection.sport);
        for (from, to, direction) in [(client, server, &connection.c2s), (server, client, &connection.s2c)] {
            let key = StreamKey { src: from.0, src_port: from.1, dst: to.0, dst_port: to.1 };
            let entry = expected.entry(key).or_default();
            entry.payload += direction.payload;
            entry.connections += 1;
            entry.plain = direction.retrans
                + direction.out_of_order
                + direction.keep_alive
                + direction.lost_segment
                + direction.zero_window_probe
                == 0;
        }
    }
    expected
}

fn payload_by_stream(frames: &[captures::Frame]) -> BTreeMap<StreamKey, u64> {
    let mut payload = BTreeMap::new();
    let mut count = |key: &StreamKey, event: StreamEvent<'_>| {
        if let StreamEvent::Data(bytes) = event {
            *payload.entry(*key).or_insert(0) += bytes.len() as u64;
        }
    };
    let mut streams = Streams::default();
    let mut walk = Walk::default();
    for frame in frames {
        let Some(link) = frame.link else { continue };
        walk.read(link, &frame.bytes, frame.original_len, Depth::Inner);
        streams.push(&walk.headers, &frame.bytes, 0, &mut count);
    }
    streams.finish(&mut count);
    payload
}
