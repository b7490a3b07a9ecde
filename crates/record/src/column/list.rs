//! Columns of lists of numbers.

use super::Validity;
use super::spans::Spans;

/// Lists of unsigned 32-bit numbers one after the other, with the place where each ends.
#[derive(Clone, Debug, Default)]
pub struct ListColumn {
    values: Vec<u32>,
    spans: Spans,
}

impl ListColumn {
    /// True where no row has been told of.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Rows told of; rows past it are absent.
    pub const fn len(&self) -> usize {
        self.spans.rows()
    }

    /// Which rows have a value.
    pub const fn validity(&self) -> &Validity {
        self.spans.validity()
    }

    /// The list of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&[u32]> {
        self.values.get(self.spans.get(row)?)
    }

    /// Writes the list of a row; rows between are absent.
    ///
    /// A batch holds less than 2 Gi numbers in a column; what would go past that is left absent.
    pub fn push(&mut self, row: usize, values: impl IntoIterator<Item = u32>) {
        if self.len() > row {
            self.truncate(row);
        }
        self.spans.pad(row);
        let start = self.values.len();
        self.values.extend(values);
        if !self.spans.close(self.values.len()) {
            self.values.truncate(start);
        }
    }

    /// Makes a row absent that was written before; its numbers stay until the column is cleared.
    pub fn unset(&mut self, row: usize) {
        self.spans.unset(row);
    }

    /// Forgets the rows from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        self.values.truncate(self.spans.truncate(rows));
    }

    /// Forgets every row and keeps the memory.
    pub fn clear(&mut self) {
        self.values.clear();
        self.spans.clear();
    }

    /// Makes a column that has a value `rows` long.
    pub fn finish(&mut self, rows: usize) {
        if !self.is_empty() {
            self.spans.pad(rows);
        }
    }

    /// Writes values of rows of other columns, one after the other from row `base` on.
    pub fn append<'a>(&mut self, base: usize, values: impl Iterator<Item = (&'a Self, usize)>)
    where
        Self: 'a,
    {
        for (place, (column, row)) in values.enumerate() {
            if let Some(values) = column.get(row) {
                self.push(base + place, values.iter().copied());
            }
        }
    }

    /// A column of offsets, numbers and validity, as [`ListColumn::into_parts`] gives them; nothing where they do not fit together.
    pub fn from_parts(offsets: Vec<i32>, values: Vec<u32>, validity: Validity) -> Option<Self> {
        let spans = Spans::from_parts(offsets, validity, values.len())?;
        Some(Self { values, spans })
    }

    /// Offsets (one more than there are rows, or none) and numbers, for those who write them out.
    pub fn parts(&self) -> (&[i32], &[u32]) {
        (self.spans.offsets(), &self.values)
    }

    /// Offsets, numbers and validity, for a hand-over without copying.
    pub fn into_parts(self) -> (Vec<i32>, Vec<u32>, Validity) {
        let (offsets, validity) = self.spans.into_parts();
        (offsets, self.values, validity)
    }

    /// Octets of memory, spare room included.
    pub fn memory(&self) -> usize {
        self.values.capacity() * 4 + self.spans.memory()
    }
}

/// Two are equal when the same rows have the same lists.
impl PartialEq for ListColumn {
    fn eq(&self, other: &Self) -> bool {
        (0..self.len().max(other.len())).all(|row| self.get(row) == other.get(row))
    }
}
