//! Single rows of a page: where a question selects few, the others are not decoded.

use parquet::basic::Encoding;
use weir_record::column::{Fixed, IpColumn, ListColumn, TextColumn, Validity};
use weir_record::{Address, AnyColumnMut};

use super::number::Number;
use super::page::{Chunk, Data, Dictionary, Fault};
use super::{Opened, bits, text};
use crate::layout::{Kind, hybrid};

/// Decodes the rows `rows` (ascending) of a page that has `all` of them into a column that is empty.
pub(super) fn pick(opened: &mut Opened, page: usize, all: usize, rows: &[usize], column: AnyColumnMut<'_>) -> Result<(), Fault> {
    match (opened, column) {
        (Opened::Absent, _) => Ok(()),
        (Opened::Two(chunks), AnyColumnMut::Ip(column)) => pick_addresses(&mut chunks.0, &mut chunks.1, page, all, rows, column),
        (Opened::One(chunk), AnyColumnMut::U8(column)) => match chunk.kind {
            Kind::Bool => {
                let mut whole = Fixed::default();
                bits::decode(chunk, page, all, &mut whole)?;
                column.append(0, rows.iter().map(|row| (&whole, *row)));
                Ok(())
            }
            Kind::Text => {
                let mut whole = Fixed::default();
                text::decode_words(chunk, page, all, &mut whole)?;
                column.append(0, rows.iter().map(|row| (&whole, *row)));
                Ok(())
            }
            _ => pick_numbers(chunk, page, all, rows, column),
        },
        (Opened::One(chunk), AnyColumnMut::U16(column)) => pick_numbers(chunk, page, all, rows, column),
        (Opened::One(chunk), AnyColumnMut::U32(column)) => pick_numbers(chunk, page, all, rows, column),
        (Opened::One(chunk), AnyColumnMut::U64(column)) => pick_numbers(chunk, page, all, rows, column),
        (Opened::One(chunk), AnyColumnMut::Time(column)) => pick_numbers(chunk, page, all, rows, column),
        (Opened::One(chunk), AnyColumnMut::Text(column)) => {
            let mut whole = TextColumn::default();
            text::decode(chunk, page, all, &mut whole)?;
            column.append(0, rows.iter().map(|row| (&whole, *row)));
            Ok(())
        }
        (Opened::One(chunk), AnyColumnMut::List(column)) => {
            let mut whole = ListColumn::default();
            bits::decode_lists(chunk, page, all, &mut whole)?;
            column.append(0, rows.iter().map(|row| (&whole, *row)));
            Ok(())
        }
        _ => Err(Fault::Type),
    }
}

fn pick_numbers<T: Number>(
    chunk: &mut Chunk,
    page: usize,
    all: usize,
    rows: &[usize],
    column: &mut Fixed<T>,
) -> Result<(), Fault> {
    let data = chunk.page(page, all)?;
    let validity = chunk.validity(&data, all)?;
    let mut values = pick_values(chunk, &data, &places(&validity, rows))?.into_iter();
    for (row, from) in rows.iter().enumerate() {
        column.push_some(row, if validity.is_valid(*from) { values.next().map(T::from_bits) } else { None });
    }
    Ok(())
}

fn pick_addresses(
    high: &mut Chunk,
    low: &mut Chunk,
    page: usize,
    all: usize,
    rows: &[usize],
    column: &mut IpColumn,
) -> Result<(), Fault> {
    let (high_data, low_data) = (high.page(page, all)?, low.page(page, all)?);
    let validity = high.validity(&high_data, all)?;
    if low.validity(&low_data, all)? != validity {
        return Err(Fault::Count("halves of addresses that do not belong together"));
    }
    let places = places(&validity, rows);
    let (highs, lows) = (pick_values(high, &high_data, &places)?, pick_values(low, &low_data, &places)?);
    let mut values = highs.into_iter().zip(lows).map(|(high, low)| Address::from_halves(high, low));
    for (row, from) in rows.iter().enumerate() {
        column.push_some(row, if validity.is_valid(*from) { values.next() } else { None });
    }
    Ok(())
}

/// Places of rows among the values that are there; rows without one have none.
fn places(validity: &Validity, rows: &[usize]) -> Vec<usize> {
    if validity.absent() == 0 {
        return rows.to_vec();
    }
    let (mut word, mut before) = (0, 0);
    let place = |row: &usize| {
        while word < row / 64 {
            before += validity.word(word).count_ones() as usize;
            word += 1;
        }
        let bits = validity.word(word);
        let below = bits & ((1 << (row % 64)) - 1);
        (bits >> (row % 64) & 1 == 1).then(|| before + below.count_ones() as usize)
    };
    rows.iter().filter_map(place).collect()
}

/// The values at these places among those that are there.
fn pick_values(chunk: &mut Chunk, data: &Data, places: &[usize]) -> Result<Vec<u64>, Fault> {
    match data.encoding {
        _ if places.is_empty() => Ok(Vec::new()),
        Encoding::RLE_DICTIONARY => {
            let Dictionary::Numbers(entries) = &chunk.dictionary else {
                return Err(Fault::Encoding(data.encoding));
            };
            let (width, octets) = data.body().split_first().ok_or(Fault::Count("octets of a page"))?;
            chunk.codes.clear();
            if !hybrid::pick(octets, u32::from(*width), data.present, places, &mut chunk.codes) {
                return Err(Fault::Count("octets of a page"));
            }
            let entry = |code: &u32| entries.get(*code as usize).copied();
            let values: Option<Vec<u64>> = chunk.codes.iter().map(entry).collect();
            values.ok_or(Fault::Count("a place past the dictionary's end"))
        }
        Encoding::BYTE_STREAM_SPLIT => {
            let width = if chunk.kind == Kind::Narrow { 4 } else { 8 };
            if data.body().len() != width * data.present {
                return Err(Fault::Count("octets of a page"));
            }
            let factor = if let Kind::Time(divisor) = chunk.kind { divisor.nanoseconds() as u64 } else { 1 };
            let value = |place: &usize| {
                let octet = |stream: usize| data.body().get(stream * data.present + place).copied().unwrap_or(0);
                (0..width).rev().fold(0, |bits, stream| bits << 8 | u64::from(octet(stream))).wrapping_mul(factor)
            };
            Ok(places.iter().map(value).collect())
        }
        encoding => Err(Fault::Encoding(encoding)),
    }
}
