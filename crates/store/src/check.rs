//! Checks a store: every file that counts, every page of it, and every block of the journal.
//!
//! It only reads, beside a running service or not. What it finds is told by file; what cannot be read for sure is a problem, and everything else is read on.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use weir_record::{CounterBatch, FlowBatch, HealthBatch, SeriesBatch};

use crate::error::StoreError;
use crate::journal;
use crate::layout::FileTable;
use crate::manifest::{DataFile, TableKind};
use crate::place::Place;
use crate::read::TableFile;
use crate::scan::Cancel;
use crate::snapshot::Snapshot;
use crate::times::Times;

/// Octets that are read at a time for a checksum.
const PIECE: u64 = 8 << 20;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Data files that were checked.
    pub files: u64,
    /// Octets of them and of the journal.
    pub octets: u64,
    /// Rows in data files that could be read.
    pub rows: u64,
    /// Segments of the journal.
    pub segments: u64,
    /// Blocks of the journal that are sound.
    pub blocks: u64,
    /// Rows in them.
    pub journal_rows: u64,
    /// Octets after the last block of segments: writes that were cut off before anybody was told that they are stored. They are no problem.
    pub cut_octets: u64,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its name in the store.
    pub file: String,
    /// What is wrong, and where.
    pub what: String,
}

/// How far a check is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckProgress {
    /// Octets of the files that are done.
    pub done: u64,
    /// Octets of all files.
    pub of: u64,
}

impl CheckReport {
    /// True where nothing is wrong.
    pub const fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, file: &str, what: impl ToString) {
        self.problems.push(Problem { file: file.to_owned(), what: what.to_string() });
    }
}

/// Checks the store in a folder; `files` says where its data files lie if not in the same folder.
///
/// # Errors
/// Where there is no store, its manifest cannot be read, or the check was cancelled. Everything else is told in the report.
pub fn check(
    store: &Path,
    files: Option<Place>,
    progress: &mut dyn FnMut(CheckProgress),
    cancel: &Cancel,
) -> Result<CheckReport, StoreError> {
    let snapshot = Snapshot::open(store, files, None)?;
    let mut report = CheckReport::default();
    let known: Vec<_> = TableKind::ALL.into_iter().flat_map(|table| snapshot.files(table)).collect();
    let mut told = CheckProgress { done: 0, of: known.iter().map(|file| file.octets).sum() };
    for file in known {
        progress(told);
        let checked = match file.table {
            TableKind::Flows | TableKind::Events => check_file::<FlowBatch>(&snapshot, file, &mut report, cancel),
            TableKind::Counters => check_file::<CounterBatch>(&snapshot, file, &mut report, cancel),
            TableKind::Health => check_file::<HealthBatch>(&snapshot, file, &mut report, cancel),
            TableKind::Series => check_file::<SeriesBatch>(&snapshot, file, &mut report, cancel),
        };
        match checked {
            Err(StoreError::Cancelled) => return Err(StoreError::Cancelled),
            // A service that runs may have replaced it meanwhile.
            Err(error) if !still_counts(store, file)? => drop(error),
            Err(error) => report.problem(&file.name, error),
            Ok(()) => {}
        }
        told.done += file.octets;
    }
    progress(told);
    check_journal(store, &mut report, cancel)?;
    Ok(report)
}

/// Reads a file twice: as octets, for what the manifest says of it, and as rows.
fn check_file<T: FileTable>(
    snapshot: &Snapshot,
    known: &DataFile,
    report: &mut CheckReport,
    cancel: &Cancel,
) -> Result<(), StoreError> {
    let (place, name) = (snapshot.place(), &known.name);
    report.files += 1;
    let size = place.size(name)?;
    if size != known.octets {
        report.problem(name, format!("it has {size} octets; the manifest says {}", known.octets));
    }
    report.octets += size;
    let mut checksum = 0;
    for start in (0..size).step_by(PIECE as usize) {
        stop_if(cancel)?;
        checksum = crc32c::crc32c_append(checksum, &place.get_range(name, start..size.min(start + PIECE))?);
    }
    if checksum != known.crc32c {
        report.problem(name, format!("its checksum is {checksum:08x}; the manifest says {:08x}", known.crc32c));
    }
    let file = TableFile::open(place, name)?;
    if file.table() != known.table {
        report.problem(name, format!("it is of the table {}; the manifest says {}", file.table().name(), known.table.name()));
        return Ok(());
    }
    let columns: Vec<usize> = (0..T::COLUMNS.len()).collect();
    let (mut rows, mut times) = (0, Times::NONE);
    for group in 0..file.row_groups() {
        let read = file.read_group::<T>(group, &columns, &mut |batch| {
            rows += batch.rows() as u64;
            times.extend(&batch.times());
            if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        stop_if(cancel)?;
        if let Err(error) = read {
            report.problem(name, error);
        }
    }
    report.rows += rows;
    if rows != known.rows {
        report.problem(name, format!("{rows} rows can be read; the manifest says {}", known.rows));
    }
    // Bounds may be wider than the rows; were they narrower, questions would pass rows over.
    let mut both = times;
    both.extend(&known.times);
    if rows > 0 && both != known.times {
        report.problem(name, "rows lie outside of the time that the manifest gives for it");
    }
    Ok(())
}

fn check_journal(store: &Path, report: &mut CheckReport, cancel: &Cancel) -> Result<(), StoreError> {
    let folder = store.join(journal::FOLDER);
    for number in journal::list(&folder).map_err(StoreError::io("list", &folder))? {
        stop_if(cancel)?;
        let name = journal::file_name(number);
        let path = folder.join(&name);
        let label = format!("{}/{name}", journal::FOLDER);
        let found = match File::open(&path).and_then(|file| journal::find_blocks(&file, true)) {
            // It became files meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                report.problem(&label, error);
                continue;
            }
            Ok(found) => found,
        };
        report.segments += 1;
        report.octets += found.length;
        report.blocks += found.blocks.len() as u64;
        report.journal_rows += found.blocks.iter().map(|block| u64::from(block.header.rows)).sum::<u64>();
        for (offset, octets, error) in &found.damaged {
            report.problem(&label, format!("{octets} octets at {offset}: {error}"));
        }
        match found.foreign() {
            Some(error) => report.problem(&label, error),
            None => report.cut_octets += found.length.saturating_sub(found.end),
        }
    }
    Ok(())
}

/// True where the manifest of now names the file.
fn still_counts(store: &Path, file: &DataFile) -> Result<bool, StoreError> {
    let manifest = crate::manifest::Manifest::load(store)?.unwrap_or_default();
    Ok(manifest.of(file.table).any(|known| known.name == file.name))
}

fn stop_if(cancel: &Cancel) -> Result<(), StoreError> {
    if cancel.is_cancelled() { Err(StoreError::Cancelled) } else { Ok(()) }
}
