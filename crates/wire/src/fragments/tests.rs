//! Fragments in every order, at every limit, and at odds with each other.

use proptest::prelude::*;

use super::*;
use crate::{Depth, End, IpHeader, Link, Packet, Walk};

const SECOND: i64 = 1_000_000_000;

fn header(version: u8, id: u32) -> IpHeader {
    let header = match version {
        4 => IpHeader::new(IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])),
        _ => IpHeader::new("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()),
    };
    IpHeader { id, ..header }
}

/// A UDP datagram in fragments of at most `mtu` bytes.
fn fragments(version: u8, id: u32, payload: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    let packet = Packet::payload(payload).udp(1000, 2000);
    packet.fragments(&header(version, id), mtu).into_iter().map(Packet::into_bytes).collect()
}

fn push(state: &mut Fragments, frame: &[u8], now_ns: i64) -> Option<Datagram> {
    let mut walk = Walk::default();
    walk.read(Link::Ip, frame, frame.len(), Depth::Outer);
    let ip = walk.headers.ip.unwrap();
    assert!(ip.is_fragment());
    state.push(&ip, frame, now_ns)
}

/// A fragment of 8 * `units` bytes of this value.
fn piece(offset_units: u16, units: usize, value: u8, last: bool) -> Vec<u8> {
    let mut frame = Packet::of_protocol(17, &vec![value; units * 8]).ip(&header(4, 7)).into_bytes();
    let field = if last { offset_units } else { offset_units | 0x2000 };
    frame[6..8].copy_from_slice(&field.to_be_bytes());
    frame
}

fn limits() -> FragmentLimits {
    FragmentLimits::default()
}

#[test]
fn a_datagram_is_walked_as_if_it_had_come_whole() {
    for version in [4, 6] {
        let payload: Vec<u8> = (0..3000_u32).map(|n| n as u8).collect();
        let mut state = Fragments::new(limits());
        let parts = fragments(version, 9, &payload, 1280);
        let mut whole: Vec<Datagram> = parts.iter().rev().filter_map(|part| push(&mut state, part, 0)).collect();
        let datagram = whole.pop().unwrap();
        assert!(whole.is_empty());
        let mut walk = Walk::default();
        walk.read_reassembled(&datagram, Depth::Outer);
        let (ip, udp) = (walk.headers.ip.unwrap(), walk.headers.transport.unwrap());
        assert_eq!((walk.end, udp.src_port, udp.dst_port), (End::Complete, 1000, 2000));
        assert_eq!(udp.payload(&datagram.payload), payload);
        let expected = 3000 + 8 + if version == 4 { 20 } else { 40 };
        assert_eq!((ip.total_length, ip.is_fragment(), ip.protocol), (expected, false, 17));
        assert_eq!((state.counters().reassembled, state.in_progress(), state.bytes), (1, 0, 0));
    }
}

#[test]
fn extension_headers_and_tunnels_inside_a_datagram_are_walked() {
    let inner = Packet::payload(&[1; 100]).udp(5, 6).ip(&header(4, 1));
    let packet = inner.gre(Some(3)).extension(crate::protocol::IPV6_OPTS, &[1, 4]);
    let mut state = Fragments::new(limits());
    let parts = packet.fragments(&header(6, 1), 104).into_iter().map(Packet::into_bytes);
    let datagram = parts.filter_map(|part| push(&mut state, &part, 0)).last().unwrap();
    let mut walk = Walk::default();
    walk.read_reassembled(&datagram, Depth::Inner);
    assert_eq!((walk.end, walk.tunnels.len()), (End::Complete, 1));
    assert_eq!(walk.headers.transport.map(|udp| (udp.src_port, udp.dst_port)), Some((5, 6)));
}

#[test]
fn fragments_seen_twice_are_counted() {
    let mut state = Fragments::new(limits());
    let parts = fragments(4, 1, &[3; 100], 84);
    assert_eq!(push(&mut state, &parts[0], 0), None);
    assert_eq!(push(&mut state, &parts[0], 0), None);
    assert!(push(&mut state, &parts[1], 0).is_some());
    assert_eq!((state.counters().duplicates, state.counters().fragments), (1, 3));
}

#[test]
fn overlaps_that_agree_fill_the_gaps() {
    let mut state = Fragments::new(limits());
    for part in [piece(2, 2, 5, false), piece(6, 2, 5, false), piece(1, 8, 5, true)] {
        assert_eq!(push(&mut state, &part, 0), None);
    }
    let datagram = push(&mut state, &piece(0, 3, 5, false), 0).unwrap();
    assert_eq!(datagram.payload, vec![5; 72]);
    assert_eq!(state.bytes, 0);
}

#[test]
fn overlaps_that_disagree_drop_the_datagram_and_its_later_fragments() {
    let mut state = Fragments::new(limits());
    push(&mut state, &piece(0, 4, 1, false), 0);
    assert_eq!(push(&mut state, &piece(2, 4, 2, true), 0), None);
    assert_eq!(push(&mut state, &piece(4, 2, 1, true), 0), None);
    assert_eq!((state.counters().inconsistent, state.counters().late), (1, 1));
    assert_eq!((state.in_progress(), state.bytes), (0, 0));
    // The memory of it ends with its time.
    push(&mut state, &piece(0, 4, 1, false), 31 * SECOND);
    assert!(push(&mut state, &piece(4, 2, 1, true), 31 * SECOND).is_some());
}

#[test]
fn two_ends_or_bytes_behind_the_end_drop_the_datagram() {
    for parts in [
        [piece(4, 2, 1, true), piece(8, 2, 1, true)],
        [piece(4, 2, 1, true), piece(8, 2, 1, false)],
        [piece(8, 2, 1, false), piece(4, 2, 1, true)],
    ] {
        let mut state = Fragments::new(limits());
        parts.iter().for_each(|part| assert_eq!(push(&mut state, part, 0), None));
        assert_eq!(state.counters().inconsistent, 1);
    }
}

#[test]
fn a_datagram_that_takes_too_long_is_forgotten() {
    let mut state = Fragments::new(limits());
    let parts = fragments(4, 1, &[3; 100], 84);
    push(&mut state, &parts[0], 5 * SECOND);
    push(&mut state, &parts[1], 35 * SECOND).unwrap();
    push(&mut state, &parts[0], 5 * SECOND);
    assert_eq!(push(&mut state, &parts[1], 35 * SECOND + 1), None);
    assert_eq!((state.counters().timed_out, state.in_progress()), (1, 1));
    state.expire(100 * SECOND);
    assert_eq!((state.counters().timed_out, state.in_progress(), state.bytes), (2, 0, 0));
}

#[test]
fn the_oldest_goes_when_there_are_too_many_datagrams() {
    let mut state = Fragments::new(FragmentLimits { datagrams: 2, ..limits() });
    for id in 1..=2 {
        push(&mut state, &fragments(4, id, &[0; 100], 84)[0], 0);
    }
    assert_eq!(state.counters().over_datagrams, 0);
    push(&mut state, &fragments(4, 3, &[0; 100], 84)[0], 0);
    assert_eq!((state.counters().over_datagrams, state.in_progress()), (1, 2));
    assert!(push(&mut state, &fragments(4, 2, &[0; 100], 84)[1], 0).is_some());
}

#[test]
fn the_oldest_goes_when_there_are_too_many_bytes() {
    let mut state = Fragments::new(FragmentLimits { bytes: 128, ..limits() });
    for id in 1..=2 {
        push(&mut state, &fragments(4, id, &[0; 100], 84)[0], 0);
    }
    assert_eq!((state.counters().over_bytes, state.bytes), (0, 128));
    push(&mut state, &fragments(4, 3, &[0; 100], 84)[0], 0);
    assert_eq!((state.counters().over_bytes, state.bytes, state.in_progress()), (1, 128, 2));
}

#[test]
fn too_many_pieces_drop_the_datagram() {
    let mut state = Fragments::new(FragmentLimits { pieces: 3, ..limits() });
    for offset in [2, 4, 6] {
        push(&mut state, &piece(offset, 1, 0, false), 0);
    }
    assert_eq!((state.counters().over_pieces, state.in_progress()), (0, 1));
    push(&mut state, &piece(8, 1, 0, false), 0);
    assert_eq!((state.counters().over_pieces, state.in_progress(), state.bytes), (1, 0, 0));
}

#[test]
fn a_datagram_longer_than_ip_can_say_is_dropped() {
    let mut state = Fragments::new(limits());
    push(&mut state, &piece(0, 2, 0, false), 0);
    push(&mut state, &piece(0x1fff, 2, 0, true), 0);
    assert_eq!((state.counters().oversized, state.in_progress(), state.bytes), (1, 0, 0));
}

#[test]
fn odd_and_cut_fragments_are_counted() {
    let mut state = Fragments::new(limits());
    let mut odd = piece(0, 2, 0, false);
    odd[2..4].copy_from_slice(&33_u16.to_be_bytes());
    push(&mut state, &odd, 0);
    push(&mut state, &piece(2, 0, 0, true), 0);
    assert_eq!(state.counters().malformed, 2);
    let whole = piece(0, 2, 0, false);
    let mut walk = Walk::default();
    walk.read(Link::Ip, &whole[..30], whole.len(), Depth::Outer);
    assert_eq!(state.push(&walk.headers.ip.unwrap(), &whole[..30], 0), None);
    assert_eq!((state.counters().cut, state.in_progress()), (1, 0));
}

proptest! {
    #[test]
    fn any_order_with_repeats_gives_the_datagram(
        payload in proptest::collection::vec(any::<u8>(), 100..2000),
        mtu in 100..400_usize,
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..60),
        version in prop::sample::select(vec![4, 6]),
    ) {
        let parts = fragments(version, 5, &payload, mtu);
        prop_assume!(parts.len() > 1);
        let mut state = Fragments::new(limits());
        let order = picks.iter().map(|pick| pick.index(parts.len())).chain(0..parts.len());
        let whole = order.map(|at| push(&mut state, &parts[at], 0)).find_map(|found| found).unwrap();
        prop_assert_eq!(&whole.payload[8..], &payload[..]);
        prop_assert_eq!(state.bytes, 0);
    }

    #[test]
    fn any_fragments_keep_the_sums(
        parts in proptest::collection::vec((0..20_u16, 0..6_usize, 0..2_u8, any::<bool>(), 0..50_i64), 0..100),
    ) {
        let mut state = Fragments::new(FragmentLimits { pieces: 8, bytes: 100, ..limits() });
        for (offset, units, value, last, seconds) in parts {
            if offset == 0 && last {
                continue;
            }
            push(&mut state, &piece(offset, units, value, last), seconds * SECOND);
            let held: usize = state.datagrams.values().map(|pieces| pieces.pieces.values().map(Vec::len).sum::<usize>()).sum();
            prop_assert_eq!(held, state.bytes);
            prop_assert!(state.bytes <= 100);
            prop_assert_eq!(state.order.len(), state.datagrams.len());
        }
    }
}
