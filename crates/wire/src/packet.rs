//! Packets put together from the inside out: payload, transport, IP, tags, frame.
//!
//! Every step wraps what is there and fills in lengths, checksums and the number of what it carries, so a test or a made sample says only
//! what matters to it. A length beyond its 16 bits is written as 0, as a host does that leaves the segments to its interface.

use std::net::{IpAddr, Ipv6Addr};

use crate::{
    FRAGMENT_DF, FRAGMENT_MF,
    ip::protocol,
    layer2::{ETHERTYPE_BRIDGED, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS, ETHERTYPE_PPPOE, ETHERTYPE_VLAN},
};

/// A packet in the making.
#[derive(Clone, Debug)]
pub struct Packet {
    bytes: Vec<u8>,
    outermost: Outermost,
    checksum: Option<OpenChecksum>,
}

/// A checksum over the pseudo header, which waits for the addresses.
#[derive(Clone, Copy, Debug)]
struct OpenChecksum {
    /// Protocol; ICMP of either version as 1.
    number: u8,
    /// Where the transport header begins.
    start: usize,
    /// Where its checksum field is, from there.
    field: usize,
}

/// What stands first in the bytes, which the next header around it names.
#[derive(Clone, Copy, Debug)]
enum Outermost {
    /// What an IP header carries.
    Protocol(u8),
    /// ICMP of the version of the IP header to come.
    Icmp,
    /// What an Ethernet header carries.
    EtherType(u16),
}

/// What an IP header of either version says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// Source address.
    pub src: IpAddr,
    /// Destination address. With a source of the other version both are written as IPv6.
    pub dst: IpAddr,
    /// Type of service or traffic class.
    pub tos: u8,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Identification; in IPv6 written in fragments only.
    pub id: u32,
    /// Flow label; IPv6 only.
    pub flow_label: u32,
}

/// What a TCP header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpHeader {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// The flags of [`crate::Tcp`].
    pub flags: u16,
    /// Window, not scaled.
    pub window: u16,
    /// Options as on the wire, at most 40 bytes; padded to a multiple of 4.
    pub options: Vec<u8>,
}

impl IpHeader {
    /// A header between two addresses with a time to live of 64.
    pub const fn new(src: IpAddr, dst: IpAddr) -> Self {
        Self { src, dst, tos: 0, ttl: 64, id: 0, flow_label: 0 }
    }
}

impl Packet {
    /// A payload of no particular protocol (253, for experiments).
    pub fn payload(bytes: &[u8]) -> Self {
        Self::of_protocol(253, bytes)
    }

    /// The payload of an IP packet of this protocol.
    pub fn of_protocol(number: u8, bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), outermost: Outermost::Protocol(number), checksum: None }
    }

    /// The payload of an Ethernet frame of this EtherType.
    pub fn of_ethertype(ethertype: u16, bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), outermost: Outermost::EtherType(ethertype), checksum: None }
    }

    /// The bytes put together so far.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    // ---- transport ----

    /// Adds a TCP header.
    #[must_use]
    pub fn tcp(self, header: &TcpHeader) -> Self {
        let mut options = header.options.clone();
        options.truncate(40);
        options.resize(options.len().next_multiple_of(4), 0);
        let words = (20 + options.len()) as u16 / 4;
        let mut h = Vec::with_capacity(60);
        h.extend(header.src_port.to_be_bytes());
        h.extend(header.dst_port.to_be_bytes());
        h.extend(header.seq.to_be_bytes());
        h.extend(header.ack.to_be_bytes());
        h.extend((words << 12 | header.flags & 0x0fff).to_be_bytes());
        h.extend(header.window.to_be_bytes());
        h.extend([0; 4]);
        h.extend(options);
        self.wrap(&h, Outermost::Protocol(protocol::TCP)).open_checksum(protocol::TCP, 16)
    }

    /// Adds a UDP header.
    #[must_use]
    pub fn udp(self, src_port: u16, dst_port: u16) -> Self {
        let mut h = Vec::with_capacity(8);
        h.extend(src_port.to_be_bytes());
        h.extend(dst_port.to_be_bytes());
        h.extend(length(self.bytes.len() + 8));
        h.extend([0; 2]);
        self.wrap(&h, Outermost::Protocol(protocol::UDP)).open_checksum(protocol::UDP, 6)
    }

    /// Adds an ICMP header, ICMPv6 where an IPv6 header follows. `rest` is the second word, for instance id and sequence number.
    #[must_use]
    pub fn icmp(self, kind: u8, code: u8, rest: [u8; 4]) -> Self {
        let mut h = vec![kind, code, 0, 0];
        h.extend(rest);
        self.wrap(&h, Outermost::Icmp).open_checksum(protocol::ICMP, 2)
    }

    /// Adds an IPv6 extension header, which names what it carries. `content` is what follows the length; padded to a multiple of 8.
    #[must_use]
    pub fn extension(self, number: u8, content: &[u8]) -> Self {
        let mut h = vec![self.protocol_number(6), 0];
        h.extend(content);
        h.resize(h.len().next_multiple_of(8).min(2048), 0);
        let units = (h.len() / 8 - 1) as u8;
        h.splice(1..2, [units]);
        let checksum = self.checksum.map(|open| OpenChecksum { start: open.start + h.len(), ..open });
        Self { checksum, ..self.wrap(&h, Outermost::Protocol(number)) }
    }

    // ---- IP ----

    /// Adds an IP header and completes the checksum of what it carries.
    #[must_use]
    pub fn ip(mut self, header: &IpHeader) -> Self {
        let number = self.complete_checksum(header);
        self.ip_header(header, number, 0, FRAGMENT_DF)
    }

    /// Splits the packet into IP fragments with at most `mtu` bytes of header and payload each.
    pub fn fragments(mut self, header: &IpHeader, mtu: usize) -> Vec<Self> {
        let number = self.complete_checksum(header);
        let room = mtu.saturating_sub(if version(header) == 4 { 20 } else { 48 });
        let chunk = (room / 8).max(1) * 8;
        let chunks: Vec<&[u8]> = self.bytes.chunks(chunk).collect();
        let last = chunks.len().saturating_sub(1);
        chunks
            .iter()
            .enumerate()
            .map(|(index, bytes)| {
                let flags = if index < last { FRAGMENT_MF } else { 0 };
                let offset = (index * chunk / 8) as u16;
                Self::of_protocol(number, bytes).ip_header(header, number, offset, flags)
            })
            .collect()
    }

    fn ip_header(self, header: &IpHeader, number: u8, fragment_offset: u16, flags: u8) -> Self {
        match (header.src, header.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let mut h = vec![0x45, header.tos];
                h.extend(length(self.bytes.len() + 20));
                h.extend((header.id as u16).to_be_bytes());
                h.extend((u16::from(flags) << 8 | fragment_offset & 0x1fff).to_be_bytes());
                h.extend([header.ttl, number, 0, 0]);
                h.extend(src.octets());
                h.extend(dst.octets());
                let checksum = checksum(words(&h));
                h.splice(10..12, checksum.to_be_bytes());
                self.wrap(&h, Outermost::EtherType(ETHERTYPE_IPV4))
            }
            (src, dst) => {
                let is_fragment = fragment_offset != 0 || flags & FRAGMENT_MF != 0;
                let extension = if is_fragment { 8 } else { 0 };
                let mut h = Vec::with_capacity(48);
                let first = 6 << 28 | u32::from(header.tos) << 20 | header.flow_label & 0x000f_ffff;
                h.extend(first.to_be_bytes());
                h.extend(length(self.bytes.len() + extension));
                h.extend([if is_fragment { protocol::IPV6_FRAG } else { number }, header.ttl]);
                h.extend(as_ipv6(src).octets());
                h.extend(as_ipv6(dst).octets());
                if is_fragment {
                    let more = u16::from(flags & FRAGMENT_MF != 0);
                    h.extend([number, 0]);
                    h.extend((fragment_offset << 3 | more).to_be_bytes());
                    h.extend(header.id.to_be_bytes());
                }
                self.wrap(&h, Outermost::EtherType(ETHERTYPE_IPV6))
            }
        }
    }

    // ---- tunnels ----

    /// Adds a GRE header, with a key where there is one (RFC 2890).
    #[must_use]
    pub fn gre(self, key: Option<u32>) -> Self {
        let mut h = vec![if key.is_some() { 0x20 } else { 0 }, 0];
        h.extend(self.ethertype().to_be_bytes());
        if let Some(key) = key {
            h.extend(key.to_be_bytes());
        }
        self.wrap(&h, Outermost::Protocol(protocol::GRE))
    }

    /// Adds a VXLAN header with a network identifier of 24 bits; the UDP header is the caller's.
    #[must_use]
    pub fn vxlan(self, vni: u32) -> Self {
        let [_, a, b, c] = vni.to_be_bytes();
        self.wrap(&[8, 0, 0, 0, a, b, c, 0], Outermost::Protocol(protocol::UDP))
    }

    /// Adds a GTP-U header; the UDP header is the caller's.
    #[must_use]
    pub fn gtp_u(self, teid: u32) -> Self {
        let mut h = vec![0x30, 255];
        h.extend(length(self.bytes.len()));
        h.extend(teid.to_be_bytes());
        self.wrap(&h, Outermost::Protocol(protocol::UDP))
    }

    // ---- link layer ----

    /// Adds MPLS labels of 20 bits, outermost first.
    #[must_use]
    pub fn mpls(self, labels: &[u32]) -> Self {
        let last = labels.len().saturating_sub(1);
        let entry = |(index, label): (usize, &u32)| {
            let bottom = u32::from(index == last);
            (label << 12 | bottom << 8 | 64).to_be_bytes()
        };
        let h: Vec<u8> = labels.iter().enumerate().flat_map(entry).collect();
        self.wrap(&h, Outermost::EtherType(ETHERTYPE_MPLS))
    }

    /// Adds PPPoE and PPP headers around an IP packet.
    #[must_use]
    pub fn pppoe(self, session: u16) -> Self {
        let ppp: u16 = if self.ethertype() == ETHERTYPE_IPV6 { 0x0057 } else { 0x0021 };
        let mut h = vec![0x11, 0];
        h.extend(session.to_be_bytes());
        h.extend(length(self.bytes.len() + 2));
        h.extend(ppp.to_be_bytes());
        self.wrap(&h, Outermost::EtherType(ETHERTYPE_PPPOE))
    }

    /// Adds an 802.1Q tag (priority, drop eligible, VLAN id).
    #[must_use]
    pub fn vlan(self, tag: u16) -> Self {
        self.tag(ETHERTYPE_VLAN, tag)
    }

    /// Adds a tag of this EtherType, for instance [`crate::ETHERTYPE_QINQ`].
    #[must_use]
    pub fn tag(self, ethertype: u16, tag: u16) -> Self {
        let mut h = tag.to_be_bytes().to_vec();
        h.extend(self.ethertype().to_be_bytes());
        self.wrap(&h, Outermost::EtherType(ethertype))
    }

    /// Adds an Ethernet header.
    #[must_use]
    pub fn ethernet(self, src: [u8; 6], dst: [u8; 6]) -> Self {
        let mut h = dst.to_vec();
        h.extend(src);
        h.extend(self.ethertype().to_be_bytes());
        self.wrap(&h, Outermost::EtherType(ETHERTYPE_BRIDGED))
    }

    // ---- how it is done ----

    fn wrap(mut self, header: &[u8], outermost: Outermost) -> Self {
        self.bytes.splice(0..0, header.iter().copied());
        self.outermost = outermost;
        self.checksum = None;
        self
    }

    /// The outermost header has a checksum over the pseudo header at `field`.
    fn open_checksum(self, number: u8, field: usize) -> Self {
        Self { checksum: Some(OpenChecksum { number, start: 0, field }), ..self }
    }

    /// How an IP header of this version names what is inside.
    fn protocol_number(&self, version: u8) -> u8 {
        match self.outermost {
            Outermost::Protocol(number) => number,
            Outermost::Icmp if version == 4 => protocol::ICMP,
            Outermost::Icmp => protocol::ICMPV6,
            Outermost::EtherType(ETHERTYPE_IPV4) => protocol::IPV4,
            Outermost::EtherType(ETHERTYPE_IPV6) => protocol::IPV6,
            Outermost::EtherType(ETHERTYPE_MPLS) => protocol::MPLS_IN_IP,
            Outermost::EtherType(_) => protocol::ETHERNET,
        }
    }

    fn ethertype(&self) -> u16 {
        match self.outermost {
            Outermost::EtherType(ethertype) => ethertype,
            // An EtherType for local experiments (IEEE 802).
            Outermost::Protocol(_) | Outermost::Icmp => 0x88b5,
        }
    }

    /// Fills in the checksum of the transport header; returns the number of what stands outermost.
    fn complete_checksum(&mut self, header: &IpHeader) -> u8 {
        let version = version(header);
        if let Some(OpenChecksum { number, start, field }) = self.checksum.take() {
            let transport = self.bytes.get(start..).unwrap_or_default();
            let pseudo = match (number, version) {
                (protocol::ICMP, 4) => 0,
                (protocol::ICMP, _) => pseudo_header(header, protocol::ICMPV6, transport.len()),
                _ => pseudo_header(header, number, transport.len()),
            };
            // RFC 768: all zeros in UDP would say that there is no checksum.
            let checksum = match checksum(pseudo + words(transport)) {
                0 if number == protocol::UDP => 0xffff,
                checksum => checksum,
            };
            self.bytes.splice(start + field..start + field + 2, checksum.to_be_bytes());
        }
        self.protocol_number(version)
    }
}

/// The version of the header that will be written.
fn version(header: &IpHeader) -> u8 {
    if header.src.is_ipv4() && header.dst.is_ipv4() { 4 } else { 6 }
}

fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// A length field of 16 bits.
fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(0).to_be_bytes()
}

/// Sum over the pseudo header (RFC 9293, section 3.1; RFC 8200, section 8.1).
fn pseudo_header(header: &IpHeader, number: u8, length: usize) -> u64 {
    let addresses = match (header.src, header.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => words(&src.octets()) + words(&dst.octets()),
        (src, dst) => words(&as_ipv6(src).octets()) + words(&as_ipv6(dst).octets()),
    };
    addresses + u64::from(number) + words(&(length as u32).to_be_bytes())
}

/// The Internet checksum (RFC 1071) of a sum of words.
fn checksum(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Sum of the 16-bit words; an odd last byte is the upper half of one.
fn words(bytes: &[u8]) -> u64 {
    let word = |pair: &[u8]| u64::from(*pair.first().unwrap_or(&0)) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
    bytes.chunks(2).map(word).sum()
}
