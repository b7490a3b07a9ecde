//! The largest groups of more than fit in memory, exactly.
//!
//! In a first pass each row's amount goes into one of many sums, chosen by the hash of its key. A group's amount is at most that of its sum, so groups whose
//! sum is below what the N-th largest group has cannot be among the N largest. Further passes sum up exactly only the groups of large sums; when
//! no sum is left that could hide a larger group than the N-th found, the answer is exact. Memory is bounded whatever the data are: when the groups
//! of a pass are too many, it is divided by hash into several.

use super::table::Groups;

/// Sums of groups by the upper bits of their hash.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    sums: Vec<u64>,
    shift: u32,
}

impl Sums {
    pub(super) fn new(bits: u32) -> Self {
        Self { sums: vec![0; 1 << bits], shift: 64 - bits }
    }

    #[inline]
    pub(super) fn add(&mut self, hash: u64, value: u64) {
        let sum = &mut self.sums[(hash >> self.shift) as usize];
        *sum = sum.saturating_add(value);
    }

    /// Adds what groups have in a lane.
    pub(super) fn add_groups(&mut self, groups: &Groups, lane: usize) {
        for (hash, group) in groups.hashes() {
            self.add(hash, groups.lanes(group)[lane]);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (sum, other) in self.sums.iter_mut().zip(&other.sums) {
            *sum = sum.saturating_add(*other);
        }
    }
}

/// Sums between two bounds in a part of the space of hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    first: usize,
    end: usize,
    /// The sum is at least this.
    least: u64,
    /// The sum is below this; nothing where there is no bound.
    below: Option<u64>,
}

/// Which groups a pass sums up.
#[derive(Clone, Debug)]
pub(super) struct Candidates {
    bits: Vec<u64>,
    shift: u32,
}

impl Candidates {
    #[inline]
    pub(super) fn has(&self, hash: u64) -> bool {
        let place = hash >> self.shift;
        self.bits[(place / 64) as usize] >> (place % 64) & 1 == 1
    }
}

/// The search for the largest groups.
#[derive(Debug)]
pub(super) struct Cut {
    sums: Sums,
    /// Parts that are still to be summed up.
    open: Vec<Part>,
    current: Option<Part>,
    /// Every group whose sum is at least this was summed up or is in an open part.
    covered: u64,
    /// How many sums the next widening takes.
    widening: usize,
    /// Groups that a pass may have.
    room: usize,
    passes: usize,
}

/// Passes after which a search is given up.
const MAX_PASSES: usize = 64;
/// Sums that the first pass takes at least.
const FIRST: usize = 1 << 14;

impl Cut {
    /// The search for so many groups, of which `room` fit in memory.
    pub(super) fn new(sums: Sums, wanted: usize, room: usize) -> Self {
        let widening = (wanted * 4).max(FIRST);
        let mut cut = Self { sums, open: Vec::new(), current: None, covered: u64::MAX, widening, room, passes: 0 };
        cut.widen(0);
        cut
    }

    /// The groups of the next pass; nothing where the groups found are the largest. `last` is the amount of the last of as many groups as are wanted,
    /// where so many were found.
    pub(super) fn next(&mut self, last: Option<u64>) -> Option<Candidates> {
        loop {
            let Some(mut part) = self.open.pop() else {
                // Groups of equal amount may take each other's place.
                let least = last.map_or(0, |last| last.saturating_add(1));
                if least >= self.covered || self.covered == 0 {
                    return None;
                }
                self.widen(least);
                continue;
            };
            part.least = part.least.max(last.map_or(0, |last| last.saturating_add(1)));
            if let Some(candidates) = self.candidates(&part) {
                self.current = Some(part);
                self.passes += 1;
                return Some(candidates);
            }
        }
    }

    /// Divides the part of the last pass, which had too many groups; false where it cannot be divided.
    pub(super) fn divide(&mut self) -> bool {
        let Some(part) = self.current.take().filter(|part| part.end - part.first > 1) else {
            return false;
        };
        let middle = part.first.midpoint(part.end);
        self.open.extend([Part { first: middle, ..part }, Part { end: middle, ..part }]);
        true
    }

    /// True where the search takes too long.
    pub(super) const fn is_endless(&self) -> bool {
        self.passes >= MAX_PASSES
    }

    /// Opens the sums below those covered: as many as the next step takes, but at least all that reach `least`, where something reached it.
    fn widen(&mut self, least: u64) {
        let below = (self.covered != u64::MAX).then_some(self.covered);
        let in_reach = |sum: u64| below.is_none_or(|below| sum < below);
        let mut counts = crate::Histogram::new();
        let some = self.sums.sums.iter().filter(|sum| **sum > 0 && in_reach(**sum));
        some.for_each(|sum| counts.add(*sum, 1));
        // The lowest sum of the bucket in which the wanted number is reached. Sums of nothing come last, for most of them have no group.
        let mut above = counts.count();
        let mut lowest = 1;
        for (bucket, count) in counts.buckets() {
            if above <= self.widening as u64 {
                break;
            }
            above -= count;
            lowest = crate::histogram::value_of(bucket).saturating_add(1);
        }
        if let Some(below) = below {
            // A step must take something.
            lowest = lowest.min(below - 1);
        }
        let least = if least > 0 { least } else { lowest };
        self.widening = self.widening.saturating_mul(16);
        self.covered = least;
        let taken = self.sums.sums.iter().filter(|sum| **sum >= least && in_reach(**sum)).count();
        // Of sums of nothing nobody knows how many groups they have.
        let groups = if least == 0 { 0 } else { (taken as f64 * self.groups_per_sum()) as usize };
        let parts = (groups / (self.room / 2).max(1) + 1).next_power_of_two().min(self.sums.sums.len());
        let size = self.sums.sums.len() / parts;
        self.open.extend((0..parts).map(|part| Part { first: part * size, end: (part + 1) * size, least, below }));
    }

    /// How many groups share a sum, by how many sums have none (balls thrown into bins).
    fn groups_per_sum(&self) -> f64 {
        let empty = self.sums.sums.iter().filter(|sum| **sum == 0).count().max(1);
        (self.sums.sums.len() as f64 / empty as f64).ln().max(1.0)
    }

    fn candidates(&self, part: &Part) -> Option<Candidates> {
        let mut bits = vec![0u64; self.sums.sums.len().div_ceil(64)];
        let mut any = false;
        for (place, sum) in self.sums.sums.iter().enumerate().take(part.end).skip(part.first) {
            if *sum >= part.least && part.below.is_none_or(|below| *sum < below) {
                bits[place / 64] |= 1 << (place % 64);
                any = true;
            }
        }
        any.then_some(Candidates { bits, shift: self.sums.shift })
    }
}
