//! Pages of bits, and of lists.

use parquet::basic::Encoding;
use weir_record::column::{Fixed, ListColumn};

use super::page::{Chunk, Fault};
use crate::layout::hybrid;

/// Decodes a page of true and false into a column that is empty.
pub(super) fn decode(chunk: &mut Chunk, page: usize, rows: usize, column: &mut Fixed<u8>) -> Result<(), Fault> {
    let data = chunk.page(page, rows)?;
    if data.encoding != Encoding::RLE {
        return Err(Fault::Encoding(data.encoding));
    }
    let validity = chunk.validity(&data, rows)?;
    let bits = &mut chunk.codes;
    bits.clear();
    let octets = data.body().get(4..).unwrap_or_default();
    if !hybrid::decode(octets, 1, data.present, bits) {
        return Err(Fault::Count("octets of a page"));
    }
    column.clear();
    let present = (0..rows).filter(|row| validity.is_valid(*row));
    for (row, bit) in present.zip(bits) {
        column.push(row, *bit as u8);
    }
    Ok(())
}

/// Decodes a page of lists into a column that is empty. Levels are as `write::list` lays them down.
pub(super) fn decode_lists(chunk: &mut Chunk, page: usize, rows: usize, column: &mut ListColumn) -> Result<(), Fault> {
    let data = chunk.page(page, rows)?;
    if data.encoding != Encoding::PLAIN {
        return Err(Fault::Encoding(data.encoding));
    }
    let (mut repeated, mut defined) = (Vec::new(), Vec::new());
    let is_read = hybrid::decode(data.repetition(), 1, data.values, &mut repeated)
        && hybrid::decode(data.definition(), 2, data.values, &mut defined);
    let begins = repeated.iter().filter(|level| **level == 0).count();
    if !is_read || begins != rows || repeated.first().is_some_and(|level| *level != 0) {
        return Err(Fault::Count("levels of a page"));
    }
    let (numbers, _) = data.body().as_chunks::<4>();
    let mut numbers = numbers.iter().map(|octets| u32::from_le_bytes(*octets));
    let (mut level, mut row) = (0, 0);
    column.clear();
    while let Some(first) = defined.get(level) {
        let others = repeated.iter().skip(level + 1).take_while(|repeats| **repeats == 1).count();
        match first {
            0 => {}
            1 => column.push(row, []),
            _ => {
                let list = numbers.by_ref().take(others + 1);
                column.push(row, list);
            }
        }
        level += others + 1;
        row += 1;
    }
    Ok(())
}
