//! What elements mean: times, keys and counters of NetFlow v9 and IPFIX, octet by octet.

use serde_json::{Value, json};

use crate::template_messages::*;

/// 10.0.0.1 and 10.0.0.2; 2001:db8::1 and 2001:db8::2.
const A4: &str = "0a000001";
const B4: &str = "0a000002";
const A6: &str = "20010db8000000000000000000000001";
const B6: &str = "20010db8000000000000000000000002";

/// One record and all that its row holds.
fn check(fields: &[Field], data: &str, expected: Value) {
    assert_eq!(row(fields, data), expected, "{fields:?} {data}");
}

/// The same in NetFlow v9.
fn check9(fields: &[Field], data: &str, expected: Value) {
    assert_eq!(row9(fields, data), expected, "{fields:?} {data}");
}

#[test]
fn absolute_times_are_taken_in_their_units() {
    let at = |start: &str, end: &str| json!({ "time_start": start, "time_end": end });
    check(&[ie(150, 4), ie(151, 4)], "6553f0f6 6553f0f7", at("2023-11-14T22:13:10Z", "2023-11-14T22:13:11Z"));
    let data = "0000018bcfe568f1 0000018bcfe568f2";
    check(&[ie(152, 8), ie(153, 8)], data, at("2023-11-14T22:13:20.241Z", "2023-11-14T22:13:20.242Z"));
    // NTP time is 2208988800 s ahead. With microseconds the low 11 bits of the fraction mean nothing.
    let data = "e8fe6f8080000000 e8fe6f80400007ff";
    check(&[ie(154, 8), ie(155, 8)], data, at("2023-11-14T22:13:20.500Z", "2023-11-14T22:13:20.250Z"));
    let data = "e8fe6f8080000000 e8fe6f8080000005";
    check(&[ie(156, 8), ie(157, 8)], data, at("2023-11-14T22:13:20.500Z", "2023-11-14T22:13:20.500000001Z"));
    // Microseconds before the export time.
    check(&[ie(158, 4), ie(159, 4)], "000f4240 00000001", at("2023-11-14T22:13:19Z", "2023-11-14T22:13:19.999999Z"));
}

#[test]
fn microseconds_survive_the_way_through_ntp_fractions() {
    for microseconds in [0_u64, 1, 2, 333_333, 499_999, 500_001, 999_998, 999_999] {
        // The fraction that stands for so many microseconds, cut down and rounded up.
        for fraction in [(microseconds << 32) / 1_000_000, (microseconds << 32).div_ceil(1_000_000)] {
            let mut collector = Collector::new();
            let data = (0xe8fe_6f80_u64 << 32 | fraction).to_be_bytes();
            collector.feed(&template_and_data(&[ie(154, 8)], &data));
            let start = collector.out.flows.time_start.get(0).unwrap();
            // Without its low 11 bits a fraction is up to half a microsecond short.
            assert_eq!((start - NOW) / 1000, microseconds as i64, "{fraction:x}");
        }
    }
}

#[test]
fn the_era_of_ntp_that_begins_in_2036_follows() {
    check(&[ie(156, 8)], "0000000000000000", json!({}));
    check(
        &[ie(156, 8)],
        "0000000180000000",
        json!({ "time_start": "2036-02-07T06:28:17.500Z", "time_end": "2036-02-07T06:28:17.500Z", "time_suspect": true }),
    );
}

#[test]
fn finer_times_go_before_coarser_ones() {
    let fields = [ie(22, 4), ie(150, 4), ie(152, 8), ie(154, 8), ie(156, 8)];
    let data = "00000001 6553f0f6 0000018bcfe568f1 e8fe6f8040000000 e8fe6f8080000000";
    let row = row(&fields, data);
    assert_eq!(row["time_start"], "2023-11-14T22:13:20.500Z");
    assert_eq!(row["extra"]["flowStartSeconds"], "2023-11-14T22:13:10Z");
    assert_eq!(row["extra"]["flowStartMilliseconds"], "2023-11-14T22:13:20.241Z");
    assert_eq!(row["extra"]["flowStartMicroseconds"], "2023-11-14T22:13:20.250Z");
}

#[test]
fn the_end_follows_from_the_duration_or_is_the_start() {
    let start = "2023-11-14T22:13:10Z";
    check(&[ie(150, 4)], "6553f0f6", json!({ "time_start": start, "time_end": start }));
    let end = |end: &str| json!({ "time_start": start, "time_end": end });
    check(&[ie(150, 4), ie(161, 4)], "6553f0f6 00000bb8", end("2023-11-14T22:13:13Z"));
    check(&[ie(150, 4), ie(162, 4)], "6553f0f6 00000bb8", end("2023-11-14T22:13:10.003Z"));
    // An end that is told goes before one that follows.
    let row = row(&[ie(150, 4), ie(161, 4), ie(151, 4)], "6553f0f6 00000bb8 6553f0f7");
    assert_eq!((&row["time_end"], &row["extra"]["flowDurationMilliseconds"]), (&json!("2023-11-14T22:13:11Z"), &json!(3000)));
}

#[test]
fn uptimes_of_netflow9_are_placed_by_the_header() {
    let fields = [ie(22, 4), ie(21, 4)];
    // The header says: up for 1000 s at the export time.
    let at = |start: &str, end: &str| json!({ "time_start": start, "time_end": end });
    check9(&fields, "000f404c 000f4240", at("2023-11-14T22:13:19.500Z", "2023-11-14T22:13:20Z"));
    // A flow that ends after the header was written.
    check9(&fields, "000f4240 000f4241", at("2023-11-14T22:13:20Z", "2023-11-14T22:13:20.001Z"));
    // A flow that began before the clock of 32 bits started anew, 1000 s and a millisecond ago.
    check9(&fields, "ffffffff 00000000", at("2023-11-14T21:56:39.999Z", "2023-11-14T21:56:40Z"));
}

#[test]
fn uptimes_of_ipfix_are_placed_by_the_boot_time_in_the_record() {
    // Booted at 2023-11-14T22:13:00Z.
    let fields = [ie(160, 8), ie(22, 4), ie(21, 4)];
    check(
        &fields,
        "0000018bcfe519e0 00002710 00002711",
        json!({
            "time_start": "2023-11-14T22:13:10Z", "time_end": "2023-11-14T22:13:10.001Z",
            "extra": { "systemInitTimeMilliseconds": "2023-11-14T22:13:00Z" },
        }),
    );
    // Booted 60 days ago (5184000 s): the clock of 32 bits has started anew, after 4294967.296 s.
    let boot = (u64::from(SECONDS) - 5_184_000) * 1000;
    let uptime = (5_184_000_000_u64 - 5_000) as u32;
    let row = row(&fields, &format!("{boot:016x} {uptime:08x} {:08x}", uptime + 1));
    assert_eq!((&row["time_start"], &row["time_end"]), (&json!("2023-11-14T22:13:15Z"), &json!("2023-11-14T22:13:15.001Z")));
}

#[test]
fn uptimes_of_ipfix_stay_in_extra_until_the_boot_time_is_known() {
    let mut collector = Collector::new();
    let fields = [ie(22, 4), ie(21, 4)];
    let message = template_and_data(&fields, &hex("00002710 00002711"));
    let uptimes = json!({ "flowStartSysUpTime": 10_000, "flowEndSysUpTime": 10_001 });
    assert_eq!(collector.rows(&message), [json!({ "extra": uptimes })]);
    let boot = hex("00000001 0000018bcfe519e0");
    collector.feed(&ipfix(7, &[set(3, &options(257, 1, &[ie(149, 4), ie(160, 8)])), set(257, &boot)]));
    let placed = json!({ "time_start": "2023-11-14T22:13:10Z", "time_end": "2023-11-14T22:13:10.001Z" });
    assert_eq!(collector.rows(&message), [placed]);
    // Another domain has another clock.
    assert_eq!(
        collector.column("time_start", &ipfix(8, &[set(2, &template(256, &fields)), set(256, &hex("00002710 00002711"))])),
        [json!(null)]
    );
}

#[test]
fn implausible_times_are_kept_and_marked() {
    let day = 24 * 3600;
    for (start, suspect) in [(SECONDS - day, false), (SECONDS - day - 1, true), (SECONDS + 300, false), (SECONDS + 301, true)] {
        let mut collector = Collector::new();
        let row = &collector.feed(&template_and_data(&[ie(150, 4)], &start.to_be_bytes()))[0];
        assert_eq!(row["time_suspect"] == true, suspect, "{start}");
        assert_eq!(collector.out.flows.time_start.get(0), Some(i64::from(start) * 1_000_000_000));
    }
}

#[test]
fn what_happened_at_one_moment_begins_and_ends_there() {
    let at = "2023-11-14T22:13:20.241Z";
    let event = json!({ "time_start": at, "time_end": at, "event_time": at, "nat_event": 1, "record_kind": "event" });
    check(&[ie(323, 8), ie(230, 1)], "0000018bcfe568f1 01", event);
    let at = "2023-11-14T22:13:10Z";
    check(&[ie(322, 4)], "6553f0f6", json!({ "time_start": at, "time_end": at, "event_time": at }));
    let at = "2023-11-14T22:13:20.500Z";
    check(&[ie(324, 8)], "e8fe6f8080000000", json!({ "time_start": at, "time_end": at, "event_time": at }));
    check(&[ie(325, 8)], "e8fe6f8080000000", json!({ "time_start": at, "time_end": at, "event_time": at }));
    // A flow's own start goes before.
    let row = row(&[ie(323, 8), ie(150, 4)], "0000018bcfe568f1 6553f0f6");
    assert_eq!((&row["time_start"], &row["event_time"]), (&json!("2023-11-14T22:13:10Z"), &json!("2023-11-14T22:13:20.241Z")));
}

#[test]
fn keys_are_taken_over() {
    let fields = [
        ie(8, 4),
        ie(12, 4),
        ie(7, 2),
        ie(11, 2),
        ie(4, 1),
        ie(6, 1),
        ie(5, 1),
        ie(52, 1),
        ie(53, 1),
        ie(54, 4),
        ie(88, 2),
        ie(197, 1),
        ie(10, 4),
        ie(14, 2),
        ie(61, 1),
        ie(58, 2),
        ie(59, 2),
        ie(56, 6),
        ie(80, 6),
        ie(9, 1),
        ie(13, 1),
        ie(15, 4),
        ie(18, 4),
        ie(16, 4),
        ie(17, 2),
        ie(234, 4),
        ie(235, 4),
        ie(148, 8),
        ie(136, 1),
        ie(89, 1),
    ];
    let data = format!(
        "{A4} {B4} 0050 c001 06 1b b8 3f 40 0000abcd 0010 20 00000003 0007 01 0064 00c8 020000000001 020000000002 18 10 0a0000fe \
         0a0000fd 0000fc00 fc01 00000001 00000002 0000000000000009 03 40"
    );
    check(
        &fields,
        &data,
        json!({
            "ip_version": 4, "src_addr": "10.0.0.1", "dst_addr": "10.0.0.2", "src_port": 80, "dst_port": 49153, "protocol": 6,
            "tcp_flags": 27, "tos": 184, "ttl_min": 63, "ttl_max": 64, "ip_id": 43981, "fragment_offset": 16, "fragment_flags": 32,
            "in_if": 3, "out_if": 7, "direction": 1, "vlan_in": 100, "vlan_out": 200, "src_mac": "02:00:00:00:00:01",
            "dst_mac": "02:00:00:00:00:02", "src_mask": 24, "dst_mask": 16, "next_hop": "10.0.0.254", "bgp_next_hop": "10.0.0.253",
            "src_as": 64512, "dst_as": 64513, "vrf_in": 1, "vrf_out": 2, "flow_id": 9, "end_reason": 3, "forwarding_status": 64,
        }),
    );
    let fields = [ie(27, 16), ie(28, 16), ie(31, 4), ie(29, 1), ie(30, 1), ie(62, 16), ie(63, 16), ie(60, 1)];
    check(
        &fields,
        &format!("{A6} {B6} 000abcde 30 40 {A6} {B6} 06"),
        json!({
            "ip_version": 6, "src_addr": "2001:db8::1", "dst_addr": "2001:db8::2", "flow_label": 703_710, "src_mask": 48,
            "dst_mask": 64, "next_hop": "2001:db8::1", "bgp_next_hop": "2001:db8::2",
        }),
    );
    // Zero is a value.
    check(&[ie(10, 4), ie(16, 4)], "00000000 00000000", json!({ "in_if": 0, "src_as": 0 }));
}

#[test]
fn the_first_of_several_elements_wins_and_the_others_are_kept() {
    let ports = [ie(180, 2), ie(182, 2), ie(7, 2)];
    check(&ports, "0001 0002 0003", json!({ "src_port": 3, "extra": { "udpSourcePort": 1, "tcpSourcePort": 2 } }));
    check(&ports[..2], "0001 0002", json!({ "src_port": 2, "extra": { "udpSourcePort": 1 } }));
    check(&[ie(181, 2)], "0001", json!({ "dst_port": 1 }));
    check(&[ie(183, 2)], "0001", json!({ "dst_port": 1 }));
    check(&[ie(252, 4), ie(253, 4)], "00000001 00000002", json!({ "in_if": 1, "out_if": 2 }));
    check(&[ie(252, 4), ie(10, 4)], "00000001 00000002", json!({ "in_if": 2, "extra": { "ingressPhysicalInterface": 1 } }));
    check(&[ie(243, 2), ie(254, 2)], "0001 0002", json!({ "vlan_in": 1, "vlan_out": 2 }));
    check(&[ie(57, 6)], "020000000001", json!({ "dst_mac": "02:00:00:00:00:01" }));
    check(&[ie(192, 1)], "40", json!({ "ttl_min": 64 }));
}

#[test]
fn either_family_of_addresses_is_taken_where_a_template_has_both() {
    let zero = "00".repeat(16);
    let both = |version: &str, src4: &str, src6: &str, first6: bool| {
        let (mut fields, mut data) = (vec![ie(8, 4), ie(27, 16)], vec![src4, src6]);
        if first6 {
            fields.reverse();
            data.reverse();
        }
        if !version.is_empty() {
            fields.push(ie(60, 1));
            data.push(version);
        }
        let row = row(&fields, &data.concat());
        (row["src_addr"].as_str().unwrap().to_owned(), row["ip_version"].as_u64().unwrap())
    };
    // By the version.
    assert_eq!(both("04", A4, A6, true), ("10.0.0.1".into(), 4));
    assert_eq!(both("06", A4, A6, false), ("2001:db8::1".into(), 6));
    assert_eq!(both("04", "00000000", A6, true), ("0.0.0.0".into(), 4));
    // By the one that is not zero.
    assert_eq!(both("", A4, &zero, true), ("10.0.0.1".into(), 4));
    assert_eq!(both("", "00000000", A6, false), ("2001:db8::1".into(), 6));
    assert_eq!(both("00", "00000000", A6, false).0, "2001:db8::1");
    // By their order.
    assert_eq!(both("", "00000000", &zero, false), ("0.0.0.0".into(), 4));
    assert_eq!(both("", "00000000", &zero, true), ("::".into(), 6));
}

#[test]
fn prefixes_serve_where_there_is_no_address() {
    check(
        &[ie(44, 4), ie(45, 4)],
        &format!("{A4}{B4}"),
        json!({ "ip_version": 4, "src_addr": "10.0.0.1", "dst_addr": "10.0.0.2" }),
    );
    check(
        &[ie(170, 16), ie(169, 16)],
        &format!("{A6}{B6}"),
        json!({ "ip_version": 6, "src_addr": "2001:db8::1", "dst_addr": "2001:db8::2" }),
    );
    let row = row(&[ie(44, 4), ie(8, 4)], &format!("{A4}{B4}"));
    assert_eq!((&row["src_addr"], &row["extra"]["sourceIPv4Prefix"]), (&json!("10.0.0.2"), &json!("10.0.0.1")));
}

#[test]
fn icmp_comes_in_many_forms() {
    let icmp = |kind: u8, code: u8| json!({ "icmp_type": kind, "icmp_code": code });
    check(&[ie(32, 2)], "0301", icmp(3, 1));
    check(&[ie(139, 2)], "8000", icmp(128, 0));
    check(&[ie(176, 1), ie(177, 1)], "03 01", icmp(3, 1));
    check(&[ie(178, 1), ie(179, 1)], "80 02", icmp(128, 2));
    let with = |protocol: u8, mut value: Value| {
        value["protocol"] = json!(protocol);
        value
    };
    // Of both, that of the protocol.
    check(&[ie(4, 1), ie(32, 2), ie(139, 2)], "01 0301 8000", with(1, icmp(3, 1)));
    check(&[ie(4, 1), ie(32, 2), ie(139, 2)], "3a 0301 8000", with(58, icmp(128, 0)));
    check(&[ie(4, 1), ie(32, 2), ie(139, 2)], "3a 0301 0000", with(58, icmp(3, 1)));
    // Zero is echo reply for ICMP and nothing for others.
    check(&[ie(4, 1), ie(32, 2)], "01 0000", with(1, icmp(0, 0)));
    check(&[ie(4, 1), ie(32, 2)], "06 0000", json!({ "protocol": 6 }));
    // In the destination port, which is kept as sent.
    let of_port = |protocol: u8| json!({ "protocol": protocol, "dst_port": 2048, "icmp_type": 8, "icmp_code": 0 });
    check(&[ie(4, 1), ie(11, 2)], "01 0800", of_port(1));
    check(&[ie(4, 1), ie(11, 2)], "3a 0800", of_port(58));
    check(&[ie(4, 1), ie(11, 2)], "11 0800", json!({ "protocol": 17, "dst_port": 2048 }));
    // Rows of other protocols between do not take over.
    let mixed = rows(&[ie(4, 1), ie(11, 2)], "11 0035 01 0301 06 01bb 3a 8000");
    let types: Vec<_> = mixed.iter().map(|row| row["icmp_type"].clone()).collect();
    assert_eq!(types, [json!(null), json!(3), json!(null), json!(128)]);
}

#[test]
fn mpls_labels_are_whole_entries_from_the_top() {
    let fields = [ie(70, 3), ie(71, 3), ie(72, 3)];
    check(&fields, "0186a0 0186b1 000000", json!({ "mpls_labels": [0x1_86a0, 0x1_86b1] }));
    check(&fields, "000000 000000 000000", json!({}));
    let two = rows(&fields, "000000 000000 000000 000011 000000 000000");
    assert_eq!(two, [json!({}), json!({ "mpls_labels": [17] })]);
}

#[test]
fn counters_are_taken_by_their_rank() {
    check(&[ie(1, 8), ie(2, 8)], "0000000000000064 0000000000000002", json!({ "bytes": 100, "packets": 2 }));
    check(&[ie(85, 4), ie(86, 4)], "00000064 00000002", json!({ "bytes": 100, "packets": 2 }));
    check(&[ie(23, 4), ie(24, 4)], "00000064 00000002", json!({ "bytes": 100, "packets": 2 }));
    check(&[ie(231, 4), ie(298, 4)], "00000064 00000002", json!({ "bytes": 100, "packets": 2 }));
    let all = [ie(23, 4), ie(24, 4), ie(86, 4), ie(85, 4), ie(2, 4), ie(1, 4)];
    check(
        &all,
        "00000001 00000002 00000003 00000004 00000005 00000006",
        json!({
            "bytes": 6, "packets": 5, "bytes_total": 4, "packets_total": 3,
            "extra": { "postOctetDeltaCount": 1, "postPacketDeltaCount": 2 },
        }),
    );
    check(&[ie(132, 8), ie(133, 8)], "0000000000000001 0000000000000002", json!({ "dropped_bytes": 1, "dropped_packets": 2 }));
    check(&[ie(134, 8), ie(135, 8)], "0000000000000001 0000000000000002", json!({ "dropped_bytes": 1, "dropped_packets": 2 }));
    check(&[ie(3, 4)], "00000005", json!({ "flow_count": 5 }));
    check(&[ie(3, 4)], "00000001", json!({}));
    assert_eq!(rows(&[ie(3, 4)], "00000001 00000002 00000001"), [json!({}), json!({ "flow_count": 2 }), json!({})]);
}

#[test]
fn octets_of_layer_2_alone_are_an_estimate() {
    let estimated = json!({ "bytes": 1000 - 36, "packets": 2, "frame_bytes": 1000, "bytes_estimated": true });
    check(&[ie(352, 8), ie(2, 4)], "00000000000003e8 00000002", estimated);
    check(
        &[ie(352, 8), ie(2, 4)],
        "0000000000000005 00000002",
        json!({ "bytes": 0, "packets": 2, "frame_bytes": 5, "bytes_estimated": true }),
    );
    let told = json!({ "bytes": 900, "packets": 2, "frame_bytes": 1000 });
    check(&[ie(352, 8), ie(2, 4), ie(1, 4)], "00000000000003e8 00000002 00000384", told);
}

#[test]
fn numbers_may_be_shorter_or_longer_than_their_type() {
    for length in 1..=8_u16 {
        let data = format!("{:0>width$}", "2a", width = 2 * usize::from(length));
        check(&[ie(1, length)], &data, json!({ "bytes": 42 }));
        check(&[ie(7, length)], &data, json!({ "src_port": 42 }));
        check(&[ie(10, length)], &data, json!({ "in_if": 42 }));
        check(&[ie(4, length)], &data, json!({ "protocol": 42 }));
        // Unsigned and signed ones that have no column.
        check(&[ie(25, length)], &data, json!({ "extra": { "minimumIpTotalLength": 42 } }));
        let minus = "ff".repeat(usize::from(length) - 1) + "d6";
        check(&[ie(434, length)], &minus, json!({ "extra": { "mibObjectValueInteger": -42 } }));
    }
    // What is too large for its column saturates.
    check(&[ie(7, 4)], "00010000", json!({ "src_port": 65535 }));
    check(&[ie(10, 8)], "0000000100000000", json!({ "in_if": 4_294_967_295_u32 }));
    check(&[ie(4, 2)], "0106", json!({ "protocol": 255 }));
    // Nine octets are no number.
    check(&[ie(1, 9)], "000000000000000001", json!({ "extra": { "octetDeltaCount": "000000000000000001" } }));
    // Addresses of another length are no addresses.
    check(&[ie(8, 3)], "0a0000", json!({ "extra": { "sourceIPv4Address": "0a0000" } }));
    check(&[ie(56, 8)], "0000020000000001", json!({ "extra": { "sourceMacAddress": "0000020000000001" } }));
}

#[test]
fn a_direction_of_255_and_a_rate_of_0_are_absent() {
    check(&[ie(61, 1)], "00", json!({ "direction": 0 }));
    check(&[ie(61, 1)], "ff", json!({}));
    assert_eq!(rows(&[ie(61, 1)], "ff 01 ff 00"), [json!({}), json!({ "direction": 1 }), json!({}), json!({ "direction": 0 })]);
    check(&[ie(34, 4)], "00000200", json!({ "sampling_rate": 512 }));
    check(&[ie(34, 4)], "00000000", json!({}));
    check(&[ie(50, 2)], "0040", json!({ "sampling_rate": 64 }));
    // 1 taken, 99 left out; 5 out of 1000.
    check(&[ie(305, 4), ie(306, 4)], "00000001 00000063", json!({ "sampling_rate": 100 }));
    check(&[ie(309, 4), ie(310, 4)], "00000005 000003e8", json!({ "sampling_rate": 200 }));
    check(&[ie(305, 4), ie(306, 4)], "00000000 00000063", json!({}));
    check(&[ie(309, 4), ie(310, 4)], "00000000 000003e8", json!({}));
    check(&[ie(305, 4), ie(306, 4)], "ffffffff ffffffff", json!({ "sampling_rate": 2 }));
}

#[test]
fn firewall_events_are_events_unless_they_carry_a_flow() {
    let kind = |event: &str| row(&[ie(233, 1)], event)["record_kind"].clone();
    assert_eq!([kind("01"), kind("03"), kind("04")], [json!("event"), json!("event"), json!("event")]);
    assert_eq!([kind("00"), kind("02"), kind("05")], [json!(null), json!(null), json!(null)]);
    let mixed: Vec<_> = rows(&[ie(233, 1)], "02 01 05 03").into_iter().map(|row| row["record_kind"].clone()).collect();
    assert_eq!(mixed, [json!(null), json!("event"), json!(null), json!("event")]);
}

#[test]
fn nat_events_are_events_unless_they_count() {
    let translated = [ie(8, 4), ie(225, 4), ie(227, 2), ie(226, 4), ie(228, 2), ie(361, 2), ie(362, 2), ie(230, 1)];
    let data = format!("{A4} {B4} 1000 {A4} 2000 0400 07ff 01");
    check(
        &translated,
        &data,
        json!({
            "ip_version": 4, "src_addr": "10.0.0.1", "nat_src_addr": "10.0.0.2", "nat_src_port": 4096, "nat_dst_addr": "10.0.0.1",
            "nat_dst_port": 8192, "nat_port_start": 1024, "nat_port_end": 2047, "nat_event": 1, "record_kind": "event",
        }),
    );
    check(&[ie(230, 1), ie(1, 4)], "01 00000064", json!({ "nat_event": 1, "bytes": 100 }));
    check(
        &[ie(281, 16), ie(282, 16)],
        &format!("{A6}{B6}"),
        json!({ "nat_src_addr": "2001:db8::1", "nat_dst_addr": "2001:db8::2" }),
    );
}

#[test]
fn field_types_of_netflow9_from_32768_on_are_the_vendors() {
    // The ASA of old: translated addresses and ports, firewall event, user.
    let fields = [(40001, 4, 0), (40002, 4, 0), (40003, 2, 0), (40004, 2, 0), (40005, 1, 0), (40000, 8, 0)];
    check9(
        &fields,
        &format!("{A4} {B4} 1000 2000 01 616c696365000000"),
        json!({
            "nat_src_addr": "10.0.0.1", "nat_dst_addr": "10.0.0.2", "nat_src_port": 4096, "nat_dst_port": 8192, "firewall_event": 1,
            "user_name": "alice", "record_kind": "event",
        }),
    );
    // Unknown ones are kept under their number.
    check9(&[(65535, 2, 0)], "abcd", json!({ "extra": { "4294967295/32767": "abcd" } }));
}
