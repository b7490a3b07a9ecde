//! The journal: what arrives, written down at once.
//!
//! Batches become [blocks](crate::block) at the end of the last segment. A block is readable as soon as it is written, and durable from the next
//! [`Journal::commit`] on. A segment that is large or old enough is sealed; what becomes of it then is not the journal's business. Each opening of a store begins a
//! new segment, so a file that was cut by a crash is never written to again.

mod recover;
mod segment;
#[cfg(test)]
mod tests;

pub use segment::{BlockReader, BlockRef};

pub(crate) use recover::{Found, find_blocks, list};
pub(crate) use segment::{BlockAt, Segment, file_name, lock};

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::block::{BlockTable, Encoder, Header};
use crate::catalog::Catalog;
use crate::error::StoreError;
use crate::manifest::sync_folder;
use crate::store::{MakeSummary, Position, Rows};

/// Folder of the segments inside a store.
pub(crate) const FOLDER: &str = "journal";

/// Most memory of an encoder that is kept for the next batch.
const ENCODER_MEMORY: usize = 32 << 20;

/// When a segment is sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealLimits {
    pub(crate) octets: u64,
    pub(crate) age: Duration,
}

/// What was written since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) rows: AtomicU64,
    pub(crate) blocks: AtomicU64,
    pub(crate) octets: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) failures: AtomicU64,
}

/// The end of the journal, where batches are appended.
pub(crate) struct Journal {
    folder: PathBuf,
    make: MakeSummary,
    limits: SealLimits,
    tail: Mutex<Tail>,
    /// Held while a commit waits for the disk, so that nobody is told of a position before it is durable.
    commit: Mutex<Vec<Arc<Segment>>>,
    encoders: Mutex<Vec<Encoder>>,
    pub(crate) written: Written,
}

struct Tail {
    current: Option<(Arc<Segment>, Instant)>,
    /// Number of the next segment.
    next: u64,
    /// Segments with blocks that may not be durable, in order.
    dirty: Vec<Arc<Segment>>,
    /// The folder has names that may not be durable.
    is_folder_dirty: bool,
}

impl Journal {
    pub(crate) fn new(folder: PathBuf, next: u64, limits: SealLimits, make: MakeSummary) -> Self {
        let tail = Tail { current: None, next, dirty: Vec::new(), is_folder_dirty: true };
        Self {
            folder,
            make,
            limits,
            tail: Mutex::new(tail),
            commit: Mutex::default(),
            encoders: Mutex::default(),
            written: Written::default(),
        }
    }

    /// Writes batches to the end of the journal, and feeds flows to the sums of their segment. After an error nothing of them is in the journal.
    pub(crate) fn append(&self, rows: &Rows<'_>, catalog: &Catalog) -> Result<Position, StoreError> {
        let mut encoder = lock(&self.encoders).pop().unwrap_or_default();
        encoder.clear();
        let appended =
            encode(rows, &mut encoder).and_then(|headers| self.append_blocks(&headers, encoder.octets(), rows, catalog));
        if encoder.memory() <= ENCODER_MEMORY {
            lock(&self.encoders).push(encoder);
        }
        appended
    }

    fn append_blocks(
        &self,
        headers: &[Header],
        octets: &[u8],
        rows: &Rows<'_>,
        catalog: &Catalog,
    ) -> Result<Position, StoreError> {
        let mut tail = lock(&self.tail);
        if headers.is_empty() {
            return Ok(tail.position());
        }
        self.seal_if_due(&mut tail);
        let segment = self.current(&mut tail, catalog)?;
        segment.append(octets, headers).map_err(StoreError::io("append to", &segment.path))?;
        if tail.dirty.last().is_none_or(|last| last.number != segment.number) {
            tail.dirty.push(segment.clone());
        }
        let position = tail.position();
        // The sums are locked before the tail is let go: so they are fed in the order of the journal, and whoever seals the segment finds them complete.
        let mut summary = segment.summary();
        drop(tail);
        if let (Some(summary), Some(flows)) = (summary.as_mut(), rows.flows) {
            summary.feed(flows);
        }
        let count: u64 = headers.iter().map(|header| u64::from(header.rows)).sum();
        self.written.rows.fetch_add(count, Ordering::Relaxed);
        self.written.blocks.fetch_add(headers.len() as u64, Ordering::Relaxed);
        self.written.octets.fetch_add(octets.len() as u64, Ordering::Relaxed);
        Ok(position)
    }

    /// Makes everything durable that was appended before, and says up to where that is.
    ///
    /// A disk that fails here leaves it open what it has, also when it is asked again (the kernel forgets). So such a segment is sealed, and until its rows are in
    /// files every commit says that it failed.
    pub(crate) fn commit(&self) -> Result<Position, StoreError> {
        let mut failed = lock(&self.commit);
        let mut tail = lock(&self.tail);
        let (dirty, position) = (std::mem::take(&mut tail.dirty), tail.position());
        let is_folder_dirty = std::mem::take(&mut tail.is_folder_dirty);
        drop(tail);
        if is_folder_dirty && let Err(error) = sync_folder(&self.folder) {
            let mut tail = lock(&self.tail);
            tail.is_folder_dirty = true;
            tail.dirty.splice(0..0, dirty);
            self.written.failures.fetch_add(1, Ordering::Relaxed);
            return Err(error);
        }
        for segment in dirty {
            let Err(source) = segment.file.sync_data() else { continue };
            tracing::error!(segment = %segment.path.display(), error = %source, "the disk did not take the journal");
            self.seal_segment(&segment);
            failed.push(segment);
        }
        failed.retain(|segment| !segment.is_stored());
        if let Some(segment) = failed.first() {
            self.written.failures.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::io("make durable", &segment.path)(std::io::Error::other("the disk failed")));
        }
        self.written.commits.fetch_add(1, Ordering::Relaxed);
        Ok(position)
    }

    /// Ends the last segment.
    pub(crate) fn seal(&self) {
        seal(&mut lock(&self.tail));
    }

    /// Ends the last segment, and tells the number of the next one while nobody can begin it.
    pub(crate) fn at_next_segment<T>(&self, publish: impl FnOnce(u64) -> T) -> T {
        let mut tail = lock(&self.tail);
        seal(&mut tail);
        publish(tail.next)
    }

    /// Ends the last segment where it is large or old enough.
    pub(crate) fn seal_if_old(&self) {
        self.seal_if_due(&mut lock(&self.tail));
    }

    fn seal_segment(&self, segment: &Arc<Segment>) {
        let mut tail = lock(&self.tail);
        if tail.current.as_ref().is_some_and(|(current, _)| current.number == segment.number) {
            seal(&mut tail);
        }
    }

    fn seal_if_due(&self, tail: &mut Tail) {
        let SealLimits { octets, age } = self.limits;
        if tail.current.as_ref().is_some_and(|(segment, since)| segment.end() >= octets || since.elapsed() >= age) {
            seal(tail);
        }
    }

    fn current(&self, tail: &mut Tail, catalog: &Catalog) -> Result<Arc<Segment>, StoreError> {
        if let Some((segment, _)) = &tail.current {
            return Ok(segment.clone());
        }
        let segment = Arc::new(Segment::create(&self.folder, tail.next, (self.make)(tail.next))?);
        tail.next += 1;
        tail.is_folder_dirty = true;
        tail.current = Some((segment.clone(), Instant::now()));
        catalog.add(segment.clone());
        Ok(segment)
    }
}

impl Tail {
    fn position(&self) -> Position {
        match &self.current {
            Some((segment, _)) => Position { segment: segment.number, offset: segment.end() },
            None => Position { segment: self.next, offset: 0 },
        }
    }
}

fn seal(tail: &mut Tail) {
    if let Some((segment, _)) = tail.current.take() {
        segment.seal();
    }
}

fn encode(rows: &Rows<'_>, encoder: &mut Encoder) -> Result<Vec<Header>, StoreError> {
    fn block<T: BlockTable>(batch: Option<&T>, encoder: &mut Encoder, headers: &mut Vec<Header>) -> Result<(), StoreError> {
        let Some(batch) = batch.filter(|batch| batch.rows() > 0) else {
            return Ok(());
        };
        headers.push(encoder.append(batch).map_err(|_| StoreError::TooLarge { rows: batch.rows() })?);
        Ok(())
    }
    let mut headers = Vec::with_capacity(3);
    block(rows.flows, encoder, &mut headers)?;
    block(rows.counters, encoder, &mut headers)?;
    block(rows.health, encoder, &mut headers)?;
    Ok(headers)
}
