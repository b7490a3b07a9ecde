//! Dictionaries of numbers.

/// Entries of a dictionary; of more values, split octets are smaller and faster.
pub(crate) const MAX_ENTRIES: usize = 4_096;

/// A dictionary that grows.
pub(crate) struct Table {
    entries: Vec<u64>,
    /// One more than the place in `entries`, by the value itself where that is small, else open-addressed by its hash; 0 is free.
    slots: Vec<u16>,
    is_direct: bool,
}

impl Table {
    const SLOTS: usize = 4 * MAX_ENTRIES;

    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), slots: vec![0; Self::SLOTS], is_direct: true }
    }

    /// Appends the codes of values; false where there are too many different ones.
    pub(crate) fn encode(&mut self, values: &[u64], codes: &mut Vec<u32>) -> bool {
        if self.is_direct {
            if values.iter().all(|value| *value < Self::SLOTS as u64) {
                return self.encode_directly(values, codes);
            }
            self.hash_again();
        }
        let mut last = None;
        for value in values {
            let code = match last {
                Some((same, code)) if same == *value => code,
                _ => match self.code(*value) {
                    Some(code) => code,
                    None => return false,
                },
            };
            last = Some((*value, code));
            codes.push(code);
        }
        true
    }

    fn encode_directly(&mut self, values: &[u64], codes: &mut Vec<u32>) -> bool {
        let Self { entries, slots, .. } = self;
        for value in values {
            if let Some(slot @ 0) = slots.get_mut(*value as usize) {
                entries.push(*value);
                *slot = entries.len() as u16;
            }
        }
        codes.extend(values.iter().map(|value| u32::from(slots.get(*value as usize).copied().unwrap_or(1)) - 1));
        entries.len() <= MAX_ENTRIES
    }

    /// Places by hash, now that a value is too large to be a place itself.
    fn hash_again(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        *self = Self { is_direct: false, slots: vec![0; Self::SLOTS], entries: Vec::new() };
        for value in entries {
            self.code(value);
        }
    }

    /// The entries, in the order of their codes.
    pub(crate) fn into_entries(self) -> Vec<u64> {
        self.entries
    }

    #[inline]
    fn code(&mut self, value: u64) -> Option<u32> {
        const BITS: u32 = Table::SLOTS.ilog2();
        let mut place = (value.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS)) as usize;
        loop {
            let slot = self.slots.get_mut(place)?;
            if *slot == 0 {
                if self.entries.len() == MAX_ENTRIES {
                    return None;
                }
                self.entries.push(value);
                *slot = self.entries.len() as u16;
                return Some(self.entries.len() as u32 - 1);
            }
            let code = usize::from(*slot) - 1;
            if self.entries.get(code) == Some(&value) {
                return Some(code as u32);
            }
            place = (place + 1) % Self::SLOTS;
        }
    }
}
