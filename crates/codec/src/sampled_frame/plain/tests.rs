//! What is read in place is what a walk finds.

use std::net::IpAddr;

use proptest::prelude::*;
use weir_wire::{Depth, IpHeader, Link, Packet, TcpHeader, Walk};

use super::super::{Frame, Sampled};
use super::set;
use crate::members::Members;

/// Checks a frame: what is plain is what the walk says, tunnels and labels included, of which there are none. Tells whether it was plain.
fn check(frame: &[u8], on_wire: usize) -> bool {
    let mut plain = Sampled::EMPTY;
    if !set(frame, on_wire, &mut plain) {
        assert_eq!(plain, Sampled::EMPTY);
        return false;
    }
    let (mut walked, mut walk, mut extra) = (Sampled::EMPTY, Walk::default(), Members::default());
    let has_labels =
        Frame { link: Link::Ethernet, header: frame, length: on_wire as u64 }.walk(&mut walked, &mut walk, &mut extra);
    assert_eq!(plain, walked);
    assert!(!has_labels && walk.outer.is_none() && extra.len() == 0);
    true
}

fn address() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(src, dst)| (src.into(), dst.into())),
        any::<([u8; 16], [u8; 16])>().prop_map(|(src, dst)| (src.into(), dst.into())),
    ]
}

/// A frame, the octets of it that were captured, and whether it is plain when it was captured whole.
fn frame() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let header = (address(), any::<u8>(), any::<u8>(), any::<u16>());
    let transport = (0_u8..5, any::<(u16, u16)>(), any::<(u16, u16)>(), prop::collection::vec(0_u8..9, 0..20));
    (header, transport, prop::option::of(any::<u16>()), 0_usize..60).prop_map(|(header, transport, tag, payload)| {
        let ((src, dst), tos, ttl, id) = header;
        let (kind, (src_port, dst_port), (flags, window), options) = transport;
        let ip = IpHeader { tos, ttl, id: id.into(), flow_label: id.into(), ..IpHeader::new(src, dst) };
        let tcp = TcpHeader { src_port, dst_port, flags, window, options, ..TcpHeader::default() };
        let payload = Packet::payload(&vec![0; payload]);
        let (packet, is_plain) = match kind {
            0 => (payload.tcp(&tcp), true),
            1 => (payload.udp(src_port, dst_port), true),
            2 => (payload.icmp(tos, ttl, [0; 4]), true),
            3 => (payload.udp(1, 2).ip(&ip).gre(None), false),
            _ => (payload, false),
        };
        let packet = packet.ip(&ip);
        let packet = match tag {
            Some(tag) => packet.vlan(tag),
            None => packet,
        };
        (packet.ethernet([2; 6], [4; 6]).into_bytes(), is_plain)
    })
}

proptest! {
    #[test]
    fn whole_frames((frame, is_plain) in frame(), padding in 0_usize..10) {
        let tunnel_port = kind_of_port(&frame);
        prop_assert_eq!(check(&frame, frame.len() + padding), is_plain && !tunnel_port);
    }

    #[test]
    fn cut_frames((frame, _) in frame(), cut in any::<prop::sample::Index>(), padding in 0_usize..10) {
        check(&frame[..cut.index(frame.len())], frame.len() + padding);
    }

    #[test]
    fn changed_frames((mut frame, _) in frame(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        for (place, octet) in changes {
            let place = place.index(frame.len());
            frame[place] = octet;
        }
        check(&frame, frame.len());
    }
}

/// True where a walk would look for a tunnel behind the UDP ports, which the random ones may be.
fn kind_of_port(frame: &[u8]) -> bool {
    let mut walk = Walk::default();
    walk.read(Link::Ethernet, frame, frame.len(), Depth::Outer);
    walk.headers.transport.is_some_and(|transport| {
        transport.tcp.is_none() && [transport.src_port, transport.dst_port].into_iter().any(super::is_tunnel_port)
    })
}

#[test]
fn no_port_hides_a_tunnel() {
    // Every encapsulation over UDP that there is to make, on every port: what a walk enters is never taken for plain.
    let inner = IpHeader::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let outer = IpHeader::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let packet = || Packet::payload(&[0; 8]).udp(1000, 53).ip(&inner);
    let bodies =
        [packet().ethernet([2; 6], [4; 6]).vxlan(7), packet().gtp_u(9), packet().gre(None), packet().mpls(&[16]), packet()];
    for body in bodies.map(Packet::into_bytes) {
        for port in 1..=u16::MAX {
            let frame = Packet::payload(&body).udp(40_000, port).ip(&outer).ethernet([2; 6], [4; 6]).into_bytes();
            check(&frame, frame.len());
        }
    }
}
