//! The transport header: TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792, RFC 4443) and the ports of SCTP (RFC 9260), DCCP and UDP-Lite.

use crate::{End, Fault, Ip, TcpOptions, Unknown, ip::protocol, window::Window};

/// What a transport header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// Source port; 0 for ICMP.
    pub src_port: u16,
    /// Destination port; 0 for ICMP.
    pub dst_port: u16,
    /// The rest of a TCP header; `None` also when it was cut behind the ports.
    pub tcp: Option<Tcp>,
    /// Type and code of ICMP and ICMPv6.
    pub icmp: Option<(u8, u8)>,
    /// Offset in the frame of the first byte of the header.
    pub header_offset: usize,
    /// Offset in the frame of the payload; may lie behind the bytes captured.
    pub payload_offset: usize,
    /// Bytes of payload that were on the wire in this packet, by the IP length (UDP: by its own).
    pub payload_length: usize,
}

/// What a TCP header says behind the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Sequence number of the first payload byte (of the SYN where that is set).
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Window as sent, not yet scaled.
    pub window: u16,
    /// The 12 bits behind the data offset: reserved, AE (once NS), CWR, ECE, URG, ACK, PSH, RST, SYN, FIN.
    pub flags: u16,
    /// Offset in the frame of the options.
    pub options_offset: usize,
    /// Length of the options in bytes, by the data offset.
    pub options_length: usize,
}

impl Tcp {
    /// No more data from the sender.
    pub const FIN: u16 = 0x001;
    /// Synchronise sequence numbers.
    pub const SYN: u16 = 0x002;
    /// Reset the connection.
    pub const RST: u16 = 0x004;
    /// Push.
    pub const PSH: u16 = 0x008;
    /// The acknowledgment number counts.
    pub const ACK: u16 = 0x010;
    /// The urgent pointer counts.
    pub const URG: u16 = 0x020;
    /// Explicit congestion notification echo.
    pub const ECE: u16 = 0x040;
    /// Congestion window reduced.
    pub const CWR: u16 = 0x080;
    /// Accurate ECN, before that the nonce sum NS (RFC 3540).
    pub const AE: u16 = 0x100;

    /// Reads the options, as far as the frame holds them.
    #[inline]
    pub fn options(&self, frame: &[u8]) -> TcpOptions {
        TcpOptions::read(at_hand(frame, self.options_offset, self.options_length))
    }
}

impl Transport {
    /// The payload, as far as the frame holds it.
    #[inline]
    pub fn payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        at_hand(frame, self.payload_offset, self.payload_length)
    }
}

/// `length` bytes at `offset`, or what there is of them.
#[inline]
fn at_hand(frame: &[u8], offset: usize, length: usize) -> &[u8] {
    let rest = frame.get(offset..).unwrap_or_default();
    rest.get(..length).unwrap_or(rest)
}

/// Reads the transport header at the start of the window and moves the window to its payload. A fault that does not end the walk goes
/// to `flaw`.
#[inline]
pub(crate) fn walk(ip: &Ip, window: &mut Window<'_>, found: &mut Option<Transport>, flaw: &mut Option<End>) -> Result<(), End> {
    if ip.is_later_fragment() {
        return Ok(());
    }
    match ip.protocol {
        protocol::TCP => tcp(window, found),
        protocol::UDP => udp(window, found, flaw),
        protocol::ICMP | protocol::ICMPV6 => icmp(window, found),
        protocol::SCTP => ports(window, found, 12),
        protocol::UDP_LITE => ports(window, found, 8),
        protocol::DCCP => dccp(window, found),
        protocol::IPV6_NO_NEXT
        | protocol::IPV4
        | protocol::IPV6
        | protocol::GRE
        | protocol::ETHERIP
        | protocol::MPLS_IN_IP
        | protocol::ETHERNET => Ok(()),
        other => Err(End::unknown(Unknown::IpProtocol(other), window.offset())),
    }
}

fn tcp(window: &mut Window<'_>, found: &mut Option<Transport>) -> Result<(), End> {
    let mut header = *window;
    let transport = ports_only(window, found)?;
    let h: [u8; 20] = header.array()?;
    let header_length = usize::from(h[12] >> 4) * 4;
    let options_length = header_length.saturating_sub(h.len());
    transport.tcp = Some(Tcp {
        seq: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
        ack: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
        window: u16::from_be_bytes([h[14], h[15]]),
        flags: u16::from_be_bytes([h[12] & 0x0f, h[13]]),
        options_offset: header.offset(),
        options_length,
    });
    transport.payload_offset = header.offset() + options_length;
    transport.payload_length = header.wire_left().saturating_sub(options_length);
    if header_length < h.len() {
        return Err(End::malformed(Fault::TcpDataOffset, transport.header_offset));
    }
    if options_length > header.wire_left() && !header.goes_on() {
        return Err(End::malformed(Fault::TcpDataOffset, transport.header_offset));
    }
    header.skip(options_length)?;
    *window = header;
    Ok(())
}

fn udp(window: &mut Window<'_>, found: &mut Option<Transport>, flaw: &mut Option<End>) -> Result<(), End> {
    let wire_left = window.wire_left();
    let transport = ports_only(window, found)?;
    let [high, low, _, _] = window.array()?;
    // 0 is a jumbogram (RFC 2675, section 4), or left to the interface.
    let length = match usize::from(u16::from_be_bytes([high, low])) {
        0 => wire_left,
        length => length,
    };
    let fits = length >= 8 && window.narrow(length - 8);
    if !fits {
        *flaw = flaw.or(Some(End::malformed(Fault::UdpLength, transport.header_offset)));
    }
    transport.payload_offset = window.offset();
    transport.payload_length = window.wire_left();
    Ok(())
}

fn icmp(window: &mut Window<'_>, found: &mut Option<Transport>) -> Result<(), End> {
    let transport = found.insert(empty(window));
    let [kind, code] = window.array()?;
    transport.icmp = Some((kind, code));
    window.skip(6)?;
    transport.payload_offset = window.offset();
    transport.payload_length = window.wire_left();
    Ok(())
}

/// RFC 4340, section 5.1: the data offset is in words.
fn dccp(window: &mut Window<'_>, found: &mut Option<Transport>) -> Result<(), End> {
    let data_offset = window.peek().map_or(12, |[_, _, _, _, words]| usize::from(words) * 4);
    ports(window, found, data_offset.max(12))
}

/// Ports at the start of a header of this length.
fn ports(window: &mut Window<'_>, found: &mut Option<Transport>, header_length: usize) -> Result<(), End> {
    let transport = ports_only(window, found)?;
    window.skip(header_length - 4)?;
    transport.payload_offset = window.offset();
    transport.payload_length = window.wire_left();
    Ok(())
}

/// The four bytes that stand first in every header with ports. They count even where the capture ends behind them.
#[inline]
fn ports_only<'f>(window: &mut Window<'_>, found: &'f mut Option<Transport>) -> Result<&'f mut Transport, End> {
    let transport = empty(window);
    let [a, b, c, d] = window.array()?;
    Ok(found.insert(Transport {
        src_port: u16::from_be_bytes([a, b]),
        dst_port: u16::from_be_bytes([c, d]),
        payload_offset: window.offset(),
        ..transport
    }))
}

#[inline]
fn empty(window: &Window<'_>) -> Transport {
    Transport {
        src_port: 0,
        dst_port: 0,
        tcp: None,
        icmp: None,
        header_offset: window.offset(),
        payload_offset: window.offset(),
        payload_length: 0,
    }
}
