//! An address prefix: an address and how many of its leading bits count.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use weir_record::Address;

/// An IPv4 or IPv6 prefix. Bits past its length are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// Why a text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePrefixError {
    /// What stands before the slash is no address.
    #[error("{0:?} is not an address; expected one such as 192.0.2.0/24 or 2001:db8::/32")]
    Address(String),
    /// What stands after the slash is no length.
    #[error("{0:?} is not the length of a prefix; expected 0 to {1}")]
    Length(String, u8),
}

impl Prefix {
    /// The prefix of `length` bits that holds an address; nothing where the family has fewer bits.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(v4) if length <= 32 => {
                IpAddr::V4((v4.to_bits() & !u32::MAX.checked_shr(length.into()).unwrap_or(0)).into())
            }
            IpAddr::V6(v6) if length <= 128 => {
                IpAddr::V6((v6.to_bits() & !u128::MAX.checked_shr(length.into()).unwrap_or(0)).into())
            }
            _ => return None,
        };
        Some(Self { address, length })
    }

    /// The prefix that holds this address and no other.
    pub fn host(address: IpAddr) -> Self {
        Self { address, length: bits_of(address) }
    }

    /// Its first address.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many bits count.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// True where it is of IPv4.
    pub const fn is_v4(self) -> bool {
        self.address.is_ipv4()
    }

    /// True where it holds the address.
    pub fn contains(self, address: Address) -> bool {
        Self::new(address.to_ip(), self.length) == Some(self)
    }

    /// Its first and last address as numbers of its family.
    pub(crate) fn bounds(self) -> (u128, u128) {
        let (first, mask) = match self.address {
            IpAddr::V4(v4) => (v4.to_bits().into(), u32::MAX.checked_shr(self.length.into()).unwrap_or(0).into()),
            IpAddr::V6(v6) => (v6.to_bits(), u128::MAX.checked_shr(self.length.into()).unwrap_or(0)),
        };
        (first, first | mask)
    }
}

/// `192.0.2.0/24`, `2001:db8::/32`, or an address alone.
impl FromStr for Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ParsePrefixError::Address(address.to_owned()))?;
        let Some(length) = length else {
            return Ok(Self::host(address));
        };
        let wrong = || ParsePrefixError::Length(length.to_owned(), bits_of(address));
        Self::new(address, length.parse().map_err(|_| wrong())?).ok_or_else(wrong)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

const fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_prefix_and_prints_back() {
        for (text, printed) in [
            ("192.0.2.1/24", "192.0.2.0/24"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("10.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8:ffff::1/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("2001:db8::/0", "::/0"),
        ] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_prefix_is_told() {
        let error = |text: &str| text.parse::<Prefix>().unwrap_err();
        assert_eq!(error("10.0.0/8"), ParsePrefixError::Address("10.0.0".to_owned()));
        assert_eq!(error("10.0.0.0/33"), ParsePrefixError::Length("33".to_owned(), 32));
        assert_eq!(error("::/129"), ParsePrefixError::Length("129".to_owned(), 128));
        assert_eq!(error("::/"), ParsePrefixError::Length(String::new(), 128));
        assert_eq!(error("::/-1").to_string(), "\"-1\" is not the length of a prefix; expected 0 to 128");
    }

    #[test]
    fn a_prefix_holds_addresses_of_its_family_alone() {
        let prefix: Prefix = "0.0.0.0/0".parse().unwrap();
        assert!(prefix.contains(Address::v4(7)));
        assert!(!prefix.contains(Address::v6([0; 16])));
    }
}
