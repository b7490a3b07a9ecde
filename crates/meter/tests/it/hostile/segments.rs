//! Segments of one connection in the worst of orders: over each other, again, backwards, with millions of holes between them.
//!
//! Work is not timed: what a packet makes the meter allocate has a limit, and so has what stays.

use weir_meter::{Applications, Config};
use weir_testkit::Rng;
use weir_wire::Tcp;

use super::{Attack, BEGIN, MICROSECOND, segment};
use crate::ALLOCATOR;

const PACKETS: u32 = 300_000;
/// Octets in use: both directions' waiting octets, what a decoder keeps, holes; and the batch.
const ROOM: u64 = 4 << 20;
/// Octets allocated for a packet: a few times its own, on average.
const FOR_A_PACKET: u64 = 4_000;

/// The sequence number of each segment.
type Order = Box<dyn Fn(u32) -> u32>;

#[test]
fn segments_in_the_worst_of_orders_are_taken_with_little_work() {
    let mut rng = Rng::with_seed(6);
    let random: Vec<u32> = (0..PACKETS).map(|_| rng.u32(..)).collect();
    let nearby: Vec<u32> = (0..PACKETS).map(|_| rng.u32(..100_000)).collect();
    let orders: [(&str, Order); 7] = [
        ("a hole between any two", Box::new(|number| number.wrapping_mul(200))),
        ("backwards", Box::new(|number| 0x4000_0000 - number * 50)),
        ("backwards with holes", Box::new(|number| 0x4000_0000_u32.wrapping_sub(number.wrapping_mul(200)))),
        ("over each other", Box::new(|number| number * 7)),
        ("the same again", Box::new(|_| 1000)),
        ("anywhere", Box::new(move |number| random[number as usize])),
        ("anywhere nearby", Box::new(move |number| nearby[number as usize])),
    ];
    let payloads: [&[u8]; 3] = [&[b'x'; 100], b"GET /", &[0x16, 3, 1, 0x3f, 0, 1, 0, 0x3e, 0, 3, 3]];
    for ((name, order), payload) in orders.iter().flat_map(|order| payloads.iter().map(move |payload| (order, payload))) {
        let (stats, made) = ALLOCATOR.count(|| {
            let keep_all = Applications { url_queries: true, sql_text: true, mail_addresses: true };
            let mut attack = Attack::new(Config { applications: Some(keep_all), ..Config::default() });
            let mut packet = segment(0, Tcp::SYN, b"");
            attack.ip(BEGIN, &packet);
            packet = segment(0, Tcp::ACK, payload);
            for number in 0..PACKETS {
                packet[24..28].copy_from_slice(&order(number).wrapping_add(1).to_be_bytes());
                // None is a copy of another by the identification.
                packet[4..6].copy_from_slice(&(number as u16).to_be_bytes());
                attack.ip(BEGIN + i64::from(number) * MICROSECOND * 10, &packet);
            }
            attack.end()
        });
        assert_eq!((stats.packets, stats.flows), (u64::from(PACKETS) + 1, 1), "{name}");
        assert!(made.peak < ROOM, "{name}: {made:?}");
        assert!(made.bytes < u64::from(PACKETS) * FOR_A_PACKET, "{name}: {made:?}");
    }
}
