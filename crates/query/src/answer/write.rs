//! Answers as text: JSON, JSON Lines, CSV, and tables for people.

use std::ops::Range;

use weir_record::write::csv;
use weir_record::write::grid::Grid;
use weir_record::write::json::{JsonWriter, write_string};
use weir_record::write::text::{write_address, write_flags, write_mac, write_number, write_protocol, write_time};
use weir_record::{Column, FlowBatch, Unit};

use super::{Answer, AnswerTable, Body, Cell, FailOver, Note};

/// Forms of an answer as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// One JSON object with all that the answer says. Absent values are left out.
    Json,
    /// A JSON object a row, a line each.
    Lines,
    /// Comma-separated values (RFC 4180) with a head.
    Csv,
    /// An aligned table for people; below it, where there are several rows, a line of the totals.
    Table,
}

impl AnswerForm {
    /// Rows that are written at a time. Tables are aligned by so many.
    pub const fn rows_at_a_time(self) -> usize {
        match self {
            Self::Json | Self::Lines | Self::Csv => 256,
            Self::Table => 8192,
        }
    }
}

impl Answer {
    /// Appends the whole answer; the text of many rows is better written [part by part](Self::write_rows).
    pub fn write(&self, form: AnswerForm, out: &mut Vec<u8>) {
        self.write_head(form, out);
        self.write_rows(form, 0..self.rows(), out);
        self.write_tail(form, out);
    }

    /// How many rows it has.
    pub const fn rows(&self) -> usize {
        match &self.body {
            Body::Records(batch, _) => batch.rows(),
            Body::Table(table) => table.rows.len(),
        }
    }

    /// Appends what stands before the rows.
    pub fn write_head(&self, form: AnswerForm, out: &mut Vec<u8>) {
        match (form, &self.body) {
            (AnswerForm::Json, _) => self.write_json_head(out),
            (AnswerForm::Csv, Body::Records(_, columns)) => csv::write_head::<FlowBatch>(out, &places(columns)),
            (AnswerForm::Csv, Body::Table(table)) => {
                csv_line(out, table.columns.iter().map(|column| column.name.as_bytes().to_vec()));
            }
            (AnswerForm::Lines | AnswerForm::Table, _) => {}
        }
    }

    /// Appends these rows. All rows come one after the other, whatever the parts; a table is aligned, and has its head, part by part.
    pub fn write_rows(&self, form: AnswerForm, rows: Range<usize>, out: &mut Vec<u8>) {
        match &self.body {
            Body::Records(batch, columns) => match form {
                AnswerForm::Json => {
                    let lines = record_lines(batch, columns, rows.clone());
                    let lines = lines.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
                    separated(out, rows.start > 0, lines, |out, line| out.extend_from_slice(line));
                }
                AnswerForm::Lines => out.append(&mut record_lines(batch, columns, rows)),
                AnswerForm::Csv => csv::write_rows(out, batch, &places(columns), rows),
                AnswerForm::Table => {
                    let mut grid = Grid::new::<FlowBatch>(&places(columns));
                    grid.add(batch, rows);
                    grid.write(out, true);
                }
            },
            Body::Table(table) => {
                let is_last = rows.end >= table.rows.len();
                let is_first = rows.start == 0;
                let rows = table.rows.get(rows).unwrap_or_default();
                match form {
                    AnswerForm::Json => separated(out, !is_first, rows, |out, row| table.write_object(out, row)),
                    AnswerForm::Lines => rows.iter().for_each(|row| {
                        table.write_object(out, row);
                        out.push(b'\n');
                    }),
                    AnswerForm::Csv => rows.iter().for_each(|row| csv_line(out, row.iter().map(|cell| plain(cell, Unit::None)))),
                    AnswerForm::Table => table.write_table(out, rows, is_last && table.rows.len() > 1),
                }
            }
        }
    }

    /// Appends what stands after the rows.
    pub fn write_tail(&self, form: AnswerForm, out: &mut Vec<u8>) {
        if form != AnswerForm::Json {
            return;
        }
        out.push(b']');
        if let Body::Table(table) = &self.body {
            write_name(out, "totals");
            table.write_object(out, &table.totals);
            if let Some(groups) = table.groups {
                write_name(out, "groups");
                write_number(out, groups);
            }
        }
        self.write_account(out);
        out.push(b'}');
    }

    /// Everything up to the bracket before the rows.
    fn write_json_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"source\":");
        write_string(out, self.source.name().as_bytes());
        out.extend_from_slice(b",\"records\":");
        write_number(out, self.records);
        for (name, time) in [("first", self.first), ("last", self.last)] {
            if let Some(time) = time {
                write_name(out, name);
                write_cell(out, &Cell::Time(time));
            }
        }
        write_name(out, "columns");
        match &self.body {
            Body::Records(_, columns) => list(out, columns, |out, column| write_string(out, column.name().as_bytes())),
            Body::Table(table) => list(out, &table.columns, |out, column| {
                out.extend_from_slice(b"{\"name\":");
                write_string(out, column.name.as_bytes());
                write_name(out, "label");
                write_string(out, column.label.as_bytes());
                write_name(out, "role");
                write_string(out, column.role.name().as_bytes());
                if !column.unit.name().is_empty() {
                    write_name(out, "unit");
                    write_string(out, column.unit.name().as_bytes());
                }
                out.push(b'}');
            }),
        }
        write_name(out, "rows");
        out.push(b'[');
    }

    /// Appends the members `notes` and `completeness`, each with a comma in front.
    fn write_account(&self, out: &mut Vec<u8>) {
        write_name(out, "notes");
        list(out, &self.notes, |out, note| {
            out.extend_from_slice(b"{\"code\":");
            write_string(out, note.code().as_bytes());
            write_name(out, "text");
            write_string(out, note.to_string().as_bytes());
            if let Note::FailOver(fail_over) = note {
                write_fail_over(out, fail_over);
            }
            out.push(b'}');
        });
        let Some(completeness) = &self.completeness else {
            return;
        };
        write_name(out, "completeness");
        out.extend_from_slice(b"{\"state\":");
        write_string(out, completeness.state().as_bytes());
        if completeness.known {
            let numbers = [
                ("records", completeness.records),
                ("lost_records", completeness.lost_records),
                ("lost_datagrams", completeness.lost_datagrams),
                ("dropped_datagrams", completeness.dropped_datagrams),
                ("faults", completeness.faults),
                ("down_seconds", completeness.down_ns.div_ceil(1_000_000_000)),
                ("fail_over_seconds", completeness.fail_over_ns.div_ceil(1_000_000_000)),
                ("sources_unknown", completeness.sources_unknown),
            ];
            for (name, number) in numbers {
                write_name(out, name);
                write_number(out, number);
            }
        }
        write_name(out, "text");
        write_string(out, completeness.to_string().as_bytes());
        out.push(b'}');
    }
}

impl AnswerTable {
    fn write_object(&self, out: &mut Vec<u8>, row: &[Cell]) {
        let start = out.len();
        for (column, cell) in self.columns.iter().zip(row) {
            if *cell != Cell::Absent {
                write_name(out, &column.name);
                write_cell(out, cell);
            }
        }
        // Every member begins with a comma; that of the first is where the brace belongs.
        match out.get_mut(start) {
            Some(comma) => *comma = b'{',
            None => out.push(b'{'),
        }
        out.push(b'}');
    }

    fn write_table(&self, out: &mut Vec<u8>, rows: &[Vec<Cell>], with_totals: bool) {
        let head = self.columns.iter().map(|column| (column.label.clone(), false)).collect();
        let mut lines: Vec<Vec<(String, bool)>> = vec![head];
        let totals = with_totals.then_some(&self.totals);
        for row in rows.iter().chain(totals) {
            let cells =
                self.columns.iter().zip(row).map(|(column, cell)| (shown(cell, column.unit), is_number(cell, column.unit)));
            lines.push(cells.collect());
        }
        if let (Some(line), Some(_)) = (lines.last_mut(), totals)
            && let Some(first) = line.first_mut()
            && first.0.is_empty()
        {
            first.0 = "total".to_owned();
        }
        let width =
            |index: usize| lines.iter().filter_map(|line| line.get(index)).map(|cell| cell.0.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let to_right = |index: usize| lines.iter().any(|line| line.get(index).is_some_and(|cell| cell.1));
        let right: Vec<bool> = (0..self.columns.len()).map(to_right).collect();
        for line in &lines {
            let mut text = String::new();
            for (((cell, _), width), right) in line.iter().zip(&widths).zip(&right) {
                let gap = " ".repeat(width - cell.chars().count());
                text += &if *right { format!("{gap}{cell}  ") } else { format!("{cell}{gap}  ") };
            }
            out.extend_from_slice(text.trim_end().as_bytes());
            out.push(b'\n');
        }
    }
}

fn places(columns: &[Column]) -> Vec<usize> {
    columns.iter().map(|column| *column as usize).collect()
}

fn record_lines(batch: &FlowBatch, columns: &[Column], rows: Range<usize>) -> Vec<u8> {
    let mut lines = Vec::new();
    JsonWriter::new().with_columns(&places(columns)).write(&mut lines, batch, rows);
    lines
}

/// The member `fail_over` of its note, for whoever draws it.
fn write_fail_over(out: &mut Vec<u8>, fail_over: &FailOver) {
    write_name(out, "fail_over");
    out.extend_from_slice(b"{\"group\":");
    write_string(out, fail_over.group.as_bytes());
    let cells = [
        ("from", Cell::Address(fail_over.from)),
        ("to", Cell::Address(fail_over.to)),
        ("began", Cell::Time(fail_over.began)),
        ("ended", Cell::Time(fail_over.ended)),
        ("seconds", Cell::Real(fail_over.gap() as f64 / 1e9)),
    ];
    for (name, cell) in cells {
        write_name(out, name);
        write_cell(out, &cell);
    }
    write_name(out, "reason");
    write_string(out, fail_over.reason().as_bytes());
    out.push(b'}');
}

/// `,"name":`
fn write_name(out: &mut Vec<u8>, name: &str) {
    out.push(b',');
    write_string(out, name.as_bytes());
    out.push(b':');
}

fn list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, write: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    separated(out, false, items, write);
    out.push(b']');
}

/// Items with commas between, and one in front where others stand there.
fn separated<T>(out: &mut Vec<u8>, after: bool, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    for (index, item) in items.into_iter().enumerate() {
        if after || index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

fn csv_line(out: &mut Vec<u8>, cells: impl Iterator<Item = Vec<u8>>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        csv::write_quoted(out, &cell);
    }
    out.extend_from_slice(b"\r\n");
}

/// A value as JSON.
fn write_cell(out: &mut Vec<u8>, cell: &Cell) {
    match cell {
        Cell::Absent => out.extend_from_slice(b"null"),
        Cell::Number(_) | Cell::Real(_) | Cell::Bool(_) => out.append(&mut plain(cell, Unit::None)),
        _ => write_string(out, &plain(cell, Unit::None)),
    }
}

/// A value as people read it; with their unit, TCP flags as letters and protocols by name.
fn plain(cell: &Cell, unit: Unit) -> Vec<u8> {
    let mut out = Vec::new();
    match cell {
        Cell::Absent => {}
        Cell::Number(number) => match (unit, u16::try_from(*number)) {
            (Unit::TcpFlags, Ok(flags)) => write_flags(&mut out, flags),
            (Unit::IpProtocol, Ok(protocol @ 0..256)) => write_protocol(&mut out, protocol as u8),
            _ => write_number(&mut out, *number),
        },
        Cell::Real(number) => out.extend_from_slice(format!("{}", (number * 1000.0).round() / 1000.0).as_bytes()),
        Cell::Time(time) => write_time(&mut out, *time),
        Cell::Address(address) => write_address(&mut out, *address),
        Cell::Prefix(address, length) => {
            write_address(&mut out, *address);
            out.push(b'/');
            write_number(&mut out, *length);
        }
        Cell::Mac(mac) => write_mac(&mut out, *mac),
        Cell::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Cell::Word(word) => out.extend_from_slice(word.as_bytes()),
        Cell::Text(text) => out.extend_from_slice(text.as_bytes()),
        Cell::Others => out.extend_from_slice(b"(others)"),
    }
    out
}

/// A value for a terminal, which a stranger's text must not steer; large amounts are shortened.
fn shown(cell: &Cell, unit: Unit) -> String {
    let has_amounts = matches!(unit, Unit::Bytes | Unit::Packets | Unit::BitsPerSecond);
    if let (Cell::Number(number @ 100_000..), true) = (cell, has_amounts) {
        return shortened(*number);
    }
    let text = plain(cell, unit);
    String::from_utf8_lossy(&text).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// An amount in powers of 1000: `1.23 G`.
fn shortened(number: u64) -> String {
    const UNITS: [char; 6] = ['k', 'M', 'G', 'T', 'P', 'E'];
    let (mut value, mut unit) = (number as f64 / 1e3, 0);
    while value >= 999.995 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    format!("{value:.2} {}", UNITS[unit])
}

fn is_number(cell: &Cell, unit: Unit) -> bool {
    matches!(cell, Cell::Number(_) | Cell::Real(_)) && !matches!(unit, Unit::TcpFlags | Unit::IpProtocol)
}
