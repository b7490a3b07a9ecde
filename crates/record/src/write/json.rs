//! JSON Lines: one object a row, absent values left out.

use super::slots;
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
    /// The columns that the batch fills.
    keys: Vec<Key>,
    line: Line,
    date: slots::Date,
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
        let Self { kind, keys, line, date, .. } = self;
        let columns: Vec<_> = keys.iter().map(|key| (key, &T::COLUMNS[key.place], batch.any(key.place))).collect();
        for row in rows {
            let start = out.len();
            if let Some(kind) = kind {
                out.extend_from_slice(b",\"kind\":\"");
                out.extend_from_slice(kind.as_bytes());
                out.push(b'"');
            }
            for (key, info, column) in &columns {
                write_member(out, line, date, key, info, *column, row);
            }
            line.flush(out);
            // Every member begins with a comma; that of the first is where the brace belongs.
            match out.get_mut(start) {
                Some(comma) => *comma = b'{',
                None => out.push(b'{'),
            }
            out.extend_from_slice(b"}\n");
        }
    }

    fn note_keys<T: Table>(&mut self, batch: &T) {
        let wanted = |index: usize| self.places.as_ref().map_or(Some(index), |places| places.get(index).copied());
        let filled = (0..T::COLUMNS.len()).map_while(wanted).filter(|place| !batch.any(*place).is_empty());
        if filled.clone().eq(self.keys.iter().map(|key| key.place)) {
            return;
        }
        self.keys = filled.map(|place| Key::new(place, &T::COLUMNS[place])).collect();
    }
}

/// Octets of a key that fit into a [`Line`]'s slot.
const KEY: usize = 32;

/// The text in front of a column's values.
#[derive(Debug)]
struct Key {
    /// The column's place in the table.
    place: usize,
    /// `,"name":`, and a quote where values are quoted.
    text: Vec<u8>,
    /// The same, at the start of a slot.
    slot: [u8; KEY],
}

impl Key {
    fn new(place: usize, info: &ColumnInfo) -> Self {
        let quote = if matches!(info.column_type, ColumnType::Ip | ColumnType::Time | ColumnType::Mac) { "\"" } else { "" };
        let text = format!(",\"{}\":{quote}", info.name).into_bytes();
        let mut slot = [0; KEY];
        slot.iter_mut().zip(&text).for_each(|(to, from)| *to = *from);
        Self { place, text, slot }
    }
}

/// Octets of a [`Line`].
const LINE: usize = 4096;

/// Octets of the largest member that a [`Line`] takes: a key, an address, a quote.
const MEMBER: usize = KEY + slots::ADDRESS;

/// The members of one row as they are put together. Its size is fixed, so that keys and values are stored a whole slot at a time, which
/// costs less than appending so many octets as there are.
#[derive(Debug)]
struct Line {
    octets: Box<[u8; LINE]>,
    used: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { octets: Box::new([0; LINE]), used: 0 }
    }
}

impl Line {
    /// Adds a member: the key, what `value` writes into its slot and says the length of, and a quote where the key has one.
    #[inline]
    fn member<const SLOT: usize>(
        &mut self,
        out: &mut Vec<u8>,
        key: &Key,
        quoted: bool,
        value: impl FnOnce(&mut [u8; SLOT]) -> usize,
    ) {
        const { assert!(SLOT <= slots::ADDRESS, "a member of this slot does not fit") };
        if self.used + MEMBER > LINE {
            self.flush(out);
        }
        if key.text.len() > KEY {
            self.flush(out);
            out.extend_from_slice(&key.text);
        } else if let Some(slot) = self.octets.get_mut(self.used..).and_then(<[u8]>::first_chunk_mut) {
            *slot = key.slot;
            self.used += key.text.len();
        }
        if let Some(slot) = self.octets.get_mut(self.used..).and_then(<[u8]>::first_chunk_mut) {
            self.used += value(slot);
        }
        if quoted && let Some(octet) = self.octets.get_mut(self.used) {
            *octet = b'"';
            self.used += 1;
        }
    }

    /// Moves the members to where they belong.
    #[inline]
    fn flush(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.octets.get(..self.used).unwrap_or_default());
        self.used = 0;
    }
}

/// Appends `,"name":value` where the row has a value.
#[inline]
fn write_member(
    out: &mut Vec<u8>,
    line: &mut Line,
    date: &mut slots::Date,
    key: &Key,
    info: &ColumnInfo,
    column: AnyColumn<'_>,
    row: usize,
) {
    macro_rules! number {
        ($column:expr) => {
            if let Some(value) = $column.get(row) {
                line.member(out, key, false, |slot| slots::number(slot, value.into()));
            }
        };
    }
    match (column, info.column_type) {
        (AnyColumn::U8(c), ColumnType::U8) => number!(c),
        (AnyColumn::U16(c), _) => number!(c),
        (AnyColumn::U32(c), _) => number!(c),
        (AnyColumn::U64(c), ColumnType::Mac) => {
            if let Some(value) = c.get(row) {
                line.member(out, key, true, |slot| slots::mac(slot, value));
            }
        }
        (AnyColumn::U64(c), _) => number!(c),
        (AnyColumn::Time(c), _) => {
            if let Some(value) = c.get(row) {
                line.member(out, key, true, |slot| slots::time(slot, value, date));
            }
        }
        (AnyColumn::Ip(c), _) => {
            if let Some(value) = c.get(row) {
                line.member(out, key, true, |slot| slots::address(slot, value));
            }
        }
        (AnyColumn::U8(c), ColumnType::Enum(_)) if c.get(row) == Some(0) && info.name == "record_kind" => {}
        _ => {
            if column.is_present(row) {
                line.flush(out);
                out.extend_from_slice(&key.text);
                write_unbounded(out, info.column_type, column, row);
            }
        }
    }
}

/// Appends a value that may be of any length.
fn write_unbounded(out: &mut Vec<u8>, column_type: ColumnType, column: AnyColumn<'_>, row: usize) {
    match (column, column_type) {
        (AnyColumn::Text(c), ColumnType::Text) => write_string(out, c.octets(row).unwrap_or_default()),
        (AnyColumn::List(c), _) => write_list(out, c.get(row).unwrap_or_default()),
        // Words have nothing to escape; truth values and JSON stand as they are.
        (_, ColumnType::Enum(_)) => {
            out.push(b'"');
            write_plain(out, column_type, column, row);
            out.push(b'"');
        }
        _ => write_plain(out, column_type, column, row),
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
