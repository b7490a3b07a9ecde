//! Where a flow stands, by the hash of its key: slots of a hash and a place, probed one after the other.
//!
//! A slot holds all that is needed to find it again when the table grows or another is taken out, so neither touches a flow. And what a look-up
//! will touch can be asked for ahead of time, for many packets at once: see decision 0008.

/// Slots; their number is a power of two.
#[derive(Debug)]
pub(crate) struct Index {
    /// 32 bits of hash, then 32 bits of place one up; 0 is free.
    slots: Vec<u64>,
    used: usize,
}

/// Slots at the start.
const FIRST_SLOTS: usize = 1024;

impl Index {
    pub(crate) fn new() -> Self {
        Self { slots: vec![0; FIRST_SLOTS], used: 0 }
    }

    /// Flows in the table.
    pub(crate) const fn len(&self) -> usize {
        self.used
    }

    /// The place of the flow with this hash for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        let mut at = self.start(tag);
        loop {
            let slot = *self.slots.get(at)?;
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == tag && is_it(place(slot)) {
                return Some(place(slot));
            }
            at = self.after(at);
        }
    }

    /// The place that most likely is that of this hash; nothing of the flow is touched.
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Adds a flow that is not there.
    pub(crate) fn insert(&mut self, hash: u64, place: u32) {
        // Half full at the most: runs stay short.
        if (self.used + 1) * 2 > self.slots.len() {
            self.grow();
        }
        self.used += 1;
        self.put(slot(tag(hash), place));
    }

    /// Takes a flow out.
    pub(crate) fn remove(&mut self, hash: u64, gone: u32) {
        let tag = tag(hash);
        let wanted = slot(tag, gone);
        let mut at = self.start(tag);
        while let Some(slot) = self.slots.get(at).copied().filter(|slot| *slot != 0) {
            if slot == wanted {
                self.used -= 1;
                return self.close_gap(at);
            }
            at = self.after(at);
        }
    }

    /// Octets of memory.
    pub(crate) fn memory(&self) -> usize {
        self.slots.capacity() * 8
    }

    #[inline]
    const fn start(&self, tag: u32) -> usize {
        tag as usize & (self.slots.len() - 1)
    }

    #[inline]
    const fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    fn put(&mut self, slot: u64) {
        let mut at = self.start((slot >> 32) as u32);
        while let Some(held) = self.slots.get_mut(at) {
            if *held == 0 {
                *held = slot;
                return;
            }
            at = self.after(at);
        }
    }

    /// Moves back what stands behind a slot that became free and could stand there.
    fn close_gap(&mut self, mut gap: usize) {
        let mut at = self.after(gap);
        while let Some(slot) = self.slots.get(at).copied().filter(|slot| *slot != 0) {
            let start = self.start((slot >> 32) as u32);
            let mask = self.slots.len() - 1;
            if (at.wrapping_sub(start) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.slots[gap] = slot;
                gap = at;
            }
            at = self.after(at);
        }
        self.slots[gap] = 0;
    }

    #[cold]
    fn grow(&mut self) {
        let doubled = self.slots.len() * 2;
        for slot in std::mem::replace(&mut self.slots, vec![0; doubled]) {
            if slot != 0 {
                self.put(slot);
            }
        }
    }
}

/// A slot that is not free.
#[inline]
const fn slot(tag: u32, place: u32) -> u64 {
    (tag as u64) << 32 | (place as u64 + 1)
}

/// What a slot keeps of a hash.
#[inline]
const fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The place in a slot that is not free.
#[inline]
const fn place(slot: u64) -> u32 {
    (slot as u32).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn it_finds_what_a_map_of_the_standard_library_finds() {
        let mut rng = weir_testkit::Rng::with_seed(7);
        let (mut index, mut map) = (Index::new(), HashMap::new());
        for round in 0..200_000u32 {
            // Few different tags, so that runs are long.
            let hash = u64::from(rng.u32(..4000)) << 32;
            if rng.bool() && map.len() < 1500 {
                index.insert(hash, round);
                map.insert(round, hash);
            } else if let Some(gone) = map.keys().next().copied() {
                let hash = map.remove(&gone).unwrap();
                index.remove(hash, gone);
                assert_eq!(index.find(hash, |place| place == gone), None);
            }
            assert_eq!(index.len(), map.len());
        }
        for (place, hash) in map {
            assert_eq!(index.find(hash, |found| found == place), Some(place));
        }
    }
}
