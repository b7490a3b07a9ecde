//! Round-trip times, retransmissions and segments out of order of every connection against tshark's analysis of the same captures.
//!
//! Every difference stands in `tcp_differences.tsv` with its reason. Most come from two habits of tshark: it takes a frame that was captured twice for
//! a retransmission, and it measures how late a segment is from the segment with the highest sequence number, however long ago the hole was left.
//! `WEIR_VERBOSE=1` prints the new ones as lines of that file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;
use weir_meter::Config;
use weir_record::{FlowBatch, names};

use crate::captures::{captures_dir, captures_with_truth, metered, without_timeouts};

/// Address and port.
type End = (IpAddr, u16);
/// Client, server, and when the connection began, microseconds since 1970.
type Key = (End, End, i64);

#[derive(Clone, Debug, Default)]
struct Connection {
    rtt: Option<i64>,
    /// Client to server, server to client.
    sides: [Side; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Side {
    packets: u64,
    retransmissions: u64,
    out_of_order: u64,
    /// Frames captured twice; the truth does not know them.
    duplicates: u64,
}

#[derive(Default)]
struct Counts {
    connections: u32,
    round_trips: u32,
    round_trips_equal: u32,
    with_any: u32,
    equal: u32,
    agree: u32,
}

#[test]
fn tcp_performance_agrees_with_tshark() {
    let Some(folder) = captures_dir() else {
        return;
    };
    let explained: BTreeSet<&str> = differences().map(|(difference, _)| difference).collect();
    let mut counts = Counts::default();
    let mut differences = Vec::new();
    let mut skipped = 0;
    for (name, path, truth) in captures_with_truth(&folder) {
        let streams = truth["tcp_streams"].as_array().map_or(&[][..], Vec::as_slice);
        if streams.is_empty() {
            continue;
        }
        let (flows, _) = metered(&path, Config { decapsulate: true, applications: None, ..without_timeouts() });
        let found = connections(&flows);
        for stream in streams {
            let Some((key, expected)) = expected(stream) else { continue };
            // Tunnels that only tshark opens, and later fragments: other tests compare volumes.
            let same_packets = |found: &&Connection| (0..2).all(|side| found.sides[side].packets == expected.sides[side].packets);
            let Some(found) = found.get(&key).filter(same_packets) else {
                skipped += 1;
                continue;
            };
            let tag = format!("{name}\t{}", stream["stream"]);
            compare(&tag, &expected, found, &mut counts, &mut differences);
        }
    }
    let Counts { connections, round_trips, round_trips_equal, with_any, equal, agree } = counts;
    println!("{connections} connections compared, {skipped} with other packets than tshark's left out");
    assert!(skipped <= 60, "{skipped} connections have other packets than tshark's");
    let gone: Vec<_> = explained.iter().filter(|line| !differences.iter().any(|found| found == *line)).collect();
    assert!(gone.is_empty(), "{} explained differences are no more: {gone:#?}", gone.len());
    println!("round-trip time: {round_trips_equal} of {round_trips} within 2 us");
    println!("retransmissions and out of order: of {with_any} connections {equal} equal, {agree} agree");
    let new: Vec<_> = differences.iter().filter(|line| !explained.contains(line.as_str())).collect();
    for line in new.iter().filter(|_| std::env::var_os("WEIR_VERBOSE").is_some()) {
        println!("NEW\t{line}");
    }
    assert!(new.is_empty(), "{} differences without a reason: {new:#?}", new.len());
    assert!(connections > 4000 && with_any > 300 && round_trips_equal > 1400, "{connections} {with_any} {round_trips_equal}");
    assert!(f64::from(agree) >= 0.95 * f64::from(with_any), "{agree} of {with_any}");
}

#[test]
fn every_difference_has_a_reason() {
    assert!(differences().all(|(difference, reason)| difference.split('\t').count() == 5 && reason.len() > 10));
}

fn compare(tag: &str, expected: &Connection, found: &Connection, counts: &mut Counts, differences: &mut Vec<String>) {
    counts.connections += 1;
    if expected.rtt.is_some() || found.rtt.is_some() {
        counts.round_trips += 1;
        match (expected.rtt, found.rtt) {
            (Some(expected), Some(found)) if (expected - found).abs() <= 2 => counts.round_trips_equal += 1,
            (expected, found) => differences.push(format!("{tag}\trtt\t{}\t{}", text(expected), text(found))),
        }
    }
    let has_any = |side: &Side| side.retransmissions + side.out_of_order > 0;
    if !expected.sides.iter().chain(&found.sides).any(has_any) {
        return;
    }
    counts.with_any += 1;
    let (mut equal, mut agree) = (true, true);
    for (direction, (expected, found)) in ["to server", "to client"].into_iter().zip(expected.sides.iter().zip(&found.sides)) {
        let (all_expected, all_found) =
            (expected.retransmissions + expected.out_of_order, found.retransmissions + found.out_of_order);
        agree &= (all_found..=all_found + found.duplicates).contains(&all_expected);
        if (expected.retransmissions, expected.out_of_order) != (found.retransmissions, found.out_of_order) {
            equal = false;
            differences.push(format!(
                "{tag}\t{direction}\t{}+{}\t{}+{}, {} twice",
                expected.retransmissions, expected.out_of_order, found.retransmissions, found.out_of_order, found.duplicates
            ));
        }
    }
    counts.equal += u32::from(equal);
    counts.agree += u32::from(agree);
}

fn text(time: Option<i64>) -> String {
    time.map_or("none".to_owned(), |time| time.to_string())
}

/// What tshark says of a connection; none for packets that quote one.
fn expected(stream: &Value) -> Option<(Key, Connection)> {
    let end = |address: &str, port: &str| Some((stream[address].as_str()?.parse().ok()?, stream[port].as_u64()? as u16));
    let key = (end("client", "cport")?, end("server", "sport")?, stream["first_us"].as_f64()? as i64);
    let sides = ["c2s", "s2c"].map(|side| {
        let count = |name: &str| stream[side][name].as_u64().unwrap_or(0);
        Side { packets: count("pkts"), retransmissions: count("retrans"), out_of_order: count("out_of_order"), duplicates: 0 }
    });
    let rtt = stream["initial_rtt"].as_f64().map(|seconds| (seconds * 1e6).round() as i64);
    Some((key, Connection { rtt, sides }))
}

fn connections(flows: &FlowBatch) -> BTreeMap<Key, Connection> {
    let mut table = BTreeMap::new();
    for row in (0..flows.rows()).filter(|row| flows.protocol.get(*row) == Some(6)) {
        let from = (flows.src_addr.get(row).unwrap().to_ip(), flows.src_port.get(row).unwrap());
        let to = (flows.dst_addr.get(row).unwrap().to_ip(), flows.dst_port.get(row).unwrap());
        let is_response = flows.biflow.get(row) == Some(names::RESPONDER);
        let (client, server) = if is_response { (to, from) } else { (from, to) };
        // The rows of a connection are adjacent.
        let is_second = row > 0
            && is_response
            && flows.biflow.get(row - 1) == Some(names::INITIATOR)
            && flows.src_addr.get(row - 1) == flows.dst_addr.get(row)
            && flows.src_port.get(row - 1) == flows.dst_port.get(row);
        let start = |row: usize| flows.time_start.get(row).unwrap().div_euclid(1000);
        let mut begun = start(row);
        let mut connection = Connection::default();
        if is_second && let Some(first) = table.remove(&(client, server, start(row - 1))) {
            connection = first;
            begun = begun.min(start(row - 1));
        }
        connection.rtt = flows.rtt.get(row).map(i64::from);
        connection.sides[usize::from(is_response)] = Side {
            packets: flows.packets.get(row).unwrap(),
            retransmissions: flows.retransmissions.get(row).unwrap_or(0).into(),
            out_of_order: flows.out_of_order.get(row).unwrap_or(0).into(),
            duplicates: flows.capture_duplicates.get(row).unwrap_or(0).into(),
        };
        table.insert((client, server, begun), connection);
    }
    table
}

/// The explained differences, each with its reason.
fn differences() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("tcp_differences.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once('\t').unwrap())
}
