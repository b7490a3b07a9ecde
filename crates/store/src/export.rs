//! Export: rows of a table as one file that any program reads.
//!
//! Parquet with friendly types (addresses and words as text, times with their zone), CSV, or JSON Lines as every command writes them. The file appears
//! under its name when it is complete and durable; until then it has another name beside, and an export that was interrupted leaves nothing that looks
//! complete and is simply started again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use weir_query::{Filter, Mask};
use weir_record::write::csv;
use weir_record::write::json::JsonWriter;
use weir_record::{Column, ColumnType, CounterBatch, FlowBatch, HealthBatch, SeriesBatch, Table};

use crate::error::StoreError;
use crate::friendly::{self, Rows};
use crate::manifest::{TableKind, sync_folder};
use crate::scan::{Cancel, ScanRequest, ScanStats, StoredTable};
use crate::snapshot::Snapshot;

/// Rows that are written at a time.
const BATCH_ROWS: usize = 16_384;
/// Rows of a row group of an exported Parquet file.
const GROUP_ROWS: usize = 1 << 20;
/// Octets of a row group's encoded pages, from which on it ends early: what the writer keeps in memory.
const GROUP_OCTETS: usize = 128 << 20;

/// The form of an exported file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Apache Parquet, compressed with zstd.
    Parquet,
    /// Comma-separated values with a head.
    Csv,
    /// One JSON object a line; absent values are left out.
    JsonLines,
}

/// What is exported, and where to.
#[derive(Clone, Copy, Debug)]
pub struct ExportRequest<'a> {
    /// Of which table.
    pub table: TableKind,
    /// Which records; tables other than flows and events are exported whole.
    pub filter: &'a Filter,
    /// What is about a moment from here on, in nanoseconds since 1970.
    pub from: i64,
    /// And before this one.
    pub to: i64,
    /// Names of the columns, in order; empty for all.
    pub columns: &'a [&'a str],
    /// The form.
    pub format: ExportFormat,
    /// The file. One that exists is replaced.
    pub path: &'a Path,
}

/// What an export has done so far, and at its end.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// Rows written.
    pub rows: u64,
    /// Octets written.
    pub octets: u64,
    /// What was read, and what could not be.
    pub stats: ScanStats,
}

/// Writes a file of what a snapshot has. `progress` is told now and then.
///
/// # Errors
/// Where a column is not of the table, a filter is given for a table that has none, the file cannot be written, or it was cancelled. Nothing is left under
/// the file's name then, or what was there before. What could not be read of the store is told in the result.
pub fn export(
    snapshot: &Snapshot,
    request: &ExportRequest<'_>,
    progress: &mut dyn FnMut(&Exported),
    cancel: &Cancel,
) -> Result<Exported, StoreError> {
    let unfinished = Unfinished::create(request.path)?;
    let (file, stats) = match request.table {
        TableKind::Flows | TableKind::Events => flows(snapshot, request, unfinished, progress, cancel)?,
        _ if *request.filter != Filter::any() => {
            return Err(limit(format!(
                "the table {} has no records to filter; export it without a filter",
                request.table.name()
            )));
        }
        TableKind::Counters => rows::<CounterBatch>(snapshot, request, unfinished, progress, cancel)?,
        TableKind::Health => rows::<HealthBatch>(snapshot, request, unfinished, progress, cancel)?,
        TableKind::Series => rows::<SeriesBatch>(snapshot, request, unfinished, progress, cancel)?,
    };
    let mut exported = file.finish()?;
    exported.stats = stats;
    Ok(exported)
}

fn flows(
    snapshot: &Snapshot,
    request: &ExportRequest<'_>,
    unfinished: Unfinished,
    progress: &mut dyn FnMut(&Exported),
    cancel: &Cancel,
) -> Result<(Export, ScanStats), StoreError> {
    let mut file = Export::new::<FlowBatch>(request, unfinished)?;
    let columns: Vec<Column> = file.places.iter().filter_map(|place| Column::ALL.get(*place).copied()).collect();
    let ExportRequest { table, filter, from, to, .. } = *request;
    let scan = ScanRequest { table, columns: &columns, from, to, filter, threads: 1, cancel };
    let mut result = Ok(());
    let stats = snapshot.scan_in_order(&scan, false, &mut |batch, mask| {
        result = file.write(batch, mask);
        file.tell(&result, progress)
    })?;
    result.map(|()| (file, stats))
}

/// The rows of a table without filters whose time lies in the range.
fn rows<T: StoredTable>(
    snapshot: &Snapshot,
    request: &ExportRequest<'_>,
    unfinished: Unfinished,
    progress: &mut dyn FnMut(&Exported),
    cancel: &Cancel,
) -> Result<(Export, ScanStats), StoreError> {
    let mut file = Export::new::<T>(request, unfinished)?;
    // The first column of each of these tables is its time.
    let mut columns = file.places.clone();
    if !columns.contains(&0) {
        columns.push(0);
    }
    let (mut result, mut mask, mut time) = (Ok(()), Mask::new(), FlowBatch::new());
    let is_open = request.from == i64::MIN && request.to == i64::MAX;
    let within = Filter::any();
    let stats = snapshot.read::<T>(&columns, request.from, request.to, cancel, &mut |batch| {
        time.clear();
        if let weir_record::AnyColumn::Time(times) = batch.any(0) {
            (0..batch.rows()).for_each(|row| time.time_received.push_some(row, times.get(row)));
        }
        time.advance(batch.rows());
        within.evaluate(&time, &mut mask);
        if !is_open {
            weir_query::time::restrict(&time, request.from, request.to, &mut mask);
        }
        result = file.write(batch, &mask);
        file.tell(&result, progress)
    })?;
    result.map(|()| (file, stats))
}

fn limit(what: String) -> StoreError {
    StoreError::Limit { what }
}

/// A file that is being written.
struct Export {
    /// Places of the columns in the table.
    places: Vec<usize>,
    form: Form,
    unfinished: Unfinished,
    done: Exported,
    /// Memory that is used again.
    listed: Vec<u32>,
}

enum Form {
    Parquet(Box<ArrowWriter<File>>, SchemaRef),
    Csv(BufWriter<File>, Vec<u8>),
    JsonLines(BufWriter<File>, Vec<u8>, Box<JsonWriter>),
}

impl Export {
    fn new<T: Table>(request: &ExportRequest<'_>, unfinished: Unfinished) -> Result<Self, StoreError> {
        let place = |name: &&str| {
            T::COLUMNS.iter().position(|info| info.name == *name).ok_or_else(|| unknown_column::<T>(request.table, name))
        };
        let places: Vec<usize> = match request.columns {
            [] => (0..T::COLUMNS.len()).collect(),
            names => names.iter().map(place).collect::<Result<_, _>>()?,
        };
        let file = unfinished.file.try_clone().map_err(StoreError::io("write", &unfinished.path))?;
        let form = match request.format {
            ExportFormat::Parquet => {
                let columns: Vec<_> = places.iter().filter_map(|place| T::COLUMNS.get(*place).copied()).collect();
                let schema = friendly::schema(&columns);
                let writer = ArrowWriter::try_new_with_options(file, SchemaRef::clone(&schema), options());
                Form::Parquet(Box::new(writer.map_err(|error| unfinished.fault(error))?), schema)
            }
            ExportFormat::Csv => {
                let mut text = Vec::new();
                csv::write_head::<T>(&mut text, &places);
                Form::Csv(BufWriter::new(file), text)
            }
            ExportFormat::JsonLines => {
                Form::JsonLines(BufWriter::new(file), Vec::new(), Box::new(JsonWriter::new().with_columns(&places)))
            }
        };
        Ok(Self { places, form, unfinished, done: Exported::default(), listed: Vec::new() })
    }

    /// Writes the rows of a batch that a mask selects.
    fn write<T: Table>(&mut self, batch: &T, mask: &Mask) -> Result<(), StoreError> {
        let Self { places, form, unfinished, done, listed } = self;
        let rows = mask.count() as u64;
        let written = match form {
            Form::Csv(file, text) => {
                csv::write_rows(text, batch, places, mask.iter());
                flush(file, text)
            }
            Form::JsonLines(file, text, json) => {
                json.write(text, batch, mask.iter());
                flush(file, text)
            }
            Form::Parquet(writer, schema) => {
                let mut result = Ok(());
                let _ = friendly::in_pieces(mask, BATCH_ROWS, listed, |rows| {
                    result = write_piece(writer, schema, batch, places, rows);
                    if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                });
                done.octets = writer.bytes_written() as u64;
                result.map_err(|error| unfinished.fault(error))?;
                done.rows += rows;
                return Ok(());
            }
        };
        done.octets += written.map_err(StoreError::io("write", &unfinished.path))?;
        done.rows += rows;
        Ok(())
    }

    /// Tells how far it got; what could not be written ends the reading.
    fn tell(&self, written: &Result<(), StoreError>, progress: &mut dyn FnMut(&Exported)) -> ControlFlow<()> {
        progress(&self.done);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Ends the file, makes it durable and gives it its name.
    fn finish(self) -> Result<Exported, StoreError> {
        let Self { form, unfinished, mut done, .. } = self;
        match form {
            Form::Parquet(writer, _) => {
                writer.close().map_err(|error| unfinished.fault(error))?;
            }
            Form::Csv(mut file, mut text) | Form::JsonLines(mut file, mut text, _) => {
                flush(&mut file, &mut text).and_then(|_| file.flush()).map_err(StoreError::io("write", &unfinished.path))?;
            }
        }
        done.octets = unfinished.finish()?;
        Ok(done)
    }
}

fn write_piece<T: Table>(
    writer: &mut ArrowWriter<File>,
    schema: &SchemaRef,
    batch: &T,
    places: &[usize],
    rows: Rows<'_>,
) -> Result<(), ParquetError> {
    let arrays = places.iter().map(|place| friendly::array(batch, *place, rows)).collect();
    writer.write(&RecordBatch::try_new(SchemaRef::clone(schema), arrays)?)
}

/// Plain Parquet: without Arrow's own schema, whose newest types older readers do not know.
fn options() -> ArrowWriterOptions {
    let level = ZstdLevel::try_new(3).unwrap_or_default();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_OCTETS))
        .set_created_by(format!("weir {}", env!("CARGO_PKG_VERSION")));
    ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true)
}

/// Writes the text that has gathered, and says how long it was.
fn flush(file: &mut BufWriter<File>, text: &mut Vec<u8>) -> std::io::Result<u64> {
    file.write_all(text)?;
    let octets = text.len() as u64;
    text.clear();
    Ok(octets)
}

fn unknown_column<T: Table>(table: TableKind, name: &str) -> StoreError {
    let names = T::COLUMNS.iter().filter(|info| info.column_type != ColumnType::Json).map(|info| info.name);
    let near = names.filter(|known| known.contains(name) || name.contains(known)).take(3).collect::<Vec<_>>().join(", ");
    let hint = if near.is_empty() { String::new() } else { format!("; there is {near}") };
    limit(format!("the table {} has no column `{name}`{hint}", table.name()))
}

/// A file that does not have its name yet. Dropped, it is removed.
struct Unfinished {
    file: File,
    path: PathBuf,
    finished: PathBuf,
}

impl Unfinished {
    fn create(finished: &Path) -> Result<Self, StoreError> {
        let mut name = OsString::from(finished);
        name.push(".unfinished");
        let path = PathBuf::from(name);
        // What an interrupted export left is written over.
        let file = File::create(&path).map_err(StoreError::io("create", &path))?;
        Ok(Self { file, path, finished: finished.to_owned() })
    }

    fn fault(&self, error: ParquetError) -> StoreError {
        StoreError::io("write", &self.path)(std::io::Error::other(error))
    }

    /// Makes the file durable under its name, and says how long it is.
    fn finish(self) -> Result<u64, StoreError> {
        let write = || {
            self.file.sync_all()?;
            let octets = self.file.metadata()?.len();
            fs::rename(&self.path, &self.finished)?;
            Ok(octets)
        };
        let octets = write().map_err(StoreError::io("write", &self.finished))?;
        let folder = self.finished.parent().filter(|folder| !folder.as_os_str().is_empty());
        sync_folder(folder.unwrap_or(Path::new(".")))?;
        Ok(octets)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a rename there is nothing of that name.
        let _ = fs::remove_file(&self.path);
    }
}
