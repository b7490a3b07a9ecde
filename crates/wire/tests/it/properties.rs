//! What holds for all packets: what was built is found again, and no bytes at all make the walk panic or leave the frame.

use std::net::IpAddr;

use proptest::{collection::vec, prelude::*, sample::select};
use weir_wire::{Depth, End, Headers, IpHeader, Link, Packet, Tcp, TcpHeader, TcpOptions, Walk};

use crate::captures;

const LINKS: [Link; 12] = [
    Link::Ethernet,
    Link::Ip,
    Link::Loopback,
    Link::LinuxSll,
    Link::LinuxSll2,
    Link::Ppp,
    Link::Hdlc,
    Link::FrameRelay,
    Link::Mpls,
    Link::EtherType(0x8864),
    Link::EtherType(0x6558),
    Link::EtherType(0x88e5),
];

/// What holds after any walk.
fn check(walk: &Walk, frame: &[u8], original_len: usize) {
    let wire = original_len.max(frame.len());
    for headers in [Some(&walk.headers), walk.outer.as_ref()].into_iter().flatten() {
        assert!(headers.layer3_offset <= frame.len());
        if let Some(ip) = headers.ip {
            assert!(ip.header_offset < ip.payload_offset && ip.payload_offset <= frame.len());
        }
        if let Some(transport) = headers.transport {
            assert!(transport.header_offset <= transport.payload_offset);
            assert!(transport.payload_length <= wire);
            assert!(transport.payload(frame).len() <= transport.payload_length);
            transport.tcp.map(|tcp| tcp.options(frame));
        }
    }
    assert_eq!(walk.outer.is_some(), !walk.tunnels.is_empty());
    match walk.end {
        End::Complete => {}
        End::Cut { offset } | End::Malformed { offset, .. } | End::Unknown { offset, .. } => assert!(offset <= frame.len()),
    }
}

/// The outer headers are the same however deep the walk goes.
fn outermost(walk: &Walk) -> &Headers {
    walk.outer.as_ref().unwrap_or(&walk.headers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_walked(bytes in vec(any::<u8>(), 0..200), longer in 0..2000_usize) {
        let (mut outer, mut inner) = (Walk::default(), Walk::default());
        for link in LINKS {
            outer.read(link, &bytes, bytes.len() + longer, Depth::Outer);
            inner.read(link, &bytes, bytes.len() + longer, Depth::Inner);
            check(&outer, &bytes, bytes.len() + longer);
            check(&inner, &bytes, bytes.len() + longer);
            prop_assert_eq!(&outer.headers, outermost(&inner));
        }
        TcpOptions::read(&bytes);
    }

    #[test]
    fn damaged_packets_are_walked(
        (mut frame, _) in stack(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        keep in any::<prop::sample::Index>(),
    ) {
        for (at, value) in damage {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        let original_len = frame.len();
        frame.truncate(keep.index(original_len) + 1);
        let (mut outer, mut inner) = (Walk::default(), Walk::default());
        outer.read(Link::Ethernet, &frame, original_len, Depth::Outer);
        inner.read(Link::Ethernet, &frame, original_len, Depth::Inner);
        check(&outer, &frame, original_len);
        check(&inner, &frame, original_len);
        prop_assert_eq!(&outer.headers, outermost(&inner));
    }

    #[test]
    fn what_was_built_is_found((frame, expected) in stack()) {
        let mut walk = Walk::default();
        walk.read(Link::Ethernet, &frame, frame.len(), Depth::Inner);
        prop_assert_eq!(walk.end, End::Complete);
        let headers = walk.headers;
        let (ip, transport) = (headers.ip.unwrap(), headers.transport.unwrap());
        prop_assert_eq!((ip.src, ip.dst), (expected.ip.src, expected.ip.dst));
        prop_assert_eq!((ip.tos, ip.ttl), (expected.ip.tos, expected.ip.ttl));
        if ip.version == 6 {
            prop_assert_eq!(ip.flow_label, expected.ip.flow_label & 0xf_ffff);
        } else {
            prop_assert_eq!(ip.id, expected.ip.id & 0xffff);
        }
        prop_assert_eq!(transport.payload(&frame), &expected.payload[..]);
        prop_assert_eq!(transport.payload_length, expected.payload.len());
        prop_assert_eq!(ip.header_offset + ip.total_length as usize, frame.len());
        match (&expected.transport, transport.tcp) {
            (Upper::Tcp(header), Some(tcp)) => {
                prop_assert_eq!((transport.src_port, transport.dst_port), (header.src_port, header.dst_port));
                prop_assert_eq!((tcp.seq, tcp.ack, tcp.window), (header.seq, header.ack, header.window));
                prop_assert_eq!(tcp.flags, header.flags & 0xfff);
                prop_assert_eq!(tcp.options_length, header.options.len().next_multiple_of(4));
            }
            (Upper::Udp(src, dst), None) => {
                prop_assert_eq!((transport.src_port, transport.dst_port), (*src, *dst));
            }
            (Upper::Icmp(kind, code), None) => prop_assert_eq!(transport.icmp, Some((*kind, *code))),
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert_eq!(walk.tunnels.len(), usize::from(expected.tunnel));
        let outer = outermost(&walk);
        let vlans: Vec<u16> = outer.vlans.iter().map(|vlan| vlan.0).collect();
        prop_assert_eq!(vlans, expected.vlans);
        let labels: Vec<u32> = outer.mpls.iter().map(|entry| entry >> 4).collect();
        prop_assert_eq!(labels, expected.labels);
    }

    #[test]
    fn a_cut_packet_is_never_malformed((frame, _) in stack(), keep in any::<prop::sample::Index>()) {
        let cut = &frame[..keep.index(frame.len() + 1)];
        let mut walk = Walk::default();
        walk.read(Link::Ethernet, cut, frame.len(), Depth::Inner);
        prop_assert!(matches!(walk.end, End::Complete | End::Cut { .. }), "{}", walk.end);
    }
}

#[derive(Clone, Debug)]
enum Upper {
    Tcp(TcpHeader),
    Udp(u16, u16),
    Icmp(u8, u8),
}

#[derive(Clone, Debug)]
struct Expected {
    ip: IpHeader,
    transport: Upper,
    payload: Vec<u8>,
    vlans: Vec<u16>,
    labels: Vec<u32>,
    tunnel: bool,
}

/// An Ethernet frame of some stack of headers, and what it is made of.
fn stack() -> impl Strategy<Value = (Vec<u8>, Expected)> {
    let tunnel = select(vec!["", "", "gre", "vxlan", "gtpu", "ipip", "ethernet"]);
    (ip_header(), upper(), vec(any::<u8>(), 0..40), vec(any::<u16>(), 0..3), vec(0..0x10_0000_u32, 0..3), ip_header(), tunnel)
        .prop_map(|(ip, transport, payload, vlans, labels, outer, tunnel)| {
            let packet = Packet::payload(&payload);
            let packet = match &transport {
                Upper::Tcp(header) => packet.tcp(header),
                Upper::Udp(src, dst) => packet.udp(*src, *dst),
                Upper::Icmp(kind, code) => packet.icmp(*kind, *code, [0, 1, 0, 2]),
            };
            let packet = packet.ip(&ip);
            let mut packet = match tunnel {
                "gre" => packet.gre(Some(7)).ip(&outer),
                "vxlan" => packet.ethernet([2; 6], [4; 6]).vxlan(5).udp(50_000, 4789).ip(&outer),
                "gtpu" => packet.gtp_u(9).udp(2152, 2152).ip(&outer),
                "ipip" => packet.ip(&outer),
                "ethernet" => packet.ethernet([2; 6], [4; 6]).ip(&outer),
                _ => packet,
            };
            if !labels.is_empty() {
                packet = packet.mpls(&labels);
            }
            for tag in vlans.iter().rev() {
                packet = packet.vlan(*tag);
            }
            let frame = packet.ethernet([0; 6], [1; 6]).into_bytes();
            (frame, Expected { ip, transport, payload, vlans, labels, tunnel: !tunnel.is_empty() })
        })
}

fn ip_header() -> impl Strategy<Value = IpHeader> {
    let addresses = prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(src, dst)| (IpAddr::from(src), IpAddr::from(dst))),
        any::<([u8; 16], [u8; 16])>().prop_map(|(src, dst)| (IpAddr::from(src), IpAddr::from(dst))),
    ];
    (addresses, any::<(u8, u8, u32, u32)>()).prop_map(|((src, dst), (tos, ttl, id, flow_label))| IpHeader {
        src,
        dst,
        tos,
        ttl,
        id,
        flow_label,
    })
}

fn upper() -> impl Strategy<Value = Upper> {
    // Ports below those by which tunnels are told.
    let ports = || (0..1024_u16, 0..1024_u16);
    prop_oneof![
        (ports(), any::<(u32, u32, u16, u16)>(), vec(any::<u8>(), 0..=40)).prop_map(
            |((src_port, dst_port), (seq, ack, flags, window), options)| {
                Upper::Tcp(TcpHeader { src_port, dst_port, seq, ack, flags, window, options })
            }
        ),
        ports().prop_map(|(src, dst)| Upper::Udp(src, dst)),
        any::<(u8, u8)>().prop_map(|(kind, code)| Upper::Icmp(kind, code)),
    ]
}

/// Every packet beside the workspace, hostile ones included, at every length of its first 100 bytes.
#[test]
fn captured_packets_are_walked_at_every_length() {
    let Some(shared) = captures::shared() else { return };
    let mut walk = Walk::default();
    let mut walks = 0_u64;
    for source in std::fs::read_dir(shared.join("packets")).unwrap() {
        for file in std::fs::read_dir(source.unwrap().path()).unwrap() {
            for frame in captures::frames(&file.unwrap().path()).iter().take(50) {
                let Some(link) = frame.link else { continue };
                for length in 0..=frame.bytes.len().min(100) {
                    let cut = &frame.bytes[..length];
                    for original_len in [length, frame.original_len] {
                        walk.read(link, cut, original_len, Depth::Inner);
                        check(&walk, cut, original_len);
                        walks += 1;
                    }
                }
            }
        }
    }
    println!("{walks} walks");
    assert!(walks > 1_000_000);
}

#[test]
fn flags_have_the_values_of_the_wire() {
    let all = [Tcp::FIN, Tcp::SYN, Tcp::RST, Tcp::PSH, Tcp::ACK, Tcp::URG, Tcp::ECE, Tcp::CWR, Tcp::AE];
    assert_eq!(all.map(u16::trailing_zeros), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}
