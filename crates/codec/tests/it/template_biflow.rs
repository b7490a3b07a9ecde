//! Two-way records: one record becomes an initiator's and a responder's row, whose sides are swapped.

use serde_json::{Value, json};

use crate::template_messages::*;

const CERT: u32 = 6871;

fn reverse(id: u16, length: u16) -> Field {
    (id, length, REVERSE)
}

/// The two rows of one record.
fn halves(fields: &[Field], data: &str) -> [Value; 2] {
    let rows = rows(fields, data);
    rows.try_into().unwrap_or_else(|rows| panic!("{rows:?}"))
}

#[test]
fn every_key_changes_sides() {
    let fields = [
        ie(8, 4),
        ie(12, 4),
        ie(7, 2),
        ie(11, 2),
        ie(10, 4),
        ie(14, 4),
        ie(58, 2),
        ie(59, 2),
        ie(56, 6),
        ie(80, 6),
        ie(9, 1),
        ie(13, 1),
        ie(16, 4),
        ie(17, 4),
        ie(234, 4),
        ie(235, 4),
        ie(225, 4),
        ie(226, 4),
        ie(227, 2),
        ie(228, 2),
        ie(4, 1),
        ie(148, 8),
        ie(136, 1),
        ie(61, 1),
        ie(34, 4),
        ie(371, 1),
        reverse(1, 4),
    ];
    let data = "0a000001 0a000002 c000 0050 00000003 00000007 0064 00c8 020000000001 020000000002 18 10 0000fc00 0000fc01 \
                00000001 00000002 c0000201 c0000202 d000 1f90 06 0000000000000009 03 01 00000064 61 0000002a";
    let [initiator, responder] = halves(&fields, data);
    assert_eq!(
        initiator,
        json!({
            "biflow": "initiator", "ip_version": 4, "src_addr": "10.0.0.1", "dst_addr": "10.0.0.2", "src_port": 49152, "dst_port": 80,
            "in_if": 3, "out_if": 7, "vlan_in": 100, "vlan_out": 200, "src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02",
            "src_mask": 24, "dst_mask": 16, "src_as": 64512, "dst_as": 64513, "vrf_in": 1, "vrf_out": 2, "nat_src_addr": "192.0.2.1",
            "nat_dst_addr": "192.0.2.2", "nat_src_port": 53248, "nat_dst_port": 8080, "protocol": 6, "flow_id": 9, "end_reason": 3,
            "direction": 1, "sampling_rate": 100, "user_name": "a",
        })
    );
    assert_eq!(
        responder,
        json!({
            "biflow": "responder", "ip_version": 4, "src_addr": "10.0.0.2", "dst_addr": "10.0.0.1", "src_port": 80, "dst_port": 49152,
            "in_if": 7, "out_if": 3, "vlan_in": 200, "vlan_out": 100, "src_mac": "02:00:00:00:00:02", "dst_mac": "02:00:00:00:00:01",
            "src_mask": 16, "dst_mask": 24, "src_as": 64513, "dst_as": 64512, "vrf_in": 2, "vrf_out": 1, "nat_src_addr": "192.0.2.2",
            "nat_dst_addr": "192.0.2.1", "nat_src_port": 8080, "nat_dst_port": 53248, "protocol": 6, "flow_id": 9, "end_reason": 3,
            "direction": 1, "sampling_rate": 100, "user_name": "a", "bytes": 42,
        })
    );
}

#[test]
fn each_half_has_its_own_counters_times_and_flags() {
    let fields = [
        ie(150, 4),
        ie(151, 4),
        ie(1, 4),
        ie(2, 4),
        ie(6, 1),
        ie(5, 1),
        reverse(150, 4),
        reverse(151, 4),
        reverse(1, 4),
        reverse(2, 4),
        reverse(6, 1),
        reverse(5, 1),
    ];
    let data = "6553f0f6 6553f0f8 00000064 00000002 02 10 6553f0f7 6553f0f9 000000c8 00000003 12 20";
    assert_eq!(
        halves(&fields, data),
        [
            json!({
                "biflow": "initiator", "time_start": "2023-11-14T22:13:10Z", "time_end": "2023-11-14T22:13:12Z", "bytes": 100, "packets": 2,
                "tcp_flags": 2, "tos": 16,
            }),
            json!({
                "biflow": "responder", "time_start": "2023-11-14T22:13:11Z", "time_end": "2023-11-14T22:13:13Z", "bytes": 200, "packets": 3,
                "tcp_flags": 18, "tos": 32,
            }),
        ]
    );
    // Times that were told once are those of both; flags of one direction are not the other's.
    let [_, responder] = halves(&[ie(150, 4), ie(6, 1), ie(52, 1), reverse(2, 4)], "6553f0f6 02 40 00000001");
    let start = "2023-11-14T22:13:10Z";
    assert_eq!(responder, json!({ "biflow": "responder", "time_start": start, "time_end": start, "packets": 1 }));
}

#[test]
fn totals_and_drops_have_reverse_forms_too() {
    let fields = [ie(85, 4), ie(86, 4), reverse(85, 4), reverse(86, 4), reverse(132, 4), reverse(133, 4)];
    let data = "00000064 00000002 000000c8 00000003 00000004 00000005";
    assert_eq!(
        halves(&fields, data),
        [
            json!({ "biflow": "initiator", "bytes": 100, "packets": 2 }),
            json!({ "biflow": "responder", "bytes": 200, "packets": 3, "dropped_bytes": 4, "dropped_packets": 5 }),
        ]
    );
    let both = [ie(1, 4), ie(85, 4), reverse(1, 4), reverse(85, 4)];
    assert_eq!(
        halves(&both, "00000001 00000002 00000003 00000004"),
        [
            json!({ "biflow": "initiator", "bytes": 1, "bytes_total": 2 }),
            json!({ "biflow": "responder", "bytes": 3, "bytes_total": 4 }),
        ]
    );
}

#[test]
fn initiator_and_responder_counters_are_one_row_each() {
    let fields = [ie(7, 2), ie(11, 2), ie(231, 8), ie(232, 8), ie(298, 8), ie(299, 8)];
    let data = "c000 0050 0000000000000064 00000000000000c8 0000000000000002 0000000000000003";
    assert_eq!(
        halves(&fields, data),
        [
            json!({ "biflow": "initiator", "src_port": 49152, "dst_port": 80, "bytes": 100, "packets": 2 }),
            json!({ "biflow": "responder", "src_port": 80, "dst_port": 49152, "bytes": 200, "packets": 3 }),
        ]
    );
    // Octets alone, packets alone.
    assert_eq!(
        halves(&[ie(231, 4), ie(232, 4)], "00000064 000000c8"),
        [json!({ "biflow": "initiator", "bytes": 100 }), json!({ "biflow": "responder", "bytes": 200 }),]
    );
    assert_eq!(
        halves(&[ie(298, 4), ie(299, 4)], "00000064 000000c8"),
        [json!({ "biflow": "initiator", "packets": 100 }), json!({ "biflow": "responder", "packets": 200 }),]
    );
    // One of them makes no two-way record.
    assert_eq!(row(&[ie(232, 4)], "000000c8"), json!({ "extra": { "responderOctets": 200 } }));
}

#[test]
fn a_firewall_event_of_two_halves_is_told_by_both() {
    let fields = [ie(233, 1), ie(231, 4), ie(232, 4)];
    let kinds = |data: &str| halves(&fields, data).map(|row| row["record_kind"].clone());
    assert_eq!(kinds("01 00000000 00000000"), [json!("event"), json!("event")]);
    assert_eq!(kinds("02 00000064 000000c8"), [json!(null), json!(null)]);
}

#[test]
fn elements_of_cert_are_reversed_by_a_bit() {
    // initialTCPFlags (14) and its reverse (16398), rtpPayloadType (287).
    let fields = [(14, 1, CERT), (14 | 0x4000, 1, CERT), ie(1, 4), reverse(1, 4)];
    let [initiator, responder] = halves(&fields, "02 12 00000064 000000c8");
    assert_eq!(initiator["extra"], json!({ "initialTCPFlags": 2 }));
    assert_eq!(responder["extra"], json!({ "initialTCPFlags": 18 }));
    // Alone it makes the record two-way.
    assert_eq!(halves(&[(14 | 0x4000, 1, CERT)], "12")[1]["extra"], json!({ "initialTCPFlags": 18 }));
}

#[test]
fn what_has_no_column_stands_with_the_half_it_is_of() {
    // Of both: without a reverse. Of one: minimumTTL has one; the responder's under the forward name.
    let fields = [ie(25, 2), reverse(25, 2), ie(26, 2), reverse(187, 2)];
    let [initiator, responder] = halves(&fields, "0028 0029 05dc 0001");
    assert_eq!(initiator["extra"], json!({ "minimumIpTotalLength": 40, "maximumIpTotalLength": 1500 }));
    assert_eq!(responder["extra"], json!({ "minimumIpTotalLength": 41, "maximumIpTotalLength": 1500, "tcpUrgentPointer": 1 }));
    // Inner addresses change sides as well.
    let fields = [ie(8, 4), ie(12, 4), ie(8, 4), ie(12, 4), reverse(2, 1)];
    let [initiator, responder] = halves(&fields, "0a000001 0a000002 c0000201 c0000202 01");
    assert_eq!(initiator["extra"], json!({ "inner_src_addr": "192.0.2.1", "inner_dst_addr": "192.0.2.2" }));
    assert_eq!(responder["extra"], json!({ "inner_src_addr": "192.0.2.2", "inner_dst_addr": "192.0.2.1" }));
}

#[test]
fn halves_of_several_records_stand_side_by_side() {
    let mut collector = Collector::new();
    let sets = [
        set(2, &[template(256, &[ie(7, 2), reverse(2, 1)]), template(257, &[ie(7, 2)])].concat()),
        set(257, &hex("0001")),
        set(256, &hex("0002 01 0003 01")),
        set(257, &hex("0004 0005")),
    ];
    let rows: Vec<_> = collector
        .rows(&ipfix(7, &sets))
        .into_iter()
        .map(|row| (row["biflow"].clone(), row["src_port"].clone(), row["dst_port"].clone()))
        .collect();
    let (initiator, responder, nothing) = (json!("initiator"), json!("responder"), json!(null));
    assert_eq!(
        rows,
        [
            (nothing.clone(), json!(1), nothing.clone()),
            (initiator.clone(), json!(2), nothing.clone()),
            (responder.clone(), nothing.clone(), json!(2)),
            (initiator, json!(3), nothing.clone()),
            (responder, nothing.clone(), json!(3)),
            (nothing.clone(), json!(4), nothing.clone()),
            (nothing.clone(), json!(5), nothing),
        ]
    );
    assert_eq!(collector.decoder.stats().records, 7);
}
