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
    octets: usize,
    capacity: usize,
    /// Rows of entries from the next one on.
    rows: u64,
}

struct Entry {
    flows: Arc<FlowBatch>,
    octets: usize,
}

impl Waiting {
    pub(super) const fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), first: 0, next: 0, octets: 0, capacity, rows: 0 }
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

    /// The next batch and its number.
    pub(super) fn next(&mut self) -> Option<(u64, Arc<FlowBatch>)> {
        let number = self.next;
        let entry = self.entries.get(usize::try_from(number - self.first).ok()?)?;
        self.next += 1;
        self.rows -= entry.flows.rows() as u64;
        Some((number, Arc::clone(&entry.flows)))
    }

    /// Reads again from the entry of this number on, or from the oldest that is left.
    pub(super) fn go_back(&mut self, number: u64) {
        let to = number.clamp(self.first, self.next);
        let again = self.entries.iter().skip((to - self.first) as usize).take((self.next - to) as usize);
        self.rows += again.map(|entry| entry.flows.rows() as u64).sum::<u64>();
        self.next = to;
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
        self.rows -= entry.flows.rows() as u64;
        entry.flows.rows() as u64
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
        waiting.next().map(|(number, flows)| (number, flows.rows()))
    }

    #[test]
    fn what_was_read_can_be_read_again_until_it_is_released() {
        let mut waiting = Waiting::new(usize::MAX);
        (2000..2003).for_each(|rows| assert_eq!(waiting.push(batch(rows)), 0));
        assert_eq!([next(&mut waiting), next(&mut waiting)], [Some((0, 2000)), Some((1, 2001))]);
        assert_eq!(waiting.rows(), 2002);
        waiting.go_back(0);
        assert_eq!(waiting.rows(), 6003);
        assert_eq!(next(&mut waiting), Some((0, 2000)));
        waiting.release(1);
        waiting.go_back(0);
        assert_eq!((waiting.rows(), next(&mut waiting)), (4003, Some((1, 2001))), "the first is gone");
        // What was not read yet is not let go.
        waiting.release(9);
        assert_eq!([next(&mut waiting), next(&mut waiting)], [Some((2, 2002)), None]);
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
