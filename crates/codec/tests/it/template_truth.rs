//! NetFlow v9 and IPFIX captures of many vendors, compared record by record and field by field with what tshark says of them.
//!
//! Where the two differ, `differences.txt` beside this file says why; a difference without a reason fails the test.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use serde_json::Value;
use weir_codec::{Config, Datagram, Decoder, Output};
use weir_record::FlowBatch;
use weir_record::write::json::JsonWriter;

/// Lines of `file field reason`; the field `*` stands for all, and `records` for the number of records.
const DIFFERENCES: &str = include_str!("differences.txt");

/// Keys of the truth, and the columns that hold the same.
const FIELDS: &[(&str, &str)] = &[
    ("exp", "exporter"),
    ("sid", "obs_domain"),
    ("src", "src_addr"),
    ("dst", "dst_addr"),
    ("sp", "src_port"),
    ("dp", "dst_port"),
    ("proto", "protocol"),
    ("bytes", "bytes"),
    ("pkts", "packets"),
    ("bytes_init", "bytes"),
    ("pkts_init", "packets"),
    ("in_if", "in_if"),
    ("out_if", "out_if"),
    ("flags", "tcp_flags"),
    ("tos", "tos"),
    ("src_as", "src_as"),
    ("dst_as", "dst_as"),
    ("src_mask", "src_mask"),
    ("dst_mask", "dst_mask"),
    ("next_hop", "next_hop"),
    ("bgp_next_hop", "bgp_next_hop"),
    ("vlan", "vlan_in"),
    ("dir", "direction"),
    ("ipver", "ip_version"),
    ("sampling", "sampling_rate"),
];

/// The capture whose one-way records say which half of a connection they are (element 239).
const ONE_WAY_HALVES: &str = "ipfix/ipfixcol_enterprise_from_nfv9.pcap";

/// A record as it was decoded: its row, and the responder's where it is two-way.
struct Decoded {
    row: Value,
    start: Option<i64>,
    end: Option<i64>,
    responder: Option<Value>,
}

#[derive(Default)]
struct Score {
    compared: u64,
    equal: u64,
    unexplained: String,
}

#[test]
fn netflow9_records_are_those_of_tshark() {
    compare_protocol("netflow9");
}

#[test]
fn ipfix_records_are_those_of_tshark() {
    compare_protocol("ipfix");
}

fn compare_protocol(protocol: &str) {
    let Some(shared) = weir_testkit::shared_dir() else {
        println!("skipped: the shared captures are not here");
        return;
    };
    let mut score = Score::default();
    let mut files = 0;
    for summary in weir_testkit::json_lines(&shared.join("captures/truth/flow/summary.jsonl")) {
        let file = summary["file"].as_str().unwrap();
        if !file.starts_with(protocol) {
            continue;
        }
        files += 1;
        let datagrams = weir_testkit::datagrams(&shared.join("captures").join(file));
        let records = weir_testkit::json_lines(&shared.join("captures").join(summary["records_file"].as_str().unwrap()));
        compare_file(file, &datagrams, &records, &summary, &mut score);
    }
    println!("{protocol}: {files} files, {} of {} fields equal", score.equal, score.compared);
    assert!(files > 30, "{files}");
    assert!(score.unexplained.is_empty(), "differences without a reason:\n{}", score.unexplained);
    assert!(score.equal * 100 >= score.compared * 99, "{} of {}", score.equal, score.compared);
}

fn compare_file(file: &str, datagrams: &[weir_testkit::Datagram], truth: &[Value], summary: &Value, score: &mut Score) {
    let (decoded, decoder) = decode(datagrams, file != ONE_WAY_HALVES);
    for (key, ours) in [
        ("templates", decoder.stats().templates),
        ("option_records", decoder.stats().options_records),
        ("records", decoded.values().map(|records| records.len() as u64).sum()),
    ] {
        let mut theirs = summary[key].as_u64().unwrap_or(0);
        match key {
            "templates" => theirs += summary["option_templates"].as_u64().unwrap_or(0),
            "records" => theirs += summary["records_late_template"].as_u64().unwrap_or(0),
            _ => theirs += summary["option_records_late_template"].as_u64().unwrap_or(0),
        }
        score.field(file, key, 0, &Value::from(theirs), &Value::from(ours));
    }
    compare_sums(file, &decoded, summary, score);
    let mut places: HashMap<u64, usize> = HashMap::new();
    let none = Vec::new();
    for record in truth.iter().filter(|record| record["opt"] != true) {
        let frame = record["pkt"].as_u64().unwrap();
        let place = places.entry(frame).or_default();
        let Some(ours) = decoded.get(&frame).unwrap_or(&none).get(*place) else {
            score.field(file, "records", frame, &record["rec"], &Value::Null);
            continue;
        };
        *place += 1;
        compare_record(file, frame, record, ours, score);
    }
}

/// The sums of the summary, and those of the outputs that the captures' sources ship. One of 0 is of a program that does not read
/// the counters of that exporter.
fn compare_sums(file: &str, decoded: &BTreeMap<u64, Vec<Decoded>>, summary: &Value, score: &mut Score) {
    let sum = |column: &str| decoded.values().flatten().filter_map(|record| record.row[column].as_u64()).sum::<u64>();
    let golden = summary["golden"].as_object().into_iter().flatten();
    for (name, sums) in golden.map(|(_, sums)| ("golden", sums)).chain([("sums", summary)]) {
        for (key, column) in [("sum_bytes", "bytes"), ("sum_pkts", "packets")] {
            if sums[key].as_u64().is_some_and(|sum| sum > 0) {
                score.field(file, name, 0, &sums[key], &Value::from(sum(column)));
            }
        }
    }
}

fn compare_record(file: &str, frame: u64, truth: &Value, ours: &Decoded, score: &mut Score) {
    for (key, column) in FIELDS {
        // What the column table calls absent: sampling 0 and direction 255.
        let theirs = match (*key, truth[*key].as_u64()) {
            ("sampling", Some(0)) | ("dir", Some(255)) => &Value::Null,
            (_, None) if truth[*key].is_null() => continue,
            _ => &truth[*key],
        };
        score.field(file, key, frame, theirs, &ours.row[*column]);
    }
    for (key, counter, total, post, response) in [
        ("bytes", "bytes", "bytes_total", "postOctetDeltaCount", "responderOctets"),
        ("pkts", "packets", "packets_total", "postPacketDeltaCount", "responderPackets"),
    ] {
        let has = |suffix: &str| !truth[format!("{key}{suffix}")].is_null();
        if has("_total") {
            let column = if has("") { total } else { counter };
            score.field(file, key, frame, &truth[format!("{key}_total")], &ours.row[column]);
        }
        if has("_out") {
            let value = if has("") || has("_total") || has("_init") { &ours.row["extra"][post] } else { &ours.row[counter] };
            score.field(file, key, frame, &truth[format!("{key}_out")], value);
        }
        if has("_resp") {
            // Without the initiator's counter the record is no two-way one, and the element no counter of ours.
            let responder = ours.responder.as_ref().map_or(&ours.row["extra"][response], |row| &row[counter]);
            score.field(file, key, frame, &truth[format!("{key}_resp")], responder);
        }
    }
    for (key, time) in [("first_us", ours.start), ("last_us", ours.end)] {
        if !truth[key].is_null() {
            score.field(file, key, frame, &truth[key], &time.map_or(Value::Null, |time| Value::from(time.div_euclid(1000))));
        }
    }
}

/// The records of each frame, in their order. The number of the frame takes the place of the time of arrival, which brings the
/// records that waited for their template back to their frame.
fn decode(datagrams: &[weir_testkit::Datagram], two_way: bool) -> (BTreeMap<u64, Vec<Decoded>>, Decoder) {
    let mut decoder = Decoder::new(Config::default());
    let mut out = Output::default();
    let mut records = BTreeMap::<u64, Vec<Decoded>>::new();
    for datagram in datagrams {
        out.clear();
        let from = datagram.source.ip().into();
        let port = datagram.source.port();
        let received = datagram.frame as i64;
        decoder.decode(&Datagram { payload: &datagram.payload, from, port, stream: None, received }, &mut out);
        out.finish();
        gather(&out.flows, two_way, &mut records);
    }
    (records, decoder)
}

fn gather(flows: &FlowBatch, two_way: bool, records: &mut BTreeMap<u64, Vec<Decoded>>) {
    let mut text = Vec::new();
    JsonWriter::new().write(&mut text, flows, 0..flows.rows());
    for (row, line) in text.split(|octet| *octet == b'\n').take(flows.rows()).enumerate() {
        let value: Value = serde_json::from_slice(line).unwrap();
        let frame = flows.time_received.get(row).unwrap() as u64;
        let records = records.entry(frame).or_default();
        let of_two_way = records.last_mut().filter(|_| two_way && value["biflow"] == "responder");
        if let Some(initiator) = of_two_way {
            initiator.responder = Some(value);
        } else {
            records.push(Decoded { row: value, start: flows.time_start.get(row), end: flows.time_end.get(row), responder: None });
        }
    }
}

impl Score {
    fn field(&mut self, file: &str, key: &str, frame: u64, theirs: &Value, ours: &Value) {
        self.compared += 1;
        if theirs == ours {
            self.equal += 1;
        } else if !is_explained(file, key) && self.unexplained.lines().count() < 60 {
            let _ = writeln!(self.unexplained, "{file} frame {frame} {key}: tshark {theirs}, weir {ours}");
        }
    }
}

fn is_explained(file: &str, key: &str) -> bool {
    DIFFERENCES.lines().filter(|line| !line.starts_with('#')).any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some(file) && words.next().is_some_and(|field| field == "*" || field == key) && words.next().is_some()
    })
}
