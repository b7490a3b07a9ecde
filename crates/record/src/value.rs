//! Single values, and how they are written as text.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use crate::write::text::{write_address, write_mac, write_time};

/// An IPv4 or IPv6 address in two 64-bit halves.
///
/// IPv4 is held in the block `::4:0:0/96`, which no IPv6 host can have (`::/8` is reserved, RFC 4291, section 2.4). The mapped block `::ffff:0:0/96`
/// would be the obvious place, but routers report mapped addresses (next hops, say), and what was sent must be told from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    high: u64,
    low: u64,
}

impl Address {
    /// The upper 32 bits of the lower half of an IPv4 address; the upper half is zero.
    pub const V4_MARK: u64 = 4;
    /// The lower half of an IPv4 address without its 32 bits.
    pub const V4_PREFIX: u64 = Self::V4_MARK << 32;

    /// From both halves, most significant first.
    pub const fn from_halves(high: u64, low: u64) -> Self {
        Self { high, low }
    }

    /// An IPv4 address from its 32 bits, first octet most significant.
    pub const fn v4(bits: u32) -> Self {
        Self { high: 0, low: Self::V4_PREFIX | bits as u64 }
    }

    /// An IPv6 address from its 16 octets.
    pub const fn v6(octets: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(octets);
        Self { high: (bits >> 64) as u64, low: bits as u64 }
    }

    /// Both halves, most significant first.
    pub const fn halves(self) -> (u64, u64) {
        (self.high, self.low)
    }

    /// True for IPv4.
    pub const fn is_v4(self) -> bool {
        self.high == 0 && self.low >> 32 == Self::V4_MARK
    }

    /// True for `0.0.0.0` and `::`.
    pub const fn is_unspecified(self) -> bool {
        self.high == 0 && (self.low == 0 || self.low == Self::V4_PREFIX)
    }

    /// As the standard library's type.
    pub const fn to_ip(self) -> IpAddr {
        if self.is_v4() {
            IpAddr::V4(Ipv4Addr::from_bits(self.low as u32))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits((self.high as u128) << 64 | self.low as u128))
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::v4(ip.to_bits()),
            IpAddr::V6(ip) => Self::v6(ip.octets()),
        }
    }
}

impl From<Ipv4Addr> for Address {
    fn from(ip: Ipv4Addr) -> Self {
        Self::v4(ip.to_bits())
    }
}

impl From<Ipv6Addr> for Address {
    fn from(ip: Ipv6Addr) -> Self {
        Self::v6(ip.octets())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(f)
    }
}
