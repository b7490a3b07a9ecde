//! Clocks that cannot be trusted, and super-packets of very many segments.

use weir_meter::{Config, Packet};
use weir_testkit::Rng;
use weir_wire::{Link, Tcp};

use super::{Attack, BEGIN, MILLISECOND, SECOND, from, segment};

const YEAR: i64 = 365 * 86_400 * SECOND;

#[test]
fn times_of_any_kind_lose_no_packet() {
    let mut rng = Rng::with_seed(5);
    let extremes = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX, BEGIN, BEGIN + YEAR, BEGIN - YEAR, BEGIN - SECOND];
    for inactive_timeout in [0, 1, MILLISECOND, 30 * SECOND, i64::MAX / 4, i64::MAX] {
        for active_timeout in [0, 60 * SECOND, i64::MAX] {
            let config = Config {
                inactive_timeout,
                active_timeout,
                closed_timeout: SECOND,
                max_flows: 20,
                histograms: true,
                ..Config::default()
            };
            let mut attack = Attack::new(config);
            let mut packet = segment(1, Tcp::ACK, b"GET / HTTP/1.1\r\n");
            for number in 0..3000 {
                let time = if rng.bool() { extremes[rng.usize(..extremes.len())] } else { rng.i64(..) };
                from(&mut packet, rng.u32(..30), 50_000);
                packet[33] = [2, 16, 16, 17, 4, 18][rng.usize(..6)];
                packet[27] = rng.u8(..);
                // Some are later fragments, which wait.
                packet[7] = u8::from(number % 10 == 0);
                attack.ip(time, &packet);
                if number % 100 == 0 {
                    while attack.meter.advance(rng.i64(..), &mut attack.flows) {}
                }
            }
            assert_eq!(attack.end().packets, 3000);
        }
    }
}

#[test]
fn a_clock_that_goes_back_keeps_flows_together() {
    let mut attack = Attack::new(Config::default());
    let mut packet = segment(1, Tcp::ACK, b"");
    for number in 0..1000 {
        from(&mut packet, 1 + number % 10, 50_000);
        attack.ip(BEGIN - i64::from(number) * MILLISECOND, &packet);
    }
    assert_eq!(attack.end().flows, 10);
}

#[test]
fn segments_of_one_octet_are_so_many_packets() {
    let mut attack = Attack::new(Config::default());
    let packet = segment(1, Tcp::ACK, &[0; 60_000]);
    for number in 0..100_000 {
        let time = BEGIN + number * 1000;
        attack.push(&Packet { time, link: Link::Ip, data: &packet, original_len: packet.len(), interface: 0, segment_size: 1 });
    }
    let stats = attack.end();
    assert_eq!((stats.packets, stats.bytes), (100_000 * 60_000, 100_000 * 60_000 * 41));
}
