//! Chunks of numbers: times, halves of addresses, counters, codes.
//!
//! Three ways to lay them down, the first that fits: one value only, which costs next to nothing; few values, as places in a dictionary; otherwise the octets
//! of the values split by significance (BYTE_STREAM_SPLIT), which leaves to zstd what does not vary.

use std::ops::Range;

use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{Body, Bounds, Chunk, Press};
use super::dictionary::{MAX_ADDRESSES, MAX_ENTRIES, Table};
use super::source::{Parts, Source, encode_levels, pages};
use crate::layout::{Kind, Leaf, Part, hybrid};

/// Memory for the pages of one number column after the other.
#[derive(Default)]
pub(crate) struct Scratch {
    values: Vec<u64>,
    levels: Vec<u32>,
    codes: Vec<u32>,
    definition: Vec<u8>,
    octets: Vec<u8>,
    /// Rows, values and bounds of each page whose codes stand in `codes`, and its levels.
    pages: Vec<PageOfCodes>,
}

struct PageOfCodes {
    rows: usize,
    codes: Range<usize>,
    bounds: Option<Bounds>,
    definition: Vec<u8>,
}

/// Lays down a column of numbers.
pub(crate) fn write(
    descriptor: ColumnDescPtr,
    leaf: Leaf,
    parts: &Parts<'_>,
    scratch: &mut Scratch,
    press: &mut Press,
) -> Result<(bytes::Bytes, ColumnCloseResult)> {
    let rows: usize = parts.iter().map(|(rows, _)| rows).sum();
    let mut chunk = Chunk::new(descriptor);
    let mut source = Source::new(leaf, parts);
    if let (Some(value), true) = (source.only_value(), leaf.kind != Kind::Bool) {
        write_constant(&mut chunk, &mut source, rows, value, scratch, press)?;
        return chunk.close(None);
    }
    if leaf.kind == Kind::Bool {
        write_bools(&mut chunk, &mut source, rows, scratch, press)?;
        return chunk.close(None);
    }
    let width = if leaf.kind == Kind::Narrow { 4 } else { 8 };
    if let Some(dictionary) = encode_with_dictionary(&mut source, rows, scratch) {
        scratch.octets.clear();
        for value in &dictionary {
            scratch.octets.extend_from_slice(value.to_le_bytes().get(..width).unwrap_or_default());
        }
        chunk.dictionary(&scratch.octets, dictionary.len(), press)?;
        let Scratch { pages, codes, octets, .. } = scratch;
        for page in pages.drain(..) {
            octets.clear();
            let codes = codes.get(page.codes).unwrap_or_default();
            let bits = hybrid::width_of(codes.iter().copied().max().unwrap_or(0));
            octets.push(bits as u8);
            hybrid::encode(codes, bits, octets);
            let body = Body::of_rows(Encoding::RLE_DICTIONARY, page.rows, codes.len(), &page.definition, octets);
            chunk.page(&Body { bounds: page.bounds, ..body }, press)?;
        }
        let has_filter = leaf.part == Part::Low && dictionary.len() > MAX_ENTRIES;
        let filter = if has_filter { Some(full_filter(&dictionary)?) } else { None };
        return chunk.close(filter);
    }
    let mut filter = if leaf.part == Part::Low { Some(empty_filter(rows)?) } else { None };
    source.rewind();
    for page in pages(rows) {
        source.gather(page.len(), &mut scratch.values, &mut scratch.levels);
        let Scratch { values, levels, definition, octets, .. } = scratch;
        if let Some(filter) = &mut filter {
            values.iter().for_each(|value| filter.insert(value));
        }
        encode_levels(levels, page.len(), values.len(), definition);
        octets.clear();
        split(values, width, octets);
        let body = Body::of_rows(Encoding::BYTE_STREAM_SPLIT, page.len(), values.len(), definition, octets);
        chunk.page(&Body { bounds: bounds(values, leaf.kind), ..body }, press)?;
    }
    if let Some(filter) = &mut filter {
        filter.fold_to_target_fpp(BLOOM_FALSE);
    }
    chunk.close(filter)
}

/// Every row that has a value has this one.
fn write_constant(
    chunk: &mut Chunk,
    source: &mut Source<'_>,
    rows: usize,
    value: u64,
    scratch: &mut Scratch,
    press: &mut Press,
) -> Result<()> {
    let Scratch { levels, definition, octets, .. } = scratch;
    let width = if source.leaf.kind == Kind::Narrow { 4 } else { 8 };
    chunk.dictionary(value.to_le_bytes().get(..width).unwrap_or_default(), 1, press)?;
    for page in pages(rows) {
        let present = source.skip(page.len(), levels);
        encode_levels(levels, page.len(), present, definition);
        octets.clear();
        octets.push(1);
        hybrid::encode_run(0, present, 1, octets);
        let body = Body::of_rows(Encoding::RLE_DICTIONARY, page.len(), present, definition, octets);
        let bounds = (present > 0).then_some(Bounds { min: value, max: value });
        chunk.page(&Body { bounds, ..body }, press)?;
    }
    Ok(())
}

/// Bits have no dictionary; they are runs themselves.
fn write_bools(chunk: &mut Chunk, source: &mut Source<'_>, rows: usize, scratch: &mut Scratch, press: &mut Press) -> Result<()> {
    let Scratch { values, levels, codes, definition, octets, .. } = scratch;
    for page in pages(rows) {
        source.gather(page.len(), values, levels);
        encode_levels(levels, page.len(), values.len(), definition);
        codes.clear();
        codes.extend(values.iter().map(|value| u32::from(*value != 0)));
        octets.clear();
        octets.extend_from_slice(&[0; 4]);
        hybrid::encode(codes, 1, octets);
        let length = (octets.len() as u32 - 4).to_le_bytes();
        octets.iter_mut().zip(length).for_each(|(octet, length)| *octet = length);
        chunk.page(&Body::of_rows(Encoding::RLE, page.len(), values.len(), definition, octets), press)?;
    }
    Ok(())
}

/// The values of a page, in `width` streams of octets.
fn split(values: &[u64], width: usize, out: &mut Vec<u8>) {
    for octet in 0..width {
        out.extend(values.iter().map(|value| (value >> (8 * octet)) as u8));
    }
}

fn bounds(values: &[u64], kind: Kind) -> Option<Bounds> {
    if let Kind::Time(_) = kind {
        let min = values.iter().map(|value| *value as i64).min()?;
        let max = values.iter().map(|value| *value as i64).max()?;
        return Some(Bounds { min: min as u64, max: max as u64 });
    }
    Some(Bounds { min: *values.iter().min()?, max: *values.iter().max()? })
}

/// Codes of every page in `scratch`, and what they mean; nothing where there are too many values.
fn encode_with_dictionary(source: &mut Source<'_>, rows: usize, scratch: &mut Scratch) -> Option<Vec<u64>> {
    let Scratch { values, levels, codes, pages: done, definition, .. } = scratch;
    codes.clear();
    done.clear();
    let max_entries = if source.leaf.part == Part::Whole { MAX_ENTRIES } else { MAX_ADDRESSES };
    let mut table = Table::new(max_entries);
    source.rewind();
    for page in pages(rows) {
        source.gather(page.len(), values, levels);
        let first = codes.len();
        if !table.encode(values, codes) {
            return None;
        }
        encode_levels(levels, page.len(), values.len(), definition);
        done.push(PageOfCodes {
            rows: page.len(),
            codes: first..codes.len(),
            bounds: bounds(values, source.leaf.kind),
            definition: definition.clone(),
        });
    }
    let entries = table.into_entries();
    (!entries.is_empty()).then_some(entries)
}

/// A filter that says which addresses are not there, in a fraction of the time that it takes to read the dictionary.
fn full_filter(values: &[u64]) -> Result<Sbbf> {
    let mut filter = empty_filter(values.len())?;
    values.iter().for_each(|value| filter.insert(value));
    filter.fold_to_target_fpp(BLOOM_FALSE);
    Ok(filter)
}

/// Share of values that are not there and that a bloom filter takes for there; half as many would take twice the octets.
const BLOOM_FALSE: f64 = 0.04;

/// A filter for at most as many values as there are rows; it is folded when it is full.
fn empty_filter(rows: usize) -> Result<Sbbf> {
    Sbbf::new_with_ndv_fpp(rows as u64, BLOOM_FALSE)
}
