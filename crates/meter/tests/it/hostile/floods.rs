//! More flows than there is room for, and flows that are opened anew all the time.

use weir_meter::Config;
use weir_wire::Tcp;

use super::{Attack, BEGIN, MICROSECOND, MILLISECOND, SECOND, from, segment};
use crate::ALLOCATOR;

/// Octets of memory that a flow may take, its part of the index and the buckets included, with the room that vectors have ahead.
const PER_FLOW: u64 = 800;
/// Batch, walks, first sizes of tables.
const REST: u64 = 8 << 20;

#[test]
fn a_flood_of_syns_from_ten_million_sources_takes_no_more_than_its_room() {
    const SOURCES: u32 = 10_000_000;
    const ROOM: usize = 20_000;
    let (stats, made) = ALLOCATOR.count(|| {
        let mut attack = Attack::new(Config { max_flows: ROOM, ..Config::default() });
        let mut packet = segment(1, Tcp::SYN, b"");
        for source in 0..SOURCES {
            from(&mut packet, source, source as u16);
            attack.ip(BEGIN + i64::from(source) * MICROSECOND, &packet);
            assert!(source % 100_000 != 0 || attack.meter.stats().active <= ROOM as u64);
        }
        attack.end()
    });
    assert_eq!((stats.packets, stats.flows), (u64::from(SOURCES), u64::from(SOURCES)));
    assert_eq!(stats.flows_evicted, u64::from(SOURCES) - ROOM as u64);
    assert!(made.peak < ROOM as u64 * PER_FLOW + REST, "{made:?}");
}

#[test]
fn what_was_idle_for_longest_goes_first() {
    const ROOM: usize = 5_000;
    // Flows that are idle for as long as a bucket of the expiry is wide may change places.
    const BUCKET: i64 = 250 * MILLISECOND;
    let mut attack = Attack::new(Config { max_flows: ROOM, ..Config::default() });
    let mut packet = segment(1, Tcp::ACK, b"");
    for number in 0..20_000_u32 {
        let now = BEGIN + i64::from(number) * MILLISECOND;
        // One flow is old and never idle for long.
        from(&mut packet, if number % 100 == 0 { u32::MAX } else { number }, 50_000);
        attack.ip(now, &packet);
        attack.flows.finish();
        for row in 0..attack.flows.rows() {
            let idle = now - attack.flows.time_end.get(row).unwrap();
            assert!(idle > ROOM as i64 * MILLISECOND - BUCKET, "{idle}");
        }
        attack.add_up();
    }
    assert_eq!(attack.end().flows_evicted, 20_000 - 200 + 1 - ROOM as u64);
}

#[test]
fn a_connection_that_is_opened_anew_all_the_time_takes_no_memory() {
    const PACKETS: u32 = 4_000_000;
    // Each SYN has another number, so each is another connection; then each is reset at once; then one is refused and tried again.
    for (flags, step) in [([Tcp::SYN, Tcp::SYN], 77_777), ([Tcp::SYN, Tcp::RST], 77_777), ([Tcp::SYN, Tcp::RST], 0)] {
        let (stats, made) = ALLOCATOR.count(|| {
            let mut attack = Attack::new(Config { inactive_timeout: 3600 * SECOND, ..Config::default() });
            let mut packet = segment(1, 0, b"");
            for number in 0..PACKETS {
                packet[24..28].copy_from_slice(&number.wrapping_mul(step).to_be_bytes());
                packet[33] = flags[number as usize % 2] as u8;
                attack.ip(BEGIN + i64::from(number) * MICROSECOND, &packet);
            }
            attack.end()
        });
        assert!(step == 0 || stats.flows >= u64::from(PACKETS) / 2, "{stats:?}");
        assert!(made.peak < REST, "{made:?}");
    }
}

#[test]
fn connections_that_are_closed_at_once_leave_nothing_behind() {
    const CONNECTIONS: u32 = 2_000_000;
    let (stats, made) = ALLOCATOR.count(|| {
        let mut attack = Attack::new(Config { inactive_timeout: 3600 * SECOND, ..Config::default() });
        let mut packet = segment(1, 0, b"");
        for number in 0..CONNECTIONS {
            let now = BEGIN + i64::from(number) * MILLISECOND;
            from(&mut packet, number, 50_000);
            for flags in [Tcp::SYN, Tcp::RST] {
                packet[33] = flags as u8;
                attack.ip(now, &packet);
            }
        }
        attack.end()
    });
    // They wait for stragglers for a second.
    assert_eq!((stats.flows, stats.flows_evicted), (u64::from(CONNECTIONS), 0));
    assert!(made.peak < REST, "{made:?}");
}
