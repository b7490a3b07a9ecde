//! Meters random packets and packets of captures gone wrong, so many MiB of each (1024 if not told), then a flood of SYNs, and says what it took.
//!
//! `cargo run --release -p weir-meter --example packet_soak -- 1024`
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::unwrap_used, reason = "a program that measures")]

use std::time::Instant;

use weir_capture::CaptureFile;
use weir_meter::{Applications, Config, Meter, Packet};
use weir_record::FlowBatch;
use weir_testkit::{Rng, json_lines, shared_dir};
use weir_wire::{IpHeader, Link, Tcp, TcpHeader};

/// Rows after which a batch is handed on, as the program does.
const BATCH: usize = 8192;
/// Frames taken of a capture.
const FRAMES: usize = 60;
const SOURCES: u32 = 10_000_000;
const BEGIN: i64 = 1_772_442_000_000_000_000;
const MICROSECOND: i64 = 1_000;

/// A frame of a capture.
struct Frame {
    link: Link,
    data: Vec<u8>,
    original_len: usize,
}

fn main() {
    let mebibytes: usize = std::env::args().nth(1).map_or(1024, |word| word.parse().expect("a number of MiB"));
    soak("random", mebibytes << 20, random);
    let frames = captured();
    if !frames.is_empty() {
        soak("mutated", mebibytes << 20, |rng, frame| mutate(rng, &frames, frame));
    }
    flood();
}

/// Meters frames as they are made.
fn soak(kind: &str, octets: usize, mut make: impl FnMut(&mut Rng, &mut Frame)) {
    let applications = Applications { url_queries: true, sql_text: true, mail_addresses: true };
    let config = Config { decapsulate: true, histograms: true, applications: Some(applications), ..Config::default() };
    let (mut meter, mut flows) = (Meter::new(config), FlowBatch::new());
    let mut rng = Rng::with_seed(1);
    let mut frame = Frame { link: Link::Ethernet, data: Vec::new(), original_len: 0 };
    let (mut given, mut time) = (0, BEGIN);
    let start = Instant::now();
    while given < octets {
        make(&mut rng, &mut frame);
        let Frame { link, data, original_len } = &frame;
        // Time goes back now and then, and jumps.
        time += [MICROSECOND, 100 * MICROSECOND, -MICROSECOND, 1_000_000 * MICROSECOND][usize::from(rng.u8(..)) / 85];
        let segment_size = if rng.u8(..) == 0 { rng.u16(..) } else { 0 };
        meter.push(&Packet { time, link: *link, data, original_len: *original_len, interface: 0, segment_size }, &mut flows);
        given += data.len();
        hand_on(&mut flows);
    }
    finish(kind, meter, flows, start);
}

/// SYNs from everywhere, a microsecond apart.
fn flood() {
    let (mut meter, mut flows) = (Meter::new(Config::default()), FlowBatch::new());
    let header = TcpHeader { src_port: 50_000, dst_port: 443, flags: Tcp::SYN, ..TcpHeader::default() };
    let ends = IpHeader::new("192.0.2.1".parse().unwrap(), "198.51.100.1".parse().unwrap());
    let mut data = weir_wire::Packet::of_protocol(6, &[]).tcp(&header).ip(&ends).into_bytes();
    let start = Instant::now();
    for source in 0..SOURCES {
        data[12..16].copy_from_slice(&source.to_be_bytes());
        let time = BEGIN + i64::from(source) * MICROSECOND;
        meter.push(
            &Packet { time, link: Link::Ip, data: &data, original_len: data.len(), interface: 0, segment_size: 0 },
            &mut flows,
        );
        hand_on(&mut flows);
    }
    finish("SYNs", meter, flows, start);
}

fn hand_on(flows: &mut FlowBatch) {
    if flows.rows() >= BATCH {
        flows.finish();
        flows.clear();
    }
}

fn finish(kind: &str, mut meter: Meter, mut flows: FlowBatch, start: Instant) {
    while meter.finish(&mut flows) {
        hand_on(&mut flows);
    }
    let stats = meter.stats();
    println!("{kind}: {} packets, {} rows, {:.0} s", stats.packets, stats.flows, start.elapsed().as_secs_f64());
    println!("  evicted {}, unparsed {}, fragments {}", stats.flows_evicted, stats.packets_unparsed, stats.fragments);
    println!("  flow table {} MiB, peak resident memory {}", meter.memory() >> 20, peak_memory());
    println!("  faults: {:?}", stats.faults);
}

/// Octets at random that mostly begin like an Ethernet frame with IP in it.
fn random(rng: &mut Rng, frame: &mut Frame) {
    frame.data.resize_with(rng.usize(..1500), || 0);
    rng.fill(&mut frame.data);
    let octets = frame.data.len() as u16;
    if let Some(head) = frame.data.first_chunk_mut::<24>() {
        let is_v4 = rng.bool();
        // Most lengths are right.
        if rng.u8(..) < 220 {
            let (place, length) = if is_v4 { (16, octets - 14) } else { (18, octets.saturating_sub(54)) };
            head[place..place + 2].copy_from_slice(&length.to_be_bytes());
        }
        head[12..15].copy_from_slice(if is_v4 { &[8, 0, 0x45] } else { &[0x86, 0xdd, 0x60] });
        head[if is_v4 { 23 } else { 20 }] = [0, 1, 4, 6, 17, 41, 43, 44, 47, 60][rng.usize(..10)];
        if is_v4 {
            // Most are no later fragments.
            head[20] &= 0x40;
            head[21] = 0;
        }
    }
    frame.original_len = frame.data.len();
}

/// A frame of a capture with some octets changed, and now and then cut.
fn mutate(rng: &mut Rng, frames: &[Frame], frame: &mut Frame) {
    let original = &frames[rng.usize(..frames.len())];
    frame.link = original.link;
    frame.data.clone_from(&original.data);
    for _ in 0..rng.usize(..5) {
        let place = rng.usize(..frame.data.len());
        frame.data[place] = if rng.bool() { rng.u8(..) } else { frame.data[place] ^ 1 << rng.u8(..8) };
    }
    if rng.u8(..) < 20 {
        frame.data.truncate(rng.usize(..frame.data.len()));
    }
    frame.original_len = original.original_len.max(frame.data.len());
}

/// The first frames of all captures, where they are here.
fn captured() -> Vec<Frame> {
    let Some(folder) = shared_dir().map(|shared| shared.join("captures")) else {
        println!("skipped: the shared captures are not here");
        return Vec::new();
    };
    let mut frames = Vec::new();
    for line in json_lines(&folder.join("truth/packets/summary.jsonl")) {
        let Ok(mut file) = CaptureFile::open(&folder.join(line["file"].as_str().unwrap_or_default())) else { continue };
        for _ in 0..FRAMES {
            let Ok(Some(frame)) = file.next() else { break };
            let Some(link) = Link::from_pcap(frame.link_type.into()) else { continue };
            frames.push(Frame { link, data: frame.data.to_vec(), original_len: frame.original_len as usize });
        }
    }
    frames.retain(|frame| !frame.data.is_empty());
    frames
}

/// Of the whole run, as Linux tells it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("unknown".into(), |peak| peak.trim().to_owned())
}
