//! Rows of texts for people and programs: aligned columns, CSV, or only their number.
//!
//! For what has no table of columns: rows of SQL, sources, counters. A page of rows is gathered to know how wide its columns are; later pages keep to
//! these widths where they can.

use std::io::{self, Write};

use crate::args::Format;

/// Rows that are laid out together.
const PAGE_ROWS: usize = 500;

/// Prints rows as they come.
pub(crate) struct Listing<W> {
    format: Format,
    head: Vec<String>,
    /// Columns of numbers, which stand to the right.
    right: Vec<bool>,
    widths: Vec<usize>,
    page: Vec<Vec<String>>,
    head_is_due: bool,
    rows: u64,
    out: W,
}

impl<W: Write> Listing<W> {
    /// A listing with these heads; `true` for columns of numbers. `Format::Json` prints nothing: objects are printed as they are.
    pub(crate) fn new(format: Format, columns: impl IntoIterator<Item = (String, bool)>, out: W) -> Self {
        let (head, right): (Vec<String>, Vec<bool>) = columns.into_iter().map(|(name, right)| (plain(&name), right)).unzip();
        let widths = head.iter().map(|name| name.chars().count()).collect();
        Self { format, head, right, widths, page: Vec::new(), head_is_due: true, rows: 0, out }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: Vec<String>) -> io::Result<()> {
        self.rows += 1;
        match self.format {
            Format::Csv => {
                self.write_csv_head()?;
                write_csv(&mut self.out, &row)
            }
            Format::Table => {
                self.page.push(row.iter().map(|cell| plain(cell)).collect());
                if self.page.len() >= PAGE_ROWS { self.write_page() } else { Ok(()) }
            }
            Format::Json | Format::None => Ok(()),
        }
    }

    /// Prints what is left; gives the number of rows.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        match self.format {
            Format::Csv => self.write_csv_head()?,
            Format::Table => self.write_page()?,
            Format::None => writeln!(self.out, "{}", self.rows)?,
            Format::Json => {}
        }
        self.out.flush()?;
        Ok(self.rows)
    }

    fn write_csv_head(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.head_is_due) {
            return Ok(());
        }
        write_csv(&mut self.out, &self.head)
    }

    fn write_page(&mut self) -> io::Result<()> {
        for row in &self.page {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if std::mem::take(&mut self.head_is_due) {
            write_aligned(&mut self.out, &self.head, &self.widths, &self.right)?;
        }
        for row in std::mem::take(&mut self.page) {
            write_aligned(&mut self.out, &row, &self.widths, &self.right)?;
        }
        Ok(())
    }
}

fn write_aligned(out: &mut impl Write, cells: &[String], widths: &[usize], right: &[bool]) -> io::Result<()> {
    let cells = cells.iter().zip(widths).zip(right);
    let padded = cells.map(|((cell, width), right)| if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") });
    let line = padded.collect::<Vec<_>>().join("  ");
    writeln!(out, "{}", line.trim_end())
}

/// A line of CSV (RFC 4180).
fn write_csv(out: &mut impl Write, cells: &[String]) -> io::Result<()> {
    let quoted = |cell: &String| {
        let plain = !cell.contains([',', '"', '\n', '\r']);
        if plain { cell.clone() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
    };
    let line: Vec<String> = cells.iter().map(quoted).collect();
    write!(out, "{}\r\n", line.join(","))
}

/// A stranger's text must not steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format) -> String {
        let mut out = Vec::new();
        let columns = [("name".to_owned(), false), ("value".to_owned(), true)];
        let mut listing = Listing::new(format, columns, &mut out);
        listing.push(vec!["a \u{1b}[2J \"b\"".into(), "7".into()]).unwrap();
        listing.push(vec!["longer, than the head".into(), "1234567".into()]).unwrap();
        assert_eq!(listing.finish().unwrap(), 2);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tables_are_aligned_and_harmless() {
        let expected = "\
name                     value
a \u{fffd}[2J \"b\"                   7
longer, than the head  1234567
";
        assert_eq!(printed(Format::Table), expected);
    }

    #[test]
    fn csv_quotes_what_has_to_be() {
        assert_eq!(printed(Format::Csv), "name,value\r\n\"a \u{1b}[2J \"\"b\"\"\",7\r\n\"longer, than the head\",1234567\r\n");
    }

    #[test]
    fn without_a_form_the_rows_are_counted() {
        assert_eq!(printed(Format::None), "2\n");
    }
}
