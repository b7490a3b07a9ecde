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
    /// One entry for each column; two for addresses and for numbers of both directions.
    entries: Vec<Entry>,
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
    /// The text is told beside.
    Text,
    /// An address.
    Address(Address),
}

/// A value, or half of one, as it is kept: there may be a million connections.
#[derive(Clone, Copy, Debug)]
struct Entry {
    bits: u64,
    column: Column,
    kind: Kind,
}

/// What the bits of an entry are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A number of the connection.
    Number,
    /// A number of one direction alone.
    Directed(Direction),
    /// A place in `texts`: where it starts, and in the lower 16 bits its length.
    Text,
    /// The upper half of an address; the entry behind it has the lower half.
    Upper,
    Lower,
}

impl Facts {
    /// Whether the column has a value.
    pub(crate) fn has(&self, column: Column) -> bool {
        self.entries.iter().any(|entry| entry.column == column && !matches!(entry.kind, Kind::Directed(_)))
    }

    /// A number, unless the column has one already.
    pub(crate) fn number(&mut self, column: Column, number: impl Into<u64>) {
        if !self.has(column) {
            self.entries.push(Entry { bits: number.into(), column, kind: Kind::Number });
        }
    }

    /// A number in place of the one that the column had.
    pub(crate) fn replace_number(&mut self, column: Column, number: impl Into<u64>) {
        self.replace(Entry { bits: number.into(), column, kind: Kind::Number });
    }

    /// Adds to the number of a column, from 0. Such counts begin anew with each record of a connection.
    pub(crate) fn count(&mut self, column: Column, more: u64) {
        let held = self.number_of(column).unwrap_or(0);
        self.replace_number(column, held.saturating_add(more));
    }

    /// The number of a column.
    pub(crate) fn number_of(&self, column: Column) -> Option<u64> {
        self.bits(column, Kind::Number)
    }

    /// The number of a column for one direction.
    pub(crate) fn directed(&self, direction: Direction, column: Column) -> Option<u64> {
        self.bits(column, Kind::Directed(direction))
    }

    /// A number of one direction, in place of the one before. Such numbers begin anew with each record of a connection.
    pub(crate) fn replace_directed(&mut self, direction: Direction, column: Column, number: u64) {
        self.replace(Entry { bits: number, column, kind: Kind::Directed(direction) });
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
            let bits = u64::from(start) << 16 | u64::from(length);
            self.entries.push(Entry { bits, column, kind: Kind::Text });
        }
    }

    /// A text that replaces the one before; its octets stay until the connection ends, so this is for the rare case.
    pub(crate) fn replace_text(&mut self, column: Column, octets: &[u8]) {
        if self.texts.len() < 8 * MAX_TEXT {
            self.entries.retain(|entry| entry.column != column);
            self.text(column, octets);
        }
    }

    /// Adds to the text of a column, behind what stands between. No more than the longest text is kept.
    pub(crate) fn append_text(&mut self, column: Column, between: &[u8], octets: &[u8]) {
        match self.text_of(column) {
            None => self.text(column, octets),
            Some(held) if held.len() + between.len() < MAX_TEXT => {
                let whole = [held.as_bytes(), between, octets.trim_ascii()].concat();
                self.replace_text(column, &whole);
            }
            Some(_) => {}
        }
    }

    /// An address, unless the column has one already.
    pub(crate) fn address(&mut self, column: Column, address: Address) {
        if !self.has(column) {
            let (upper, lower) = address.halves();
            self.entries.push(Entry { bits: upper, column, kind: Kind::Upper });
            self.entries.push(Entry { bits: lower, column, kind: Kind::Lower });
        }
    }

    /// The address of a column.
    pub(crate) fn address_of(&self, column: Column) -> Option<Address> {
        let (upper, lower) = (self.bits(column, Kind::Upper)?, self.bits(column, Kind::Lower)?);
        Some(Address::from_halves(upper, lower))
    }

    /// The text of a column.
    pub(crate) fn text_of(&self, column: Column) -> Option<&str> {
        self.bits(column, Kind::Text).map(|bits| self.text_at(bits))
    }

    /// Every value of the connection and of this direction, with the text where it is one.
    pub(crate) fn each(&self, direction: Direction, mut take: impl FnMut(Column, Value, &str)) {
        let mut upper = 0;
        for Entry { bits, column, kind } in self.entries.iter().copied() {
            match kind {
                Kind::Number => take(column, Value::Number(bits), ""),
                Kind::Directed(way) if way == direction => take(column, Value::Number(bits), ""),
                Kind::Directed(_) => {}
                Kind::Text => take(column, Value::Text, self.text_at(bits)),
                Kind::Upper => upper = bits,
                Kind::Lower => take(column, Value::Address(Address::from_halves(upper, bits)), ""),
            }
        }
    }

    /// A record was written, and the connection goes on: counts begin anew.
    pub(crate) fn begin_record(&mut self) {
        let is_count = |column| matches!(column, Column::http_count | Column::http_other_clients);
        self.entries.retain(|entry| !is_count(entry.column) && !matches!(entry.kind, Kind::Directed(_)));
        (self.response_times, self.unanswered) = (None, 0);
    }

    /// Whether nothing was found out, not even a name.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.response_times.is_none() && self.unanswered == 0 && self.app.is_none()
    }

    /// Gives back the memory that is not needed: nothing more will be found out.
    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.texts.shrink_to_fit();
    }

    /// Octets of memory beside the struct.
    pub(crate) fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.texts.capacity()
    }

    fn bits(&self, column: Column, kind: Kind) -> Option<u64> {
        self.entries.iter().find(|entry| entry.column == column && entry.kind == kind).map(|entry| entry.bits)
    }

    fn replace(&mut self, new: Entry) {
        match self.entries.iter_mut().find(|entry| entry.column == new.column && entry.kind == new.kind) {
            Some(entry) => *entry = new,
            None => self.entries.push(new),
        }
    }

    fn text_at(&self, bits: u64) -> &str {
        let (start, length) = ((bits >> 16) as usize, (bits & 0xffff) as usize);
        self.texts.get(start..start + length).unwrap_or_default()
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
