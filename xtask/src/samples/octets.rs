//! Octets put together in network byte order.

use std::net::IpAddr;

/// Octets in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Octets(pub(super) Vec<u8>);

impl Octets {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(super) fn u16(self, value: u16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn address(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.bytes(&address.octets()),
            IpAddr::V6(address) => self.bytes(&address.octets()),
        }
    }

    /// Zeros up to a multiple of this many octets.
    pub(super) fn padded(mut self, unit: usize) -> Self {
        self.0.resize(self.0.len().next_multiple_of(unit), 0);
        self
    }

    /// Text in a field of fixed length, zeros behind it.
    pub(super) fn text(mut self, text: &str, length: usize) -> Self {
        let end = self.0.len() + length;
        self.0.extend_from_slice(text.as_bytes());
        self.0.resize(end, 0);
        self
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A set of NetFlow v9 or IPFIX: id, length, content, padding to 4 octets.
pub(super) fn set(id: u16, content: Octets) -> Vec<u8> {
    let content = content.padded(4);
    Octets::new().u16(id).u16(content.len() as u16 + 4).bytes(&content.0).0
}
