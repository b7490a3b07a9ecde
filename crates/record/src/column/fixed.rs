//! Columns of numbers.

use super::Validity;

/// Numbers of one width, one a row; an absent row holds zero.
#[derive(Clone, Debug, Default)]
pub struct Fixed<T> {
    values: Vec<T>,
    validity: Validity,
}

impl<T: Copy + Default> Fixed<T> {
    /// True where no row has been told of.
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Rows told of; rows past it are absent.
    pub const fn len(&self) -> usize {
        self.values.len()
    }

    /// The values, zero where absent.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Which rows have a value.
    pub const fn validity(&self) -> &Validity {
        &self.validity
    }

    /// The value of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T> {
        if self.validity.is_valid(row) { self.values.get(row).copied() } else { None }
    }

    /// Writes the value of a row; rows between are absent.
    #[inline]
    pub fn push(&mut self, row: usize, value: T) {
        if self.values.len() != row {
            return self.push_out_of_line(row, value);
        }
        self.values.push(value);
        self.validity.extend_valid(1);
    }

    /// Writes the value of a row if there is one.
    #[inline]
    pub fn push_some(&mut self, row: usize, value: Option<T>) {
        if let Some(value) = value {
            self.push(row, value);
        }
    }

    /// Writes consecutive rows from `row` on.
    #[inline]
    pub fn extend(&mut self, row: usize, values: impl ExactSizeIterator<Item = T>) {
        self.align(row);
        self.values.extend(values);
        self.validity.extend_valid(self.values.len() - row);
    }

    /// Writes the same value in `count` rows from `row` on.
    #[inline]
    pub fn fill(&mut self, row: usize, count: usize, value: T) {
        if count == 1 && self.values.len() == row {
            return self.push(row, value);
        }
        self.align(row);
        self.values.resize(row + count, value);
        self.validity.extend_valid(count);
    }

    /// Writes consecutive rows from `row` on, absent where there is nothing.
    pub fn extend_some(&mut self, row: usize, values: impl Iterator<Item = Option<T>>) {
        for (index, value) in values.enumerate() {
            self.push_some(row + index, value);
        }
    }

    /// Makes a row absent that was written before.
    pub fn unset(&mut self, row: usize) {
        if let Some(value) = self.values.get_mut(row) {
            *value = T::default();
            self.validity.set(row, false);
        }
    }

    /// Writable values from `row` on; they stay as present or absent as they are.
    pub fn values_from_mut(&mut self, row: usize) -> &mut [T] {
        self.values.get_mut(row..).unwrap_or_default()
    }

    /// Forgets the rows from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.validity.truncate(rows);
    }

    /// Forgets every row and keeps the memory.
    pub fn clear(&mut self) {
        self.values.clear();
        self.validity.clear();
    }

    /// Makes a column that has a value `rows` long.
    pub fn finish(&mut self, rows: usize) {
        if !self.is_empty() {
            self.align(rows);
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

    /// A column of values and their validity, as [`Fixed::into_parts`] gives them. The shorter of the two is what counts; absent rows are set to zero.
    pub fn from_parts(mut values: Vec<T>, mut validity: Validity) -> Self {
        values.truncate(validity.len());
        validity.truncate(values.len());
        if validity.absent() > 0 {
            for (row, value) in values.iter_mut().enumerate() {
                if !validity.is_valid(row) {
                    *value = T::default();
                }
            }
        }
        Self { values, validity }
    }

    /// The values and their validity, for a hand-over without copying.
    pub fn into_parts(self) -> (Vec<T>, Validity) {
        (self.values, self.validity)
    }

    /// Octets of memory, spare room included.
    pub fn memory(&self) -> usize {
        self.values.capacity() * size_of::<T>() + self.validity.memory()
    }

    /// Makes the column exactly `row` long, so that the next value is that of `row`.
    #[inline]
    fn align(&mut self, row: usize) {
        if self.values.len() != row {
            self.align_out_of_line(row);
        }
    }

    #[cold]
    fn align_out_of_line(&mut self, row: usize) {
        if self.values.len() > row {
            self.truncate(row);
        } else {
            self.validity.extend_absent(row - self.values.len());
            self.values.resize(row, T::default());
        }
    }

    #[cold]
    fn push_out_of_line(&mut self, row: usize, value: T) {
        if let Some(old) = self.values.get_mut(row) {
            *old = value;
            self.validity.set(row, true);
        } else {
            self.align(row);
            self.values.push(value);
            self.validity.extend_valid(1);
        }
    }
}

/// Two are equal when the same rows have the same values.
impl<T: Copy + Default + PartialEq> PartialEq for Fixed<T> {
    fn eq(&self, other: &Self) -> bool {
        (0..self.len().max(other.len())).all(|row| self.get(row) == other.get(row))
    }
}
