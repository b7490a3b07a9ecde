//! What a packet says to the flow that it belongs to.

use weir_wire::{Fault, Headers, Ip, Tcp, Transport, Tunnel};

use crate::app::{Carrier, Context};
use crate::config::Applications;
use crate::flow::{Flow, Half};
use crate::key;
use crate::packet::{Direction, Packet};
use crate::tcp::Segment;

/// What of a packet its flow counts.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) time: i64,
    /// Wire packets, more than one for a super-packet.
    pub(crate) packets: u32,
    /// Their layer-3 octets.
    pub(crate) bytes: u64,
    pub(crate) interface: u32,
}

/// Ports of a packet, or what stands in their place.
#[inline]
pub(crate) fn ports(headers: &Headers, frame: &[u8]) -> (u16, u16) {
    let (Some(ip), Some(transport)) = (&headers.ip, &headers.transport) else {
        return (0, 0);
    };
    let Some((kind, code)) = transport.icmp else {
        return (transport.src_port, transport.dst_port);
    };
    let identifier = frame.get(transport.header_offset + 4..transport.header_offset + 6);
    let identifier = identifier.and_then(|octets| <[u8; 2]>::try_from(octets).ok()).map(u16::from_be_bytes);
    key::icmp_ports(ip.version, kind, code, identifier)
}

/// What a packet adds to its flow. Segments that were put together count as the packets that they were, each with headers of its own.
#[inline]
pub(crate) fn seen(headers: &Headers, packet: &Packet<'_>) -> Seen {
    let bytes = headers.ip.map_or(0, |ip| u64::from(ip.total_length));
    let mut seen = Seen { time: packet.time, packets: 1, bytes, interface: packet.interface };
    if packet.segment_size > 0
        && let (Some(ip), Some(transport)) = (&headers.ip, &headers.transport)
    {
        let packets = transport.payload_length.div_ceil(packet.segment_size.into()).max(1);
        let around = transport.payload_offset.saturating_sub(ip.header_offset);
        seen.packets = u32::try_from(packets).unwrap_or(u32::MAX);
        seen.bytes += ((packets - 1) * around) as u64;
    }
    seen
}

#[inline]
pub(crate) fn segment<'a>(
    direction: Direction,
    ip: &Ip,
    transport: &Transport,
    tcp: &'a Tcp,
    packet: &Packet<'a>,
    seen: &Seen,
) -> Segment<'a> {
    let checksum = packet.data.get(transport.header_offset + 16..transport.header_offset + 18);
    let checksum = checksum.and_then(|octets| <[u8; 2]>::try_from(octets).ok()).map_or(0, u16::from_be_bytes);
    Segment {
        time: seen.time,
        direction,
        tcp,
        frame: packet.data,
        payload: transport.payload(packet.data),
        length: u32::try_from(transport.payload_length).unwrap_or(u32::MAX),
        segments: seen.packets,
        ip_id: ip.id,
        ip_length: ip.total_length,
        ttl: ip.ttl,
        checksum,
    }
}

pub(crate) fn context<'a>(
    flow: &Flow,
    direction: Direction,
    carrier: Carrier,
    transport: &Transport,
    time: i64,
    settings: &'a Applications,
    histograms: bool,
) -> Context<'a> {
    let [(_, client_port), (_, server_port)] = flow.ends();
    Context { direction, time, client_port, server_port, carrier, wire_length: transport.payload_length, settings, histograms }
}

/// Counts a packet in its direction.
#[inline]
pub(crate) fn count_in(half: &mut Half, headers: &Headers, seen: &Seen) {
    let Some(ip) = &headers.ip else {
        return;
    };
    if half.packets == 0 {
        begin_half(half, headers, seen);
    }
    half.first = half.first.min(seen.time);
    half.last = half.last.max(seen.time);
    half.packets = half.packets.saturating_add(seen.packets);
    half.bytes += seen.bytes;
    half.ttl_min = half.ttl_min.min(ip.ttl);
    half.ttl_max = half.ttl_max.max(ip.ttl);
    if let Some(tcp) = headers.transport.as_ref().and_then(|transport| transport.tcp.as_ref()) {
        half.flags |= tcp.flags;
    }
}

/// What the first packet of a record says.
fn begin_half(half: &mut Half, headers: &Headers, seen: &Seen) {
    let Some(ip) = &headers.ip else {
        return;
    };
    (half.first, half.last) = (seen.time, seen.time);
    (half.ttl_min, half.ttl_max, half.tos) = (ip.ttl, ip.ttl, ip.tos);
    (half.interface, half.flow_label) = (seen.interface, ip.flow_label);
    half.has &= Half::SEEN;
    if let Some(tag) = headers.vlans.first() {
        half.vlan = tag.id();
        half.has |= Half::VLAN;
    }
    if let Some(mac) = headers.src_mac {
        half.src_mac = mac;
        half.has |= Half::SRC_MAC;
    }
    if let Some(mac) = headers.dst_mac {
        half.dst_mac = mac;
        half.has |= Half::DST_MAC;
    }
    if let Some((kind, code)) = headers.transport.as_ref().and_then(|transport| transport.icmp) {
        half.icmp = [kind, code];
        half.has |= Half::ICMP;
    }
}

/// Labels and the innermost tunnel, of the first packet of a direction's record.
#[cold]
pub(crate) fn note_rare(flow: &mut Flow, headers: &Headers, tunnel: Option<&Tunnel>, direction: Direction) {
    let rare = flow.rare.get_or_insert_default();
    rare.mpls[direction as usize] = headers.mpls.iter().copied().collect();
    rare.tunnels[direction as usize] = tunnel.copied();
}

pub(crate) const fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::Truncated => "truncated",
        Fault::IpVersion => "ip_version",
        Fault::IpHeaderLength => "ip_header_length",
        Fault::IpLength => "ip_length",
        Fault::TcpDataOffset => "tcp_data_offset",
        Fault::UdpLength => "udp_length",
    }
}
