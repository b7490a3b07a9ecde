//! Walks over made packets: each layer, each limit and the one behind it, each way to end.

use std::net::IpAddr;

use super::*;
use crate::{Fault, IpHeader, MAX_EXTENSION_HEADERS, Packet, Tcp, TcpHeader, TunnelKind, protocol};

const SRC_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const DST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn v4() -> IpHeader {
    IpHeader::new(IpAddr::from([192, 0, 2, 1]), IpAddr::from([198, 51, 100, 2]))
}

fn v6() -> IpHeader {
    IpHeader::new("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap())
}

fn udp() -> Packet {
    Packet::payload(b"payload").udp(1000, 2000)
}

fn frame(packet: Packet) -> Vec<u8> {
    packet.ethernet(SRC_MAC, DST_MAC).into_bytes()
}

fn walk_as(link: Link, frame: &[u8], original_len: usize, depth: Depth) -> Walk {
    let mut walk = Walk::default();
    walk.read(link, frame, original_len, depth);
    walk
}

fn inner(frame: &[u8]) -> Walk {
    walk_as(Link::Ethernet, frame, frame.len(), Depth::Inner)
}

fn ports(walk: &Walk) -> Option<(u16, u16)> {
    walk.headers.transport.map(|transport| (transport.src_port, transport.dst_port))
}

fn malformed(fault: Fault, offset: usize) -> End {
    End::Malformed { fault, offset }
}

fn unknown(what: Unknown, offset: usize) -> End {
    End::Unknown { what, offset }
}

/// Overwrites bytes of a frame.
fn put(frame: &mut [u8], at: usize, bytes: &[u8]) {
    frame[at..at + bytes.len()].copy_from_slice(bytes);
}

#[test]
fn every_field_of_a_tcp_packet_is_found() {
    let options = vec![2, 4, 5, 0xb4];
    let header = TcpHeader { src_port: 1, dst_port: 2, seq: 3, ack: 4, flags: 0x112, window: 5, options };
    let ip = IpHeader { tos: 6, ttl: 7, id: 8, ..v4() };
    let frame = frame(Packet::payload(b"abc").tcp(&header).ip(&ip).vlan(0xa00a));
    let walk = inner(&frame);
    assert_eq!((walk.end, walk.outer), (End::Complete, None));
    let headers = walk.headers;
    assert_eq!((headers.src_mac, headers.dst_mac), (Some(SRC_MAC), Some(DST_MAC)));
    assert_eq!((headers.ethertype, headers.layer3_offset), (0x0800, 18));
    assert_eq!(headers.vlans.first().map(|vlan| (vlan.id(), vlan.priority())), Some((10, 5)));
    let found = headers.ip.unwrap();
    assert_eq!((found.src, found.dst, found.version), (ip.src, ip.dst, 4));
    assert_eq!((found.protocol, found.tos, found.ttl, found.id), (6, 6, 7, 8));
    assert_eq!((found.total_length, found.header_offset, found.payload_offset), (47, 18, 38));
    assert_eq!((found.fragment_offset, found.fragment_flags), (0, ip::FRAGMENT_DF));
    let transport = headers.transport.unwrap();
    assert_eq!((transport.header_offset, transport.payload_offset, transport.payload_length), (38, 62, 3));
    assert_eq!(transport.payload(&frame), b"abc");
    let tcp = transport.tcp.unwrap();
    assert_eq!((tcp.seq, tcp.ack, tcp.window), (3, 4, 5));
    assert_eq!(tcp.flags, Tcp::AE | Tcp::ACK | Tcp::SYN);
    assert_eq!(tcp.options(&frame).mss, Some(1460));
}

#[test]
fn padding_of_a_short_frame_is_no_payload() {
    let mut frame = frame(udp().ip(&v4()));
    let length = frame.len();
    frame.resize(60, 0);
    let walk = inner(&frame);
    assert_eq!(walk.headers.transport.unwrap().payload(&frame), b"payload");
    assert_eq!(walk.headers.ip.unwrap().total_length as usize, length - 14);
}

#[test]
fn each_link_type_leads_to_the_ip_header() {
    let packet = udp().ip(&v4()).into_bytes();
    let behind = |head: &[u8]| [head, &packet].concat();
    let sll = [&[0, 0, 0, 1, 0, 6][..], &SRC_MAC, &[0, 0, 8, 0]].concat();
    let sll2 = [&[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6][..], &SRC_MAC, &[0, 0]].concat();
    let snap = [&DST_MAC[..], &SRC_MAC, &[0, 43, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]].concat();
    let macsec = [&[0, 0, 0, 0, 0, 1][..], &[8, 0]].concat();
    for (link, head) in [
        (Link::Ip, &[][..]),
        (Link::Loopback, &[2, 0, 0, 0]),
        (Link::Loopback, &[0, 0, 0, 2]),
        (Link::LinuxSll, &sll),
        (Link::LinuxSll2, &sll2),
        (Link::Ethernet, &snap),
        (Link::Ppp, &[0xff, 3, 0, 0x21]),
        (Link::Ppp, &[0x21]),
        (Link::Hdlc, &[0x0f, 0, 8, 0]),
        (Link::Hdlc, &[0xff, 3, 0, 0x21]),
        (Link::FrameRelay, &[0x18, 0x41, 3, 0xcc]),
        (Link::FrameRelay, &[0x18, 0x41, 8, 0]),
        (Link::Mpls, &[0, 1, 1, 64]),
        (Link::EtherType(0x0800), &[]),
        (Link::EtherType(0x88e5), &macsec),
    ] {
        let frame = behind(head);
        let walk = walk_as(link, &frame, frame.len(), Depth::Outer);
        assert_eq!((walk.end, ports(&walk)), (End::Complete, Some((1000, 2000))), "{link:?} {head:?}");
        assert_eq!(walk.headers.layer3_offset, head.len(), "{link:?}");
    }
}

#[test]
fn pppoe_and_pseudowires_are_passed() {
    let walk = inner(&frame(udp().ip(&v6()).pppoe(77)));
    assert_eq!((walk.headers.pppoe_session, ports(&walk)), (Some(77), Some((1000, 2000))));
    // A frame behind a label, with a control word and without one.
    let carried = frame(udp().ip(&v4()).vlan(9));
    for head in [&[0, 1, 1, 64, 0, 0, 0, 0][..], &[0, 1, 1, 64]] {
        let frame = [head, &carried].concat();
        let walk = walk_as(Link::Mpls, &frame, frame.len(), Depth::Outer);
        assert_eq!((walk.end, walk.headers.src_mac), (End::Complete, Some(SRC_MAC)));
        assert_eq!((&*walk.headers.mpls, &*walk.headers.vlans), (&[0x101][..], &[Vlan(9)][..]));
    }
}

#[test]
fn vlan_tags_over_the_limit_are_counted() {
    for (tags, over) in [(MAX_VLANS, 0), (MAX_VLANS + 1, 1)] {
        let packet = (0..tags).fold(udp().ip(&v4()), |packet, tag| packet.vlan(tag as u16));
        let walk = inner(&frame(packet));
        assert_eq!((walk.headers.vlans.len(), walk.headers.vlans.over_limit()), (MAX_VLANS, over));
        assert_eq!(ports(&walk), Some((1000, 2000)));
    }
}

#[test]
fn mpls_labels_over_the_limit_are_counted() {
    for (labels, over) in [(MAX_MPLS, 0), (MAX_MPLS + 1, 1)] {
        let labels: Vec<u32> = (16..).take(labels).collect();
        let walk = inner(&frame(udp().ip(&v4()).mpls(&labels)));
        assert_eq!((walk.headers.mpls.len(), walk.headers.mpls.over_limit()), (MAX_MPLS, over));
        assert_eq!(ports(&walk), Some((1000, 2000)));
    }
}

#[test]
fn extension_headers_are_passed_up_to_the_limit() {
    let with = |count| (0..count).fold(udp(), |packet, _| packet.extension(protocol::IPV6_OPTS, &[1, 4])).ip(&v6());
    let walk = inner(&frame(with(MAX_EXTENSION_HEADERS)));
    assert_eq!((walk.end, ports(&walk)), (End::Complete, Some((1000, 2000))));
    let walk = inner(&frame(with(MAX_EXTENSION_HEADERS + 1)));
    let offset = 14 + 40 + 8 * (MAX_EXTENSION_HEADERS + 1);
    assert_eq!((walk.end, ports(&walk)), (unknown(Unknown::ExtensionHeaders, offset), None));
}

#[test]
fn tunnels_are_entered_up_to_the_limit() {
    let with = |count| (0..count).fold(udp().ip(&v4()), |packet, _| packet.ip(&v4()));
    let walk = inner(&frame(with(MAX_TUNNELS)));
    assert_eq!((walk.end, walk.tunnels.len(), ports(&walk)), (End::Complete, MAX_TUNNELS, Some((1000, 2000))));
    let walk = inner(&frame(with(MAX_TUNNELS + 1)));
    let offset = 14 + 20 * (MAX_TUNNELS + 1);
    assert_eq!((walk.end, walk.tunnels.len()), (unknown(Unknown::Tunnels, offset), MAX_TUNNELS));
    assert_eq!(walk.headers.ip.map(|ip| ip.protocol), Some(protocol::IPV4));
}

#[test]
fn authentication_headers_are_passed_in_both_versions() {
    // Next header UDP, length 24 bytes, 22 bytes of content.
    let carried = [&[17, 4][..], &[0; 22], &udp().into_bytes()].concat();
    for ip in [v4(), v6()] {
        let walk = inner(&frame(Packet::of_protocol(protocol::AH, &carried).ip(&ip)));
        assert_eq!((walk.end, ports(&walk)), (End::Complete, Some((1000, 2000))));
    }
}

#[test]
fn each_tunnel_shows_the_inner_packet_and_the_outer_one() {
    let packet = || udp().ip(&v4());
    let bridged = || packet().ethernet([2, 0, 0, 0, 0, 9], DST_MAC);
    let in_gre = |head: &[u8], packet: Packet| Packet::of_protocol(protocol::GRE, &[head, &packet.into_bytes()].concat());
    let in_udp = |port, head: &[u8], packet: Packet| Packet::payload(&[head, &packet.into_bytes()].concat()).udp(40_000, port);
    for (kind, id, outer) in [
        (TunnelKind::IpInIp, None, packet()),
        (TunnelKind::Ethernet, None, bridged()),
        (TunnelKind::Ethernet, None, Packet::of_protocol(97, &[&[0x30, 0][..], &bridged().into_bytes()].concat())),
        (TunnelKind::Mpls, None, packet().mpls(&[3])),
        (TunnelKind::Gre, None, packet().gre(None)),
        (TunnelKind::Gre, Some(70_000), packet().gre(Some(70_000))),
        // Checksum, key and sequence number.
        (TunnelKind::Gre, Some(1), in_gre(&[0xb0, 0, 8, 0, 9, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2], packet())),
        // Source route entry of 4 bytes, then the end of the route.
        (TunnelKind::Gre, None, in_gre(&[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4, 1, 1, 1, 1, 0, 0, 0, 0], packet())),
        (TunnelKind::Nvgre, Some(0x1234), bridged().gre(Some(0x0012_3456))),
        (TunnelKind::Pptp, Some(7), in_gre(&[0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0x21], packet())),
        (TunnelKind::Erspan, None, in_gre(&[0, 0, 0x88, 0xbe], bridged())),
        (TunnelKind::Erspan, Some(0x105), in_gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0x51, 5, 0, 0, 0, 0], bridged())),
        (
            TunnelKind::Erspan,
            Some(0x105),
            in_gre(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], bridged()),
        ),
        (TunnelKind::Vxlan, Some(99), bridged().vxlan(99).udp(40_000, 4789)),
        (TunnelKind::Vxlan, Some(5), in_udp(4790, &[0x0c, 0, 0, 1, 0, 0, 5, 0], packet())),
        (TunnelKind::Geneve, Some(6), in_udp(6081, &[1, 0, 0x65, 0x58, 0, 0, 6, 0, 1, 2, 3, 0], bridged())),
        (TunnelKind::GtpU, Some(8), packet().gtp_u(8).udp(2152, 2152)),
        // Sequence number and one extension header of 4 bytes.
        (TunnelKind::GtpU, Some(8), in_udp(2152, &[0x36, 255, 0, 43, 0, 0, 0, 8, 0, 1, 0, 0x85, 1, 0, 0, 0], packet())),
        (TunnelKind::L2tp, Some(0x0001_0002), in_udp(1701, &[0x40, 2, 0, 55, 0, 1, 0, 2, 0xff, 3, 0, 0x21], packet())),
        (TunnelKind::Teredo, None, in_udp(3544, &[0, 0, 1, 2, 3, 4, 5, 6], udp().ip(&v6()))),
        (TunnelKind::Mpls, None, packet().mpls(&[3]).udp(40_000, 6635)),
    ] {
        let around = IpHeader::new(IpAddr::from([203, 0, 113, 1]), IpAddr::from([203, 0, 113, 2]));
        let frame = frame(outer.ip(&around));
        let walk = inner(&frame);
        assert_eq!((walk.end, ports(&walk)), (End::Complete, Some((1000, 2000))), "{kind:?}");
        let tunnel = Tunnel { kind, id, src: around.src, dst: around.dst };
        assert_eq!(&*walk.tunnels, &[tunnel]);
        let outside = walk_as(Link::Ethernet, &frame, frame.len(), Depth::Outer);
        assert_eq!((outside.end, Some(outside.headers), outside.tunnels.len()), (End::Complete, walk.outer, 0));
    }
}

#[test]
fn what_holds_no_ip_packet_stays_outside() {
    // ARP over VXLAN is a whole packet of the outer flow.
    let arp = Packet::of_ethertype(0x0806, &[0; 28]).ethernet(SRC_MAC, DST_MAC);
    let walk = inner(&frame(arp.vxlan(1).udp(1, 4789).ip(&v4())));
    assert_eq!((walk.end, ports(&walk), walk.outer), (End::Complete, Some((1, 4789)), None));
    // GRE says what it carries, and that is not known.
    let walk = inner(&frame(Packet::of_ethertype(0x2000, &[0; 28]).gre(None).ip(&v4())));
    assert_eq!((walk.end, walk.outer), (unknown(Unknown::EtherType(0x2000), 38), None));
    assert_eq!(walk.headers.ip.map(|ip| ip.protocol), Some(protocol::GRE));
    // Something else that uses the port of VXLAN, Geneve or GTP.
    for port in [2152, 4789, 4790, 6081, 1701, 3544, 6635, 4754] {
        for payload in [&b"short"[..], &[0x45; 64], &[0xff; 64], &[8, 0, 0, 0, 0, 0, 1, 0, 0x45, 0, 0, 5, 0, 0, 0, 0]] {
            let walk = inner(&frame(Packet::payload(payload).udp(40_000, port).ip(&v4())));
            assert_eq!((walk.end, ports(&walk)), (End::Complete, Some((40_000, port))), "{port} {payload:?}");
        }
    }
}

#[test]
fn an_inner_frame_has_its_own_tags() {
    let carried = udp().ip(&v4()).vlan(5).ethernet([2, 0, 0, 0, 0, 9], DST_MAC);
    let walk = inner(&frame(carried.vxlan(1).udp(1, 4789).ip(&v4()).vlan(6)));
    assert_eq!(&*walk.headers.vlans, &[Vlan(5)]);
    assert_eq!(walk.outer.map(|outer| outer.vlans[0]), Some(Vlan(6)));
    assert_eq!(walk.headers.src_mac, Some([2, 0, 0, 0, 0, 9]));
    // A bare packet travels under the tag of the frame.
    let walk = inner(&frame(udp().ip(&v4()).gre(None).ip(&v4()).vlan(6)));
    assert_eq!(&*walk.headers.vlans, &[Vlan(6)]);
}

#[test]
fn a_capture_that_ends_early_cuts_and_a_wire_that_ends_early_is_malformed() {
    let header = TcpHeader { options: vec![1; 8], ..TcpHeader::default() };
    let frame = frame(Packet::payload(b"").tcp(&header).ip(&v4()).ip(&v6()).vlan(7));
    let starts = [0, 14, 18, 58, 78, 98];
    for length in 0..frame.len() {
        let walk = walk_as(Link::Ethernet, &frame[..length], frame.len(), Depth::Inner);
        let End::Cut { offset } = walk.end else { panic!("{length}: {}", walk.end) };
        assert_eq!(Some(&offset), starts.iter().rfind(|start| **start <= length), "{length}");
        let walk = walk_as(Link::Ethernet, &frame[..length], length, Depth::Inner);
        assert!(matches!(walk.end, End::Malformed { .. }), "{length}: {}", walk.end);
    }
}

#[test]
fn a_cut_payload_is_no_cut_header() {
    let frame = frame(Packet::payload(&[0; 100]).udp(1, 2).ip(&v4()));
    let walk = walk_as(Link::Ethernet, &frame[..50], frame.len(), Depth::Outer);
    let transport = walk.headers.transport.unwrap();
    assert_eq!((walk.end, transport.payload_length, transport.payload(&frame[..50]).len()), (End::Complete, 100, 8));
}

#[test]
fn lengths_in_the_ipv4_header_are_claims() {
    let sound = frame(udp().ip(&v4()));
    let with = |total: u16| {
        let mut frame = sound.clone();
        put(&mut frame, 16, &total.to_be_bytes());
        frame
    };
    assert_eq!(inner(&with(0)), inner(&sound), "0 is what the frame holds");
    for total in [1, 19] {
        let walk = inner(&with(total));
        assert_eq!((walk.end, walk.headers.ip), (malformed(Fault::IpHeaderLength, 14), None));
    }
    assert_eq!(inner(&with(20)).end, malformed(Fault::Truncated, 34));
    assert_eq!(inner(&with(34)).end, malformed(Fault::UdpLength, 34));
    for total in [36, u16::MAX] {
        let walk = inner(&with(total));
        assert_eq!((walk.end, ports(&walk)), (malformed(Fault::IpLength, 14), Some((1000, 2000))));
        assert_eq!(walk.headers.ip.map(|ip| ip.total_length), Some(u32::from(total)));
    }
    for words in 0..5 {
        let mut frame = sound.clone();
        frame[14] = 0x40 | words;
        assert_eq!(inner(&frame).end, malformed(Fault::IpHeaderLength, 14));
    }
    let mut frame = sound.clone();
    frame[14] = 0x4f;
    assert_eq!(inner(&frame).end, malformed(Fault::IpHeaderLength, 14), "options beyond the total length");
    frame[14] = 0x55;
    assert_eq!(inner(&frame).end, malformed(Fault::IpVersion, 14));
}

#[test]
fn a_jumbogram_and_a_large_send_have_the_length_of_their_payload() {
    let jumbo = [protocol::UDP, 0, 0xc2, 4, 0, 0, 0, 23];
    let udp_bytes = udp().into_bytes();
    let mut frame = frame(Packet::of_protocol(protocol::HOPOPT, &[&jumbo[..], &udp_bytes].concat()).ip(&v6()));
    put(&mut frame, 18, &[0, 0]);
    let walk = inner(&frame);
    assert_eq!((walk.end, walk.headers.ip.map(|ip| ip.total_length)), (End::Complete, Some(63)));
    assert_eq!(walk.headers.transport.unwrap().payload(&frame), b"payload");
    let mut frame = self::frame(udp().ip(&v6()));
    put(&mut frame, 18, &[0, 0]);
    assert_eq!(inner(&frame).headers.ip.map(|ip| ip.total_length), Some(55));
    // Padding alone is no payload.
    let mut frame = self::frame(Packet::of_protocol(protocol::TCP, &[]).ip(&v6()));
    frame.resize(60, 0);
    assert_eq!(inner(&frame).headers.ip.map(|ip| ip.total_length), Some(40));
}

#[test]
fn lengths_in_the_udp_header_are_claims() {
    let sound = frame(udp().ip(&v4()));
    let with = |length: u16| {
        let mut frame = sound.clone();
        put(&mut frame, 38, &length.to_be_bytes());
        inner(&frame)
    };
    assert_eq!(with(0), inner(&sound));
    for length in [1, 7, 16, u16::MAX] {
        let walk = with(length);
        assert_eq!((walk.end, ports(&walk)), (malformed(Fault::UdpLength, 34), Some((1000, 2000))));
        assert_eq!(walk.headers.transport.map(|udp| udp.payload_length), Some(7));
    }
    let shorter = with(8 + 3);
    assert_eq!((shorter.end, shorter.headers.transport.map(|udp| udp.payload_length)), (End::Complete, Some(3)));
}

#[test]
fn the_tcp_data_offset_is_a_claim() {
    let sound = frame(Packet::payload(b"abcd").tcp(&TcpHeader::default()).ip(&v4()));
    for (words, end) in [
        (0, malformed(Fault::TcpDataOffset, 34)),
        (4, malformed(Fault::TcpDataOffset, 34)),
        (5, End::Complete),
        (6, End::Complete),
        (7, malformed(Fault::TcpDataOffset, 34)),
        (15, malformed(Fault::TcpDataOffset, 34)),
    ] {
        let mut frame = sound.clone();
        frame[46] = words << 4;
        let walk = inner(&frame);
        assert_eq!((walk.end, ports(&walk)), (end, Some((0, 0))), "{words}");
    }
}

#[test]
fn fragments_have_a_transport_header_in_the_first_alone() {
    for ip in [IpHeader { id: 0x1234, ..v4() }, IpHeader { id: 0x0012_3456, ..v6() }] {
        let fragments = Packet::payload(&[0; 60]).udp(1, 2).fragments(&ip, 88);
        let walks: Vec<Walk> = fragments.into_iter().map(|fragment| inner(&frame(fragment))).collect();
        let first = walks[0].headers;
        assert_eq!((walks[0].end, ports(&walks[0])), (End::Complete, Some((1, 2))));
        let room = first.ip.unwrap().total_length as usize - (first.ip.unwrap().payload_offset - 14);
        assert_eq!(first.transport.map(|udp| udp.payload_length), Some(room - 8));
        for walk in &walks {
            let found = walk.headers.ip.unwrap();
            assert!(found.is_fragment());
            assert_eq!((found.id, found.protocol), (ip.id, protocol::UDP));
        }
        let last = walks[1].headers.ip.unwrap();
        assert_eq!((walks[1].end, walks[1].headers.transport), (End::Complete, None));
        assert_eq!((last.fragment_offset, last.fragment_flags), (if last.version == 4 { 8 } else { 5 }, 0));
    }
}

#[test]
fn protocols_that_are_not_known_are_said() {
    let stp = [&DST_MAC[..], &SRC_MAC, &[0, 3, 0x42, 0x42, 3]].concat();
    assert_eq!(inner(&stp).end, unknown(Unknown::Llc(0x42), 14));
    let arp = frame(Packet::of_ethertype(0x0806, &[0; 28]));
    assert_eq!(inner(&arp).end, unknown(Unknown::EtherType(0x0806), 14));
    assert_eq!(inner(&arp).headers.layer3_offset, 14);
    let ospf = inner(&frame(Packet::of_protocol(89, &[0; 20]).ip(&v4())));
    assert_eq!((ospf.end, ospf.headers.transport), (unknown(Unknown::IpProtocol(89), 34), None));
    assert_eq!(walk_as(Link::Ppp, &[0xc0, 0x21], 2, Depth::Outer).end, unknown(Unknown::Ppp(0xc021), 2));
    assert_eq!(walk_as(Link::Loopback, &[7, 0, 0, 0], 4, Depth::Outer).end, unknown(Unknown::Family(7), 0));
    assert_eq!(walk_as(Link::FrameRelay, &[0, 1, 3, 0x81], 4, Depth::Outer).end, unknown(Unknown::Nlpid(0x81), 4));
    assert_eq!(walk_as(Link::Mpls, &[0, 0, 1, 1, 0x10], 5, Depth::Outer).end, unknown(Unknown::MplsPayload, 4));
    // Encrypted MACsec.
    assert_eq!(
        walk_as(Link::EtherType(0x88e5), &[0x0c, 0, 0, 0, 0, 1], 6, Depth::Outer).end,
        unknown(Unknown::EtherType(0x88e5), 0)
    );
}

#[test]
fn a_walk_can_be_used_again() {
    let mut walk = inner(&frame(udp().ip(&v4()).gre(None).ip(&v6()).vlan(3)));
    walk.read(Link::Ip, &[], 0, Depth::Inner);
    let fresh = walk_as(Link::Ip, &[], 0, Depth::Inner);
    assert_eq!(walk, fresh);
    assert_eq!((walk.outer, walk.tunnels.len()), (None, 0));
}
