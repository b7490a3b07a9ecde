//! Which flows are idle, without work at every packet: a flow stands in the bucket of the time when it was last looked at, and only when that
//! bucket comes up it is asked when its latest packet came.

use std::collections::VecDeque;

/// Buckets of places in the flow table, by time.
#[derive(Debug)]
pub(crate) struct Idle {
    /// Width of a bucket, nanoseconds.
    width: i64,
    /// A flow without a packet for longer has ended, nanoseconds.
    timeout: i64,
    /// Number of the first bucket.
    front: i64,
    buckets: VecDeque<Vec<u32>>,
    /// Buckets that are due, with their numbers; the first is taken from the end.
    due: VecDeque<(i64, Vec<u32>)>,
    /// Memory of buckets that were emptied.
    spare: Vec<Vec<u32>>,
    /// Places in all buckets.
    standing: usize,
}

/// Buckets that the timeout is divided into, where that makes them neither too narrow nor too wide.
const BUCKETS: i64 = 120;
/// Narrowest and widest bucket, nanoseconds.
const WIDTHS: std::ops::RangeInclusive<i64> = 10_000_000..=1_000_000_000;
/// Most buckets: those of very long timeouts are wider.
const MOST_BUCKETS: i64 = 14_400;
/// Emptied buckets whose memory is kept.
const SPARE: usize = 4;

impl Idle {
    pub(crate) fn new(timeout: i64) -> Self {
        let width = (timeout / BUCKETS).clamp(*WIDTHS.start(), *WIDTHS.end()).max(timeout / MOST_BUCKETS);
        Self { width, timeout, front: i64::MIN, buckets: VecDeque::new(), due: VecDeque::new(), spare: Vec::new(), standing: 0 }
    }

    /// The number of the bucket of a time.
    pub(crate) const fn tick(&self, time: i64) -> i64 {
        time.div_euclid(self.width)
    }

    /// Whether a flow whose latest packet came at this time is not over yet.
    #[inline]
    pub(crate) const fn is_young(&self, time: i64) -> bool {
        self.tick(time) >= self.front
    }

    /// Lets time go on: buckets whose flows have been idle for long enough, unless packets came since, are due.
    #[inline]
    pub(crate) fn advance(&mut self, now: i64) {
        let first_young = self.tick(now.saturating_sub(self.timeout));
        if first_young > self.front {
            self.advance_to(first_young);
        }
    }

    #[cold]
    fn advance_to(&mut self, first_young: i64) {
        while self.front < first_young {
            let Some(bucket) = self.buckets.pop_front() else {
                self.front = first_young;
                return;
            };
            if bucket.is_empty() {
                self.keep(bucket);
            } else {
                self.due.push_back((self.front, bucket));
            }
            self.front += 1;
        }
    }

    /// Puts a flow into the bucket of this time, or the nearest there is. Gives the number of the bucket.
    #[inline]
    pub(crate) fn insert(&mut self, place: u32, time: i64) -> i64 {
        let tick = self.tick(time).max(self.front);
        if self.buckets.is_empty() {
            self.front = self.front.max(self.tick(time.saturating_sub(self.timeout)));
        }
        let index = usize::try_from(tick - self.front).unwrap_or(0);
        while self.buckets.len() <= index {
            self.buckets.push_back(self.spare.pop().unwrap_or_default());
        }
        if let Some(bucket) = self.buckets.get_mut(index) {
            bucket.push(place);
            self.standing += 1;
        }
        tick
    }

    /// The next flow of a bucket that is due, and the number of the bucket.
    pub(crate) fn pop_due(&mut self) -> Option<(u32, i64)> {
        loop {
            let (tick, bucket) = self.due.front_mut()?;
            if let Some(place) = bucket.pop() {
                self.standing -= 1;
                return Some((place, *tick));
            }
            if let Some((_, bucket)) = self.due.pop_front() {
                self.keep(bucket);
            }
        }
    }

    /// The flow that stands first of all, due or not.
    pub(crate) fn pop_first(&mut self) -> Option<(u32, i64)> {
        if let Some(found) = self.pop_due() {
            return Some(found);
        }
        loop {
            let bucket = self.buckets.front_mut()?;
            if let Some(place) = bucket.pop() {
                self.standing -= 1;
                return Some((place, self.front));
            }
            let bucket = self.buckets.pop_front()?;
            self.keep(bucket);
            self.front += 1;
        }
    }

    /// Places in all buckets. A flow that was closed stands in two; one that is gone stands until its bucket comes up.
    #[inline]
    pub(crate) const fn standing(&self) -> usize {
        self.standing
    }

    /// Takes out the places that stand for no flow, and those that stand twice in a bucket.
    #[cold]
    pub(crate) fn retain(&mut self, is_flow: impl Fn(u32, i64) -> bool) {
        let waiting = (self.front..).zip(&mut self.buckets);
        self.standing = 0;
        for (tick, bucket) in self.due.iter_mut().map(|(tick, bucket)| (*tick, bucket)).chain(waiting) {
            bucket.sort_unstable();
            bucket.dedup();
            bucket.retain(|place| is_flow(*place, tick));
            bucket.shrink_to_fit();
            self.standing += bucket.len();
        }
    }

    /// Octets of memory.
    pub(crate) fn memory(&self) -> usize {
        let of = |bucket: &Vec<u32>| bucket.capacity() * 4 + size_of::<Vec<u32>>();
        let due = self.due.iter().map(|(_, bucket)| of(bucket));
        self.buckets.iter().map(of).chain(due).chain(self.spare.iter().map(of)).sum()
    }

    fn keep(&mut self, mut bucket: Vec<u32>) {
        if self.spare.len() < SPARE && bucket.capacity() < 1 << 16 {
            bucket.clear();
            self.spare.push(bucket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn flows_are_due_when_their_time_is_over_and_not_before() {
        let mut idle = Idle::new(30 * SECOND);
        idle.insert(7, 100 * SECOND);
        idle.insert(8, 101 * SECOND);
        idle.advance(130 * SECOND);
        assert_eq!(idle.pop_due(), None);
        idle.advance(130 * SECOND + SECOND / 4);
        assert_eq!(idle.pop_due().map(|(place, _)| place), Some(7));
        assert_eq!(idle.pop_due(), None);
        idle.advance(i64::MAX);
        assert_eq!(idle.pop_due().map(|(place, _)| place), Some(8));
    }

    #[test]
    fn a_jump_of_years_costs_nothing() {
        let mut idle = Idle::new(30 * SECOND);
        idle.insert(1, i64::MIN / 2);
        idle.advance(i64::MAX / 2);
        idle.insert(2, i64::MAX / 2);
        assert!(idle.memory() < 100_000);
        assert_eq!(idle.pop_first().map(|(place, _)| place), Some(1));
        assert_eq!(idle.pop_first().map(|(place, _)| place), Some(2));
        assert_eq!(idle.pop_first(), None);
    }
}
