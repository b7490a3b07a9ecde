//! What application decoders found out of a connection: values for columns of the record, in one small arena.
//!
//! A decoder names the column and gives the value; the row is written from that. Texts are bounded by what goes in, and so is the number of entries by
//! the number of columns: a fact of a column that has one already replaces it or is left out, as the caller says.

use weir_record::{Address, Column};

use crate::packet::Direction;
use crate::samples::Samples;

/// Longest text kept of one value, octets. Longer ones are cut at a whole character.
pub(crate) const MAX_TEXT: usize = 512;

/// What was found out of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// One entry for each column.
    entries: Vec<(Column, Value)>,
    /// Numbers of one direction alone.
    directed: Vec<(Direction, Column, u64)>,
    /// The octets of all texts.
    texts: String,
    /// Response times that a decoder measured itself (DNS over UDP and the like); those of TCP come from its sequence numbers.
    pub(crate) response_times: Option<Box<Samples>>,
    /// Requests that got no answer (DNS), as far as is known.
    pub(crate) unanswered: u32,
    /// The name of the application where the decoder knows better than the recogniser.
    pub(crate) app: Option<&'static str>,
}

/// The value of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    /// A number, cut to the column's width.
    Number(u64),
    /// A place in `texts`.
    Text { start: u32, length: u16 },
    /// An address.
    Address(Address),
}

impl Facts {
    /// Whether the column has a value.
    pub(crate) fn has(&self, column: Column) -> bool {
        self.entries.iter().any(|(held, _)| *held == column)
    }

    /// A number, unless the column has one already.
    pub(crate) fn number(&mut self, column: Column, number: impl Into<u64>) {
        if !self.has(column) {
            self.entries.push((column, Value::Number(number.into())));
        }
    }

    /// A number in place of the one that the column had.
    pub(crate) fn replace_number(&mut self, column: Column, number: impl Into<u64>) {
        self.entries.retain(|(held, _)| *held != column);
        self.entries.push((column, Value::Number(number.into())));
    }

    /// Adds to the number of a column, from 0. Such counts begin anew with each record of a connection.
    pub(crate) fn count(&mut self, column: Column, more: u64) {
        let held = self.number_of(column).unwrap_or(0);
        self.replace_number(column, held.saturating_add(more));
    }

    /// The number of a column.
    pub(crate) fn number_of(&self, column: Column) -> Option<u64> {
        self.entries.iter().find_map(|(held, value)| match value {
            Value::Number(number) if *held == column => Some(*number),
            _ => None,
        })
    }

    /// The number of a column for one direction.
    pub(crate) fn directed(&self, direction: Direction, column: Column) -> Option<u64> {
        self.directed.iter().find(|(way, held, _)| (*way, *held) == (direction, column)).map(|(.., number)| *number)
    }

    /// A number of one direction, in place of the one before. Such numbers begin anew with each record of a connection.
    pub(crate) fn replace_directed(&mut self, direction: Direction, column: Column, number: u64) {
        match self.directed.iter_mut().find(|(way, held, _)| (*way, *held) == (direction, column)) {
            Some((.., held)) => *held = number,
            None => self.directed.push((direction, column, number)),
        }
    }

    /// A text, unless the column has one already or this one is empty. Faulty UTF-8 becomes U+FFFD, control characters (NUL padding too) are left out at the end.
    pub(crate) fn text(&mut self, column: Column, octets: &[u8]) {
        let octets = octets.trim_ascii();
        let octets = octets.get(..MAX_TEXT.min(octets.len())).unwrap_or_default();
        if octets.is_empty() || self.has(column) {
            return;
        }
        let start = self.texts.len();
        for chunk in octets.utf8_chunks() {
            self.texts.push_str(chunk.valid());
            // A character that was cut at the end is not faulty.
            let is_cut = octets.len() == MAX_TEXT && octets.ends_with(chunk.invalid());
            if !chunk.invalid().is_empty() && !is_cut {
                self.texts.push(char::REPLACEMENT_CHARACTER);
            }
        }
        let end = self.texts.trim_end_matches(|c: char| c.is_control() || c == ' ').len().max(start);
        self.texts.truncate(end);
        let (Ok(start), Ok(length)) = (u32::try_from(start), u16::try_from(end - start)) else {
            return;
        };
        if length > 0 {
            self.entries.push((column, Value::Text { start, length }));
        }
    }

    /// A text that replaces the one before; its octets stay until the connection ends, so this is for the rare case.
    pub(crate) fn replace_text(&mut self, column: Column, octets: &[u8]) {
        if self.texts.len() < 8 * MAX_TEXT {
            self.entries.retain(|(held, _)| *held != column);
            self.text(column, octets);
        }
    }

    /// An address, unless the column has one already.
    pub(crate) fn address(&mut self, column: Column, address: Address) {
        if !self.has(column) {
            self.entries.push((column, Value::Address(address)));
        }
    }

    /// The text of a column.
    pub(crate) fn text_of(&self, column: Column) -> Option<&str> {
        self.entries.iter().find_map(|(held, value)| match value {
            Value::Text { start, length } if *held == column => {
                self.texts.get(*start as usize..*start as usize + usize::from(*length))
            }
            _ => None,
        })
    }

    /// Every number of this direction alone.
    pub(crate) fn each_directed(&self, direction: Direction, mut take: impl FnMut(Column, Value, &str)) {
        for (_, column, number) in self.directed.iter().filter(|(way, ..)| *way == direction) {
            take(*column, Value::Number(*number), "");
        }
    }

    /// Every value of the connection, with the octets of texts.
    pub(crate) fn each(&self, mut take: impl FnMut(Column, Value, &str)) {
        for (column, value) in &self.entries {
            let text = match value {
                Value::Text { start, length } => self.texts.get(*start as usize..*start as usize + usize::from(*length)),
                _ => None,
            };
            take(*column, *value, text.unwrap_or_default());
        }
    }

    /// A record was written, and the connection goes on: counts begin anew.
    pub(crate) fn begin_record(&mut self) {
        self.entries.retain(|(column, _)| *column != Column::http_count);
        self.directed.clear();
        (self.response_times, self.unanswered) = (None, 0);
    }

    /// Octets of memory beside the struct.
    pub(crate) fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<(Column, Value)>()
            + self.directed.capacity() * size_of::<(Direction, Column, u64)>()
            + self.texts.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_text_stays_and_is_cut_at_a_whole_character() {
        let mut facts = Facts::default();
        facts.text(Column::tls_sni, b"a.example");
        facts.text(Column::tls_sni, b"b.example");
        facts.text(Column::http_path, "\u{e4}".repeat(300).as_bytes());
        facts.text(Column::http_host, b"bad\xffname\0\0");
        assert_eq!(facts.text_of(Column::tls_sni), Some("a.example"));
        assert_eq!(facts.text_of(Column::http_path).map(str::len), Some(MAX_TEXT));
        assert_eq!(facts.text_of(Column::http_host), Some("bad\u{fffd}name"));
    }

    #[test]
    fn counts_begin_anew_with_a_record_and_values_stay() {
        let mut facts = Facts::default();
        facts.count(Column::http_count, 1);
        facts.count(Column::http_count, 1);
        facts.number(Column::http_status, 200u16);
        assert_eq!(facts.number_of(Column::http_count), Some(2));
        facts.begin_record();
        assert_eq!((facts.number_of(Column::http_count), facts.number_of(Column::http_status)), (None, Some(200)));
    }
}
