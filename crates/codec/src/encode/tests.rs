use proptest::prelude::*;
use weir_record::{Address, AnyColumnMut, Column, ColumnType, FlowBatch, OptionsBatch, names};

use super::*;
use crate::{Config, Datagram, Decoder, Output};

const EXPORTED: i64 = 1_767_225_600_000_000_000;
const BOOT: i64 = EXPORTED - 86_400_000_000_000;

/// Decodes messages as one exporter sent them.
fn decode(messages: &[Vec<u8>]) -> (Output, Decoder) {
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    for payload in messages {
        let from = Address::v4(0xc000_0201);
        decoder.decode(&Datagram { payload, from, port: 2055, stream: None, received: EXPORTED }, &mut out);
    }
    out.finish();
    assert_eq!(decoder.stats().faults.iter().collect::<Vec<_>>(), []);
    assert_eq!((decoder.stats().lost, decoder.stats().sequence_restarts, decoder.stats().pending), (0, 0, 0));
    (out, decoder)
}

/// Options under which nothing is rounded and connections are one record.
fn exact(protocol: TemplateProtocol) -> EncodeOptions {
    EncodeOptions { records: Records::TwoWay, times: Times::Exact, ..EncodeOptions::new(protocol, BOOT) }
}

fn encode(flows: &FlowBatch, protocol: TemplateProtocol) -> (Vec<Vec<u8>>, Encoder) {
    let mut encoder = Encoder::new(exact(protocol));
    let mut messages = Vec::new();
    encoder.encode(flows, 0..flows.rows(), EXPORTED, &mut |message| messages.push(message.to_vec()));
    (messages, encoder)
}

/// What a protocol carries of a batch, in the form in which decoding gives it.
fn round_trip(flows: &FlowBatch, protocol: TemplateProtocol) -> FlowBatch {
    let (messages, encoder) = encode(flows, protocol);
    assert!(messages.iter().all(|message| message.len() <= EncodeOptions::DEFAULT_PAYLOAD_LIMIT || message.len() > 1200));
    assert_eq!(encoder.left_out(), 0);
    decode(&messages).0.flows
}

/// Columns that a generated row may fill: all that both protocols carry, derived ones aside.
fn candidates(protocol: TemplateProtocol) -> Vec<Column> {
    let registry = Registry::new();
    let carried = |column: &Column| {
        let info = column.info();
        let has_element =
            info.elements.iter().any(|element| message::can_carry(protocol, *element) && registry.get(*element).is_some());
        // Set by the decoder from others, or with a meaning that depends on others; tested apart.
        let derived = [
            Column::ip_version,
            Column::bytes_total,
            Column::packets_total,
            Column::icmp_type,
            Column::icmp_code,
            Column::protocol,
            Column::sql_user,
            Column::sql_database,
            Column::sql_statement,
            Column::sql_error,
            Column::firewall_event,
            Column::nat_event,
            Column::time_start,
            Column::time_end,
            Column::dhcp_addr,
            Column::frame_bytes,
            Column::mpls_labels,
            Column::app_id,
            Column::tls_ja3,
            Column::sip_method,
            Column::extra,
        ];
        has_element && !derived.contains(column)
    };
    Column::ALL.iter().copied().filter(carried).collect()
}

/// Fills a column of a row with a value that follows from a seed and that its element can hold.
fn fill(flows: &mut FlowBatch, row: usize, column: Column, seed: u64) {
    let v6 = seed & 1 == 1;
    match (column, flows.column_mut(column)) {
        (Column::tcp_window, AnyColumnMut::U32(out)) => out.push(row, seed as u32 & 0xffff),
        (Column::direction, AnyColumnMut::U8(out)) => out.push(row, seed as u8 & 1),
        (Column::sampling_rate, AnyColumnMut::U32(out)) => out.push(row, seed as u32 | 1),
        (Column::flow_count, AnyColumnMut::U64(out)) => out.push(row, seed | 2),
        (Column::dns_rcode, AnyColumnMut::U8(out)) => out.push(row, seed as u8 & 15),
        (Column::flow_label, AnyColumnMut::U32(out)) => out.push(row, seed as u32 >> 12),
        (_, AnyColumnMut::U8(out)) => out.push(row, seed as u8 & 0x7f),
        (_, AnyColumnMut::U16(out)) => out.push(row, seed as u16 & 0x7fff),
        (_, AnyColumnMut::U32(out)) => out.push(row, seed as u32 & 0x7fff_ffff),
        (_, AnyColumnMut::U64(out)) if column.info().column_type == ColumnType::Mac => out.push(row, seed & 0xffff_ffff_ffff),
        (_, AnyColumnMut::U64(out)) => out.push(row, seed & (u64::MAX >> 1)),
        (_, AnyColumnMut::Time(out)) => out.push(row, EXPORTED + (seed >> 32) as i64),
        (_, AnyColumnMut::Ip(out)) if v6 => out.push(row, Address::from_halves(0x2001_0db8_0000_0000, seed)),
        (_, AnyColumnMut::Ip(out)) => out.push(row, Address::v4(seed as u32)),
        (_, AnyColumnMut::Text(out)) => out.push(row, &format!("{seed:x}é\"\\").repeat(1 + (seed % 20) as usize)),
        (_, AnyColumnMut::List(_)) => {}
    }
}

/// Rows of random columns; the same seed gives the same rows.
fn batch(protocol: TemplateProtocol, rows: usize, seed: u64) -> FlowBatch {
    let mut rng = weir_testkit::Rng::with_seed(seed);
    let columns = candidates(protocol);
    let mut flows = FlowBatch::new();
    // Few shapes, as exporters have.
    let shapes: Vec<Vec<Column>> = (0..3).map(|_| columns.iter().copied().filter(|_| rng.u8(..4) == 0).collect()).collect();
    for row in 0..rows {
        flows.protocol.push(row, if rng.bool() { 6 } else { 17 });
        let precision = [1, 1000, 1_000_000][rng.usize(..3)];
        let start = (EXPORTED - rng.i64(0..60_000_000_000)) / precision * precision;
        flows.time_start.push(row, start);
        flows.time_end.push(row, start + rng.i64(0..1000) * precision);
        for column in &shapes[rng.usize(..3)] {
            fill(&mut flows, row, *column, rng.u64(..));
        }
        let family = flows.src_addr.get(row).or(flows.dst_addr.get(row));
        flows.ip_version.push_some(row, family.map(|address| if address.is_v4() { 4 } else { 6 }));
        flows.advance(1);
    }
    flows
}

/// What the decoder adds to every row.
fn stamped(mut flows: FlowBatch, format: u8) -> FlowBatch {
    let rows = flows.rows();
    let exporter = Address::v4(0xc000_0201);
    flows.time_received.fill(0, rows, EXPORTED);
    flows.format.fill(0, rows, format);
    flows.exporter.fill(0, rows, exporter);
    flows.received_from.fill(0, rows, exporter);
    flows.received_port.fill(0, rows, 2055);
    flows.obs_domain.fill(0, rows, 0);
    flows.record_kind.fill(0, rows, names::FLOW);
    flows
}

/// Compares batches column by column, so that a failure names the column.
fn assert_same(ours: &FlowBatch, theirs: &FlowBatch) {
    assert_eq!(ours.rows(), theirs.rows());
    let text = |flows: &FlowBatch, row| {
        let mut out = Vec::new();
        weir_record::write::json::JsonWriter::new().write(&mut out, flows, [row]);
        String::from_utf8(out).unwrap()
    };
    for row in 0..ours.rows() {
        assert_eq!(text(ours, row), text(theirs, row), "row {row}");
    }
    assert!(ours == theirs);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ipfix_gives_back_what_it_was_given(rows in 1usize..60, seed: u64) {
        let flows = batch(TemplateProtocol::Ipfix, rows, seed);
        assert_same(&round_trip(&flows, TemplateProtocol::Ipfix), &stamped(flows, names::IPFIX));
    }

    #[test]
    fn netflow9_gives_back_what_it_was_given(rows in 1usize..60, seed: u64) {
        let flows = batch(TemplateProtocol::NetFlow9, rows, seed);
        assert_same(&round_trip(&flows, TemplateProtocol::NetFlow9), &stamped(flows, names::NETFLOW9));
    }

    /// Messages made from what messages gave are the same messages.
    #[test]
    fn encoding_is_canonical(rows in 1usize..40, seed: u64) {
        for protocol in [TemplateProtocol::Ipfix, TemplateProtocol::NetFlow9] {
            let once = encode(&batch(protocol, rows, seed), protocol).0;
            let again = encode(&decode(&once).0.flows, protocol).0;
            prop_assert_eq!(&once, &again);
        }
    }
}

/// One row with what depends on other columns.
fn special(row: impl Fn(&mut FlowBatch)) -> FlowBatch {
    let mut flows = FlowBatch::new();
    row(&mut flows);
    flows.advance(1);
    flows
}

#[test]
fn what_depends_on_other_columns_comes_back() {
    let cases: Vec<(&str, FlowBatch)> = vec![
        (
            "icmp",
            special(|flows| {
                flows.protocol.push(0, 1);
                flows.icmp_type.push(0, 3);
                flows.icmp_code.push(0, 1);
            }),
        ),
        (
            "icmp6",
            special(|flows| {
                flows.protocol.push(0, 58);
                flows.icmp_type.push(0, 128);
                flows.icmp_code.push(0, 0);
            }),
        ),
        ("mpls", special(|flows| flows.mpls_labels.push(0, [0x0012_3451, 0x70]))),
        (
            "application",
            special(|flows| {
                flows.app_id.push(0, "13:453");
                flows.app_name.push(0, "ssl");
                flows.tls_ja3.push(0, "e7d705a3286e19ea42f587b344ee6865");
                flows.sip_method.push(0, "INVITE");
            }),
        ),
        (
            "sql",
            special(|flows| {
                flows.sql_engine.push(0, "postgresql");
                flows.sql_user.push(0, "alice");
                flows.sql_error.push(0, "23505");
            }),
        ),
        (
            "event",
            special(|flows| {
                flows.firewall_event.push(0, 3);
                flows.nat_src_addr.push(0, Address::v4(0x0a00_0001));
                flows.nat_dst_addr.push(0, Address::from_halves(0x2001_0db8_0000_0000, 7));
            }),
        ),
        (
            "totals",
            special(|flows| {
                flows.bytes.push(0, 10);
                flows.bytes_total.push(0, 100);
                flows.packets.push(0, 1);
                flows.packets_total.push(0, 10);
            }),
        ),
        (
            "estimate",
            special(|flows| {
                flows.packets.push(0, 2);
                flows.frame_bytes.push(0, 136);
                flows.bytes.push(0, 100);
                flows.bytes_estimated.push(0, 1);
            }),
        ),
    ];
    for (name, flows) in cases {
        let back = round_trip(&flows, TemplateProtocol::Ipfix);
        let mut expected = stamped(flows, names::IPFIX);
        if name == "event" {
            expected.record_kind.fill(0, 1, names::EVENT);
        }
        assert_same(&back, &expected);
    }
}

#[test]
fn extra_values_come_back_as_they_were() {
    let object = concat!(
        r#"{"flowEndSysUpTime":7,"interfaceName":"ge-0/0/0","absoluteError":0.5,"hashDigestOutput":true,"#,
        r#""maxExportSeconds":"2026-01-01T00:00:00Z","maxFlowEndNanoseconds":"2026-01-01T00:00:00.000000001Z","#,
        r#""collectionTimeMilliseconds":"2026-01-01T00:00:00.007Z","collectorIPv6Address":"2001:db8::1","64512/9":"00ff","inner_src_addr":"192.0.2.9","interfaceName_2":"again","#,
        r#""basicList":{"semantic":"ordered","element":"tcpControlBits","values":[2,18]},"#,
        r#""subTemplateList":{"semantic":"allOf","records":[{"octetDeltaCount":1,"interfaceName":"a"},{"octetDeltaCount":2,"interfaceName":"bc"}]},"#,
        r#""subTemplateMultiList":{"semantic":"undefined","records":[{"octetDeltaCount":1},{"basicList":{"semantic":"noneOf","element":"64512/3","values":["01"]}}]}}"#,
    );
    let flows = special(|flows| {
        flows.src_addr.push(0, Address::v4(1));
        flows.ip_version.push(0, 4);
        flows.extra.push(0, object);
    });
    assert_same(&round_trip(&flows, TemplateProtocol::Ipfix), &stamped(flows, names::IPFIX));
}

#[test]
fn halves_of_a_connection_are_one_record() {
    let mut flows = FlowBatch::new();
    let (client, server) = (Address::v4(0xc000_0201), Address::from_halves(0x2001_0db8_0000_0000, 1));
    for (row, half) in [names::INITIATOR, names::RESPONDER].into_iter().enumerate() {
        let swapped = half == names::RESPONDER;
        let pick = |one, other| if swapped { other } else { one };
        flows.src_addr.push(row, if swapped { server } else { client });
        flows.dst_addr.push(row, if swapped { client } else { server });
        flows.src_port.push(row, pick(50_000, 443));
        flows.dst_port.push(row, pick(443, 50_000));
        flows.src_as.push(row, if swapped { 64_501 } else { 64_500 });
        flows.dst_as.push(row, if swapped { 64_500 } else { 64_501 });
        flows.bytes.push(row, if swapped { 9000 } else { 100 });
        flows.packets.push(row, if swapped { 9 } else { 3 });
        flows.tcp_flags.push(row, pick(0x1b, 0x12));
        flows.protocol.push(row, 6);
        flows.rtt.push(row, 1500);
        flows.time_start.push(row, EXPORTED);
        flows.time_end.push(row, EXPORTED + 1);
        flows.biflow.push(row, half);
        flows.ip_version.push(row, if swapped { 6 } else { 4 });
        flows.advance(1);
    }
    // The version is one of the record, so it cannot be each half's own here; with one family it is the same.
    flows.ip_version.fill(0, 2, 4);
    let (messages, encoder) = encode(&flows, TemplateProtocol::Ipfix);
    assert_eq!(encoder.left_out(), 0);
    let (out, decoder) = decode(&messages);
    assert_eq!((decoder.stats().templates, decoder.stats().records), (1, 2));
    assert_same(&out.flows, &stamped(flows.clone(), names::IPFIX));
    // What has no reverse element keeps the halves apart: two one-way records that say which half they are.
    flows.retransmissions.push(1, 4);
    let (out, _) = decode(&encode(&flows, TemplateProtocol::Ipfix).0);
    assert_same(&out.flows, &stamped(flows, names::IPFIX));
}

#[test]
fn options_come_back() {
    for (protocol, format, scope) in [
        (TemplateProtocol::Ipfix, names::IPFIX, r#"{"ingressInterface":3}"#),
        (TemplateProtocol::NetFlow9, names::NETFLOW9, r#"{"interface":"00000003"}"#),
    ] {
        let mut rows = OptionsBatch::new();
        rows.scope.push(0, scope);
        rows.values.push(0, r#"{"interfaceName":"ge-0/0/0","samplingInterval":100}"#);
        rows.advance(1);
        let mut encoder = Encoder::new(EncodeOptions::new(protocol, BOOT));
        let mut messages = Vec::new();
        encoder.encode_options(&rows, EXPORTED, &mut |message| messages.push(message.to_vec()));
        let mut flows = special(|flows| {
            flows.in_if.push(0, 3);
            flows.bytes.push(0, 1);
        });
        encoder.encode(&flows, 0..1, EXPORTED, &mut |message| messages.push(message.to_vec()));
        let (out, _) = decode(&messages);
        assert_eq!((out.options.scope.get(0), out.options.values.get(0)), (rows.scope.get(0), rows.values.get(0)));
        assert_eq!(out.options.template_id.get(0), Some(256));
        flows.in_if_name.push(0, "ge-0/0/0");
        flows.sampling_rate.push(0, 100);
        assert_same(&out.flows, &stamped(flows, format));
    }
}

#[test]
fn templates_are_announced_once_and_again_when_asked() {
    let flows = special(|flows| flows.bytes.push(0, 1));
    let mut encoder = Encoder::new(EncodeOptions::new(TemplateProtocol::Ipfix, BOOT));
    let mut sizes = Vec::new();
    for _ in 0..3 {
        encoder.encode(&flows, 0..1, EXPORTED, &mut |message| sizes.push(message.len()));
    }
    encoder.announce_again();
    encoder.encode(&flows, 0..1, EXPORTED, &mut |message| sizes.push(message.len()));
    assert_eq!(sizes, [40, 28, 28, 40]);
}

#[test]
fn what_a_protocol_cannot_carry_is_counted() {
    let flows = special(|flows| {
        flows.bytes.push(0, 1);
        flows.rtt.push(0, 5);
        flows.srt_min.push(0, 5);
        flows.extra.push(0, r#"{"no such element":1}"#);
    });
    assert_eq!(encode(&flows, TemplateProtocol::Ipfix).1.left_out(), 2);
    assert_eq!(encode(&flows, TemplateProtocol::NetFlow9).1.left_out(), 3);
}
