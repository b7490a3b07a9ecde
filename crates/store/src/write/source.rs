//! Where the values of a chunk come from: one column of consecutive batches, read page by page.

use std::ops::Range;

use weir_record::AnyColumn;
use weir_record::column::Validity;

use crate::layout::{Divisor, Kind, Leaf, PAGE_ROWS, Part, hybrid};

/// One column of consecutive batches, each with its rows.
pub(crate) type Parts<'a> = [(usize, AnyColumn<'a>)];

/// Ranges of the rows of pages.
pub(crate) fn pages(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(PAGE_ROWS).map(move |first| first..rows.min(first + PAGE_ROWS))
}

/// Says which rows of a page have a value. `levels` is empty where all have one.
pub(crate) fn encode_levels(levels: &[u32], rows: usize, present: usize, out: &mut Vec<u8>) {
    out.clear();
    match present {
        0 => hybrid::encode_run(0, rows, 1, out),
        _ if present == rows => hybrid::encode_run(1, rows, 1, out),
        _ => hybrid::encode(levels, 1, out),
    }
}

/// The values of a column over batches, page by page.
pub(crate) struct Source<'a> {
    pub(crate) leaf: Leaf,
    parts: &'a Parts<'a>,
    part: usize,
    row: usize,
}

impl<'a> Source<'a> {
    pub(crate) const fn new(leaf: Leaf, parts: &'a Parts<'a>) -> Self {
        Self { leaf, parts, part: 0, row: 0 }
    }

    pub(crate) const fn rewind(&mut self) {
        (self.part, self.row) = (0, 0);
    }

    /// The value that all rows have that have one.
    pub(crate) fn only_value(&self) -> Option<u64> {
        let mut value = None;
        for (rows, column) in self.parts {
            let found = match only_value(self.leaf, column, *rows) {
                Only::Nothing => continue,
                Only::Many => return None,
                Only::Value(found) => found,
            };
            if value.is_some_and(|value| value != found) {
                return None;
            }
            value = Some(found);
        }
        value
    }

    /// The values of the next `count` rows, absent rows left out, and, where some are absent, which.
    pub(crate) fn gather(&mut self, count: usize, values: &mut Vec<u64>, levels: &mut Vec<u32>) {
        values.clear();
        levels.clear();
        let leaf = self.leaf;
        self.walk(count, |column, range, before| {
            append(leaf, column, range.clone(), values);
            levels_of(column.validity(), range, before, levels);
        });
    }

    /// Passes over the next `count` rows; how many have a value.
    pub(crate) fn skip(&mut self, count: usize, levels: &mut Vec<u32>) -> usize {
        levels.clear();
        self.walk(count, |column, range, before| levels_of(column.validity(), range, before, levels));
        if levels.is_empty() { count } else { levels.iter().filter(|level| **level == 1).count() }
    }

    fn walk(&mut self, count: usize, mut visit: impl FnMut(&AnyColumn<'_>, Range<usize>, usize)) {
        let mut before = 0;
        while before < count {
            let Some((rows, column)) = self.parts.get(self.part) else {
                return;
            };
            let taken = (rows - self.row).min(count - before);
            visit(column, self.row..self.row + taken, before);
            before += taken;
            self.row += taken;
            if self.row == *rows {
                (self.part, self.row) = (self.part + 1, 0);
            }
        }
    }
}

/// Appends a level a row, from the first absent row of a page on; `before` rows of the page come before these.
fn levels_of(validity: &Validity, range: Range<usize>, before: usize, levels: &mut Vec<u32>) {
    let is_full = validity.words().is_none() && validity.len() >= range.end;
    if is_full && levels.is_empty() {
        return;
    }
    levels.resize(before, 1);
    if is_full {
        levels.resize(before + range.len(), 1);
    } else {
        levels.extend(range.map(|row| u32::from(validity.is_valid(row))));
    }
}

enum Only {
    Nothing,
    Value(u64),
    Many,
}

fn only_value(leaf: Leaf, column: &AnyColumn<'_>, rows: usize) -> Only {
    match column {
        AnyColumn::U8(c) => only(c.values(), c.validity(), rows, |value| u64::from(*value)),
        AnyColumn::U16(c) => only(c.values(), c.validity(), rows, |value| u64::from(*value)),
        AnyColumn::U32(c) => only(c.values(), c.validity(), rows, |value| u64::from(*value)),
        AnyColumn::U64(c) => only(c.values(), c.validity(), rows, |value| *value),
        AnyColumn::Time(c) => only(c.values(), c.validity(), rows, |value| (*value / divisor(leaf)) as u64),
        AnyColumn::Ip(c) if leaf.part == Part::High => only(c.high(), c.validity(), rows, |value| *value),
        AnyColumn::Ip(c) => only(c.low(), c.validity(), rows, |value| *value),
        AnyColumn::Text(_) | AnyColumn::List(_) => Only::Nothing,
    }
}

fn only<T: PartialEq>(values: &[T], validity: &Validity, rows: usize, convert: impl Fn(&T) -> u64) -> Only {
    let values = values.get(..rows.min(validity.len())).unwrap_or(values);
    if validity.words().is_none() {
        let Some(first) = values.first() else {
            return Only::Nothing;
        };
        // In pieces, so that each is compared many values at a time.
        let is_same = values.chunks(1024).all(|piece| piece.iter().fold(true, |same, value| same & (value == first)));
        return if is_same { Only::Value(convert(first)) } else { Only::Many };
    }
    let mut present = values.iter().enumerate().filter(|(row, _)| validity.is_valid(*row)).map(|(_, value)| value);
    let Some(first) = present.next() else {
        return Only::Nothing;
    };
    if present.all(|value| value == first) { Only::Value(convert(first)) } else { Only::Many }
}

const fn divisor(leaf: Leaf) -> i64 {
    match leaf.kind {
        Kind::Time(divisor) => divisor.nanoseconds(),
        _ => 1,
    }
}

/// Appends the values of rows that have one.
fn append(leaf: Leaf, column: &AnyColumn<'_>, range: Range<usize>, out: &mut Vec<u64>) {
    match column {
        AnyColumn::U8(c) => append_from(c.values(), c.validity(), range, out, |value| u64::from(*value)),
        AnyColumn::U16(c) => append_from(c.values(), c.validity(), range, out, |value| u64::from(*value)),
        AnyColumn::U32(c) => append_from(c.values(), c.validity(), range, out, |value| u64::from(*value)),
        AnyColumn::U64(c) => append_from(c.values(), c.validity(), range, out, |value| *value),
        AnyColumn::Time(c) => match leaf.kind {
            Kind::Time(Divisor::Million) => {
                append_from(c.values(), c.validity(), range, out, |value| (*value / 1_000_000) as u64)
            }
            Kind::Time(Divisor::Thousand) => append_from(c.values(), c.validity(), range, out, |value| (*value / 1_000) as u64),
            _ => append_from(c.values(), c.validity(), range, out, |value| *value as u64),
        },
        AnyColumn::Ip(c) if leaf.part == Part::High => append_from(c.high(), c.validity(), range, out, |value| *value),
        AnyColumn::Ip(c) => append_from(c.low(), c.validity(), range, out, |value| *value),
        AnyColumn::Text(_) | AnyColumn::List(_) => {}
    }
}

fn append_from<T>(values: &[T], validity: &Validity, range: Range<usize>, out: &mut Vec<u64>, convert: impl Fn(&T) -> u64) {
    let first = range.start;
    let values = values.get(range.start..range.end.min(values.len())).unwrap_or_default();
    if validity.words().is_none() {
        out.extend(values.iter().map(convert));
    } else {
        out.extend(
            values.iter().enumerate().filter(|(place, _)| validity.is_valid(first + place)).map(|(_, value)| convert(value)),
        );
    }
}
