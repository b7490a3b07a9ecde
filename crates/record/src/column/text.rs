//! Columns of text.

use super::Validity;
use super::spans::Spans;

/// UTF-8 texts one after the other, with the place where each ends.
#[derive(Clone, Debug, Default)]
pub struct TextColumn {
    octets: Vec<u8>,
    spans: Spans,
}

impl TextColumn {
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

    /// The text of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&str> {
        // Only whole texts are ever appended, so this cannot fail; a check is cheaper than a proof by `unsafe`.
        std::str::from_utf8(self.octets.get(self.spans.get(row)?)?).ok()
    }

    /// The octets of a row's text: UTF-8, not checked again.
    #[inline]
    pub fn octets(&self, row: usize) -> Option<&[u8]> {
        self.octets.get(self.spans.get(row)?)
    }

    /// Writes the text of a row; rows between are absent.
    ///
    /// A batch holds less than 2 GiB of text in a column; what would go past that is left absent.
    #[inline]
    pub fn push(&mut self, row: usize, value: &str) {
        self.push_with(row, |octets| octets.extend_from_slice(value.as_bytes()));
    }

    /// Writes the text of a row if there is one.
    #[inline]
    pub fn push_some(&mut self, row: usize, value: Option<&str>) {
        if let Some(value) = value {
            self.push(row, value);
        }
    }

    /// Writes octets that should be UTF-8; each faulty sequence becomes U+FFFD.
    pub fn push_lossy(&mut self, row: usize, value: &[u8]) {
        self.push_with(row, |octets| {
            for chunk in value.utf8_chunks() {
                octets.extend_from_slice(chunk.valid().as_bytes());
                if !chunk.invalid().is_empty() {
                    octets.extend_from_slice("\u{fffd}".as_bytes());
                }
            }
        });
    }

    /// Lets a function write the text of a row; what it appends must be UTF-8.
    #[inline]
    pub fn push_with(&mut self, row: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if self.len() > row {
            self.truncate(row);
        }
        self.spans.pad(row);
        let start = self.octets.len();
        write(&mut self.octets);
        if !self.spans.close(self.octets.len()) {
            self.octets.truncate(start);
        }
    }

    /// Writes the same text in `count` rows from `row` on.
    pub fn fill(&mut self, row: usize, count: usize, value: &str) {
        for row in row..row + count {
            self.push(row, value);
        }
    }

    /// Makes a row absent that was written before; its octets stay until the column is cleared.
    pub fn unset(&mut self, row: usize) {
        self.spans.unset(row);
    }

    /// Forgets the rows from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        self.octets.truncate(self.spans.truncate(rows));
    }

    /// Forgets every row and keeps the memory.
    pub fn clear(&mut self) {
        self.octets.clear();
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
            self.push_some(base + place, column.get(row));
        }
    }

    /// A column of offsets, octets and validity, as [`TextColumn::into_parts`] gives them; nothing where they do not fit together or are not UTF-8.
    pub fn from_parts(offsets: Vec<i32>, octets: Vec<u8>, validity: Validity) -> Option<Self> {
        let text = std::str::from_utf8(&octets).ok()?;
        let at_border = |end: &i32| usize::try_from(*end).is_ok_and(|end| text.is_char_boundary(end));
        if !offsets.iter().all(at_border) {
            return None;
        }
        let spans = Spans::from_parts(offsets, validity, octets.len())?;
        Some(Self { octets, spans })
    }

    /// Offsets (one more than there are rows, or none) and octets, for those who write them out.
    pub fn parts(&self) -> (&[i32], &[u8]) {
        (self.spans.offsets(), &self.octets)
    }

    /// Offsets, octets and validity, for a hand-over without copying.
    pub fn into_parts(self) -> (Vec<i32>, Vec<u8>, Validity) {
        let (offsets, validity) = self.spans.into_parts();
        (offsets, self.octets, validity)
    }

    /// Octets of memory, spare room included.
    pub fn memory(&self) -> usize {
        self.octets.capacity() + self.spans.memory()
    }
}

/// Two are equal when the same rows have the same texts.
impl PartialEq for TextColumn {
    fn eq(&self, other: &Self) -> bool {
        (0..self.len().max(other.len())).all(|row| self.get(row) == other.get(row))
    }
}
