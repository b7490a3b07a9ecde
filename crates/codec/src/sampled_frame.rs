//! Columns from the headers of a sampled packet: sFlow samples, IPFIX data link and IP frame sections (elements 315, 313).
//!
//! A row describes the outermost IP packet of the frame, as the device that sampled it forwarded it. Where that packet is a tunnel's, the innermost
//! one stands in `extra` under `inner_` and the column's name.
//!
//! What a packet says is collected in a [`Sampled`] first. A whole batch of them is then written a column at a time, which costs a third of writing row by row.

mod plain;

use std::net::IpAddr;

use weir_record::column::{Fixed, IpColumn};
use weir_record::{Address, FlowBatch};
use weir_wire::{Depth, Headers, Ip, Link, Tcp, Transport, Walk};

use crate::members::Members;

/// Makes the struct, its setters and its writers from one list of columns.
macro_rules! sampled {
    ($($column:ident: $ty:ty),* $(,)?) => {
        /// Which column a bit of [`Sampled::has`] stands for.
        #[allow(non_camel_case_types, reason = "one spelling of a column's name everywhere")]
        #[derive(Clone, Copy)]
        enum Bit { $($column),* }

        /// The columns that a sampled packet can fill, those that it does fill marked in `has`.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) struct Sampled {
            has: u64,
            $($column: $ty,)*
        }

        impl Sampled {
            /// Nothing set. All zeros, which is the cheapest to make many of.
            pub(crate) const EMPTY: Self = Self { has: 0, $($column: <$ty>::ZERO,)* };

            $(
                /// Sets the column; a later value wins.
                #[inline]
                pub(crate) const fn $column(&mut self, value: $ty) {
                    self.$column = value;
                    self.has |= 1 << Bit::$column as u64;
                }
            )*

            /// Forgets everything.
            #[inline]
            pub(crate) const fn clear(&mut self) {
                self.has = 0;
            }

            /// Writes rows from `row` on, which are not ended yet and have nothing in these columns.
            pub(crate) fn write_all(samples: &[Self], flows: &mut FlowBatch, row: usize) {
                let (all, any) = samples.iter().fold((u64::MAX, 0), |(all, any), sample| (all & sample.has, any | sample.has));
                $(
                    if all >> Bit::$column as u64 & 1 == 1 {
                        flows.$column.extend(row, samples.iter().map(|sample| sample.$column));
                    } else if any >> Bit::$column as u64 & 1 == 1 {
                        write_some(&mut flows.$column, samples, row, Bit::$column, |sample| sample.$column);
                    }
                )*
            }

            /// Writes a row that is not ended yet. A column that the row has already is left as it is: what the exporter says outright goes
            /// before what its sample shows.
            pub(crate) fn write(&self, flows: &mut FlowBatch, row: usize) {
                $(
                    if self.has >> Bit::$column as u64 & 1 == 1 && flows.$column.get(row).is_none() {
                        flows.$column.push(row, self.$column);
                    }
                )*
            }
        }
    };
}

sampled! {
    record_kind: u8,
    sampling_rate: u32,
    in_if: u32,
    out_if: u32,
    in_if_kind: u8,
    out_if_kind: u8,
    drop_reason: u16,
    frame_bytes: u64,
    src_mac: u64,
    dst_mac: u64,
    vlan_in: u16,
    vlan_out: u16,
    ip_version: u8,
    src_addr: Address,
    dst_addr: Address,
    protocol: u8,
    tos: u8,
    ttl_min: u8,
    ttl_max: u8,
    ip_id: u32,
    fragment_offset: u16,
    fragment_flags: u8,
    flow_label: u32,
    bytes: u64,
    src_port: u16,
    dst_port: u16,
    tcp_flags: u16,
    tcp_window: u32,
    tcp_options: u64,
    tcp_mss: u16,
    icmp_type: u8,
    icmp_code: u8,
}

/// What a value is before it is set.
trait Zero {
    const ZERO: Self;
}

macro_rules! zero {
    ($($number:ty),*) => { $(impl Zero for $number { const ZERO: Self = 0; })* };
}

zero! { u8, u16, u32, u64 }

impl Zero for Address {
    const ZERO: Self = Self::from_halves(0, 0);
}

/// A column of one value a row, whatever holds it.
trait Column<T> {
    fn push(&mut self, row: usize, value: T);
    fn extend(&mut self, row: usize, values: impl ExactSizeIterator<Item = T> + Clone);
    fn unset(&mut self, row: usize);
}

/// Hands the methods of a column on.
macro_rules! column {
    ($(($($generic:ident)?) $column:ty, $value:ty);*) => { $(
        impl$(<$generic: Copy + Default>)? Column<$value> for $column {
            #[inline]
            fn push(&mut self, row: usize, value: $value) {
                <$column>::push(self, row, value);
            }
            #[inline]
            fn extend(&mut self, row: usize, values: impl ExactSizeIterator<Item = $value> + Clone) {
                <$column>::extend(self, row, values);
            }
            #[inline]
            fn unset(&mut self, row: usize) {
                <$column>::unset(self, row);
            }
        }
    )* };
}

column! { (T) Fixed<T>, T; () IpColumn, Address }

/// Writes a column that some of the samples have. Out of line: it would crowd out what all of them have.
#[inline(never)]
fn write_some<T>(column: &mut impl Column<T>, samples: &[Sampled], row: usize, bit: Bit, value: impl Fn(&Sampled) -> T + Clone) {
    let has = |sample: &&Sampled| sample.has >> bit as u64 & 1 == 1;
    let rows = || samples.iter().enumerate();
    if samples.iter().filter(has).count() * 2 >= samples.len() {
        // Absent rows are fewer than the others, and taking a value back is cheaper than leaving a gap.
        column.extend(row, samples.iter().map(value));
        rows().filter(|(_, sample)| !has(sample)).for_each(|(place, _)| column.unset(row + place));
    } else {
        rows().filter(|(_, sample)| has(sample)).for_each(|(place, sample)| column.push(row + place, value(sample)));
    }
}

/// A sampled frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// How it begins.
    pub(crate) link: Link,
    /// The octets that were sampled.
    pub(crate) header: &'a [u8],
    /// Octets on the wire; at least those sampled.
    pub(crate) length: u64,
}

impl Frame<'_> {
    /// Fills the key, packet and layer-3 byte columns of an unfinished row from whatever headers the frame has.
    ///
    /// A column that the row has already is left as it is. `packets`, `frame_bytes`, times and interfaces are the caller's. `bytes` is the IP
    /// length, else the frame without its layer-2 header. `walk` is scratch memory; `extra` gets members for what has no column.
    pub(crate) fn write(&self, flows: &mut FlowBatch, row: usize, walk: &mut Walk, extra: &mut Members) {
        let mut sampled = Sampled::EMPTY;
        let has_labels = !self.read_plain(&mut sampled) && self.walk(&mut sampled, walk, extra);
        sampled.write(flows, row);
        if has_labels {
            write_labels(walk, flows, row);
        }
    }

    /// Sets what [`Frame::write`] fills, MPLS labels aside; where there are some it says so, and [`write_labels`] writes them afterwards.
    #[inline]
    pub(crate) fn read(&self, sampled: &mut Sampled, walk: &mut Option<Walk>, extra: &mut Members) -> bool {
        !self.read_plain(sampled) && self.walk(sampled, walk.get_or_insert_default(), extra)
    }

    /// Sets the columns of a frame that is plain.
    #[inline]
    fn read_plain(&self, sampled: &mut Sampled) -> bool {
        self.link == Link::Ethernet && plain::set(self.header, self.on_wire(), sampled)
    }

    /// Octets on the wire.
    #[inline]
    fn on_wire(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX).max(self.header.len())
    }

    /// Sets the columns of any frame.
    fn walk(&self, sampled: &mut Sampled, walk: &mut Walk, extra: &mut Members) -> bool {
        let on_wire = self.on_wire();
        walk.read(self.link, self.header, on_wire, Depth::Inner);
        let headers = outermost(walk);
        set_link(headers, sampled);
        match &headers.ip {
            Some(ip) => {
                set_ip(ip, sampled);
                sampled.bytes(u64::from(ip.total_length));
            }
            None => sampled.bytes(on_wire.saturating_sub(headers.layer3_offset) as u64),
        }
        if let Some(transport) = &headers.transport {
            set_transport(transport, self.header, sampled);
        }
        if walk.outer.is_some() {
            write_inner(walk, extra);
        }
        !headers.mpls.is_empty()
    }
}

/// Writes the labels of the frame that was walked over last to an unfinished row that has none.
#[inline]
pub(crate) fn write_labels(walk: &Walk, flows: &mut FlowBatch, row: usize) {
    let labels = &outermost(walk).mpls;
    if !labels.is_empty() && flows.mpls_labels.get(row).is_none() {
        flows.mpls_labels.push(row, labels.iter().copied());
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

/// A MAC address as columns hold it: in the low 48 bits.
#[inline]
pub(crate) const fn mac_number([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

#[inline]
fn outermost(walk: &Walk) -> &Headers {
    walk.outer.as_ref().unwrap_or(&walk.headers)
}

#[inline]
fn set_link(headers: &Headers, sampled: &mut Sampled) {
    if let Some(mac) = headers.src_mac {
        sampled.src_mac(mac_number(mac));
    }
    if let Some(mac) = headers.dst_mac {
        sampled.dst_mac(mac_number(mac));
    }
    if let Some(tag) = headers.vlans.first() {
        sampled.vlan_in(tag.id());
    }
}

#[inline]
fn set_ip(ip: &Ip, sampled: &mut Sampled) {
    sampled.ip_version(ip.version);
    sampled.src_addr(ip.src.into());
    sampled.dst_addr(ip.dst.into());
    sampled.protocol(ip.protocol);
    sampled.tos(ip.tos);
    sampled.ttl_min(ip.ttl);
    sampled.ttl_max(ip.ttl);
    // IPv6 without a fragment header is no fragment, and has no identification.
    sampled.fragment_offset(ip.fragment_offset);
    sampled.fragment_flags(ip.fragment_flags);
    if ip.version == 4 || ip.fragment_header {
        sampled.ip_id(ip.id);
    }
    if ip.version == 6 {
        sampled.flow_label(ip.flow_label);
    }
}

#[inline]
fn set_transport(transport: &Transport, frame: &[u8], sampled: &mut Sampled) {
    if let Some((kind, code)) = transport.icmp {
        sampled.icmp_type(kind);
        sampled.icmp_code(code);
        return;
    }
    sampled.src_port(transport.src_port);
    sampled.dst_port(transport.dst_port);
    if let Some(tcp) = &transport.tcp {
        sampled.tcp_flags(tcp.flags);
        sampled.tcp_window(u32::from(tcp.window));
        if tcp.options_length > 0 {
            set_tcp_options(tcp, frame, sampled);
        }
    }
}

#[inline]
fn set_tcp_options(tcp: &Tcp, frame: &[u8], sampled: &mut Sampled) {
    let options = tcp.options(frame);
    sampled.tcp_options(options.kinds);
    if let Some(mss) = options.mss {
        sampled.tcp_mss(mss);
    }
}

/// Describes the packet inside a tunnel.
#[cold]
fn write_inner(walk: &Walk, extra: &mut Members) {
    let inner = &walk.headers;
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
