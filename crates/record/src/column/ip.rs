//! Columns of addresses.

use super::{Fixed, Validity};
use crate::Address;

/// Addresses as two 64-bit halves, most significant first; IPv4 as [`Address`] tells.
///
/// Two plain vectors are what the store writes and what a filter compares fastest; see decision 0001.
#[derive(Clone, Debug, Default)]
pub struct IpColumn {
    high: Fixed<u64>,
    low: Vec<u64>,
}

impl IpColumn {
    /// True where no row has been told of.
    pub const fn is_empty(&self) -> bool {
        self.low.is_empty()
    }

    /// Rows told of; rows past it are absent.
    pub const fn len(&self) -> usize {
        self.low.len()
    }

    /// The upper halves; zero for IPv4 and where absent.
    pub fn high(&self) -> &[u64] {
        self.high.values()
    }

    /// The lower halves; `Address::V4_PREFIX` and the 32 bits for IPv4, zero where absent.
    pub fn low(&self) -> &[u64] {
        &self.low
    }

    /// Which rows have a value.
    pub const fn validity(&self) -> &Validity {
        self.high.validity()
    }

    /// The address of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<Address> {
        let high = self.high.get(row)?;
        self.low.get(row).map(|low| Address::from_halves(high, *low))
    }

    /// Writes the address of a row; rows between are absent.
    #[inline]
    pub fn push(&mut self, row: usize, value: impl Into<Address>) {
        let (high, low) = value.into().halves();
        self.high.push(row, high);
        if self.low.len() > row {
            self.low[row] = low;
        } else {
            self.low.resize(row, 0);
            self.low.push(low);
        }
    }

    /// Writes the address of a row if there is one.
    #[inline]
    pub fn push_some(&mut self, row: usize, value: Option<Address>) {
        if let Some(value) = value {
            self.push(row, value);
        }
    }

    /// Writes IPv4 addresses in consecutive rows from `row` on.
    #[inline]
    pub fn extend_v4(&mut self, row: usize, values: impl ExactSizeIterator<Item = u32>) {
        self.high.fill(row, values.len(), 0);
        self.low.resize(row, 0);
        self.low.extend(values.map(|address| Address::V4_PREFIX | u64::from(address)));
    }

    /// Writes addresses in consecutive rows from `row` on.
    #[inline]
    pub fn extend(&mut self, row: usize, values: impl ExactSizeIterator<Item = Address> + Clone) {
        self.high.extend(row, values.clone().map(|address| address.halves().0));
        self.low.resize(row, 0);
        self.low.extend(values.map(|address| address.halves().1));
    }

    /// Writes the same address in `count` rows from `row` on.
    #[inline]
    pub fn fill(&mut self, row: usize, count: usize, value: Address) {
        let (high, low) = value.halves();
        self.high.fill(row, count, high);
        self.low.resize(row, 0);
        self.low.resize(row + count, low);
    }

    /// Makes a row absent that was written before.
    pub fn unset(&mut self, row: usize) {
        self.high.unset(row);
        if let Some(low) = self.low.get_mut(row) {
            *low = 0;
        }
    }

    /// Forgets the rows from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        self.high.truncate(rows);
        self.low.truncate(rows);
    }

    /// Forgets every row and keeps the memory.
    pub fn clear(&mut self) {
        self.high.clear();
        self.low.clear();
    }

    /// Makes a column that has a value `rows` long.
    pub fn finish(&mut self, rows: usize) {
        if !self.is_empty() {
            self.high.finish(rows);
            self.low.resize(rows, 0);
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

    /// A column of upper halves, lower halves and their validity, as [`IpColumn::into_parts`] gives them. The shortest of the three is what counts.
    pub fn from_parts(high: Vec<u64>, low: Vec<u64>, mut validity: Validity) -> Self {
        validity.truncate(low.len());
        let high = Fixed::from_parts(high, validity);
        let low = Fixed::from_parts(low, high.validity().clone()).into_parts().0;
        Self { high, low }
    }

    /// The upper halves, the lower halves and their validity, for a hand-over without copying.
    pub fn into_parts(self) -> (Vec<u64>, Vec<u64>, Validity) {
        let (high, validity) = self.high.into_parts();
        (high, self.low, validity)
    }

    /// Octets of memory, spare room included.
    pub fn memory(&self) -> usize {
        self.high.memory() + self.low.capacity() * 8
    }
}

/// Two are equal when the same rows have the same addresses.
impl PartialEq for IpColumn {
    fn eq(&self, other: &Self) -> bool {
        (0..self.len().max(other.len())).all(|row| self.get(row) == other.get(row))
    }
}
