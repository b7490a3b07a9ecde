//! The data files of one segment of the journal.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use weir_record::{CounterBatch, FlowBatch, HealthBatch, SeriesBatch, names};

use super::{FileSummary, TableWriter};
use crate::error::StoreError;
use crate::layout::FileTable;
use crate::manifest::{DataFile, TableKind};
use crate::place::Place;

/// Octets that are gathered before they go to a file.
const BUFFER: usize = 1 << 20;

/// Writes the rows of a segment to a file a table, or a few; flow records that are events or drops go to a table of their own.
///
/// Nothing counts before [`finish`](Self::finish) has given the list of files. Files that were begun and are not needed are removed when this is dropped.
pub(crate) struct SegmentWriter<'a> {
    about: About<'a>,
    flows: Option<Writer<'a, FlowBatch>>,
    events: Option<Writer<'a, FlowBatch>>,
    counters: Option<Writer<'a, CounterBatch>>,
    health: Option<Writer<'a, HealthBatch>>,
    series: Option<Writer<'a, SeriesBatch>>,
}

/// What is the same for all files.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) place: &'a Place,
    /// Name of the files without folder and end.
    pub(super) stem: &'a str,
    pub(super) segments: (u64, u64),
    pub(super) level: u8,
    pub(super) now: i64,
}

impl<'a> SegmentWriter<'a> {
    /// A writer of files `TABLE/STEM.parquet` in `place`, of the segments `segments` (first and last), at the time `now` in nanoseconds since 1970.
    pub(crate) const fn new(place: &'a Place, stem: &'a str, segments: (u64, u64), now: i64) -> Self {
        let about = About { place, stem, segments, level: 0, now };
        Self { about, flows: None, events: None, counters: None, health: None, series: None }
    }

    /// Takes flow records of every kind; the batch is finished.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub(crate) fn flows(&mut self, batch: FlowBatch) -> Result<(), StoreError> {
        let events = (0..batch.rows()).filter(|row| is_event(&batch, *row)).count();
        if events == 0 {
            return Writer::of(&mut self.flows, TableKind::Flows, self.about).push(batch);
        }
        let (mut flows, mut others) = (FlowBatch::new(), batch);
        if events < others.rows() {
            let batch = std::mem::take(&mut others);
            flows.append_where(&batch, |row| !is_event(&batch, row));
            others.append_where(&batch, |row| is_event(&batch, row));
            flows.finish();
            others.finish();
            Writer::of(&mut self.flows, TableKind::Flows, self.about).push(flows)?;
        }
        Writer::of(&mut self.events, TableKind::Events, self.about).push(others)
    }

    /// Takes counter records; the batch is finished.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub(crate) fn counters(&mut self, batch: CounterBatch) -> Result<(), StoreError> {
        Writer::of(&mut self.counters, TableKind::Counters, self.about).push(batch)
    }

    /// Takes rows of intake health; the batch is finished.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub(crate) fn health(&mut self, batch: HealthBatch) -> Result<(), StoreError> {
        Writer::of(&mut self.health, TableKind::Health, self.about).push(batch)
    }

    /// Takes rows of continuous series; the batch is finished.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub(crate) fn series(&mut self, batch: SeriesBatch) -> Result<(), StoreError> {
        Writer::of(&mut self.series, TableKind::Series, self.about).push(batch)
    }

    /// Ends the files and makes them durable.
    ///
    /// # Errors
    /// Where a file cannot be written; those that are in their place by then are of no use.
    pub(crate) fn finish(self) -> Result<Vec<DataFile>, StoreError> {
        let mut files = Vec::new();
        for writer in [self.flows, self.events].into_iter().flatten() {
            files.extend(writer.finish()?);
        }
        files.extend(self.counters.map_or(Ok(Vec::new()), Writer::finish)?);
        files.extend(self.health.map_or(Ok(Vec::new()), Writer::finish)?);
        files.extend(self.series.map_or(Ok(Vec::new()), Writer::finish)?);
        Ok(files)
    }
}

/// True for rows of the table of events.
pub(crate) fn is_event(batch: &FlowBatch, row: usize) -> bool {
    let word = batch.record_kind.get(row).and_then(|kind| names::RECORD_KIND.get(usize::from(kind)));
    word.is_some_and(|word| matches!(*word, "event" | "drop"))
}

type OpenTemporary<'a> = Box<dyn FnMut() -> Result<BufWriter<Temporary>, StoreError> + 'a>;

/// The files of one table.
pub(super) struct Writer<'a, T: FileTable> {
    about: About<'a>,
    table: TableKind,
    inner: TableWriter<T, BufWriter<Temporary>, OpenTemporary<'a>>,
}

impl<'a, T: FileTable> Writer<'a, T> {
    pub(super) fn new(table: TableKind, about: About<'a>) -> Self {
        let mut part = 0;
        let open: OpenTemporary<'a> = Box::new(move || {
            let name = name(table, about.stem, part);
            part += 1;
            Ok(BufWriter::with_capacity(BUFFER, Temporary::create(about.place, &name)?))
        });
        Self { about, table, inner: TableWriter::new(table, open) }
    }

    fn of<'w>(writer: &'w mut Option<Self>, table: TableKind, about: About<'a>) -> &'w mut Self {
        writer.get_or_insert_with(|| Self::new(table, about))
    }

    pub(super) fn push(&mut self, batch: T) -> Result<(), StoreError> {
        self.inner.push(batch)
    }

    /// Ends the files, brings them to their place, and tells what they hold.
    pub(super) fn finish(self) -> Result<Vec<DataFile>, StoreError> {
        let Self { about, table, inner } = self;
        let mut files: Vec<DataFile> = Vec::new();
        for (part, (file, summary)) in inner.finish()?.into_iter().enumerate() {
            match put(about, table, part, file, summary) {
                Ok(file) => files.push(file),
                Err(error) => {
                    // Without this part the others are of no use, and room may be short. What cannot be deleted is when the store opens again.
                    files.iter().for_each(|file| _ = about.place.delete(&file.name));
                    return Err(error);
                }
            }
        }
        Ok(files)
    }
}

/// Brings a file that is written to its place.
fn put(
    about: About<'_>,
    table: TableKind,
    part: usize,
    file: BufWriter<Temporary>,
    FileSummary { rows, octets, times }: FileSummary,
) -> Result<DataFile, StoreError> {
    let name = name(table, about.stem, part);
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error);
    let file = file.map_err(|error| StoreError::io("write", Path::new(&name))(error))?;
    about.place.put_file(&name, &file.path)?;
    let About { segments, level, now, .. } = about;
    Ok(DataFile { table, name, rows, octets, crc32c: file.checksum, times, segments, level, made: now })
}

fn name(table: TableKind, stem: &str, part: usize) -> String {
    match part {
        0 => format!("{}/{stem}.parquet", table.name()),
        _ => format!("{}/{stem}-{part}.parquet", table.name()),
    }
}

/// A file that is not in its place yet, and is removed unless it gets there.
struct Temporary {
    file: File,
    path: PathBuf,
    /// Of what was written so far.
    checksum: u32,
}

impl Temporary {
    /// Beside the place where the file will lie, where that is a folder; else in the system's folder for such files.
    fn create(place: &Place, name: &str) -> Result<Self, StoreError> {
        let path = match place.local_path(name) {
            Some(path) => path.with_extension("parquet.new"),
            None => std::env::temp_dir().join(format!("weir-{}-{}.new", std::process::id(), name.replace('/', "-"))),
        };
        place.make_folder(name)?;
        let file = File::create(&path).map_err(StoreError::io("create", &path))?;
        Ok(Self { file, path, checksum: 0 })
    }
}

impl std::io::Write for Temporary {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(octets)?;
        self.checksum = crc32c::crc32c_append(self.checksum, octets.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone already where it got to its place; what cannot be removed is removed when the store opens again.
        let _ = fs::remove_file(&self.path);
    }
}
