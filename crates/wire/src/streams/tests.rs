//! Streams with segments lost, repeated, early, late, cut and behind the end.

use proptest::prelude::*;

use super::*;
use crate::{Depth, IpHeader, Link, Packet, Tcp, TcpHeader, Walk};

const SECOND: i64 = 1_000_000_000;

/// A stream table and what it told.
struct Bench {
    streams: Streams,
    told: Vec<String>,
    data: Vec<u8>,
}

impl Bench {
    fn new(limits: StreamLimits) -> Self {
        Self { streams: Streams::new(limits), told: Vec::new(), data: Vec::new() }
    }

    /// A segment from this port, of which `captured` bytes of payload are at hand.
    fn push(&mut self, src_port: u16, seq: u32, flags: u16, payload: &[u8], captured: usize, now_ns: i64) {
        let header = TcpHeader { src_port, dst_port: 4739, seq, flags, ..TcpHeader::default() };
        let ip = IpHeader::new(IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let frame = Packet::payload(payload).tcp(&header).ip(&ip).into_bytes();
        let cut = frame.get(..frame.len() - payload.len() + captured).unwrap();
        let mut walk = Walk::default();
        walk.read(Link::Ip, cut, frame.len(), Depth::Outer);
        let (told, data) = (&mut self.told, &mut self.data);
        self.streams.push(&walk.headers, cut, now_ns, |key, event| note(told, data, key, event));
    }

    fn segment(&mut self, seq: u32, flags: u16, payload: &[u8]) {
        self.push(1000, seq, flags, payload, payload.len(), 0);
    }

    fn finish(&mut self) {
        let (told, data) = (&mut self.told, &mut self.data);
        self.streams.finish(|key, event| note(told, data, key, event));
    }

    /// What was told since the last time, in short.
    fn told(&mut self) -> String {
        std::mem::take(&mut self.told).join(" ")
    }
}

fn note(told: &mut Vec<String>, data: &mut Vec<u8>, key: &StreamKey, event: StreamEvent<'_>) {
    let text = match event {
        StreamEvent::Start { midstream: false } => "start".to_owned(),
        StreamEvent::Start { midstream: true } => "midstream".to_owned(),
        StreamEvent::Data(bytes) => {
            data.extend(bytes);
            String::from_utf8_lossy(bytes).into_owned()
        }
        StreamEvent::Gap { bytes } => format!("gap{bytes}"),
        StreamEvent::End(why) => format!("{why:?}"),
    };
    told.push(if key.src_port == 1000 { text } else { format!("{}:{text}", key.src_port) });
}

fn limits() -> StreamLimits {
    StreamLimits::default()
}

#[test]
fn a_connection_is_told_from_syn_to_fin() {
    let mut bench = Bench::new(limits());
    bench.segment(99, Tcp::SYN, b"");
    bench.segment(100, Tcp::ACK, b"");
    bench.segment(100, Tcp::ACK, b"abc");
    bench.segment(103, Tcp::ACK | Tcp::FIN, b"de");
    assert_eq!(bench.told(), "start abc de Fin");
    // Late copies do not open it again.
    bench.segment(100, Tcp::ACK, b"abc");
    bench.segment(99, Tcp::SYN, b"");
    assert_eq!((bench.told().as_str(), bench.streams.counters().after_end), ("", 1));
    bench.segment(7000, Tcp::SYN, b"");
    assert_eq!(bench.told(), "start");
}

#[test]
fn early_segments_wait_and_repeated_ones_are_passed_over() {
    let mut bench = Bench::new(limits());
    bench.segment(99, Tcp::SYN, b"");
    bench.segment(106, Tcp::ACK, b"ghi");
    bench.segment(103, Tcp::ACK, b"def");
    bench.segment(109, Tcp::ACK | Tcp::FIN, b"");
    assert_eq!(bench.told(), "start");
    bench.segment(100, Tcp::ACK, b"abc");
    assert_eq!(bench.told(), "abc def ghi Fin");
    let counters = *bench.streams.counters();
    assert_eq!((counters.out_of_order, counters.retransmissions, counters.gaps), (2, 0, 0));
    assert_eq!(bench.streams.held, 0);
}

#[test]
fn overlaps_bring_only_what_is_new() {
    let mut bench = Bench::new(limits());
    bench.segment(100, Tcp::ACK, b"abc");
    bench.segment(101, Tcp::ACK, b"XXdef");
    bench.segment(100, Tcp::ACK, b"abcdef");
    // Waiting ones too: of those that begin at the same byte the longer one stands.
    bench.segment(108, Tcp::ACK, b"ij");
    bench.segment(108, Tcp::ACK, b"ijkl");
    bench.segment(110, Tcp::ACK, b"klm");
    bench.segment(106, Tcp::ACK, b"gh");
    assert_eq!(bench.told(), "midstream abc def gh ijkl m");
    assert_eq!(bench.streams.counters().retransmissions, 1);
}

#[test]
fn sequence_numbers_wrap() {
    let mut bench = Bench::new(limits());
    bench.segment(u32::MAX - 2, Tcp::SYN, b"");
    bench.segment(1, Tcp::ACK, b"def");
    bench.segment(u32::MAX - 1, Tcp::ACK, b"abc");
    bench.segment(4, Tcp::ACK | Tcp::FIN, b"g");
    assert_eq!(bench.told(), "start abc def g Fin");
}

#[test]
fn bytes_that_do_not_come_in_time_are_a_gap() {
    let mut bench = Bench::new(limits());
    bench.segment(100, Tcp::ACK, b"abc");
    bench.push(1000, 105, Tcp::ACK, b"fgh", 3, SECOND);
    bench.push(1000, 108, Tcp::ACK, b"i", 1, 11 * SECOND);
    assert_eq!(bench.told(), "midstream abc");
    bench.push(1000, 109, Tcp::ACK, b"j", 1, 11 * SECOND + 1);
    assert_eq!(bench.told(), "gap2 fgh i j");
    let counters = bench.streams.counters();
    assert_eq!((counters.gaps, counters.gap_bytes), (1, 2));
    // What was given up is not taken back.
    bench.push(1000, 103, Tcp::ACK, b"de", 2, 12 * SECOND);
    assert_eq!(bench.told(), "");
}

#[test]
fn what_waits_is_bounded_in_a_stream_and_in_all() {
    // A segment of 100 bytes costs 164.
    for (limits, port) in
        [(StreamLimits { stream_bytes: 328, ..limits() }, 1000), (StreamLimits { bytes: 328, ..limits() }, 2000)]
    {
        let mut bench = Bench::new(limits);
        bench.segment(100, Tcp::SYN, b"");
        bench.push(2000, 100, Tcp::SYN, b"", 0, 0);
        bench.segment(201, Tcp::ACK, &[b'x'; 100]);
        bench.push(port, 401, Tcp::ACK, &[b'y'; 100], 100, 0);
        assert_eq!((bench.told().as_str(), bench.streams.held), ("start 2000:start", 328));
        bench.push(port, 601, Tcp::ACK, b"z", 1, 0);
        assert!(bench.told().contains(if port == 1000 { "gap100" } else { "2000:gap300" }));
        assert!(bench.streams.held <= 328);
    }
}

#[test]
fn bytes_cut_by_the_capture_are_a_gap() {
    let mut bench = Bench::new(limits());
    bench.push(1000, 100, Tcp::ACK, b"abcdef", 4, 0);
    bench.segment(110, Tcp::ACK, b"klm");
    bench.push(1000, 106, Tcp::ACK, b"ghij", 3, 0);
    assert_eq!(bench.told(), "midstream abcd gap2 ghi gap1 klm");
}

#[test]
fn reset_new_connection_and_end_of_input_hand_out_what_waits() {
    let mut bench = Bench::new(limits());
    bench.segment(100, Tcp::ACK, b"a");
    bench.segment(103, Tcp::ACK, b"d");
    bench.segment(104, Tcp::RST, b"");
    assert_eq!(bench.told(), "midstream a gap2 d Reset");
    bench.segment(500, Tcp::SYN, b"");
    bench.segment(503, Tcp::ACK, b"x");
    bench.segment(900, Tcp::SYN, b"");
    assert_eq!(bench.told(), "start gap2 x Replaced start");
    bench.segment(903, Tcp::ACK, b"y");
    bench.finish();
    assert_eq!(bench.told(), "gap2 y Finished");
    assert_eq!((bench.streams.streams.len(), bench.streams.held), (0, 0));
}

#[test]
fn the_stream_longest_silent_goes_when_there_are_too_many() {
    let mut bench = Bench::new(StreamLimits { streams: 2, ..limits() });
    for port in [1, 2, 1] {
        bench.push(port, 100, Tcp::ACK, b"a", 1, 0);
    }
    bench.told();
    bench.push(3, 100, Tcp::ACK, b"a", 1, 0);
    assert_eq!(bench.told(), "2:Evicted 3:midstream 3:a");
}

#[test]
fn silent_streams_end() {
    let mut bench = Bench::new(limits());
    bench.push(1, 100, Tcp::ACK, b"a", 1, 0);
    bench.push(2, 100, Tcp::ACK, b"a", 1, 600 * SECOND);
    assert!(!bench.told().contains("Idle"));
    bench.push(2, 101, Tcp::ACK, b"b", 1, 600 * SECOND + 1);
    assert_eq!(bench.told(), "1:Idle 2:b");
}

#[test]
fn a_segment_beyond_any_window_is_counted() {
    let mut bench = Bench::new(limits());
    bench.segment(0, Tcp::SYN, b"");
    bench.segment(0x5000_0000, Tcp::ACK, b"x");
    assert_eq!((bench.told().as_str(), bench.streams.counters().out_of_window), ("start", 1));
}

proptest! {
    #[test]
    fn any_order_with_repeats_gives_the_stream(
        text in proptest::collection::vec(any::<u8>(), 1..400),
        cuts in proptest::collection::vec(any::<(prop::sample::Index, u8)>(), 0..40),
        initial in any::<u32>(),
    ) {
        let mut bench = Bench::new(limits());
        bench.segment(initial, Tcp::SYN, b"");
        let pieces = cuts.iter().map(|(at, length)| (at.index(text.len()), usize::from(*length)));
        // Pieces in any order, then the whole in order.
        let in_order = (0..text.len()).step_by(50).map(|at| (at, 50));
        for (at, length) in pieces.chain(in_order) {
            let piece = &text[at..text.len().min(at + length)];
            bench.segment(initial.wrapping_add(1 + at as u32), Tcp::ACK, piece);
        }
        prop_assert_eq!(&bench.data, &text);
        prop_assert_eq!((bench.streams.held, bench.streams.counters().gaps), (0, 0));
    }

    #[test]
    fn any_segments_keep_the_sums(
        segments in proptest::collection::vec((0..3_u16, 0..2000_u32, 0..64_u16, 0..100_usize, 0..100_usize, 0..20_i64), 0..100),
    ) {
        let mut bench = Bench::new(StreamLimits { streams: 2, stream_bytes: 500, bytes: 800, ..limits() });
        for (port, seq, flags, length, captured, seconds) in segments {
            bench.push(port, seq, flags, &vec![0; length], captured.min(length), seconds * SECOND);
            let held: usize = bench.streams.streams.values().map(|entry| entry.stream.held()).sum();
            prop_assert_eq!(held, bench.streams.held);
            prop_assert!(held <= 800);
            prop_assert_eq!(bench.streams.order.len(), bench.streams.streams.len());
        }
        bench.finish();
        prop_assert_eq!(bench.streams.held, 0);
    }
}
