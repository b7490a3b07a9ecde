//! Where records wait: in memory, or on disk.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_record::FlowBatch;
use weir_store::Spool;

use super::waiting::Waiting;

/// How often what waits on disk is made durable.
const SYNC: Duration = Duration::from_secs(1);

/// Records that wait, and those that may have to be sent again.
pub(super) enum Buffer {
    Memory(Waiting),
    Disk(Disk),
}

/// Records on disk.
pub(super) struct Disk {
    spool: Spool,
    synced: Instant,
    /// What went wrong last with the disk.
    trouble: Option<String>,
}

impl Buffer {
    /// In memory, at most so many octets.
    pub(super) const fn in_memory(capacity: usize) -> Self {
        Self::Memory(Waiting::new(capacity))
    }

    /// On disk, with what an earlier run has left there. The error is a sentence.
    pub(super) fn on_disk(folder: &Path, capacity: usize) -> Result<Self, String> {
        let spool = Spool::open(folder, capacity as u64).map_err(|error| error.to_string())?;
        Ok(Self::Disk(Disk { spool, synced: Instant::now(), trouble: None }))
    }

    /// Takes a batch. Gives how many rows went that still waited, or found no room.
    pub(super) fn push(&mut self, flows: Arc<FlowBatch>) -> u64 {
        match self {
            Self::Memory(waiting) => waiting.push(flows),
            Self::Disk(disk) => disk.push(&flows),
        }
    }

    /// The next batch, its number, and the first row of it that is to be read. Rows that cannot be read any more are added to `lost`.
    pub(super) fn next(&mut self, lost: &mut u64) -> Option<(u64, Arc<FlowBatch>, usize)> {
        match self {
            Self::Memory(waiting) => waiting.next(),
            Self::Disk(disk) => disk.spool.next(lost).map(|(number, flows, row)| (number, Arc::new(flows), row)),
        }
    }

    /// The number of the batch that is read next.
    pub(super) const fn position(&self) -> u64 {
        match self {
            Self::Memory(waiting) => waiting.position(),
            Self::Disk(disk) => disk.spool.position(),
        }
    }

    /// Reads again from this row of the batch of this number on, or from the oldest batch that is left. Gives how many rows that are.
    pub(super) fn go_back(&mut self, number: u64, row: usize) -> u64 {
        match self {
            Self::Memory(waiting) => waiting.go_back(number, row),
            Self::Disk(disk) => disk.spool.go_back(number, row),
        }
    }

    /// Lets go of the batches before this number.
    pub(super) fn release(&mut self, number: u64) {
        match self {
            Self::Memory(waiting) => waiting.release(number),
            Self::Disk(disk) => disk.spool.release(number),
        }
    }

    /// Rows that wait.
    pub(super) const fn rows(&self) -> u64 {
        match self {
            Self::Memory(waiting) => waiting.rows(),
            Self::Disk(disk) => disk.spool.rows(),
        }
    }

    /// Octets of memory, or on disk.
    pub(super) const fn octets(&self) -> u64 {
        match self {
            Self::Memory(waiting) => waiting.octets() as u64,
            Self::Disk(disk) => disk.spool.octets(),
        }
    }

    /// No further batch finds room without another one having to go.
    pub(super) const fn is_full(&self) -> bool {
        match self {
            Self::Memory(waiting) => waiting.is_full(),
            Self::Disk(disk) => disk.spool.is_full(),
        }
    }

    /// What waits is there after a restart too.
    pub(super) const fn is_lasting(&self) -> bool {
        matches!(self, Self::Disk(_))
    }

    /// What is wrong with the disk, if anything is.
    pub(super) fn trouble(&self) -> Option<&str> {
        match self {
            Self::Memory(_) => None,
            Self::Disk(disk) => disk.trouble.as_deref(),
        }
    }

    /// To be called now and then.
    pub(super) fn tend(&mut self, at_once: bool) {
        if let Self::Disk(disk) = self
            && (at_once || disk.synced.elapsed() >= SYNC)
        {
            disk.synced = Instant::now();
            match disk.spool.sync() {
                Ok(()) => {}
                Err(error) => disk.trouble = Some(error.to_string()),
            }
        }
    }

    /// Most octets from now on.
    pub(super) const fn set_capacity(&mut self, capacity: usize) {
        match self {
            Self::Memory(waiting) => waiting.set_capacity(capacity),
            Self::Disk(disk) => disk.spool.set_capacity(capacity as u64),
        }
    }
}

impl Disk {
    fn push(&mut self, flows: &FlowBatch) -> u64 {
        let mut dropped = 0;
        match self.spool.push(flows, &mut dropped) {
            Ok(()) => self.trouble = None,
            Err(error) => {
                dropped += flows.rows() as u64;
                self.trouble = Some(error.to_string());
            }
        }
        dropped
    }
}
