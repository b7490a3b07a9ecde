//! One file of the journal.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use weir_record::{FlowBatch, SeriesBatch};

use crate::block::{Block, BlockError, BlockKind, BlockTable, HEADER, Header};
use crate::error::StoreError;
use crate::scan::Unreadable;
use crate::store::{MakeSummary, Summary, WantedSeries};
use crate::times::Times;

/// Where a block lies, with its header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockAt {
    pub(crate) offset: u64,
    pub(crate) header: Header,
}

/// A segment: the file, where its blocks lie, and the running sums over its flows.
///
/// The file stays open as long as somebody may read it, so it can be deleted under a reader.
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    /// Octets that are blocks; what lies beyond was never acknowledged.
    end: AtomicU64,
    /// Nothing is appended any more.
    sealed: AtomicBool,
    /// Its rows are in data files.
    stored: AtomicBool,
    blocks: Mutex<Arc<Vec<BlockAt>>>,
    /// Nothing where the sums have to be made again from the blocks.
    summary: Mutex<Option<Box<dyn Summary>>>,
}

impl Segment {
    /// A new segment that is appended to.
    pub(crate) fn create(folder: &Path, number: u64, summary: Box<dyn Summary>) -> Result<Self, StoreError> {
        let path = folder.join(file_name(number));
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).open(&path).map_err(StoreError::io("create", &path))?;
        let segment = Self::of(number, path, file, Vec::new(), 0);
        segment.sealed.store(false, Ordering::Relaxed);
        *lock(&segment.summary) = Some(summary);
        Ok(segment)
    }

    /// A segment that an earlier run left.
    pub(crate) fn of(number: u64, path: PathBuf, file: File, blocks: Vec<BlockAt>, end: u64) -> Self {
        let blocks = Mutex::new(Arc::new(blocks));
        Self { number, path, file, end: end.into(), sealed: true.into(), stored: false.into(), blocks, summary: Mutex::new(None) }
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    pub(crate) fn seal(&self) {
        self.sealed.store(true, Ordering::Release);
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.stored.load(Ordering::Acquire)
    }

    pub(crate) fn mark_stored(&self) {
        self.stored.store(true, Ordering::Release);
    }

    /// Where the blocks lie at this moment.
    pub(crate) fn blocks(&self) -> Arc<Vec<BlockAt>> {
        lock(&self.blocks).clone()
    }

    /// Appends octets that are whole blocks, with what is to be known of each. Whoever calls it is alone in doing so.
    pub(crate) fn append(&self, octets: &[u8], headers: &[Header]) -> io::Result<()> {
        let end = self.end();
        if let Err(error) = self.file.write_all_at(octets, end) {
            // A part may have been written, and what is not a block must not lie before the next one.
            let _ = self.file.set_len(end);
            return Err(error);
        }
        let mut blocks = lock(&self.blocks);
        let blocks = Arc::make_mut(&mut blocks);
        let mut offset = end;
        for header in headers {
            blocks.push(BlockAt { offset, header: *header });
            offset += header.stride() as u64;
        }
        self.end.store(offset, Ordering::Release);
        Ok(())
    }

    /// The sums over this segment's flows, for feeding; nothing where they are not kept while it is written.
    pub(crate) fn summary(&self) -> MutexGuard<'_, Option<Box<dyn Summary>>> {
        lock(&self.summary)
    }

    /// The rows of the sums so far, made from the blocks where they are not at hand; and the blocks that they lack.
    pub(crate) fn series(&self, make: &MakeSummary, wanted: WantedSeries<'_>) -> (SeriesBatch, Vec<Unreadable>) {
        if let Some(summary) = self.summary().as_ref() {
            return (summary.rows_of(wanted), Vec::new());
        }
        // Without the lock: two that do the same work at once get the same rows.
        let (mut summary, mut reader, mut flows) = (make(self.number), BlockReader::default(), FlowBatch::new());
        let mut unreadable = Vec::new();
        for place in self.blocks().iter().filter(|place| place.header.kind == BlockKind::Flows) {
            match reader.read(self, place, None, &mut flows) {
                Ok(()) => summary.feed(&flows),
                Err(error) => unreadable.push(Unreadable { what: error.to_string(), rows: u64::from(place.header.rows) }),
            }
        }
        let rows = summary.rows_of(wanted);
        // What could not be read now may be readable when it counts, and whoever asks again is to be told again.
        if unreadable.is_empty() {
            *self.summary() = Some(summary);
        }
        (rows, unreadable)
    }
}

/// The name of a segment's file.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:010}.wal")
}

/// The number that a file name of a segment has.
pub(crate) fn number_of(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(".wal")?;
    let is_ours = digits.len() >= 10 && digits.bytes().all(|octet| octet.is_ascii_digit());
    if is_ours { digits.parse().ok() } else { None }
}

/// A block of the journal that a snapshot can read.
pub struct BlockRef<'a> {
    pub(crate) segment: &'a Segment,
    pub(crate) place: BlockAt,
}

impl BlockRef<'_> {
    /// Its rows.
    pub const fn rows(&self) -> usize {
        self.place.header.rows as usize
    }

    /// The time that its rows cover.
    pub const fn times(&self) -> Times {
        self.place.header.times
    }

    /// Octets in the journal.
    pub const fn octets(&self) -> usize {
        self.place.header.stride()
    }

    /// Reads the rows into a batch, whose earlier rows are forgotten and whose memory is used again. With `columns`, places in `T::COLUMNS`, only these.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where its checksum does not match; the batch is empty then, and other blocks can be read.
    pub fn read<T: BlockTable>(
        &self,
        columns: Option<&[usize]>,
        reader: &mut BlockReader,
        batch: &mut T,
    ) -> Result<(), StoreError> {
        reader.read(self.segment, &self.place, columns, batch)
    }

    /// Names the block in a message: file and octet.
    pub fn name(&self) -> String {
        format!("{} at {}", self.segment.path.display(), self.place.offset)
    }
}

/// Room for a block's octets that is used again.
#[derive(Default)]
pub struct BlockReader {
    octets: Vec<u8>,
}

impl BlockReader {
    pub(crate) fn read<T: BlockTable>(
        &mut self,
        segment: &Segment,
        place: &BlockAt,
        columns: Option<&[usize]>,
        batch: &mut T,
    ) -> Result<(), StoreError> {
        batch.clear();
        // Without what fills up to the next block: a crash may have cut it off.
        self.octets.resize(HEADER + place.header.body(), 0);
        segment.file.read_exact_at(&mut self.octets, place.offset).map_err(StoreError::io("read", &segment.path))?;
        let read = Block::open(&self.octets).and_then(|block| block.read(columns, batch));
        read.map_err(|error| damaged(&segment.path, place.offset, &error))
    }
}

fn damaged(path: &Path, offset: u64, error: &BlockError) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), what: format!("block at octet {offset}: {error}") }
}

/// A lock whose data are whole even if a thread panicked while it held it: each change is one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
