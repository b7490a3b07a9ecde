//! Tunnels: headers that put a whole packet or frame inside an IP packet.
//!
//! IP in IP (RFC 2003, RFC 4213, RFC 2473), EtherIP (RFC 3378), GRE (RFC 2784, RFC 2890) with routing (RFC 1701), PPTP (RFC 2637),
//! NVGRE (RFC 7637) and ERSPAN types I to III (draft-foschiano-erspan); over UDP: VXLAN (RFC 7348) and its GPE draft,
//! Geneve (RFC 8926), GTP-U (3GPP TS 29.281), L2TPv2 (RFC 2661), Teredo (RFC 4380), MPLS (RFC 7510), GRE (RFC 8086). Those over UDP
//! are told by a port alone, so they count only when everything inside fits.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    End, Fault, Ip, Link, Transport, Unknown,
    ip::protocol,
    layer2::{ETHERTYPE_BRIDGED, ETHERTYPE_IPV4, ETHERTYPE_IPV6},
    window::Window,
};

/// A tunnel that a walk entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The encapsulation.
    pub kind: TunnelKind,
    /// What tells tunnels between the same addresses apart, see [`TunnelKind`].
    pub id: Option<u32>,
    /// Source address of the outer packet.
    pub src: IpAddr,
    /// Destination address of the outer packet.
    pub dst: IpAddr,
}

impl Default for Tunnel {
    /// The content of an empty place in a list.
    fn default() -> Self {
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self { kind: TunnelKind::IpInIp, id: None, src: nowhere, dst: nowhere }
    }
}

/// An encapsulation, and what its id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TunnelKind {
    /// An IP packet behind an IP header; no id.
    IpInIp,
    /// An Ethernet frame behind an IP header (EtherIP, SRv6); no id.
    Ethernet,
    /// MPLS behind an IP or UDP header; no id, the labels tell.
    Mpls,
    /// GRE; the key where present.
    Gre,
    /// PPP in GRE version 1; the call id.
    Pptp,
    /// Ethernet in GRE with a key; the virtual subnet id (upper 24 bits of the key).
    Nvgre,
    /// A mirrored frame; the session id (type I has none).
    Erspan,
    /// VXLAN; the network identifier (VNI).
    Vxlan,
    /// Geneve; the virtual network identifier (VNI).
    Geneve,
    /// GTP user plane; the tunnel endpoint identifier (TEID).
    GtpU,
    /// L2TP version 2 over UDP; tunnel id * 65536 + session id.
    L2tp,
    /// IPv6 over UDP past a NAT; no id.
    Teredo,
}

impl TunnelKind {
    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IpInIp => "ipip",
            Self::Ethernet => "ethernet",
            Self::Mpls => "mpls",
            Self::Gre => "gre",
            Self::Pptp => "pptp",
            Self::Nvgre => "nvgre",
            Self::Erspan => "erspan",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::GtpU => "gtpu",
            Self::L2tp => "l2tp",
            Self::Teredo => "teredo",
        }
    }
}

/// A tunnel header that was read: what it is, and how the bytes behind it begin.
pub(crate) struct Opened {
    pub(crate) kind: TunnelKind,
    pub(crate) id: Option<u32>,
    pub(crate) link: Link,
    /// The payload may be something else altogether that happens to use the port.
    pub(crate) guessed: bool,
}

/// Ports of the tunnels over UDP (IANA; 8472 is what Linux used for VXLAN first).
const L2TP: u16 = 1701;
const GTP_U: u16 = 2152;
const TEREDO: u16 = 3544;
const VXLAN: u16 = 4789;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const GRE_UDP: u16 = 4754;
const MPLS_UDP: u16 = 6635;
const VXLAN_LINUX: u16 = 8472;

/// Reads the tunnel header at the start of the payload, if there is one, and moves the window behind it.
#[inline]
pub(crate) fn open(ip: &Ip, transport: Option<&Transport>, window: &mut Window<'_>) -> Result<Option<Opened>, End> {
    if ip.is_later_fragment() {
        return Ok(None);
    }
    let plain = |kind, link| Ok(Some(Opened { kind, id: None, link, guessed: false }));
    match (ip.protocol, transport) {
        (protocol::UDP, Some(udp)) => over_udp(udp.src_port, udp.dst_port, window),
        (protocol::IPV4 | protocol::IPV6, _) => plain(TunnelKind::IpInIp, Link::Ip),
        (protocol::GRE, _) => gre(window).map(Some),
        (protocol::ETHERNET, _) => plain(TunnelKind::Ethernet, Link::Ethernet),
        (protocol::ETHERIP, _) => window.skip(2).and_then(|()| plain(TunnelKind::Ethernet, Link::Ethernet)),
        (protocol::MPLS_IN_IP, _) => plain(TunnelKind::Mpls, Link::Mpls),
        _ => Ok(None),
    }
}

// ---- GRE ----

const GRE_CHECKSUM: u16 = 0x8000;
const GRE_ROUTING: u16 = 0x4000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;
const GRE_ACKNOWLEDGMENT: u16 = 0x0080;
const GRE_VERSION: u16 = 0x0007;

fn gre(window: &mut Window<'_>) -> Result<Opened, End> {
    let offset = window.offset();
    let flags = window.u16()?;
    let ethertype = window.u16()?;
    match flags & GRE_VERSION {
        0 => gre_version_0(flags, ethertype, window),
        1 => pptp(flags, window),
        _ => Err(End::unknown(Unknown::TunnelHeader, offset)),
    }
}

/// RFC 2784, section 2 and RFC 2890, section 2.
fn gre_version_0(flags: u16, ethertype: u16, window: &mut Window<'_>) -> Result<Opened, End> {
    if flags & (GRE_CHECKSUM | GRE_ROUTING) != 0 {
        window.skip(4)?;
    }
    let key = if flags & GRE_KEY != 0 { Some(window.u32()?) } else { None };
    if flags & GRE_SEQUENCE != 0 {
        window.skip(4)?;
    }
    if flags & GRE_ROUTING != 0 {
        gre_routing(window)?;
    }
    let opened = |kind, id, link| Ok(Opened { kind, id, link, guessed: false });
    match ethertype {
        ETHERTYPE_BRIDGED if key.is_some() => opened(TunnelKind::Nvgre, key.map(|key| key >> 8), Link::Ethernet),
        // ERSPAN type I has no header of its own; type II is told from it by the GRE sequence number.
        0x88be if flags & GRE_SEQUENCE == 0 => opened(TunnelKind::Erspan, None, Link::Ethernet),
        0x88be => {
            let [_, _, high, low, _, _, _, _] = window.array()?;
            opened(TunnelKind::Erspan, Some(erspan_session(high, low)), Link::Ethernet)
        }
        0x22eb => {
            let [_, _, high, low, _, _, _, _, _, _, _, options] = window.array()?;
            // The last bit announces a platform specific part of 8 bytes.
            if options & 1 == 1 {
                window.skip(8)?;
            }
            opened(TunnelKind::Erspan, Some(erspan_session(high, low)), Link::Ethernet)
        }
        // Cisco MetaData stands behind the EtherType here, not in front of it as in Ethernet.
        0x8909 => {
            let ethertype = window.u16()?;
            window.skip(6)?;
            opened(TunnelKind::Gre, key, Link::EtherType(ethertype))
        }
        // WCCP version 2 puts a redirect header of 4 bytes in front of the IP packet, version 1 does not.
        0x883e => {
            if window.peek().is_some_and(|[first]: [u8; 1]| first >> 4 != 4) {
                window.skip(4)?;
            }
            opened(TunnelKind::Gre, key, Link::Ip)
        }
        _ => opened(TunnelKind::Gre, key, Link::EtherType(ethertype)),
    }
}

/// RFC 1701: source route entries of family (2), offset (1), length (1) and as many bytes; the last one has family and length 0.
fn gre_routing(window: &mut Window<'_>) -> Result<(), End> {
    loop {
        let [family_high, family_low, _, length] = window.array()?;
        if [family_high, family_low, length] == [0, 0, 0] {
            return Ok(());
        }
        window.skip(usize::from(length))?;
    }
}

/// RFC 2637, section 4.1: the key is the payload length and the call id.
fn pptp(flags: u16, window: &mut Window<'_>) -> Result<Opened, End> {
    let call = window.u32()? & 0xffff;
    for present in [GRE_SEQUENCE, GRE_ACKNOWLEDGMENT] {
        if flags & present != 0 {
            window.skip(4)?;
        }
    }
    Ok(Opened { kind: TunnelKind::Pptp, id: Some(call), link: Link::Ppp, guessed: false })
}

/// The session id is the lower 10 bits of the second word in types II and III alike.
fn erspan_session(high: u8, low: u8) -> u32 {
    u32::from(u16::from_be_bytes([high & 0x03, low]))
}

// ---- over UDP ----

fn over_udp(src_port: u16, dst_port: u16, window: &mut Window<'_>) -> Result<Option<Opened>, End> {
    let opened = match dst_port {
        VXLAN | VXLAN_LINUX => vxlan(window),
        GTP_U => gtp_u(window),
        GENEVE => geneve(window),
        VXLAN_GPE => vxlan_gpe(window),
        MPLS_UDP => Ok(Some((TunnelKind::Mpls, None, Link::Mpls))),
        GRE_UDP => gre(window).map(|opened| Some((opened.kind, opened.id, opened.link))),
        L2TP => l2tp(window),
        TEREDO => teredo(window),
        _ => match src_port {
            // These answer from the port they listen on.
            GTP_U => gtp_u(window),
            L2TP => l2tp(window),
            TEREDO => teredo(window),
            _ => return Ok(None),
        },
    };
    match opened {
        Ok(found) => Ok(found.map(|(kind, id, link)| Opened { kind, id, link, guessed: true })),
        Err(cut @ End::Cut { .. }) => Err(cut),
        // Too short for the tunnel that the port suggests: it is not that tunnel.
        Err(_) => Ok(None),
    }
}

type Found = Result<Option<(TunnelKind, Option<u32>, Link)>, End>;

/// RFC 7348, section 5: flags with the I bit, reserved and group policy fields, VNI, reserved.
fn vxlan(window: &mut Window<'_>) -> Found {
    let [flags, _, _, _, a, b, c, _] = window.array()?;
    let vni = u32::from_be_bytes([0, a, b, c]);
    Ok((flags & 0x08 != 0).then_some((TunnelKind::Vxlan, Some(vni), Link::Ethernet)))
}

/// draft-ietf-nvo3-vxlan-gpe, section 3: the P bit announces a next protocol.
fn vxlan_gpe(window: &mut Window<'_>) -> Found {
    let [flags, _, _, next, a, b, c, _] = window.array()?;
    let vni = u32::from_be_bytes([0, a, b, c]);
    let link = match (flags & 0x04, next) {
        (0, _) | (_, 3) => Link::Ethernet,
        (_, 1 | 2) => Link::Ip,
        (_, 5) => Link::Mpls,
        _ => return Ok(None),
    };
    Ok((flags & 0x08 != 0).then_some((TunnelKind::Vxlan, Some(vni), link)))
}

/// RFC 8926, section 3.4: version and option length in words, flags, EtherType, VNI, reserved.
fn geneve(window: &mut Window<'_>) -> Found {
    let [first, _, high, low, a, b, c, _] = window.array()?;
    if first >> 6 != 0 {
        return Ok(None);
    }
    window.skip(usize::from(first & 0x3f) * 4)?;
    let link = match u16::from_be_bytes([high, low]) {
        ethertype @ (ETHERTYPE_IPV4 | ETHERTYPE_IPV6 | ETHERTYPE_BRIDGED) => Link::EtherType(ethertype),
        _ => return Ok(None),
    };
    Ok(Some((TunnelKind::Geneve, Some(u32::from_be_bytes([0, a, b, c])), link)))
}

/// 3GPP TS 29.281, section 5.1: version 1, protocol type 1, message 255 (G-PDU); any of E, S and PN brings four more bytes, the last of
/// which is the type of the next extension header.
fn gtp_u(window: &mut Window<'_>) -> Found {
    let [flags, message, high, low, teid @ ..]: [u8; 8] = window.array()?;
    if flags & 0xf0 != 0x30 || message != 255 {
        return Ok(None);
    }
    window.narrow(usize::from(u16::from_be_bytes([high, low])));
    if flags & 0x07 != 0 {
        let [_, _, _, mut next] = window.array()?;
        while next != 0 {
            next = gtp_u_extension(window)?;
        }
    }
    Ok(Some((TunnelKind::GtpU, Some(u32::from_be_bytes(teid)), Link::Ip)))
}

/// Section 5.2: length in words, content, type of the next one.
fn gtp_u_extension(window: &mut Window<'_>) -> Result<u8, End> {
    let offset = window.offset();
    let [words] = window.array()?;
    let content = (usize::from(words) * 4).checked_sub(2).ok_or(End::malformed(Fault::Truncated, offset))?;
    window.skip(content)?;
    let [next] = window.array()?;
    Ok(next)
}

/// RFC 2661, section 3.1: T marks a control message; L, S and O announce length, sequence numbers and an offset.
fn l2tp(window: &mut Window<'_>) -> Found {
    let flags = window.u16()?;
    if flags & 0x000f != 2 || flags & 0x8000 != 0 {
        return Ok(None);
    }
    if flags & 0x4000 != 0 {
        window.skip(2)?;
    }
    let session = window.u32()?;
    if flags & 0x0800 != 0 {
        window.skip(4)?;
    }
    if flags & 0x0200 != 0 {
        let padding = window.u16()?;
        window.skip(usize::from(padding))?;
    }
    Ok(Some((TunnelKind::L2tp, Some(session), Link::Ppp)))
}

/// RFC 4380, section 5.1.1: an authentication part (0, 1, lengths) and an origin part (0, 0, port, address) may precede the packet.
fn teredo(window: &mut Window<'_>) -> Found {
    if let Some([0, 1, identifier, authentication]) = window.peek() {
        window.skip(4 + usize::from(identifier) + usize::from(authentication) + 9)?;
    }
    if window.peek() == Some([0, 0]) {
        window.skip(8)?;
    }
    let ipv6 = window.peek().is_some_and(|[first]: [u8; 1]| first >> 4 == 6);
    Ok(ipv6.then_some((TunnelKind::Teredo, None, Link::Ip)))
}
