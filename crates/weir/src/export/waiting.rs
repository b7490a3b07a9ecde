//! Records on their way to a collector, oldest first: those that wait, and those that may have to be sent again.
//!
//! Batches have numbers that go on. A reader takes one after the other, goes back to one when a session was lost, and lets go of all before one when they are
//! settled. **When there is no room, the oldest batches go, and their records are counted** if they still waited.

use std::collections::VecDeque;
use std::sync::Arc;

use weir_record::FlowBatch;

/// Rows beyond which a batch is large enough to stand alone.
const LARGE: usize = 1024;
/// Rows beyond which no further batch joins one.
const FULL: usize = 4096;

/// Batches in memory, of at most so many octets.
pub(super) struct Waiting {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    /// The number of the entry that is read next.
    next: u64,
    /// So many rows of the next entry need not be read.
    skip: usize,
    octets: usize,
    capacity: usize,
    /// Rows that are to be read.
    rows: u64,
}

struct Entry {
    flows: Arc<FlowBatch>,
    octets: usize,
}

impl Waiting {
    pub(super) const fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), first: 0, next: 0, skip: 0, octets: 0, capacity, rows: 0 }
    }

    /// Takes a batch. Gives how many rows went that still waited.
    pub(super) fn push(&mut self, flows: Arc<FlowBatch>) -> u64 {
        if flows.is_empty() {
            return 0;
        }
        self.rows += flows.rows() as u64;
        if !self.joins_last(&flows) {
            // A short batch often has the memory of a long one.
            let flows = if flows.rows() < LARGE { Arc::new(FlowBatch::clone(&flows)) } else { flows };
            let octets = size_of::<FlowBatch>() + flows.memory();
            self.octets += octets;
            self.entries.push_back(Entry { flows, octets });
        }
        let mut dropped = 0;
        while self.octets > self.capacity && self.entries.len() > 1 {
            dropped += self.drop_first();
        }
        dropped
    }

    /// Adds the rows to the last entry, where both are short and nobody else reads it.
    fn joins_last(&mut self, flows: &FlowBatch) -> bool {
        let is_unread = self.next < self.first + self.entries.len() as u64;
        let Some(Entry { flows: last, octets }) = self.entries.back_mut().filter(|_| is_unread) else { return false };
        let Some(rows) = Arc::get_mut(last).filter(|last| flows.rows() < LARGE && last.rows() < FULL) else { return false };
        rows.append_where(flows, |_| true);
        let grown = size_of::<FlowBatch>() + rows.memory();
        self.octets = self.octets - *octets + grown;
        *octets = grown;
        true
    }

    /// The next batch, its number, and the first row of it that is to be read.
    pub(super) fn next(&mut self) -> Option<(u64, Arc<FlowBatch>, usize)> {
        let number = self.next;
        let entry = self.entries.get(usize::try_from(number - self.first).ok()?)?;
        let skip = std::mem::take(&mut self.skip).min(entry.flows.rows());
        self.next += 1;
        self.rows -= (entry.flows.rows() - skip) as u64;
        Some((number, Arc::clone(&entry.flows), skip))
    }

    /// Reads again from this row of the entry of this number on, or from the oldest entry that is left. Gives how many rows that are.
    pub(super) fn go_back(&mut self, number: u64, row: usize) -> u64 {
        let to = number.clamp(self.first, self.next);
        if to == self.next {
            return 0;
        }
        let again = self.entries.iter().skip((to - self.first) as usize).take((self.next - to) as usize);
        let again: usize = again.map(|entry| entry.flows.rows()).sum();
        // What is skipped of the entry that would have come next is to be read no more than before.
        let skip = if to == number { row.min(again) } else { 0 };
        self.rows += (again - skip) as u64 + self.skip as u64;
        (self.next, self.skip) = (to, skip);
        (again - skip) as u64
    }

    /// Lets go of the entries before this number.
    pub(super) fn release(&mut self, number: u64) {
        while self.first < number.min(self.next) {
            self.drop_first();
        }
    }

    /// The number of the entry that is read next.
    pub(super) const fn position(&self) -> u64 {
        self.next
    }

    /// Most octets from now on.
    pub(super) const fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Rows that wait.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Octets of memory.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// No further batch finds room without another one having to go.
    pub(super) const fn is_full(&self) -> bool {
        self.octets >= self.capacity
    }

    /// Lets go of the oldest entry. Gives its rows where they still waited.
    fn drop_first(&mut self) -> u64 {
        let Some(entry) = self.entries.pop_front() else { return 0 };
        self.octets -= entry.octets;
        self.first += 1;
        if self.next >= self.first {
            return 0;
        }
        self.next = self.first;
        let waited = (entry.flows.rows() - std::mem::take(&mut self.skip).min(entry.flows.rows())) as u64;
        self.rows -= waited;
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(rows: usize) -> Arc<FlowBatch> {
        let mut batch = FlowBatch::new();
        batch.bytes.fill(0, rows, 1);
        batch.advance(rows);
        Arc::new(batch)
    }

    fn next(waiting: &mut Waiting) -> Option<(u64, usize)> {
        waiting.next().map(|(number, flows, row)| (number, flows.rows() - row))
    }

    #[test]
    fn what_was_read_can_be_read_again_until_it_is_released() {
        let mut waiting = Waiting::new(usize::MAX);
        (2000..2003).for_each(|rows| assert_eq!(waiting.push(batch(rows)), 0));
        assert_eq!([next(&mut waiting), next(&mut waiting)], [Some((0, 2000)), Some((1, 2001))]);
        assert_eq!(waiting.rows(), 2002);
        assert_eq!((waiting.go_back(0, 0), waiting.rows()), (4001, 6003));
        assert_eq!(next(&mut waiting), Some((0, 2000)));
        waiting.release(1);
        assert_eq!(waiting.go_back(0, 0), 0);
        assert_eq!((waiting.rows(), next(&mut waiting)), (4003, Some((1, 2001))), "the first is gone");
        // What was not read yet is not let go.
        waiting.release(9);
        assert_eq!([next(&mut waiting), next(&mut waiting)], [Some((2, 2002)), None]);
    }

    #[test]
    fn rows_that_are_settled_are_read_no_more() {
        let mut waiting = Waiting::new(usize::MAX);
        (2000..2002).for_each(|rows| assert_eq!(waiting.push(batch(rows)), 0));
        assert_eq!([next(&mut waiting), next(&mut waiting)], [Some((0, 2000)), Some((1, 2001))]);
        assert_eq!((waiting.go_back(0, 1500), waiting.rows()), (2501, 2501));
        assert_eq!((waiting.go_back(0, 1500), waiting.rows()), (0, 2501), "it is there already");
        assert_eq!((next(&mut waiting), waiting.rows()), (Some((0, 500)), 2001));
        assert_eq!((waiting.go_back(0, 1600), waiting.rows()), (400, 2401));
        // The oldest goes, with what waited of it.
        waiting.set_capacity(1);
        assert_eq!(waiting.push(batch(3000)), 400 + 2001);
        assert_eq!((next(&mut waiting), waiting.rows()), (Some((2, 3000)), 0));
        assert_eq!(waiting.go_back(1, 5), 3000, "of a batch that is gone the oldest that is left, and whole");
    }

    #[test]
    fn the_oldest_go_and_are_counted_only_where_they_waited() {
        let one = size_of::<FlowBatch>() + batch(2000).memory();
        let mut waiting = Waiting::new(3 * one);
        assert_eq!((0..3).map(|_| waiting.push(batch(2000))).sum::<u64>(), 0);
        assert_eq!(next(&mut waiting), Some((0, 2000)));
        assert_eq!(waiting.push(batch(2000)), 0, "that one was read");
        assert_eq!(waiting.push(batch(2000)), 2000);
        assert_eq!((waiting.rows(), next(&mut waiting)), (6000, Some((2, 2000))));
        assert!(waiting.octets() <= 3 * one);
    }

    #[test]
    fn short_batches_share_an_entry() {
        let mut waiting = Waiting::new(usize::MAX);
        (0..1000).for_each(|_| assert_eq!(waiting.push(batch(10)), 0));
        assert_eq!((waiting.entries.len(), waiting.rows()), (3, 10_000));
        let read: usize = std::iter::from_fn(|| next(&mut waiting)).map(|(_, rows)| rows).sum();
        assert_eq!(read, 10_000);
        assert_eq!(waiting.push(batch(10)), 0);
        assert_eq!(next(&mut waiting), Some((3, 10)), "what was read does not grow");
    }

    #[test]
    fn one_batch_always_finds_room() {
        let mut waiting = Waiting::new(1);
        assert_eq!(waiting.push(batch(5000)), 0);
        assert!(waiting.is_full());
        assert_eq!(next(&mut waiting), Some((0, 5000)));
    }
}
