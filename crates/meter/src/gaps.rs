//! Delay and jitter of one direction: the gaps between its packets, and how much consecutive gaps differ.

use crate::samples::microseconds;

/// Sums over the gaps of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gaps {
    count: u32,
    delay: Spread,
    jitter: Spread,
    /// The latest gap, nanoseconds.
    latest: i64,
}

/// What is known of some times: enough for smallest, average, largest and standard deviation.
#[derive(Clone, Copy, Debug, Default)]
struct Spread {
    /// Nanoseconds.
    sum: u64,
    /// Microseconds squared.
    squares: f64,
    /// Microseconds.
    min: u32,
    max: u32,
}

/// Smallest, average, largest, standard deviation, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) min: u32,
    pub(crate) avg: u32,
    pub(crate) max: u32,
    pub(crate) dev: u32,
}

impl Gaps {
    /// Adds a gap, nanoseconds; packets in the wrong order count as at once.
    #[inline]
    pub(crate) fn add(&mut self, gap: i64) {
        let gap = gap.max(0);
        self.delay.add(gap, self.count == 0);
        if self.count > 0 {
            self.jitter.add((gap - self.latest).abs(), self.count == 1);
        }
        self.latest = gap;
        self.count = self.count.saturating_add(1);
    }

    /// Reads something of each part, to have it at hand.
    #[inline]
    pub(crate) fn touch(&self) -> i64 {
        self.latest ^ i64::from(self.count) ^ i64::from(self.delay.min) ^ i64::from(self.jitter.min)
    }

    /// The delay; it takes two packets.
    pub(crate) fn delay(&self) -> Option<Summary> {
        self.delay.summary(self.count)
    }

    /// The jitter; it takes three packets.
    pub(crate) fn jitter(&self) -> Option<Summary> {
        self.jitter.summary(self.count.saturating_sub(1))
    }
}

impl Spread {
    #[inline]
    fn add(&mut self, time: i64, first: bool) {
        let short = microseconds(time);
        if first {
            (self.min, self.max) = (short, short);
        } else {
            self.min = self.min.min(short);
            self.max = self.max.max(short);
        }
        let exact = time as f64 / 1000.0;
        self.squares += exact * exact;
        self.sum = self.sum.saturating_add(time as u64);
    }

    fn summary(&self, count: u32) -> Option<Summary> {
        if count == 0 {
            return None;
        }
        let average = self.sum as f64 / 1000.0 / f64::from(count);
        let variance = (self.squares / f64::from(count) - average * average).max(0.0);
        let clamp = |value: f64| (value + 0.5) as u32;
        let avg = microseconds(i64::try_from(self.sum / u64::from(count)).unwrap_or(i64::MAX));
        Some(Summary { min: self.min, avg, max: self.max, dev: clamp(variance.sqrt()).min(crate::samples::LONGEST) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_of_known_size_give_known_numbers() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.delay(), None);
        for gap in [10_000, 30_000, 20_000] {
            gaps.add(gap);
        }
        assert_eq!(gaps.delay(), Some(Summary { min: 10, avg: 20, max: 30, dev: 8 }));
        // |30 - 10| and |20 - 30|.
        assert_eq!(gaps.jitter(), Some(Summary { min: 10, avg: 15, max: 20, dev: 5 }));
    }

    #[test]
    fn one_gap_has_no_jitter() {
        let mut gaps = Gaps::default();
        gaps.add(5_000);
        assert_eq!(gaps.jitter(), None);
        assert_eq!(gaps.delay(), Some(Summary { min: 5, avg: 5, max: 5, dev: 0 }));
    }
}
