//! The walk from the first byte of a frame to its IP header: Ethernet, VLAN tags, MPLS, PPP and their kin.
//!
//! Ethernet II and IEEE 802.3 with LLC/SNAP (RFC 1042), 802.1Q and 802.1ad tags, 802.1ah service tags, MACsec without encryption, PPPoE (RFC 2516), PPP
//! (RFC 1661), MPLS (RFC 3032) with pseudowires (RFC 4448), BSD loopback, Linux cooked captures, Cisco HDLC, frame relay (RFC 2427).

use crate::{End, Headers, Link, Unknown, Vlan, window::Window};

/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// EtherType of an 802.1Q tag.
pub const ETHERTYPE_VLAN: u16 = 0x8100;
/// EtherType of an 802.1ad service tag.
pub const ETHERTYPE_QINQ: u16 = 0x88a8;
/// EtherType of MPLS unicast.
pub const ETHERTYPE_MPLS: u16 = 0x8847;
/// EtherType of the PPPoE session stage.
pub const ETHERTYPE_PPPOE: u16 = 0x8864;

/// EtherType of an Ethernet frame inside another protocol (transparent Ethernet bridging).
pub(crate) const ETHERTYPE_BRIDGED: u16 = 0x6558;
/// EtherTypes begin here; smaller values are an 802.3 length.
const ETHERTYPE_MIN: u16 = 0x0600;
/// Bottom-of-stack bit of an MPLS label entry of 24 bits.
const MPLS_BOTTOM: u32 = 1;

/// What the walk meets next.
enum Next {
    Ethernet,
    EtherType(u16),
    Ppp,
    PppProtocol(u16),
    Mpls,
    Llc,
    Ip,
}

/// Walks up to the IP header. Ends `Unknown` where none follows.
#[inline]
pub(crate) fn walk(link: Link, window: &mut Window<'_>, headers: &mut Headers) -> Result<(), End> {
    let mut next = match link {
        Link::Ethernet => Next::Ethernet,
        Link::Ip => Next::Ip,
        Link::Loopback => loopback(window)?,
        Link::LinuxSll => linux_sll(window, headers)?,
        Link::LinuxSll2 => linux_sll2(window, headers)?,
        Link::Ppp => Next::Ppp,
        Link::Hdlc => hdlc(window)?,
        Link::FrameRelay => frame_relay(window)?,
        Link::Mpls => Next::Mpls,
        Link::EtherType(ethertype) => Next::EtherType(ethertype),
    };
    // It ends: only steps to PPP, Ethernet, LLC and IP consume nothing, and those consume bytes or end.
    loop {
        headers.layer3_offset = window.offset();
        next = match next {
            Next::Ip => return Ok(()),
            Next::Ethernet => ethernet(window, headers)?,
            Next::EtherType(ethertype) => after_ethertype(ethertype, window, headers)?,
            Next::Ppp => ppp(window)?,
            Next::PppProtocol(protocol) => after_ppp_protocol(protocol, window)?,
            Next::Mpls => mpls(window, headers)?,
            Next::Llc => llc(window)?,
        };
    }
}

#[inline]
fn ethernet(window: &mut Window<'_>, headers: &mut Headers) -> Result<Next, End> {
    let h: [u8; 14] = window.array()?;
    headers.dst_mac = Some([h[0], h[1], h[2], h[3], h[4], h[5]]);
    headers.src_mac = Some([h[6], h[7], h[8], h[9], h[10], h[11]]);
    Ok(ethertype_or_length(u16::from_be_bytes([h[12], h[13]]), window))
}

/// The field behind the addresses or a tag is an EtherType, or the length of an 802.3 frame.
#[inline]
fn ethertype_or_length(field: u16, window: &mut Window<'_>) -> Next {
    if field >= ETHERTYPE_MIN {
        return Next::EtherType(field);
    }
    // Padding behind the length is not part of the frame. A length beyond it is a matter of layer 2, the IP header has its own.
    window.narrow(usize::from(field));
    Next::Llc
}

#[inline]
fn after_ethertype(ethertype: u16, window: &mut Window<'_>, headers: &mut Headers) -> Result<Next, End> {
    headers.ethertype = ethertype;
    match ethertype {
        ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => Ok(Next::Ip),
        ETHERTYPE_VLAN | ETHERTYPE_QINQ | 0x9100 | 0x9200 | 0x9300 => {
            let [tag_high, tag_low, high, low] = window.array()?;
            headers.vlans.push(Vlan(u16::from_be_bytes([tag_high, tag_low])));
            Ok(ethertype_or_length(u16::from_be_bytes([high, low]), window))
        }
        ETHERTYPE_MPLS | 0x8848 => Ok(Next::Mpls),
        ETHERTYPE_PPPOE => pppoe(window, headers),
        ETHERTYPE_BRIDGED => Ok(Next::Ethernet),
        // 802.1ah: an instance tag of 4 bytes, then the customer's frame.
        0x88e7 => window.skip(4).map(|()| Next::Ethernet),
        0x88e5 => macsec(window),
        // Cisco FabricPath: forwarding tag and time to live, then the frame.
        0x8903 => window.skip(2).map(|()| Next::Ethernet),
        // Cisco MetaData: version, length, one option (the security group tag), then the EtherType.
        0x8909 => window.skip(6).and_then(|()| window.u16()).map(Next::EtherType),
        0x880b => Ok(Next::Ppp),
        _ => Err(End::unknown(Unknown::EtherType(ethertype), window.offset())),
    }
}

/// IEEE 802.1AE, clause 9: control bits, short length, packet number, channel where the SC bit says so. Encrypted or changed user data
/// cannot be walked.
fn macsec(window: &mut Window<'_>) -> Result<Next, End> {
    let offset = window.offset();
    let [control, _, _, _, _, _] = window.array()?;
    if control & 0x0c != 0 {
        return Err(End::unknown(Unknown::EtherType(0x88e5), offset));
    }
    if control & 0x20 != 0 {
        window.skip(8)?;
    }
    window.u16().map(Next::EtherType)
}

/// RFC 2516, section 4: version and type, code, session, length of what follows.
fn pppoe(window: &mut Window<'_>, headers: &mut Headers) -> Result<Next, End> {
    let [_, _, session_high, session_low, length_high, length_low] = window.array()?;
    headers.pppoe_session = Some(u16::from_be_bytes([session_high, session_low]));
    window.narrow(usize::from(u16::from_be_bytes([length_high, length_low])));
    Ok(Next::PppProtocol(ppp_protocol(window)?))
}

/// RFC 1662: the address and control bytes may have been left out.
fn ppp(window: &mut Window<'_>) -> Result<Next, End> {
    if window.peek() == Some([0xff, 0x03]) {
        window.skip(2)?;
    }
    Ok(Next::PppProtocol(ppp_protocol(window)?))
}

/// RFC 1661, section 6.5: the protocol may be compressed to one byte, which then is odd.
fn ppp_protocol(window: &mut Window<'_>) -> Result<u16, End> {
    match window.peek() {
        Some([low]) if low & 1 == 1 => window.skip(1).map(|()| u16::from(low)),
        _ => window.u16(),
    }
}

fn after_ppp_protocol(protocol: u16, window: &Window<'_>) -> Result<Next, End> {
    match protocol {
        0x0021 | 0x0057 => Ok(Next::Ip),
        0x0281 | 0x0283 => Ok(Next::Mpls),
        _ => Err(End::unknown(Unknown::Ppp(protocol), window.offset())),
    }
}

/// RFC 3032: entries of label (20 bits), traffic class (3), bottom of stack (1) and time to live (8). Nothing says what follows, so it
/// is told by its first four bits (RFC 4928, RFC 4385): 4 and 6 are IP; else it is a frame, with a control word in front where those bits
/// are 0 and no EtherType stands where a bare frame has it.
fn mpls(window: &mut Window<'_>, headers: &mut Headers) -> Result<Next, End> {
    loop {
        let entry = window.u32()? >> 8;
        headers.mpls.push(entry);
        if entry & MPLS_BOTTOM != 0 {
            break;
        }
    }
    let mut ahead = *window;
    let [first] = ahead.array()?;
    match first >> 4 {
        4 | 6 => Ok(Next::Ip),
        _ if leads_to_ethernet(window, 0) => Ok(Next::Ethernet),
        0 if leads_to_ethernet(window, 4) => window.skip(4).map(|()| Next::Ethernet),
        _ => Err(End::unknown(Unknown::MplsPayload, window.offset())),
    }
}

/// True when an Ethernet header with an EtherType of ours begins behind `skip` bytes.
fn leads_to_ethernet(window: &Window<'_>, skip: usize) -> bool {
    let mut ahead = *window;
    let header: Result<[u8; 14], End> = ahead.skip(skip).and_then(|()| ahead.array());
    header.is_ok_and(|h| {
        let ethertype = u16::from_be_bytes([h[12], h[13]]);
        matches!(
            ethertype,
            ETHERTYPE_IPV4 | ETHERTYPE_IPV6 | ETHERTYPE_VLAN | ETHERTYPE_QINQ | ETHERTYPE_MPLS | ETHERTYPE_PPPOE | 0x0806
        )
    })
}

/// IEEE 802.2 with the SNAP extension of RFC 1042.
fn llc(window: &mut Window<'_>) -> Result<Next, End> {
    let offset = window.offset();
    let [dsap, _, _] = window.array()?;
    match dsap {
        0x06 => Ok(Next::Ip),
        0xaa => {
            let [a, b, c, high, low] = window.array()?;
            match [a, b, c] {
                // RFC 1042, and the bridge tunnel encapsulation of 802.1H; other organisations number their protocols themselves.
                [0, 0, 0 | 0xf8] => Ok(Next::EtherType(u16::from_be_bytes([high, low]))),
                _ => Err(End::unknown(Unknown::Llc(dsap), offset)),
            }
        }
        _ => Err(End::unknown(Unknown::Llc(dsap), offset)),
    }
}

/// The family of IPv6 differs between systems: 10 on Linux, 24, 28 and 30 on the BSDs and macOS.
fn loopback(window: &mut Window<'_>) -> Result<Next, End> {
    let offset = window.offset();
    let family = window.u32()?;
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    match family {
        2 | 10 | 24 | 28 | 30 => Ok(Next::Ip),
        _ => Err(End::unknown(Unknown::Family(family), offset)),
    }
}

/// Packet type, device type, address length, address, protocol.
fn linux_sll(window: &mut Window<'_>, headers: &mut Headers) -> Result<Next, End> {
    let h: [u8; 16] = window.array()?;
    if [h[4], h[5]] == [0, 6] {
        headers.src_mac = Some([h[6], h[7], h[8], h[9], h[10], h[11]]);
    }
    Ok(linux_protocol(u16::from_be_bytes([h[14], h[15]])))
}

/// Protocol, reserved, interface index, device type, packet type, address length, address.
fn linux_sll2(window: &mut Window<'_>, headers: &mut Headers) -> Result<Next, End> {
    let h: [u8; 20] = window.array()?;
    if h[11] == 6 {
        headers.src_mac = Some([h[12], h[13], h[14], h[15], h[16], h[17]]);
    }
    Ok(linux_protocol(u16::from_be_bytes([h[0], h[1]])))
}

/// 4 is Linux' own number for 802.2 frames.
fn linux_protocol(protocol: u16) -> Next {
    match protocol {
        4 => Next::Llc,
        _ => Next::EtherType(protocol),
    }
}

/// Cisco HDLC: address, control, EtherType. 0xff is the address of PPP in HDLC-like framing.
fn hdlc(window: &mut Window<'_>) -> Result<Next, End> {
    if window.peek() == Some([0xff, 0x03]) {
        return Ok(Next::Ppp);
    }
    let [_, _, high, low] = window.array()?;
    Ok(Next::EtherType(u16::from_be_bytes([high, low])))
}

/// RFC 2427: address, control 3, an optional padding byte, the network layer protocol identifier. Cisco puts an EtherType behind the address.
fn frame_relay(window: &mut Window<'_>) -> Result<Next, End> {
    window.skip(2)?;
    if window.peek().is_some_and(|[control]| control != 0x03) {
        return Ok(Next::EtherType(window.u16()?));
    }
    window.skip(1)?;
    let [mut nlpid] = window.array()?;
    if nlpid == 0 {
        [nlpid] = window.array()?;
    }
    match nlpid {
        0xcc | 0x8e => Ok(Next::Ip),
        0xcf => Ok(Next::Ppp),
        0x80 => {
            let [_, _, _, high, low] = window.array()?;
            Ok(Next::EtherType(u16::from_be_bytes([high, low])))
        }
        _ => Err(End::unknown(Unknown::Nlpid(nlpid), window.offset())),
    }
}
