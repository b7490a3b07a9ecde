//! Keys of a row as a few words of 64 bits.
//!
//! Addresses and times take whole words; everything else, and a bit for each key that says whether it is there, share words. So a group is found by
//! comparing words, whatever its keys are. Texts stand as numbers ([`Texts`]), which differ from worker to worker; their hashes do not.

use std::borrow::Cow;

use weir_record::column::IpColumn;
use weir_record::{Address, AnyColumn, Column, ColumnType, FlowBatch, names};

use super::hash;
use super::lanes::{CHUNK, number};
use super::rows::{Rows, numbers};
use super::text::Texts;
use crate::answer::Cell;
use crate::literal::prefix_masks;
use crate::plan::{Member, member};
use crate::question::{Key, KeySource, Prefixed};
use crate::syntax::Sides;
use crate::time::Placed;

/// Where each key lies in the words.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    fields: Vec<Field>,
    pub(super) words: usize,
    /// How many texts are among the keys.
    pub(super) texts: usize,
    /// True where a row counts for both of its sides.
    pub(super) is_either: bool,
}

#[derive(Clone, Debug)]
struct Field {
    key: Key,
    kind: FieldKind,
    /// Of an address the first of its two words.
    word: usize,
    shift: u32,
    bits: u32,
    /// Word and bit that say that there is a value.
    present: (usize, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldKind {
    Address,
    Number,
    /// The number of a text, and which of the keys' texts it is.
    Text(usize),
}

/// Keys of a chunk, and their hashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed {
    /// Word `w` of row `i` is at `w * CHUNK + i`; numbers of texts are zero.
    pub(super) words: Vec<u64>,
    pub(super) hashes: Vec<u64>,
    /// True where one of the keys of either side is there.
    pub(super) is_there: Vec<bool>,
    text_hashes: Vec<u64>,
    numbers: Vec<u64>,
}

impl Packed {
    /// The key of one row that has no keys.
    pub(super) fn nothing() -> Self {
        Self { hashes: vec![hash::FIXED_SEED], ..Self::default() }
    }
}

impl Layout {
    pub(super) fn new(keys: &[Key]) -> Self {
        // Places are given to the widest first, so that the narrow ones fill what is left.
        let mut wanted: Vec<(u32, usize, bool)> = Vec::new();
        let (mut words, mut texts) = (0, 0);
        let mut fields: Vec<Field> = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            let (kind, bits) = match key.value_type() {
                ColumnType::Ip => (FieldKind::Address, 128),
                ColumnType::Text | ColumnType::Json | ColumnType::List => {
                    texts += 1;
                    (FieldKind::Text(texts - 1), 32)
                }
                ColumnType::Bool | ColumnType::U8 | ColumnType::Enum(_) => (FieldKind::Number, 8),
                ColumnType::U16 => (FieldKind::Number, 16),
                ColumnType::U32 => (FieldKind::Number, 32),
                ColumnType::Mac => (FieldKind::Number, 48),
                ColumnType::U64 | ColumnType::Time => (FieldKind::Number, 64),
            };
            let word = words;
            if bits >= 64 {
                words += bits as usize / 64;
            } else {
                wanted.push((bits, index, true));
            }
            wanted.push((1, index, false));
            fields.push(Field { key: key.clone(), kind, word, shift: 0, bits, present: (0, 0) });
        }
        wanted.sort_by_key(|(bits, ..)| std::cmp::Reverse(*bits));
        let mut filled: Vec<u32> = Vec::new();
        for (bits, index, is_value) in wanted {
            let place = filled.iter().position(|used| used + bits <= 64).unwrap_or_else(|| {
                filled.push(0);
                filled.len() - 1
            });
            let (word, shift) = (words + place, filled[place]);
            filled[place] += bits;
            if is_value {
                (fields[index].word, fields[index].shift) = (word, shift);
            } else {
                fields[index].present = (word, shift);
            }
        }
        Self { is_either: keys.iter().any(Key::is_either), fields, words: words + filled.len(), texts }
    }

    /// Makes the keys of rows, as they are seen from one side (0 or 1).
    pub(super) fn pack(&self, batch: &FlowBatch, rows: &Rows<'_>, placed: &[Placed], side: usize, seed: u64, out: &mut Packed) {
        let count = rows.len();
        out.words.clear();
        out.words.resize(self.words * CHUNK, 0);
        out.text_hashes.clear();
        out.text_hashes.resize(self.texts * CHUNK, 0);
        out.numbers.resize(CHUNK, 0);
        out.is_there.clear();
        out.is_there.resize(count, !self.is_either);
        for field in &self.fields {
            field.pack(batch, rows, placed, side, seed, out);
        }
        out.hashes.clear();
        out.hashes.resize(count, seed);
        for words in out.words.chunks_exact(CHUNK).chain(out.text_hashes.chunks_exact(CHUNK)) {
            for (hash, word) in out.hashes.iter_mut().zip(words) {
                *hash = hash::fold(*hash, *word);
            }
        }
        // The upper bits choose places in tables; one more round mixes the last word into all of them.
        out.hashes.iter_mut().for_each(|hash| *hash = hash::fold(*hash, 0));
    }

    /// Writes the numbers of the texts of a row into its words. `number` gets which of the keys' texts it is, and the text.
    pub(super) fn pack_texts(
        &self,
        batch: &FlowBatch,
        row: usize,
        side: usize,
        packed: &mut Packed,
        index: usize,
        mut number: impl FnMut(usize, &[u8]) -> u32,
    ) {
        for field in &self.fields {
            let FieldKind::Text(text) = field.kind else {
                continue;
            };
            if let Some(octets) = field.octets(batch, row, side) {
                let number = number(text, &octets);
                packed.words[field.word * CHUNK + index] |= u64::from(number) << field.shift;
            }
        }
    }

    /// The words of a group with the numbers of its texts in other tables of texts.
    pub(super) fn translate(&self, words: &mut [u64], from: &[Texts], to: &mut [Texts]) {
        for field in &self.fields {
            let FieldKind::Text(text) = field.kind else {
                continue;
            };
            if !field.is_present(words) {
                continue;
            }
            let (octets, hash) = from[text].get(field.number(words) as u32);
            let number = to[text].number(hash, octets.as_bytes());
            words[field.word] = words[field.word] & !(0xffff_ffff << field.shift) | u64::from(number) << field.shift;
        }
    }

    /// The values of a group's keys.
    pub(super) fn cells(&self, words: &[u64], texts: &[Texts]) -> Vec<Cell> {
        self.fields.iter().map(|field| field.cell(words, texts)).collect()
    }

    /// True where the first key of a row is there.
    pub(super) fn is_present(&self, packed: &Packed, index: usize) -> bool {
        self.fields.first().is_some_and(|field| packed.words[field.present.0 * CHUNK + index] >> field.present.1 & 1 == 1)
    }

    pub(super) fn new_texts(&self) -> Vec<Texts> {
        vec![Texts::default(); self.texts]
    }
}

impl Field {
    fn pack(&self, batch: &FlowBatch, rows: &Rows<'_>, placed: &[Placed], side: usize, seed: u64, out: &mut Packed) {
        let either = self.key.is_either();
        match &self.key.source {
            KeySource::Time(slots) => {
                for (index, placed) in placed.iter().enumerate() {
                    out.words[self.word * CHUNK + index] = slots.begin_of(placed.end) as u64;
                }
                self.set_present(rows, out, |_| true, false);
                return;
            }
            KeySource::Pair(pair, sides @ (Sides::Client | Sides::Server)) => {
                self.pack_by_half(batch, rows, [pair.first, pair.second], *sides, seed, out);
                return;
            }
            _ => {}
        }
        if let FieldKind::Text(text) = self.kind {
            for (index, row) in rows.iter().enumerate() {
                if let Some(octets) = self.octets(batch, row, side) {
                    out.text_hashes[text * CHUNK + index] = hash::octets(seed, &octets);
                    self.mark(out, index, either);
                }
            }
            return;
        }
        let column = batch.column(self.column(side));
        if let AnyColumn::Ip(column) = column {
            self.pack_addresses(column, rows, out);
        } else {
            let mut values = std::mem::take(&mut out.numbers);
            numbers(column, rows, &mut values);
            let derive = u32::from(self.key.source == KeySource::Dscp) * 2;
            let words = &mut out.words[self.word * CHUNK..];
            for (word, value) in words.iter_mut().zip(&values).take(rows.len()) {
                *word |= (value >> derive) << self.shift;
            }
            out.numbers = values;
        }
        let validity = column.validity();
        let always = self.key.absent().is_some();
        if !either && (always || rows.are_all_in(validity)) {
            let words = &mut out.words[self.present.0 * CHUNK..][..rows.len()];
            words.iter_mut().for_each(|word| *word |= 1 << self.present.1);
            return;
        }
        self.set_present(rows, out, |row| always || validity.is_valid(row), either);
    }

    fn pack_addresses(&self, column: &IpColumn, rows: &Rows<'_>, out: &mut Packed) {
        let (high, low) = out.words[self.word * CHUNK..].split_at_mut(CHUNK);
        rows.pick(column.high(), |index, value| high[index] = value);
        rows.pick(column.low(), |index, value| low[index] = value);
        if let Some(prefix) = self.key.prefix {
            for ((high, low), row) in high.iter_mut().zip(low).zip(rows.iter()) {
                if column.validity().is_valid(row) {
                    (*high, *low) = network(Address::from_halves(*high, *low), prefix).halves();
                }
            }
        }
    }

    /// The side of client or server, which each row has elsewhere.
    fn pack_by_half(&self, batch: &FlowBatch, rows: &Rows<'_>, columns: [Column; 2], sides: Sides, seed: u64, out: &mut Packed) {
        for (index, row) in rows.iter().enumerate() {
            let column = batch.column(columns[half(batch, row, sides)]);
            let place = self.word * CHUNK + index;
            match column {
                AnyColumn::Ip(column) => {
                    let Some(address) = column.get(row) else { continue };
                    let address = self.key.prefix.map_or(address, |prefix| network(address, prefix));
                    (out.words[place], out.words[place + CHUNK]) = address.halves();
                }
                AnyColumn::Text(column) => {
                    let (Some(octets), FieldKind::Text(text)) = (column.octets(row), self.kind) else { continue };
                    out.text_hashes[text * CHUNK + index] = hash::octets(seed, octets);
                }
                column => {
                    let Some(number) = number(column, row) else { continue };
                    out.words[place] |= number << self.shift;
                }
            }
            self.mark(out, index, false);
        }
    }

    fn set_present(&self, rows: &Rows<'_>, out: &mut Packed, is_present: impl Fn(usize) -> bool, either: bool) {
        for (index, row) in rows.iter().enumerate() {
            if is_present(row) {
                self.mark(out, index, either);
            }
        }
    }

    /// Says that a row has a value.
    #[inline]
    fn mark(&self, out: &mut Packed, index: usize, either: bool) {
        out.words[self.present.0 * CHUNK + index] |= 1 << self.present.1;
        if either {
            out.is_there[index] = true;
        }
    }

    /// The column that a side looks at.
    fn column(&self, side: usize) -> Column {
        match &self.key.source {
            KeySource::Column(column) => *column,
            KeySource::Pair(pair, _) => [pair.first, pair.second][side & 1],
            KeySource::Dscp => Column::tos,
            KeySource::Application => Column::app,
            KeySource::Time(_) => Column::time_received,
            KeySource::Member(_) => Column::extra,
        }
    }

    /// The text of a row.
    fn octets<'a>(&self, batch: &'a FlowBatch, row: usize, side: usize) -> Option<Cow<'a, [u8]>> {
        let column = match &self.key.source {
            KeySource::Member(name) => {
                return match member(batch.extra.get(row)?, name)? {
                    Member::Text(Cow::Borrowed(text)) => Some(Cow::Borrowed(text.as_bytes())),
                    Member::Text(Cow::Owned(text)) => Some(Cow::Owned(text.into_bytes())),
                    Member::Number(written) => Some(Cow::Borrowed(written.as_bytes())),
                    Member::Bool(value) => Some(Cow::Borrowed(if value { b"true" } else { b"false" })),
                    Member::Other => None,
                };
            }
            KeySource::Application => {
                let recognised = batch.app.octets(row).or_else(|| batch.app_name.octets(row));
                return recognised.map(Cow::Borrowed);
            }
            KeySource::Pair(pair, sides @ (Sides::Client | Sides::Server)) => [pair.first, pair.second][half(batch, row, *sides)],
            _ => self.column(side),
        };
        match batch.column(column) {
            AnyColumn::Text(column) => column.octets(row).map(Cow::Borrowed),
            _ => None,
        }
    }

    fn is_present(&self, words: &[u64]) -> bool {
        words[self.present.0] >> self.present.1 & 1 == 1
    }

    fn number(&self, words: &[u64]) -> u64 {
        words[self.word] >> self.shift & (u64::MAX >> (64 - self.bits.min(64)))
    }

    fn cell(&self, words: &[u64], texts: &[Texts]) -> Cell {
        if !self.is_present(words) {
            return Cell::Absent;
        }
        if self.kind == FieldKind::Address {
            let address = Address::from_halves(words[self.word], words[self.word + 1]);
            return match self.key.prefix {
                Some(prefix) => Cell::Prefix(address, if address.is_v4() { prefix.v4 } else { prefix.v6 }),
                None => Cell::Address(address),
            };
        }
        let number = self.number(words);
        if let FieldKind::Text(text) = self.kind {
            return Cell::Text(texts[text].get(number as u32).0.into());
        }
        match self.key.value_type() {
            ColumnType::Time => Cell::Time(number as i64),
            ColumnType::Mac => Cell::Mac(number),
            ColumnType::Bool => Cell::Bool(number != 0),
            ColumnType::Enum(_) => self.key.words().get(number as usize).map_or(Cell::Number(number), |word| Cell::Word(word)),
            _ => Cell::Number(number),
        }
    }
}

/// Which of the two columns is the client's or the server's.
fn half(batch: &FlowBatch, row: usize, sides: Sides) -> usize {
    let is_responder = batch.biflow.get(row) == Some(names::RESPONDER);
    usize::from(is_responder != (sides == Sides::Server))
}

/// The network of an address.
fn network(address: Address, prefix: Prefixed) -> Address {
    let bits = if address.is_v4() { prefix.v4.saturating_add(96) } else { prefix.v6 };
    let (high_mask, low_mask) = prefix_masks(bits);
    let (high, low) = address.halves();
    // A network of IPv6 can begin in the block where IPv4 is held only if it lies in ::/8, which has no hosts.
    Address::from_halves(high & high_mask, low & low_mask)
}
