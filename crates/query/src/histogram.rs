//! Counts of values by size, from which percentiles are read.
//!
//! Values below 128 have a bucket each; above, each power of two is divided into 64 buckets (log-linear, as HdrHistogram does it). A value read
//! back is the middle of its bucket, so it is at most 1/128 of itself away: 0.8 %. Histograms add up.

/// Values below this have a bucket each.
const EXACT: u64 = 128;
/// Buckets of each power of two above.
const PER_POWER: u64 = 64;
/// Up to so many buckets are kept as pairs; most groups have few values.
const FEW: usize = 48;

/// The largest relative error of a percentile.
pub const RELATIVE_ERROR: f64 = 1.0 / 128.0;

/// Counts of values.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Buckets and their counts, ascending; empty once there are more than [`FEW`].
    few: Vec<(u32, u64)>,
    /// Counts by bucket.
    many: Vec<u64>,
    count: u64,
}

/// The bucket of a value.
#[inline]
pub const fn bucket_of(value: u64) -> u32 {
    if value < EXACT {
        return value as u32;
    }
    let power = value.ilog2() as u64;
    let within = value >> (power - 6) & (PER_POWER - 1);
    (EXACT + (power - 7) * PER_POWER + within) as u32
}

/// The middle of a bucket; buckets past the last count as the last.
pub const fn value_of(bucket: u32) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT {
        return bucket;
    }
    let (power, within) = (7 + (bucket - EXACT) / PER_POWER, (bucket - EXACT) % PER_POWER);
    if power > 63 {
        return u64::MAX;
    }
    let width = 1 << (power - 6);
    (PER_POWER + within) * width + (width - 1) / 2
}

/// Number of buckets.
const BUCKETS: usize = bucket_of(u64::MAX) as usize + 1;

impl Histogram {
    /// Without values.
    pub const fn new() -> Self {
        Self { few: Vec::new(), many: Vec::new(), count: 0 }
    }

    /// Counts a value so many times.
    #[inline]
    pub fn add(&mut self, value: u64, count: u64) {
        self.add_bucket(bucket_of(value), count);
    }

    /// Counts a value of a bucket so many times; buckets past the last count as the last.
    pub fn add_bucket(&mut self, bucket: u32, count: u64) {
        if count == 0 {
            return;
        }
        let bucket = bucket.min(BUCKETS as u32 - 1);
        self.count = self.count.saturating_add(count);
        if self.many.is_empty() {
            match self.few.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
                Ok(place) => self.few[place].1 = self.few[place].1.saturating_add(count),
                Err(place) if self.few.len() < FEW => self.few.insert(place, (bucket, count)),
                Err(_) => {
                    for (bucket, count) in std::mem::take(&mut self.few) {
                        self.add_to_many(bucket, count);
                    }
                    self.add_to_many(bucket, count);
                }
            }
        } else {
            self.add_to_many(bucket, count);
        }
    }

    fn add_to_many(&mut self, bucket: u32, count: u64) {
        let place = bucket as usize;
        if place >= self.many.len() {
            // Whole powers of two, so that it seldom grows.
            self.many.resize((place / PER_POWER as usize + 1) * PER_POWER as usize, 0);
        }
        self.many[place] = self.many[place].saturating_add(count);
    }

    /// Adds the values of another.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.buckets() {
            self.add_bucket(bucket, count);
        }
    }

    /// The values that this one has more than another, bucket by bucket.
    pub fn less(&self, other: &Self) -> Self {
        let mut less = Self::new();
        let mut others = other.buckets().peekable();
        for (bucket, count) in self.buckets() {
            while others.next_if(|(other, _)| *other < bucket).is_some() {}
            let taken = others.next_if(|(other, _)| *other == bucket).map_or(0, |(_, count)| count);
            less.add_bucket(bucket, count.saturating_sub(taken));
        }
        less
    }

    /// How many values were counted.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The smallest value that is not exceeded by this share (0 to 1) of the values, within [`RELATIVE_ERROR`]; nothing without values.
    pub fn percentile(&self, share: f64) -> Option<u64> {
        let wanted = ((share.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut so_far = 0u64;
        self.buckets().find_map(|(bucket, count)| {
            so_far = so_far.saturating_add(count);
            (so_far >= wanted).then(|| value_of(bucket))
        })
    }

    /// Buckets that have values, ascending, with their counts.
    pub fn buckets(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let many = self.many.iter().enumerate().filter(|(_, count)| **count > 0);
        self.few.iter().copied().chain(many.map(|(bucket, count)| (bucket as u32, *count)))
    }

    /// Adds what [`Histogram::to_list`] gave; a number without its count at the end is left out.
    pub fn add_list(&mut self, list: &[u32]) {
        let (pairs, _) = list.as_chunks::<2>();
        for [bucket, count] in pairs {
            self.add_bucket(*bucket, u64::from(*count));
        }
    }

    /// Appends bucket and count in turn, as the lists of series hold them. Counts past 32 bits become several pairs.
    pub fn to_list(&self, list: &mut Vec<u32>) {
        for (bucket, mut count) in self.buckets() {
            while count > 0 {
                let part = u32::try_from(count).unwrap_or(u32::MAX);
                list.extend([bucket, part]);
                count -= u64::from(part);
            }
        }
    }

    /// Octets of memory.
    pub fn memory(&self) -> usize {
        self.few.capacity() * 16 + self.many.capacity() * 8
    }
}

/// Two are equal when they count the same.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.buckets().eq(other.buckets())
    }
}

#[cfg(test)]
mod tests;
