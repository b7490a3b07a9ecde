//! One comparison of one column, 64 rows at a time.

use weir_record::column::Validity;
use weir_record::{AnyColumn, Column, FlowBatch};

use super::address::AddressSet;
use super::derived::Quantity;
use super::json::MemberTest;
use super::number::{NumberSet, NumberTest};
use super::text::TextTest;
use super::{Block, derived, json, number};
use crate::mask::Bits;

/// A comparison. Rows whose value is absent never compare, negated or not.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) negated: bool,
    pub(super) test: LeafTest,
}

#[derive(Clone, Debug)]
pub(super) enum LeafTest {
    /// The column has a value.
    Present(Column),
    /// A column of numbers, words or times.
    Number(Column, NumberTest),
    /// A column of addresses.
    Address(Column, AddressSet),
    /// A column of texts.
    Text(Column, TextTest),
    /// A column of lists, of which one number is in the set.
    List(Column, NumberSet),
    /// A number worked out of several columns.
    Quantity(Quantity, NumberSet),
    /// A member of the column `extra`.
    Member(String, MemberTest),
}

impl Leaf {
    pub(super) fn restrict(&self, batch: &FlowBatch, first: usize, block: &mut Block) {
        let negated = self.negated;
        match &self.test {
            LeafTest::Present(column) => {
                // What is left out of `record_kind` is a flow, so a value is there always.
                if *column != Column::record_kind {
                    let column = batch.column(*column);
                    let validity = column.validity();
                    for_words(block, first, |index, word| word & validity.word(index));
                }
            }
            LeafTest::Number(column, test) => {
                let absent_is_zero = *column == Column::record_kind;
                number::restrict(batch.column(*column), test, negated, absent_is_zero, first, block);
            }
            LeafTest::Address(column, set) => {
                if let AnyColumn::Ip(column) = batch.column(*column) {
                    set.restrict(column, negated, first, block);
                }
            }
            LeafTest::Text(column, test) => {
                if let AnyColumn::Text(column) = batch.column(*column) {
                    for_rows(block, first, column.validity(), |row| {
                        column.octets(row).is_some_and(|text| test.holds(text) != negated)
                    });
                }
            }
            LeafTest::List(column, set) => {
                if let AnyColumn::List(column) = batch.column(*column) {
                    for_rows(block, first, column.validity(), |row| {
                        column.get(row).is_some_and(|list| list.iter().any(|n| set.contains((*n).into())) != negated)
                    });
                }
            }
            LeafTest::Quantity(quantity, set) => derived::restrict(batch, *quantity, set, negated, first, block),
            LeafTest::Member(name, test) => {
                for_rows(block, first, batch.extra.validity(), |row| {
                    let member = batch.extra.get(row).and_then(|object| json::member(object, name));
                    member.is_some_and(|member| test.holds(&member) != negated)
                });
            }
        }
    }
}

/// Replaces the words that have a row; `f` gets the number of the word in the batch.
#[inline]
pub(super) fn for_words(block: &mut Block, first: usize, f: impl Fn(usize, u64) -> u64) {
    for (index, word) in block.iter_mut().enumerate() {
        if *word != 0 {
            *word = f(first / 64 + index, *word);
        }
    }
}

/// Keeps the rows that have a value and for which `holds` is true, asking only for these.
#[inline]
pub(super) fn for_rows(block: &mut Block, first: usize, validity: &Validity, holds: impl Fn(usize) -> bool) {
    for_words(block, first, |index, word| {
        let asked = word & validity.word(index);
        Bits(asked).filter(|bit| holds(index * 64 + bit)).fold(0, |kept, bit| kept | 1 << bit)
    });
}

/// The bits of 64 rows: values compared into octets, which compilers do with vector instructions, then eight octets at a time
/// gathered into bits by one multiplication.
#[inline]
pub(super) fn gather(holds: &[u8; 64]) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (octets, _) = holds.as_chunks::<8>();
    octets.iter().enumerate().fold(0, |word, (index, octets)| {
        let bits = u64::from_le_bytes(*octets).wrapping_mul(GATHER) >> 56;
        word | bits << (8 * index)
    })
}

/// The values of word `index`; past the end of the column they are zero, and its validity says so.
#[inline]
pub(super) fn sixty_four<T: Copy + Default>(values: &[T], index: usize) -> std::borrow::Cow<'_, [T; 64]> {
    let values = values.get(index * 64..).unwrap_or_default();
    match values.first_chunk() {
        Some(values) => std::borrow::Cow::Borrowed(values),
        None => {
            let mut padded = [T::default(); 64];
            for (place, value) in padded.iter_mut().zip(values) {
                *place = *value;
            }
            std::borrow::Cow::Owned(padded)
        }
    }
}
