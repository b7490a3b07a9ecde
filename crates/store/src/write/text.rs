//! Chunks of texts and of words, as places in a dictionary where they repeat.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescPtr;
use weir_record::AnyColumn;

use super::chunk::{Body, Chunk, Press};
use super::source::{Parts, encode_levels, pages};
use crate::layout::hybrid;

/// Entries of a dictionary, and their octets together.
const MAX_ENTRIES: usize = 32_768;
const MAX_OCTETS: usize = 1 << 20;

/// Lays down a column of texts, or of words by their place in `words`.
pub(crate) fn write(
    descriptor: ColumnDescPtr,
    words: &[&str],
    parts: &Parts<'_>,
    press: &mut Press,
) -> Result<(Bytes, ColumnCloseResult)> {
    let mut chunk = Chunk::new(descriptor);
    match encode_with_dictionary(words, parts) {
        Some(encoded) => write_codes(&mut chunk, &encoded, press)?,
        None => write_plain(&mut chunk, words, parts, press)?,
    }
    chunk.close(None)
}

/// Codes of the rows that have a text.
struct Encoded<'a> {
    entries: Vec<&'a [u8]>,
    codes: Vec<u32>,
    /// One level a row.
    levels: Vec<u32>,
}

fn encode_with_dictionary<'a>(words: &'a [&'a str], parts: &'a Parts<'_>) -> Option<Encoded<'a>> {
    let mut encoded = Encoded { entries: Vec::new(), codes: Vec::new(), levels: Vec::new() };
    let mut places: HashMap<&[u8], u32, foldhash::fast::RandomState> = HashMap::default();
    let mut octets = 0;
    let mut last: Option<(&[u8], u32)> = None;
    for text in texts(words, parts) {
        encoded.levels.push(u32::from(text.is_some()));
        let Some(text) = text else {
            continue;
        };
        let code = match last {
            Some((same, code)) if same == text => code,
            _ => *places.entry(text).or_insert_with(|| {
                octets += text.len();
                encoded.entries.push(text);
                encoded.entries.len() as u32 - 1
            }),
        };
        if encoded.entries.len() > MAX_ENTRIES || octets > MAX_OCTETS {
            return None;
        }
        last = Some((text, code));
        encoded.codes.push(code);
    }
    (!encoded.entries.is_empty()).then_some(encoded)
}

fn write_codes(chunk: &mut Chunk, encoded: &Encoded<'_>, press: &mut Press) -> Result<()> {
    let (mut octets, mut definition) = (Vec::new(), Vec::new());
    for entry in &encoded.entries {
        append_plain(entry, &mut octets)?;
    }
    chunk.dictionary(&octets, encoded.entries.len(), press)?;
    let bits = hybrid::width_of(encoded.entries.len().saturating_sub(1) as u32);
    let mut codes = encoded.codes.as_slice();
    for page in pages(encoded.levels.len()) {
        let present = begin_page(&encoded.levels, &page, &mut definition);
        let (these, rest) = codes.split_at_checked(present).unwrap_or((codes, &[]));
        codes = rest;
        octets.clear();
        octets.push(bits as u8);
        hybrid::encode(these, bits, &mut octets);
        chunk.page(&Body::of_rows(Encoding::RLE_DICTIONARY, page.len(), present, &definition, &octets), press)?;
    }
    Ok(())
}

fn write_plain(chunk: &mut Chunk, words: &[&str], parts: &Parts<'_>, press: &mut Press) -> Result<()> {
    let (mut octets, mut definition, mut levels) = (Vec::new(), Vec::new(), Vec::new());
    let mut all = texts(words, parts);
    for page in pages(parts.iter().map(|(rows, _)| rows).sum()) {
        octets.clear();
        levels.clear();
        for text in all.by_ref().take(page.len()) {
            levels.push(u32::from(text.is_some()));
            text.map_or(Ok(()), |text| append_plain(text, &mut octets))?;
        }
        let present = begin_page(&levels, &(0..page.len()), &mut definition);
        chunk.page(&Body::of_rows(Encoding::PLAIN, page.len(), present, &definition, &octets), press)?;
    }
    Ok(())
}

/// Encodes the levels of a page; how many rows have a text.
fn begin_page(levels: &[u32], page: &Range<usize>, definition: &mut Vec<u8>) -> usize {
    let levels = levels.get(page.clone()).unwrap_or_default();
    let present = levels.iter().sum::<u32>() as usize;
    encode_levels(levels, page.len(), present, definition);
    present
}

fn append_plain(text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let length = u32::try_from(text.len()).map_err(|_| ParquetError::General("a text of more than 4 GiB".into()))?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text);
    Ok(())
}

/// The text of each row.
fn texts<'a>(words: &'a [&'a str], parts: &'a Parts<'_>) -> impl Iterator<Item = Option<&'a [u8]>> {
    parts.iter().flat_map(move |(rows, column)| (0..*rows).map(move |row| text(words, column, row)))
}

fn text<'a>(words: &'a [&'a str], column: &AnyColumn<'a>, row: usize) -> Option<&'a [u8]> {
    match column {
        AnyColumn::Text(column) => column.octets(row),
        AnyColumn::U8(column) => words.get(usize::from(column.get(row)?)).map(|word| word.as_bytes()),
        _ => None,
    }
}
