//! Columns from the headers of a sampled packet: sFlow raw headers, IPFIX data link and IP frame sections (elements 315, 313).
//!
//! A row describes the outermost IP packet of the frame, as the device that sampled it forwarded it. Where that packet is a tunnel's, the innermost one stands in `extra`
//! under `inner_` and the column's name.

use std::net::IpAddr;

use weir_record::column::{Fixed, IpColumn};
use weir_record::{Address, FlowBatch};
use weir_wire::{Depth, Headers, Ip, Link, Transport, Walk};

use crate::members::Members;

/// A sampled frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// How it begins.
    pub(crate) link: Link,
    /// The octets that were sampled.
    pub(crate) header: &'a [u8],
    /// Octets on the wire, without what the sampler had stripped; at least those sampled.
    pub(crate) length: u64,
}

impl Frame<'_> {
    /// Fills the key, packet and layer-3 byte columns of a row that is not ended yet, from whatever headers the frame has.
    ///
    /// A column that the row has already is left as it is: what the exporter says outright goes before what its sample shows. `packets`,
    /// `frame_bytes`, times and interfaces are the caller's. `bytes` is the IP length, else the frame without its layer-2 header.
    /// `walk` is scratch memory; `extra` gets members for what has no column.
    pub(crate) fn write(&self, flows: &mut FlowBatch, row: usize, walk: &mut Walk, extra: &mut Members) {
        let on_wire = self.length.max(self.header.len() as u64);
        walk.read(self.link, self.header, usize::try_from(on_wire).unwrap_or(usize::MAX), Depth::Inner);
        let (headers, inner) = match &walk.outer {
            Some(outer) => (outer, Some(&walk.headers)),
            None => (&walk.headers, None),
        };
        write_link(headers, flows, row);
        match &headers.ip {
            Some(ip) => {
                write_ip(ip, flows, row);
                fill(&mut flows.bytes, row, u64::from(ip.total_length));
            }
            None => fill(&mut flows.bytes, row, on_wire.saturating_sub(headers.layer3_offset as u64)),
        }
        if let Some(transport) = &headers.transport {
            write_transport(transport, self.header, flows, row);
        }
        if let Some(inner) = inner {
            write_inner(walk, inner, extra);
        }
    }
}

/// Writes a value unless the row has one.
#[inline]
pub(crate) fn fill<T: Copy + Default>(column: &mut Fixed<T>, row: usize, value: T) {
    if column.get(row).is_none() {
        column.push(row, value);
    }
}

/// Writes an address unless the row has one.
#[inline]
pub(crate) fn fill_address(column: &mut IpColumn, row: usize, value: Address) {
    if column.get(row).is_none() {
        column.push(row, value);
    }
}

#[inline]
fn write_link(headers: &Headers, flows: &mut FlowBatch, row: usize) {
    if let Some(mac) = headers.src_mac {
        fill(&mut flows.src_mac, row, mac_number(mac));
    }
    if let Some(mac) = headers.dst_mac {
        fill(&mut flows.dst_mac, row, mac_number(mac));
    }
    if let Some(tag) = headers.vlans.first() {
        fill(&mut flows.vlan_in, row, tag.id());
    }
    if !headers.mpls.is_empty() && flows.mpls_labels.get(row).is_none() {
        flows.mpls_labels.push(row, headers.mpls.iter().copied());
    }
}

#[inline]
fn write_ip(ip: &Ip, flows: &mut FlowBatch, row: usize) {
    fill(&mut flows.ip_version, row, ip.version);
    fill_address(&mut flows.src_addr, row, ip.src.into());
    fill_address(&mut flows.dst_addr, row, ip.dst.into());
    fill(&mut flows.protocol, row, ip.protocol);
    fill(&mut flows.tos, row, ip.tos);
    fill(&mut flows.ttl_min, row, ip.ttl);
    fill(&mut flows.ttl_max, row, ip.ttl);
    if ip.version == 4 || ip.fragment_header {
        fill(&mut flows.ip_id, row, ip.id);
        fill(&mut flows.fragment_offset, row, ip.fragment_offset);
        fill(&mut flows.fragment_flags, row, ip.fragment_flags);
    }
    if ip.version == 6 {
        fill(&mut flows.flow_label, row, ip.flow_label);
    }
}

#[inline]
fn write_transport(transport: &Transport, frame: &[u8], flows: &mut FlowBatch, row: usize) {
    if let Some((kind, code)) = transport.icmp {
        fill(&mut flows.icmp_type, row, kind);
        fill(&mut flows.icmp_code, row, code);
        return;
    }
    fill(&mut flows.src_port, row, transport.src_port);
    fill(&mut flows.dst_port, row, transport.dst_port);
    if let Some(tcp) = &transport.tcp {
        fill(&mut flows.tcp_flags, row, tcp.flags);
        fill(&mut flows.tcp_window, row, u32::from(tcp.window));
        if tcp.options_length > 0 {
            let options = tcp.options(frame);
            fill(&mut flows.tcp_options, row, options.kinds);
            if let Some(mss) = options.mss {
                fill(&mut flows.tcp_mss, row, mss);
            }
        }
    }
}

/// Describes the packet inside a tunnel.
#[cold]
fn write_inner(walk: &Walk, inner: &Headers, extra: &mut Members) {
    if let Some(tunnel) = walk.tunnels.last() {
        extra.text("inner_tunnel_type", tunnel.kind.as_str().as_bytes());
        if let Some(id) = tunnel.id {
            extra.number("inner_tunnel_id", id);
        }
    }
    if let Some(tag) = inner.vlans.first() {
        extra.number("inner_vlan", tag.id());
    }
    for (name, mac) in [("inner_src_mac", inner.src_mac), ("inner_dst_mac", inner.dst_mac)] {
        if let Some(mac) = mac {
            extra.mac(name, mac_number(mac));
        }
    }
    let Some(ip) = &inner.ip else {
        return;
    };
    let address = |ip: IpAddr| Address::from(ip);
    extra.address("inner_src_addr", address(ip.src));
    extra.address("inner_dst_addr", address(ip.dst));
    extra.number("inner_protocol", ip.protocol);
    match inner.transport {
        Some(Transport { icmp: Some((kind, code)), .. }) => {
            extra.number("inner_icmp_type", kind);
            extra.number("inner_icmp_code", code);
        }
        Some(Transport { src_port, dst_port, .. }) => {
            extra.number("inner_src_port", src_port);
            extra.number("inner_dst_port", dst_port);
        }
        None => {}
    }
}

/// A MAC address as columns hold it: in the low 48 bits.
#[inline]
pub(crate) const fn mac_number([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}
