//! Link types: what the first byte of a frame is, as pcap files (LINKTYPE_ registry of tcpdump.org) and sFlow
//! (header_protocol of sFlow version 5, section 5.3) number it.

/// How a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ethernet II or IEEE 802.3.
    Ethernet,
    /// An IP header of either version, told by its first four bits.
    Ip,
    /// BSD loopback: an address family in the byte order of the host that captured, or in network order.
    Loopback,
    /// Linux "cooked" capture, version 1.
    LinuxSll,
    /// Linux "cooked" capture, version 2.
    LinuxSll2,
    /// PPP (RFC 1661), with or without the address and control bytes of RFC 1662.
    Ppp,
    /// Cisco HDLC, or PPP in HDLC-like framing.
    Hdlc,
    /// Frame relay with a 2-byte address (RFC 2427).
    FrameRelay,
    /// An MPLS label stack (RFC 3032).
    Mpls,
    /// What follows this EtherType.
    EtherType(u16),
}

impl Link {
    /// Maps a link type of pcap and pcapng files. The upper 16 bits, where pcap tells about frame check sequences, are ignored.
    pub const fn from_pcap(link_type: u32) -> Option<Self> {
        match link_type & 0xffff {
            0 | 108 => Some(Self::Loopback),
            1 => Some(Self::Ethernet),
            9 => Some(Self::Ppp),
            50 | 104 => Some(Self::Hdlc),
            12 | 14 | 101 | 228 | 229 => Some(Self::Ip),
            51 => Some(Self::EtherType(0x8864)),
            107 => Some(Self::FrameRelay),
            113 => Some(Self::LinuxSll),
            276 => Some(Self::LinuxSll2),
            _ => None,
        }
    }

    /// Maps a header protocol of sFlow raw packet headers.
    pub const fn from_sflow(header_protocol: u32) -> Option<Self> {
        match header_protocol {
            1 => Some(Self::Ethernet),
            5 => Some(Self::FrameRelay),
            7 => Some(Self::Ppp),
            11 | 12 => Some(Self::Ip),
            13 => Some(Self::Mpls),
            14 => Some(Self::Hdlc),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_map_to_links() {
        assert_eq!(Link::from_pcap(1), Some(Link::Ethernet));
        // A frame check sequence of 4 bytes is announced in the upper bits.
        assert_eq!(Link::from_pcap(0x3000_0001), Some(Link::Ethernet));
        assert_eq!(Link::from_pcap(105), None);
        assert_eq!(Link::from_sflow(1), Some(Link::Ethernet));
        assert_eq!(Link::from_sflow(12), Some(Link::Ip));
        assert_eq!(Link::from_sflow(15), None);
    }
}
