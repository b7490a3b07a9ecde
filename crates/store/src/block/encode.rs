//! Batches to blocks.

use weir_record::AnyColumn;
use weir_record::column::{Fixed, IpColumn, ListColumn, TextColumn, Validity};

use super::directory::{GAPS, SAME, SHORT, storage, write_varint};
use super::number::{self, Number};
use super::{BlockError, BlockTable, HEADER, Header, MAX_BODY, MAX_ROWS};

/// Most octets that one repeated text may grow to when it is read.
pub(super) const MAX_REPEATED: usize = 16 << 20;

/// Writes blocks to a buffer that it keeps.
#[derive(Default)]
pub(crate) struct Encoder {
    octets: Vec<u8>,
    directory: Vec<u8>,
}

impl Encoder {
    /// The blocks written since [`Encoder::clear`], one after the other.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Octets of memory, spare room included.
    pub(crate) const fn memory(&self) -> usize {
        self.octets.capacity() + self.directory.capacity()
    }

    pub(crate) fn clear(&mut self) {
        self.octets.clear();
    }

    /// Appends a batch as one block; after an error nothing of it is left.
    pub(crate) fn append<T: BlockTable>(&mut self, batch: &T) -> Result<Header, BlockError> {
        let start = self.octets.len();
        let header = self.append_unchecked(batch, start);
        if header.is_err() {
            self.octets.truncate(start);
        }
        header
    }

    fn append_unchecked<T: BlockTable>(&mut self, batch: &T, start: usize) -> Result<Header, BlockError> {
        let rows = batch.rows();
        if rows > MAX_ROWS {
            return Err(BlockError::TooLarge);
        }
        self.octets.resize(start + HEADER, 0);
        self.directory.clear();
        let mut columns = 0;
        for (index, info) in T::COLUMNS.iter().enumerate() {
            columns += u16::from(self.append_column(info.name, batch.any(index), rows));
            if self.octets.len() - start > MAX_BODY {
                return Err(BlockError::TooLarge);
            }
        }
        let values = self.octets.len() - start - HEADER;
        self.octets.extend_from_slice(&self.directory);
        let body = &self.octets[start + HEADER..];
        if body.len() > MAX_BODY {
            return Err(BlockError::TooLarge);
        }
        let header = Header {
            kind: T::KIND,
            columns,
            rows: rows as u32,
            values: values as u32,
            directory: self.directory.len() as u32,
            checksum: crc32c::crc32c(body),
            times: batch.times(),
        };
        if let Some(octets) = self.octets[start..].first_chunk_mut() {
            header.write(octets);
        }
        self.octets.resize(start + header.stride(), 0);
        Ok(header)
    }

    /// Appends the values of a column and its entry; false where no row has a value.
    fn append_column(&mut self, name: &str, column: AnyColumn<'_>, rows: usize) -> bool {
        let validity = column.validity();
        let told = validity.len().min(rows);
        if told == 0 || validity.absent() == validity.len() {
            return false;
        }
        self.directory.push(name.len() as u8);
        self.directory.extend_from_slice(name.as_bytes());
        match column {
            AnyColumn::U8(column) => self.append_numbers(storage::U8, column, told, rows),
            AnyColumn::U16(column) => self.append_numbers(storage::U16, column, told, rows),
            AnyColumn::U32(column) => self.append_numbers(storage::U32, column, told, rows),
            AnyColumn::U64(column) => self.append_numbers(storage::U64, column, told, rows),
            AnyColumn::Time(column) => {
                self.append_form(storage::TIME, validity, told, rows);
                number::write_times(&column.values()[..told], &mut self.directory, &mut self.octets);
            }
            AnyColumn::Ip(column) => self.append_addresses(column, told, rows),
            AnyColumn::Text(column) => self.append_texts(column, told, rows),
            AnyColumn::List(column) => self.append_lists(column, told, rows),
        }
        true
    }

    fn append_form(&mut self, form: u8, validity: &Validity, told: usize, rows: usize) {
        let words = validity.words();
        let gaps = if words.is_some() { GAPS } else { 0 };
        let short = if told < rows { SHORT } else { 0 };
        self.directory.push(form | gaps | short);
        if short != 0 {
            write_varint(&mut self.directory, told as u64);
        }
        for word in words.unwrap_or_default().iter().take(told.div_ceil(64)) {
            self.octets.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn append_numbers<T: Number>(&mut self, form: u8, column: &Fixed<T>, told: usize, rows: usize) {
        self.append_form(form, column.validity(), told, rows);
        number::write(&column.values()[..told], &mut self.directory, &mut self.octets);
    }

    fn append_addresses(&mut self, column: &IpColumn, told: usize, rows: usize) {
        self.append_form(storage::IP, column.validity(), told, rows);
        number::write(&column.high()[..told], &mut self.directory, &mut self.octets);
        number::write(&column.low()[..told], &mut self.directory, &mut self.octets);
    }

    fn append_texts(&mut self, column: &TextColumn, told: usize, rows: usize) {
        let (offsets, octets) = column.parts();
        let offsets = &offsets[..=told];
        let octets = &octets[..offsets[told] as usize];
        if column.validity().absent() == 0
            && let Some(length) = repeated(offsets, octets)
        {
            self.append_form(storage::TEXT | SAME, column.validity(), told, rows);
            write_varint(&mut self.directory, length as u64);
            self.octets.extend_from_slice(&octets[..length]);
            return;
        }
        self.append_form(storage::TEXT, column.validity(), told, rows);
        number::write(offsets, &mut self.directory, &mut self.octets);
        write_varint(&mut self.directory, octets.len() as u64);
        self.octets.extend_from_slice(octets);
    }

    fn append_lists(&mut self, column: &ListColumn, told: usize, rows: usize) {
        let (offsets, values) = column.parts();
        let offsets = &offsets[..=told];
        let values = &values[..offsets[told] as usize];
        self.append_form(storage::LIST, column.validity(), told, rows);
        number::write(offsets, &mut self.directory, &mut self.octets);
        write_varint(&mut self.directory, values.len() as u64);
        number::write_at_least(1, values, &mut self.directory, &mut self.octets);
    }
}

/// The length of the text that all rows have. Octets that are the same after a shift by one text are that text over and over.
fn repeated(offsets: &[i32], octets: &[u8]) -> Option<usize> {
    let length = *offsets.get(1)? as usize;
    let is_even = octets.len() <= MAX_REPEATED && offsets.windows(2).all(|pair| (pair[1] - pair[0]) as usize == length);
    (is_even && octets[length..] == octets[..octets.len() - length]).then_some(length)
}
