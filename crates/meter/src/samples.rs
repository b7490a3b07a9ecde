//! Measured times of one kind: count, smallest, largest, sum, first, and a histogram when it is wanted.
//!
//! Averages are never kept: whoever adds records up needs sums and counts.

/// Buckets of the histogram: bucket n counts times from 2^n to below 2^(n+1) microseconds; bucket 0 also holds 0.
pub(crate) const BUCKETS: usize = 32;

/// Times in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Samples {
    pub(crate) count: u32,
    pub(crate) first: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) sum: u64,
    /// Only where it is wanted: it is longer than all the rest.
    pub(crate) histogram: Option<Box<[u32; BUCKETS]>>,
}

impl Samples {
    /// Adds a time in nanoseconds; what is negative counts as 0, what is too long saturates.
    pub(crate) fn add(&mut self, nanoseconds: i64, with_histogram: bool) {
        let time = microseconds(nanoseconds);
        if self.count == 0 {
            (self.first, self.min) = (time, time);
        }
        self.min = self.min.min(time);
        self.max = self.max.max(time);
        self.sum = self.sum.saturating_add(time.into());
        self.count = self.count.saturating_add(1);
        if with_histogram {
            let histogram = self.histogram.get_or_insert_with(|| Box::new([0; BUCKETS]));
            let bucket = time.checked_ilog2().unwrap_or(0) as usize;
            if let Some(count) = histogram.get_mut(bucket) {
                *count = count.saturating_add(1);
            }
        }
    }
}

/// The largest time that is exported: all bits set mean absent (39499 elements).
pub(crate) const LONGEST: u32 = u32::MAX - 1;

/// Nanoseconds to microseconds, within 0 and [`LONGEST`].
#[inline]
pub(crate) fn microseconds(nanoseconds: i64) -> u32 {
    u32::try_from(nanoseconds.max(0) / 1000).unwrap_or(LONGEST).min(LONGEST)
}
