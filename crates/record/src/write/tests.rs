use proptest::prelude::*;

use super::*;
use crate::names;
use crate::{Address, Column, FlowBatch, Table};

fn time(nanoseconds: i64) -> String {
    let mut out = Vec::new();
    text::write_time(&mut out, nanoseconds);
    String::from_utf8(out).unwrap()
}

#[test]
fn times_have_0_3_6_or_9_digits() {
    assert_eq!(time(0), "1970-01-01T00:00:00Z");
    assert_eq!(time(1_767_225_600_000_000_000), "2026-01-01T00:00:00Z");
    assert_eq!(time(1_709_210_096_120_000_000), "2024-02-29T12:34:56.120Z");
    assert_eq!(time(1_709_210_096_123_456_000), "2024-02-29T12:34:56.123456Z");
    assert_eq!(time(1_709_210_096_123_456_789), "2024-02-29T12:34:56.123456789Z");
    assert_eq!(time(-1), "1969-12-31T23:59:59.999999999Z");
    assert_eq!(time(951_782_400_000_000_000), "2000-02-29T00:00:00Z");
    assert_eq!(time(4_107_542_400_000_000_000), "2100-03-01T00:00:00Z");
    assert_eq!(time(i64::MAX), "2262-04-11T23:47:16.854775807Z");
    assert_eq!(time(i64::MIN), "1677-09-21T00:12:43.145224192Z");
}

proptest! {
    #[test]
    fn addresses_are_written_as_the_standard_library_does(ip in any::<std::net::IpAddr>(), mask in any::<u128>()) {
        for ip in [ip, match ip {
            // Runs of zeros are what RFC 5952 is about.
            std::net::IpAddr::V6(v6) => std::net::Ipv6Addr::from_bits(v6.to_bits() & spread(mask)).into(),
            v4 => v4,
        }] {
            let mut out = Vec::new();
            text::write_address(&mut out, Address::from(ip));
            prop_assert_eq!(String::from_utf8(out).unwrap(), ip.to_string());
        }
    }

    #[test]
    fn strings_are_json(text in ".{0,40}") {
        let mut out = Vec::new();
        json::write_string(&mut out, text.as_bytes());
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}

/// Widens each of the low 8 bits to a group of 16.
fn spread(mask: u128) -> u128 {
    (0..8).map(|group| if mask >> group & 1 == 1 { 0xffff << (16 * group) } else { 0 }).sum()
}

#[test]
fn addresses_with_ends_of_zeros() {
    for text in [
        "::",
        "::1",
        "1::",
        "1:0:0:2::",
        "::2:0:0:3",
        "1:2:3:4:5:6:7:8",
        "1:0:3:4:5:6:7:8",
        "::2:3:4:5:6:7:8",
        "2001:db8::1",
        "::ffff:0:1",
    ] {
        let ip: std::net::IpAddr = text.parse().unwrap();
        let mut out = Vec::new();
        text::write_address(&mut out, ip.into());
        assert_eq!(String::from_utf8(out).unwrap(), ip.to_string());
    }
}

fn sample() -> FlowBatch {
    let mut batch = FlowBatch::new();
    batch.time_start.push(0, 1_700_000_000_500_000_000);
    batch.src_addr.push(0, Address::v4(0xc000_0201));
    batch.src_mac.push(0, 0x0200_0000_00ff);
    batch.bytes.push(0, u64::MAX);
    batch.record_kind.push(0, names::FLOW);
    batch.format.push(0, names::IPFIX);
    batch.bytes_estimated.push(0, 1);
    batch.mpls_labels.push(0, [3, 4]);
    batch.http_host.push(0, "a \"b\"\u{1}\n");
    batch.extra.push(0, r#"{"x":[1,{"y":null}]}"#);
    batch.advance(1);
    batch.record_kind.push(1, names::EVENT);
    batch.advance(1);
    batch.finish();
    batch
}

#[test]
fn rows_are_json_lines() {
    let mut out = Vec::new();
    json::JsonWriter::new().write(&mut out, &sample(), 0..2);
    let lines: Vec<serde_json::Value> =
        out.split(|c| *c == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    assert_eq!(
        lines[0],
        serde_json::json!({
            "time_start": "2023-11-14T22:13:20.500Z", "src_addr": "192.0.2.1", "src_mac": "02:00:00:00:00:ff", "bytes": u64::MAX, "format": "ipfix",
            "bytes_estimated": true, "mpls_labels": [3, 4], "http_host": "a \"b\"\u{1}\n", "extra": {"x": [1, {"y": null}]},
        })
    );
    assert_eq!(lines[1], serde_json::json!({"record_kind": "event"}));
    let mut out = Vec::new();
    json::JsonWriter::with_kind("event").write(&mut out, &FlowBatch::new(), 0..1);
    assert_eq!(out, b"{\"kind\":\"event\"}\n");
}

#[test]
fn rows_are_csv() {
    let places: Vec<usize> =
        [Column::src_addr, Column::http_host, Column::mpls_labels, Column::bytes_estimated, Column::record_kind]
            .iter()
            .map(|c| *c as usize)
            .collect();
    let mut out = Vec::new();
    csv::write_head::<FlowBatch>(&mut out, &places);
    csv::write_rows(&mut out, &sample(), &places, 0..2);
    let expected = "src_addr,http_host,mpls_labels,bytes_estimated,record_kind\r\n192.0.2.1,\"a \"\"b\"\"\u{1}\n\",3 4,true,flow\r\n,,,,event\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn rows_are_aligned() {
    let places: Vec<usize> = [Column::src_addr, Column::bytes, Column::record_kind].iter().map(|c| *c as usize).collect();
    let mut grid = grid::Grid::new::<FlowBatch>(&places);
    grid.add(&sample(), 0..2);
    assert_eq!(grid.rows(), 2);
    let mut out = Vec::new();
    grid.write(&mut out, true);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "Source                    Bytes  Kind\n192.0.2.1  18446744073709551615  flow\n                                 event\n"
    );
    assert_eq!(grid.rows(), 0);
}

#[test]
fn people_read_flags_as_letters_and_protocols_by_name() {
    let mut batch = FlowBatch::new();
    for (row, (protocol, flags)) in [(6, 0x1b), (17, 0), (253, 0x02)].into_iter().enumerate() {
        batch.protocol.push(row, protocol);
        batch.tcp_flags.push(row, flags);
        batch.advance(1);
    }
    let mut grid = grid::Grid::new::<FlowBatch>(&[Column::protocol as usize, Column::tcp_flags as usize]);
    grid.add(&batch, 0..3);
    let mut out = Vec::new();
    grid.write(&mut out, false);
    assert_eq!(String::from_utf8(out).unwrap(), "TCP    ...AP.SF\nUDP    ........\n253    ......S.\n");
}

#[test]
fn the_manual_tells_every_column() {
    let mut page = String::new();
    manual::write_columns::<FlowBatch>(&mut page);
    assert_eq!(page.lines().count(), FlowBatch::COLUMNS.len() + 2);
    assert!(page.contains("| `tls_sni` | text | connection | 39499/338, 8057/808, 8057/890 |"));
}
