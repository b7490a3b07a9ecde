//! Where the values of a column of varying length begin and end.

use std::ops::Range;

use super::Validity;

/// Ends of consecutive values in a shared vector, and which rows have one.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans {
    /// Empty, or one more than there are rows; the first is 0.
    offsets: Vec<i32>,
    validity: Validity,
}

impl Spans {
    pub(super) const fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    pub(super) const fn rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    pub(super) fn offsets(&self) -> &[i32] {
        &self.offsets
    }

    pub(super) const fn validity(&self) -> &Validity {
        &self.validity
    }

    /// The span of a row that has a value.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<Range<usize>> {
        if !self.validity.is_valid(row) {
            return None;
        }
        let start = usize::try_from(*self.offsets.get(row)?).ok()?;
        let end = usize::try_from(*self.offsets.get(row + 1)?).ok()?;
        Some(start..end)
    }

    /// Ends a value at `end`; false where that is too far for 32 bits, and nothing is written.
    #[inline]
    pub(super) fn close(&mut self, end: usize) -> bool {
        let Ok(end) = i32::try_from(end) else {
            return false;
        };
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        self.offsets.push(end);
        self.validity.extend_valid(1);
        true
    }

    /// Makes rows up to `rows` absent that were not written.
    #[inline]
    pub(super) fn pad(&mut self, rows: usize) {
        let missing = rows.saturating_sub(self.rows());
        if missing > 0 {
            let end = self.offsets.last().copied().unwrap_or(0);
            self.offsets.resize(rows + 1, end);
            self.validity.extend_absent(missing);
        }
    }

    pub(super) fn unset(&mut self, row: usize) {
        self.validity.set(row, false);
    }

    /// Forgets the rows from `rows` on; gives the end of the last one left.
    pub(super) fn truncate(&mut self, rows: usize) -> usize {
        if rows == 0 {
            self.clear();
        } else if rows < self.rows() {
            self.offsets.truncate(rows + 1);
            self.validity.truncate(rows);
        }
        self.offsets.last().map_or(0, |end| usize::try_from(*end).unwrap_or(0))
    }

    pub(super) fn clear(&mut self) {
        self.offsets.clear();
        self.validity.clear();
    }

    /// Spans as [`Spans::into_parts`] gives them, checked: offsets begin at 0, never fall and end at most at `end`, one more than there are rows.
    pub(super) fn from_parts(offsets: Vec<i32>, mut validity: Validity, end: usize) -> Option<Self> {
        let rows = offsets.len().saturating_sub(1);
        let is_sound = offsets.first().is_none_or(|first| *first == 0)
            && offsets.is_sorted()
            && offsets.last().is_none_or(|last| usize::try_from(*last).is_ok_and(|last| last <= end))
            && validity.len() >= rows;
        validity.truncate(rows);
        is_sound.then_some(Self { offsets, validity })
    }

    pub(super) fn into_parts(self) -> (Vec<i32>, Validity) {
        (self.offsets, self.validity)
    }

    pub(super) fn memory(&self) -> usize {
        self.offsets.capacity() * 4 + self.validity.memory()
    }
}
