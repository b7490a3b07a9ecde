//! Messages of streams on their way into the queues: whoever brings them can wait.

use std::sync::MutexGuard;

use super::{Queue, Shards};
use crate::Datagram;

/// Puts messages into queues, holding the one that it used last; others wait for it then, so it is not to be held for long. When it goes, the workers know.
#[derive(Debug)]
pub struct Filler<'s> {
    shards: &'s Shards,
    held: Option<(usize, MutexGuard<'s, Queue>)>,
}

impl Shards {
    /// For some messages of a stream.
    pub const fn filler(&self) -> Filler<'_> {
        Filler { shards: self, held: None }
    }

    /// Waits until the worker that the key chooses has room for messages of streams, or takes nothing any more.
    pub async fn wait_for_room(&self, key: u64) {
        let Some(lane) = self.lanes.get(self.worker_of(key)) else { return };
        let mut emptied = std::pin::pin!(lane.emptied.notified());
        // Room that is made from here on is not missed.
        emptied.as_mut().enable();
        if !lane.lock().can_take_from_streams() {
            emptied.await;
        }
    }
}

impl Filler<'_> {
    /// Puts a message into the queue of the worker that the key chooses; false if there is no room for streams now, and nothing is counted. A queue that is closed
    /// drops it and counts.
    pub fn push(&mut self, key: u64, message: &Datagram<'_>) -> bool {
        let Some(queue) = self.hold(key) else { return true };
        let fits = queue.ready.back().is_some_and(|batch| batch.has_room(message.payload.len()));
        if !fits && !queue.can_take_from_streams() {
            return false;
        }
        queue.push(message);
        true
    }

    /// Puts a message in as if it were a datagram, because nobody can wait any more: where all batches are full it is dropped, and counted.
    pub fn push_anyhow(&mut self, key: u64, message: &Datagram<'_>) {
        if let Some(queue) = self.hold(key) {
            queue.push(message);
        }
    }

    /// The queue that the key chooses, held from now on.
    fn hold(&mut self, key: u64) -> Option<&mut Queue> {
        let wanted = self.shards.worker_of(key);
        if self.held.as_ref().is_none_or(|(lane, _)| *lane != wanted) {
            self.release();
            self.held = self.shards.lanes.get(wanted).map(|lane| (wanted, lane.lock()));
        }
        self.held.as_mut().map(|(_, queue)| &mut **queue)
    }

    /// Lets go of the queue, and wakes its worker.
    fn release(&mut self) {
        let Some((index, mut queue)) = self.held.take() else { return };
        if queue.is_waited_for && !queue.ready.is_empty() {
            queue.is_waited_for = false;
            drop(queue);
            if let Some(lane) = self.shards.lanes.get(index) {
                lane.filled.notify_one();
            }
        }
    }
}

impl Drop for Filler<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

impl Queue {
    /// Whether a further batch may be opened for streams: half of them stay for datagrams, but one is always had. A queue that is closed takes all, and drops it.
    fn can_take_from_streams(&self) -> bool {
        self.is_closed || self.ready.is_empty() || self.free.len() * 2 > self.batches
    }
}
