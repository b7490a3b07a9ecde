//! sFlow version 5 (sflow.org): a switch that samples 1 packet in 512 and sends the counters of its two interfaces.

use weir_testkit::Datagram;
use weir_wire::{IpHeader, Packet, TcpHeader};

use super::octets::Octets;
use super::traffic::{self, Flow};

/// 1 packet in so many.
const RATE: u32 = 512;
/// Octets of a frame that are kept.
const HEADER_OCTETS: usize = 128;
/// The frame check sequence, which is counted and not kept.
const STRIPPED: u32 = 4;
const VLAN: u16 = 110;

/// Samples, then counters.
pub(super) fn datagrams() -> Vec<Datagram> {
    // One sample a flow that is large enough to be met by chance, two of the largest.
    let seen = traffic::flows().into_iter().filter(|flow| flow.packets > 25);
    let samples = seen.flat_map(|flow| if flow.packets > 1_000 { vec![flow, flow] } else { vec![flow] });
    let samples: Vec<_> = samples.zip(1_u32..).map(|(flow, number)| flow_sample(&flow, number)).collect();
    let interfaces = [(traffic::OUTSIDE, 6_001_204, 9_118_773), (traffic::INSIDE, 9_120_411, 6_007_002)];
    let counters: Vec<_> = interfaces.iter().map(|(index, received, sent)| counter_sample(*index, *received, *sent)).collect();
    let mut messages: Vec<Vec<Vec<u8>>> = samples.chunks(5).map(<[_]>::to_vec).collect();
    messages.push(counters);
    let datagram = |(samples, number): (Vec<Vec<u8>>, u32)| {
        let now = 12_000 * number;
        let head = Octets::new().u32(5).u32(1).address(traffic::address("192.0.2.4"));
        let message = head.u32(0).u32(18_300 + number).u32(traffic::UPTIME + now).u32(samples.len() as u32);
        super::datagram("192.0.2.4", 50_400, 6343, now, message.bytes(&samples.concat()).0)
    };
    messages.into_iter().zip(1_u32..).map(datagram).collect()
}

fn flow_sample(flow: &Flow, number: u32) -> Vec<u8> {
    let frame = frame(flow);
    let kept = &frame[..frame.len().min(HEADER_OCTETS)];
    let raw = Octets::new().u32(1).u32(frame.len() as u32 + STRIPPED).u32(STRIPPED).u32(kept.len() as u32).bytes(kept).padded(4);
    let switch = Octets::new().u32(VLAN.into()).u32(0).u32(VLAN.into()).u32(0);
    let records = structure(1, &raw).bytes(&structure(1001, &switch).0);
    // Source: interface (type 0) of the ingress.
    let head = Octets::new().u32(40_000 + number).u32(flow.in_if).u32(RATE).u32(number * RATE).u32(0);
    structure(1, &head.u32(flow.in_if).u32(flow.out_if).u32(2).bytes(&records.0)).0
}

/// A packet of the flow in its middle, of average size.
fn frame(flow: &Flow) -> Vec<u8> {
    let headers = if flow.src.is_ipv4() { 40 } else { 60 };
    let payload = vec![0; (flow.bytes / flow.packets).saturating_sub(headers).min(1460) as usize];
    let packet = Packet::payload(&payload);
    let packet = match flow.protocol {
        6 => packet.tcp(&TcpHeader {
            src_port: flow.src_port,
            dst_port: flow.dst_port,
            seq: flow.bytes,
            ack: flow.packets,
            flags: 0x18,
            window: 501,
            options: Vec::new(),
        }),
        17 => packet.udp(flow.src_port, flow.dst_port),
        _ => packet.icmp(flow.dst_port.to_be_bytes()[0], 0, [0, 7, 0, 1]),
    };
    let packet = packet.ip(&IpHeader { ttl: 61, ..IpHeader::new(flow.src, flow.dst) });
    packet.vlan(VLAN).ethernet([2, 0, 0, 0, 1, flow.in_if as u8], [2, 0, 0, 0, 1, flow.out_if as u8]).into_bytes()
}

/// Generic interface counters.
fn counter_sample(index: u32, received: u64, sent: u64) -> Vec<u8> {
    // Ethernet (6), 1 Gbit/s, full duplex, administratively and operationally up.
    let interface = Octets::new().u32(index).u32(6).u64(1_000_000_000).u32(1).u32(3);
    let inwards = interface.u64(received).u32(9_204).u32(31).u32(12).u32(0).u32(0).u32(0);
    let outwards = inwards.u64(sent).u32(8_870).u32(18).u32(9).u32(4).u32(0).u32(0);
    let head = Octets::new().u32(7_000 + index).u32(index).u32(1);
    structure(2, &head.bytes(&structure(1, &outwards).0)).0
}

/// Format (of enterprise 0) and length in front.
fn structure(format: u32, content: &Octets) -> Octets {
    Octets::new().u32(format).u32(content.len() as u32).bytes(&content.0)
}
