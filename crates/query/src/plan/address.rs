//! Sets of prefixes, and columns of addresses compared with them.
//!
//! Both families lie in one space, IPv4 in a block that IPv6 does not use. A prefix selects addresses of its own family alone, so `::/0`
//! does not select IPv4.

use weir_record::Address;
use weir_record::column::IpColumn;

use super::Block;
use super::leaf::{for_words, gather, sixty_four};
use crate::literal::prefix_masks;

/// Up to so many prefixes are compared one by one, with vector instructions; more are looked up.
const FEW: usize = 6;

/// Addresses that a filter asks for.
#[derive(Clone, Debug)]
pub(crate) enum AddressSet {
    Few(Vec<Masked>),
    Many(Box<Lookup>),
}

impl AddressSet {
    /// Of prefixes as literals have them: the length counts within the family.
    pub(crate) fn new(prefixes: &[(Address, u8)]) -> Self {
        if prefixes.len() <= FEW {
            Self::Few(prefixes.iter().map(|(address, length)| Masked::new(*address, *length)).collect())
        } else {
            Self::Many(Box::new(Lookup::new(prefixes)))
        }
    }

    /// True where an address is in the set.
    pub(crate) fn holds(&self, address: Address) -> bool {
        let (high, low) = address.halves();
        match self {
            Self::Few(prefixes) => prefixes.iter().any(|prefix| prefix.holds(high, low)),
            Self::Many(lookup) => lookup.holds(high, low),
        }
    }

    pub(super) fn restrict(&self, column: &IpColumn, negated: bool, first: usize, block: &mut Block) {
        if column.is_empty() {
            block.fill(0);
            return;
        }
        let validity = column.validity();
        for_words(block, first, |index, word| {
            let (high, low) = (sixty_four(column.high(), index), sixty_four(column.low(), index));
            let mut octets = [0u8; 64];
            match self {
                Self::Few(prefixes) => {
                    for prefix in prefixes {
                        for ((octet, high), low) in octets.iter_mut().zip(high.iter()).zip(low.iter()) {
                            *octet |= u8::from(prefix.holds(*high, *low));
                        }
                    }
                }
                Self::Many(lookup) => {
                    for ((octet, high), low) in octets.iter_mut().zip(high.iter()).zip(low.iter()) {
                        *octet = u8::from(lookup.holds(*high, *low));
                    }
                }
            }
            let held = gather(&octets) ^ if negated { u64::MAX } else { 0 };
            word & held & validity.word(index)
        });
    }
}

/// One prefix as masks of both halves.
#[derive(Clone, Debug)]
pub(crate) struct Masked {
    high: u64,
    high_mask: u64,
    low: u64,
    low_mask: u64,
    /// True for a prefix of IPv6 so short that the block of IPv4 lies in it.
    not_v4: bool,
}

impl Masked {
    fn new(address: Address, length: u8) -> Self {
        let bits = if address.is_v4() { length.saturating_add(96) } else { length };
        let (high_mask, low_mask) = prefix_masks(bits);
        let (high, low) = address.halves();
        let holds_v4 = high == 0 && Address::V4_PREFIX & low_mask == low & low_mask;
        Self { high, high_mask, low, low_mask, not_v4: !address.is_v4() && holds_v4 }
    }

    #[inline]
    fn holds(&self, high: u64, low: u64) -> bool {
        let same = (high ^ self.high) & self.high_mask | (low ^ self.low) & self.low_mask == 0;
        let other_family = self.not_v4 & (high == 0) & (low >> 32 == Address::V4_MARK);
        same & !other_family
    }
}

/// Many prefixes, looked up by the address. For IPv4 the first 16 bits decide most addresses at once.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    /// For each value of the first 16 bits of an IPv4 address.
    v4_first: Box<[Part]>,
    /// Ascending and apart from each other.
    v4: Vec<(u32, u32)>,
    /// Ascending and apart from each other; IPv4 addresses are not looked up here.
    v6: Vec<(u128, u128)>,
}

/// How much of a /16 is in the set.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
enum Part {
    None,
    All,
    Some,
}

impl Lookup {
    fn new(prefixes: &[(Address, u8)]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (address, length) in prefixes {
            let (high, low) = address.halves();
            if address.is_v4() {
                let start = low as u32;
                v4.push((start, start | u32::MAX.checked_shr((*length).into()).unwrap_or(0)));
            } else {
                let start = u128::from(high) << 64 | u128::from(low);
                v6.push((start, start | u128::MAX.checked_shr((*length).into()).unwrap_or(0)));
            }
        }
        let v4 = apart(v4);
        let mut v4_first = vec![Part::None; 1 << 16].into_boxed_slice();
        for (start, end) in &v4 {
            for first in start >> 16..=end >> 16 {
                let whole = *start <= first << 16 && *end >= first << 16 | 0xffff;
                v4_first[first as usize] = if whole { Part::All } else { Part::Some };
            }
        }
        Self { v4_first, v4, v6: apart(v6) }
    }

    #[inline]
    fn holds(&self, high: u64, low: u64) -> bool {
        if high == 0 && low >> 32 == Address::V4_MARK {
            let address = low as u32;
            return match self.v4_first.get((address >> 16) as usize) {
                Some(Part::All) => true,
                Some(Part::Some) => lies_within(&self.v4, address),
                _ => false,
            };
        }
        !self.v6.is_empty() && lies_within(&self.v6, u128::from(high) << 64 | u128::from(low))
    }
}

fn lies_within<T: PartialOrd + Copy>(ranges: &[(T, T)], value: T) -> bool {
    let past = ranges.partition_point(|(start, _)| *start <= value);
    let range = past.checked_sub(1).and_then(|place| ranges.get(place));
    range.is_some_and(|(_, end)| value <= *end)
}

/// Ranges in order, those that overlap made one. Prefixes overlap only by one holding the other.
fn apart<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (start, end) in ranges {
        match merged.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => merged.push((start, end)),
        }
    }
    merged
}
