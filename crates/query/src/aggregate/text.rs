//! Texts as numbers: each different text once.

/// Texts in the order in which they came, found by their hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    octets: Vec<u8>,
    /// Where each text ends, and its hash.
    texts: Vec<(usize, u64)>,
    /// Numbers of texts plus one at the place that the hash names, or the next free one; zero where free.
    slots: Vec<u32>,
}

impl Texts {
    /// The number of a text, which is added where it is new.
    pub(super) fn number(&mut self, hash: u64, text: &[u8]) -> u32 {
        if self.texts.len() * 2 >= self.slots.len() {
            self.grow();
        }
        match self.place(hash, text) {
            Ok(number) => number,
            Err(slot) => {
                self.octets.extend_from_slice(text);
                self.texts.push((self.octets.len(), hash));
                self.slots[slot] = self.texts.len() as u32;
                self.texts.len() as u32 - 1
            }
        }
    }

    /// The number of a text if it is there.
    pub(super) fn find(&self, hash: u64, text: &[u8]) -> Option<u32> {
        if self.slots.is_empty() { None } else { self.place(hash, text).ok() }
    }

    /// The text of a number, and its hash.
    pub(super) fn get(&self, number: u32) -> (&str, u64) {
        let number = number as usize;
        let start = number.checked_sub(1).and_then(|before| self.texts.get(before)).map_or(0, |(end, _)| *end);
        let Some((end, hash)) = self.texts.get(number) else {
            return ("", 0);
        };
        let text = self.octets.get(start..*end).unwrap_or_default();
        (std::str::from_utf8(text).unwrap_or_default(), *hash)
    }

    pub(super) fn memory(&self) -> usize {
        self.octets.capacity() + self.texts.capacity() * 16 + self.slots.capacity() * 4
    }

    fn octets_of(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).and_then(|before| self.texts.get(before)).map_or(0, |(end, _)| *end);
        let end = self.texts.get(number).map_or(start, |(end, _)| *end);
        self.octets.get(start..end).unwrap_or_default()
    }

    /// The number of the text, or the free slot where it belongs.
    fn place(&self, hash: u64, text: &[u8]) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = (hash >> 32) as usize & mask;
        loop {
            match self.slots[slot].checked_sub(1) {
                None => return Err(slot),
                Some(number) => {
                    let same_hash = self.texts.get(number as usize).is_some_and(|(_, known)| *known == hash);
                    if same_hash && self.octets_of(number as usize) == text {
                        return Ok(number);
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        self.slots = vec![0; size];
        for (number, (_, hash)) in self.texts.iter().enumerate() {
            let mut slot = (hash >> 32) as usize & (size - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = number as u32 + 1;
        }
    }
}
