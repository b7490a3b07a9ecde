//! Chunks of lists of numbers.
//!
//! Standard: Parquet format, "Nested Encoding". A row without a list is level 0, an empty list 1, each number 2; the first of a row repeats nothing (0), the
//! others the list (1).

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;
use weir_record::AnyColumn;

use super::chunk::{Body, Chunk, Press};
use super::source::{Parts, pages};
use crate::layout::hybrid;

/// Lays down a column of lists.
pub(crate) fn write(descriptor: ColumnDescPtr, parts: &Parts<'_>, press: &mut Press) -> Result<(Bytes, ColumnCloseResult)> {
    let mut chunk = Chunk::new(descriptor);
    let mut lists = parts.iter().flat_map(|(rows, column)| (0..*rows).map(move |row| list(column, row)));
    let (mut octets, mut repeated, mut defined) = (Vec::new(), Vec::new(), Vec::new());
    let (mut repetition, mut definition) = (Vec::new(), Vec::new());
    for page in pages(parts.iter().map(|(rows, _)| rows).sum()) {
        octets.clear();
        repeated.clear();
        defined.clear();
        for list in lists.by_ref().take(page.len()) {
            repeated.push(0);
            match list {
                None => defined.push(0),
                Some([]) => defined.push(1),
                Some(numbers) => {
                    repeated.resize(repeated.len() + numbers.len() - 1, 1);
                    defined.resize(defined.len() + numbers.len(), 2);
                    octets.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
                }
            }
        }
        repetition.clear();
        definition.clear();
        hybrid::encode(&repeated, 1, &mut repetition);
        hybrid::encode(&defined, 2, &mut definition);
        let body = Body {
            encoding: Encoding::PLAIN,
            rows: page.len(),
            values: defined.len(),
            absent: defined.len() - octets.len() / 4,
            repetition: &repetition,
            definition: &definition,
            octets: &octets,
            bounds: None,
        };
        chunk.page(&body, press)?;
    }
    chunk.close(None)
}

fn list<'a>(column: &AnyColumn<'a>, row: usize) -> Option<&'a [u32]> {
    match column {
        AnyColumn::List(column) => column.get(row),
        _ => None,
    }
}
