//! Rows of an answer, and how they are written.

use std::fmt::Write;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StructArray};
use datafusion::arrow::datatypes::{
    DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use weir_record::write::json::write_string;
use weir_record::write::text::write_time;

/// Some rows of an answer.
#[derive(Debug)]
pub struct SqlRows {
    batch: RecordBatch,
    /// The names with their quotes and a colon, made once.
    names: Vec<Vec<u8>>,
}

impl SqlRows {
    pub(super) fn new(batch: RecordBatch) -> Result<Self, ArrowError> {
        let named = |name: &str| {
            let mut out = Vec::new();
            write_string(&mut out, name.as_bytes());
            out.push(b':');
            out
        };
        let names = batch.schema().fields().iter().map(|field| named(field.name())).collect();
        // Found out here, and not in the middle of a line, where there is a type that cannot be written.
        for column in batch.columns() {
            ArrayFormatter::try_new(column, &FormatOptions::new())?;
        }
        Ok(Self { batch, names })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// True where there is no value.
    pub fn is_null(&self, row: usize, column: usize) -> bool {
        row >= self.rows() || self.batch.columns().get(column).is_none_or(|values| is_null(values, row))
    }

    /// Appends a row as a JSON object; columns without a value are left out.
    pub fn write_json_object(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut is_first = true;
        for (column, (values, name)) in self.batch.columns().iter().zip(&self.names).enumerate() {
            if self.is_null(row, column) {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            out.extend_from_slice(name);
            write_value(values, row, out);
        }
        out.push(b'}');
    }

    /// Appends a row as a JSON array; `null` stands where there is no value.
    pub fn write_json_array(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'[');
        for (column, values) in self.batch.columns().iter().enumerate() {
            if column > 0 {
                out.push(b',');
            }
            if self.is_null(row, column) { out.extend_from_slice(b"null") } else { write_value(values, row, out) }
        }
        out.push(b']');
    }

    /// Appends a value as people read it; nothing where there is none.
    pub fn write_plain(&self, row: usize, column: usize, out: &mut Vec<u8>) {
        let Some(values) = self.batch.columns().get(column).filter(|_| !self.is_null(row, column)) else {
            return;
        };
        match text(values, row) {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => match nanoseconds(values, row) {
                Some(time) => write_time(out, time),
                None => out.extend_from_slice(printed(values, row).as_bytes()),
            },
        }
    }
}

/// What the values of a type are.
pub(super) fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Dictionary(_, values) => kind(values),
        DataType::Boolean => "bool",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
        DataType::Timestamp(..) => "time",
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "list",
        other if other.is_numeric() => "number",
        _ => "other",
    }
}

/// True where there is no value. Columns of nothing but NULL do not say so of their rows.
fn is_null(values: &dyn Array, row: usize) -> bool {
    values.is_null(row) || *values.data_type() == DataType::Null
}

/// Appends a value as JSON.
fn write_value(values: &dyn Array, row: usize, out: &mut Vec<u8>) {
    if is_null(values, row) {
        return out.extend_from_slice(b"null");
    }
    if let Some(text) = text(values, row) {
        return write_string(out, text.as_bytes());
    }
    if let Some(time) = nanoseconds(values, row) {
        out.push(b'"');
        write_time(out, time);
        return out.push(b'"');
    }
    match values.data_type() {
        DataType::List(_) => write_items(&values.as_list::<i32>().value(row), out),
        DataType::LargeList(_) => write_items(&values.as_list::<i64>().value(row), out),
        DataType::FixedSizeList(..) => write_items(&values.as_fixed_size_list().value(row), out),
        DataType::Struct(_) => write_members(values.as_struct(), row, out),
        DataType::Boolean => out.extend_from_slice(if values.as_boolean().value(row) { b"true" } else { b"false" }),
        number if number.is_numeric() => {
            let printed = printed(values, row);
            // JSON has no word for these.
            let is_number = !printed.eq_ignore_ascii_case("nan") && !printed.to_ascii_lowercase().contains("inf");
            out.extend_from_slice(if is_number { printed.as_bytes() } else { b"null" });
        }
        _ => write_string(out, printed(values, row).as_bytes()),
    }
}

fn write_items(items: &dyn Array, out: &mut Vec<u8>) {
    out.push(b'[');
    for item in 0..items.len() {
        if item > 0 {
            out.push(b',');
        }
        write_value(items, item, out);
    }
    out.push(b']');
}

fn write_members(members: &StructArray, row: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    for (place, (name, values)) in members.column_names().iter().zip(members.columns()).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_string(out, name.as_bytes());
        out.push(b':');
        write_value(values, row, out);
    }
    out.push(b'}');
}

/// The text of a row, of the types that are text.
fn text(values: &dyn Array, row: usize) -> Option<&str> {
    match values.data_type() {
        DataType::Utf8View => Some(values.as_string_view().value(row)),
        DataType::Utf8 => Some(values.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Some(values.as_string::<i64>().value(row)),
        DataType::Dictionary(..) => {
            let words = values.as_any_dictionary_opt()?;
            let key = words.normalized_keys().get(row).copied()?;
            text(words.values().as_ref(), key)
        }
        _ => None,
    }
}

/// The time of a row since 1970, of the types that are times.
fn nanoseconds(values: &dyn Array, row: usize) -> Option<i64> {
    let scaled = |value: i64, factor: i64| value.checked_mul(factor);
    match values.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Some(values.as_primitive::<TimestampNanosecondType>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            scaled(values.as_primitive::<TimestampMicrosecondType>().value(row), 1000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            scaled(values.as_primitive::<TimestampMillisecondType>().value(row), 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            scaled(values.as_primitive::<TimestampSecondType>().value(row), 1_000_000_000)
        }
        _ => None,
    }
}

/// What the engine would print.
fn printed(values: &dyn Array, row: usize) -> String {
    let mut text = String::new();
    if let Ok(formatter) = ArrayFormatter::try_new(values, &FormatOptions::new()) {
        // A value that cannot be printed prints why.
        if let Err(error) = write!(text, "{}", formatter.value(row)) {
            text = error.to_string();
        }
    }
    text
}
