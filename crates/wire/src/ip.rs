//! The IP header: IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200).
//!
//! Extension headers and the authentication header (RFC 4302, of either version) are passed over; `protocol` is what follows
//! them, so that a rule on TCP sees TCP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{End, Fault, Unknown, window::Window};

/// Extension headers passed over in one IPv6 packet; a packet with more ends [`Unknown::ExtensionHeaders`].
pub const MAX_EXTENSION_HEADERS: usize = 16;

/// Fragment flag "do not fragment", as in information element 197.
pub const FRAGMENT_DF: u8 = 0x40;
/// Fragment flag "more fragments", as in information element 197.
pub const FRAGMENT_MF: u8 = 0x20;

/// Option type of the jumbo payload option (RFC 2675, section 2).
const JUMBO_OPTION: u8 = 0xc2;
/// Bytes of padding that a minimal Ethernet frame has behind an IPv6 header without payload.
const MAX_PADDING: usize = 6;

/// Numbers of the IP protocols that this crate walks into (IANA protocol numbers).
pub mod protocol {
    #![allow(missing_docs, reason = "the names are the registry's own")]
    pub const HOPOPT: u8 = 0;
    pub const ICMP: u8 = 1;
    pub const IPV4: u8 = 4;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const DCCP: u8 = 33;
    pub const IPV6: u8 = 41;
    pub const IPV6_ROUTE: u8 = 43;
    pub const IPV6_FRAG: u8 = 44;
    pub const GRE: u8 = 47;
    pub const AH: u8 = 51;
    pub const ICMPV6: u8 = 58;
    pub const IPV6_NO_NEXT: u8 = 59;
    pub const IPV6_OPTS: u8 = 60;
    pub const ETHERIP: u8 = 97;
    pub const SCTP: u8 = 132;
    pub const MOBILITY: u8 = 135;
    pub const UDP_LITE: u8 = 136;
    pub const MPLS_IN_IP: u8 = 137;
    pub const HIP: u8 = 139;
    pub const SHIM6: u8 = 140;
    pub const ETHERNET: u8 = 143;
}

/// What an IP header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// 4 or 6.
    pub version: u8,
    /// Protocol of the payload, behind extension and authentication headers. In a later fragment, that of the whole packet's
    /// first extension header or payload.
    pub protocol: u8,
    /// IPv4 type of service, IPv6 traffic class.
    pub tos: u8,
    /// IPv4 time to live, IPv6 hop limit.
    pub ttl: u8,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Length of header and payload in bytes: IPv4 total length; IPv6 payload length (or that of the jumbo option) plus 40.
    /// Where the field is 0 (segmentation left to the interface) it is what the frame holds.
    pub total_length: u32,
    /// IPv6 flow label; 0 for IPv4.
    pub flow_label: u32,
    /// IPv4 identification, identification of the IPv6 fragment header, else 0.
    pub id: u32,
    /// Fragment offset in units of 8 bytes.
    pub fragment_offset: u16,
    /// [`FRAGMENT_DF`], [`FRAGMENT_MF`] and the reserved bit 0x80.
    pub fragment_flags: u8,
    /// True when the packet carries an IPv6 fragment header, which an unfragmented packet may (RFC 6946).
    pub fragment_header: bool,
    /// Offset in the frame of the first byte of the header.
    pub header_offset: usize,
    /// Offset in the frame of the payload, behind options and extension headers.
    pub payload_offset: usize,
    /// Offset in the frame of what fragments share out: behind the IPv4 header or the IPv6 fragment header.
    pub fragment_data_offset: usize,
    /// The protocol of that part, which may be an extension header.
    pub fragment_protocol: u8,
}

impl Ip {
    /// True for every fragment of a packet, the first one included.
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.fragment_offset != 0 || self.fragment_flags & FRAGMENT_MF != 0
    }

    /// True for a fragment other than the first, which has no transport header.
    #[inline]
    pub const fn is_later_fragment(&self) -> bool {
        self.fragment_offset != 0
    }
}

/// Reads the IP header at the start of the window and narrows the window to the payload. A fault that does not end the walk goes
/// to `flaw`.
#[inline]
pub(crate) fn walk(window: &mut Window<'_>, found: &mut Option<Ip>, flaw: &mut Option<End>) -> Result<(), End> {
    let mut ahead = *window;
    let [first] = ahead.array()?;
    let ip = match first >> 4 {
        4 => ipv4(window, found, flaw)?,
        6 => ipv6(window, found, flaw)?,
        _ => return Err(End::malformed(Fault::IpVersion, window.offset())),
    };
    if ip.fragment_offset == 0 && ip.fragment_flags & FRAGMENT_MF != 0 {
        window.mark_first_fragment();
    }
    ip.payload_offset = window.offset();
    Ok(())
}

fn ipv4<'f>(window: &mut Window<'_>, found: &'f mut Option<Ip>, flaw: &mut Option<End>) -> Result<&'f mut Ip, End> {
    let header_offset = window.offset();
    let wire_left = window.wire_left();
    let h: [u8; 20] = window.array()?;
    let header_length = usize::from(h[0] & 0x0f) * 4;
    // 0 is what a host captures of its own packets when the interface cuts them into segments.
    let total_length = match usize::from(u16::from_be_bytes([h[2], h[3]])) {
        0 => wire_left,
        length => length,
    };
    if header_length < h.len() || header_length > total_length {
        return Err(End::malformed(Fault::IpHeaderLength, header_offset));
    }
    let fragment = u16::from_be_bytes([h[6], h[7]]);
    let ip = found.insert(Ip {
        version: 4,
        protocol: h[9],
        tos: h[1],
        ttl: h[8],
        src: IpAddr::V4(Ipv4Addr::new(h[12], h[13], h[14], h[15])),
        dst: IpAddr::V4(Ipv4Addr::new(h[16], h[17], h[18], h[19])),
        total_length: u32::try_from(total_length).unwrap_or(u32::MAX),
        flow_label: 0,
        id: u32::from(u16::from_be_bytes([h[4], h[5]])),
        fragment_offset: fragment & 0x1fff,
        fragment_flags: h[6] & 0xe0,
        fragment_header: false,
        header_offset,
        payload_offset: window.offset(),
        fragment_data_offset: header_offset + header_length,
        fragment_protocol: h[9],
    });
    if !window.narrow(total_length - h.len()) {
        *flaw = flaw.or(Some(End::malformed(Fault::IpLength, header_offset)));
    }
    window.skip(header_length - h.len())?;
    if !ip.is_later_fragment() {
        extension_headers(window, ip)?;
    }
    Ok(ip)
}

fn ipv6<'f>(window: &mut Window<'_>, found: &'f mut Option<Ip>, flaw: &mut Option<End>) -> Result<&'f mut Ip, End> {
    let header_offset = window.offset();
    let h: [u8; 40] = window.array()?;
    let (mut src, mut dst) = ([0; 16], [0; 16]);
    src.copy_from_slice(&h[8..24]);
    dst.copy_from_slice(&h[24..40]);
    let next = h[6];
    let payload_length = match usize::from(u16::from_be_bytes([h[4], h[5]])) {
        0 => unstated_payload_length(*window, next),
        length => length,
    };
    let ip = found.insert(Ip {
        version: 6,
        protocol: next,
        tos: h[0] << 4 | h[1] >> 4,
        ttl: h[7],
        src: IpAddr::V6(Ipv6Addr::from(src)),
        dst: IpAddr::V6(Ipv6Addr::from(dst)),
        total_length: u32::try_from(payload_length.saturating_add(h.len())).unwrap_or(u32::MAX),
        flow_label: u32::from_be_bytes([0, h[1] & 0x0f, h[2], h[3]]),
        id: 0,
        fragment_offset: 0,
        fragment_flags: 0,
        fragment_header: false,
        header_offset,
        payload_offset: window.offset(),
        fragment_data_offset: window.offset(),
        fragment_protocol: next,
    });
    if !window.narrow(payload_length) {
        *flaw = flaw.or(Some(End::malformed(Fault::IpLength, header_offset)));
    }
    extension_headers(window, ip)?;
    Ok(ip)
}

/// A payload length of 0 stands for the length in a jumbo option (RFC 2675), for what the frame holds where a host leaves the
/// segments to its interface, or for no payload in a frame with padding.
#[cold]
fn unstated_payload_length(window: Window<'_>, next: u8) -> usize {
    match window.peek() {
        Some([_, _, JUMBO_OPTION, 4, a, b, c, d]) if next == protocol::HOPOPT => {
            usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX)
        }
        _ if next == protocol::IPV6_NO_NEXT || window.wire_left() <= MAX_PADDING => 0,
        _ => window.wire_left(),
    }
}

/// Walks over a reassembled payload as if the whole packet had come in one frame.
pub(crate) fn walk_reassembled(window: &mut Window<'_>, ip: &mut Ip) -> Result<(), End> {
    let walked = extension_headers(window, ip);
    ip.payload_offset = window.offset();
    walked
}

/// Passes over extension headers: the next header, then the length in units of 8 bytes, the first 8 not counted. IPv4 has the
/// authentication header alone.
fn extension_headers(window: &mut Window<'_>, ip: &mut Ip) -> Result<(), End> {
    for _ in 0..=MAX_EXTENSION_HEADERS {
        match ip.protocol {
            protocol::AH => authentication(window, ip)?,
            _ if ip.version == 4 => return Ok(()),
            protocol::HOPOPT
            | protocol::IPV6_ROUTE
            | protocol::IPV6_OPTS
            | protocol::MOBILITY
            | protocol::HIP
            | protocol::SHIM6 => {
                let [next, length] = window.array()?;
                ip.protocol = next;
                window.skip(usize::from(length) * 8 + 6)?;
            }
            protocol::IPV6_FRAG => {
                let [next, _, high, low, id @ ..]: [u8; 8] = window.array()?;
                ip.protocol = next;
                ip.id = u32::from_be_bytes(id);
                ip.fragment_offset = u16::from_be_bytes([high, low]) >> 3;
                ip.fragment_flags = if low & 1 == 1 { FRAGMENT_MF } else { 0 };
                ip.fragment_header = true;
                ip.fragment_data_offset = window.offset();
                ip.fragment_protocol = next;
                if ip.is_later_fragment() {
                    return Ok(());
                }
            }
            _ => return Ok(()),
        }
    }
    Err(End::unknown(Unknown::ExtensionHeaders, window.offset()))
}

/// RFC 4302, section 2: the next header, then the length in units of 4 bytes, the first 8 bytes not counted.
fn authentication(window: &mut Window<'_>, ip: &mut Ip) -> Result<(), End> {
    let [next, length] = window.array()?;
    ip.protocol = next;
    window.skip(usize::from(length) * 4 + 6)
}
