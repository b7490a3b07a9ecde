//! Malformed datagrams, with the exact fault and offset, samples of every kind, and round trips.

mod round_trips;

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_record::{Address, CounterBatch, FlowBatch, names};
use weir_wire::{IpHeader, Packet, TcpHeader};

use super::encode::RawHeader;
use super::{EncodeOptions, Encoder};
use crate::{Config, Datagram, Decoder, Fault, Output, Reason};

const NOW: i64 = 1_700_000_000_000_000_000;
const AGENT: Address = Address::v4(0xc000_0201);
/// Octets of the header of a datagram from an IPv4 agent.
const HEADER: usize = 28;

fn decode(payload: &[u8]) -> (Output, Vec<Fault>) {
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    decoder.decode(&Datagram { payload, from: Address::v4(1), port: 6343, stream: None, received: NOW }, &mut out);
    let stats = decoder.stats();
    assert_eq!((stats.records, stats.counter_samples), (out.flows.rows() as u64, out.counters.rows() as u64));
    (out, stats.faults.recent().to_vec())
}

/// The words of a datagram, most significant octet first.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The header of a datagram with so many samples.
fn header(samples: u32) -> Vec<u8> {
    words(&[5, 1, 0xc000_0201, 7, 1, 1000, samples])
}

/// A sample or structure of this format.
fn framed(format: u32, content: &[u8]) -> Vec<u8> {
    [words(&[format, content.len() as u32]), content.to_vec()].concat()
}

/// A datagram with one flow sample of these structures.
fn flow_datagram(structures: &[Vec<u8>]) -> Vec<u8> {
    let fixed = words(&[1, 3, 512, 100, 0, 3, 4, structures.len() as u32]);
    [header(1), framed(1, &[fixed, structures.concat()].concat())].concat()
}

/// A datagram with one counter sample of these structures.
fn counter_datagram(structures: &[Vec<u8>]) -> Vec<u8> {
    let fixed = words(&[1, 9, structures.len() as u32]);
    [header(1), framed(2, &[fixed, structures.concat()].concat())].concat()
}

/// A TCP packet in an Ethernet frame with a tag.
fn frame() -> Vec<u8> {
    let ip = IpHeader { tos: 0xb8, ttl: 57, id: 99, ..IpHeader::new([192, 0, 2, 1].into(), [198, 51, 100, 7].into()) };
    let tcp = TcpHeader {
        src_port: 443,
        dst_port: 50_000,
        flags: 0x12,
        window: 1000,
        options: vec![2, 4, 5, 0xb4],
        ..TcpHeader::default()
    };
    Packet::payload(&[0; 60]).tcp(&tcp).ip(&ip).vlan(0x6064).ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).into_bytes()
}

fn raw_header(protocol: u32, frame_length: u32, octets: &[u8]) -> Vec<u8> {
    let mut content = words(&[protocol, frame_length, 4, octets.len() as u32]);
    content.extend(octets);
    content.resize(content.len().next_multiple_of(4), 0);
    framed(1, &content)
}

fn extra(flows: &FlowBatch, row: usize) -> Value {
    flows.extra.get(row).map_or(Value::Null, |extra| serde_json::from_str(extra).unwrap())
}

// ---- what samples say ----

#[test]
fn a_sampled_header_fills_the_columns() {
    let frame = frame();
    let (out, faults) = decode(&flow_datagram(&[raw_header(1, 126, &frame), framed(1001, &words(&[100, 3, 200, 0]))]));
    let flows = &out.flows;
    assert_eq!((faults, flows.rows()), (vec![], 1));
    assert_eq!(
        (flows.record_kind.get(0), flows.packets.get(0), flows.sampling_rate.get(0)),
        (Some(names::SAMPLE), Some(1), Some(512))
    );
    assert_eq!((flows.exporter.get(0), flows.obs_domain.get(0), flows.time_start.get(0)), (Some(AGENT), Some(7), Some(NOW)));
    assert_eq!((flows.in_if.get(0), flows.out_if.get(0)), (Some(3), Some(4)));
    assert_eq!((flows.frame_bytes.get(0), flows.bytes.get(0)), (Some(126), Some(104)));
    assert_eq!((flows.src_addr.get(0), flows.dst_addr.get(0)), (Some(AGENT), Some(Address::v4(0xc633_6407))));
    assert_eq!((flows.src_port.get(0), flows.dst_port.get(0), flows.protocol.get(0)), (Some(443), Some(50_000), Some(6)));
    assert_eq!((flows.tcp_flags.get(0), flows.tcp_window.get(0), flows.tcp_mss.get(0)), (Some(0x12), Some(1000), Some(1460)));
    assert_eq!(
        (flows.tos.get(0), flows.ttl_min.get(0), flows.ttl_max.get(0), flows.ip_id.get(0)),
        (Some(0xb8), Some(57), Some(57), Some(99))
    );
    assert_eq!((flows.src_mac.get(0), flows.dst_mac.get(0)), (Some(0x0200_0000_0001), Some(0x0200_0000_0002)));
    // Extended switch goes before the tag of the frame.
    assert_eq!((flows.vlan_in.get(0), flows.vlan_out.get(0)), (Some(100), Some(200)));
    assert_eq!(extra(flows, 0), json!({"src_priority": 3}));
    // Without it, the tag is the VLAN.
    let (out, _) = decode(&flow_datagram(&[raw_header(1, 126, &frame)]));
    assert_eq!((out.flows.vlan_in.get(0), out.flows.vlan_out.get(0)), (Some(0x64), None));
}

#[test]
fn structures_tell_what_the_header_lacks_in_whatever_order() {
    let ipv4 = framed(3, &words(&[1500, 17, 1, 2, 53, 5353, 0, 4]));
    let ethernet = framed(2, &words(&[1518, 0x0200_0000, 0x0001_0000, 0x0200_0000, 0x0002_0000, 0x0800]));
    for structures in [[ipv4.clone(), ethernet.clone()], [ethernet, ipv4]] {
        let (out, faults) = decode(&flow_datagram(&structures));
        let flows = &out.flows;
        assert_eq!(faults, []);
        assert_eq!((flows.bytes.get(0), flows.frame_bytes.get(0), flows.tos.get(0)), (Some(1500), Some(1518), Some(4)));
        assert_eq!((flows.src_port.get(0), flows.dst_port.get(0), flows.tcp_flags.get(0)), (Some(53), Some(5353), None));
        assert_eq!((flows.src_mac.get(0), flows.extra.get(0)), (Some(0x0200_0000_0001), None));
    }
    // A header that is cut behind the IP header: the ports come from the structure.
    let cut = &frame()[..38];
    let (out, _) = decode(&flow_datagram(&[framed(3, &words(&[999, 6, 1, 2, 443, 50_000, 2, 0])), raw_header(1, 126, cut)]));
    assert_eq!((out.flows.bytes.get(0), out.flows.src_addr.get(0)), (Some(104), Some(AGENT)));
    assert_eq!((out.flows.src_port.get(0), out.flows.tcp_flags.get(0)), (Some(443), Some(2)));
}

#[test]
fn the_row_of_a_tunnel_is_the_outer_packet() {
    let outer = IpHeader::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let inner = IpHeader::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let packet = Packet::payload(&[0; 10]).udp(1000, 53).ip(&inner).ethernet([2; 6], [4; 6]).vxlan(77).udp(9999, 4789).ip(&outer);
    let frame = packet.ethernet([6; 6], [8; 6]).into_bytes();
    let (out, _) = decode(&flow_datagram(&[raw_header(1, frame.len() as u32, &frame)]));
    assert_eq!((out.flows.dst_port.get(0), out.flows.src_addr.get(0)), (Some(4789), Some(Address::v4(0x0a00_0001))));
    assert_eq!(out.flows.src_mac.get(0), Some(0x0606_0606_0606));
    let expected = json!({"inner_tunnel_type": "vxlan", "inner_tunnel_id": 77, "inner_src_mac": "02:02:02:02:02:02",
        "inner_dst_mac": "04:04:04:04:04:04", "inner_src_addr": "192.0.2.1", "inner_dst_addr": "192.0.2.2", "inner_protocol": 17,
        "inner_src_port": 1000, "inner_dst_port": 53});
    assert_eq!(extra(&out.flows, 0), expected);
}

#[test]
fn icmp_has_a_type_and_no_ports() {
    let ip = IpHeader::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let frame = Packet::payload(&[]).icmp(3, 13, [0; 4]).ip(&ip).into_bytes();
    let (out, _) = decode(&flow_datagram(&[raw_header(11, 28, &frame)]));
    let flows = &out.flows;
    assert_eq!((flows.icmp_type.get(0), flows.icmp_code.get(0)), (Some(3), Some(13)));
    assert_eq!((flows.src_port.get(0), flows.dst_port.get(0), flows.src_mac.get(0)), (None, None, None));
    // Nor do the structures invent some.
    let (out, _) = decode(&flow_datagram(&[framed(3, &words(&[28, 1, 1, 2, 3, 13, 0, 0]))]));
    assert_eq!((out.flows.protocol.get(0), out.flows.src_port.get(0), out.flows.tcp_flags.get(0)), (Some(1), None, None));
}

#[test]
fn a_frame_without_ip_counts_what_is_behind_layer_2() {
    let arp = Packet::of_ethertype(0x0806, &[0; 46]).vlan(5).ethernet([2; 6], [4; 6]).into_bytes();
    let (out, _) = decode(&flow_datagram(&[raw_header(1, 68, &arp)]));
    assert_eq!((out.flows.bytes.get(0), out.flows.frame_bytes.get(0), out.flows.ip_version.get(0)), (Some(50), Some(68), None));
    // A kind of header that nothing here walks over is kept.
    let (out, faults) = decode(&flow_datagram(&[raw_header(4, 100, &[1, 2, 3])]));
    assert_eq!((faults, out.flows.bytes.get(0)), (vec![], Some(100)));
    assert_eq!(extra(&out.flows, 0), json!({"header_protocol": 4, "header": "010203"}));
}

#[test]
fn interfaces_that_are_none_say_why() {
    let with = |input: u32, output: u32| {
        let (out, _) = decode(&[header(1), framed(1, &words(&[1, 3, 512, 100, 0, input, output, 0]))].concat());
        let flows = out.flows;
        (flows.in_if.get(0), flows.in_if_kind.get(0), flows.out_if.get(0), flows.out_if_kind.get(0), flows.drop_reason.get(0))
    };
    assert_eq!(with(1, 2), (Some(1), None, Some(2), None, None));
    assert_eq!(with(0, 0x3fff_ffff), (None, Some(names::IF_UNKNOWN), None, Some(names::IF_LOCAL), None));
    assert_eq!(with(0x3fff_ffff, 0x4000_0102), (None, Some(names::IF_LOCAL), None, Some(names::IF_DISCARDED), Some(258)));
    assert_eq!(with(5, 0x8000_0003), (Some(5), None, None, Some(names::IF_MULTIPLE), None));
    assert_eq!(with(5, 0xc000_0003), (Some(5), None, None, Some(names::IF_UNKNOWN), None));
    let expanded = words(&[1, 0, 3, 512, 100, 0, 0, 0x4000_0001, 1, 300, 0]);
    let (out, faults) = decode(&[header(1), framed(3, &expanded)].concat());
    assert_eq!(
        (faults, out.flows.in_if.get(0), out.flows.out_if_kind.get(0)),
        (vec![], Some(0x4000_0001), Some(names::IF_DISCARDED))
    );
}

#[test]
fn a_dropped_packet_is_a_row_of_its_kind() {
    let structures = [raw_header(1, 126, &frame()), framed(1041, &words(&[2, 0x6c32_0000, 1, 0x7800_0000]))];
    let fixed = words(&[1, 0, 3, 0, 3, 0, 289, 2]);
    let (out, faults) = decode(&[header(1), framed(5, &[fixed, structures.concat()].concat())].concat());
    let flows = &out.flows;
    assert_eq!((faults, flows.record_kind.get(0), flows.drop_reason.get(0)), (vec![], Some(names::DROP), Some(289)));
    assert_eq!(
        (flows.in_if.get(0), flows.out_if_kind.get(0), flows.sampling_rate.get(0)),
        (Some(3), Some(names::IF_UNKNOWN), None)
    );
    assert_eq!((flows.src_port.get(0), extra(flows, 0)), (Some(443), json!({"extended_hw_trap": {"group": "l2", "trap": "x"}})));
}

#[test]
fn routes_fill_their_columns() {
    let router = framed(1002, &words(&[1, 0x0a00_0001, 24, 16]));
    // Next hop, own AS, source, its peer, two segments, communities, preference.
    let gateway = framed(1003, &words(&[1, 9, 65000, 64500, 64501, 2, 2, 2, 100, 200, 1, 2, 300, 400, 1, 7, 150]));
    let (out, faults) = decode(&flow_datagram(&[router, gateway]));
    let flows = &out.flows;
    assert_eq!(faults, []);
    assert_eq!(
        (flows.next_hop.get(0), flows.src_mask.get(0), flows.dst_mask.get(0)),
        (Some(Address::v4(0x0a00_0001)), Some(24), Some(16))
    );
    assert_eq!(
        (flows.bgp_next_hop.get(0), flows.src_as.get(0), flows.dst_as.get(0)),
        (Some(Address::v4(9)), Some(64500), Some(400))
    );
    assert_eq!((flows.as_path.get(0), flows.communities.get(0)), (Some(&[100, 200, 300, 400][..]), Some(&[7][..])));
    let segments = json!([{"type": "sequence", "as": [100, 200]}, {"type": "set", "as": [300, 400]}]);
    let expected =
        json!({"as_path_segments": segments, "extended_gateway": {"as": 65000, "src_peer_as": 64501, "localpref": 150}});
    assert_eq!(extra(flows, 0), expected);
}

#[test]
fn what_is_not_known_is_passed_over_by_its_length() {
    let unknown = [framed(4095, &[1; 12]), framed(9 << 12 | 1, &[2; 8]), framed(4093, &[3; 5])];
    // The third is not a multiple of 4 and is padded.
    let structures = [unknown.concat(), vec![0; 3], framed(1002, &words(&[0, 24, 16]))].concat();
    let fixed = words(&[1, 3, 512, 100, 0, 3, 4, 4]);
    let samples = [framed(9 << 12 | 1, &[0xff; 16]), framed(77, &[0xff; 4]), framed(1, &[fixed, structures].concat())];
    let (out, faults) = decode(&[header(3), samples.concat()].concat());
    assert_eq!((faults, out.flows.rows(), out.flows.src_mask.get(0), out.flows.extra.get(0)), (vec![], 1, Some(24), None));
}

#[test]
fn a_structure_that_comes_again_gets_a_name_of_its_own() {
    let queue = |number: u32| framed(1036, &words(&[number]));
    let (out, _) = decode(&flow_datagram(&[queue(1), queue(2), queue(3)]));
    let expected = json!({"extended_egress_queue": {"queue": 1}, "extended_egress_queue_2": {"queue": 2}, "extended_egress_queue_3": {"queue": 3}});
    assert_eq!(extra(&out.flows, 0), expected);
}

#[test]
fn counters_that_an_agent_does_not_have_are_absent() {
    let mut generic = vec![9, 6, 0, 100, 1, 3];
    generic.extend([0, 1000, 10, u32::MAX, 12, 13, 14, 15, u32::MAX, u32::MAX, 20, 21, 22, 23, 24, 2]);
    let (out, faults) = decode(&counter_datagram(&[framed(1, &words(&generic)), framed(1005, &words(&[3, 0x6574_6800]))]));
    let counters = &out.counters;
    assert_eq!((faults, counters.rows()), (vec![], 1));
    assert_eq!((counters.if_index.get(0), counters.if_name.get(0), counters.if_speed.get(0)), (Some(9), Some("eth"), Some(100)));
    assert_eq!(
        (counters.if_admin_up.get(0), counters.if_oper_up.get(0), counters.promiscuous.get(0)),
        (Some(1), Some(1), Some(0))
    );
    assert_eq!(
        (counters.in_octets.get(0), counters.in_unicast.get(0), counters.in_multicast.get(0)),
        (Some(1000), Some(10), None)
    );
    assert_eq!((counters.out_octets.get(0), counters.out_unicast.get(0), counters.out_errors.get(0)), (None, Some(20), Some(24)));
    assert_eq!((counters.source.get(0), counters.exporter.get(0)), (Some(names::COUNTERS_SFLOW), Some(AGENT)));
    // The data source stands in where no structure tells the interface.
    let (out, _) = decode(&counter_datagram(&[framed(1001, &words(&[1, 2, 3, 0, 4, 0, 5]))]));
    assert_eq!(out.counters.if_index.get(0), Some(9));
    let expected = r#"{"processor":{"cpu_5s":1,"cpu_1m":2,"cpu_5m":3,"total_memory":4,"free_memory":5}}"#;
    assert_eq!(out.counters.extra.get(0), Some(expected));
}

// ---- what is wrong ----

/// A datagram with a flow sample of two structures (80 octets) and a counter sample of one (28).
fn two_samples() -> Vec<u8> {
    let flow = words(&[1, 3, 512, 100, 0, 3, 4, 2]);
    let structures = [framed(1001, &words(&[1, 0, 2, 0])), framed(1002, &words(&[1, 5, 24, 16]))].concat();
    let counters = [words(&[1, 9, 1]), framed(1002, &words(&[1, 2, 3]))].concat();
    [header(2), framed(1, &[flow, structures].concat()), framed(2, &counters)].concat()
}

/// The datagram with another number at a place.
fn with(bytes: &[u8], at: usize, number: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn rows(out: &Output) -> (usize, usize) {
    (out.flows.rows(), out.counters.rows())
}

#[test]
fn every_truncation_is_told_and_costs_only_what_is_missing() {
    let whole = two_samples();
    let second = HEADER + 88;
    assert_eq!(whole.len(), second + 40);
    for length in 4..whole.len() {
        let (out, faults) = decode(&whole[..length]);
        let word = length / 4 * 4;
        let expected = match length {
            4..HEADER => Fault::new(Reason::Truncated, word, 4),
            // Format and length of a sample are there or not; its content is whole or not.
            _ if length < HEADER + 8 || (second..second + 8).contains(&length) => Fault::new(Reason::Truncated, word, 4),
            _ if length < second => Fault::new(Reason::BadSample, HEADER + 4, 80),
            _ => Fault::new(Reason::BadSample, second + 4, 32),
        };
        assert_eq!(faults, [expected], "{length}");
        assert_eq!(rows(&out), (usize::from(length >= second), 0), "{length}");
    }
    let (out, faults) = decode(&whole);
    assert_eq!((rows(&out), faults), ((1, 1), vec![]));
}

#[test]
fn a_count_of_samples_that_is_not_theirs_is_told() {
    let whole = two_samples();
    let fault = |count: u32| decode(&with(&whole, 24, count)).1;
    assert_eq!(fault(0), [Fault::new(Reason::TrailingOctets, HEADER, 128)]);
    assert_eq!(fault(1), [Fault::new(Reason::TrailingOctets, HEADER + 88, 40)]);
    for count in [3, u32::MAX] {
        assert_eq!(fault(count), [Fault::new(Reason::Truncated, whole.len(), 4)]);
    }
}

#[test]
fn a_length_of_a_sample_that_is_not_its_own_is_told() {
    let whole = two_samples();
    let place = HEADER + 4;
    // Beyond the datagram: nothing behind it can be found.
    for length in [whole.len() as u32, u32::MAX, u32::MAX - 3] {
        let (out, faults) = decode(&with(&whole, place, length));
        assert_eq!((rows(&out), faults), ((0, 0), vec![Fault::new(Reason::BadSample, place, length.into())]));
    }
    // One less cuts the last structure; padding brings the next sample back.
    let (out, faults) = decode(&with(&whole, place, 79));
    assert_eq!(rows(&out), (1, 1));
    assert_eq!(faults, [Fault::new(Reason::BadStructure, HEADER + 8 + 32 + 24 + 4, 16)]);
    assert_eq!((out.flows.vlan_in.get(0), out.flows.src_mask.get(0)), (Some(1), None));
    // One more, padded: the format of the next sample belongs to this one, and the next is read from its length on.
    let (out, faults) = decode(&with(&whole, place, 81));
    assert_eq!(out.flows.rows(), 1);
    assert_eq!(faults[0], Fault::new(Reason::BadSample, place, 81));
    // None: the sample has no numbers, and its octets are read as samples.
    let (out, faults) = decode(&with(&whole, place, 0));
    assert_eq!(out.flows.rows(), 0);
    assert_eq!(faults[0], Fault::new(Reason::BadSample, HEADER + 8, 4));
}

#[test]
fn a_count_of_structures_that_is_not_theirs_is_told() {
    let whole = two_samples();
    let place = HEADER + 8 + 28;
    for count in [3, u32::MAX] {
        let (out, faults) = decode(&with(&whole, place, count));
        assert_eq!((rows(&out), faults), ((1, 1), vec![Fault::new(Reason::BadCount, place, count.into())]));
    }
    for (count, vlan) in [(0, None), (1, Some(1))] {
        let (out, faults) = decode(&with(&whole, place, count));
        assert_eq!((rows(&out), faults), ((1, 1), vec![Fault::new(Reason::BadSample, HEADER + 4, 80)]));
        assert_eq!((out.flows.vlan_in.get(0), out.flows.src_mask.get(0)), (vlan, None));
    }
}

#[test]
fn a_length_of_a_structure_that_is_not_its_own_is_told_and_costs_it_alone() {
    let whole = two_samples();
    let place = HEADER + 8 + 32 + 4;
    for length in [80, u32::MAX] {
        let (out, faults) = decode(&with(&whole, place, length));
        assert_eq!((rows(&out), faults), ((1, 1), vec![Fault::new(Reason::BadStructure, place, length.into())]));
    }
    // None, and one octet less: extended switch lacks its last number, or its first.
    let (out, faults) = decode(&with(&whole, place, 15));
    assert_eq!((rows(&out), faults), ((1, 1), vec![Fault::new(Reason::BadStructure, place + 4 + 12, 4)]));
    assert_eq!((out.flows.vlan_in.get(0), out.flows.src_mask.get(0)), (None, Some(24)));
    let (out, faults) = decode(&with(&whole, place, 0));
    assert_eq!((out.flows.rows(), faults[0]), (1, Fault::new(Reason::BadStructure, place + 4, 4)));
}

#[test]
fn lengths_inside_of_structures_are_told() {
    let start = HEADER + 8 + 32 + 8;
    let faults = |format: u32, content: &[u32]| {
        let (out, faults) = decode(&flow_datagram(&[framed(format, &words(content)), framed(1029, &words(&[5]))]));
        assert_eq!(out.flows.rows(), 1);
        // The structure behind it is there.
        assert_eq!(extra(&out.flows, 0), json!({"extended_vni_egress": {"vni": 5}}), "{format}");
        faults
    };
    let bad = |at: usize, seen: u64| vec![Fault::new(Reason::BadStructure, start + at, seen)];
    let most = u32::MAX;
    let all = u64::from(most);
    // The sampled header.
    for length in [5, most] {
        assert_eq!(faults(1, &[1, 64, 4, length, 0]), bad(12, length.into()));
    }
    // Address types, counts of a path's segments and of their numbers, of communities.
    assert_eq!(faults(1002, &[3, 0, 0, 0]), [Fault::new(Reason::BadAddressType, start, 3)]);
    assert_eq!(faults(1003, &[0, 1, 2, 3, most]), bad(16, all));
    assert_eq!(faults(1003, &[0, 1, 2, 3, 2, 2, 1, 9]), bad(16, 2));
    assert_eq!(faults(1003, &[0, 1, 2, 3, 1, 2, most, 9]), bad(24, all));
    assert_eq!(faults(1003, &[0, 1, 2, 3, 1, 2, 2, 9]), bad(24, 2));
    assert_eq!(faults(1003, &[0, 1, 2, 3, 0, most, 9]), bad(20, all));
    assert_eq!(faults(1003, &[0, 1, 2, 3, 0, 1, 9]), bad(28, 4));
    // Texts.
    assert_eq!(faults(1004, &[106, most, 0]), bad(4, all));
    assert_eq!(faults(1004, &[106, 4, 0, 106, 5, 0]), bad(16, 5));
    assert_eq!(faults(1005, &[1, 0, 1]), bad(8, 1));
    // Label stacks, lists of numbers.
    assert_eq!(faults(1006, &[0, most]), bad(4, all));
    assert_eq!(faults(1006, &[0, 0, 1]), bad(8, 1));
    assert_eq!(faults(1012, &[2, 7]), bad(0, 2));
    // Everything registered, by table: each with nothing in it.
    for structure in super::registered::FLOW_STRUCTURES {
        assert_eq!(faults(structure.format, &[])[0].offset, start, "{}", structure.name);
    }
}

#[test]
fn every_registered_structure_is_read_to_its_end() {
    // Whatever ends early tells so, and what is whole is told under its name; 400 octets of zero are enough for every structure.
    for structure in super::registered::COUNTER_STRUCTURES {
        let (out, faults) = decode(&counter_datagram(&[framed(structure.format, &[0; 400])]));
        assert_eq!(faults, [], "{}", structure.name);
        let value: Value = serde_json::from_str(out.counters.extra.get(0).unwrap()).unwrap();
        assert_eq!(value[structure.name].as_object().unwrap().len(), structure.fields.len(), "{}", structure.name);
    }
    for structure in super::registered::FLOW_STRUCTURES {
        let (out, faults) = decode(&flow_datagram(&[framed(structure.format, &[0; 400])]));
        assert_eq!((faults, extra(&out.flows, 0)[structure.name].as_object().unwrap().len()), (vec![], structure.fields.len()));
    }
}

#[test]
fn an_agent_of_an_unknown_kind_is_told_or_left_to_the_transport() {
    let (out, faults) = decode(&words(&[5, 3, 0, 0, 0, 0, 0]));
    assert_eq!((out.is_empty(), faults), (true, vec![Fault::new(Reason::BadAddressType, 4, 3)]));
    let sample = framed(1, &words(&[1, 3, 512, 100, 0, 3, 4, 0]));
    let (out, faults) = decode(&[words(&[5, 0, 7, 1, 1000, 1]), sample.clone()].concat());
    assert_eq!((faults, out.flows.exporter.get(0)), (vec![], Some(Address::v4(1))));
    let (out, faults) = decode(&[words(&[5, 2, 0x2001_0db8, 0, 0, 1, 7, 1, 1000, 1]), sample].concat());
    assert_eq!((faults, out.flows.exporter.get(0).unwrap().to_string()), (vec![], "2001:db8::1".to_owned()));
}

#[test]
fn more_samples_than_are_written_at_once_keep_their_order() {
    let samples: Vec<u8> = (0..50)
        .flat_map(|number| {
            let structures =
                if number % 3 == 0 { framed(1002, &words(&[1, number, 24, 16])) } else { raw_header(1, 126, &frame()) };
            framed(1, &[words(&[1, 3, 512, 100, 0, number + 1, 4, 1]), structures].concat())
        })
        .collect();
    let (out, faults) = decode(&[header(50), samples].concat());
    assert_eq!((faults, out.flows.rows()), (vec![], 50));
    for row in 0..50 {
        assert_eq!(out.flows.in_if.get(row), Some(row as u32 + 1));
        let is_route = row % 3 == 0;
        assert_eq!(out.flows.next_hop.get(row), is_route.then_some(Address::v4(row as u32)));
        assert_eq!(out.flows.src_port.get(row), (!is_route).then_some(443));
    }
}

proptest! {
    #[test]
    fn any_octets_end_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        decode(&[header(3), bytes].concat());
    }

    #[test]
    fn any_change_to_a_datagram_ends_without_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let gateway = framed(1003, &words(&[1, 9, 65000, 64500, 64501, 2, 2, 2, 100, 200, 1, 2, 300, 400, 1, 7, 150]));
        let mut bytes = flow_datagram(&[raw_header(1, 126, &frame()), gateway, framed(1004, &words(&[106, 4, 0, 106, 4, 0]))]);
        for (place, octet) in changes {
            let place = place.index(bytes.len() - 4) + 4;
            bytes[place] = octet;
        }
        let (out, _) = decode(&bytes);
        prop_assert!(out.flows.rows() <= 1 + bytes.len() / 40);
    }
}
