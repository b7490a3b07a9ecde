//! Columns as people and other programs read them: addresses as text, words instead of numbers, times with their zone.
//!
//! This is what SQL sees and what `store export` writes. How columns lie in the store's own files is another matter.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, ListArray, NullArray, PrimitiveArray, StringViewBuilder, new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Field, Schema, SchemaRef, TimeUnit, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use weir_query::Mask;
use weir_record::column::{Fixed, ListColumn, Validity};
use weir_record::{AnyColumn, ColumnInfo, ColumnType, Table, names, write};

/// Some rows of a batch, ascending.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows<'a> {
    /// All from the first to before the last.
    Span(usize, usize),
    /// These.
    Listed(&'a [u32]),
}

impl<'a> Rows<'a> {
    /// How many.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Span(from, to) => to.saturating_sub(from),
            Self::Listed(rows) => rows.len(),
        }
    }

    fn iter(self) -> impl Iterator<Item = usize> + 'a {
        let (span, listed): (Range<usize>, &[u32]) = match self {
            Self::Span(from, to) => (from..to, &[]),
            Self::Listed(rows) => (0..0, rows),
        };
        span.chain(listed.iter().map(|row| *row as usize))
    }

    fn at(self, place: usize) -> usize {
        match self {
            Self::Span(from, _) => from + place,
            Self::Listed(rows) => rows[place] as usize,
        }
    }
}

/// Gives the rows that a mask selects in pieces of at most `most`, and stops when the taker says so. `listed` is memory that is used again.
pub(crate) fn in_pieces<B>(
    mask: &Mask,
    most: usize,
    listed: &mut Vec<u32>,
    mut take: impl FnMut(Rows<'_>) -> std::ops::ControlFlow<B>,
) -> std::ops::ControlFlow<B> {
    let rows = mask.len();
    if mask.count() == rows {
        return (0..rows).step_by(most).try_for_each(|from| take(Rows::Span(from, (from + most).min(rows))));
    }
    listed.clear();
    for row in mask.iter() {
        listed.push(u32::try_from(row).unwrap_or(u32::MAX));
        if listed.len() == most {
            take(Rows::Listed(listed))?;
            listed.clear();
        }
    }
    if listed.is_empty() { std::ops::ControlFlow::Continue(()) } else { take(Rows::Listed(listed)) }
}

/// The columns of a table.
pub(crate) fn schema(columns: &[ColumnInfo]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(|info| Field::new(info.name, data_type(info), true)).collect();
    Arc::new(Schema::new(fields))
}

/// The type of a column.
pub(crate) fn data_type(info: &ColumnInfo) -> DataType {
    match info.column_type {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::U8 => DataType::UInt8,
        ColumnType::U16 => DataType::UInt16,
        ColumnType::U32 => DataType::UInt32,
        ColumnType::U64 => DataType::UInt64,
        ColumnType::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        ColumnType::Ip | ColumnType::Mac | ColumnType::Text | ColumnType::Enum(_) | ColumnType::Json => DataType::Utf8View,
        ColumnType::List => DataType::List(list_item()),
    }
}

fn list_item() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::UInt32, true))
}

/// The values of some rows of a column, which stands at a place of the table's columns.
pub(crate) fn array<T: Table>(batch: &T, place: usize, rows: Rows<'_>) -> ArrayRef {
    let Some(info) = T::COLUMNS.get(place) else {
        return Arc::new(NullArray::new(rows.len()));
    };
    let column = batch.any(place);
    // Absent stands for the most frequent word here; SQL says it.
    let absent = (info.name == "record_kind").then(|| names::RECORD_KIND[usize::from(names::FLOW)]);
    if column.is_empty() && absent.is_none() {
        return new_null_array(&data_type(info), rows.len());
    }
    match (column, info.column_type) {
        (AnyColumn::U8(column), ColumnType::Bool) => {
            let values = BooleanBuffer::collect_bool(rows.len(), |place| {
                column.values().get(rows.at(place)).is_some_and(|value| *value != 0)
            });
            Arc::new(BooleanArray::new(values, nulls(column.validity(), rows)))
        }
        (AnyColumn::U8(column), ColumnType::Enum(words)) => {
            let mut texts = StringViewBuilder::with_capacity(rows.len());
            for row in rows.iter() {
                // A number without a word was written by a later version.
                texts
                    .append_option(column.get(row).map(|value| words.get(usize::from(value)).copied().unwrap_or("?")).or(absent));
            }
            Arc::new(texts.finish())
        }
        (AnyColumn::U8(column), _) => Arc::new(numbers::<UInt8Type>(column, rows)),
        (AnyColumn::U16(column), _) => Arc::new(numbers::<UInt16Type>(column, rows)),
        (AnyColumn::U32(column), _) => Arc::new(numbers::<UInt32Type>(column, rows)),
        (AnyColumn::U64(column), ColumnType::Mac) => texts(rows, |row, text| {
            let mac = column.get(row)?;
            write::text::write_mac(text, mac);
            Some(())
        }),
        (AnyColumn::U64(column), _) => Arc::new(numbers::<UInt64Type>(column, rows)),
        (AnyColumn::Time(column), _) => Arc::new(numbers::<TimestampNanosecondType>(column, rows).with_timezone("UTC")),
        (AnyColumn::Ip(column), _) => texts(rows, |row, text| {
            let address = column.get(row)?;
            write::text::write_address(text, address);
            Some(())
        }),
        (AnyColumn::Text(column), _) => {
            let mut texts = StringViewBuilder::with_capacity(rows.len());
            rows.iter().for_each(|row| texts.append_option(column.get(row)));
            Arc::new(texts.finish())
        }
        (AnyColumn::List(column), _) => Arc::new(lists(column, rows)),
    }
}

fn numbers<P: ArrowPrimitiveType<Native: Default>>(column: &Fixed<P::Native>, rows: Rows<'_>) -> PrimitiveArray<P> {
    let values = column.values();
    let chosen: ScalarBuffer<P::Native> = match rows {
        Rows::Span(from, to) if to <= values.len() => values[from..to].to_vec().into(),
        _ => rows.iter().map(|row| values.get(row).copied().unwrap_or_default()).collect(),
    };
    PrimitiveArray::new(chosen, nulls(column.validity(), rows))
}

/// Texts that a function writes, or not where a row has none.
fn texts(rows: Rows<'_>, mut write: impl FnMut(usize, &mut Vec<u8>) -> Option<()>) -> ArrayRef {
    let mut texts = StringViewBuilder::with_capacity(rows.len());
    let mut text = Vec::with_capacity(64);
    for row in rows.iter() {
        text.clear();
        let written = write(row, &mut text).and_then(|()| std::str::from_utf8(&text).ok());
        texts.append_option(written);
    }
    Arc::new(texts.finish())
}

fn lists(column: &ListColumn, rows: Rows<'_>) -> ListArray {
    let lists = || rows.iter().map(|row| column.get(row).unwrap_or_default());
    let offsets = OffsetBuffer::from_lengths(lists().map(<[u32]>::len));
    let values: ScalarBuffer<u32> = lists().flatten().copied().collect();
    let values = PrimitiveArray::<UInt32Type>::new(values, None);
    ListArray::new(list_item(), offsets, Arc::new(values), nulls(column.validity(), rows))
}

/// Which of the rows have no value; nothing where all have one.
fn nulls(validity: &Validity, rows: Rows<'_>) -> Option<NullBuffer> {
    let last = rows.len().checked_sub(1).map(|place| rows.at(place));
    if validity.absent() == 0 && last.is_none_or(|last| last < validity.len()) {
        return None;
    }
    let nulls = NullBuffer::new(BooleanBuffer::collect_bool(rows.len(), |place| validity.is_valid(rows.at(place))));
    (nulls.null_count() > 0).then_some(nulls)
}

#[cfg(test)]
mod tests;
