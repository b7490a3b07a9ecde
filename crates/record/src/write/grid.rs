//! Aligned tables for people: numbers to the right, texts to the left, as wide as the widest cell.

use super::text::{write_flags, write_plain, write_protocol};
use crate::column::AnyColumn;
use crate::table::{ColumnInfo, ColumnType, Table, Unit};

/// Gathers rows and lays them out once their widths are known.
#[derive(Debug)]
pub struct Grid {
    places: Vec<usize>,
    right: Vec<bool>,
    widths: Vec<usize>,
    cells: Vec<String>,
}

impl Grid {
    /// A table of the columns at `places` of the table.
    pub fn new<T: Table>(places: &[usize]) -> Self {
        let infos = places.iter().map(|place| &T::COLUMNS[*place]);
        Self {
            places: places.to_vec(),
            right: infos.clone().map(is_number).collect(),
            widths: infos.clone().map(|info| info.label.chars().count()).collect(),
            cells: infos.map(|info| info.label.to_owned()).collect(),
        }
    }

    /// Adds rows of a batch.
    pub fn add<T: Table>(&mut self, batch: &T, rows: impl IntoIterator<Item = usize>) {
        let mut text = Vec::new();
        for row in rows {
            for (index, place) in self.places.iter().enumerate() {
                text.clear();
                write_cell(&mut text, &T::COLUMNS[*place], batch.any(*place), row);
                // A stranger's text must not steer the terminal.
                let cell: String =
                    String::from_utf8_lossy(&text).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
                self.widths[index] = self.widths[index].max(cell.chars().count());
                self.cells.push(cell);
            }
        }
    }

    /// Rows gathered.
    pub const fn rows(&self) -> usize {
        match self.cells.len().checked_div(self.places.len()) {
            Some(lines) => lines - 1,
            None => 0,
        }
    }

    /// Appends the head if asked for, and the rows gathered; then begins anew with the same widths at least, so that a long table stays in line.
    pub fn write(&mut self, out: &mut Vec<u8>, head: bool) {
        let columns = self.places.len();
        for line in self.cells.chunks(columns.max(1)).skip(usize::from(!head)) {
            let start = out.len();
            for (index, cell) in line.iter().enumerate() {
                let gap = self.widths[index] - cell.chars().count();
                if index > 0 {
                    out.extend_from_slice(b"  ");
                }
                if self.right[index] {
                    out.resize(out.len() + gap, b' ');
                }
                out.extend_from_slice(cell.as_bytes());
                if !self.right[index] {
                    out.resize(out.len() + gap, b' ');
                }
            }
            let end = out[start..].iter().rposition(|octet| *octet != b' ').map_or(start, |last| start + last + 1);
            out.truncate(end);
            out.push(b'\n');
        }
        self.cells.truncate(columns);
    }
}

fn is_number(info: &ColumnInfo) -> bool {
    let number = matches!(info.column_type, ColumnType::U8 | ColumnType::U16 | ColumnType::U32 | ColumnType::U64);
    number && !matches!(info.unit, Unit::TcpFlags | Unit::IpProtocol)
}

/// Appends a value as people read it: TCP flags as letters, well-known protocols by name, everything else as it is.
fn write_cell(out: &mut Vec<u8>, info: &ColumnInfo, column: AnyColumn<'_>, row: usize) {
    match (info.unit, column) {
        (Unit::TcpFlags, AnyColumn::U16(flags)) => {
            if let Some(flags) = flags.get(row) {
                write_flags(out, flags);
            }
        }
        (Unit::IpProtocol, AnyColumn::U8(protocols)) => {
            if let Some(protocol) = protocols.get(row) {
                write_protocol(out, protocol);
            }
        }
        _ => write_plain(out, info.column_type, column, row),
    }
}
