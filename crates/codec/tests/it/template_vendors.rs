//! What elements mean: applications, performance and the vendors' own elements of NetFlow v9 and IPFIX, and what goes to `extra`.

use serde_json::{Value, json};

use crate::template_messages::*;

const FLOWMON: u32 = 39499;
const CESNET: u32 = 8057;

/// One record and all that its row holds.
fn check(fields: &[Field], data: &str, expected: Value) {
    assert_eq!(row(fields, data), expected, "{fields:?} {data}");
}

/// Octets of a text as hexadecimal digits.
fn text(text: &str) -> String {
    text.bytes().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn numbers_of_flowmon_fill_their_columns_and_all_ones_are_absent() {
    for (id, length, column) in [
        (69, 4, "rtt"),
        (70, 4, "srt"),
        (71, 4, "retransmissions"),
        (72, 4, "out_of_order"),
        (61, 4, "jitter_dev"),
        (62, 4, "jitter_avg"),
        (63, 4, "jitter_min"),
        (64, 4, "jitter_max"),
        (65, 4, "delay_dev"),
        (66, 4, "delay_avg"),
        (67, 4, "delay_min"),
        (68, 4, "delay_max"),
        (80, 2, "tcp_syn_size"),
        (81, 1, "tcp_syn_ttl"),
        (12, 2, "http_status"),
        (332, 4, "tls_setup"),
        (333, 2, "tls_version"),
        (336, 2, "tls_cipher"),
        (122, 2, "dns_type"),
        (113, 2, "dns_answers"),
        (202, 1, "dhcp_type"),
        (45, 1, "rtp_codec"),
        (46, 4, "rtp_jitter"),
        (47, 4, "rtp_lost"),
        (150, 4, "smb_command"),
        (191, 2, "arp_op"),
    ] {
        let width = usize::from(length);
        let fields = [(id, length, FLOWMON)];
        let seen = rows(&fields, &["00".repeat(width), "ff".repeat(width), "2a".repeat(width)].concat());
        let last = (0..width).fold(0_u64, |number, _| number << 8 | 0x2a);
        assert_eq!(seen, [json!({ column: 0 }), json!({}), json!({ column: last })], "{id}");
    }
}

#[test]
fn texts_of_flowmon_are_without_their_padding() {
    for (id, column) in [
        (1, "http_host"),
        (2, "http_path"),
        (20, "http_user_agent"),
        (10, "http_content_type"),
        (338, "tls_sni"),
        (337, "tls_alpn"),
        (350, "tls_subject"),
        (349, "tls_issuer"),
        (121, "dns_name"),
        (206, "dhcp_host"),
        (251, "smtp_from"),
        (250, "smtp_helo"),
        (33, "sip_call_id"),
        (34, "sip_from"),
        (35, "sip_to"),
        (151, "smb_tree"),
        (152, "smb_file"),
    ] {
        let seen = rows(&[(id, 6, FLOWMON)], &[text("abc"), "00".repeat(9), text("\u{e9}dbc"), "00".into()].concat());
        assert_eq!(seen, [json!({ column: "abc" }), json!({}), json!({ column: "\u{e9}dbc" })], "{id}");
        let varied = rows(&[(id, VARIES, FLOWMON)], "03 616263 00 02 6162 01 ff");
        assert_eq!(varied, [json!({ column: "abc" }), json!({}), json!({ column: "ab" }), json!({ column: "\u{fffd}" })], "{id}");
    }
}

#[test]
fn texts_have_one_or_three_octets_of_length() {
    let long = format!("{} ff0003 {}", "00", text("abc"));
    assert_eq!(rows(&[(338, VARIES, FLOWMON)], &long), [json!({}), json!({ "tls_sni": "abc" })]);
    let wide = "x".repeat(300);
    check(&[(338, VARIES, FLOWMON)], &format!("ff012c {}", text(&wide)), json!({ "tls_sni": wide }));
}

#[test]
fn some_elements_are_read_in_a_way_of_their_own() {
    let ja3 = "000102030405060708090a0b0c0d0eff";
    check(&[(357, 16, FLOWMON)], ja3, json!({ "tls_ja3": ja3 }));
    check(&[(357, 16, FLOWMON)], &"00".repeat(16), json!({}));
    // Only the low 4 bits of the DNS flags are the result.
    check(&[(111, 2, FLOWMON)], "8183", json!({ "dns_rcode": 3 }));
    check(&[(1, 1, CESNET), (111, 2, FLOWMON)], "05 8183", json!({ "dns_rcode": 5, "extra": { "dnsFlagsCodes": 33_155 } }));
    check(
        &[(200, 4, FLOWMON), (201, 6, FLOWMON)],
        "0a000001 020000000001",
        json!({ "dhcp_addr": "10.0.0.1", "dhcp_mac": "02:00:00:00:00:01" }),
    );
    // Engine 13, selector 453.
    check(&[ie(95, 4)], "0d0001c5", json!({ "app_id": "13:453" }));
    check(&[ie(95, 4), ie(96, 8)], "03000050 6874747000000000", json!({ "app_id": "3:80", "app_name": "http" }));
    check(&[ie(95, VARIES)], "04 03000050", json!({ "app_id": "3:80" }));
    let methods: Vec<_> =
        rows(&[(100, 2, CESNET)], "0001 0004 000d 0000 00ff").into_iter().map(|row| row["sip_method"].clone()).collect();
    assert_eq!(methods, [json!("INVITE"), json!("BYE"), json!("UPDATE"), json!(null), json!("255")]);
    check(&[ie(371, 8)], "616c696365000000", json!({ "user_name": "alice" }));
    check(&[ie(186, 2), ie(209, 8)], "ffff 000000000000001e", json!({ "tcp_window": 65535, "tcp_options": 30 }));
}

#[test]
fn elements_of_cesnet_fill_the_same_columns() {
    check(&[(808, VARIES, CESNET), (809, VARIES, CESNET)], "02 6162 02 6364", json!({ "tls_sni": "ab", "tls_ja4": "cd" }));
    check(&[(890, VARIES, CESNET), (892, 4, CESNET)], "02 6162 00000001", json!({ "tls_sni": "ab", "quic_version": 1 }));
    check(
        &[(2, VARIES, CESNET), (3, 2, CESNET), (14, 2, CESNET)],
        "02 6162 001c 0002",
        json!({ "dns_name": "ab", "dns_type": 28, "dns_answers": 2 }),
    );
    check(&[(200, VARIES, CESNET)], "03 474554", json!({ "http_method": "GET" }));
    check(&[(813, VARIES, CESNET), (814, VARIES, CESNET)], "01 61 01 62", json!({ "smtp_from": "a", "smtp_to": "b" }));
    check(&[(900, 2, CESNET), (902, 2, CESNET)], "05b4 0034", json!({ "tcp_mss": 1460, "tcp_syn_size": 52 }));
    check(&[(101, 2, CESNET), (33, 2, CESNET)], "00c8 0001", json!({ "sip_status": 200, "arp_op": 1 }));
    check(
        &[ie(457, 2), ie(459, 3), ie(460, 1), ie(461, 1), ie(468, 1), ie(469, 1)],
        "00c8 474554 61 62 63 64",
        json!({
            "http_status": 200, "http_method": "GET", "http_host": "a", "http_path": "b", "http_user_agent": "c", "http_content_type": "d",
        }),
    );
}

#[test]
fn databases_are_told_by_their_elements() {
    check(
        &[(293, 2, FLOWMON), (295, 2, FLOWMON), (300, 2, FLOWMON)],
        "6162 6364 6566",
        json!({
            "sql_engine": "mysql", "sql_user": "ab", "sql_database": "cd", "sql_statement": "ef",
        }),
    );
    check(&[(313, 2, FLOWMON)], "6162", json!({ "sql_engine": "postgresql", "sql_user": "ab" }));
    check(&[(222, 2, FLOWMON)], "6162", json!({ "sql_engine": "mssql", "sql_statement": "ab" }));
    let row = row(&[(298, 2, FLOWMON)], "0415");
    assert_eq!((&row["sql_engine"], &row["sql_error"]), (&json!("mysql"), &json!("1045")));
    check(&[(298, 2, FLOWMON)], "ffff", json!({ "sql_engine": "mysql" }));
}

#[test]
fn what_has_no_column_goes_to_extra_under_its_name() {
    check(
        &[ie(25, 8), ie(26, 8)],
        "0000000000000028 00000000000005dc",
        json!({ "extra": { "minimumIpTotalLength": 40, "maximumIpTotalLength": 1500 } }),
    );
    // Elements that nobody knows: their number, and their octets.
    check(&[(4000, 2, 0)], "abcd", json!({ "extra": { "0/4000": "abcd" } }));
    check(&[(7, 3, 4_242_424)], "abcdef", json!({ "extra": { "4242424/7": "abcdef" } }));
    check(&[(7, VARIES, 4_242_424), ie(4, 1)], "00 06", json!({ "protocol": 6, "extra": { "4242424/7": "" } }));
    // All ones of Flowmon's numbers are absent there too.
    check(&[(348, 4, FLOWMON)], "ffffffff", json!({}));
    check(&[(348, 4, FLOWMON), ie(25, 2)], "ffffffff ffff", json!({ "extra": { "minimumIpTotalLength": 65535 } }));
    // Padding and fields without octets say nothing.
    check(&[ie(210, 3), ie(4, 1), (4000, 0, 0)], "000000 06", json!({ "protocol": 6 }));
}

#[test]
fn values_in_extra_have_the_form_of_their_type() {
    let extra = |field: Field, data: &str, expected: Value| {
        let row = row(&[field], data);
        let values: Vec<_> = members(&row["extra"]).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, [expected], "{field:?} {data}");
    };
    // Floats: samplingProbability, absoluteError; JSON has no infinity.
    extra(ie(320, 8), "3fe0000000000000", json!(0.5));
    extra(ie(320, 4), "3f000000", json!(0.5));
    extra(ie(320, 8), "7ff8000000000000", json!(null));
    extra(ie(320, 8), "7ff0000000000000", json!(null));
    extra(ie(320, 8), "fff0000000000000", json!(null));
    extra(ie(320, 8), "8000000000000000", json!(-0.0));
    extra(ie(320, 8), "7fefffffffffffff", json!(f64::MAX));
    extra(ie(320, 8), "0000000000000001", json!(5e-324));
    extra(ie(320, 3), "3f0000", json!("3f0000"));
    // Booleans: 1 is true, 2 is false.
    extra(ie(276, 1), "01", json!(true));
    extra(ie(276, 1), "02", json!(false));
    extra(ie(276, 1), "00", json!("00"));
    extra(ie(81, 6), "0200000000ff", json!("02:00:00:00:00:ff"));
    extra(ie(130, 4), "c0000201", json!("192.0.2.1"));
    extra(ie(131, 16), "20010db8000000000000000000000001", json!("2001:db8::1"));
    extra(ie(258, 8), "0000018bcfe568f1", json!("2023-11-14T22:13:20.241Z"));
    extra(ie(1, 8 + 1), &"00".repeat(9), json!("000000000000000000"));
    // Signed and unsigned ones at their ends.
    extra(ie(434, 4), "80000000", json!(-2_147_483_648_i64));
    extra(ie(434, 4), "7fffffff", json!(2_147_483_647));
    extra(ie(434, 8), "8000000000000000", json!(i64::MIN));
    extra(ie(25, 8), "ffffffffffffffff", json!(u64::MAX));
    // Text that would break JSON.
    extra(ie(82, 6), "225c0a01e9ff", json!("\"\\\n\u{1}\u{fffd}\u{fffd}"));
}

#[test]
fn later_occurrences_of_an_element_are_inner_ones() {
    let fields = [ie(8, 4), ie(12, 4), ie(4, 1), ie(8, 4), ie(12, 4), ie(4, 1), ie(8, 4)];
    check(
        &fields,
        "0a000001 0a000002 2f c0000201 c0000202 06 cb007101",
        json!({
            "ip_version": 4, "src_addr": "10.0.0.1", "dst_addr": "10.0.0.2", "protocol": 47,
            "extra": { "inner_src_addr": "192.0.2.1", "inner_dst_addr": "192.0.2.2", "inner_protocol": 6, "inner_src_addr_2": "203.0.113.1" },
        }),
    );
    check(
        &[ie(25, 1), ie(25, 1), ie(25, 1)],
        "01 02 03",
        json!({
            "extra": { "minimumIpTotalLength": 1, "minimumIpTotalLength_2": 2, "minimumIpTotalLength_3": 3 },
        }),
    );
}

#[test]
fn field_types_of_netflow9_that_the_standard_does_not_have_are_those_of_their_makers() {
    let row = row9(&[(6660, 4, 0), (6670, 8, 0), (9999, 4, 0), (4, 1, 0)], "00000001 612e6578616d7000 00000002 11");
    let extra = json!({ "EkinopsTcpConnectionSetupTime": 1, "EkinopsHttpHost": "a.examp", "0/9999": "00000002" });
    assert_eq!(row, json!({ "protocol": 17, "extra": extra }));
    // IPFIX has none of them.
    check(&[(6660, 4, 0)], "00000001", json!({ "extra": { "0/6660": "00000001" } }));
}

#[test]
fn frames_of_the_data_link_are_samples() {
    // Ethernet, tag 100, IPv4, UDP from 10.0.0.1:53 to 10.0.0.2:1024; 60 octets at layer 3.
    let ip = "45b8003c 00010000 40110000 0a000001 0a000002 0035 0400 0028 0000";
    let ethernet = format!("020000000002 020000000001 8100 0064 0800 {ip}");
    let sample = json!({
        "record_kind": "sample", "src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02", "vlan_in": 100, "ip_version": 4,
        "src_addr": "10.0.0.1", "dst_addr": "10.0.0.2", "protocol": 17, "tos": 184, "ttl_min": 64, "ttl_max": 64, "ip_id": 1,
        "fragment_offset": 0, "fragment_flags": 0, "src_port": 53, "dst_port": 1024, "bytes": 60, "packets": 1,
    });
    let with = |mut row: Value, more: Value| {
        row.as_object_mut().unwrap().extend(members(&more));
        row
    };
    let length = hex(&ethernet).len() as u16;
    check(&[ie(315, length)], &ethernet, sample.clone());
    check(&[ie(315, VARIES)], &format!("{length:02x} {ethernet}"), sample.clone());
    check(&[ie(104, length)], &ethernet, sample.clone());
    // The length on the wire (312), the kind of link (408: 1 is Ethernet), interfaces of the record.
    let whole = with(sample.clone(), json!({ "frame_bytes": 78, "in_if": 3, "extra": { "dataLinkFrameType": 1 } }));
    check(&[ie(315, length), ie(312, 2), ie(408, 2), ie(10, 4)], &format!("{ethernet} 004e 0001 00000003"), whole);
    // What the record says goes before what its frame shows.
    check(&[ie(7, 2), ie(315, length)], &format!("0001 {ethernet}"), with(sample.clone(), json!({ "src_port": 1 })));
    let mut bare = members(&sample);
    for column in ["src_mac", "dst_mac", "vlan_in"] {
        bare.remove(column);
    }
    check(&[ie(313, hex(ip).len() as u16)], ip, Value::from(bare));
    // A link of another kind is not read, an empty frame is a sample all the same.
    check(
        &[ie(315, 4), ie(408, 2)],
        "01020304 0002",
        json!({
            "record_kind": "sample", "packets": 1, "extra": { "dataLinkFrameType": 2 },
        }),
    );
    let empty = json!({ "record_kind": "sample", "packets": 1, "bytes": 0, "protocol": 6 });
    check(&[ie(315, VARIES), ie(4, 1)], "00 06", empty);
    // Rows of flows before and behind samples stay flows.
    let mut collector = Collector::new();
    let sets = [
        set(2, &[template(256, &[ie(4, 1)]), template(257, &[ie(315, length)])].concat()),
        set(256, &[6]),
        set(257, &hex(&ethernet)),
        set(256, &[17]),
    ];
    let kinds = collector.column("record_kind", &ipfix(7, &sets));
    assert_eq!(kinds, [json!(null), json!("sample"), json!(null)]);
}
