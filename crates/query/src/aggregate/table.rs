//! Groups: an open-addressing table from keys to what is kept of them.
//!
//! A group is a row of words: its key, then its lanes. The table itself holds, at a place that the upper bits of the hash name, the upper half of
//! the hash and the number of the group, so most keys are found with one look at the table and one at the group. Keys of a chunk are looked up in
//! two loops: the first only reads the table, so that the processor waits for many of these reads at once.

use super::lanes::{CHUNK, Fold, Lanes, Side};
use super::layout::Packed;
use crate::distinct::Distinct;
use crate::histogram::Histogram;

/// What is kept of each group.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    /// Upper half of the hash, number of the group plus one; zero where free. The length is a power of two.
    slots: Vec<u64>,
    slot_bits: u32,
    /// Keys and lanes of the groups.
    rows: Vec<u64>,
    key_words: usize,
    stride: usize,
    /// What a new group's lanes hold, and how they fold.
    neutral: Vec<u64>,
    folds: Vec<Fold>,
    adding: usize,
    count: usize,
    sides: Vec<SideValues>,
    side_memory: usize,
    /// Variances of bytes and packets; empty until a sample comes.
    variance: Vec<[f64; 2]>,
    /// The same group at each place of a chunk, kept to use its memory again.
    probes: Vec<u64>,
}

/// A side of every group.
#[derive(Clone, Debug)]
pub(super) enum SideValues {
    Histograms(Vec<Histogram>),
    Distincts(Vec<Distinct>),
}

const LOWER_HALF: u64 = 0xffff_ffff;

impl Groups {
    pub(super) fn new(key_words: usize, lanes: &Lanes) -> Self {
        let sides = lanes.sides.iter().map(|side| match side {
            Side::Histogram(_) => SideValues::Histograms(Vec::new()),
            Side::Distinct(_) => SideValues::Distincts(Vec::new()),
        });
        Self {
            slots: Vec::new(),
            slot_bits: 0,
            rows: Vec::new(),
            key_words,
            stride: key_words + lanes.lanes.len(),
            neutral: lanes.lanes.iter().map(|lane| lane.neutral()).collect(),
            folds: lanes.lanes.iter().map(|lane| lane.fold()).collect(),
            adding: lanes.adding,
            count: 0,
            sides: sides.collect(),
            side_memory: 0,
            variance: Vec::new(),
            probes: Vec::new(),
        }
    }

    /// Number of groups.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Octets of memory, with what growing once more would take.
    pub(super) fn memory(&self) -> usize {
        self.slots.len() * 8 + self.rows.capacity() * 8 + self.variance.capacity() * 16 + self.side_memory
    }

    /// Finds the groups of keys, or makes them.
    pub(super) fn locate(&mut self, packed: &Packed, count: usize, groups: &mut Vec<u32>) {
        self.make_room(count);
        groups.clear();
        match self.key_words {
            1 => self.locate_words::<1>(packed, count, groups),
            2 => self.locate_words::<2>(packed, count, groups),
            3 => self.locate_words::<3>(packed, count, groups),
            4 => self.locate_words::<4>(packed, count, groups),
            5 => self.locate_words::<5>(packed, count, groups),
            6 => self.locate_words::<6>(packed, count, groups),
            _ => self.locate_many(packed, count, groups),
        }
        let count = self.count;
        for side in &mut self.sides {
            match side {
                SideValues::Histograms(values) => values.resize_with(count, Histogram::new),
                SideValues::Distincts(values) => values.resize_with(count, Distinct::new),
            }
        }
    }

    fn locate_words<const WORDS: usize>(&mut self, packed: &Packed, count: usize, groups: &mut Vec<u32>) {
        let shift = 64 - self.slot_bits;
        let mut probes = std::mem::take(&mut self.probes);
        probes.clear();
        probes.extend(packed.hashes[..count].iter().map(|hash| self.slots[(hash >> shift) as usize]));
        for (index, (hash, probe)) in packed.hashes[..count].iter().zip(&probes).enumerate() {
            let key: [u64; WORDS] = std::array::from_fn(|word| packed.words[word * CHUNK + index]);
            // Most often the first place is the right one; it may have been taken by a new group since it was read, but never becomes another.
            if *probe != 0 && (probe ^ hash) & !LOWER_HALF == 0 {
                let group = (probe & LOWER_HALF) as usize - 1;
                if self.rows[group * self.stride..][..WORDS] == key {
                    groups.push(group as u32);
                    continue;
                }
            }
            groups.push(self.find_or_add(*hash, &key));
        }
        self.probes = probes;
    }

    /// Keys of any number of words.
    fn locate_many(&mut self, packed: &Packed, count: usize, groups: &mut Vec<u32>) {
        let mut key = vec![0; self.key_words];
        for (index, hash) in packed.hashes[..count].iter().enumerate() {
            for (word, place) in key.iter_mut().zip(0..) {
                *word = packed.words[place * CHUNK + index];
            }
            groups.push(self.find_or_add(*hash, &key));
        }
    }

    /// The group of a key, which is made where there is none. There must be room.
    fn find_or_add(&mut self, hash: u64, key: &[u64]) -> u32 {
        match self.find_slot(hash, key) {
            Ok(group) => group,
            Err(slot) => {
                self.rows.extend_from_slice(key);
                self.rows.extend_from_slice(&self.neutral);
                self.count += 1;
                self.slots[slot] = hash & !LOWER_HALF | self.count as u64;
                self.count as u32 - 1
            }
        }
    }

    /// The group of a key, or the free place where it belongs.
    fn find_slot(&self, hash: u64, key: &[u64]) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = (hash >> (64 - self.slot_bits)) as usize;
        loop {
            let found = self.slots[slot];
            if found == 0 {
                return Err(slot);
            }
            if (found ^ hash) & !LOWER_HALF == 0 {
                let group = (found & LOWER_HALF) as usize - 1;
                if self.rows[group * self.stride..][..key.len()] == *key {
                    return Ok(group as u32);
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The group of a key if it is there.
    pub(super) fn find(&self, hash: u64, key: &[u64]) -> Option<u32> {
        if self.slots.is_empty() { None } else { self.find_slot(hash, key).ok() }
    }

    /// Makes room for so many new groups, so that at most half of the table is taken.
    fn make_room(&mut self, count: usize) {
        let needed = ((self.count + count) * 2).next_power_of_two().max(1024);
        if needed <= self.slots.len() {
            return;
        }
        let old = std::mem::replace(&mut self.slots, vec![0; needed]);
        self.slot_bits = needed.trailing_zeros();
        let (shift, mask) = (64 - self.slot_bits, needed - 1);
        for entry in old.into_iter().filter(|entry| *entry != 0) {
            let mut slot = (entry >> shift) as usize;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = entry;
        }
    }

    /// Adds what rows bring to their groups: value `l` of row `i` is at `l * CHUNK + i`.
    pub(super) fn add(&mut self, groups: &[u32], values: &[u64]) {
        let lanes = self.neutral.len();
        if self.key_words == 0 {
            // There is one group, and its numbers stay in registers.
            for (lane, kept) in self.rows.iter_mut().enumerate() {
                let (fold, values) = (self.folds[lane], &values[lane * CHUNK..][..groups.len()]);
                *kept = values.iter().fold(*kept, |kept, value| folded(fold, kept, *value));
            }
            return;
        }
        for (index, group) in groups.iter().enumerate() {
            let start = *group as usize * self.stride + self.key_words;
            let row = &mut self.rows[start..start + lanes];
            for (lane, kept) in row[..self.adding].iter_mut().enumerate() {
                *kept = kept.saturating_add(values[lane * CHUNK + index]);
            }
            for lane in self.adding..lanes {
                row[lane] = folded(self.folds[lane], row[lane], values[lane * CHUNK + index]);
            }
        }
    }

    pub(super) fn add_variance(&mut self, groups: &[u32], values: &[[f64; 2]]) {
        if values.is_empty() {
            return;
        }
        self.variance.resize(self.count, [0.0; 2]);
        for (group, [bytes, packets]) in groups.iter().zip(values) {
            let kept = &mut self.variance[*group as usize];
            kept[0] += bytes;
            kept[1] += packets;
        }
    }

    /// Changes a side of a group, and takes account of its memory.
    pub(super) fn with_histogram(&mut self, side: usize, group: u32, change: impl FnOnce(&mut Histogram)) {
        if let Some(SideValues::Histograms(values)) = self.sides.get_mut(side) {
            let value = &mut values[group as usize];
            let before = value.memory();
            change(value);
            self.side_memory = (self.side_memory + value.memory()).saturating_sub(before);
        }
    }

    /// Changes a side of a group, and takes account of its memory.
    pub(super) fn with_distinct(&mut self, side: usize, group: u32, change: impl FnOnce(&mut Distinct)) {
        if let Some(SideValues::Distincts(values)) = self.sides.get_mut(side) {
            let value = &mut values[group as usize];
            let before = value.memory();
            change(value);
            self.side_memory = (self.side_memory + value.memory()).saturating_sub(before);
        }
    }

    /// Adds the groups of another table of the same keys and lanes; `translate` makes its keys ours.
    pub(super) fn merge(&mut self, other: &Self, mut translate: impl FnMut(&mut [u64])) {
        let mut key = vec![0; self.key_words];
        for entry in other.slots.iter().filter(|entry| **entry != 0) {
            let theirs = (entry & LOWER_HALF) as u32 - 1;
            key.copy_from_slice(other.key(theirs));
            translate(&mut key);
            self.make_room(1);
            let group = self.find_or_add(*entry, &key);
            self.fold_group(group, other, theirs);
        }
    }

    /// Adds a group of another table to one of ours.
    fn fold_group(&mut self, group: u32, other: &Self, theirs: u32) {
        let start = group as usize * self.stride + self.key_words;
        let row = &mut self.rows[start..start + self.neutral.len()];
        for ((kept, value), fold) in row.iter_mut().zip(other.lanes(theirs)).zip(&self.folds) {
            *kept = folded(*fold, *kept, *value);
        }
        if let Some([bytes, packets]) = other.variance.get(theirs as usize) {
            let count = self.count;
            self.variance.resize(count.max(self.variance.len()), [0.0; 2]);
            let kept = &mut self.variance[group as usize];
            kept[0] += bytes;
            kept[1] += packets;
        }
        let (count, place) = (self.count, theirs as usize);
        for (index, side) in other.sides.iter().enumerate() {
            match (side, &mut self.sides[index]) {
                (SideValues::Histograms(from), SideValues::Histograms(values)) => {
                    values.resize_with(count, Histogram::new);
                    self.with_histogram(index, group, |value| value.merge(&from[place]));
                }
                (SideValues::Distincts(from), SideValues::Distincts(values)) => {
                    values.resize_with(count, Distinct::new);
                    self.with_distinct(index, group, |value| value.merge(&from[place]));
                }
                _ => {}
            }
        }
    }

    /// These groups alone, in this order.
    pub(super) fn subset(&self, chosen: &[u32], lanes: &Lanes) -> Self {
        let mut hashes = vec![0; self.count];
        self.hashes().for_each(|(hash, group)| hashes[group as usize] = hash);
        let mut subset = Self::new(self.key_words, lanes);
        for group in chosen {
            subset.make_room(1);
            let ours = subset.find_or_add(hashes[*group as usize], self.key(*group));
            subset.fold_group(ours, self, *group);
        }
        subset
    }

    /// The upper half of the hash of each group, and its number.
    pub(super) fn hashes(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let taken = self.slots.iter().filter(|entry| **entry != 0);
        taken.map(|entry| (entry & !LOWER_HALF, (entry & LOWER_HALF) as u32 - 1))
    }

    pub(super) fn key(&self, group: u32) -> &[u64] {
        &self.rows[group as usize * self.stride..][..self.key_words]
    }

    pub(super) fn lanes(&self, group: u32) -> &[u64] {
        &self.rows[group as usize * self.stride + self.key_words..][..self.neutral.len()]
    }

    /// Variances of bytes and packets of a group; nothing where no sample came at all.
    pub(super) fn variance(&self, group: u32) -> Option<[f64; 2]> {
        (!self.variance.is_empty()).then(|| self.variance.get(group as usize).copied().unwrap_or_default())
    }

    pub(super) fn histogram(&self, side: usize, group: u32) -> Option<&Histogram> {
        match self.sides.get(side)? {
            SideValues::Histograms(values) => values.get(group as usize),
            SideValues::Distincts(_) => None,
        }
    }

    pub(super) fn distinct(&self, side: usize, group: u32) -> Option<&Distinct> {
        match self.sides.get(side)? {
            SideValues::Distincts(values) => values.get(group as usize),
            SideValues::Histograms(_) => None,
        }
    }
}

fn folded(fold: Fold, kept: u64, value: u64) -> u64 {
    match fold {
        Fold::Add => kept.saturating_add(value),
        Fold::Least => kept.min(value),
        Fold::Most => kept.max(value),
    }
}

/// The table of the one group that has everything.
pub(super) fn totals(lanes: &Lanes) -> Groups {
    let mut groups = Groups::new(0, lanes);
    groups.locate(&Packed::nothing(), 1, &mut Vec::new());
    groups
}
