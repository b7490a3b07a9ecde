//! Kinds of records, forms of output, filters, counters.

use serde_json::json;

use crate::make;
use crate::run::{File, weir};

fn mixed() -> File {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    File::new(&format!("mixed-{number}.pcap"), &make::capture(&make::mixed()))
}

#[test]
fn json_lines_hold_what_was_sent() {
    let records = weir(&["decode", mixed().path()]).records();
    assert_eq!(records.len(), 10);
    assert_eq!(
        records[2],
        json!({
            "time_received": "2026-01-01T00:00:00.001Z", "format": "ipfix", "exporter": "192.0.2.1", "received_from": "192.0.2.1",
            "received_port": 50_000, "obs_domain": 7, "ip_version": 4, "src_addr": "10.0.0.3", "dst_addr": "10.0.1.3", "src_port": 50_000,
            "dst_port": 3, "protocol": 6, "bytes": 3000, "packets": 3,
        })
    );
}

#[test]
fn each_kind_is_printed_when_asked_for_and_says_what_it_is() {
    let file = mixed();
    let kinds = |kind: &str| -> Vec<String> {
        let run = weir(&["decode", file.path(), "--kind", kind]);
        // The key stands in front of all others.
        assert!(kind == "flow" || run.stdout.lines().all(|line| line.starts_with("{\"kind\":\"")), "{}", run.stdout);
        run.records().iter().map(|record| record["kind"].as_str().unwrap_or("none").to_owned()).collect()
    };
    assert_eq!(kinds("flow"), vec!["none"; 10]);
    assert_eq!(kinds("event"), ["event"]);
    assert_eq!(kinds("options"), ["options"]);
    assert!(kinds("counters").is_empty() && kinds("drops").is_empty());
    let mut all = kinds("all");
    all.sort();
    assert_eq!(all, [vec!["event"], vec!["flow"; 10], vec!["options"]].concat());
}

#[test]
fn stats_have_exactly_these_keys() {
    let run = weir(&["decode", mixed().path(), "--format", "none", "--stats"]);
    assert_eq!(run.stdout, "10\n");
    assert_eq!(
        run.stats(),
        json!({ "datagrams": 3, "records": 11, "templates": 3, "options_records": 1, "counter_samples": 0, "pending": 0, "faults": {} })
    );
    assert_eq!(run.stderr.lines().count(), 1);
    let noise = File::new("noise.pcap", &make::capture(&[b"noise".to_vec(), make::ipfix(0, &[make::flows([1])])]));
    let run = weir(&["decode", noise.path(), "--stats", "--verbose"]);
    assert_eq!((&run.stats()["faults"], &run.stats()["pending"]), (&json!({ "unknown_protocol": 1 }), &json!(1)));
    assert!(
        run.stderr.contains("1 fault unknown_protocol (first: ") && run.stderr.contains(" frame 1, octet 0,"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("still wait for their template"), "{}", run.stderr);
}

#[test]
fn filters_choose_rows_of_any_kind() {
    let file = mixed();
    let ports = |filter: &str| -> Vec<u64> {
        let run = weir(&["decode", file.path(), "--filter", filter]);
        run.records().iter().map(|record| record["dst_port"].as_u64().unwrap()).collect()
    };
    assert_eq!(ports("dst port > 7"), [8, 9, 10]);
    assert_eq!(ports("src ip 10.0.0.2 or bytes = 5k"), [2, 5]);
    let count =
        |filter: &str, kind: &str| weir(&["decode", file.path(), "--format", "none", "--kind", kind, "--filter", filter]).stdout;
    // To records without addresses and ports these are absent; who sent them is not.
    assert_eq!(count("port 3", "all"), "1\n");
    assert_eq!(count("port 3", "options"), "0\n");
    assert_eq!(count("exporter 192.0.2.1", "all"), "12\n");
    assert_eq!(count("exporter 192.0.2.1", "options"), "1\n");
    assert_eq!(count("not exporter 192.0.2.1", "all"), "0\n");
}

#[test]
fn csv_has_a_head_and_the_columns_asked_for() {
    let file = mixed();
    let run = weir(&["decode", file.path(), "--format", "csv", "--columns", "dst_port,src_addr,rtt", "--limit", "2"]);
    assert_eq!(run.stdout, "dst_port,src_addr,rtt\r\n1,10.0.0.1,\r\n2,10.0.0.2,\r\n");
    let nothing = weir(&["decode", file.path(), "--format", "csv", "--columns", "bytes", "--filter", "port 99"]);
    assert_eq!((nothing.stdout.as_str(), nothing.code), ("bytes\r\n", 1));
    let every = weir(&["decode", file.path(), "--format", "csv"]).stdout;
    let widths: Vec<usize> = every.lines().map(|line| line.split(',').count()).collect();
    assert!(widths.len() == 11 && widths.iter().all(|width| *width > 150 && *width == widths[0]), "{widths:?}");
}

#[test]
fn json_takes_columns_in_the_order_asked_for() {
    let run = weir(&["decode", mixed().path(), "--format", "json", "--columns", "packets,rtt,src_addr", "--limit", "1"]);
    assert_eq!(run.stdout, "{\"packets\":1,\"src_addr\":\"10.0.0.1\"}\n");
}

#[test]
fn tables_stand_in_line() {
    let file = mixed();
    let run = weir(&["decode", file.path(), "--format", "table", "--limit", "3"]);
    let expected = "\
Source    Src port  Destination  Dst port  Proto  Packets  Bytes  Exporter
10.0.0.1     50000  10.0.1.1            1  TCP          1   1000  192.0.2.1
10.0.0.2     50000  10.0.1.2            2  TCP          2   2000  192.0.2.1
10.0.0.3     50000  10.0.1.3            3  TCP          3   3000  192.0.2.1
";
    assert_eq!(run.stdout, expected);
    let chosen = weir(&["decode", file.path(), "--format", "table", "--columns", "bytes,src_addr", "--limit", "1"]);
    assert_eq!(chosen.stdout, "Bytes  Source\n 1000  10.0.0.1\n");
    // Each kind of record has a head of its own.
    let all = weir(&["decode", file.path(), "--format", "table", "--kind", "all"]).stdout;
    assert!(all.starts_with("Kind   Source ") && all.contains("\n\nReceived ") && all.contains("eth3"), "{all}");
}

#[test]
fn a_long_table_keeps_its_lines_straight() {
    let messages: Vec<_> = std::iter::once(make::ipfix(0, &[make::flow_template()]))
        .chain((0..400).map(|index| make::ipfix(index * 50, &[make::flows(1..=50)])))
        .collect();
    let file = File::new("long.pcap", &make::capture(&messages));
    let table = weir(&["decode", file.path(), "--format", "table"]).stdout;
    let lengths: std::collections::BTreeSet<usize> = table.lines().map(str::len).collect();
    assert_eq!((table.lines().count(), lengths.len()), (20_001, 2), "{lengths:?}");
}
