//! Made conversations with known answers: each is metered exactly as was done to it.

use std::net::SocketAddr;

use weir_meter::{Meter, Packet};
use weir_record::{FlowBatch, names};
use weir_testkit::{Conversation, Expected, ExpectedSide};
use weir_wire::Link;

use crate::captures::without_timeouts;

const SEEDS: u64 = 4000;

#[test]
fn made_conversations_are_measured_exactly() {
    let mut seen = Expected::default();
    for seed in 0..SEEDS {
        let conversation = Conversation::with_seed(seed);
        let expected = &conversation.expected;
        let found = measure(&conversation);
        assert_eq!(found, rounded(expected), "seed {seed}");
        seen.response_times.extend(&expected.response_times);
        for (seen, side) in seen.sides.iter_mut().zip(&expected.sides) {
            seen.retransmissions += side.retransmissions;
            seen.out_of_order += side.out_of_order;
            seen.duplicates += side.duplicates;
            seen.zero_windows += side.zero_windows;
            seen.resets += side.resets;
        }
    }
    // The seeds reach everything.
    let ExpectedSide { retransmissions, out_of_order, duplicates, zero_windows, resets, .. } = seen.sides[1];
    let least = [retransmissions, out_of_order, duplicates, zero_windows, resets, seen.response_times.len() as u32];
    assert!(least.iter().all(|count| *count > 300), "{least:?}");
}

/// What the meter says of a conversation; of the response times only what a record holds.
fn measure(conversation: &Conversation) -> Expected {
    let mut meter = Meter::new(without_timeouts());
    let mut flows = FlowBatch::new();
    for (time, frame) in &conversation.frames {
        let packet =
            Packet { time: *time, link: Link::Ethernet, data: frame, original_len: frame.len(), interface: 0, segment_size: 0 };
        meter.push(&packet, &mut flows);
    }
    while meter.finish(&mut flows) {}
    flows.finish();
    let mut found = Expected::default();
    for row in 0..flows.rows() {
        let from = SocketAddr::new(flows.src_addr.get(row).unwrap().to_ip(), flows.src_port.get(row).unwrap());
        let side = &mut found.sides[usize::from(from == conversation.server)];
        assert_eq!(side.packets, 0, "more than one flow");
        *side = ExpectedSide {
            packets: flows.packets.get(row).unwrap(),
            retransmissions: flows.retransmissions.get(row).unwrap(),
            out_of_order: flows.out_of_order.get(row).unwrap(),
            duplicates: flows.capture_duplicates.get(row).unwrap_or(0),
            zero_windows: flows.zero_windows.get(row).unwrap(),
            resets: flows.resets.get(row).unwrap(),
        };
        found.handshake = names::TCP_HANDSHAKE[usize::from(flows.tcp_handshake.get(row).unwrap())];
        let nanoseconds = |time: u32| i64::from(time) * 1000;
        found.rtt = flows.rtt_client.get(row).map(nanoseconds).zip(flows.rtt_server.get(row).map(nanoseconds));
        let count = flows.srt_count.get(row).unwrap_or(0);
        let times = [&flows.srt, &flows.srt_min, &flows.srt_max].map(|column| column.get(row).map_or(0, nanoseconds));
        let sum = flows.srt_sum.get(row).unwrap_or(0) as i64 * 1000;
        found.response_times = if count > 0 { [&times[..], &[sum, count.into()]].concat() } else { Vec::new() };
    }
    found
}

/// Response times as a record holds them: first, smallest, largest, sum, count.
fn rounded(expected: &Expected) -> Expected {
    let times = &expected.response_times;
    let (Some(first), Some(min), Some(max)) = (times.first(), times.iter().min(), times.iter().max()) else {
        return expected.clone();
    };
    Expected { response_times: vec![*first, *min, *max, times.iter().sum(), times.len() as i64], ..expected.clone() }
}
