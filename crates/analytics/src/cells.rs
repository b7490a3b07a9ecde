//! Sources and their slots of time: finding what is kept of them.

use std::collections::BTreeMap;

use weir_record::Address;

use crate::parts::{Grouped, MINUTE, Part};

/// What is kept of each source and slot, bounded.
#[derive(Debug)]
pub(crate) struct Cells<T> {
    limit: usize,
    cells: Vec<T>,
    by_key: BTreeMap<(Option<Address>, i64), usize>,
    /// Cells that the batch has come upon, in that order; parts name them by their place in it.
    touched: Vec<usize>,
    /// Place in `touched` of each cell, where the batch has come upon it.
    numbers: Vec<Option<u32>>,
    /// The last few that were asked for: source, slot, number.
    recent: [Option<(Option<Address>, i64, u32)>; 8],
    /// Sources and slots that the batch has come upon and for which there was no room, and where their records went instead.
    moved: Vec<Key>,
}

/// A source and the begin of a slot.
pub(crate) type Key = (Option<Address>, i64);

impl<T: Default> Cells<T> {
    /// For at most so many sources and slots, and one more.
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        Self {
            limit,
            cells: Vec::new(),
            by_key: BTreeMap::new(),
            touched: Vec::new(),
            numbers: Vec::new(),
            recent: [None; 8],
            moved: Vec::new(),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.cells.len()
    }

    /// How many the batch has come upon.
    pub(crate) const fn touched(&self) -> usize {
        self.touched.len()
    }

    /// All of them by source and slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Option<Address>, i64, &T)> {
        self.by_key.iter().filter_map(|((exporter, slot), place)| Some((*exporter, *slot, self.cells.get(*place)?)))
    }

    /// Hands each one that the batch has come upon its parts.
    pub(crate) fn each_touched(&mut self, grouped: &Grouped, mut each: impl FnMut(&mut T, &[Part])) {
        for (place, parts) in self.touched.iter().zip(grouped.groups()) {
            if let Some(cell) = self.cells.get_mut(*place) {
                each(cell, parts);
            }
        }
    }

    /// The sources and slots of the batch from which, and to which, records were moved for want of room.
    pub(crate) fn moved(&self) -> impl Iterator<Item = Key> {
        self.moved.iter().copied()
    }

    pub(crate) fn begin_batch(&mut self) {
        self.moved.clear();
        for place in self.touched.drain(..) {
            if let Some(number) = self.numbers.get_mut(place) {
                *number = None;
            }
        }
        self.recent = [None; 8];
    }

    /// The number of a source and slot within the batch.
    #[inline]
    pub(crate) fn number(&mut self, exporter: Option<Address>, slot: i64) -> u32 {
        let mixed = exporter.map_or(0, |exporter| exporter.halves().1 as usize) ^ (slot / MINUTE) as usize;
        if let Some((known, begin, number)) = self.recent[mixed % 8]
            && known == exporter
            && begin == slot
        {
            return number;
        }
        let number = self.find(exporter, slot);
        self.recent[mixed % 8] = Some((exporter, slot, number));
        number
    }

    #[inline(never)]
    fn find(&mut self, exporter: Option<Address>, slot: i64) -> u32 {
        let place = self.place(exporter, slot);
        let known = self.numbers.get(place).copied().flatten();
        known.unwrap_or_else(|| {
            let number = self.touched.len() as u32;
            self.touched.push(place);
            if let Some(known) = self.numbers.get_mut(place) {
                *known = Some(number);
            }
            number
        })
    }

    fn place(&mut self, exporter: Option<Address>, slot: i64) -> usize {
        if let Some(place) = self.by_key.get(&(exporter, slot)) {
            return *place;
        }
        let mut exporter = exporter;
        if self.cells.len() >= self.limit {
            let nearest = self.nearest(exporter, slot).or_else(|| self.nearest(None, slot));
            self.moved.push((exporter, slot));
            if let Some((key, place)) = nearest {
                self.moved.push(key);
                return place;
            }
            // This happens once, for what is left of all sources.
            exporter = None;
            self.moved.push((exporter, slot));
        }
        let place = self.cells.len();
        self.cells.push(T::default());
        self.numbers.push(None);
        self.by_key.insert((exporter, slot), place);
        place
    }

    /// The slot of a source that is nearest in time.
    fn nearest(&self, exporter: Option<Address>, slot: i64) -> Option<(Key, usize)> {
        let before = self.by_key.range((exporter, i64::MIN)..=(exporter, slot)).next_back();
        let after = self.by_key.range((exporter, slot)..=(exporter, i64::MAX)).next();
        let distance = |found: &(&(Option<Address>, i64), &usize)| found.0.1.abs_diff(slot);
        before.into_iter().chain(after).min_by_key(distance).map(|(key, place)| (*key, *place))
    }
}
