//! Sums by the value of a dimension: an open-addressing table, since every record looks up half a dozen of them.

use crate::parts::{Extra, Part};

/// Places that are looked at for a value at most: who numbers things so that they all begin alike costs no more than that.
const MOST_PROBES: usize = 64;

/// What was added up, as reported.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    /// The value plus 1; 0 where the place is empty.
    key: u64,
    /// Flow records and samples.
    pub(crate) records: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Sums {
    #[inline]
    pub(crate) fn add(&mut self, part: &Part) {
        self.records += u64::from(part.records);
        self.packets = self.packets.saturating_add(part.packets);
        self.bytes = self.bytes.saturating_add(part.bytes);
    }
}

/// What was added up besides, where records are sampled or halves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExtraSums {
    pub(crate) packets_more: u64,
    pub(crate) bytes_more: u64,
    pub(crate) packets_variance: f64,
    pub(crate) bytes_variance: f64,
    pub(crate) samples: u64,
    pub(crate) responders: u64,
}

impl ExtraSums {
    #[inline]
    pub(crate) fn add(&mut self, extra: &Extra) {
        self.packets_more = self.packets_more.saturating_add(extra.packets_more);
        self.bytes_more = self.bytes_more.saturating_add(extra.bytes_more);
        self.packets_variance += extra.packets_variance;
        self.bytes_variance += extra.bytes_variance;
        self.samples += u64::from(extra.samples);
        self.responders += u64::from(extra.responders);
    }
}

/// How many values may be kept apart.
#[derive(Debug)]
pub(crate) struct Room {
    /// In one table.
    pub(crate) values: usize,
    /// In all tables together, from now on.
    pub(crate) left: usize,
}

/// Sums by value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keyed {
    /// Empty, or a power of two of places of which at most half are used.
    places: Vec<Sums>,
    /// Empty, or as many as `places`.
    extras: Vec<ExtraSums>,
    used: usize,
    /// What found no room; its key is 1 where there is any.
    rest: Sums,
    rest_extra: ExtraSums,
}

impl Keyed {
    /// Adds a part to the sums of a value; false where it found no room.
    #[inline]
    pub(crate) fn add(&mut self, value: u64, part: &Part, extras: &[Extra], room: &mut Room) -> bool {
        let key = value.wrapping_add(1);
        let mask = self.places.len().wrapping_sub(1);
        let home = Self::home(key) & mask;
        // Nearly always the value is where it is looked for first.
        match self.places.get_mut(home) {
            Some(sums) if sums.key == key && part.extra == 0 => {
                sums.add(part);
                true
            }
            _ => self.add_elsewhere(key, part, extras, room),
        }
    }

    #[inline(never)]
    fn add_elsewhere(&mut self, key: u64, part: &Part, extras: &[Extra], room: &mut Room) -> bool {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = Self::home(key);
        let end = at.wrapping_add(MOST_PROBES);
        let found = loop {
            match self.places.get_mut(at & mask) {
                Some(sums) if sums.key == key => {
                    sums.add(part);
                    break Some(at & mask);
                }
                Some(sums) if sums.key != 0 && at != end => at = at.wrapping_add(1),
                Some(sums) if sums.key != 0 => break self.add_without_room(part),
                _ => break self.add_new(key, part, room),
            }
        };
        if let Some(extra) = (part.extra as usize).checked_sub(1).and_then(|place| extras.get(place)) {
            self.add_extra(found, extra);
        }
        found.is_some()
    }

    /// Adds a part to what found no room.
    pub(crate) fn add_to_rest(&mut self, part: &Part, extras: &[Extra]) {
        self.rest.key = 1;
        self.rest.add(part);
        if let Some(extra) = (part.extra as usize).checked_sub(1).and_then(|place| extras.get(place)) {
            self.rest_extra.add(extra);
        }
    }

    /// The values and their sums, by value; first, without a value, what found no room.
    pub(crate) fn sums(&self) -> Vec<(Option<u64>, &Sums, ExtraSums)> {
        let extra = |place: usize| self.extras.get(place).copied().unwrap_or_default();
        let used = self.places.iter().enumerate().filter(|(_, sums)| sums.key != 0);
        let mut sums: Vec<_> = used.map(|(place, sums)| (Some(sums.key.wrapping_sub(1)), sums, extra(place))).collect();
        if self.rest.key != 0 {
            sums.push((None, &self.rest, self.rest_extra));
        }
        sums.sort_unstable_by_key(|(value, ..)| *value);
        sums
    }

    /// Where the search for a key begins. Interfaces and systems are numbered one after the other, so that their lower bits are all different; where they
    /// are not, as in interfaces numbered in steps of 4096, the bits above tell them apart.
    #[inline]
    const fn home(key: u64) -> usize {
        (key ^ key >> 11 ^ key >> 22) as usize
    }

    /// A value for which there is no room, or that is among too many others that begin alike.
    #[cold]
    fn add_without_room(&mut self, part: &Part) -> Option<usize> {
        self.rest.key = 1;
        self.rest.add(part);
        None
    }

    #[cold]
    #[inline(never)]
    fn add_new(&mut self, key: u64, part: &Part, room: &mut Room) -> Option<usize> {
        if self.used >= room.values || room.left == 0 {
            return self.add_without_room(part);
        }
        room.left -= 1;
        self.used += 1;
        if self.used * 2 > self.places.len() {
            self.grow();
        }
        let mut sums = Sums { key, ..Sums::default() };
        sums.add(part);
        let place = self.free_place(key);
        *self.places.get_mut(place)? = sums;
        Some(place)
    }

    /// The first empty place for a key; there always is one, since half of them are.
    fn free_place(&self, key: u64) -> usize {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = Self::home(key);
        while self.places.get(at & mask).is_some_and(|sums| sums.key != 0) {
            at = at.wrapping_add(1);
        }
        at & mask
    }

    fn grow(&mut self) {
        let size = (self.places.len() * 2).max(8);
        let places = std::mem::replace(&mut self.places, vec![Sums::default(); size]);
        let has_extras = !self.extras.is_empty();
        let extras = std::mem::take(&mut self.extras);
        if has_extras {
            self.extras = vec![ExtraSums::default(); size];
        }
        for (old, sums) in places.into_iter().enumerate().filter(|(_, sums)| sums.key != 0) {
            let place = self.free_place(sums.key);
            if let Some(new) = self.places.get_mut(place) {
                *new = sums;
            }
            if let (Some(new), Some(extra)) = (self.extras.get_mut(place), extras.get(old)) {
                *new = *extra;
            }
        }
    }

    #[inline]
    fn add_extra(&mut self, place: Option<usize>, extra: &Extra) {
        let Some(place) = place else {
            return self.rest_extra.add(extra);
        };
        if self.extras.is_empty() {
            self.extras = vec![ExtraSums::default(); self.places.len()];
        }
        if let Some(sums) = self.extras.get_mut(place) {
            sums.add(extra);
        }
    }
}
