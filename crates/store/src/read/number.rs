//! Pages of numbers, into the vectors of a column.

use parquet::basic::Encoding;
use weir_record::column::{Fixed, IpColumn};

use super::page::{Chunk, Data, Dictionary, Fault};
use crate::layout::Kind;

/// Values that are joined at a time.
const BLOCK: usize = 512;

/// A number as a column of the table holds it.
pub(super) trait Number: Copy + Default + 'static {
    /// From 64 bits; what the type cannot hold is cut off.
    fn from_bits(bits: u64) -> Self;
}

macro_rules! number {
    ($($name:ty),*) => { $(
        impl Number for $name {
            #[inline]
            fn from_bits(bits: u64) -> Self {
                bits as Self
            }
        }
    )* };
}

number!(u8, u16, u32, u64, i64);

/// Decodes a page into a column that is empty.
pub(super) fn decode<T: Number>(chunk: &mut Chunk, page: usize, rows: usize, column: &mut Fixed<T>) -> Result<(), Fault> {
    let data = chunk.page(page, rows)?;
    let validity = chunk.validity(&data, rows)?;
    let (mut values, _) = std::mem::take(column).into_parts();
    values.clear();
    decode_values(chunk, &data, &mut values)?;
    spread(&mut values, &validity);
    *column = Fixed::from_parts(values, validity);
    Ok(())
}

/// Decodes a page of both halves of addresses.
pub(super) fn decode_addresses(
    high: &mut Chunk,
    low: &mut Chunk,
    page: usize,
    rows: usize,
    column: &mut IpColumn,
) -> Result<(), Fault> {
    let (mut high_values, mut low_values, _) = std::mem::take(column).into_parts();
    high_values.clear();
    low_values.clear();
    let data = high.page(page, rows)?;
    let validity = high.validity(&data, rows)?;
    decode_values(high, &data, &mut high_values)?;
    spread(&mut high_values, &validity);
    let data = low.page(page, rows)?;
    if low.validity(&data, rows)? != validity {
        return Err(Fault::Count("halves of addresses that do not belong together"));
    }
    decode_values(low, &data, &mut low_values)?;
    spread(&mut low_values, &validity);
    *column = IpColumn::from_parts(high_values, low_values, validity);
    Ok(())
}

/// Appends the values of a page that are there.
fn decode_values<T: Number>(chunk: &mut Chunk, data: &Data, out: &mut Vec<T>) -> Result<(), Fault> {
    match data.encoding {
        Encoding::RLE_DICTIONARY => {
            chunk.decode_codes(data)?;
            let Dictionary::Numbers(entries) = &chunk.dictionary else {
                return Err(Fault::Encoding(data.encoding));
            };
            if let [only] = entries.as_slice() {
                out.resize(data.present, T::from_bits(*only));
                return Ok(());
            }
            out.extend(chunk.codes.iter().map(|code| T::from_bits(entries.get(*code as usize).copied().unwrap_or(0))));
            Ok(())
        }
        Encoding::BYTE_STREAM_SPLIT => {
            let width = if chunk.kind == Kind::Narrow { 4 } else { 8 };
            if data.body().len() != width * data.present {
                return Err(Fault::Count("octets of a page"));
            }
            match chunk.kind {
                Kind::Time(divisor) => join(data.body(), data.present, divisor.nanoseconds() as u64, out),
                _ => join(data.body(), data.present, 1, out),
            }
            Ok(())
        }
        encoding => Err(Fault::Encoding(encoding)),
    }
}

/// Values whose octets lie split by significance, each multiplied by `factor`.
fn join<T: Number>(octets: &[u8], count: usize, factor: u64, out: &mut Vec<T>) {
    if count == 0 {
        return;
    }
    // Octets that all values share need not be looked at one by one; most of an address, of a time or of a counter is such.
    let (mut shared, mut streams) = (0_u64, Vec::with_capacity(8));
    for (place, stream) in octets.chunks_exact(count).enumerate() {
        let first = stream.first().copied().unwrap_or(0);
        if is_uniform(stream, first) {
            shared |= u64::from(first) << (8 * place);
        } else {
            streams.push((stream, 8 * place as u32));
        }
    }
    // Blocks that stay in registers and the nearest cache, stream by stream: loops that the compiler makes wide.
    let mut block = [0_u64; BLOCK];
    out.reserve(count);
    for first in (0..count).step_by(BLOCK) {
        let length = BLOCK.min(count - first);
        block.fill(shared);
        for (stream, shift) in &streams {
            let octets = stream.get(first..first + length).unwrap_or_default();
            block.iter_mut().zip(octets).for_each(|(bits, octet)| *bits |= u64::from(*octet) << shift);
        }
        let block = block.get(..length).unwrap_or_default();
        if factor == 1 {
            out.extend(block.iter().map(|bits| T::from_bits(*bits)));
        } else {
            out.extend(block.iter().map(|bits| T::from_bits(bits.wrapping_mul(factor))));
        }
    }
}

fn is_uniform(octets: &[u8], value: u8) -> bool {
    octets.chunks(256).all(|piece| piece.iter().fold(0, |difference, octet| difference | (octet ^ value)) == 0)
}

/// Moves values to the rows that have one.
fn spread<T: Number>(values: &mut Vec<T>, validity: &weir_record::column::Validity) {
    if validity.absent() == 0 {
        return;
    }
    let mut from = values.len();
    values.resize(validity.len(), T::default());
    for row in (0..validity.len()).rev() {
        let value = if validity.is_valid(row) {
            from = from.saturating_sub(1);
            values.get(from).copied().unwrap_or_default()
        } else {
            T::default()
        };
        if let Some(place) = values.get_mut(row) {
            *place = value;
        }
    }
}
