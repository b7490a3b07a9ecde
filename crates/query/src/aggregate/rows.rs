//! The rows of a chunk, and values of columns picked for them.

use weir_record::AnyColumn;
use weir_record::column::Validity;

/// Numbers of rows, most often one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    list: &'a [u32],
    /// True where each is one more than the one before.
    is_run: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(list: &'a [u32]) -> Self {
        let is_run = match list {
            [first, .., last] => (last.wrapping_sub(*first)) as usize == list.len() - 1 && list.is_sorted_by(|a, b| a < b),
            _ => true,
        };
        Self { list, is_run }
    }

    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + 'a {
        self.list.iter().map(|row| *row as usize)
    }

    /// True where it is plain that every row has a value.
    pub(super) fn are_all_in(&self, validity: &Validity) -> bool {
        let last = self.list.last().map_or(0, |last| *last as usize);
        validity.absent() == 0 && self.is_run && last < validity.len()
    }

    /// The values of the rows, zero past the end.
    #[inline]
    pub(super) fn pick<T: Copy + Default>(&self, values: &[T], mut put: impl FnMut(usize, T)) {
        if let (true, Some(first)) = (self.is_run, self.list.first()) {
            let values = values.get(*first as usize..).unwrap_or_default();
            let there = values.len().min(self.list.len());
            for (index, value) in values.iter().take(there).enumerate() {
                put(index, *value);
            }
            for index in there..self.list.len() {
                put(index, T::default());
            }
            return;
        }
        for (index, row) in self.list.iter().enumerate() {
            put(index, values.get(*row as usize).copied().unwrap_or_default());
        }
    }
}

/// The numbers of a column, zero where absent; of columns without numbers all zero.
#[inline]
pub(super) fn numbers(column: AnyColumn<'_>, rows: &Rows<'_>, out: &mut [u64]) {
    let out = &mut out[..rows.len()];
    match column {
        AnyColumn::U8(column) => rows.pick(column.values(), |index, value| out[index] = value.into()),
        AnyColumn::U16(column) => rows.pick(column.values(), |index, value| out[index] = value.into()),
        AnyColumn::U32(column) => rows.pick(column.values(), |index, value| out[index] = value.into()),
        AnyColumn::U64(column) => rows.pick(column.values(), |index, value| out[index] = value),
        AnyColumn::Time(column) => rows.pick(column.values(), |index, value| out[index] = value as u64),
        AnyColumn::Ip(_) | AnyColumn::Text(_) | AnyColumn::List(_) => out.fill(0),
    }
}

/// 1 where a row has a value.
pub(super) fn presence(validity: &Validity, rows: &Rows<'_>, out: &mut [u64]) {
    if rows.are_all_in(validity) {
        return out.fill(1);
    }
    for (out, row) in out.iter_mut().zip(rows.iter()) {
        *out = u64::from(validity.is_valid(row));
    }
}
