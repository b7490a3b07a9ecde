//! What can be read at a moment: data files, blocks of the journal, and running sums.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use weir_record::SeriesBatch;

use crate::block::BlockKind;
use crate::catalog::State;
use crate::error::StoreError;
use crate::journal::{self, BlockRef, Segment};
use crate::manifest::{DataFile, Manifest, TableKind};
use crate::place::Place;
use crate::recovery;
use crate::scan::Unreadable;
use crate::store::{MakeSummary, WantedSeries};

/// How often opening is tried again when the store changes under it.
const ATTEMPTS: usize = 10;

/// The files and blocks that count at a moment; each row is in one of them. It is cheap to make and to clone, and what it has stays readable: files that stop
/// counting are deleted when the last snapshot of the process is gone.
#[derive(Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

struct Inner {
    manifest: Arc<Manifest>,
    segments: Vec<(Arc<Segment>, Arc<Vec<journal::BlockAt>>)>,
    place: Place,
    make: Option<MakeSummary>,
}

impl Snapshot {
    pub(crate) fn of(state: State, place: Place, make: MakeSummary) -> Self {
        Self::new(state, place, Some(make))
    }

    fn new(State { manifest, segments }: State, place: Place, make: Option<MakeSummary>) -> Self {
        let segments = segments.into_iter().map(|segment| (segment.clone(), segment.blocks())).collect();
        Self { inner: Arc::new(Inner { manifest, segments, place, make }) }
    }

    /// Opens the store in a folder for reading only, beside a running service or not. Without `files` the data files are in the same folder. With `make` the sums of
    /// what is in the journal alone can be asked for.
    ///
    /// A file that the service replaces while this snapshot is in use is reported as [`StoreError::Gone`] when it is read.
    ///
    /// # Errors
    /// [`StoreError::Absent`] where there is no store, and where the manifest cannot be read.
    pub fn open(path: &Path, files: Option<Place>, make: Option<MakeSummary>) -> Result<Self, StoreError> {
        let folder = path.join(journal::FOLDER);
        if !folder.is_dir() {
            return Err(StoreError::Absent { path: path.to_owned() });
        }
        let place = files.unwrap_or_else(|| Place::local(path));
        for _ in 0..ATTEMPTS {
            let manifest = Manifest::load(path)?.unwrap_or_default();
            let segments = open_segments(&folder, manifest.dead_below)?;
            // Segments that became files between the two would be missing, or there twice.
            let is_still_so = Manifest::load(path)?.unwrap_or_default().generation == manifest.generation;
            if is_still_so {
                return Ok(Self::new(State { manifest: Arc::new(manifest), segments }, place, make));
            }
        }
        Err(StoreError::Gone { name: path.display().to_string() })
    }

    /// The files of a table, in order of arrival.
    pub fn files(&self, table: TableKind) -> impl Iterator<Item = &Arc<DataFile>> {
        self.inner.manifest.of(table)
    }

    /// Where the data files lie.
    pub fn place(&self) -> &Place {
        &self.inner.place
    }

    /// The blocks of a table in the journal, in order of arrival.
    pub fn blocks(&self, kind: BlockKind) -> impl Iterator<Item = BlockRef<'_>> {
        self.inner.segments.iter().flat_map(move |(segment, blocks)| {
            let of_table = blocks.iter().filter(move |place| place.header.kind == kind);
            of_table.map(move |place| BlockRef { segment, place: *place })
        })
    }

    /// Blocks of flows in segments below a number.
    pub(crate) fn blocks_below(&self, below: u64) -> impl Iterator<Item = BlockRef<'_>> {
        self.blocks(BlockKind::Flows).filter(move |block| block.segment.number < below)
    }

    /// The lowest segment of which a fill has the records; without a note of it nothing is filled yet.
    pub(crate) fn mark(&self, fill: u64, below: u64) -> u64 {
        self.inner.manifest.fills.get(&fill).copied().unwrap_or(below)
    }

    /// Series rows of what is in the journal alone, at least those whose step and dimension are wanted, which add to those in files, and what they lack because it cannot be read. Empty where the snapshot was
    /// opened without a way to make them.
    pub fn live_series(&self, wanted: WantedSeries<'_>) -> (Vec<SeriesBatch>, Vec<Unreadable>) {
        let mut missing = Vec::new();
        let Some(make) = &self.inner.make else {
            return (Vec::new(), missing);
        };
        let rows = self.inner.segments.iter().map(|(segment, _)| {
            let (rows, unreadable) = segment.series(make, wanted);
            missing.extend(unreadable);
            rows
        });
        (rows.filter(|rows| !rows.is_empty()).collect(), missing)
    }

    /// Grows when files are added, merged or deleted.
    pub fn generation(&self) -> u64 {
        self.inner.manifest.generation
    }
}

/// The segments that are not in files. One that is gone by now is left out: the generation of the manifest tells whether it was needed.
fn open_segments(folder: &Path, mark: u64) -> Result<Vec<Arc<Segment>>, StoreError> {
    let numbers = journal::list(folder).map_err(StoreError::io("list", folder))?;
    let mut segments = Vec::new();
    for number in numbers.into_iter().filter(|number| *number >= mark) {
        match recovery::open_segment(folder, number, File::options().read(true), false) {
            Ok((segment, _)) => segments.push(Arc::new(segment)),
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(segments)
}
