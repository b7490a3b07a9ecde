//! The frames that nearly every sample holds, read in place: Ethernet with at most one tag, IPv4 without options or fragments or IPv6 without
//! extension headers, and a whole TCP, UDP or ICMP header.
//!
//! It finds what the walk of `weir-wire` finds, or nothing; a walk costs several times as much and is left to all other frames. Tests hold the
//! two together.

use weir_record::Address;
use weir_wire::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN, Tcp, protocol};

use super::{Sampled, mac_number};

/// Octets of an IPv4 header without options, and of the fixed IPv6 header.
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
/// Octets of a TCP header without options, a UDP header, and an ICMP header with its second word.
const TCP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
const ICMP_HEADER: usize = 8;
/// Version 4, five words of header.
const IPV4_PLAIN: u8 = 0x45;
/// More fragments, and the fragment offset.
const IPV4_FRAGMENT: u16 = 0x3fff;
/// UDP ports of tunnels into which a walk looks: L2TP, GTP-U, Teredo, GRE, VXLAN, VXLAN GPE, Geneve, MPLS, and Linux's first of VXLAN.
#[inline]
const fn is_tunnel_port(port: u16) -> bool {
    matches!(port, 1701 | 2152 | 3544 | 4754 | 4789 | 4790 | 6081 | 6635 | 8472)
}

/// Sets the columns of an Ethernet frame that is plain; else leaves everything as it is. `on_wire` are the octets of the whole frame.
#[inline]
pub(super) fn set(frame: &[u8], on_wire: usize, sampled: &mut Sampled) -> bool {
    let Some((link, network, transport)) = read(frame, on_wire) else {
        return false;
    };
    link.set(sampled);
    network.set(sampled);
    transport.set(frame, sampled);
    true
}

/// An Ethernet header.
struct Link<'f> {
    dst: &'f [u8; 6],
    src: &'f [u8; 6],
    vlan: Option<u16>,
}

/// An IP header.
enum Network<'f> {
    V4(&'f [u8; IPV4_HEADER]),
    V6 { first: u32, payload_length: u16, hop_limit: u8, next: u8, src: &'f [u8; 16], dst: &'f [u8; 16] },
}

/// A transport header.
enum Transport<'f> {
    Tcp { head: &'f [u8; TCP_HEADER], options_offset: usize, options_length: usize },
    Udp { src: u16, dst: u16 },
    Icmp { kind: u8, code: u8 },
}

#[inline]
fn read(frame: &[u8], on_wire: usize) -> Option<(Link<'_>, Network<'_>, Transport<'_>)> {
    let (dst, rest) = frame.split_first_chunk()?;
    let (src, rest) = rest.split_first_chunk()?;
    let (ethertype, mut rest) = word(rest)?;
    let mut link = Link { dst, src, vlan: None };
    let mut ethertype = ethertype;
    if ethertype == ETHERTYPE_VLAN {
        let (tag, behind) = word(rest)?;
        link.vlan = Some(tag & 0x0fff);
        (ethertype, rest) = word(behind)?;
    }
    let left = on_wire.checked_sub(frame.len() - rest.len())?;
    let (network, rest, length, number, icmp) = match ethertype {
        ETHERTYPE_IPV4 => {
            let (h, rest) = rest.split_first_chunk::<IPV4_HEADER>()?;
            let length = usize::from(u16::from_be_bytes([h[2], h[3]]));
            let is_fragment = u16::from_be_bytes([h[6], h[7]]) & IPV4_FRAGMENT != 0;
            if h[0] != IPV4_PLAIN || is_fragment || length < IPV4_HEADER || length > left {
                return None;
            }
            (Network::V4(h), rest, length - IPV4_HEADER, h[9], protocol::ICMP)
        }
        ETHERTYPE_IPV6 => {
            let (head, rest) = rest.split_first_chunk::<8>()?;
            let (src, rest) = rest.split_first_chunk()?;
            let (dst, rest) = rest.split_first_chunk()?;
            let [a, b, c, d, high, low, next, hop_limit] = *head;
            let (first, payload_length) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([high, low]));
            let length = usize::from(payload_length);
            if first >> 28 != 6 || length == 0 || length + IPV6_HEADER > left {
                return None;
            }
            let header = Network::V6 { first, payload_length, hop_limit, next, src, dst };
            (header, rest, length, next, protocol::ICMPV6)
        }
        _ => return None,
    };
    let transport = match number {
        protocol::TCP => {
            let (head, behind) = rest.split_first_chunk::<TCP_HEADER>()?;
            let header_length = usize::from(head[12] >> 4) * 4;
            if header_length < TCP_HEADER || header_length > length {
                return None;
            }
            let options_offset = frame.len() - behind.len();
            Transport::Tcp { head, options_offset, options_length: header_length - TCP_HEADER }
        }
        protocol::UDP => {
            let ([a, b, c, d, high, low, _, _], _) = rest.split_first_chunk()?;
            let (src, dst) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
            let udp_length = usize::from(u16::from_be_bytes([*high, *low]));
            if is_tunnel_port(src) || is_tunnel_port(dst) || udp_length < UDP_HEADER || udp_length > length {
                return None;
            }
            Transport::Udp { src, dst }
        }
        number if number == icmp && length >= ICMP_HEADER => {
            let ([kind, code, ..], _) = rest.split_first_chunk::<ICMP_HEADER>()?;
            Transport::Icmp { kind: *kind, code: *code }
        }
        _ => return None,
    };
    Some((link, network, transport))
}

#[inline]
fn word(octets: &[u8]) -> Option<(u16, &[u8])> {
    octets.split_first_chunk().map(|(word, rest)| (u16::from_be_bytes(*word), rest))
}

impl Link<'_> {
    #[inline]
    const fn set(&self, sampled: &mut Sampled) {
        sampled.src_mac(mac_number(*self.src));
        sampled.dst_mac(mac_number(*self.dst));
        if let Some(vlan) = self.vlan {
            sampled.vlan_in(vlan);
        }
    }
}

impl Network<'_> {
    #[inline]
    const fn set(&self, sampled: &mut Sampled) {
        sampled.fragment_offset(0);
        match self {
            Self::V4(h) => {
                sampled.ip_version(4);
                sampled.tos(h[1]);
                sampled.bytes(u16::from_be_bytes([h[2], h[3]]) as u64);
                sampled.ip_id(u16::from_be_bytes([h[4], h[5]]) as u32);
                sampled.fragment_flags(h[6] & 0xe0);
                sampled.ttl_min(h[8]);
                sampled.ttl_max(h[8]);
                sampled.protocol(h[9]);
                sampled.src_addr(Address::v4(u32::from_be_bytes([h[12], h[13], h[14], h[15]])));
                sampled.dst_addr(Address::v4(u32::from_be_bytes([h[16], h[17], h[18], h[19]])));
            }
            Self::V6 { first, payload_length, hop_limit, next, src, dst } => {
                sampled.ip_version(6);
                sampled.tos((*first >> 20) as u8);
                sampled.flow_label(*first & 0x000f_ffff);
                sampled.fragment_flags(0);
                sampled.bytes(*payload_length as u64 + IPV6_HEADER as u64);
                sampled.ttl_min(*hop_limit);
                sampled.ttl_max(*hop_limit);
                sampled.protocol(*next);
                sampled.src_addr(Address::v6(**src));
                sampled.dst_addr(Address::v6(**dst));
            }
        }
    }
}

impl Transport<'_> {
    #[inline]
    fn set(&self, frame: &[u8], sampled: &mut Sampled) {
        match self {
            Self::Tcp { head: h, options_offset, options_length } => {
                sampled.src_port(u16::from_be_bytes([h[0], h[1]]));
                sampled.dst_port(u16::from_be_bytes([h[2], h[3]]));
                sampled.tcp_flags(u16::from_be_bytes([h[12] & 0x0f, h[13]]));
                let window = u16::from_be_bytes([h[14], h[15]]);
                sampled.tcp_window(u32::from(window));
                if *options_length > 0 {
                    let (options_offset, options_length) = (*options_offset, *options_length);
                    let header = Tcp { seq: 0, ack: 0, window, flags: 0, options_offset, options_length };
                    super::set_tcp_options(&header, frame, sampled);
                }
            }
            Self::Udp { src, dst } => {
                sampled.src_port(*src);
                sampled.dst_port(*dst);
            }
            Self::Icmp { kind, code } => {
                sampled.icmp_type(*kind);
                sampled.icmp_code(*code);
            }
        }
    }
}

#[cfg(test)]
mod tests;
