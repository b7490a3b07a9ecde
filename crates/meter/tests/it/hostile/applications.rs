//! Connections that begin something which the application decoders wait for, and never go on.

use weir_meter::{Config, Stats};
use weir_testkit::Allocations;
use weir_wire::{IpHeader, Packet, Tcp};

use super::{Attack, BEGIN, CLIENT, MICROSECOND, SERVER, from, segment};
use crate::ALLOCATOR;

const CONNECTIONS: u32 = 100_000;
/// What all connections may keep together of octets that wait.
const POOL: u64 = 64 << 20;
/// Octets of memory that a connection may take beside, its application and decoder included.
const PER_CONNECTION: u64 = 1_600;

#[test]
fn heads_of_requests_that_never_end_share_one_room() {
    let head = [b"GET / HTTP/1.1\r\nHost: ".as_slice(), &[b'a'; 1200]].concat();
    held("http", &[segment(1, Tcp::ACK, &head)]);
}

#[test]
fn hellos_that_never_end_share_one_room() {
    // A record of 16,000 octets with a ClientHello of 15,996.
    let hello = [&[0x16, 3, 1, 0x3e, 0x80, 1, 0, 0x3e, 0x7c, 3, 3], [7; 1300].as_slice()].concat();
    held("tls", &[segment(1, Tcp::ACK, &hello)]);
    let next = segment(1 + hello.len() as u32, Tcp::ACK, &[7; 1300]);
    held("tls in two segments", &[segment(1, Tcp::ACK, &hello), next]);
}

#[test]
fn octets_ahead_of_others_share_one_room() {
    held("ahead", &[segment(1, Tcp::ACK, b"G"), segment(5000, Tcp::ACK, &[b'a'; 1300])]);
}

#[test]
fn hellos_of_quic_that_never_end_are_bounded() {
    // A long header of version 1 with connection ids; the protected rest is nothing that can be opened.
    let initial = [&[0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x9e], [7; 1182].as_slice()].concat();
    let packet = Packet::of_protocol(17, &initial).udp(50_000, 443).ip(&IpHeader::new(CLIENT, SERVER)).into_bytes();
    let (stats, made) = attacked(&[packet]);
    assert_eq!(stats.packets, u64::from(CONNECTIONS));
    assert!(made.peak < u64::from(CONNECTIONS) * PER_CONNECTION, "{made:?}");
}

#[test]
fn what_is_found_out_of_a_connection_is_short() {
    let head: Vec<String> = ["Host", "User-Agent", "Referer", "X-Forwarded-For", "Content-Type", "Cookie", "Accept"]
        .iter()
        .map(|name| format!("{name}: {}\r\n", "a".repeat(1500)))
        .collect();
    let request = format!("GET /{} HTTP/1.1\r\n{}\r\n", "b".repeat(1500), head.concat());
    let segments: Vec<_> =
        request.as_bytes().chunks(1400).zip(0..).map(|(part, number)| segment(1 + number * 1400, Tcp::ACK, part)).collect();
    let (stats, made) = attacked(&segments);
    assert_eq!(stats.faults.get("application_no_room"), None);
    // Seven texts of 512 octets, and the room that a growing text has ahead.
    assert!(made.peak < u64::from(CONNECTIONS) * (PER_CONNECTION + 7 * 1024), "{made:?}");
}

/// Every connection sends the same: together they keep no more than the pool, and those that found no room are counted.
fn held(name: &str, packets: &[Vec<u8>]) {
    let (stats, made) = attacked(packets);
    assert_eq!(stats.packets, u64::from(CONNECTIONS) * packets.len() as u64);
    let refused = stats.faults.get("application_no_room").copied().unwrap_or(0);
    let most = POOL + u64::from(CONNECTIONS) * PER_CONNECTION;
    assert!(refused > 0 && refused < u64::from(CONNECTIONS), "{name}: {refused} refused, {made:?}");
    assert!(made.peak < most, "{name}: {made:?}, {refused} refused");
}

fn attacked(packets: &[Vec<u8>]) -> (Stats, Allocations) {
    let mut packets = packets.to_vec();
    ALLOCATOR.count(|| {
        let mut attack = Attack::new(Config::default());
        for number in 0..CONNECTIONS {
            for packet in &mut packets {
                from(packet, number, 50_000);
                attack.ip(BEGIN + i64::from(number) * MICROSECOND, packet);
            }
        }
        attack.end()
    })
}
