//! When a list has all the records that it shows.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Of row groups and blocks in order, how many are needed until so many rows are found.
pub(super) struct Enough {
    most: usize,
    /// The last piece that is needed.
    last: AtomicUsize,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    /// Rows found in each piece that is read.
    found: Vec<Option<usize>>,
    /// Pieces from the first on that are all read, and their rows.
    whole: usize,
    rows: usize,
}

impl Enough {
    pub(super) fn new(most: usize) -> Self {
        Self { most, last: AtomicUsize::new(usize::MAX), counted: Mutex::default() }
    }

    /// Whether a piece in which `found` rows were found so far is to be read on.
    pub(super) fn needs(&self, piece: usize, found: usize) -> bool {
        found < self.most && piece <= self.last.load(Ordering::Relaxed)
    }

    /// A piece is read, as far as it is needed.
    pub(super) fn done(&self, piece: usize, found: usize) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.found.len() <= piece {
            counted.found.resize(piece + 1, None);
        }
        if let Some(place) = counted.found.get_mut(piece) {
            *place = Some(found);
        }
        while let Some(Some(found)) = counted.found.get(counted.whole).copied() {
            if counted.rows >= self.most {
                return;
            }
            counted.rows += found;
            counted.whole += 1;
            if counted.rows >= self.most {
                self.last.store(counted.whole - 1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Enough;

    #[test]
    fn pieces_behind_those_that_have_enough_are_not_needed() {
        let enough = Enough::new(10);
        enough.done(1, 8);
        assert!(enough.needs(2, 0), "of the first piece nothing is known yet");
        enough.done(0, 3);
        assert!(enough.needs(1, 0) && !enough.needs(2, 0));
        assert!(enough.needs(1, 9) && !enough.needs(1, 10));
    }
}
