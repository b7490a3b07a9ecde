//! Comma-separated values (RFC 4180): a head with the columns' names, a line a row, empty where absent.

use super::text::write_plain;
use crate::table::{ColumnType, Table};

/// Appends the head: the names of the columns at `places` of the table.
pub fn write_head<T: Table>(out: &mut Vec<u8>, places: &[usize]) {
    for (index, place) in places.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(T::COLUMNS[*place].name.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the rows, a line each.
pub fn write_rows<T: Table>(out: &mut Vec<u8>, batch: &T, places: &[usize], rows: impl IntoIterator<Item = usize>) {
    let columns: Vec<_> = places.iter().map(|place| (T::COLUMNS[*place].column_type, batch.any(*place))).collect();
    let mut cell = Vec::new();
    for row in rows {
        for (index, (column_type, column)) in columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match column_type {
                ColumnType::Text | ColumnType::Json => {
                    cell.clear();
                    write_plain(&mut cell, *column_type, *column, row);
                    write_quoted(out, &cell);
                }
                _ => write_plain(out, *column_type, *column, row),
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a text, in quotes where it needs them.
pub fn write_quoted(out: &mut Vec<u8>, text: &[u8]) {
    if !text.iter().any(|octet| matches!(octet, b',' | b'"' | b'\r' | b'\n')) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for octet in text {
        if *octet == b'"' {
            out.push(b'"');
        }
        out.push(*octet);
    }
    out.push(b'"');
}
