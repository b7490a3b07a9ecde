//! Every NetFlow v5 capture, compared record by record and field by field with tshark, and its sums.

use serde_json::Value;

use crate::truth::{Score, captures, decode};

/// Keys of the truth, and the columns that hold the same.
const FIELDS: &[(&str, &str)] = &[
    ("exp", "exporter"),
    ("src", "src_addr"),
    ("dst", "dst_addr"),
    ("sp", "src_port"),
    ("dp", "dst_port"),
    ("proto", "protocol"),
    ("bytes", "bytes"),
    ("pkts", "packets"),
    ("in_if", "in_if"),
    ("out_if", "out_if"),
    ("flags", "tcp_flags"),
    ("tos", "tos"),
    ("src_as", "src_as"),
    ("dst_as", "dst_as"),
    ("src_mask", "src_mask"),
    ("dst_mask", "dst_mask"),
    ("next_hop", "next_hop"),
];

#[test]
fn records_and_sums_are_those_of_tshark() {
    let mut score = Score::default();
    let all = captures("netflow5/");
    for (summary, datagrams, truth) in all.iter().chain(&captures("malformed/nf5")) {
        let file = summary["file"].as_str().unwrap();
        let (decoded, stats) = decode(datagrams);
        let rows = decoded.iter().flat_map(|(frame, rows)| rows.flows.iter().zip(&rows.times).map(move |row| (*frame, row)));
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows.len(), truth.len(), "{file}");
        assert_eq!(summary["records"], stats.records, "{file}");
        let sum = |column: &str| rows.iter().map(|(_, (row, _))| row[column].as_u64().unwrap()).sum::<u64>();
        assert_eq!(summary["sum_bytes"], sum("bytes"), "{file}");
        assert_eq!(summary["sum_pkts"], sum("packets"), "{file}");
        for (record, (frame, (row, times))) in truth.iter().zip(&rows) {
            let place = format!("{file} frame {frame} record {}", record["rec"]);
            assert_eq!(record["pkt"], *frame, "{place}");
            assert_eq!(row["format"], "netflow5", "{place}");
            for (key, column) in FIELDS {
                if !record[*key].is_null() {
                    score.field(&place, key, &record[*key], &row[*column]);
                }
            }
            // 0 is "no sampling told".
            let sampling = if record["sampling"] == 0 { Value::Null } else { record["sampling"].clone() };
            score.field(&place, "sampling", &sampling, &row["sampling_rate"]);
            score.field(&place, "sid", &record["sid"], &(row["obs_domain"].as_u64().unwrap() & 0xff).into());
            for (key, time) in ["first_us", "last_us"].iter().zip(*times) {
                score.field(&place, key, &record[*key], &time.unwrap().div_euclid(1000).into());
            }
        }
    }
    if !all.is_empty() {
        score.check("netflow5", 900_000);
    }
}
