//! The bounded queue between those who make batches and the one who takes them on: prints, exports, stores.
//!
//! What happens when it is full is the pushing side's choice: wait (files, and the end of a run), or give up the oldest batch and count its
//! records (live, where waiting would lose packets uncounted). Batches go round: the memory of one that was read is used again.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weir_record::FlowBatch;

/// What goes through a queue: rows whose memory is used again.
pub(crate) trait Load: Default {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// Forgets the rows and keeps the memory.
    fn clear(&mut self);
}

impl Load for FlowBatch {
    fn rows(&self) -> usize {
        Self::rows(self)
    }

    fn clear(&mut self) {
        Self::clear(self);
    }
}

/// Batches on their way from several threads to one.
pub(crate) struct Queue<T = FlowBatch> {
    inside: Mutex<Inside<T>>,
    /// A batch came, or the last pushing side left.
    came: Condvar,
    /// A batch was taken.
    taken: Condvar,
    capacity: usize,
}

struct Inside<T> {
    full: VecDeque<Box<T>>,
    empty: Vec<Box<T>>,
    /// Sides that still push.
    pushing: usize,
    /// Records in batches that were given up.
    dropped: u64,
}

/// What was there to be taken.
pub(crate) enum Taken<T = FlowBatch> {
    Batch(Box<T>),
    /// Nothing came in time.
    Nothing,
    /// Nothing will come any more.
    End,
}

impl<T: Load> Queue<T> {
    /// A queue of at most so many batches, for so many pushing sides.
    pub(crate) fn new(capacity: usize, pushing: usize) -> Self {
        let inside = Inside { full: VecDeque::new(), empty: Vec::new(), pushing, dropped: 0 };
        Self { inside: Mutex::new(inside), came: Condvar::new(), taken: Condvar::new(), capacity }
    }

    /// Takes a batch, giving up the oldest where there is no room; leaves an empty one in its place.
    pub(crate) fn push_or_drop(&self, batch: &mut Box<T>) {
        let mut inside = self.lock();
        if inside.full.len() >= self.capacity
            && let Some(oldest) = inside.full.pop_front()
        {
            inside.dropped += oldest.rows() as u64;
            inside.recycle(oldest);
        }
        self.put(inside, batch);
    }

    /// Takes a batch as soon as there is room; leaves an empty one in its place.
    pub(crate) fn push(&self, batch: &mut Box<T>) {
        let inside = self.lock();
        let has_room = |inside: &mut Inside<T>| inside.full.len() >= self.capacity;
        let inside = self.taken.wait_while(inside, has_room).unwrap_or_else(PoisonError::into_inner);
        self.put(inside, batch);
    }

    fn put(&self, mut inside: MutexGuard<'_, Inside<T>>, batch: &mut Box<T>) {
        let empty = inside.empty.pop().unwrap_or_default();
        inside.full.push_back(std::mem::replace(batch, empty));
        self.came.notify_one();
    }

    /// One more side pushes; not after the last has left.
    pub(crate) fn enter(&self) {
        self.lock().pushing += 1;
    }

    /// One of the pushing sides will not push again.
    pub(crate) fn leave(&self) {
        self.lock().pushing -= 1;
        self.came.notify_one();
    }

    /// The oldest batch, waiting so long for one.
    pub(crate) fn take(&self, timeout: Duration) -> Taken<T> {
        let is_waiting = |inside: &mut Inside<T>| inside.full.is_empty() && inside.pushing > 0;
        let waited = self.came.wait_timeout_while(self.lock(), timeout, is_waiting);
        let (mut inside, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match inside.full.pop_front() {
            Some(batch) => {
                self.taken.notify_one();
                Taken::Batch(batch)
            }
            None if inside.pushing == 0 => Taken::End,
            None => Taken::Nothing,
        }
    }

    /// Batches that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().full.len()
    }

    /// Takes back a batch that was read.
    pub(crate) fn give_back(&self, batch: Box<T>) {
        self.lock().recycle(batch);
    }

    /// Records in batches that were given up so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// A thread that panicked while it held the lock left nothing half done.
    fn lock(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Load> Inside<T> {
    fn recycle(&mut self, mut batch: Box<T>) {
        batch.clear();
        self.empty.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(rows: usize) -> Box<FlowBatch> {
        let mut batch = Box::new(FlowBatch::new());
        batch.advance(rows);
        batch
    }

    fn rows(taken: Taken) -> Option<usize> {
        match taken {
            Taken::Batch(batch) => Some(batch.rows()),
            Taken::Nothing => Some(0),
            Taken::End => None,
        }
    }

    #[test]
    fn a_full_queue_gives_up_the_oldest_and_counts_it() {
        let queue = Queue::new(2, 1);
        for rows in 1..=3 {
            queue.push_or_drop(&mut batch(rows));
        }
        queue.leave();
        let taken: Vec<_> = (0..3).map(|_| rows(queue.take(Duration::ZERO))).collect();
        assert_eq!((taken, queue.dropped()), (vec![Some(2), Some(3), None], 1));
    }

    #[test]
    fn a_full_queue_can_be_waited_for() {
        let queue = Queue::new(1, 1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (1..=50).for_each(|rows| queue.push(&mut batch(rows)));
                queue.leave();
            });
            let mut seen = 0;
            while let Some(rows) = rows(queue.take(Duration::from_secs(1))) {
                seen += rows;
            }
            assert_eq!((seen, queue.dropped()), (50 * 51 / 2, 0));
        });
    }

    #[test]
    fn nothing_comes_from_an_idle_queue() {
        assert_eq!(rows(Queue::new(1, 1).take(Duration::from_millis(1))), Some(0));
    }
}
