//! Numbers in as few octets as a block's values need.
//!
//! What all values of an array have in common is told once, as its base; each value keeps 0, 1, 2, 4 or 8 octets. Two ways to split: the upper bits that
//! never change (one pass of exclusive or, nothing to compute on writing), and for times the difference from the earliest in the coarsest unit that
//! loses nothing, since exporters tell milliseconds and we keep nanoseconds.

use super::BlockError;
use super::directory::{Entry, write_varint};

/// A number as a column stores it.
pub(super) trait Number: Copy + Default {
    /// Widened without sign.
    fn to_bits(self) -> u64;
    /// The lower bits.
    fn from_bits(bits: u64) -> Self;
}

macro_rules! number {
    ($($type:ty),*) => { $(
        impl Number for $type {
            #[inline(always)]
            fn to_bits(self) -> u64 {
                self as u64
            }

            #[inline(always)]
            fn from_bits(bits: u64) -> Self {
                bits as $type
            }
        }
    )* };
}

number!(u8, u16, u32, u64, i32, i64);

/// How the values of an array are put together from its base and what each keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Split {
    /// Base or value.
    Bits,
    /// Base plus value times so many nanoseconds.
    Units(u64),
}

/// Units by code, from code 1 on.
const UNITS: [u64; 3] = [1, 1_000, 1_000_000];

/// Writes numbers to `data`, and what is needed to read them to `directory`.
pub(super) fn write<T: Number>(values: &[T], directory: &mut Vec<u8>, data: &mut Vec<u8>) {
    write_at_least(0, values, directory, data);
}

/// The same with a smallest width, for arrays whose length is not bounded by that of the block.
pub(super) fn write_at_least<T: Number>(width: usize, values: &[T], directory: &mut Vec<u8>, data: &mut Vec<u8>) {
    let first = values.first().map_or(0, |value| value.to_bits());
    let changing = values.iter().fold(0, |bits, value| bits | (value.to_bits() ^ first));
    let width = width_of(changing).max(width);
    let base = if width == 8 { 0 } else { first >> (8 * width) << (8 * width) };
    directory.push(width as u8);
    write_varint(directory, base);
    pack(width, values.iter().map(|value| value.to_bits()), values.len(), data);
}

/// Writes times: distances from the earliest in the coarsest unit that fits all.
pub(super) fn write_times(values: &[i64], directory: &mut Vec<u8>, data: &mut Vec<u8>) {
    let (min, max) = values.iter().fold((i64::MAX, i64::MIN), |(min, max), value| (min.min(*value), max.max(*value)));
    if min > max {
        return write(values, directory, data);
    }
    let span = max.wrapping_sub(min) as u64;
    let distance = |value: &i64| value.wrapping_sub(min) as u64;
    let fits = |unit: u64| values.iter().all(|value| distance(value).is_multiple_of(unit));
    let code =
        (1..UNITS.len()).rev().find(|code| width_of(span / UNITS[*code]) < width_of(span) && fits(UNITS[*code])).unwrap_or(0);
    let width = width_of(span / UNITS[code]);
    directory.push((code as u8 + 1) << 4 | width as u8);
    write_varint(directory, min as u64);
    let distances = values.iter().map(distance);
    match code {
        0 => pack(width, distances, values.len(), data),
        // With the unit known to the compiler a division is a multiplication.
        1 => pack(width, distances.map(|distance| distance / UNITS[1]), values.len(), data),
        _ => pack(width, distances.map(|distance| distance / UNITS[2]), values.len(), data),
    }
}

/// An array as it lies in a block.
pub(super) struct Packed<'a> {
    split: Split,
    width: usize,
    base: u64,
    count: usize,
    octets: &'a [u8],
}

impl<'a> Packed<'a> {
    /// Takes an array of `count` numbers off a directory entry and the data.
    pub(super) fn take(entry: &mut Entry<'a>, count: usize) -> Result<Self, BlockError> {
        let code = entry.octet()?;
        let base = entry.varint()?;
        let width = usize::from(code & 0x0f);
        let split = match code >> 4 {
            0 => Split::Bits,
            unit => Split::Units(*UNITS.get(usize::from(unit) - 1).ok_or(BlockError::Directory("unit of an array"))?),
        };
        if !matches!(width, 0 | 1 | 2 | 4 | 8) {
            return Err(BlockError::Directory("width of an array"));
        }
        let octets = entry.data(count.checked_mul(width).ok_or(BlockError::Directory("length of an array"))?)?;
        Ok(Self { split, width, base, count, octets })
    }

    /// True where no value keeps an octet of its own.
    pub(super) const fn is_constant(&self) -> bool {
        self.width == 0
    }

    /// Writes the numbers to the end of a vector. Numbers too large for it lose their upper bits; the caller compares types first.
    pub(super) fn append_to<T: Number>(&self, values: &mut Vec<T>) {
        let base = self.base;
        match self.split {
            Split::Bits => self.unpack(values, |bits| T::from_bits(base | bits)),
            Split::Units(1) => self.unpack(values, |bits| T::from_bits(base.wrapping_add(bits))),
            Split::Units(unit) => self.unpack(values, |bits| T::from_bits(base.wrapping_add(bits.wrapping_mul(unit)))),
        }
    }

    fn unpack<T: Number>(&self, values: &mut Vec<T>, make: impl Fn(u64) -> T) {
        match self.width {
            0 => values.resize(values.len() + self.count, make(0)),
            1 => values.extend(self.octets.iter().map(|octet| make(u64::from(*octet)))),
            2 => values.extend(self.octets.as_chunks().0.iter().map(|octets| make(u64::from(u16::from_le_bytes(*octets))))),
            4 => values.extend(self.octets.as_chunks().0.iter().map(|octets| make(u64::from(u32::from_le_bytes(*octets))))),
            _ => values.extend(self.octets.as_chunks().0.iter().map(|octets| make(u64::from_le_bytes(*octets)))),
        }
    }
}

/// The fewest octets that hold these bits.
const fn width_of(bits: u64) -> usize {
    match 64 - bits.leading_zeros() {
        0 => 0,
        1..=8 => 1,
        9..=16 => 2,
        17..=32 => 4,
        _ => 8,
    }
}

fn pack(width: usize, values: impl Iterator<Item = u64>, count: usize, data: &mut Vec<u8>) {
    match width {
        0 => {}
        1 => pack_in::<1>(values, count, data),
        2 => pack_in::<2>(values, count, data),
        4 => pack_in::<4>(values, count, data),
        _ => pack_in::<8>(values, count, data),
    }
}

fn pack_in<const WIDTH: usize>(values: impl Iterator<Item = u64>, count: usize, data: &mut Vec<u8>) {
    let start = data.len();
    data.resize(start + count * WIDTH, 0);
    let (chunks, _) = data[start..].as_chunks_mut::<WIDTH>();
    for (chunk, value) in chunks.iter_mut().zip(values) {
        chunk.copy_from_slice(&value.to_le_bytes()[..WIDTH]);
    }
}
