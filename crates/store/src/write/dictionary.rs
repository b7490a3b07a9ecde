//! Dictionaries of numbers.

/// Entries of a dictionary of counters, codes and times; of more values, split octets are smaller and faster.
pub(crate) const MAX_ENTRIES: usize = 4_096;

/// Entries of a dictionary of halves of addresses. A question for one host finds it in the dictionary, or passes over the whole chunk; and places in a
/// dictionary are read faster than octets that zstd has to undo.
pub(crate) const MAX_ADDRESSES: usize = 1 << 18;

/// A dictionary that grows.
pub(crate) struct Table {
    entries: Vec<u64>,
    max_entries: usize,
    /// One more than the place in `entries`, by the value itself where that is small, else open-addressed by its hash; 0 is free. A power of two long.
    slots: Vec<u32>,
    is_direct: bool,
}

impl Table {
    const SLOTS: usize = 1 << 14;

    pub(crate) fn new(max_entries: usize) -> Self {
        Self { entries: Vec::new(), max_entries, slots: vec![0; Self::SLOTS], is_direct: true }
    }

    /// Appends the codes of values; false where there are too many different ones.
    pub(crate) fn encode(&mut self, values: &[u64], codes: &mut Vec<u32>) -> bool {
        if self.is_direct {
            if values.iter().all(|value| *value < Self::SLOTS as u64) {
                return self.encode_directly(values, codes);
            }
            self.place_again(Self::SLOTS);
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

    /// The entries, in the order of their codes.
    pub(crate) fn into_entries(self) -> Vec<u64> {
        self.entries
    }

    fn encode_directly(&mut self, values: &[u64], codes: &mut Vec<u32>) -> bool {
        let Self { entries, slots, .. } = self;
        for value in values {
            if let Some(slot @ 0) = slots.get_mut(*value as usize) {
                entries.push(*value);
                *slot = entries.len() as u32;
            }
        }
        codes.extend(values.iter().map(|value| slots.get(*value as usize).copied().unwrap_or(1) - 1));
        entries.len() <= self.max_entries
    }

    /// Places by hash in so many slots.
    fn place_again(&mut self, slots: usize) {
        let entries = std::mem::take(&mut self.entries);
        *self = Self {
            entries: Vec::with_capacity(entries.len()),
            max_entries: self.max_entries,
            slots: vec![0; slots],
            is_direct: false,
        };
        for value in entries {
            self.code(value);
        }
    }

    #[inline]
    fn code(&mut self, value: u64) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut place = (value.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        loop {
            let slot = self.slots.get_mut(place)?;
            if *slot == 0 {
                *slot = self.entries.len() as u32 + 1;
                return self.add(value);
            }
            let code = *slot - 1;
            if self.entries.get(code as usize) == Some(&value) {
                return Some(code);
            }
            place = (place + 1) & mask;
        }
    }

    #[cold]
    fn add(&mut self, value: u64) -> Option<u32> {
        if self.entries.len() == self.max_entries {
            return None;
        }
        self.entries.push(value);
        let code = self.entries.len() as u32 - 1;
        if self.entries.len() * 3 > self.slots.len() {
            self.place_again(self.slots.len() * 2);
        }
        Some(code)
    }
}
