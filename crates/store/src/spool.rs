//! Rows that wait on disk to be taken somewhere, oldest first: a queue of bounded size that survives a restart.
//!
//! The folder holds segments of journal blocks ([`crate::block`]), numbered in order, and a file that says up to where they are settled. Rows are on their way to
//! the disk when [`Spool::push`] returns, so that the end of the process loses none; [`Spool::sync`] makes them durable. What was settled last may be read again
//! after a crash, never less. **When there is no room, the oldest segment goes.**

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use weir_record::FlowBatch;

use crate::block::{Block, Encoder};
use crate::error::StoreError;
use crate::journal::find_blocks;
use crate::lock::Lock;

/// A segment is this part of the capacity, so that not too much goes at once.
const SEGMENTS: u64 = 16;
/// Octets of a segment at the least and at the most.
const SEGMENT_OCTETS: (u64, u64) = (64 << 10, 64 << 20);
/// The file that says up to where rows are settled.
const SETTLED: &str = "settled";
/// The file that is locked as long as somebody writes here.
const LOCK: &str = "lock";

/// Rows that wait on disk.
pub struct Spool {
    folder: PathBuf,
    capacity: u64,
    segments: VecDeque<Segment>,
    /// The number of the block that is read next. Blocks have numbers that go on.
    next: u64,
    /// So many rows of the next block need not be read.
    skip: u32,
    /// The number of the first block that is not settled, and what the disk says of it.
    settled: u64,
    told: u64,
    octets: u64,
    rows: u64,
    encoder: Encoder,
    buffer: Vec<u8>,
    is_unsynced: bool,
    _lock: Lock,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    file: File,
    /// The number of its first block.
    first: u64,
    blocks: Vec<Place>,
    octets: u64,
}

/// Where a block lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    octets: usize,
    rows: u32,
}

impl Spool {
    /// Opens the folder, makes it where it is not there, and finds what an earlier run has left. `capacity` is the most octets on disk.
    pub fn open(folder: &Path, capacity: u64) -> Result<Self, StoreError> {
        let failed = |what| move |source| StoreError::Io { what, path: folder.to_path_buf(), source };
        fs::create_dir_all(folder).map_err(failed("make the folder"))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK));
        let lock = lock.map_err(failed("write to the folder"))?;
        if lock.try_lock().is_err() {
            return Err(StoreError::Locked { path: folder.to_path_buf(), pid: None });
        }
        let mut spool = Self {
            folder: folder.to_path_buf(),
            capacity,
            segments: VecDeque::new(),
            next: 0,
            skip: 0,
            settled: 0,
            told: 0,
            octets: 0,
            rows: 0,
            encoder: Encoder::default(),
            buffer: Vec::new(),
            is_unsynced: false,
            _lock: Lock(lock),
        };
        spool.recover().map_err(failed("read"))?;
        Ok(spool)
    }

    /// Takes rows. The rows that went to make room, and that still waited, are added to `dropped`. After an error none of the new rows is there.
    pub fn push(&mut self, flows: &FlowBatch, dropped: &mut u64) -> Result<(), StoreError> {
        self.encoder.clear();
        if self.encoder.append(flows).is_err() {
            return Err(StoreError::TooLarge { rows: flows.rows() });
        }
        let length = self.encoder.octets().len() as u64;
        while self.octets + length > self.capacity && self.segments.len() > 1 {
            *dropped += self.drop_first();
        }
        let written = match self.write() {
            // Where others have filled the disk, the oldest segment makes room.
            Err(error) if error.kind() == io::ErrorKind::StorageFull && self.segments.len() > 1 => {
                *dropped += self.drop_first();
                self.write()
            }
            written => written,
        };
        written.map_err(|source| StoreError::Io { what: "write to", path: self.folder.clone(), source })?;
        self.rows += flows.rows() as u64;
        if let Some(last) = self.segments.back_mut() {
            last.blocks.push(Place { offset: last.octets, octets: length as usize, rows: flows.rows() as u32 });
            last.octets += length;
            self.octets += length;
        }
        Ok(())
    }

    /// The next rows, the number of their block, and the first row of it that is to be read. A block that cannot be read is passed over and its rows are added
    /// to `lost`.
    pub fn next(&mut self, lost: &mut u64) -> Option<(u64, FlowBatch, usize)> {
        loop {
            let number = self.next;
            let segment = self.segments.iter_mut().rev().find(|segment| segment.first <= number)?;
            let block = segment.blocks.get_mut((number - segment.first) as usize)?;
            let place = *block;
            self.buffer.resize(place.octets, 0);
            let read = segment.file.read_exact_at(&mut self.buffer, place.offset);
            let skip = std::mem::take(&mut self.skip).min(place.rows);
            self.next += 1;
            self.rows -= u64::from(place.rows - skip);
            let mut flows = FlowBatch::new();
            if read.is_ok() && Block::open(&self.buffer).and_then(|block| block.read(None, &mut flows)).is_ok() {
                return Some((number, flows, skip as usize));
            }
            *lost += u64::from(place.rows - skip);
            // It is lost once only.
            block.rows = 0;
        }
    }

    /// Reads again from this row of the block of this number on, or from the oldest block that is left. Gives how many rows that are.
    pub fn go_back(&mut self, number: u64, row: usize) -> u64 {
        let to = number.max(self.first()).min(self.next);
        if to == self.next {
            return 0;
        }
        let again = self.rows_between(to, self.next);
        let skip = if to == number { u32::try_from(row).unwrap_or(u32::MAX) } else { 0 };
        let again = again.saturating_sub(skip.into());
        self.rows += again + u64::from(self.skip);
        (self.next, self.skip) = (to, skip);
        again
    }

    /// Blocks before this number need not be read again.
    pub fn release(&mut self, number: u64) {
        self.settled = self.settled.max(number.min(self.next));
        while self.segments.len() > 1 && self.segments.get(1).is_some_and(|second| second.first <= self.settled) {
            self.drop_first();
        }
    }

    /// Makes durable what was pushed, and tells the disk up to where rows are settled.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let failed = |source| StoreError::Io { what: "write to", path: self.folder.clone(), source };
        if self.is_unsynced
            && let Some(last) = self.segments.back()
        {
            last.file.sync_data().map_err(failed)?;
            self.is_unsynced = false;
        }
        if self.told != self.settled {
            self.tell().map_err(failed)?;
            self.told = self.settled;
        }
        Ok(())
    }

    /// The number of the block that is read next.
    pub const fn position(&self) -> u64 {
        self.next
    }

    /// Most octets on disk from now on.
    pub const fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
    }

    /// No further block finds room without a segment having to go.
    pub const fn is_full(&self) -> bool {
        self.octets >= self.capacity
    }

    /// Rows that wait.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Octets on disk.
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Writes the block behind the last one.
    fn write(&mut self) -> io::Result<()> {
        let segment_octets = (self.capacity / SEGMENTS).clamp(SEGMENT_OCTETS.0, SEGMENT_OCTETS.1);
        if self.segments.back().is_none_or(|last| last.octets >= segment_octets) {
            self.begin_segment()?;
        }
        let Some(last) = self.segments.back_mut() else { return Ok(()) };
        let written = last.file.write_all_at(self.encoder.octets(), last.octets);
        if written.is_err() {
            // What was written of it is no block; nobody reads it where this fails too.
            let _ = last.file.set_len(last.octets);
        }
        self.is_unsynced |= written.is_ok();
        written
    }

    fn first(&self) -> u64 {
        self.segments.front().map_or(self.next, |segment| segment.first)
    }

    fn rows_between(&self, from: u64, to: u64) -> u64 {
        let blocks = self.segments.iter().flat_map(|segment| (segment.first..).zip(&segment.blocks));
        blocks.filter(|(number, _)| (from..to).contains(number)).map(|(_, place)| u64::from(place.rows)).sum()
    }

    /// The oldest segment goes. Gives its rows that still waited.
    fn drop_first(&mut self) -> u64 {
        let Some(segment) = self.segments.front() else { return 0 };
        let end = segment.first + segment.blocks.len() as u64;
        let mut waited = self.rows_between(self.next.max(segment.first), end);
        if self.next < end {
            waited = waited.saturating_sub(std::mem::take(&mut self.skip).into());
        }
        let path = self.path(segment.number);
        self.octets -= segment.octets;
        self.rows -= waited;
        self.next = self.next.max(end);
        self.settled = self.settled.max(end);
        self.segments.pop_front();
        // One that stays is read again after a restart.
        let _ = fs::remove_file(path);
        waited
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let (number, first) = match self.segments.back() {
            Some(last) => (last.number + 1, last.first + last.blocks.len() as u64),
            None => (0, self.next),
        };
        if let Some(last) = self.segments.back() {
            last.file.sync_data()?;
        }
        let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(self.path(number))?;
        File::open(&self.folder)?.sync_all()?;
        self.segments.push_back(Segment { number, file, first, blocks: Vec::new(), octets: 0 });
        Ok(())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:012}.spool"))
    }

    /// Replaces what the disk says of what is settled, as a whole.
    fn tell(&self) -> io::Result<()> {
        let segment = self.segments.iter().rev().find(|segment| segment.first <= self.settled);
        let Some(segment) = segment else { return Ok(()) };
        let (path, temporary) = (self.folder.join(SETTLED), self.folder.join("settled.new"));
        let mut file = File::create(&temporary)?;
        write!(file, "{} {}", segment.number, self.settled - segment.first)?;
        file.sync_data()?;
        fs::rename(temporary, path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Finds the segments, and cuts off what a crash has left half written.
    fn recover(&mut self) -> io::Result<()> {
        let mut numbers: Vec<u64> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".spool")?.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        let mut first = 0;
        for number in numbers {
            let file = OpenOptions::new().read(true).write(true).open(self.path(number))?;
            let found = find_blocks(&file, false)?;
            if let Some(error) = found.foreign() {
                return Err(io::Error::other(format!("{}: {error}", self.path(number).display())));
            }
            let place = |block: &crate::journal::BlockAt| Place {
                offset: block.offset,
                octets: block.header.stride(),
                rows: block.header.rows,
            };
            let blocks: Vec<Place> = found.blocks.iter().map(place).collect();
            // The filling after the last block may be missing too.
            let end = blocks.last().map_or(0, |last| last.offset + last.octets as u64);
            if found.length != end {
                file.set_len(end)?;
            }
            self.octets += end;
            let count = blocks.len() as u64;
            self.segments.push_back(Segment { number, file, first, blocks, octets: end });
            first += count;
        }
        let told = fs::read_to_string(self.folder.join(SETTLED)).unwrap_or_default();
        let told = told.split_once(' ').and_then(|(number, blocks)| Some((number.parse().ok()?, blocks.parse().ok()?)));
        let (number, blocks): (u64, u64) = told.unwrap_or((0, 0));
        let segment = self.segments.iter().find(|segment| segment.number >= number);
        self.settled = match segment {
            Some(segment) if segment.number == number => segment.first + blocks.min(segment.blocks.len() as u64),
            Some(segment) => segment.first,
            None => first,
        };
        (self.next, self.told) = (self.settled, self.settled);
        self.rows = self.rows_between(self.next, first);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
