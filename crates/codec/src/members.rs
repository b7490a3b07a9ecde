//! The members of a JSON object in the making: what goes to `extra` because no column has a place for it.
//!
//! Texts from the wire may be any octets; those that are not UTF-8 become U+FFFD when the object is written to its column.

use weir_record::Address;
use weir_record::column::TextColumn;
use weir_record::write::json::write_string;
use weir_record::write::text::{write_address, write_hex_octets, write_mac, write_number};

/// Room made for the first member: enough for most objects, so that there is one allocation and no growth.
const FIRST_OCTETS: usize = 1024;

/// Members of an object, each with a comma behind it. Reusable: writing it out empties it and keeps the memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    text: Vec<u8>,
}

impl Members {
    pub(crate) fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.key(name);
        write_number(&mut self.text, value.into());
        self.text.push(b',');
    }

    pub(crate) fn signed(&mut self, name: &str, value: i32) {
        self.key(name);
        write_number(&mut self.text, value);
        self.text.push(b',');
    }

    /// A number with a fraction; JSON has none that is not finite, it becomes `null`.
    pub(crate) fn float(&mut self, name: &str, value: f32) {
        self.key(name);
        if value.is_finite() {
            // Writing to a vector cannot fail.
            let _ = std::io::Write::write_fmt(&mut self.text, format_args!("{value}"));
        } else {
            self.text.extend_from_slice(b"null");
        }
        self.text.push(b',');
    }

    pub(crate) fn text(&mut self, name: &str, value: &[u8]) {
        self.key(name);
        write_string(&mut self.text, value);
        self.text.push(b',');
    }

    pub(crate) fn address(&mut self, name: &str, value: Address) {
        self.quoted(name, |text| write_address(text, value));
    }

    pub(crate) fn mac(&mut self, name: &str, value: u64) {
        self.quoted(name, |text| write_mac(text, value));
    }

    pub(crate) fn hex(&mut self, name: &str, value: &[u8]) {
        self.quoted(name, |text| write_hex_octets(text, value));
    }

    pub(crate) fn numbers(&mut self, name: &str, values: impl Iterator<Item = u32>) {
        self.begin_list(name);
        for value in values {
            write_number(&mut self.text, value);
            self.text.push(b',');
        }
        self.end_list();
    }

    /// A MAC address that is an item of a list.
    pub(crate) fn item_mac(&mut self, value: u64) {
        self.text.push(b'"');
        write_mac(&mut self.text, value);
        self.text.extend_from_slice(b"\",");
    }

    /// Begins an object that is a member; ends with [`Members::end_object`].
    pub(crate) fn begin_object(&mut self, name: &str) {
        self.key(name);
        self.text.push(b'{');
    }

    /// Begins an object that is an item of a list; ends with [`Members::end_object`].
    pub(crate) fn begin_item(&mut self) {
        self.text.push(b'{');
    }

    pub(crate) fn end_object(&mut self) {
        self.end(b'}');
    }

    /// Begins a list that is a member; ends with [`Members::end_list`].
    pub(crate) fn begin_list(&mut self, name: &str) {
        self.key(name);
        self.text.push(b'[');
    }

    pub(crate) fn end_list(&mut self) {
        self.end(b']');
    }

    /// Where the text ends now, to take back what follows with [`Members::truncate`].
    pub(crate) const fn len(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.text.truncate(len);
    }

    /// Writes the object as the value of a row, if it has members, and begins anew. What the row holds already stays in front.
    pub(crate) fn write(&mut self, column: &mut TextColumn, row: usize) {
        if self.text.is_empty() {
            return;
        }
        let before = column.get(row).and_then(|object| object.strip_prefix('{')?.strip_suffix('}'));
        match before.filter(|members| !members.is_empty()) {
            Some(members) => {
                self.text.splice(0..0, [b"{", members.as_bytes(), b","].concat());
            }
            None => self.text.insert(0, b'{'),
        }
        self.end(b'}');
        self.text.pop();
        column.push_lossy(row, &self.text);
        self.text.clear();
    }

    fn key(&mut self, name: &str) {
        if self.text.capacity() == 0 {
            self.text.reserve(FIRST_OCTETS);
        }
        write_string(&mut self.text, name.as_bytes());
        self.text.push(b':');
    }

    fn quoted(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.key(name);
        self.text.push(b'"');
        write(&mut self.text);
        self.text.extend_from_slice(b"\",");
    }

    /// Closes an object or a list: the comma behind its last member goes.
    fn end(&mut self, close: u8) {
        if self.text.last() == Some(&b',') {
            self.text.pop();
        }
        self.text.extend_from_slice(&[close, b',']);
    }
}

/// Appends `"name":number,` to an object in the making.
pub(crate) fn write_number_member(text: &mut Vec<u8>, name: &str, value: u64) {
    write_string(text, name.as_bytes());
    text.push(b':');
    write_number(text, value);
    text.push(b',');
}

/// The number that a member of this name has in an object that was written here.
pub(crate) fn number_in(object: &str, name: &str) -> Option<u64> {
    // Most rows have no object, and to begin a search is dear.
    if object.len() <= name.len() {
        return None;
    }
    let is_key = |(start, _): &(usize, &str)| object.get(..*start).is_some_and(|before| before.ends_with('"'));
    let mut found = object.match_indices(name).filter(is_key);
    let value = found.find_map(|(start, _)| object.get(start + name.len()..)?.strip_prefix("\":"))?;
    value.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_whole_name() {
        let object = r#"{"bb":5,"b":7,"c":"b"}"#;
        assert_eq!((number_in(object, "b"), number_in(object, "bb"), number_in(object, "c")), (Some(7), Some(5), None));
        assert_eq!((number_in("", "b"), number_in("{}", "b"), number_in("{}", "bb")), (None, None, None));
    }

    #[test]
    fn members_nest_and_follow_what_the_row_has() {
        let mut column = TextColumn::default();
        let mut members = Members::default();
        members.write(&mut column, 0);
        assert!(column.is_empty());
        members.number("a", 1_u32);
        members.begin_object("b");
        members.numbers("empty", std::iter::empty());
        members.numbers("list", [1, 2].into_iter());
        members.end_object();
        members.write(&mut column, 0);
        assert_eq!(column.get(0), Some(r#"{"a":1,"b":{"empty":[],"list":[1,2]}}"#));
        members.text("c", b"\"\xff");
        members.float("d", f32::NAN);
        members.float("e", 0.5);
        members.write(&mut column, 0);
        let expected = "{\"a\":1,\"b\":{\"empty\":[],\"list\":[1,2]},\"c\":\"\\\"\u{fffd}\",\"d\":null,\"e\":0.5}";
        assert_eq!(column.get(0), Some(expected));
        assert_eq!(members.len(), 0);
    }
}
