//! How a walk over headers ended.
//!
//! Three ends look alike and are nobody's, somebody's and our own fault: the capture kept too few bytes, the packet
//! contradicts itself, or it speaks a protocol that this crate does not know. They are counted apart.

use std::fmt;

/// How a walk ended. Whatever was found before the end stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Every header up to the transport header was whole and understood.
    #[default]
    Complete,
    /// A header goes on behind the bytes at hand, within what was on the wire or within what a first
    /// fragment leaves to later ones. `offset` is where that header, or its missing part, begins.
    Cut {
        /// Offset in the frame.
        offset: usize,
    },
    /// A header contradicts itself or what surrounds it. The walk may have gone on behind it.
    Malformed {
        /// What is wrong.
        fault: Fault,
        /// Offset in the frame of the header at fault.
        offset: usize,
    },
    /// Well formed so far; what follows is of a kind not known here.
    Unknown {
        /// What is not known.
        what: Unknown,
        /// Offset in the frame of the first byte not understood.
        offset: usize,
    },
}

/// What is wrong with a malformed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A header needs more bytes than what surrounds it had on the wire.
    Truncated,
    /// The version in the IP header is neither 4 nor 6, or not the one announced.
    IpVersion,
    /// The IPv4 header length is below 20 octets or above the total length.
    IpHeaderLength,
    /// The IP length goes beyond the frame.
    IpLength,
    /// The TCP data offset is below 20 octets or beyond the packet.
    TcpDataOffset,
    /// The UDP length is below 8 octets or beyond the packet.
    UdpLength,
}

/// What is not known about a well-formed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// An EtherType without a walk, such as 0x0806 (ARP).
    EtherType(u16),
    /// An 802.2 destination service access point, such as 0x42 (spanning tree).
    Llc(u8),
    /// A PPP protocol, such as 0xc021 (LCP).
    Ppp(u16),
    /// An address family of the BSD loopback link types.
    Family(u32),
    /// A network layer protocol identifier of frame relay (RFC 2427).
    Nlpid(u8),
    /// What MPLS labels carry is neither IP nor Ethernet.
    MplsPayload,
    /// An IP protocol without a transport header that is known here.
    IpProtocol(u8),
    /// More IPv6 extension headers than [`crate::MAX_EXTENSION_HEADERS`].
    ExtensionHeaders,
    /// More tunnels in each other than [`crate::MAX_TUNNELS`].
    Tunnels,
    /// A version or option of a tunnel header that is not known here.
    TunnelHeader,
}

impl End {
    /// Builds the end for a header at fault at this offset.
    #[cold]
    pub(crate) const fn malformed(fault: Fault, offset: usize) -> Self {
        Self::Malformed { fault, offset }
    }

    /// Builds the end for something not known at this offset.
    pub(crate) const fn unknown(what: Unknown, offset: usize) -> Self {
        Self::Unknown { what, offset }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Cut { offset } => write!(f, "cut at offset {offset}"),
            Self::Malformed { fault, offset } => write!(f, "malformed at offset {offset}: {fault}"),
            Self::Unknown { what, offset } => write!(f, "unknown at offset {offset}: {what}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "header longer than the packet",
            Self::IpVersion => "wrong IP version",
            Self::IpHeaderLength => "IPv4 header length below 20 or above the total length",
            Self::IpLength => "IP length beyond the frame",
            Self::TcpDataOffset => "TCP data offset below 20 or beyond the packet",
            Self::UdpLength => "UDP length below 8 or beyond the packet",
        })
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EtherType(ethertype) => write!(f, "EtherType {ethertype:#06x}"),
            Self::Llc(dsap) => write!(f, "LLC service access point {dsap:#04x}"),
            Self::Ppp(protocol) => write!(f, "PPP protocol {protocol:#06x}"),
            Self::Family(family) => write!(f, "address family {family}"),
            Self::Nlpid(nlpid) => write!(f, "NLPID {nlpid:#04x}"),
            Self::MplsPayload => f.write_str("MPLS payload"),
            Self::IpProtocol(protocol) => write!(f, "IP protocol {protocol}"),
            Self::ExtensionHeaders => f.write_str("too many IPv6 extension headers"),
            Self::Tunnels => f.write_str("too many tunnels"),
            Self::TunnelHeader => f.write_str("tunnel header"),
        }
    }
}
