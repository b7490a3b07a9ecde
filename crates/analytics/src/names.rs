//! Texts and servers by number, so that tables of sums have numbers alone.

use std::collections::HashMap;

use weir_record::Address;

/// Most texts, and most servers, that are told apart.
pub(crate) const MOST: usize = 1 << 16;
/// Longest text in octets; none that names an application or a country comes near.
pub(crate) const LONGEST: usize = 255;

/// Texts by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    numbers: HashMap<Box<[u8]>, u32, foldhash::fast::RandomState>,
    texts: Vec<Box<[u8]>>,
}

impl Texts {
    /// The number of a text; nothing where there is no room for it.
    pub(crate) fn number(&mut self, text: &[u8]) -> Option<u32> {
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        if self.texts.len() >= MOST || text.len() > LONGEST {
            return None;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        Some(number)
    }

    /// The text of a number.
    pub(crate) fn get(&self, number: u64) -> Option<&[u8]> {
        self.texts.get(usize::try_from(number).ok()?).map(|text| &**text)
    }
}

/// Servers, address and port, by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Servers {
    numbers: HashMap<(Address, u16), u32, foldhash::fast::RandomState>,
    servers: Vec<(Address, u16)>,
}

impl Servers {
    /// The number of a server; nothing where there is no room for it.
    pub(crate) fn number(&mut self, address: Address, port: u16) -> Option<u32> {
        if let Some(number) = self.numbers.get(&(address, port)) {
            return Some(*number);
        }
        if self.servers.len() >= MOST {
            return None;
        }
        let number = self.servers.len() as u32;
        self.servers.push((address, port));
        self.numbers.insert((address, port), number);
        Some(number)
    }

    /// The server of a number.
    pub(crate) fn get(&self, number: u64) -> Option<(Address, u16)> {
        self.servers.get(usize::try_from(number).ok()?).copied()
    }
}
