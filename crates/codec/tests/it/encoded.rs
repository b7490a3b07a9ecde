//! Rows as the meter makes them, to messages and back: every column that a protocol carries comes back, and what it does not is counted.

use weir_codec::encode::{EncodeOptions, Encoder, Lost, Records, Refresh, Statement, TemplateProtocol, Times};
use weir_codec::{Config, Datagram, Decoder, Output, fastnetmon, netflow5, private};
use weir_record::column::AnyColumn;
use weir_record::registry::Registry;
use weir_record::{Address, Column, FlowBatch, names};

use crate::ALLOCATOR;
use crate::meter_rows::{NOW, meter_rows};

const BOOT: i64 = NOW - 3_600_000_000_000;
const PEN: u32 = 64_512;

fn options(protocol: TemplateProtocol) -> EncodeOptions {
    EncodeOptions::new(protocol, BOOT)
}

/// An encoder's messages.
fn encode(encoder: &mut Encoder, flows: &FlowBatch) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    encoder.encode(flows, 0..flows.rows(), NOW, &mut |message| messages.push(message.to_vec()));
    messages
}

/// What a collector reads that knows our elements under [`PEN`].
fn decode(messages: &[Vec<u8>]) -> Output {
    let mut registry = Registry::new();
    assert!(private::register(&mut registry, PEN));
    let (mut decoder, mut out) = (Decoder::new(Config { registry, ..Config::default() }), Output::default());
    for payload in messages {
        let from = Address::v4(0xc000_0201);
        decoder.decode(&Datagram { payload, from, port: 2055, stream: None, received: NOW }, &mut out);
    }
    out.finish();
    assert_eq!(decoder.stats().faults.iter().collect::<Vec<_>>(), []);
    assert_eq!((decoder.stats().lost, decoder.stats().sequence_restarts, decoder.stats().pending), (0, 0, 0));
    out
}

/// The value of a row as text; nothing where it is absent.
fn value(flows: &FlowBatch, column: Column, row: usize) -> Option<String> {
    match flows.column(column) {
        AnyColumn::U8(values) => values.get(row).map(|value| value.to_string()),
        AnyColumn::U16(values) => values.get(row).map(|value| value.to_string()),
        AnyColumn::U32(values) => values.get(row).map(|value| value.to_string()),
        AnyColumn::U64(values) => values.get(row).map(|value| value.to_string()),
        AnyColumn::Time(values) => values.get(row).map(|value| value.to_string()),
        AnyColumn::Ip(values) => values.get(row).map(|value| value.to_string()),
        AnyColumn::Text(values) => values.get(row).map(str::to_owned),
        AnyColumn::List(values) => values.get(row).map(|value| format!("{value:?}")),
    }
}

/// Columns that the collector writes itself.
const OF_THE_COLLECTOR: [Column; 8] = [
    Column::time_received,
    Column::format,
    Column::exporter,
    Column::received_from,
    Column::received_port,
    Column::obs_domain,
    Column::record_kind,
    Column::time_suspect,
];

/// Compares every column of both. `expected` says what must come back of a value.
fn compare(sent: &FlowBatch, back: &FlowBatch, expected: impl Fn(Column, usize) -> Option<String>) {
    assert_eq!(sent.rows(), back.rows());
    for column in Column::ALL.iter().filter(|column| !OF_THE_COLLECTOR.contains(column)) {
        for row in 0..sent.rows() {
            assert_eq!(value(back, *column, row), expected(*column, row), "{} of row {row}", column.name());
        }
    }
}

/// A time as it is after rounding down.
fn rounded(flows: &FlowBatch, column: Column, row: usize, unit: i64) -> Option<String> {
    let AnyColumn::Time(times) = flows.column(column) else { return None };
    times.get(row).map(|time| (time.div_euclid(unit) * unit).to_string())
}

/// The elements in which an application goes out besides ours.
fn application(flows: &FlowBatch, column: Column, row: usize) -> Option<String> {
    let app = flows.app.get(row)?;
    let id = match app {
        "tls" => "13:453",
        "http" => "3:80",
        "dns" => "3:53",
        "postgresql" => "3:5432",
        "smtp" => "3:25",
        _ => return (column == Column::app_name).then(|| app.to_owned()),
    };
    Some(if column == Column::app_id { id } else { app }.to_owned())
}

#[test]
fn ipfix_with_our_elements_gives_back_every_column() {
    for (times, unit) in [(Times::Milliseconds, 1_000_000), (Times::Microseconds, 1000), (Times::Exact, 1)] {
        for seed in 0..4 {
            let flows = meter_rows(300, seed);
            let mut encoder =
                Encoder::new(EncodeOptions { times, private_enterprise: Some(PEN), ..options(TemplateProtocol::Ipfix) });
            let messages = encode(&mut encoder, &flows);
            assert!(messages.iter().all(|message| message.len() <= EncodeOptions::DEFAULT_PAYLOAD_LIMIT));
            assert_eq!(encoder.left_out(), 0);
            assert_eq!((encoder.messages(), encoder.records()), (messages.len() as u64, flows.rows() as u64));
            let back = decode(&messages).flows;
            compare(&flows, &back, |column, row| match column {
                Column::time_start | Column::time_end => rounded(&flows, column, row, unit),
                Column::app_name | Column::app_id => application(&flows, column, row),
                _ => value(&flows, column, row),
            });
        }
    }
}

#[test]
fn without_our_elements_what_is_missing_is_counted() {
    let flows = meter_rows(300, 7);
    let own: Vec<Column> = Column::ALL.iter().copied().filter(|column| column.info().elements.is_empty()).collect();
    // The engine is told by the elements of the others, half and application have elements that are not in the table.
    let told = [Column::sql_engine, Column::biflow, Column::app];
    let lost = |column: &Column| own.contains(column) && !told.contains(column) && !OF_THE_COLLECTOR.contains(column);
    let mut encoder = Encoder::new(options(TemplateProtocol::Ipfix));
    let back = decode(&encode(&mut encoder, &flows)).flows;
    let mut left_out = 0;
    for column in Column::ALL.iter().filter(|column| lost(column)) {
        left_out += (0..flows.rows()).filter(|row| flows.column(*column).is_present(*row)).count() as u64;
    }
    assert!(left_out > 0);
    assert_eq!(encoder.left_out(), left_out);
    compare(&flows, &back, |column, row| match column {
        Column::time_start | Column::time_end => rounded(&flows, column, row, 1_000_000),
        Column::app_name | Column::app_id => application(&flows, column, row),
        _ if lost(&column) || column == Column::app => None,
        _ => value(&flows, column, row),
    });
}

#[test]
fn few_templates_serve_many_patterns() {
    let flows = meter_rows(20_000, 12);
    let patterns: std::collections::HashSet<Vec<Column>> =
        (0..flows.rows()).map(|row| flows.filled().filter(|column| flows.column(*column).is_present(row)).collect()).collect();
    for private_enterprise in [None, Some(PEN)] {
        let mut encoder = Encoder::new(EncodeOptions { private_enterprise, ..options(TemplateProtocol::Ipfix) });
        let octets: usize = encode(&mut encoder, &flows).iter().map(Vec::len).sum();
        let octets = octets / flows.rows();
        println!("{} patterns, {} templates, {octets} octets a record", patterns.len(), encoder.templates());
        assert!(patterns.len() > 400 && encoder.templates() < 100, "{} templates", encoder.templates());
    }
}

#[test]
fn netflow9_gives_back_what_it_has_types_for() {
    let flows = meter_rows(300, 8);
    let mut encoder = Encoder::new(options(TemplateProtocol::NetFlow9));
    let back = decode(&encode(&mut encoder, &flows)).flows;
    let carried = |column: Column| {
        let own = column.info().elements.iter().any(|element| element.pen == 0);
        own || column == Column::biflow
    };
    compare(&flows, &back, |column, row| match column {
        Column::time_start | Column::time_end => rounded(&flows, column, row, 1_000_000),
        Column::app_name | Column::app_id => application(&flows, column, row),
        _ if carried(column) => value(&flows, column, row),
        _ => None,
    });
}

#[test]
fn flows_that_began_before_the_exporter_keep_their_times() {
    let mut flows = meter_rows(50, 9);
    let start = BOOT - 90_000_000_000;
    flows.time_start.fill(0, flows.rows(), start);
    let mut encoder = Encoder::new(options(TemplateProtocol::NetFlow9));
    let back = decode(&encode(&mut encoder, &flows)).flows;
    assert!((0..flows.rows()).all(|row| back.time_start.get(row) == Some(start)));
    let mut encoder = netflow5::Encoder::new(netflow5::EncodeOptions::new(netflow5::Version::V5, BOOT));
    let mut messages = Vec::new();
    let left_out = encoder.encode(&flows, 0..flows.rows(), NOW, &mut |message| messages.push(message.to_vec()));
    let back = decode(&messages).flows;
    assert_eq!(back.rows() + left_out, flows.rows());
    assert!((0..back.rows()).all(|row| back.time_start.get(row) == Some(start)));
    // No reader has to know that an uptime may lie before the boot.
    for message in &messages {
        let number = |at: usize| u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
        let records = usize::from(message[3]);
        assert!((0..records).all(|record| number(24 + record * 48 + 24) <= number(4)));
    }
}

#[test]
fn times_that_no_clock_has_lose_no_record() {
    for time in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
        let mut flows = meter_rows(50, 9);
        flows.time_start.fill(0, flows.rows(), time);
        flows.time_end.fill(0, flows.rows(), time);
        for times in [Times::Milliseconds, Times::Microseconds, Times::Exact] {
            for protocol in [TemplateProtocol::NetFlow9, TemplateProtocol::Ipfix] {
                let mut encoder = Encoder::new(EncodeOptions { times, ..options(protocol) });
                assert_eq!(decode(&encode(&mut encoder, &flows)).flows.rows(), flows.rows(), "{time} {times:?} {protocol:?}");
            }
        }
        let mut encoder = netflow5::Encoder::new(netflow5::EncodeOptions::new(netflow5::Version::V5, BOOT));
        let mut messages = Vec::new();
        let left_out = encoder.encode(&flows, 0..flows.rows(), NOW, &mut |message| messages.push(message.to_vec()));
        assert_eq!(decode(&messages).flows.rows() + left_out, flows.rows(), "{time}");
    }
}

#[test]
fn netflow5_and_fastnetmon_take_the_rows() {
    let flows = meter_rows(300, 10);
    let is_v4 = |row: &usize| flows.src_addr.get(*row).is_some_and(Address::is_v4);
    let v4: Vec<usize> = (0..flows.rows()).filter(is_v4).collect();
    let mut encoder = netflow5::Encoder::new(netflow5::EncodeOptions::new(netflow5::Version::V5, BOOT));
    let mut messages = Vec::new();
    let left_out = encoder.encode(&flows, 0..flows.rows(), NOW, &mut |message| messages.push(message.to_vec()));
    assert_eq!(left_out, flows.rows() - v4.len());
    let back = decode(&messages).flows;
    for (place, row) in v4.iter().enumerate() {
        for column in [Column::src_addr, Column::dst_addr, Column::src_port, Column::protocol, Column::bytes, Column::packets] {
            let sent = value(&flows, column, *row).or_else(|| (column == Column::src_port).then(|| "0".to_owned()));
            assert_eq!(value(&back, column, place), sent, "{}", column.name());
        }
        for column in [Column::icmp_type, Column::icmp_code] {
            assert_eq!(value(&back, column, place), value(&flows, column, *row), "{}", column.name());
        }
        for column in [Column::time_start, Column::time_end] {
            assert_eq!(value(&back, column, place), rounded(&flows, column, *row, 1_000_000), "{}", column.name());
        }
    }
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    let left_out = fastnetmon::Encoder::default().encode(&flows, 0..flows.rows(), &mut |payload| {
        let from = Address::v4(0xc000_0201);
        let datagram = Datagram { payload, from, port: 2055, stream: None, received: NOW };
        decoder.decode_as(weir_codec::Protocol::FastNetMon, &datagram, &mut out);
    });
    assert_eq!((left_out, out.flows.rows()), (0, flows.rows()));
    for row in 0..flows.rows() {
        for column in [Column::src_addr, Column::dst_addr, Column::protocol, Column::bytes, Column::packets] {
            assert_eq!(value(&out.flows, column, row), value(&flows, column, row), "{}", column.name());
        }
    }
}

#[test]
fn pairs_become_one_record_only_when_asked() {
    let mut flows = FlowBatch::new();
    for (row, half) in [names::INITIATOR, names::RESPONDER].into_iter().enumerate() {
        flows.src_addr.push(row, Address::v4(1 + row as u32));
        flows.dst_addr.push(row, Address::v4(2 - row as u32));
        flows.bytes.push(row, 100);
        flows.biflow.push(row, half);
        flows.advance(1);
    }
    for (records, expected) in [(Records::OneWay, 2), (Records::TwoWay, 1)] {
        let mut encoder = Encoder::new(EncodeOptions { records, ..options(TemplateProtocol::Ipfix) });
        let back = decode(&encode(&mut encoder, &flows)).flows;
        assert_eq!(encoder.records(), expected);
        compare(&flows, &back, |column, row| match column {
            Column::ip_version => Some("4".to_owned()),
            _ => value(&flows, column, row),
        });
    }
}

#[test]
fn metered_connections_become_two_way_records() {
    let own = [
        Column::src_addr,
        Column::src_port,
        Column::in_if,
        Column::src_mac,
        Column::bytes,
        Column::packets,
        Column::tcp_flags,
        Column::tos,
        Column::ttl_min,
        Column::ttl_max,
        Column::tcp_window,
    ];
    for (times, unit) in [(Times::Milliseconds, 1_000_000), (Times::Microseconds, 1000), (Times::Exact, 1)] {
        let mut flows = meter_rows(300, 5);
        let responders: Vec<_> = (1..flows.rows()).filter(|row| flows.biflow.get(*row) == Some(names::RESPONDER)).collect();
        // Each direction may come in at another interface, which takes a reverse element too.
        let mut interfaces = std::mem::take(&mut flows.in_if);
        interfaces.clear();
        for row in 0..flows.rows() {
            interfaces.push(row, if responders.contains(&row) { 3 } else { 2 });
        }
        flows.in_if = interfaces;
        // Echo request and reply differ in their type, so that they stay two records.
        let pairs: Vec<_> = responders.into_iter().filter(|row| flows.icmp_type.get(*row).is_none()).collect();
        let mut encoder = Encoder::new(EncodeOptions { records: Records::TwoWay, times, ..options(TemplateProtocol::Ipfix) });
        let messages = encode(&mut encoder, &flows);
        assert!(pairs.len() > 200);
        assert_eq!(encoder.records(), (flows.rows() - pairs.len()) as u64);
        assert!(messages.concat().windows(4).any(|octets| octets == 29_305u32.to_be_bytes()));
        assert!(encoder.left_out() > 0);
        let back = decode(&messages).flows;
        assert_eq!(back.rows(), flows.rows());
        for row in 0..flows.rows() {
            for column in own {
                assert_eq!(value(&back, column, row), value(&flows, column, row), "{} of row {row}", column.name());
            }
        }
        for row in pairs {
            let told = |time: Option<i64>| time.map(|time| time.div_euclid(unit) * unit);
            let start = told(flows.time_start.get(row - 1).min(flows.time_start.get(row)));
            let end = told(flows.time_end.get(row - 1).max(flows.time_end.get(row)));
            for half in [row - 1, row] {
                assert_eq!((back.time_start.get(half), back.time_end.get(half)), (start, end), "row {half}");
            }
            assert_eq!(back.biflow.get(row), Some(names::RESPONDER));
            // Nothing of the initiator's own is taken for the responder's.
            assert_eq!((back.retransmissions.get(row), back.tcp_syn_size.get(row)), (None, None));
        }
    }
}

#[test]
fn what_the_responder_alone_has_is_counted() {
    let mut flows = FlowBatch::new();
    for (row, half) in [names::INITIATOR, names::RESPONDER].into_iter().enumerate() {
        flows.format.push(row, names::PACKET);
        flows.biflow.push(row, half);
        flows.src_addr.push(row, Address::v4(1 + row as u32));
        flows.dst_addr.push(row, Address::v4(2 - row as u32));
        flows.packets.push(row, 3);
        flows.advance(1);
    }
    flows.retransmissions.push(1, 4);
    flows.tcp_syn_size.push(1, 60);
    flows.mpls_labels.push(1, [16]);
    flows.http_host.push(1, "www.example");
    let mut encoder = Encoder::new(EncodeOptions { records: Records::TwoWay, ..options(TemplateProtocol::Ipfix) });
    encode(&mut encoder, &flows);
    assert_eq!((encoder.records(), encoder.left_out()), (1, 4));
    // Another connection's row behind it is no half of this one.
    flows.dst_addr.clear();
    flows.dst_addr.push(0, Address::v4(2));
    flows.dst_addr.push(1, Address::v4(7));
    let mut encoder = Encoder::new(EncodeOptions { records: Records::TwoWay, ..options(TemplateProtocol::Ipfix) });
    encode(&mut encoder, &flows);
    assert_eq!((encoder.records(), encoder.left_out()), (2, 0));
}

#[test]
fn ids_stay_when_templates_are_announced_again_and_sequences_begin_anew_with_a_session() {
    let (one, other) = (meter_rows(30, 1), meter_rows(30, 2));
    let mut encoder = Encoder::new(options(TemplateProtocol::Ipfix));
    let first = encode(&mut encoder, &one);
    encode(&mut encoder, &other);
    encoder.announce_again();
    let mut again = first.clone();
    again.extend(encode(&mut encoder, &other));
    // Read without what came between, so that a changed id would be a wrong template.
    let mut registry = Decoder::new(Config::default());
    let mut out = Output::default();
    for payload in &again {
        let datagram = Datagram { payload, from: Address::v4(1), port: 1, stream: None, received: NOW };
        registry.decode(&datagram, &mut out);
    }
    assert_eq!(out.flows.rows(), one.rows() + other.rows());
    assert_eq!(registry.stats().pending, 0);
    encoder.restart_session();
    assert_eq!(encode(&mut encoder, &one)[0][8..12], [0; 4]);
}

#[test]
fn statements_are_read_back() {
    let statements = [
        Statement::Sampling { interval: 100, random: false },
        Statement::Interface { index: 2, name: "eth0", description: "to the \"core\"" },
        Statement::Exported { messages: 5, records: 60, octets: 7000 },
        Statement::Ignored(Lost { packets: 3, octets: 400, between: Some((NOW, NOW + 1_000_000_000)) }),
        Statement::NotSent { exporter: Some("192.0.2.1".parse().unwrap()), flows: 1, lost: Lost::default() },
        Statement::PrivateElements,
    ];
    for protocol in [TemplateProtocol::Ipfix, TemplateProtocol::NetFlow9] {
        let mut encoder = Encoder::new(EncodeOptions { private_enterprise: Some(PEN), ..options(protocol) });
        let mut messages = Vec::new();
        encoder.tell(&statements, NOW, &mut |message| messages.push(message.to_vec()));
        assert_eq!(encoder.left_out(), 0);
        let flows = meter_rows(3, 3);
        messages.extend(encode(&mut encoder, &flows));
        let out = decode(&messages);
        assert_eq!(out.flows.sampling_rate.get(0), Some(100));
        assert_eq!((out.flows.in_if_name.get(0), out.flows.in_if_alias.get(0)), (Some("eth0"), Some("to the \"core\"")));
        let texts: Vec<String> = (0..out.options.rows())
            .map(|row| format!("{} {}", out.options.scope.get(row).unwrap(), out.options.values.get(row).unwrap()))
            .collect();
        let lost = r#"{"ignoredPacketTotalCount":3,"ignoredOctetTotalCount":400,"observationTimeMilliseconds":"2026-01-01T00:00:00Z","observationTimeMilliseconds_2":"2026-01-01T00:00:01Z"}"#;
        let expected = if protocol == TemplateProtocol::Ipfix {
            let item = r#"{"privateEnterpriseNumber":64512,"informationElementId":100} {"informationElementDataType":3,"informationElementSemantics":1,"informationElementName":"list_item"}"#;
            assert_eq!(texts.last().map(String::as_str), Some(item));
            [
                r#"{"observationDomainId":0} {"samplingInterval":100,"samplingAlgorithm":1}"#.to_owned(),
                r#"{"selectorId":1} {"selectorAlgorithm":1,"samplingPacketInterval":1,"samplingPacketSpace":99}"#.to_owned(),
                r#"{"ingressInterface":2} {"interfaceName":"eth0","interfaceDescription":"to the \"core\""}"#.to_owned(),
                r#"{"observationDomainId":0} {"exportedMessageTotalCount":5,"exportedFlowRecordTotalCount":60,"exportedOctetTotalCount":7000}"#.to_owned(),
                format!("{{\"observationDomainId\":0}} {lost}"),
                r#"{"exporterIPv4Address":"192.0.2.1"} {"notSentFlowTotalCount":1,"notSentPacketTotalCount":0,"notSentOctetTotalCount":0}"#.to_owned(),
            ]
            .to_vec()
        } else {
            [
                r#"{"system":"00000000"} {"samplingInterval":100,"samplingAlgorithm":1}"#.to_owned(),
                r#"{"interface":"00000002"} {"interfaceName":"eth0","interfaceDescription":"to the \"core\""}"#.to_owned(),
                r#"{"system":"00000000"} {"exportedMessageTotalCount":5,"exportedFlowRecordTotalCount":60,"exportedOctetTotalCount":7000}"#.to_owned(),
                format!("{{\"system\":\"00000000\"}} {lost}"),
                r#"{"system":"00000000"} {"notSentFlowTotalCount":1,"notSentPacketTotalCount":0,"notSentOctetTotalCount":0}"#.to_owned(),
            ]
            .to_vec()
        };
        assert_eq!(texts[..expected.len()], expected[..]);
    }
}

#[test]
fn a_record_that_fits_no_message_costs_only_itself() {
    let mut flows = meter_rows(2, 4);
    flows.http_host.push(0, &"x".repeat(70_000));
    let mut encoder = Encoder::new(options(TemplateProtocol::Ipfix));
    let before = encode(&mut encoder, &flows);
    assert_eq!(encoder.records(), flows.rows() as u64 - 1);
    // Its template was announced all the same, and serves the next one.
    let mut again = meter_rows(2, 4);
    again.http_host.push(0, "short");
    let mut messages = before;
    messages.extend(encode(&mut encoder, &again));
    assert_eq!(decode(&messages).flows.rows(), 2 * flows.rows() - 1);
}

#[test]
fn records_allocate_nothing() {
    let flows = meter_rows(2000, 13);
    for protocol in [TemplateProtocol::Ipfix, TemplateProtocol::NetFlow9] {
        let mut encoder = Encoder::new(options(protocol));
        let mut messages = 0;
        let mut round = || encoder.encode(&flows, 0..flows.rows(), NOW, &mut |_| messages += 1);
        round();
        let ((), made) = ALLOCATOR.count(round);
        // The lists of a batch.
        assert!(made.count < 20, "{protocol:?}: {made:?} for {} rows, {messages} messages", flows.rows());
    }
}

#[test]
fn refresh_asks_for_templates_in_time() {
    let mut refresh = Refresh::default();
    assert!(refresh.is_due(NOW, 0));
    assert!(!refresh.is_due(NOW + 599_999_999_999, 4095));
    assert!(refresh.is_due(NOW + 600_000_000_000, 4095));
}
