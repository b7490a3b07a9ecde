//! Fragments that never become whole or contradict each other, and headers without end.

use weir_meter::Config;
use weir_wire::{IpHeader, Packet, Tcp, protocol};

use super::{Attack, BEGIN, CLIENT, MICROSECOND, SERVER, segment};
use crate::ALLOCATOR;

/// What fragments may hold: 4096 datagrams with 64 fragments each, which are kept by their headers, and the batch.
const ROOM: u64 = 200 << 20;

#[test]
fn fragments_that_wait_for_ever_take_no_more_than_their_room() {
    const PACKETS: u32 = 1_000_000;
    let (stats, made) = ALLOCATOR.count(|| {
        let mut attack = Attack::new(Config::default());
        let mut packet = segment(1, Tcp::ACK, &[0; 40]);
        for number in 0..PACKETS {
            // A hundred of each of ten thousand datagrams, none of them the first.
            packet[4..6].copy_from_slice(&((number % 10_000) as u16).to_be_bytes());
            packet[6..8].copy_from_slice(&(0x2000 | (1 + number / 10_000) as u16).to_be_bytes());
            attack.ip(BEGIN + i64::from(number) * MICROSECOND, &packet);
        }
        attack.end()
    });
    assert_eq!((stats.packets, stats.fragments, stats.packets_unparsed), (PACKETS.into(), PACKETS.into(), 0));
    assert!(stats.faults["fragments_no_room"] > 0);
    assert!(made.peak < ROOM, "{made:?}");
}

#[test]
fn first_fragments_that_contradict_each_other_are_all_counted() {
    let mut attack = Attack::new(Config { max_flows: 100, ..Config::default() });
    let mut packet = segment(1, Tcp::ACK, &[0; 40]);
    for number in 0..100_000_u32 {
        let offset = number % 3;
        packet[6..8].copy_from_slice(&(0x2000 | offset as u16).to_be_bytes());
        packet[20..22].copy_from_slice(&(number as u16).to_be_bytes());
        attack.ip(BEGIN + i64::from(number) * MICROSECOND, &packet);
    }
    let stats = attack.end();
    assert_eq!((stats.packets, stats.fragments, stats.packets_unparsed), (100_000, 100_000, 0));
}

#[test]
fn a_chain_of_headers_without_end_is_left() {
    let inner = Packet::of_protocol(protocol::UDP, &[0; 8]);
    let (src, dst) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
    // Hop-by-hop options, routing, destination options (RFC 8200), mobility (RFC 6275).
    for kinds in [&[0_u8][..], &[60], &[0, 43, 60], &[135, 60]] {
        let chain = kinds.iter().cycle().take(4000).fold(inner.clone(), |packet, kind| packet.extension(*kind, &[0; 6]));
        let packet = chain.ip(&IpHeader::new(src, dst)).into_bytes();
        let mut attack = Attack::new(Config::default());
        for number in 0..3 {
            attack.ip(BEGIN + number, &packet);
        }
        let (_, made) = ALLOCATOR.count(|| {
            for number in 3..1000 {
                attack.ip(BEGIN + number, &packet);
            }
        });
        assert_eq!(made.count, 0);
        let stats = attack.end();
        assert_eq!((stats.packets, stats.flows, stats.packets_unparsed), (1000, 1, 0));
    }
}

#[test]
fn tunnels_without_end_are_left() {
    let inner = Packet::of_protocol(protocol::UDP, &[0; 8]).ip(&IpHeader::new(CLIENT, SERVER));
    let nested = (0..500).fold(inner, |packet, number| {
        let packet = if number % 2 == 0 { packet.gre(Some(number)) } else { packet };
        packet.ip(&IpHeader::new(CLIENT, SERVER))
    });
    let packet = nested.into_bytes();
    let mut attack = Attack::new(Config { decapsulate: true, ..Config::default() });
    for number in 0..1000 {
        attack.ip(BEGIN + number, &packet);
    }
    assert_eq!(attack.end().packets, 1000);
}
