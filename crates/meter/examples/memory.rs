//! Opens a million flows of each kind and says what memory they take: of the tables, of everything that was allocated, of the process.
//!
//! `cargo run --release -p weir-meter --example memory`; each kind runs in a process of its own.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::unwrap_used, reason = "a program that measures")]

use std::process::Command;

use weir_meter::{Config, Meter, Packet};
use weir_record::FlowBatch;
use weir_testkit::CountingAllocator;
use weir_wire::{IpHeader, Link, Tcp, TcpHeader};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const FLOWS: u32 = 1_000_000;
const BEGIN: i64 = 1_772_442_000_000_000_000;
/// Between packets: all flows are opened within the time that they may be idle.
const PAUSE: i64 = 1_000;

/// A kind of flow: its name, the packets of one, whether applications are looked for.
struct Kind {
    name: &'static str,
    packets: Vec<Vec<u8>>,
    applications: bool,
}

fn main() {
    let kinds = kinds();
    if let Some(number) = std::env::args().nth(1) {
        return measure(&kinds[number.parse::<usize>().expect("the number of a kind")]);
    }
    println!("{FLOWS} flows; octets for a flow: tables, all that was in use at most, resident memory of the process");
    for number in 0..kinds.len() {
        let program = std::env::current_exe().unwrap();
        assert!(Command::new(program).arg(number.to_string()).status().unwrap().success());
    }
}

fn kinds() -> Vec<Kind> {
    let syn = segment(true, 0, Tcp::SYN, b"");
    let syn_ack = segment(false, 0, Tcp::SYN | Tcp::ACK, b"");
    let ack = segment(true, 1, Tcp::ACK, b"");
    let opened = [syn.clone(), syn_ack, ack];
    let asked = |request: &[u8]| [&opened[..], &[segment(true, 1, Tcp::ACK, request)]].concat();
    let get = b"GET /index.html HTTP/1.1\r\nHost: www.example\r\nUser-Agent: curl/8.0\r\n\r\n";
    let question = [&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x03www\x07example\0\0\x01\0\x01"].concat();
    vec![
        Kind { name: "UDP, a datagram, no applications", packets: vec![datagram(40_000, &[0; 100])], applications: false },
        Kind { name: "UDP, a datagram of nothing known", packets: vec![datagram(40_000, &[0xfe; 100])], applications: true },
        Kind { name: "UDP, a DNS question", packets: vec![datagram(53, &question)], applications: true },
        Kind { name: "TCP, a SYN", packets: vec![syn], applications: true },
        Kind { name: "TCP, opened and a request, no applications", packets: asked(get), applications: false },
        Kind { name: "TCP, opened and a request of nothing known", packets: asked(&[0xfe; 2000]), applications: true },
        Kind { name: "TCP, opened and a request of HTTP", packets: asked(get), applications: true },
    ]
}

fn measure(kind: &Kind) {
    let applications = if kind.applications { Config::default().applications } else { None };
    let mut packets = kind.packets.clone();
    let (meter, made) = ALLOCATOR.count(|| {
        let mut meter = Meter::new(Config { applications, ..Config::default() });
        let mut flows = FlowBatch::new();
        for number in 0..FLOWS {
            let time = BEGIN + i64::from(number) * PAUSE;
            for packet in &mut packets {
                // The client's address, whichever end it is.
                let place = if packet[15] == 1 { 16 } else { 12 };
                packet[place..place + 3].copy_from_slice(&number.to_be_bytes()[1..]);
                meter.push(
                    &Packet { time, link: Link::Ip, data: packet, original_len: packet.len(), interface: 0, segment_size: 0 },
                    &mut flows,
                );
            }
        }
        assert_eq!((meter.stats().active, flows.rows()), (FLOWS.into(), 0));
        meter
    });
    let each = |octets: u64| octets / u64::from(FLOWS);
    println!("{}: {}, {}, {}", kind.name, each(meter.memory() as u64), each(made.peak), each(resident()));
}

/// A segment between a client, which ends with 2, and a server, which ends with 1.
fn segment(from_client: bool, seq: u32, flags: u16, payload: &[u8]) -> Vec<u8> {
    let (src_port, dst_port) = if from_client { (50_000, 443) } else { (443, 50_000) };
    let header = TcpHeader { src_port, dst_port, seq, ack: 1, flags, window: 1000, options: Vec::new() };
    let (client, server) = ("10.0.0.2".parse().unwrap(), "192.0.2.1".parse().unwrap());
    let ends = if from_client { IpHeader::new(client, server) } else { IpHeader::new(server, client) };
    weir_wire::Packet::of_protocol(6, payload).tcp(&header).ip(&ends).into_bytes()
}

/// A datagram of such a client.
fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let ends = IpHeader::new("10.0.0.2".parse().unwrap(), "192.0.2.1".parse().unwrap());
    weir_wire::Packet::of_protocol(17, payload).udp(50_000, port).ip(&ends).into_bytes()
}

/// Resident memory of this process now, octets, as Linux tells it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|line| line.split_whitespace().next());
    kibibytes.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0) * 1024
}
