//! Rows to datagrams and back.

use super::*;

type Key = (bool, [u8; 16], [u8; 16], u8, (u16, u16));
type Counts = (u32, u32, u16, u8);
type Places = (u32, u32, Option<u8>, Option<u8>);
type Routes = (Option<(u32, u8, u8)>, Option<(u32, u32, Vec<u32>, Vec<u32>)>);
type Rest = (Option<(u32, u32)>, Option<(u16, u16)>, Option<(u16, u16)>, Option<String>, Option<String>, u8);
type Content = (Key, Counts, Places, Routes, Rest);

fn content() -> impl Strategy<Value = Content> {
    let key = (any::<bool>(), any::<[u8; 16]>(), any::<[u8; 16]>(), any::<u8>(), any::<(u16, u16)>());
    let counts = (1..=u32::MAX, 1..=u32::MAX, any::<u16>(), any::<u8>());
    let number = prop_oneof![1_u32..1000, 1_u32..0x3fff_ffff, 0x4000_0000_u32..u32::MAX];
    let places = (number.clone(), number, prop::option::of(2_u8..4), prop::option::of(0_u8..4));
    let list = || prop::collection::vec(any::<u32>(), 1..5);
    let routes = (prop::option::of(any::<(u32, u8, u8)>()), prop::option::of((any::<u32>(), any::<u32>(), list(), list())));
    let pair = || prop::option::of(any::<(u16, u16)>());
    let vlans = prop::option::of((0_u16..4096, 0_u16..4096));
    let text = || prop::option::of("[a-zé\"\\\\]{1,9}");
    (key, counts, places, routes, (prop::option::of(any::<(u32, u32)>()), pair(), vlans, text(), text(), any::<u8>()))
}

/// Rows with the columns that samples without a header carry.
fn batch(rows: &[Content]) -> FlowBatch {
    let mut flows = FlowBatch::new();
    for (row, (key, counts, places, routes, rest)) in rows.iter().enumerate() {
        let (is_v4, src, dst, protocol, ports) = key;
        let address = |octets: &[u8; 16]| {
            let [a, b, c, d, ..] = *octets;
            if *is_v4 { Address::v4(u32::from_be_bytes([a, b, c, d])) } else { Address::v6(*octets) }
        };
        flows.ip_version.push(row, if *is_v4 { 4 } else { 6 });
        flows.src_addr.push(row, address(src));
        flows.dst_addr.push(row, address(dst));
        flows.protocol.push(row, *protocol);
        if matches!(protocol, 6 | 17 | 33 | 132 | 136) {
            flows.src_port.push(row, ports.0);
            flows.dst_port.push(row, ports.1);
        }
        if *protocol == 6 {
            flows.tcp_flags.push(row, counts.2);
        }
        flows.bytes.push(row, counts.0.into());
        flows.frame_bytes.push(row, counts.1.into());
        flows.tos.push(row, counts.3);
        flows.src_mac.push(row, u64::from(counts.0) << 8);
        flows.dst_mac.push(row, u64::from(counts.1));
        let is_drop = rest.5 % 4 == 0;
        flows.record_kind.push(row, if is_drop { names::DROP } else { names::SAMPLE });
        if !is_drop {
            flows.sampling_rate.push(row, counts.0);
        }
        match places.2 {
            Some(kind) => flows.in_if_kind.push(row, kind),
            None => flows.in_if.push(row, places.0),
        }
        match places.3.filter(|kind| !is_drop || *kind >= 2) {
            Some(kind) => flows.out_if_kind.push(row, kind),
            None => flows.out_if.push(row, places.1),
        }
        if is_drop || places.3 == Some(names::IF_DISCARDED) {
            flows.drop_reason.push(row, counts.2);
        }
        if let Some((next_hop, src_mask, dst_mask)) = &routes.0 {
            flows.next_hop.push(row, Address::v4(*next_hop));
            flows.src_mask.push(row, *src_mask);
            flows.dst_mask.push(row, *dst_mask);
        }
        if let Some((next_hop, src_as, path, communities)) = &routes.1 {
            flows.bgp_next_hop.push(row, Address::v4(*next_hop));
            flows.src_as.push(row, *src_as);
            flows.dst_as.push(row, *path.last().unwrap());
            flows.as_path.push(row, path.iter().copied());
            flows.communities.push(row, communities.iter().copied());
        }
        if let Some((src, dst)) = rest.0 {
            flows.nat_src_addr.push(row, Address::v4(src));
            flows.nat_dst_addr.push(row, Address::v4(dst));
        }
        if let Some((src, dst)) = rest.1 {
            flows.nat_src_port.push(row, src);
            flows.nat_dst_port.push(row, dst);
        }
        if let Some((vlan_in, vlan_out)) = rest.2 {
            flows.vlan_in.push(row, vlan_in);
            flows.vlan_out.push(row, vlan_out);
        }
        flows.user_name.push_some(row, rest.3.as_deref());
        flows.http_host.push_some(row, rest.4.as_deref());
        flows.packets.push(row, 1);
        flows.time_start.push(row, NOW);
        flows.time_end.push(row, NOW);
        flows.advance(1);
    }
    flows
}

/// Encodes and decodes; every datagram is whole and within the limit.
fn there_and_back(flows: &FlowBatch, counters: &CounterBatch) -> Output {
    let mut encoder = Encoder::new(EncodeOptions { sub_agent: 7, ..EncodeOptions::new(AGENT, NOW - 1_000_000_000) });
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    let mut sink = |payload: &[u8]| {
        assert!(payload.len() <= EncodeOptions::DEFAULT_PAYLOAD_LIMIT);
        decoder.decode(&Datagram { payload, from: Address::v4(1), port: 6343, stream: None, received: NOW }, &mut out);
    };
    assert_eq!(encoder.encode(flows, 0..flows.rows(), NOW, &mut sink), 0);
    assert_eq!(encoder.encode_counters(counters, 0..counters.rows(), NOW, &mut sink), 0);
    let stats = decoder.stats();
    assert_eq!((stats.faults.recent(), stats.lost, stats.reordered, stats.sequence_restarts), (&[][..], 0, 0, 0));
    out
}

/// The columns that the rows before had; the others tell of the way they came.
fn without_the_way(flows: &FlowBatch) -> FlowBatch {
    let mut flows = flows.clone();
    flows.time_received.clear();
    flows.format.clear();
    flows.exporter.clear();
    flows.received_from.clear();
    flows.received_port.clear();
    flows.obs_domain.clear();
    flows.extra.clear();
    flows
}

fn extras(flows: &FlowBatch) -> Vec<Value> {
    (0..flows.rows()).map(|row| extra(flows, row)).collect()
}

proptest! {
    #[test]
    fn flows_come_back_as_they_were(rows in prop::collection::vec(content(), 1..40)) {
        let flows = batch(&rows);
        let out = there_and_back(&flows, &CounterBatch::new());
        prop_assert_eq!(without_the_way(&out.flows), flows);
        // What decoding adds to `extra` is stable from then on.
        let again = there_and_back(&out.flows, &CounterBatch::new());
        prop_assert_eq!(extras(&again.flows), extras(&out.flows));
        prop_assert_eq!(without_the_way(&again.flows), without_the_way(&out.flows));
    }

    #[test]
    fn counters_come_back_as_they_were(
        rows in prop::collection::vec((any::<[u32; 5]>(), prop::collection::vec(prop::option::of(0..u32::MAX), 13), prop::option::of("[a-z0-9/]{0,20}")), 1..40),
    ) {
        let mut counters = CounterBatch::new();
        for (row, (head, values, name)) in rows.iter().enumerate() {
            counters.if_index.push(row, head[0]);
            counters.if_type.push(row, head[1]);
            counters.if_speed.push(row, u64::from(head[2]) << 8);
            counters.if_direction.push(row, head[3]);
            counters.if_admin_up.push(row, (head[4] & 1) as u8);
            counters.if_oper_up.push(row, (head[4] >> 1 & 1) as u8);
            counters.promiscuous.push(row, (head[4] >> 2 & 1) as u8);
            let columns = [
                &mut counters.in_octets, &mut counters.in_unicast, &mut counters.in_multicast, &mut counters.in_broadcast,
                &mut counters.in_discards, &mut counters.in_errors, &mut counters.in_unknown, &mut counters.out_octets,
                &mut counters.out_unicast, &mut counters.out_multicast, &mut counters.out_broadcast, &mut counters.out_discards,
                &mut counters.out_errors,
            ];
            for (column, value) in columns.into_iter().zip(values) {
                column.push_some(row, value.map(u64::from));
            }
            counters.if_name.push_some(row, name.as_deref());
            counters.time_received.push(row, NOW);
            counters.exporter.push(row, AGENT);
            counters.received_from.push(row, Address::v4(1));
            counters.obs_domain.push(row, 7);
            counters.source.push(row, names::COUNTERS_SFLOW);
            counters.advance(1);
        }
        let out = there_and_back(&FlowBatch::new(), &counters);
        prop_assert_eq!(out.counters, counters);
    }

    #[test]
    fn registered_structures_come_back_as_they_were(octets in prop::collection::vec(any::<u8>(), 400), place in any::<prop::sample::Index>()) {
        // Lists and texts of random length would rarely fit, so the numbers are small.
        let octets: Vec<u8> = octets.iter().enumerate().map(|(index, octet)| if index % 4 == 3 { octet % 4 } else { 0 }).collect();
        let flow = place.get(crate::sflow::registered::FLOW_STRUCTURES);
        let counter = place.get(crate::sflow::registered::COUNTER_STRUCTURES);
        let (one, faults) = decode(&flow_datagram(&[framed(flow.format, &octets), framed(flow.format, &octets)]));
        prop_assert_eq!(faults, vec![]);
        let (other, faults) = decode(&counter_datagram(&[framed(counter.format, &octets)]));
        prop_assert_eq!(faults, vec![]);
        let again = there_and_back(&one.flows, &other.counters);
        prop_assert_eq!(extras(&again.flows), extras(&one.flows));
        let object = |counters: &CounterBatch| serde_json::from_str::<Value>(counters.extra.get(0).unwrap()).unwrap();
        prop_assert_eq!(object(&again.counters), object(&other.counters));
    }
}

#[test]
fn a_given_header_comes_back_octet_by_octet() {
    let frame = frame();
    let mut flows = FlowBatch::new();
    flows.in_if.push(0, 3);
    flows.out_if.push(0, 4);
    flows.sampling_rate.push(0, 512);
    flows.advance(1);
    let mut made = Vec::new();
    let header = RawHeader { protocol: 1, frame_length: 126, stripped: 4, octets: &frame };
    let mut encoder = Encoder::new(EncodeOptions { sub_agent: 7, ..EncodeOptions::new(AGENT, NOW - 1_000_000_000) });
    encoder.encode_with_headers(&flows, 0..1, NOW, |_| Some(header), &mut |payload| made.push(payload.to_vec()));
    let (out, _) = decode(&made[0]);
    let (expected, _) = decode(&flow_datagram(&[raw_header(1, 126, &frame)]));
    assert_eq!(out.flows, expected.flows);
}

#[test]
fn structures_of_every_kind_come_back() {
    let gateway = framed(1003, &words(&[1, 9, 65000, 64500, 64501, 2, 2, 2, 100, 200, 1, 2, 300, 400, 1, 7, 150]));
    let user = framed(1004, &words(&[106, 3, 0x6162_6300, 3, 1, 0x6400_0000]));
    let url = framed(1005, &words(&[1, 2, 0x2f61_0000, 1, 0x6800_0000]));
    let mpls = framed(1006, &words(&[1, 4, 2, 0x0001_0040, 0x0002_0140, 1, 0x0003_0140]));
    let mut http = words(&[2, 1001]);
    for text in ["/x", "h", "r", "agent", "10.0.0.1", "me", "text/html"] {
        http.extend(words(&[text.len() as u32]));
        http.extend(text.as_bytes());
        http.resize(http.len().next_multiple_of(4), 0);
    }
    http.extend(words(&[0, 1, 0, 2, 3, 200]));
    let kinds =
        [vec![gateway], vec![user], vec![url], vec![mpls], vec![framed(2206, &http)], vec![raw_header(4, 100, &[1, 2, 3])]];
    for structures in kinds {
        let (once, faults) = decode(&flow_datagram(&structures));
        assert_eq!(faults, []);
        let again = there_and_back(&once.flows, &CounterBatch::new());
        assert_eq!(extras(&again.flows), extras(&once.flows));
        assert_eq!(without_the_way(&again.flows), without_the_way(&once.flows));
    }
}

#[test]
fn a_sample_that_fits_in_no_datagram_is_left_out() {
    let mut flows = FlowBatch::new();
    flows.as_path.push(0, 0..20_000);
    flows.in_if.push(1, 1);
    flows.advance(2);
    let mut made = 0;
    let mut encoder = Encoder::new(EncodeOptions::new(AGENT, NOW));
    assert_eq!((encoder.encode(&flows, 0..2, NOW, &mut |_| made += 1), made), (1, 1));
}
