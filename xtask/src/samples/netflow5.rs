//! NetFlow version 5: a router that samples nothing and knows no IPv6.

use weir_testkit::Datagram;

use super::octets::Octets;
use super::traffic::{self, Flow, MINUTE_SECONDS, UPTIME};

/// Two datagrams, each at the end of half a minute.
pub(super) fn datagrams() -> Vec<Datagram> {
    let flows: Vec<_> = traffic::flows().into_iter().filter(|flow| flow.src.is_ipv4()).collect();
    let (first, second) = flows.split_at(flows.len() / 2);
    [(first, 60_000, 0), (second, 61_500, first.len() as u32)]
        .into_iter()
        .map(|(flows, now, sequence)| super::datagram("192.0.2.1", 50_100, 2055, now, message(flows, now, sequence)))
        .collect()
}

fn message(flows: &[Flow], now: u32, sequence: u32) -> Vec<u8> {
    let header = Octets::new().u16(5).u16(flows.len() as u16).u32(UPTIME + now);
    let time = header.u32(MINUTE_SECONDS + now / 1000).u32(now % 1000 * 1_000_000);
    // Engine type 1 (a line card), engine 4; no sampling.
    let mut message = time.u32(4_100_220 + sequence).u8(1).u8(4).u16(0);
    for flow in flows {
        let next_hop = traffic::address(if flow.out_if == traffic::OUTSIDE { "192.0.2.254" } else { "0.0.0.0" });
        message = message.address(flow.src).address(flow.dst).address(next_hop);
        message = message.u16(flow.in_if as u16).u16(flow.out_if as u16).u32(flow.packets).u32(flow.bytes);
        message = message.u32(UPTIME + flow.start).u32(UPTIME + flow.end).u16(flow.src_port).u16(flow.dst_port);
        message = message.u8(0).u8(flow.flags).u8(flow.protocol).u8(0).u16(flow.src_as as u16).u16(flow.dst_as as u16);
        message = message.u8(24).u8(24).u16(0);
    }
    message.0
}
