//! When a flow begins, is reported and ends; what tells flows apart; what a packet adds to its flow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weir_meter::{Config, Meter, Packet};
use weir_record::{FlowBatch, names};
use weir_wire::{IpHeader, Link, Packet as Made, Tcp, TcpHeader};

const SECOND: i64 = 1_000_000_000;
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// A meter, and the records that it wrote.
struct Metered {
    meter: Meter,
    out: FlowBatch,
}

impl Metered {
    fn new(config: Config) -> Self {
        Self { meter: Meter::new(config), out: FlowBatch::new() }
    }

    /// A frame at this time, on this interface.
    fn on(&mut self, interface: u32, time: i64, frame: &[u8]) -> &mut Self {
        let original_len = frame.len();
        let packet = Packet { time, link: Link::Ethernet, data: frame, original_len, interface, segment_size: 0 };
        self.meter.push(&packet, &mut self.out);
        self
    }

    fn at(&mut self, time: i64, frame: &[u8]) -> &mut Self {
        self.on(0, time, frame)
    }

    /// Packets and end reason of every record so far, with the half that it is.
    fn records(&self) -> Vec<(u64, u8, u8)> {
        let value = |row: usize| (self.out.packets.get(row), self.out.end_reason.get(row), self.out.biflow.get(row));
        (0..self.out.rows())
            .map(value)
            .map(|(packets, reason, half)| (packets.unwrap(), reason.unwrap(), half.unwrap()))
            .collect()
    }

    fn finish(&mut self) -> Vec<(u64, u8, u8)> {
        while self.meter.finish(&mut self.out) {}
        self.out.finish();
        self.records()
    }
}

const I: u8 = names::INITIATOR;
const R: u8 = names::RESPONDER;

fn ethernet(packet: Made) -> Vec<u8> {
    packet.ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).into_bytes()
}

fn udp_between(src: IpAddr, dst: IpAddr, ports: (u16, u16), payload: &[u8]) -> Made {
    Made::payload(payload).udp(ports.0, ports.1).ip(&IpHeader::new(src, dst))
}

fn query() -> Vec<u8> {
    ethernet(udp_between(CLIENT, SERVER, (40_000, 7), b"ask"))
}

fn answer() -> Vec<u8> {
    ethernet(udp_between(SERVER, CLIENT, (7, 40_000), b"answer"))
}

fn tcp(from_client: bool, seq: u32, ack: u32, flags: u16) -> Vec<u8> {
    let (src, dst, ports) = if from_client { (CLIENT, SERVER, (40_000, 80)) } else { (SERVER, CLIENT, (80, 40_000)) };
    let header = TcpHeader { src_port: ports.0, dst_port: ports.1, seq, ack, flags, window: 1000, options: Vec::new() };
    ethernet(Made::payload(b"").tcp(&header).ip(&IpHeader::new(src, dst)))
}

#[test]
fn a_silent_flow_is_reported_once_the_packets_time_says_so() {
    let mut metered = Metered::new(Config::default());
    metered.at(0, &query()).at(SECOND, &answer());
    // Packets of another flow carry the time.
    let other = ethernet(udp_between(CLIENT, SERVER, (1, 2), b""));
    metered.at(30 * SECOND, &other);
    assert_eq!(metered.records(), []);
    metered.at(32 * SECOND, &other);
    assert_eq!(metered.records(), [(1, 1, I), (1, 1, R)]);
    assert_eq!((metered.out.time_start.get(0), metered.out.time_end.get(1)), (Some(0), Some(SECOND)));
    // Time without packets does the same.
    while metered.meter.advance(100 * SECOND, &mut metered.out) {}
    assert_eq!(metered.records().last(), Some(&(2, 1, I)));
    assert_eq!(metered.meter.stats().active, 0);
}

#[test]
fn a_long_flow_is_reported_every_minute_and_counted_anew() {
    let mut metered = Metered::new(Config::default());
    for second in 0..=130 {
        metered.at(second * SECOND, &query());
    }
    assert_eq!(metered.records(), [(60, 2, I), (60, 2, I)]);
    assert_eq!(metered.finish(), [(60, 2, I), (60, 2, I), (11, 4, I)]);
    assert_eq!(metered.out.time_start.get(1), Some(60 * SECOND));
    assert_eq!(metered.out.time_end.get(1), Some(119 * SECOND));
    let bytes: u64 = (0..3).filter_map(|row| metered.out.bytes.get(row)).sum();
    assert_eq!(bytes, 131 * 31);
    assert_eq!(metered.meter.stats().bytes, bytes);
}

#[test]
fn a_closed_connection_is_reported_soon() {
    for end in [Tcp::FIN | Tcp::ACK, Tcp::RST] {
        let mut metered = Metered::new(Config::default());
        metered.at(0, &tcp(true, 1, 0, Tcp::SYN)).at(1, &tcp(false, 8, 2, Tcp::SYN | Tcp::ACK)).at(2, &tcp(true, 2, 9, Tcp::ACK));
        metered.at(3, &tcp(true, 2, 9, end)).at(4, &tcp(false, 9, 3, end));
        while metered.meter.advance(SECOND / 2, &mut metered.out) {}
        assert_eq!(metered.records(), []);
        while metered.meter.advance(2 * SECOND, &mut metered.out) {}
        assert_eq!(metered.records(), [(3, 3, I), (2, 3, R)]);
    }
}

#[test]
fn a_new_connection_on_the_same_ports_is_a_new_flow() {
    let mut metered = Metered::new(Config::default());
    metered.at(0, &tcp(true, 1, 0, Tcp::SYN)).at(1, &tcp(false, 0, 2, Tcp::RST | Tcp::ACK));
    metered.at(1000, &tcp(true, 77_000, 0, Tcp::SYN));
    assert_eq!(metered.records(), [(1, 3, I), (1, 3, R)]);
    assert_eq!(metered.out.tcp_handshake.get(0), Some(names::HANDSHAKE_REFUSED));
    metered.finish();
    assert_eq!(metered.out.tcp_handshake.get(2), Some(names::HANDSHAKE_UNANSWERED));
}

#[test]
fn whoever_sends_a_syn_ack_was_asked() {
    let mut metered = Metered::new(Config::default());
    metered.at(0, &tcp(false, 8, 2, Tcp::SYN | Tcp::ACK)).at(1, &tcp(true, 2, 9, Tcp::ACK));
    assert_eq!(metered.finish(), [(1, 4, I), (1, 4, R)]);
    assert_eq!(metered.out.src_addr.get(0).map(|address| address.to_ip()), Some(CLIENT));
}

#[test]
fn when_there_is_no_room_the_flow_idle_for_longest_goes() {
    let mut metered = Metered::new(Config { max_flows: 3, ..Config::default() });
    let flow = |port| ethernet(udp_between(CLIENT, SERVER, (port, 7), b""));
    for port in 1..=3 {
        metered.at(i64::from(port) * SECOND, &flow(port));
    }
    metered.at(4 * SECOND, &flow(1)).at(5 * SECOND, &flow(4));
    assert_eq!(metered.records(), [(1, 5, I)]);
    assert_eq!(metered.out.src_port.get(0), Some(2));
    assert_eq!((metered.meter.stats().flows_evicted, metered.meter.stats().active), (1, 3));
}

#[test]
fn vlans_and_interfaces_tell_flows_apart_where_that_is_wanted() {
    let tagged = |tag| {
        let packet = udp_between(CLIENT, SERVER, (40_000, 7), b"ask").vlan(tag);
        packet.ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).into_bytes()
    };
    for (config, flows) in [
        (Config::default(), 1),
        (Config { key_vlan: true, ..Config::default() }, 2),
        (Config { key_interface: true, ..Config::default() }, 2),
        (Config { key_vlan: true, key_interface: true, ..Config::default() }, 4),
    ] {
        let mut metered = Metered::new(config);
        for interface in [1, 2] {
            metered.on(interface, 0, &tagged(10)).on(interface, 0, &tagged(20));
        }
        assert_eq!(metered.finish().len(), flows);
        assert_eq!((metered.out.vlan_in.get(0), metered.out.in_if.get(0)), (Some(10), Some(1)));
    }
}

#[test]
fn later_fragments_go_to_the_flow_of_the_first_whichever_comes_first() {
    let header = IpHeader { id: 7, ..IpHeader::new(CLIENT, SERVER) };
    let six = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
    let header6 = IpHeader { id: 7, ..IpHeader::new(six(1), six(2)) };
    for header in [header, header6] {
        let pieces = Made::payload(&[0; 3000]).udp(40_000, 7).fragments(&header, 1400);
        let mut frames: Vec<_> = pieces.into_iter().map(ethernet).collect();
        let fragments = frames.len() as u64;
        for _ in 0..frames.len() {
            frames.rotate_left(1);
            let mut metered = Metered::new(Config::default());
            for (time, frame) in (0..).zip(&frames) {
                metered.at(time, frame);
            }
            assert_eq!(metered.finish(), [(fragments, 4, I)]);
            assert_eq!((metered.out.src_port.get(0), metered.out.dst_port.get(0)), (Some(40_000), Some(7)));
            assert_eq!(metered.meter.stats().fragments, fragments);
        }
        // Without the first there are no ports, and nothing is lost.
        let mut metered = Metered::new(Config::default());
        frames.iter().skip(1).for_each(|frame| {
            metered.at(0, frame);
        });
        assert_eq!(metered.finish(), [(fragments - 1, 4, I)]);
        assert_eq!(metered.out.src_port.get(0), Some(0));
    }
}

#[test]
fn connections_are_sampled_whole_and_say_so() {
    let mut metered = Metered::new(Config { sample_connections: 4, seed: 3, ..Config::default() });
    for port in 1..=4000 {
        metered.at(0, &ethernet(udp_between(CLIENT, SERVER, (port, 7), b"")));
        metered.at(1, &ethernet(udp_between(SERVER, CLIENT, (7, port), b"")));
    }
    let records = metered.finish();
    assert!((1800..2200).contains(&records.len()), "{}", records.len());
    assert!(records.chunks(2).all(|pair| matches!(pair, [(1, 4, I), (1, 4, R)])));
    assert_eq!(metered.out.sampling_rate.get(0), Some(4));
    assert_eq!(metered.meter.stats().packets_unsampled + records.len() as u64, 8000);
}

#[test]
fn sampled_packets_have_no_performance() {
    for (sampled_packets, expected) in [(1, true), (10, false)] {
        let mut metered = Metered::new(Config { sampled_packets, ..Config::default() });
        metered.at(0, &tcp(true, 1, 0, Tcp::SYN)).at(1000, &tcp(false, 8, 2, Tcp::SYN | Tcp::ACK));
        metered.at(3000, &tcp(true, 2, 9, Tcp::ACK));
        metered.finish();
        let out = &metered.out;
        assert_eq!(out.rtt.get(0), expected.then_some(3));
        assert_eq!(out.delay_avg.get(0).is_some(), expected);
        assert_eq!(out.sampling_rate.get(0), (!expected).then_some(10));
        assert_eq!(out.tcp_window.get(0), Some(1000));
    }
}

#[test]
fn a_super_packet_counts_as_the_packets_that_it_was() {
    let header = TcpHeader { src_port: 40_000, dst_port: 80, seq: 1, flags: Tcp::ACK, ..TcpHeader::default() };
    let frame = ethernet(Made::payload(&[7; 4001]).tcp(&header).ip(&IpHeader::new(CLIENT, SERVER)));
    let mut metered = Metered::new(Config::default());
    let packet =
        Packet { time: 0, link: Link::Ethernet, data: &frame, original_len: frame.len(), interface: 0, segment_size: 1000 };
    metered.meter.push(&packet, &mut metered.out);
    assert_eq!(metered.finish(), [(5, 4, I)]);
    assert_eq!(metered.out.bytes.get(0), Some(4001 + 5 * 40));
    assert_eq!(metered.meter.stats().packets, 5);
}

#[test]
fn questions_and_answers_of_icmp_are_one_flow() {
    let echo = |kind, id: u8| {
        let (src, dst) = if kind == 8 { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        ethernet(Made::payload(b"ping").icmp(kind, 0, [0, id, 0, 1]).ip(&IpHeader::new(src, dst)))
    };
    let mut metered = Metered::new(Config::default());
    // The answer was seen first, and another ping runs beside.
    metered.at(0, &echo(0, 1)).at(1, &echo(8, 1)).at(2, &echo(8, 2));
    assert_eq!(metered.finish(), [(1, 4, I), (1, 4, R), (1, 4, I)]);
    assert_eq!((metered.out.icmp_type.get(0), metered.out.icmp_type.get(1)), (Some(8), Some(0)));
    assert_eq!(metered.out.src_port.get(0), None);
}

#[test]
fn the_inner_packet_of_a_tunnel_is_metered_where_that_is_wanted() {
    let inner = udp_between(CLIENT, SERVER, (40_000, 7), b"ask").ethernet([2, 0, 0, 0, 0, 3], [2, 0, 0, 0, 0, 4]);
    let (near, far) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));
    let frame = ethernet(inner.vxlan(42).udp(5555, 4789).ip(&IpHeader::new(near, far)));
    for decapsulate in [false, true] {
        let mut metered = Metered::new(Config { decapsulate, ..Config::default() });
        metered.at(0, &frame);
        metered.finish();
        let out = &metered.out;
        assert_eq!(out.dst_port.get(0), Some(if decapsulate { 7 } else { 4789 }));
        assert_eq!(out.tunnel_type.get(0), decapsulate.then_some(names::TUNNEL_VXLAN));
        assert_eq!(out.tunnel_id.get(0), decapsulate.then_some(42));
        assert_eq!(out.tunnel_src.get(0).map(|address| address.to_ip()), decapsulate.then_some(near));
    }
}

#[test]
fn labels_and_tunnel_ids_are_those_of_each_direction() {
    let (near, far) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));
    let mut metered = Metered::new(Config { decapsulate: true, ..Config::default() });
    for (from, to, ports, teid, label) in [(CLIENT, SERVER, (40_000, 7), 7, 100), (SERVER, CLIENT, (7, 40_000), 9, 200)] {
        let (outer_from, outer_to) = if from == CLIENT { (near, far) } else { (far, near) };
        let inner = udp_between(from, to, ports, b"ask");
        metered.at(0, &ethernet(inner.clone().gtp_u(teid).udp(2152, 2152).ip(&IpHeader::new(outer_from, outer_to))));
        let plain = udp_between(from, to, (ports.0 + 1, ports.1 + 1), b"ask");
        metered.at(0, &ethernet(plain.mpls(&[label])));
    }
    metered.finish();
    let out = &metered.out;
    let ids: Vec<_> = (0..4).filter_map(|row| out.tunnel_id.get(row).zip(out.tunnel_src.get(row))).collect();
    assert_eq!(ids, [(7, near.into()), (9, far.into())]);
    let labels: Vec<_> = (0..4).filter_map(|row| out.mpls_labels.get(row)).map(|labels| labels[0] >> 4).collect();
    assert_eq!(labels, [100, 200]);
}

#[test]
fn resets_of_a_host_without_identifications_are_no_copies() {
    let mut metered = Metered::new(Config::default());
    for time in 0..3 {
        metered.at(time * 10_000, &tcp(false, 9, 2, Tcp::RST));
    }
    metered.finish();
    assert_eq!((metered.out.resets.get(0), metered.out.capture_duplicates.get(0)), (Some(3), None));
}
