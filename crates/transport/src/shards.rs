//! Datagrams from receivers to workers.
//!
//! Each worker has a queue. A receiver copies a datagram to the end of the queue that its key chooses, so that datagrams of one key stay in order and with one
//! worker; the worker takes what has come as one [`DatagramBatch`]. Under little load batches are short and come at once, under much load they are full.
//!
//! A queue is a number of batches, each one piece of memory, that go round: filled by receivers, emptied by the worker. Memory is laid out when a batch is used
//! for the first time, and the batch emptied last is used next. **When all are full, datagrams of that worker are dropped, the newest ones, and
//! counted**; a receiver of datagrams never waits. Whoever reads a stream can wait instead, and does so as soon as half of the batches are in use ([`Filler`]): so
//! streams never take the room that datagrams need.

mod batch;
mod filler;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::Datagram;
pub use batch::DatagramBatch;
pub use filler::Filler;

/// Fewest octets of a batch: one datagram, or one message of a stream, of any length.
const LEAST_BATCH: usize = 65_536;

/// How datagrams are handed to workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardOptions {
    /// Number of workers, at least 1.
    pub workers: usize,
    /// Octets of datagrams in a batch, at least 65,536.
    pub batch_octets: usize,
    /// Batches that wait for a worker, at least 1.
    pub batches: usize,
}

impl Default for ShardOptions {
    /// One worker, 256 batches of 256 KiB.
    fn default() -> Self {
        Self { workers: 1, batch_octets: 256 << 10, batches: 256 }
    }
}

/// What became of the datagrams for one worker: each is accepted or dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCounters {
    /// Datagrams put into the queue.
    pub datagrams: u64,
    /// Octets of those datagrams.
    pub octets: u64,
    /// Datagrams dropped because the queue was full or closed.
    pub dropped: u64,
    /// Octets of those datagrams.
    pub dropped_octets: u64,
    /// Datagrams that are in the queue now.
    pub waiting: u64,
}

/// The receivers' end of all queues. Clones lead to the same queues.
#[derive(Clone, Debug)]
pub struct Shards {
    lanes: Arc<[Lane]>,
}

/// A worker's end of its queue.
#[derive(Debug)]
pub struct Inbox {
    lanes: Arc<[Lane]>,
    worker: usize,
}

/// What a worker gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A batch with at least one datagram.
    Batch,
    /// Nothing has come for as long as it wanted to wait.
    Nothing,
    /// The queue is closed and empty.
    Closed,
}

/// The queue of one worker.
#[derive(Debug)]
struct Lane {
    queue: Mutex<Queue>,
    filled: Condvar,
    /// A batch has become free.
    emptied: Notify,
}

#[derive(Debug)]
struct Queue {
    batch_octets: usize,
    /// All that there are.
    batches: usize,
    /// Batches with datagrams, oldest first. The last one is being filled.
    ready: VecDeque<DatagramBatch>,
    /// Batches without, the one emptied last at the end.
    free: Vec<DatagramBatch>,
    counters: ShardCounters,
    /// The worker waits, and nobody has woken it.
    is_waited_for: bool,
    is_closed: bool,
}

impl Shards {
    /// The queues, and the other end of each for its worker.
    pub fn new(options: ShardOptions) -> (Self, Vec<Inbox>) {
        let lanes: Arc<[Lane]> = (0..options.workers.max(1)).map(|_| Lane::new(&options)).collect();
        let inboxes = (0..lanes.len()).map(|worker| Inbox { lanes: Arc::clone(&lanes), worker }).collect();
        (Self { lanes }, inboxes)
    }

    /// Puts a datagram into the queue of the worker that the key chooses; false if it is dropped. Does not wake the worker: see [`Self::flush`].
    pub fn push(&self, key: u64, datagram: &Datagram<'_>) -> bool {
        self.lanes.get(self.worker_of(key)).is_some_and(|lane| lane.lock().push(datagram))
    }

    /// Wakes the workers that wait for what has been pushed. For the end of each call that brought datagrams.
    pub fn flush(&self) {
        for lane in self.lanes.iter() {
            let mut queue = lane.lock();
            if queue.is_waited_for && !queue.ready.is_empty() {
                queue.is_waited_for = false;
                drop(queue);
                lane.filled.notify_one();
            }
        }
    }

    /// Lets the workers know that nothing will come any more. Datagrams pushed later are dropped and counted.
    pub fn close(&self) {
        self.lanes.iter().for_each(Lane::close);
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.lanes.len()
    }

    /// The worker that the key chooses. Its number is one of its keys.
    pub fn worker_of(&self, key: u64) -> usize {
        (key % self.lanes.len() as u64) as usize
    }

    /// What became of the datagrams, for each worker.
    pub fn counters(&self) -> impl Iterator<Item = ShardCounters> {
        self.lanes.iter().map(|lane| lane.lock().counters)
    }
}

impl Inbox {
    /// Gives the batch back, and takes the next one in its place, waiting for it at most so long. The batch is empty where there is none.
    pub fn take(&mut self, batch: &mut DatagramBatch, patience: Duration) -> Taken {
        let Some(lane) = self.lanes.get(self.worker) else { return Taken::Closed };
        batch.clear();
        let mut queue = lane.lock();
        if queue.ready.is_empty() && !queue.is_closed {
            queue.is_waited_for = true;
            let nothing = |queue: &mut Queue| queue.ready.is_empty() && !queue.is_closed;
            (queue, _) = lane.filled.wait_timeout_while(queue, patience, nothing).unwrap_or_else(PoisonError::into_inner);
            queue.is_waited_for = false;
        }
        match queue.ready.pop_front() {
            Some(next) => {
                queue.counters.waiting -= next.len() as u64;
                queue.free.push(std::mem::replace(batch, next));
                drop(queue);
                lane.emptied.notify_waiters();
                Taken::Batch
            }
            None if queue.is_closed => Taken::Closed,
            None => Taken::Nothing,
        }
    }
}

/// A worker that is gone takes nothing any more: its queue closes, and nobody waits for room in it.
impl Drop for Inbox {
    fn drop(&mut self) {
        if let Some(lane) = self.lanes.get(self.worker) {
            lane.close();
        }
    }
}

impl Lane {
    fn new(options: &ShardOptions) -> Self {
        let queue = Queue {
            batch_octets: options.batch_octets.clamp(LEAST_BATCH, u32::MAX as usize),
            batches: options.batches.max(1),
            ready: VecDeque::new(),
            free: (0..options.batches.max(1)).map(|_| DatagramBatch::default()).collect(),
            counters: ShardCounters::default(),
            is_waited_for: false,
            is_closed: false,
        };
        Self { queue: Mutex::new(queue), filled: Condvar::new(), emptied: Notify::new() }
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_one();
        self.emptied.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Whoever panicked did not leave a datagram half written: a batch counts what it has got whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, datagram: &Datagram<'_>) -> bool {
        let octets = datagram.payload.len() as u64;
        if !self.make_room(datagram.payload.len()) {
            self.counters.dropped += 1;
            self.counters.dropped_octets += octets;
            return false;
        }
        if let Some(batch) = self.ready.back_mut() {
            batch.push(datagram);
        }
        self.counters.datagrams += 1;
        self.counters.octets += octets;
        self.counters.waiting += 1;
        true
    }

    /// Sees that the last batch has room for a datagram of so many octets.
    fn make_room(&mut self, octets: usize) -> bool {
        let is_possible = !self.is_closed && octets <= self.batch_octets;
        if !is_possible || self.ready.back().is_some_and(|batch| batch.has_room(octets)) {
            return is_possible;
        }
        let Some(mut batch) = self.free.pop() else { return false };
        batch.lay_out(self.batch_octets);
        self.ready.push_back(batch);
        true
    }
}
