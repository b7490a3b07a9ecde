//! A column chunk in the making: pages one after the other, with what the footer says of them.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type as Physical, ZstdLevel};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

/// Level of zstd: higher ones save a hundredth and cost twice the time.
const ZSTD_LEVEL: i32 = 1;

/// What is shorter is not worth a look of the compressor.
const MIN_COMPRESSED: usize = 64;

/// The compressor, and memory that is used for page after page.
pub(crate) struct Press {
    zstd: zstd::bulk::Compressor<'static>,
    compressed: Vec<u8>,
}

impl Press {
    pub(crate) fn new() -> Result<Self> {
        let zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(|error| ParquetError::External(error.into()))?;
        Ok(Self { zstd, compressed: Vec::new() })
    }

    /// The octets compressed, where that saves enough to be worth the time of undoing it.
    fn press(&mut self, octets: &[u8], always: bool) -> Result<Option<&[u8]>> {
        if octets.len() < MIN_COMPRESSED && !always {
            return Ok(None);
        }
        let bound = zstd::zstd_safe::compress_bound(octets.len());
        if self.compressed.len() < bound {
            self.compressed.resize(bound, 0);
        }
        let length = self.zstd.compress_to_buffer(octets, self.compressed.as_mut_slice());
        let length = length.map_err(|error| ParquetError::External(error.into()))?;
        let worth = always || length < octets.len() - octets.len() / 16;
        Ok(if worth { self.compressed.get(..length) } else { None })
    }
}

/// Smallest and largest value of some rows, as they lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: u64,
    pub(crate) max: u64,
}

/// A page as its encoder hands it over.
pub(crate) struct Body<'a> {
    pub(crate) encoding: Encoding,
    pub(crate) rows: usize,
    /// Values and absent ones: of a list each number counts.
    pub(crate) values: usize,
    pub(crate) absent: usize,
    pub(crate) repetition: &'a [u8],
    pub(crate) definition: &'a [u8],
    pub(crate) octets: &'a [u8],
    pub(crate) bounds: Option<Bounds>,
}

impl<'a> Body<'a> {
    /// A page of rows that have one value or none: so many, of which `present` have one.
    pub(crate) const fn of_rows(encoding: Encoding, rows: usize, present: usize, definition: &'a [u8], octets: &'a [u8]) -> Self {
        Self { encoding, rows, values: rows, absent: rows - present, repetition: &[], definition, octets, bounds: None }
    }
}

/// The pages of a column chunk.
pub(crate) struct Chunk {
    descriptor: ColumnDescPtr,
    sink: TrackedWrite<Vec<u8>>,
    offsets: OffsetIndexBuilder,
    index: ColumnIndexBuilder,
    has_index: bool,
    encodings: Vec<Encoding>,
    dictionary_at: Option<i64>,
    data_at: Option<i64>,
    uncompressed: usize,
    rows: usize,
    values: usize,
    absent: usize,
    bounds: Option<Bounds>,
}

impl Chunk {
    pub(crate) fn new(descriptor: ColumnDescPtr) -> Self {
        let physical = descriptor.physical_type();
        Self {
            index: ColumnIndexBuilder::new(physical),
            has_index: matches!(physical, Physical::INT32 | Physical::INT64) && descriptor.max_rep_level() == 0,
            descriptor,
            sink: TrackedWrite::new(Vec::new()),
            offsets: OffsetIndexBuilder::new(),
            encodings: vec![Encoding::RLE],
            dictionary_at: None,
            data_at: None,
            uncompressed: 0,
            rows: 0,
            values: 0,
            absent: 0,
            bounds: None,
        }
    }

    /// The dictionary, which comes before the pages.
    pub(crate) fn dictionary(&mut self, octets: &[u8], entries: usize, press: &mut Press) -> Result<()> {
        // A dictionary has no mark by which it could say that it is not compressed.
        let buf = press.press(octets, true)?.unwrap_or_default();
        let buf = Bytes::copy_from_slice(buf);
        let page = Page::DictionaryPage { buf, num_values: count(entries)?, encoding: Encoding::PLAIN, is_sorted: false };
        self.dictionary_at = Some(self.write(page, octets.len())?.0);
        self.note(Encoding::PLAIN);
        Ok(())
    }

    /// The next page.
    pub(crate) fn page(&mut self, body: &Body<'_>, press: &mut Press) -> Result<()> {
        let levels = body.repetition.len() + body.definition.len();
        let pressed = press.press(body.octets, false)?;
        let is_compressed = pressed.is_some();
        let octets = pressed.unwrap_or(body.octets);
        let mut buf = Vec::with_capacity(levels + octets.len());
        buf.extend_from_slice(body.repetition);
        buf.extend_from_slice(body.definition);
        buf.extend_from_slice(octets);
        let page = Page::DataPageV2 {
            buf: buf.into(),
            num_values: count(body.values)?,
            encoding: body.encoding,
            num_nulls: count(body.absent)?,
            num_rows: count(body.rows)?,
            def_levels_byte_len: count(body.definition.len())?,
            rep_levels_byte_len: count(body.repetition.len())?,
            is_compressed,
            statistics: None,
        };
        let (at, size) = self.write(page, levels + body.octets.len())?;
        self.data_at.get_or_insert(at);
        self.note(body.encoding);
        self.offsets.append_offset_and_size(at, size);
        self.offsets.append_row_count(body.rows as i64);
        self.has_index &= body.bounds.is_some() || body.absent == body.values;
        if self.has_index {
            let (min, max) = body.bounds.map_or_else(Default::default, |bounds| (self.plain(bounds.min), self.plain(bounds.max)));
            self.index.append(body.bounds.is_none(), min, max, body.absent as i64);
        }
        self.rows += body.rows;
        self.values += body.values;
        self.absent += body.absent;
        if let Some(bounds) = body.bounds {
            self.bounds = Some(self.bounds.map_or(bounds, |all| self.union(all, bounds)));
        }
        Ok(())
    }

    /// The finished chunk, to be appended to a row group.
    pub(crate) fn close(self, bloom_filter: Option<Sbbf>) -> Result<(Bytes, ColumnCloseResult)> {
        let statistics = self.statistics();
        let octets = self.sink.into_inner()?;
        let level = ZstdLevel::try_new(ZSTD_LEVEL)?;
        let mut metadata = ColumnChunkMetaData::builder(self.descriptor)
            .set_compression(Compression::ZSTD(level))
            .set_encodings(self.encodings)
            .set_total_compressed_size(octets.len() as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_num_values(self.values as i64)
            .set_data_page_offset(self.data_at.unwrap_or(0))
            .set_dictionary_page_offset(self.dictionary_at);
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: octets.len() as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter,
            column_index: if self.has_index { Some(self.index.build()?) } else { None },
            offset_index: Some(self.offsets.build()),
        };
        Ok((octets.into(), close))
    }

    /// Where the page begins, and its size with its head.
    fn write(&mut self, page: Page, uncompressed: usize) -> Result<(i64, i32)> {
        let spec = SerializedPageWriter::new(&mut self.sink).write_page(CompressedPage::new(page, uncompressed))?;
        self.uncompressed += spec.uncompressed_size;
        Ok((spec.offset as i64, i32::try_from(spec.bytes_written).map_err(|_| too_large())?))
    }

    fn note(&mut self, encoding: Encoding) {
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
    }

    fn is_signed(&self) -> bool {
        !matches!(self.descriptor.logical_type_ref(), Some(parquet::basic::LogicalType::Integer(_)))
    }

    fn union(&self, one: Bounds, other: Bounds) -> Bounds {
        if self.is_signed() {
            let (min, max) = ((one.min as i64).min(other.min as i64), (one.max as i64).max(other.max as i64));
            Bounds { min: min as u64, max: max as u64 }
        } else {
            Bounds { min: one.min.min(other.min), max: one.max.max(other.max) }
        }
    }

    /// A value as the index of pages has it.
    fn plain(&self, value: u64) -> Vec<u8> {
        match self.descriptor.physical_type() {
            Physical::INT32 => (value as u32).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        }
    }

    fn statistics(&self) -> Option<Statistics> {
        let absent = Some(self.absent as u64);
        let (min, max) = self.bounds.map(|bounds| (bounds.min, bounds.max)).unzip();
        match self.descriptor.physical_type() {
            Physical::INT32 => {
                let narrow = |value: Option<u64>| value.map(|value| value as u32 as i32);
                Some(Statistics::Int32(ValueStatistics::new(narrow(min), narrow(max), None, absent, false)))
            }
            Physical::INT64 => {
                let wide = |value: Option<u64>| value.map(|value| value as i64);
                Some(Statistics::Int64(ValueStatistics::new(wide(min), wide(max), None, absent, false)))
            }
            _ => None,
        }
    }
}

fn count(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|_| too_large())
}

fn too_large() -> ParquetError {
    ParquetError::General("a page of more than 2 GiB".into())
}
