//! Reads columnar files: footer, row groups and pages, straight into the vectors of a batch.
//!
//! A page is a block of rows that is the same in every column, so a reader can decode the columns of a filter for a block first, and the others only where it
//! selects a row. Every column chunk has a checksum in the footer; what does not match it is an error and not a value. Columns that this program does not know
//! are passed over, those that a file lacks are absent.

mod bits;
mod buffers;
mod head;
mod number;
mod page;
mod pick;
#[cfg(test)]
mod tests;
mod text;

use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};
use weir_record::{AnyColumnMut, ColumnInfo, ColumnType, Table};

use crate::error::StoreError;
use crate::layout::{self, Divisor, FORMAT_VERSION, FileTable, Kind, PAGE_ROWS, key};
use crate::manifest::TableKind;
use crate::place::Place;
use crate::times::Times;
pub(crate) use page::Wanted;
use page::{Chunk, Fault};

/// Octets of a footer that are believed.
const MAX_FOOTER: u64 = 256 << 20;

/// A columnar file whose footer is read.
pub(crate) struct TableFile {
    name: String,
    octets: Source,
    metadata: ParquetMetaData,
    table: TableKind,
    groups: Vec<GroupInfo>,
}

/// Where the octets of a file come from.
enum Source {
    Local(File),
    Remote(Place),
}

/// What a file says of a row group.
struct GroupInfo {
    rows: usize,
    times: Times,
    checksums: Vec<u32>,
    /// Of bloom filters.
    filters: Vec<u32>,
}

impl TableFile {
    /// Opens a file of a store and reads its footer.
    ///
    /// # Errors
    /// [`StoreError::Gone`] where it is not there, [`StoreError::Damaged`] where its footer makes no sense, [`StoreError::Version`] where it is of another format.
    pub(crate) fn open(place: &Place, name: &str) -> Result<Self, StoreError> {
        let octets = match place.local_path(name) {
            Some(path) => match File::open(&path) {
                Ok(file) => Source::Local(file),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Err(StoreError::Gone { name: name.to_owned() });
                }
                Err(error) => return Err(StoreError::io("open", &path)(error)),
            },
            None => Source::Remote(place.clone()),
        };
        let size = match &octets {
            Source::Local(file) => file.metadata().map_err(StoreError::io("read", Path::new(name)))?.len(),
            Source::Remote(place) => place.size(name)?,
        };
        let metadata = read_footer(&octets, name, size)?;
        let damaged = |what: &str| StoreError::Damaged { path: name.into(), what: what.to_owned() };
        let said = |key: &str| {
            let pairs = metadata.file_metadata().key_value_metadata();
            pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == key)).and_then(|pair| pair.value.as_deref())
        };
        match said(key::FORMAT) {
            Some(FORMAT_VERSION) => {}
            Some(found) => return Err(StoreError::Version { path: name.into(), found: found.to_owned() }),
            None => return Err(damaged("it does not say that it is a file of Weir")),
        }
        let (table, groups, checksums) = (said(key::TABLE), said(key::ROW_GROUPS), said(key::CHECKSUMS));
        let filters = said(key::BLOOM_FILTERS);
        let texts: Vec<&str> = [table, groups, checksums, filters].into_iter().flatten().collect();
        let footer = layout::footer_checksum(metadata.file_metadata().schema_descr(), metadata.row_groups(), &texts);
        if said(key::FOOTER) != Some(footer.to_string().as_str()) {
            return Err(damaged("its footer does not match its checksum"));
        }
        let table = TableKind::ALL.into_iter().find(|kind| table == Some(kind.name()));
        let table = table.ok_or_else(|| damaged("it does not say of which table it is"))?;
        let told = groups.and_then(layout::read_groups).ok_or_else(|| damaged("rows and times of its row groups"))?;
        let checksums = checksums.and_then(layout::read_checksums).ok_or_else(|| damaged("checksums of its column chunks"))?;
        // The first files do not say it; then no filter is believed.
        let filters = filters.map_or_else(|| Some(vec![Vec::new(); told.len()]), layout::read_checksums);
        let filters = filters.ok_or_else(|| damaged("checksums of its bloom filters"))?;
        let is_complete = [metadata.num_row_groups(), checksums.len(), filters.len()].iter().all(|groups| *groups == told.len());
        if !is_complete {
            return Err(damaged("what it says of its row groups is not about all of them"));
        }
        let mut groups = Vec::with_capacity(told.len());
        let sums = checksums.into_iter().zip(filters);
        for (((rows, times), (checksums, filters)), group) in told.into_iter().zip(sums).zip(metadata.row_groups()) {
            let rows = usize::try_from(rows).unwrap_or(usize::MAX);
            if group.num_rows() != rows as i64 || checksums.len() != group.num_columns() {
                return Err(damaged("rows or columns of a row group"));
            }
            groups.push(GroupInfo { rows, times, checksums, filters });
        }
        Ok(Self { name: name.to_owned(), octets, metadata, table, groups })
    }

    /// Whose rows it has.
    pub(crate) const fn table(&self) -> TableKind {
        self.table
    }

    /// How many row groups it has.
    pub(crate) const fn row_groups(&self) -> usize {
        self.groups.len()
    }

    /// Rows of a row group.
    pub(crate) fn group_rows(&self, group: usize) -> usize {
        self.groups.get(group).map_or(0, |group| group.rows)
    }

    /// The time that rows of a row group cover.
    pub(crate) fn group_times(&self, group: usize) -> Times {
        self.groups.get(group).map_or(Times::NONE, |group| group.times)
    }

    /// Begins to read a row group.
    pub(crate) fn group<T: FileTable>(&self, group: usize) -> GroupReader<'_> {
        GroupReader { file: self, group, table: T::COLUMNS, columns: Vec::new(), octets: 0 }
    }

    /// Reads columns (places in the table) of a row group, a page a batch, and hands the batches over.
    ///
    /// # Errors
    /// Where the file cannot be read or is damaged.
    pub(crate) fn read_group<T: FileTable>(
        &self,
        group: usize,
        columns: &[usize],
        take: &mut dyn FnMut(&mut T) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read_pages(group, columns, None, take)
    }

    /// The same of the pages that are wanted. Of the others no more is read than tells that.
    pub(crate) fn read_pages<T: FileTable>(
        &self,
        group: usize,
        columns: &[usize],
        wanted: Option<&PageFilter<'_, T>>,
        take: &mut dyn FnMut(&mut T) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut reader = self.group::<T>(group);
        let mut batch = T::default();
        let first = wanted.map_or(&[][..], |wanted| wanted.columns);
        let others: Vec<usize> = columns.iter().copied().filter(|column| !first.contains(column)).collect();
        for page in 0..reader.pages() {
            let rows = reader.page_rows(page).len();
            batch.clear();
            reader.read(page, first, &mut batch)?;
            if wanted.is_some_and(|wanted| !(wanted.wants)(&batch, rows)) {
                continue;
            }
            reader.read(page, &others, &mut batch)?;
            batch.advance(rows);
            batch.finish();
            if take(&mut batch).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// What the footer says of a leaf in a row group.
    pub(crate) fn chunk(&self, group: usize, name: &str) -> Option<&ColumnChunkMetaData> {
        let index = self.index_of(name)?;
        self.metadata.row_groups().get(group).map(|group| group.column(index))
    }

    /// The bloom filter of a leaf in a row group; nothing where there is none, or it is damaged, since such a one would hide rows.
    pub(crate) fn bloom(&self, group: usize, name: &str) -> Option<Sbbf> {
        let chunk = self.chunk(group, name)?;
        let start = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
        let length = u64::try_from(chunk.bloom_filter_length()?).ok()?;
        let octets = self.fetch(start..start.checked_add(length)?).ok()?;
        let expected = self.groups.get(group)?.filters.get(self.index_of(name)?)?;
        if *expected != crc32c::crc32c(&octets) {
            return None;
        }
        Sbbf::from_bytes(&octets).ok()
    }

    /// The place among a file's columns of the one of that name.
    fn index_of(&self, name: &str) -> Option<usize> {
        let schema = self.metadata.file_metadata().schema_descr();
        (0..schema.num_columns()).find(|index| schema.get_column_root(*index).name() == name)
    }

    /// Octets of the file in a range.
    fn fetch(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.octets.fetch(&self.name, range)
    }

    fn damaged(&self, what: String) -> StoreError {
        StoreError::Damaged { path: self.name.clone().into(), what }
    }
}

impl Source {
    fn fetch(&self, name: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        match self {
            Self::Local(file) => {
                let size = file.metadata().map_err(StoreError::io("read", Path::new(name)))?.len();
                let length = range.end.checked_sub(range.start).filter(|_| range.end <= size);
                let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
                    return Err(StoreError::Damaged {
                        path: name.into(),
                        what: format!("octets {range:?} of {size} are asked for"),
                    });
                };
                let mut octets = buffers::take(length);
                file.read_exact_at(&mut octets, range.start).map_err(StoreError::io("read", Path::new(name)))?;
                Ok(octets.into())
            }
            Self::Remote(place) => Ok(place.get_range(name, range)?),
        }
    }
}

fn read_footer(octets: &Source, name: &str, size: u64) -> Result<ParquetMetaData, StoreError> {
    let damaged = |what: String| StoreError::Damaged { path: name.into(), what };
    let Some(tail_at) = size.checked_sub(8) else {
        return Err(damaged(format!("it has {size} octets, fewer than a footer")));
    };
    let tail = octets.fetch(name, tail_at..size)?;
    let (Some(length), Some(b"PAR1")) = (tail.first_chunk::<4>(), tail.get(4..)) else {
        return Err(damaged("it does not end as a Parquet file does".to_owned()));
    };
    let length = u64::from(u32::from_le_bytes(*length));
    let Some(footer_at) = tail_at.checked_sub(length).filter(|_| length <= MAX_FOOTER) else {
        return Err(damaged(format!("a footer of {length} octets in a file of {size}")));
    };
    let footer = octets.fetch(name, footer_at..tail_at)?;
    ParquetMetaDataReader::decode_metadata(&footer).map_err(|error| damaged(format!("footer: {error}")))
}

/// Names under which the leaves of a column lie in a file.
fn names_of(columns: &[ColumnInfo], column: usize) -> impl Iterator<Item = String> {
    let name = columns.get(column).map_or("", |info| info.name);
    let is_address = columns.get(column).is_some_and(|info| info.column_type == ColumnType::Ip);
    let ends: &[&str] = if is_address { &["_high", "_low"] } else { &[""] };
    ends.iter().map(move |end| format!("{name}{end}"))
}

/// Which pages are wanted.
pub(crate) struct PageFilter<'a, T> {
    /// The columns that tell it.
    pub(crate) columns: &'a [usize],
    /// Told by these columns of a page and its number of rows.
    pub(crate) wants: &'a dyn Fn(&T, usize) -> bool,
}

/// Reads the pages of a row group that are asked for.
pub(crate) struct GroupReader<'a> {
    file: &'a TableFile,
    group: usize,
    table: &'static [ColumnInfo],
    /// What was begun, by column.
    columns: Vec<(usize, Opened)>,
    octets: u64,
}

/// The chunks of a column; nothing where the file lacks it.
enum Opened {
    Absent,
    One(Box<Chunk>),
    Two(Box<(Chunk, Chunk)>),
}

impl<'a> GroupReader<'a> {
    /// Number of pages, in every column the same.
    pub(crate) fn pages(&self) -> usize {
        self.file.group_rows(self.group).div_ceil(PAGE_ROWS)
    }

    /// Rows of a page.
    pub(crate) fn page_rows(&self, page: usize) -> Range<usize> {
        let rows = self.file.group_rows(self.group);
        rows.min(page * PAGE_ROWS)..rows.min((page + 1) * PAGE_ROWS)
    }

    /// Octets fetched so far.
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    /// Decodes a page of columns into a batch, from its first row on; the batch is not advanced.
    pub(crate) fn read<T: Table>(&mut self, page: usize, columns: &[usize], batch: &mut T) -> Result<(), StoreError> {
        let rows = self.page_rows(page).len();
        for column in columns {
            let decoded = decode(self.opened(*column)?, page, rows, batch.any_mut(*column));
            decoded.map_err(|fault| self.damaged(*column, page, &fault))?;
        }
        Ok(())
    }

    /// Decodes some rows of a page, in ascending order, as rows of a batch that has none yet; the batch is not advanced.
    pub(crate) fn pick<T: Table>(
        &mut self,
        page: usize,
        columns: &[usize],
        rows: &[usize],
        batch: &mut T,
    ) -> Result<(), StoreError> {
        let all = self.page_rows(page).len();
        for column in columns {
            let picked = pick::pick(self.opened(*column)?, page, all, rows, batch.any_mut(*column));
            picked.map_err(|fault| self.damaged(*column, page, &fault))?;
        }
        Ok(())
    }

    /// Adds to `places` the rows of a page of which the lower half of an address is in one of the ranges, in no order; false where each of them may be. What the
    /// dictionary says is kept in `wanted` for the other pages of the row group.
    pub(crate) fn find(
        &mut self,
        page: usize,
        column: usize,
        low: &[(u64, u64)],
        wanted: &mut Option<Wanted>,
        places: &mut Vec<usize>,
    ) -> Result<bool, StoreError> {
        if matches!(wanted, Some(Wanted::Nothing)) {
            return Ok(true);
        }
        let rows = self.page_rows(page).len();
        let found = match self.opened(column)? {
            Opened::Absent | Opened::One(_) => return Ok(true),
            Opened::Two(chunks) => chunks.1.find(page, rows, low, wanted, places),
        };
        found.map_err(|fault| self.damaged(column, page, &fault))
    }

    fn opened(&mut self, column: usize) -> Result<&mut Opened, StoreError> {
        let place = match self.columns.iter().position(|(opened, _)| *opened == column) {
            Some(place) => place,
            None => {
                let opened = self.open(column)?;
                self.columns.push((column, opened));
                self.columns.len() - 1
            }
        };
        match self.columns.get_mut(place) {
            Some((_, opened)) => Ok(opened),
            None => Err(self.file.damaged(format!("column {column}"))),
        }
    }

    fn damaged(&self, column: usize, page: usize, fault: &Fault) -> StoreError {
        let name = self.table.get(column).map_or("", |info| info.name);
        self.file.damaged(format!("row group {}, column {name}, page {page}: {fault}", self.group))
    }

    fn open(&mut self, column: usize) -> Result<Opened, StoreError> {
        let mut chunks = Vec::new();
        for name in names_of(self.table, column) {
            let Some(chunk) = self.open_chunk(column, &name)? else {
                return Ok(Opened::Absent);
            };
            chunks.push(chunk);
        }
        let mut chunks = chunks.into_iter();
        Ok(match (chunks.next(), chunks.next()) {
            (Some(high), Some(low)) => Opened::Two(Box::new((high, low))),
            (Some(one), None) => Opened::One(Box::new(one)),
            _ => Opened::Absent,
        })
    }

    /// Fetches and checks a column chunk.
    fn open_chunk(&mut self, column: usize, name: &str) -> Result<Option<Chunk>, StoreError> {
        let file = self.file;
        let schema = file.metadata.file_metadata().schema_descr();
        let (Some(index), Some(info)) = (file.index_of(name), file.groups.get(self.group)) else {
            return Ok(None);
        };
        let damaged = |what: &str| file.damaged(format!("row group {}, column {name}: {what}", self.group));
        let metadata = file.metadata.row_group(self.group).column(index);
        let expected = self.table.get(column).map(|info| info.column_type);
        let Some(kind) = expected.and_then(|column_type| kind_of(column_type, &schema.column(index))) else {
            return Err(damaged("its type is not that of the table"));
        };
        let (first, length) =
            (metadata.dictionary_page_offset().unwrap_or(metadata.data_page_offset()), metadata.compressed_size());
        let (Ok(first), Ok(length)) = (u64::try_from(first), u64::try_from(length)) else {
            return Err(damaged("its place in the file"));
        };
        let octets = file.fetch(first..first.saturating_add(length))?;
        self.octets += length;
        if info.checksums.get(index) != Some(&crc32c::crc32c(&octets)) {
            return Err(damaged("its octets do not match their checksum"));
        }
        let words = match expected {
            Some(ColumnType::Enum(words)) => words,
            _ => &[],
        };
        let chunk = Chunk::new(octets, kind, words).map_err(|fault| damaged(&fault.to_string()))?;
        Ok(Some(chunk))
    }
}

/// How the values of a file's column lie, where it is of the type that the table has.
fn kind_of(expected: ColumnType, descriptor: &parquet::schema::types::ColumnDescPtr) -> Option<Kind> {
    use parquet::basic::{LogicalType, TimeUnit, Type as Physical};
    let is_list = descriptor.max_rep_level() == 1;
    match (expected, descriptor.physical_type()) {
        (ColumnType::Bool, Physical::BOOLEAN) => Some(Kind::Bool),
        (ColumnType::List, Physical::INT32) if is_list => Some(Kind::List),
        (ColumnType::U8 | ColumnType::U16 | ColumnType::U32, Physical::INT32) if !is_list => Some(Kind::Narrow),
        (ColumnType::U64 | ColumnType::Mac | ColumnType::Ip, Physical::INT64) => Some(Kind::Wide),
        (ColumnType::Text | ColumnType::Json | ColumnType::Enum(_), Physical::BYTE_ARRAY) => Some(Kind::Text),
        (ColumnType::Time, Physical::INT64) => match descriptor.logical_type_ref() {
            Some(LogicalType::Timestamp(time)) => Some(Kind::Time(match time.unit {
                TimeUnit::MILLIS => Divisor::Million,
                TimeUnit::MICROS => Divisor::Thousand,
                TimeUnit::NANOS => Divisor::One,
            })),
            _ => None,
        },
        _ => None,
    }
}

/// Decodes a page of a column.
fn decode(opened: &mut Opened, page: usize, rows: usize, column: AnyColumnMut<'_>) -> Result<(), Fault> {
    match (opened, column) {
        (Opened::Absent, _) => Ok(()),
        (Opened::Two(chunks), AnyColumnMut::Ip(column)) => {
            number::decode_addresses(&mut chunks.0, &mut chunks.1, page, rows, column)
        }
        (Opened::One(chunk), AnyColumnMut::U8(column)) => match chunk.kind {
            Kind::Bool => bits::decode(chunk, page, rows, column),
            Kind::Text => text::decode_words(chunk, page, rows, column),
            _ => number::decode(chunk, page, rows, column),
        },
        (Opened::One(chunk), AnyColumnMut::U16(column)) => number::decode(chunk, page, rows, column),
        (Opened::One(chunk), AnyColumnMut::U32(column)) => number::decode(chunk, page, rows, column),
        (Opened::One(chunk), AnyColumnMut::U64(column)) => number::decode(chunk, page, rows, column),
        (Opened::One(chunk), AnyColumnMut::Time(column)) => number::decode(chunk, page, rows, column),
        (Opened::One(chunk), AnyColumnMut::Text(column)) => text::decode(chunk, page, rows, column),
        (Opened::One(chunk), AnyColumnMut::List(column)) => bits::decode_lists(chunk, page, rows, column),
        _ => Err(Fault::Type),
    }
}
