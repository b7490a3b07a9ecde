//! Every sFlow capture, compared sample by sample and field by field with tshark, and its sums.

use serde_json::Value;
use weir_codec::Reason;

use crate::truth::{Rows, Score, captures, decode};

/// Interface numbers that are none: not known, and the device itself.
const UNKNOWN: u64 = 0;
const LOCAL: u64 = 0x3fff_ffff;

/// Keys of the sampled header in the truth, and the columns that hold the same.
const HEADER_FIELDS: &[(&str, &str)] = &[
    ("smac", "src_mac"),
    ("dmac", "dst_mac"),
    ("src", "src_addr"),
    ("dst", "dst_addr"),
    ("proto", "protocol"),
    ("sp", "src_port"),
    ("dp", "dst_port"),
    ("flags", "tcp_flags"),
    ("iplen", "bytes"),
    ("tos", "tos"),
];

/// Keys of the generic interface counters, and the columns that hold the same.
const COUNTER_FIELDS: &[(&str, &str)] = &[
    ("ifindex", "if_index"),
    ("iftype", "if_type"),
    ("ifspeed", "if_speed"),
    ("ifdirection", "if_direction"),
    ("ifinoct", "in_octets"),
    ("ifinpkt", "in_unicast"),
    ("ifinmcast", "in_multicast"),
    ("ifinbcast", "in_broadcast"),
    ("ifindisc", "in_discards"),
    ("ifinerr", "in_errors"),
    ("ifinunk", "in_unknown"),
    ("ifoutoct", "out_octets"),
    ("ifoutpkt", "out_unicast"),
    ("ifoutmcast", "out_multicast"),
    ("ifoutbcast", "out_broadcast"),
    ("ifoutdisc", "out_discards"),
    ("ifouterr", "out_errors"),
];

#[test]
fn samples_and_sums_are_those_of_tshark() {
    let mut score = Score::default();
    let all = captures("sflow/");
    for (summary, datagrams, truth) in &all {
        let file = summary["file"].as_str().unwrap();
        let (decoded, stats) = decode(datagrams);
        let count = |key: &str| summary[key].as_u64().unwrap_or(0);
        assert_eq!(stats.records, count("flow_samples"), "{file}");
        assert_eq!(stats.counter_samples, count("counter_samples"), "{file}");
        // Some agents send whole samples behind those that they count; nothing else is wrong with any capture.
        let faults: Vec<Reason> = stats.faults.iter().map(|(reason, _)| reason).collect();
        assert!(faults.iter().all(|reason| *reason == Reason::TrailingOctets), "{file}: {faults:?}");
        let sum = |scale: fn(&Value) -> u64| decoded.iter().flat_map(|(_, rows)| &rows.flows).map(scale).sum::<u64>();
        let frame_bytes = |row: &Value| row["frame_bytes"].as_u64().unwrap_or(0);
        assert_eq!(sum(frame_bytes), count("sum_frame_len"), "{file}");
        assert_eq!(sum(|row| row["sampling_rate"].as_u64().unwrap_or(0)), count("sum_est_packets"), "{file}");
        let scaled = |row: &Value| row["frame_bytes"].as_u64().unwrap_or(0) * row["sampling_rate"].as_u64().unwrap_or(0);
        assert_eq!(sum(scaled), count("sum_est_bytes"), "{file}");

        for (frame, rows) in &decoded {
            let samples: Vec<&Value> = truth.iter().filter(|sample| sample["pkt"] == *frame).collect();
            compare(file, &samples, rows, &mut score);
        }
    }
    if !all.is_empty() {
        score.check("sflow", 130_000);
    }
}

/// Compares the samples of a datagram with its rows: both kinds in their order.
fn compare(file: &str, samples: &[&Value], rows: &Rows, score: &mut Score) {
    let (mut flows, mut counters) = (rows.flows.iter(), rows.counters.iter());
    for sample in samples {
        let place = format!("{file} frame {} sample {}", sample["pkt"], sample["rec"]);
        let row = match sample["format"].as_u64().unwrap() {
            1 | 3 | 5 => {
                let row = flows.next().unwrap();
                flow_sample(&place, sample, row, score);
                row
            }
            _ => {
                let row = counters.next().unwrap();
                counter_sample(&place, sample, row, score);
                row
            }
        };
        score.field(&place, "agent", &sample["agent"], &row["exporter"]);
        score.field(&place, "exp", &sample["exp"], &row["received_from"]);
        score.field(&place, "sub_agent", &sample["sub_agent"], &row["obs_domain"]);
    }
    assert!(flows.next().is_none() && counters.next().is_none(), "{file}");
}

fn flow_sample(place: &str, sample: &Value, row: &Value, score: &mut Score) {
    assert_eq!(row["record_kind"], "sample", "{place}");
    assert_eq!(row["packets"], 1, "{place}");
    assert_eq!(row["time_start"], row["time_received"], "{place}");
    score.field(place, "sampling", &sample["sampling"], &row["sampling_rate"]);
    interface(place, "in_if", &sample["in_if"], 0, row, "in_if", "in_if_kind", score);
    let format = sample["out_format"].as_u64().unwrap();
    interface(place, "out_if", &sample["out_if"], format, row, "out_if", "out_if_kind", score);
    if !sample["frame_len"].is_null() {
        score.field(place, "frame_len", &sample["frame_len"], &row["frame_bytes"]);
    }
    let header = &sample["inner"];
    let tag = if sample["vlan_in"].is_null() { &header["vlans"][0] } else { &sample["vlan_in"] };
    score.field(place, "vlan_in", tag, &row["vlan_in"]);
    score.field(place, "vlan_out", &sample["vlan_out"], &row["vlan_out"]);
    for (key, column) in HEADER_FIELDS {
        if !header[*key].is_null() {
            score.field(place, key, &header[*key], &row[*column]);
        }
    }
    if let [kind, code] = header["icmp"].as_array().map_or(&[][..], |list| list) {
        score.field(place, "icmp type", kind, &row["icmp_type"]);
        score.field(place, "icmp code", code, &row["icmp_code"]);
        assert!(row["src_port"].is_null() && row["dst_port"].is_null(), "{place}");
    }
    let extended = &sample["x"];
    let is_ported = matches!(row["protocol"].as_u64(), Some(6 | 17));
    for (key, column) in [
        ("ip.length", "bytes"),
        ("ip_protocol", "protocol"),
        ("ipv4_src", "src_addr"),
        ("ipv4_dst", "dst_addr"),
        ("ipv6_src", "src_addr"),
        ("ipv6_dst", "dst_addr"),
        ("ip.source_port", "src_port"),
        ("ip.destination_port", "dst_port"),
        ("nexthop.src_mask", "src_mask"),
        ("nexthop.dst_mask", "dst_mask"),
        ("srcAS", "src_as"),
    ] {
        if !extended[key].is_null() && (is_ported || !key.ends_with("port")) {
            score.field(place, key, &extended[key], &row[column]);
        }
    }
    if !extended["as"].is_null() {
        score.field(place, "as", &extended["as"], &row["extra"]["extended_gateway"]["as"]);
        score.field(place, "peerAS", &extended["peerAS"], &row["extra"]["extended_gateway"]["src_peer_as"]);
        score.field(place, "localpref", &extended["localpref"], &row["extra"]["extended_gateway"]["localpref"]);
    }
}

/// An interface number, or the word for why there is none.
#[expect(clippy::too_many_arguments, reason = "places of one field")]
fn interface(place: &str, key: &str, number: &Value, format: u64, row: &Value, column: &str, kind: &str, score: &mut Score) {
    let word = match (format, number.as_u64().unwrap()) {
        (1, _) => "discarded",
        (2, _) => "multiple",
        (_, UNKNOWN) => "unknown",
        (_, LOCAL) => "local",
        _ => return score.field(place, key, number, &row[column]),
    };
    score.field(place, key, &Value::Null, &row[column]);
    score.field(place, key, &Value::from(word), &row[kind]);
}

fn counter_sample(place: &str, sample: &Value, row: &Value, score: &mut Score) {
    let truth = &sample["x"];
    if sample["src_type"] == 0 {
        score.field(place, "src_index", &sample["src_index"], &row["if_index"]);
    }
    if !truth["ifindex"].is_null() {
        for (key, column) in COUNTER_FIELDS {
            score.field(place, key, &truth[*key], &row[*column]);
        }
        let flag = |key: &str| Value::from(truth[key] == 1);
        score.field(place, "ifadmin_status", &flag("ifadmin_status"), &row["if_admin_up"]);
        score.field(place, "ifoper_status", &flag("ifoper_status"), &row["if_oper_up"]);
        score.field(place, "ifpromisc", &flag("ifpromisc"), &row["promiscuous"]);
    }
    for (key, value) in truth.as_object().into_iter().flatten().filter(|(key, _)| key.starts_with("dot3Stats")) {
        score.field(place, key, value, &row["extra"]["ethernet_counters"][key]);
    }
}

#[test]
fn host_counters_are_told_under_their_names() {
    for (_, datagrams, _) in captures("sflow/cistern_host") {
        let (decoded, stats) = decode(&datagrams);
        assert_eq!(stats.faults.total(), 0);
        let extra = &decoded[0].1.counters[0]["extra"];
        assert!(extra["host_descr"]["hostname"].is_string());
        assert!(extra["host_adapters"]["adapters"].is_array());
        assert!(extra["host_cpu"]["load_one"].is_number());
        assert!(extra["host_memory"]["mem_total"].as_u64() > extra["host_memory"]["mem_free"].as_u64());
        assert!(extra["host_disk_io"]["disk_total"].is_number());
        assert_eq!(extra["source_type"], 2);
    }
}
