//! The addresses with most bytes, in bounded room: Misra and Gries's summary, purged by the batch, behind doors.
//!
//! A counter for each address while there is room. When there is none, an amount is taken off every counter, chosen so that at least half of
//! them are used up and free (Misra and Gries, 1982; in batches as Anderson and others, 2017). From then on most addresses are not worth a counter, and
//! finding that out for each would cost the most. So each address has a *door*, which many share: what comes is kept outside, added
//! up by door, until a door has had 1/1024 of all bytes; then it is open.
//!
//! What was taken off so far, and what at most was kept outside, is the *error*: every address has at least what its counter says and at most the
//! error more. Each purge takes at least four fifths of its amount off at least half of the counters, so the error is at most all that was
//! added times 1/1024, and divided by two fifths of the counters (768).

use weir_record::Address;

use crate::keyed::Room;

/// Most places; three quarters of them hold counters.
const PLACES: usize = 1024;
/// Doors, and the share of all bytes that opens one.
const DOORS: usize = 1024;

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    high: u64,
    low: u64,
    /// 0 where the place is empty.
    bytes: u64,
}

/// Addresses and their bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    /// Empty, or a power of two of places.
    places: Vec<Counter>,
    /// 64 less the bits that number the places.
    shift: u32,
    used: usize,
    /// Bytes kept outside at each door, at most; empty until the first purge.
    doors: Vec<u64>,
    /// What was taken off every counter.
    taken: u64,
    total: u64,
}

impl Sketch {
    /// Adds bytes of an address.
    #[inline]
    pub(crate) fn add(&mut self, high: u64, low: u64, bytes: u64, room: &mut Room) {
        if bytes == 0 {
            return;
        }
        self.total = self.total.saturating_add(bytes);
        let mixed = mix(high, low);
        if self.stays_outside(mixed, bytes) {
            return;
        }
        let mask = self.places.len().wrapping_sub(1);
        let has_room = self.used < self.places.len() / 4 * 3;
        let mut at = self.home(mixed);
        loop {
            match self.places.get_mut(at & mask) {
                Some(counter) if counter.bytes == 0 => {
                    if has_room {
                        *counter = Counter { high, low, bytes };
                        self.used += 1;
                        return;
                    }
                    break;
                }
                Some(counter) if counter.low == low && counter.high == high => {
                    counter.bytes = counter.bytes.saturating_add(bytes);
                    return;
                }
                Some(_) => at = at.wrapping_add(1),
                None => break,
            }
        }
        self.make_room(room);
        self.insert(Counter { high, low, bytes });
    }

    /// The addresses with most bytes, most first, at most `limit`; then the bytes of all others, and by how much bytes may be too small.
    pub(crate) fn top(&self, limit: usize) -> (Vec<(Address, u64)>, u64, u64) {
        let counters = self.places.iter().filter(|counter| counter.bytes > 0);
        let mut top: Vec<_> = counters.map(|counter| (Address::from_halves(counter.high, counter.low), counter.bytes)).collect();
        top.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        // An address that is left out here had no more than the first of those, and the error besides.
        let outside = self.doors.iter().copied().max().unwrap_or(0);
        let error = self.taken.saturating_add(outside).saturating_add(top.get(limit).map_or(0, |(_, bytes)| *bytes));
        top.truncate(limit);
        let told = top.iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        (top, self.total.saturating_sub(told), error)
    }

    /// True where nothing was added.
    pub(crate) const fn is_empty(&self) -> bool {
        self.total == 0
    }

    #[inline]
    const fn home(&self, mixed: u64) -> usize {
        (mixed >> self.shift) as usize
    }

    /// True where the door of an address is closed; the bytes are kept there then.
    #[inline]
    fn stays_outside(&mut self, mixed: u64, bytes: u64) -> bool {
        // Other bits than those of the place.
        let Some(outside) = self.doors.get_mut((mixed >> 20) as usize % DOORS) else {
            return false;
        };
        let opens_at = self.total / DOORS as u64;
        let sum = outside.saturating_add(bytes);
        *outside = sum.min(opens_at).max(*outside);
        sum < opens_at
    }

    fn insert(&mut self, counter: Counter) {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = self.home(mix(counter.high, counter.low));
        while self.places.get(at & mask).is_some_and(|other| other.bytes != 0) {
            at = at.wrapping_add(1);
        }
        if let Some(place) = self.places.get_mut(at & mask) {
            *place = counter;
            self.used += 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, room: &mut Room) {
        let size = self.places.len();
        // The first few places are free, so that every sketch works.
        let more = if size == 0 { 16 } else { size };
        if size == 0 || size < PLACES && room.left >= more {
            room.left = room.left.saturating_sub(more);
            self.rebuild(size + more, 0);
        } else {
            let amount = self.amount_to_take();
            self.taken = self.taken.saturating_add(amount);
            self.doors.resize(DOORS, 0);
            self.rebuild(size, amount);
        }
    }

    /// Takes an amount off every counter and keeps those with something left.
    fn rebuild(&mut self, size: usize, amount: u64) {
        let old = std::mem::replace(&mut self.places, vec![Counter::default(); size]);
        self.shift = 64 - size.trailing_zeros();
        self.used = 0;
        for counter in old.into_iter().filter(|counter| counter.bytes > amount) {
            self.insert(Counter { bytes: counter.bytes - amount, ..counter });
        }
    }

    /// An amount that uses up half of the counters, found by counting them by their size: by power of two and its quarters.
    fn amount_to_take(&self) -> u64 {
        let mut sizes = [0u32; 256];
        for counter in self.places.iter().filter(|counter| counter.bytes > 0) {
            sizes[size_class(counter.bytes)] += 1;
        }
        let half = (self.used as u32).div_ceil(2);
        let mut so_far = 0;
        let class = sizes.iter().position(|count| {
            so_far += count;
            so_far >= half
        });
        largest_of(class.unwrap_or(255))
    }
}

/// Multiplicative hashing; the upper bits are good.
#[inline]
const fn mix(high: u64, low: u64) -> u64 {
    (high.rotate_left(29) ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Sizes alike: the power of two, and the two bits below its highest.
fn size_class(bytes: u64) -> usize {
    let power = bytes.max(1).ilog2();
    let quarter = if power < 2 { (bytes << (2 - power)) & 3 } else { bytes >> (power - 2) & 3 };
    (power * 4) as usize + quarter as usize
}

/// The largest size of a class.
fn largest_of(class: usize) -> u64 {
    let (power, quarter) = ((class / 4) as u32, (class % 4) as u128);
    let end = ((5 + quarter) << power).div_ceil(4);
    u64::try_from(end - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Most counters.
    const MOST: usize = PLACES / 4 * 3;

    fn room() -> Room {
        Room { values: 0, left: 1 << 20 }
    }

    #[test]
    fn the_largest_size_of_a_class_is_in_it() {
        for bytes in
            (0..63).flat_map(|power| [1u64 << power, (1 << power) + 1, (3 << power) / 2, (2 << power) - 1]).chain([u64::MAX])
        {
            let class = size_class(bytes);
            assert!(largest_of(class) >= bytes, "{bytes}");
            assert_eq!(size_class(largest_of(class)), class, "{bytes}");
        }
    }

    /// Addresses of which few have most, many little.
    fn amounts() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let address = prop_oneof![3 => 0u64..20, 1 => any::<u64>()];
        proptest::collection::vec((address, 1u64..1500), 0..30_000)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn every_address_is_within_the_error(amounts in amounts(), limit in 1usize..300, left in prop_oneof![Just(0usize), Just(1 << 20)]) {
            let mut sketch = Sketch::default();
            let mut exact: HashMap<u64, u64> = HashMap::new();
            let mut room = Room { values: 0, left };
            for (address, bytes) in &amounts {
                sketch.add(*address, *address, *bytes, &mut room);
                *exact.entry(*address).or_default() += bytes;
            }
            let total: u64 = exact.values().sum();
            let (top, rest, error) = sketch.top(limit);
            prop_assert_eq!(top.iter().map(|(_, bytes)| bytes).sum::<u64>() + rest, total);
            prop_assert!(top.len() <= limit);
            for (address, bytes) in &top {
                let truth = exact.remove(&address.halves().0).unwrap_or(0);
                prop_assert!(*bytes <= truth && truth <= bytes + error, "{} <= {} <= {} + {}", bytes, truth, bytes, error);
            }
            let largest_left_out = exact.values().max().copied().unwrap_or(0);
            prop_assert!(largest_left_out <= error, "{} > {}", largest_left_out, error);
            let counters = if left == 0 { 12 } else { MOST as u64 };
            prop_assert!(sketch.taken <= total * 5 / (counters * 2), "{} of {}", sketch.taken, total);
            prop_assert!(sketch.doors.iter().all(|outside| *outside <= total / 1024));
            let places = if left == 0 { 16 } else { PLACES };
            prop_assert!(sketch.places.len() <= places);
        }
    }

    #[test]
    fn few_addresses_are_exact() {
        let mut sketch = Sketch::default();
        for round in 0..1000 {
            for address in 0..MOST as u64 {
                sketch.add(0, address, 1 + round % 2, &mut room());
            }
        }
        let (top, rest, error) = sketch.top(MOST);
        assert_eq!((top.len(), rest, error), (MOST, 0, 0));
        assert!(top.iter().all(|(_, bytes)| *bytes == 1500));
    }
}
