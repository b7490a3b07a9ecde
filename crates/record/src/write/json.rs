//! JSON Lines: one object a row, absent values left out.

use super::text::{write_number, write_plain};
use crate::column::AnyColumn;
use crate::table::{ColumnInfo, ColumnType, Table};

/// Appends `"text"` with what JSON wants escaped (RFC 8259, section 7).
pub fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut plain_from = 0;
    for (index, octet) in text.iter().enumerate() {
        if *octet >= 0x20 && *octet != b'"' && *octet != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[plain_from..index]);
        plain_from = index + 1;
        match octet {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                super::text::write_hex(out, u64::from(*octet), 2);
            }
        }
    }
    out.extend_from_slice(&text[plain_from..]);
    out.push(b'"');
}

/// Writes rows of a batch as JSON Lines.
///
/// Keep one for a whole run: what it works out for a batch is reused.
#[derive(Debug, Default)]
pub struct JsonWriter {
    /// A value put in front of every row, as `"kind":"options"`.
    kind: Option<&'static str>,
    /// Places in the table of the columns to write, in order; nothing for all.
    places: Option<Vec<usize>>,
    /// `"name":` of each column that the batch fills, and its place in the table.
    keys: Vec<(usize, Vec<u8>)>,
}

impl JsonWriter {
    /// A writer of plain rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer that puts `"kind"` in front of every row.
    pub fn with_kind(kind: &'static str) -> Self {
        Self { kind: Some(kind), ..Self::default() }
    }

    /// Writes only the columns at these places of the table, in this order.
    #[must_use]
    pub fn with_columns(mut self, places: &[usize]) -> Self {
        self.places = Some(places.to_vec());
        self
    }

    /// Appends the rows, a line each.
    pub fn write<T: Table>(&mut self, out: &mut Vec<u8>, batch: &T, rows: impl IntoIterator<Item = usize>) {
        self.note_keys(batch);
        let columns: Vec<_> =
            self.keys.iter().map(|(index, key)| (key.as_slice(), &T::COLUMNS[*index], batch.any(*index))).collect();
        for row in rows {
            out.push(b'{');
            let start = out.len();
            if let Some(kind) = self.kind {
                out.extend_from_slice(b"\"kind\":\"");
                out.extend_from_slice(kind.as_bytes());
                out.extend_from_slice(b"\",");
            }
            for (key, info, column) in &columns {
                write_member(out, key, info, *column, row);
            }
            if out.len() > start {
                out.pop();
            }
            out.extend_from_slice(b"}\n");
        }
    }

    fn note_keys<T: Table>(&mut self, batch: &T) {
        let wanted = |index: usize| self.places.as_ref().map_or(Some(index), |places| places.get(index).copied());
        let filled = (0..T::COLUMNS.len()).map_while(wanted).filter(|index| !batch.any(*index).is_empty());
        if filled.clone().eq(self.keys.iter().map(|(index, _)| *index)) {
            return;
        }
        self.keys = filled.map(|index| (index, format!("\"{}\":", T::COLUMNS[index].name).into_bytes())).collect();
    }
}

/// Appends `"name":value,` where the row has a value.
#[inline]
fn write_member(out: &mut Vec<u8>, key: &[u8], info: &ColumnInfo, column: AnyColumn<'_>, row: usize) {
    macro_rules! number {
        ($column:expr) => {
            if let Some(value) = $column.get(row) {
                out.extend_from_slice(key);
                write_number(out, value);
                out.push(b',');
            }
        };
    }
    match (column, info.column_type) {
        (AnyColumn::U8(c), ColumnType::U8) => number!(c),
        (AnyColumn::U16(c), _) => number!(c),
        (AnyColumn::U32(c), _) => number!(c),
        (AnyColumn::U64(c), ColumnType::U64) => number!(c),
        (AnyColumn::Text(c), ColumnType::Text) => {
            if let Some(text) = c.octets(row) {
                out.extend_from_slice(key);
                write_string(out, text);
                out.push(b',');
            }
        }
        (AnyColumn::List(c), _) => {
            if let Some(values) = c.get(row) {
                out.extend_from_slice(key);
                write_list(out, values);
                out.push(b',');
            }
        }
        (AnyColumn::U8(c), ColumnType::Enum(_)) if c.get(row) == Some(0) && info.name == "record_kind" => {}
        _ => {
            if !column.is_present(row) {
                return;
            }
            out.extend_from_slice(key);
            // Bool and JSON stand as they are; words, addresses, MACs and times have nothing to escape.
            let quoted = !matches!(info.column_type, ColumnType::Bool | ColumnType::Json);
            if quoted {
                out.push(b'"');
            }
            write_plain(out, info.column_type, column, row);
            if quoted {
                out.push(b'"');
            }
            out.push(b',');
        }
    }
}

fn write_list(out: &mut Vec<u8>, values: &[u32]) {
    out.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_number(out, *value);
    }
    out.push(b']');
}
