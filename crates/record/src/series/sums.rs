//! Adding up rows of continuous series.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use super::{SeriesBatch, SeriesColumn};
use crate::column::{AnyColumn, AnyColumnMut};
use crate::names;

/// Most values of a dimension that a slot and source keep apart; the smallest of more are one row without a value.
pub const MAX_VALUES: usize = 4096;
/// Most addresses of a sketch that a slot and source keep.
pub const MAX_TOP_ADDRESSES: usize = 512;

/// The columns that are not added up.
const KEY: [SeriesColumn; 7] = [
    SeriesColumn::slot,
    SeriesColumn::step,
    SeriesColumn::exporter,
    SeriesColumn::dimension,
    SeriesColumn::number,
    SeriesColumn::address,
    SeriesColumn::text,
];

/// Rows of any number of batches, added up. Holds what was given until it is finished: who has many rows finishes now and then.
#[derive(Debug, Default)]
pub struct SeriesSums {
    parts: Vec<SeriesBatch>,
    rows: usize,
}

/// A row that is being added up: the values of every column past the key, in the order of columns.
#[derive(Debug)]
struct Row {
    /// Batch and row that have its key; nothing for what no longer fits.
    key: Option<(usize, usize)>,
    /// Batch and row that have its slot, step, exporter and dimension.
    about: (usize, usize),
    numbers: Vec<Option<u64>>,
    lists: Vec<Option<BTreeMap<u32, u64>>>,
}

impl SeriesSums {
    /// Without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes rows.
    pub fn add(&mut self, part: SeriesBatch) {
        self.rows += part.rows();
        self.parts.push(part);
    }

    /// Rows that were taken.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The sums, in the order of step, dimension, exporter, slot and value, so that readers of one dimension skip the others.
    pub fn finish(self) -> SeriesBatch {
        let parts = &self.parts;
        let rows_of = |(part, batch): (usize, &SeriesBatch)| (0..batch.rows()).map(move |row| (part, row));
        let mut places: Vec<(usize, usize)> = parts.iter().enumerate().flat_map(rows_of).collect();
        places.sort_by(|one, other| compare(parts, *one, *other));
        let mut sums = SeriesBatch::new();
        for group in places.chunk_by(|one, other| compare_about(parts, *one, *other) == Ordering::Equal) {
            let rows =
                group.chunk_by(|one, other| compare(parts, *one, *other) == Ordering::Equal).map(|same| Row::sum(parts, same));
            for row in within_limit(parts, rows.collect()) {
                row.write(parts, &mut sums);
            }
        }
        sums.finish();
        sums
    }
}

/// The rows of one step, dimension, exporter and slot; the smallest of too many become one.
fn within_limit(parts: &[SeriesBatch], mut rows: Vec<Row>) -> Vec<Row> {
    let Some(about) = rows.first().map(|row| row.about) else {
        return rows;
    };
    let is_sketch = parts[about.0].dimension.get(about.1).is_some_and(names::is_sketch);
    let limit = if is_sketch { MAX_TOP_ADDRESSES } else { MAX_VALUES };
    if rows.len() <= limit + 1 {
        return rows;
    }
    // The row without a value sorts first and is no candidate.
    let rest_at = rows.iter().position(|row| row.key.is_none());
    let mut rest = rest_at.map_or_else(|| Row::rest(about), |place| rows.remove(place));
    rows.sort_by_key(|row| Reverse(row.number(SeriesColumn::bytes)));
    let dropped = rows.split_off(limit);
    if is_sketch {
        // What is dropped was larger than nothing by as much as the largest of it.
        let largest = dropped.first().map_or(0, |row| row.number(SeriesColumn::bytes));
        let error = rest.number(SeriesColumn::sketch_error).saturating_add(largest);
        rest.set_number(SeriesColumn::sketch_error, error);
    }
    for row in dropped {
        rest.add(row);
    }
    rows.sort_by(|one, other| compare(parts, one.about, other.about));
    rows.insert(0, rest);
    rows
}

impl Row {
    fn rest(about: (usize, usize)) -> Self {
        let columns = SeriesColumn::ALL.len() - KEY.len();
        Self { key: None, about, numbers: vec![None; columns], lists: vec![None; columns] }
    }

    /// The sum of rows of one key.
    fn sum(parts: &[SeriesBatch], same: &[(usize, usize)]) -> Self {
        let about = same.first().copied().unwrap_or_default();
        let mut sum = Self::rest(about);
        let first = &parts[about.0];
        let has_value =
            first.number.get(about.1).is_some() || first.address.get(about.1).is_some() || first.text.get(about.1).is_some();
        let is_whole = matches!(first.dimension.get(about.1), Some(names::BY_SOURCE | names::DISPLACED));
        sum.key = (has_value || is_whole).then_some(about);
        for (part, row) in same {
            for (place, column) in SeriesColumn::ALL.iter().skip(KEY.len()).enumerate() {
                match parts[*part].column(*column) {
                    AnyColumn::U64(numbers) => add_number(&mut sum.numbers[place], numbers.get(*row)),
                    AnyColumn::List(lists) => {
                        for [bucket, count] in lists.get(*row).map_or(&[][..], |list| list.as_chunks().0) {
                            let counts = sum.lists[place].get_or_insert_default();
                            let sum = counts.entry(*bucket).or_default();
                            *sum = sum.saturating_add(u64::from(*count));
                        }
                    }
                    _ => {}
                }
            }
        }
        sum
    }

    fn add(&mut self, other: Self) {
        for (sum, number) in self.numbers.iter_mut().zip(other.numbers) {
            add_number(sum, number);
        }
        for (sum, counts) in self.lists.iter_mut().zip(other.lists) {
            for (bucket, count) in counts.into_iter().flatten() {
                let sum = sum.get_or_insert_default().entry(bucket).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }

    fn number(&self, column: SeriesColumn) -> u64 {
        self.numbers.get(column as usize - KEY.len()).copied().flatten().unwrap_or(0)
    }

    fn set_number(&mut self, column: SeriesColumn, number: u64) {
        if let Some(place) = self.numbers.get_mut(column as usize - KEY.len()) {
            *place = Some(number);
        }
    }

    fn write(self, parts: &[SeriesBatch], sums: &mut SeriesBatch) {
        let row = sums.rows();
        let (about, from) = (&parts[self.about.0], self.about.1);
        sums.slot.push_some(row, about.slot.get(from));
        sums.step.push_some(row, about.step.get(from));
        sums.exporter.push_some(row, about.exporter.get(from));
        sums.dimension.push_some(row, about.dimension.get(from));
        if let Some((part, from)) = self.key {
            sums.number.push_some(row, parts[part].number.get(from));
            sums.address.push_some(row, parts[part].address.get(from));
            sums.text.push_some(row, parts[part].text.get(from));
        }
        for (column, number) in SeriesColumn::ALL.iter().skip(KEY.len()).zip(self.numbers) {
            if let AnyColumnMut::U64(numbers) = sums.column_mut(*column) {
                numbers.push_some(row, number);
            }
        }
        for (column, counts) in SeriesColumn::ALL.iter().skip(KEY.len()).zip(self.lists) {
            if let (AnyColumnMut::List(lists), Some(counts)) = (sums.column_mut(*column), counts) {
                lists.push(row, counts.into_iter().flat_map(pairs));
            }
        }
        sums.advance(1);
    }
}

/// A bucket and its count, again and again where the count is past 32 bits.
fn pairs((bucket, count): (u32, u64)) -> impl Iterator<Item = u32> {
    let whole = usize::try_from(count / u64::from(u32::MAX)).unwrap_or(0);
    let rest = (count % u64::from(u32::MAX)) as u32;
    std::iter::repeat_n([bucket, u32::MAX], whole).chain((rest > 0).then_some([bucket, rest])).flatten()
}

fn add_number(sum: &mut Option<u64>, number: Option<u64>) {
    if let Some(number) = number {
        *sum = Some(sum.unwrap_or(0).saturating_add(number));
    }
}

/// By all of the key but the value.
fn compare_about(parts: &[SeriesBatch], one: (usize, usize), other: (usize, usize)) -> Ordering {
    let about = |(part, row): (usize, usize)| {
        let batch: &SeriesBatch = &parts[part];
        (batch.step.get(row), batch.dimension.get(row), batch.exporter.get(row), batch.slot.get(row))
    };
    about(one).cmp(&about(other))
}

/// By the whole key.
fn compare(parts: &[SeriesBatch], one: (usize, usize), other: (usize, usize)) -> Ordering {
    let about = compare_about(parts, one, other);
    about.then_with(|| {
        let value = |(part, row): (usize, usize)| {
            let batch: &SeriesBatch = &parts[part];
            (batch.number.get(row), batch.address.get(row), batch.text.octets(row))
        };
        value(one).cmp(&value(other))
    })
}

#[cfg(test)]
mod tests;
