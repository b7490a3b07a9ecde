//! The walk against the crate `etherparse` on the same frames: synthetic stacks, and the captures beside the workspace.
//!
//! Both sides deliver addresses, protocol, ports, TCP flags and IP length of the outermost packet; the walk alone goes on into tunnels.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

#[path = "../tests/it/captures.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod captures;

use std::{hint::black_box, net::IpAddr};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use weir_wire::{Depth, IpHeader, Link, Packet, TcpHeader, Walk};

/// What a flow table needs, summed so that nothing is optimised away.
fn with_walk(walk: &mut Walk, frame: &[u8], depth: Depth) -> u64 {
    walk.read(Link::Ethernet, frame, frame.len(), depth);
    let Some(ip) = &walk.headers.ip else { return 0 };
    let transport = walk.headers.transport.map_or(0, |transport| {
        u64::from(transport.src_port) + u64::from(transport.dst_port) + u64::from(transport.tcp.map_or(0, |tcp| tcp.flags))
    });
    address(ip.src) + address(ip.dst) + u64::from(ip.protocol) + u64::from(ip.total_length) + transport
}

fn address(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() as u64,
    }
}

fn with_etherparse(frame: &[u8]) -> u64 {
    let Ok(packet) = LaxSlicedPacket::from_ethernet(frame) else { return 0 };
    let network = match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            address(header.source_addr().into())
                + address(header.destination_addr().into())
                + u64::from(ip.payload().ip_number.0)
                + u64::from(header.total_len())
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            address(header.source_addr().into())
                + address(header.destination_addr().into())
                + u64::from(ip.payload().ip_number.0)
                + u64::from(header.payload_length())
        }
        _ => return 0,
    };
    let transport = match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            let flags = [tcp.ns(), tcp.cwr(), tcp.ece(), tcp.urg(), tcp.ack(), tcp.psh(), tcp.rst(), tcp.syn(), tcp.fin()];
            let flags = flags.into_iter().fold(0, |bits, flag| bits << 1 | u64::from(flag));
            u64::from(tcp.source_port()) + u64::from(tcp.destination_port()) + flags
        }
        Some(TransportSlice::Udp(udp)) => u64::from(udp.source_port()) + u64::from(udp.destination_port()),
        _ => 0,
    };
    network + transport
}

/// Frames of one shape each.
fn synthetic() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let v4 = IpHeader::new(IpAddr::from([192, 0, 2, 1]), IpAddr::from([198, 51, 100, 2]));
    let v6 = IpHeader::new("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
    let tcp = TcpHeader { options: vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], flags: 0x10, ..TcpHeader::default() };
    let body = [0; 400];
    let frames = |packet: Packet| vec![packet.ethernet([2; 6], [4; 6]).into_bytes(); 64];
    vec![
        ("ipv4 tcp", frames(Packet::payload(&body).tcp(&tcp).ip(&v4))),
        ("ipv6 tcp", frames(Packet::payload(&body).tcp(&tcp).ip(&v6))),
        ("vlan ipv4 udp", frames(Packet::payload(&body).udp(1, 2).ip(&v4).vlan(5))),
        ("mpls ipv4 udp", frames(Packet::payload(&body).udp(1, 2).ip(&v4).mpls(&[16, 17]))),
        (
            "vxlan ipv4 tcp",
            frames(Packet::payload(&body).tcp(&tcp).ip(&v4).ethernet([2; 6], [4; 6]).vxlan(9).udp(50_000, 4789).ip(&v4)),
        ),
    ]
}

/// Up to 1000 frames of each Ethernet capture.
fn captured() -> Vec<Vec<u8>> {
    let Some(shared) = captures::shared() else { return Vec::new() };
    let mut frames = Vec::new();
    for source in std::fs::read_dir(shared.join("packets")).unwrap() {
        for file in std::fs::read_dir(source.unwrap().path()).unwrap() {
            let found = captures::frames(&file.unwrap().path()).into_iter().take(1000);
            frames.extend(found.filter(|frame| frame.link == Some(Link::Ethernet)).map(|frame| frame.bytes));
        }
    }
    frames
}

fn walks(criterion: &mut Criterion) {
    let mut sets = synthetic();
    let captured = captured();
    if !captured.is_empty() {
        sets.push(("captured", captured));
    }
    let mut group = criterion.benchmark_group("walk");
    let mut walk = Walk::default();
    for (name, frames) in &sets {
        group.throughput(Throughput::Elements(frames.len() as u64));
        for (side, depth) in [("outer", Depth::Outer), ("inner", Depth::Inner)] {
            group.bench_function(BenchmarkId::new(side, name), |bencher| {
                bencher
                    .iter(|| frames.iter().map(|frame| with_walk(&mut walk, black_box(frame), depth)).fold(0, u64::wrapping_add))
            });
        }
        group.bench_function(BenchmarkId::new("etherparse", name), |bencher| {
            bencher.iter(|| frames.iter().map(|frame| with_etherparse(black_box(frame))).fold(0, u64::wrapping_add))
        });
    }
    group.finish();
}

criterion_group!(benches, walks);
criterion_main!(benches);
