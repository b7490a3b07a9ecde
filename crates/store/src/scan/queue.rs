//! What is to be read, handed out to the threads of a scan.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::journal::BlockRef;
use crate::manifest::DataFile;
use crate::read::TableFile;

/// A piece of work.
pub(super) enum Work<'a> {
    /// A file, which is to be opened; its row groups become pieces of work.
    File(Arc<DataFile>),
    /// A row group.
    Group(Arc<TableFile>, usize),
    /// A block of the journal.
    Block(BlockRef<'a>),
}

/// Work that nobody has taken yet.
pub(super) struct Queue<'a> {
    state: Mutex<State<'a>>,
    changed: Condvar,
    /// Row groups and blocks are handed out in order of arrival, or in the reverse.
    in_order: bool,
}

struct State<'a> {
    work: VecDeque<Work<'a>>,
    /// Threads that are opening a file and may bring work.
    opening: usize,
    is_closed: bool,
    /// Row groups and blocks handed out.
    taken: usize,
}

impl<'a> Queue<'a> {
    pub(super) fn new(work: Vec<Work<'a>>, in_order: bool) -> Self {
        let state = State { work: work.into(), opening: 0, is_closed: false, taken: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new(), in_order }
    }

    /// Pieces that wait; a file may become several.
    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state
            .work
            .iter()
            .map(|work| if let Work::File(file) = work { file.rows.div_ceil(1 << 20).max(1) as usize } else { 1 })
            .sum()
    }

    /// The next piece, and how many row groups and blocks were taken before; nothing at the end. Whoever takes a file calls [`Queue::open`].
    pub(super) fn take(&self) -> Option<(usize, Work<'a>)> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            // What a file holds comes before what stands behind it.
            let next = if self.in_order && state.opening > 0 { None } else { state.work.pop_front() };
            match next {
                Some(work) => {
                    let (number, is_file) = (state.taken, matches!(work, Work::File(_)));
                    state.opening += usize::from(is_file);
                    state.taken += usize::from(!is_file);
                    return Some((number, work));
                }
                None if state.opening == 0 => return None,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Opens a file that was taken; its row groups come next. Should `open` panic, nobody waits for them.
    pub(super) fn open(&self, open: impl FnOnce() -> Vec<Work<'a>>) {
        let mut opening = Opening { queue: self, groups: Vec::new() };
        opening.groups = open();
    }

    /// Nobody gets work any more.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is being opened, until this is dropped.
struct Opening<'q, 'a> {
    queue: &'q Queue<'a>,
    groups: Vec<Work<'a>>,
}

impl Drop for Opening<'_, '_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.opening -= 1;
        self.groups.drain(..).rev().for_each(|group| state.work.push_front(group));
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
