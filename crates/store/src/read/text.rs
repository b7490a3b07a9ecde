//! Pages of texts and of words.

use parquet::basic::Encoding;
use weir_record::column::{Fixed, TextColumn, Validity};

use super::page::{Chunk, Data, Dictionary, Fault};

/// Reads the entries of a dictionary, and which of `words` each is.
pub(super) fn read_dictionary(octets: &[u8], count: usize, words: &[&str]) -> Result<Dictionary, Fault> {
    let (mut ends, mut texts, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = octets;
    for _ in 0..count {
        let text = next_text(&mut rest)?;
        texts.extend_from_slice(text.as_bytes());
        ends.push(texts.len());
        codes.push(words.iter().position(|word| *word == text).and_then(|place| u8::try_from(place).ok()));
    }
    Ok(Dictionary::Texts { ends, octets: texts, codes })
}

/// Decodes a page of texts into a column that is empty.
pub(super) fn decode(chunk: &mut Chunk, page: usize, rows: usize, column: &mut TextColumn) -> Result<(), Fault> {
    let data = chunk.page(page, rows)?;
    let validity = chunk.validity(&data, rows)?;
    column.clear();
    match data.encoding {
        Encoding::RLE_DICTIONARY => {
            chunk.decode_codes(&data)?;
            let Dictionary::Texts { ends, octets, .. } = &chunk.dictionary else {
                return Err(Fault::Encoding(data.encoding));
            };
            for (row, code) in present(&validity, rows).zip(&chunk.codes) {
                let code = *code as usize;
                let start = code.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
                let text = ends.get(code).and_then(|end| octets.get(start..*end)).unwrap_or_default();
                column.push_with(row, |out| out.extend_from_slice(text));
            }
        }
        Encoding::PLAIN => for_each_plain(&data, &validity, rows, |row, text| column.push(row, text))?,
        encoding => return Err(Fault::Encoding(encoding)),
    }
    Ok(())
}

/// Decodes a page of words. A word that this program does not know is absent.
pub(super) fn decode_words(chunk: &mut Chunk, page: usize, rows: usize, column: &mut Fixed<u8>) -> Result<(), Fault> {
    let data = chunk.page(page, rows)?;
    let validity = chunk.validity(&data, rows)?;
    column.clear();
    match data.encoding {
        Encoding::RLE_DICTIONARY => {
            chunk.decode_codes(&data)?;
            let Dictionary::Texts { codes, .. } = &chunk.dictionary else {
                return Err(Fault::Encoding(data.encoding));
            };
            if let ([Some(only)], 0) = (codes.as_slice(), validity.absent()) {
                column.fill(0, rows, *only);
                return Ok(());
            }
            for (row, code) in present(&validity, rows).zip(&chunk.codes) {
                column.push_some(row, codes.get(*code as usize).copied().flatten());
            }
        }
        Encoding::PLAIN => {
            let words = chunk.words;
            for_each_plain(&data, &validity, rows, |row, text| {
                let place = words.iter().position(|word| *word == text);
                column.push_some(row, place.and_then(|place| u8::try_from(place).ok()));
            })?;
        }
        encoding => return Err(Fault::Encoding(encoding)),
    }
    Ok(())
}

fn for_each_plain(data: &Data, validity: &Validity, rows: usize, mut take: impl FnMut(usize, &str)) -> Result<(), Fault> {
    let mut rest = data.body();
    for row in present(validity, rows) {
        take(row, next_text(&mut rest)?);
    }
    Ok(())
}

/// Rows that have a value.
fn present(validity: &Validity, rows: usize) -> impl Iterator<Item = usize> {
    (0..rows).filter(|row| validity.is_valid(*row))
}

/// A text as PLAIN has it: its length in four octets, and its octets.
fn next_text<'a>(octets: &mut &'a [u8]) -> Result<&'a str, Fault> {
    let (length, rest) = octets.split_first_chunk().ok_or(Fault::Count("octets of a text"))?;
    let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(Fault::Count("octets of a text"))?;
    *octets = rest;
    std::str::from_utf8(text).map_err(|_| Fault::Text)
}
