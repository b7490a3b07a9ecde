//! Malformed datagrams, with the exact fault and offset, and round trips.

use proptest::prelude::*;
use weir_record::{Address, FlowBatch};

use super::{EncodeOptions, Encoder, Version};
use crate::{Config, Datagram, Decoder, Fault, Output, Reason};

/// 2023-11-14T22:13:20Z, nanoseconds.
const BOOT: i64 = 1_700_000_000_000_000_000;
const NOW: i64 = BOOT + 3_600_000_000_000;

/// Decodes one datagram; gives its rows and faults.
fn decode(payload: &[u8]) -> (FlowBatch, Vec<Fault>) {
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    let from = Address::v4(0xc000_0201);
    decoder.decode(&Datagram { payload, from, port: 2055, stream: None, received: NOW }, &mut out);
    assert_eq!(decoder.stats().records, out.flows.rows() as u64);
    (out.flows, decoder.stats().faults.recent().to_vec())
}

/// A datagram of `count` records of plain content.
fn datagram(version: Version, count: usize) -> Vec<u8> {
    let mut flows = FlowBatch::new();
    for row in 0..count {
        flows.src_addr.push(row, Address::v4(row as u32));
        flows.dst_addr.push(row, Address::v4(1));
        flows.bytes.push(row, 1000);
        flows.time_start.push(row, NOW);
        flows.advance(1);
    }
    let mut made = Vec::new();
    let options = EncodeOptions { payload_limit: 2000, ..EncodeOptions::new(version, BOOT) };
    Encoder::new(options).encode(&flows, 0..count, NOW, &mut |datagram| made.push(datagram.to_vec()));
    assert_eq!(made.len(), 1);
    made.remove(0)
}

const VERSIONS: [(Version, usize, usize, usize); 3] =
    [(Version::V1, 16, 52, 24), (Version::V5, 24, 48, 30), (Version::V7, 24, 52, 28)];

#[test]
fn every_truncation_is_told_and_costs_only_what_is_missing() {
    for (version, header, record, _) in VERSIONS {
        let whole = datagram(version, 3);
        for length in 2..whole.len() {
            let (flows, faults) = decode(&whole[..length]);
            let left = length.saturating_sub(header) / record;
            assert_eq!(flows.rows(), left, "{version:?} {length}");
            let expected = if length < header {
                Fault::new(Reason::Truncated, 0, header as u64)
            } else {
                Fault::new(Reason::BadCount, 2, 3)
            };
            assert_eq!(faults, [expected], "{version:?} {length}");
        }
        assert_eq!(decode(&whole).1, []);
    }
}

#[test]
fn a_count_that_is_not_that_of_the_records_is_told() {
    for (version, header, record, limit) in VERSIONS {
        let mut bytes = datagram(version, 3);
        let mut with_count = |count: u16| {
            bytes[2..4].copy_from_slice(&count.to_be_bytes());
            decode(&bytes)
        };
        let trailing = |count: usize| Fault::new(Reason::TrailingOctets, header + count * record, ((3 - count) * record) as u64);
        let (flows, faults) = with_count(0);
        assert_eq!((flows.rows(), faults), (0, vec![trailing(0)]));
        let (flows, faults) = with_count(2);
        assert_eq!((flows.rows(), faults), (2, vec![trailing(2)]));
        for count in [4, limit as u16 + 1, u16::MAX] {
            let (flows, faults) = with_count(count);
            assert_eq!((flows.rows(), faults), (3, vec![Fault::new(Reason::BadCount, 2, count.into())]));
        }
    }
}

#[test]
fn more_records_than_the_limit_are_decoded_and_told() {
    let mut bytes = datagram(Version::V5, 30);
    bytes.extend_from_within(24..72);
    bytes[2..4].copy_from_slice(&31_u16.to_be_bytes());
    let (flows, faults) = decode(&bytes);
    assert_eq!((flows.rows(), faults), (31, vec![Fault::new(Reason::BadCount, 2, 31)]));
}

#[test]
fn fields_are_where_the_format_has_them() {
    // Version 5: header of 1 record, uptime 10000 ms, 2023-11-14T22:13:20.000000500Z, flow 7, engine 1/2, sampling mode 1 interval 100.
    let mut bytes = vec![0, 5, 0, 1, 0, 0, 0x27, 0x10, 0x65, 0x53, 0xf1, 0, 0, 0, 1, 0xf4, 0, 0, 0, 7, 1, 2, 0x40, 100];
    bytes.extend([10, 0, 0, 1, 10, 0, 0, 2, 10, 0, 0, 3, 0, 11, 0, 22, 0, 0, 0, 9, 0, 0, 3, 0xe8]);
    // First at uptime 9000; last at 10001, after the header was filled in.
    bytes.extend([0, 0, 0x23, 0x28, 0, 0, 0x27, 0x11, 0, 1, 8, 0, 0, 0x1b, 1, 0xb8, 0xfb, 0xf4, 0xfb, 0xf5, 24, 16, 0, 0]);
    let (flows, faults) = decode(&bytes);
    assert_eq!(faults, []);
    let time = BOOT + 500;
    assert_eq!(flows.time_start.get(0), Some(time - 1_000_000_000));
    assert_eq!(flows.time_end.get(0), Some(time + 1_000_000));
    assert_eq!(flows.obs_domain.get(0), Some(0x0102));
    assert_eq!(flows.sampling_rate.get(0), Some(100));
    assert_eq!(flows.next_hop.get(0), Some(Address::v4(0x0a00_0003)));
    assert_eq!((flows.in_if.get(0), flows.out_if.get(0)), (Some(11), Some(22)));
    assert_eq!((flows.packets.get(0), flows.bytes.get(0)), (Some(9), Some(1000)));
    // ICMP echo request: kept as sent and decoded.
    assert_eq!((flows.protocol.get(0), flows.dst_port.get(0)), (Some(1), Some(0x0800)));
    assert_eq!((flows.icmp_type.get(0), flows.icmp_code.get(0)), (Some(8), Some(0)));
    assert_eq!((flows.tcp_flags.get(0), flows.tos.get(0)), (Some(0x1b), Some(0xb8)));
    assert_eq!((flows.src_as.get(0), flows.dst_as.get(0)), (Some(64500), Some(64501)));
    assert_eq!((flows.src_mask.get(0), flows.dst_mask.get(0)), (Some(24), Some(16)));
}

#[test]
fn version_7_has_its_router_in_extra_and_no_engine() {
    let mut bytes = datagram(Version::V7, 1);
    bytes[24 + 36] = 3;
    bytes[24 + 47] = 4;
    bytes[24 + 48..24 + 52].copy_from_slice(&[192, 0, 2, 9]);
    let (flows, faults) = decode(&bytes);
    assert_eq!(faults, []);
    assert_eq!(flows.extra.get(0), Some(r#"{"flags":196612,"router_sc":"192.0.2.9"}"#));
    assert_eq!((flows.obs_domain.get(0), flows.sampling_rate.get(0)), (None, None));
}

#[test]
fn what_the_format_has_no_room_for_is_written_as_it_has_it() {
    let mut flows = FlowBatch::new();
    flows.src_addr.push(0, Address::v4(1));
    flows.dst_addr.push(0, Address::v4(2));
    flows.bytes.push(0, u64::MAX);
    flows.src_as.push(0, 70_000);
    flows.in_if.push(0, 70_000);
    flows.sampling_rate.push(0, 20_000);
    flows.src_addr.push(1, Address::v6([1; 16]));
    flows.dst_addr.push(1, Address::v6([2; 16]));
    flows.advance(2);
    let mut made = Vec::new();
    let mut encoder = Encoder::new(EncodeOptions::new(Version::V5, BOOT));
    let left_out = encoder.encode(&flows, 0..2, NOW, &mut |datagram| made.push(datagram.to_vec()));
    // The row of IPv6, and the sampling rate.
    assert_eq!((left_out, made.len()), (2, 1));
    let (flows, _) = decode(&made[0]);
    assert_eq!(flows.rows(), 1);
    assert_eq!(flows.bytes.get(0), Some(u64::from(u32::MAX)));
    assert_eq!((flows.src_as.get(0), flows.in_if.get(0), flows.sampling_rate.get(0)), (Some(23456), Some(0), None));
}

/// The content of a row, as far as the format has it.
type Content = ((u32, u32, u32, u16, u16), (u32, u32, u32, u32), (u16, u16, u8, u8, u8), (u16, u16, u8, u8), u8);

fn batch(version: Version, rows: &[Content]) -> FlowBatch {
    let mut flows = FlowBatch::new();
    for (row, (key, counters, transport, routes, sampling)) in rows.iter().enumerate() {
        flows.src_addr.push(row, Address::v4(key.0));
        flows.dst_addr.push(row, Address::v4(key.1));
        flows.next_hop.push(row, Address::v4(key.2));
        flows.in_if.push(row, key.3.into());
        flows.out_if.push(row, key.4.into());
        flows.packets.push(row, counters.0.into());
        flows.bytes.push(row, counters.1.into());
        // Within the 24.8 days around the export that the format can tell.
        let before = |milliseconds: u32| NOW - i64::from(milliseconds % 2_000_000_000) * 1_000_000;
        flows.time_start.push(row, before(counters.2));
        flows.time_end.push(row, before(counters.3));
        flows.src_port.push(row, transport.0);
        flows.dst_port.push(row, transport.1);
        flows.protocol.push(row, transport.2);
        flows.tcp_flags.push(row, transport.3.into());
        flows.tos.push(row, transport.4);
        if transport.2 == 1 {
            flows.icmp_type.push(row, (transport.1 >> 8) as u8);
            flows.icmp_code.push(row, transport.1 as u8);
        }
        if version != Version::V1 {
            flows.src_as.push(row, routes.0.into());
            flows.dst_as.push(row, routes.1.into());
            flows.src_mask.push(row, routes.2);
            flows.dst_mask.push(row, routes.3);
        }
        if version == Version::V5 && *sampling > 0 {
            flows.sampling_rate.push(row, (*sampling).into());
        }
        if version == Version::V7 {
            flows.extra.push(row, &format!("{{\"flags\":{sampling},\"router_sc\":\"192.0.2.{sampling}\"}}"));
        }
        flows.advance(1);
    }
    flows
}

/// The columns of decoded rows that an exporter's rows have; the others tell of the way they came.
fn without_the_way(mut flows: FlowBatch) -> FlowBatch {
    flows.time_received.clear();
    flows.format.clear();
    flows.exporter.clear();
    flows.received_from.clear();
    flows.received_port.clear();
    flows.obs_domain.clear();
    flows.record_kind.clear();
    flows.ip_version.clear();
    flows.time_suspect.clear();
    flows
}

proptest! {
    #[test]
    fn decoding_what_was_encoded_gives_the_same_rows(rows in prop::collection::vec(any::<Content>(), 1..100), version in 0_usize..3) {
        let version = VERSIONS[version].0;
        let flows = batch(version, &rows);
        let mut encoder = Encoder::new(EncodeOptions { engine: 0x0102, ..EncodeOptions::new(version, BOOT) });
        let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
        let mut sent = Vec::new();
        let mut sink = |payload: &[u8]| {
            assert!(payload.len() <= EncodeOptions::DEFAULT_PAYLOAD_LIMIT);
            sent.push(payload.to_vec());
            let from = Address::v4(1);
            decoder.decode(&Datagram { payload, from, port: 1, stream: None, received: NOW }, &mut out);
        };
        prop_assert_eq!(encoder.encode(&flows, 0..rows.len(), NOW, &mut sink), 0);
        let stats = decoder.stats();
        prop_assert_eq!((stats.faults.total(), stats.lost, stats.reordered, stats.sequence_restarts), (0, 0, 0, 0));
        let domain = (version == Version::V5).then_some(0x0102);
        prop_assert_eq!(out.flows.obs_domain.get(0), domain);

        // Encoded again, they are the same octets.
        let mut again = Vec::new();
        let mut encoder = Encoder::new(EncodeOptions { engine: 0x0102, ..EncodeOptions::new(version, BOOT) });
        encoder.encode(&out.flows, 0..rows.len(), NOW, &mut |payload| again.push(payload.to_vec()));
        prop_assert_eq!(sent, again);
        prop_assert_eq!(without_the_way(out.flows), flows);
    }

    #[test]
    fn any_octets_end_without_panic(version in prop::sample::select(vec![1_u8, 5, 7]), mut bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        bytes.splice(0..0, [0, version]);
        let rows = decode(&bytes).0.rows();
        prop_assert!(rows * 48 <= bytes.len());
    }
}
