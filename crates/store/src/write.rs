//! Writes columnar files: rows of one table in order of arrival, in row groups of bounded size.
//!
//! Pages are encoded here, straight from the vectors of the batches; the file around them (heads, footer, indexes) is the work of the `parquet` crate. Rows
//! stay in the order in which they came: so times and exporters cost next to nothing, time ranges are cut exactly, and nothing is sorted.
//!
//! Memory: the raw columns of one row group a table, at most [`MAX_GROUP_ROWS`] rows and about [`MAX_GROUP_OCTETS`], and its encoded octets one column at a time.

mod chunk;
mod dictionary;
mod list;
mod merge;
mod number;
mod segment;
mod source;
mod text;

use std::io::Write;
use std::sync::Arc;

use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;
use weir_record::{AnyColumn, ColumnInfo, ColumnType};

pub(crate) use merge::merge;
pub(crate) use segment::SegmentWriter;
pub(crate) use segment::is_event;

use crate::error::StoreError;
use crate::layout::{self, Divisor, FORMAT_VERSION, FileTable, Kind, Leaf, key};
use crate::manifest::TableKind;
use crate::times::Times;
use chunk::Press;

/// Most rows of a row group.
pub(crate) const MAX_GROUP_ROWS: usize = 1 << 20;
/// Octets of raw columns from which on a row group is closed.
pub(crate) const MAX_GROUP_OCTETS: usize = 192 << 20;

/// What was written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileSummary {
    /// Rows.
    pub(crate) rows: u64,
    /// Octets of the file.
    pub(crate) octets: u64,
    /// The time that its rows cover.
    pub(crate) times: Times,
}

/// Writes the batches of a table to as few files as their columns allow: one, unless a later row group has columns that the first one lacks. `open` makes the
/// next file.
pub(crate) struct TableWriter<T, W: Write, F> {
    table: TableKind,
    open: F,
    group: Vec<T>,
    rows: usize,
    octets: usize,
    file: Option<OpenFile<W>>,
    done: Vec<(W, FileSummary)>,
    encoder: Option<Encoder>,
}

/// The compressor and memory of the encoders, kept from column to column.
struct Encoder {
    press: Press,
    scratch: number::Scratch,
}

struct OpenFile<W: Write> {
    writer: SerializedFileWriter<Counted<W>>,
    leaves: Vec<Leaf>,
    descriptors: Vec<ColumnDescPtr>,
    groups: Vec<(usize, Times)>,
    checksums: Vec<Vec<u32>>,
    /// Of bloom filters.
    filters: Vec<Vec<u32>>,
}

impl<T: FileTable, W: Write + Send, E: From<ParquetError>, F: FnMut() -> Result<W, E>> TableWriter<T, W, F> {
    /// A writer of one table.
    pub(crate) const fn new(table: TableKind, open: F) -> Self {
        Self { table, open, group: Vec::new(), rows: 0, octets: 0, file: None, done: Vec::new(), encoder: None }
    }

    /// Takes the next batch, finished.
    pub(crate) fn push(&mut self, batch: T) -> Result<(), E> {
        let (rows, octets) = (batch.rows(), memory(&batch));
        if rows == 0 {
            return Ok(());
        }
        if self.rows + rows > MAX_GROUP_ROWS || (self.rows > 0 && self.octets + octets > MAX_GROUP_OCTETS) {
            self.flush()?;
        }
        self.rows += rows;
        self.octets += octets;
        self.group.push(batch);
        Ok(())
    }

    /// Writes what is held, ends the last file, and gives every file with what it holds.
    pub(crate) fn finish(mut self) -> Result<Vec<(W, FileSummary)>, E> {
        self.flush()?;
        self.end_file()?;
        Ok(self.done)
    }

    /// Writes the batches held as a row group.
    fn flush(&mut self) -> Result<(), E> {
        if self.group.is_empty() {
            return Ok(());
        }
        let leaves = leaves_of(&self.group);
        if self.file.as_ref().is_some_and(|file| !file.holds(&leaves)) {
            self.end_file()?;
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenFile::new((self.open)()?, T::COLUMNS, leaves)?,
        };
        let file = self.file.insert(file);
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder { press: Press::new()?, scratch: number::Scratch::default() }),
        };
        file.write(&self.group, encoder)?;
        self.group.clear();
        (self.rows, self.octets) = (0, 0);
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), E> {
        if let Some(file) = self.file.take() {
            self.done.push(file.end(self.table)?);
        }
        Ok(())
    }
}

/// Counts the octets of a file.
struct Counted<W> {
    inner: W,
    octets: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(octets)?;
        self.octets += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write + Send> OpenFile<W> {
    fn new(sink: W, columns: &[ColumnInfo], leaves: Vec<Leaf>) -> Result<Self, ParquetError> {
        let schema = layout::schema(columns, &leaves)?;
        let writer =
            SerializedFileWriter::new(Counted { inner: sink, octets: 0 }, schema, Arc::new(WriterProperties::builder().build()))?;
        let descriptors = writer.schema_descr().columns().to_vec();
        Ok(Self { writer, leaves, descriptors, groups: Vec::new(), checksums: Vec::new(), filters: Vec::new() })
    }

    /// True where a row group of these leaves can be written without loss.
    fn holds(&self, leaves: &[Leaf]) -> bool {
        leaves.iter().all(|leaf| {
            let own = self.leaves.iter().find(|own| (own.column, own.part) == (leaf.column, leaf.part));
            own.is_some_and(|own| match (own.kind, leaf.kind) {
                (Kind::Time(own), Kind::Time(needed)) => own <= needed,
                (own, needed) => own == needed,
            })
        })
    }

    fn write<T: FileTable>(&mut self, group: &[T], encoder: &mut Encoder) -> Result<(), ParquetError> {
        let Encoder { press, scratch } = encoder;
        let (mut checksums, mut filters) = (Vec::with_capacity(self.leaves.len()), Vec::with_capacity(self.leaves.len()));
        let mut row_group = self.writer.next_row_group()?;
        let mut parts: Vec<(usize, AnyColumn<'_>)> = Vec::with_capacity(group.len());
        for (leaf, descriptor) in self.leaves.iter().zip(&self.descriptors) {
            parts.clear();
            parts.extend(group.iter().map(|batch| (batch.rows(), batch.any(leaf.column))));
            let descriptor = descriptor.clone();
            let (octets, close) = match leaf.kind {
                Kind::Text => text::write(descriptor, words(T::COLUMNS, leaf.column), &parts, press)?,
                Kind::List => list::write(descriptor, &parts, press)?,
                _ => number::write(descriptor, *leaf, &parts, scratch, press)?,
            };
            checksums.push(crc32c::crc32c(&octets));
            filters.push(close.bloom_filter.as_ref().map_or(Ok(0), bloom_checksum)?);
            row_group.append_column(&octets, close)?;
        }
        row_group.close()?;
        self.checksums.push(checksums);
        self.filters.push(filters);
        let mut times = Times::NONE;
        group.iter().for_each(|batch| times.extend(&batch.times()));
        self.groups.push((group.iter().map(T::rows).sum(), times));
        Ok(())
    }

    fn end(mut self, table: TableKind) -> Result<(W, FileSummary), ParquetError> {
        let mut times = Times::NONE;
        self.groups.iter().for_each(|(_, group)| times.extend(group));
        let rows = self.groups.iter().map(|(rows, _)| *rows as u64).sum();
        let (groups, checksums) = (layout::describe_groups(&self.groups), layout::describe_checksums(&self.checksums));
        let filters = layout::describe_checksums(&self.filters);
        let texts = [table.name(), groups.as_str(), checksums.as_str(), filters.as_str()];
        let footer = layout::footer_checksum(self.writer.schema_descr(), self.writer.flushed_row_groups(), &texts);
        for (key, value) in [
            (key::FORMAT, FORMAT_VERSION),
            (key::TABLE, table.name()),
            (key::ROW_GROUPS, &groups),
            (key::CHECKSUMS, &checksums),
            (key::BLOOM_FILTERS, &filters),
            (key::FOOTER, &footer.to_string()),
        ] {
            self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value.to_owned()));
        }
        let Counted { inner, octets } = self.writer.into_inner()?;
        Ok((inner, FileSummary { rows, octets, times }))
    }
}

/// Checksum of a filter as it lies in a file.
fn bloom_checksum(filter: &Sbbf) -> Result<u32, ParquetError> {
    let mut octets = Vec::new();
    filter.write(&mut octets)?;
    Ok(crc32c::crc32c(&octets))
}

/// What goes wrong in the writer of the file is mostly the disk's doing, and is told as such.
impl From<ParquetError> for StoreError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
                Ok(source) => Self::Io { what: "write", path: "a data file".into(), source: *source },
                Err(cause) => Self::Encode { what: cause.to_string() },
            },
            error => Self::Encode { what: error.to_string() },
        }
    }
}

/// The leaves that rows of some batches need.
fn leaves_of<T: FileTable>(group: &[T]) -> Vec<Leaf> {
    let filled = (0..T::COLUMNS.len()).filter(|column| group.iter().any(|batch| !batch.any(*column).is_empty()));
    filled.flat_map(|column| layout::leaves(T::COLUMNS, column, divisor(group, column))).collect()
}

/// The coarsest unit that holds every time of a column.
fn divisor<T: FileTable>(group: &[T], column: usize) -> Divisor {
    let mut divisor = Divisor::Million;
    for batch in group {
        let AnyColumn::Time(times) = batch.any(column) else {
            return Divisor::One;
        };
        for time in times.values() {
            if divisor == Divisor::Million && time % 1_000_000 != 0 {
                divisor = Divisor::Thousand;
            }
            if divisor == Divisor::Thousand && time % 1_000 != 0 {
                return Divisor::One;
            }
        }
    }
    divisor
}

fn words(columns: &'static [ColumnInfo], column: usize) -> &'static [&'static str] {
    match columns.get(column).map(|info| info.column_type) {
        Some(ColumnType::Enum(words)) => words,
        _ => &[],
    }
}

/// Octets of memory that a batch takes.
fn memory<T: FileTable>(batch: &T) -> usize {
    let octets = |column| match batch.any(column) {
        AnyColumn::U8(c) => c.memory(),
        AnyColumn::U16(c) => c.memory(),
        AnyColumn::U32(c) => c.memory(),
        AnyColumn::U64(c) => c.memory(),
        AnyColumn::Time(c) => c.memory(),
        AnyColumn::Ip(c) => c.memory(),
        AnyColumn::Text(c) => c.memory(),
        AnyColumn::List(c) => c.memory(),
    };
    (0..T::COLUMNS.len()).map(octets).sum()
}
