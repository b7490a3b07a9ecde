//! Blocks of the journal: one batch of one table, by column.
//!
//! A block is a header of [`HEADER`] octets, the columns' values, and the directory that says which they are. It starts at a multiple of eight octets
//! and is filled up to one. All numbers are little-endian.
//!
//! | octets | header |
//! | --- | --- |
//! | 0..8 | `WEIRBLK` and a line feed |
//! | 8 | version of the format, 1 |
//! | 9 | table ([`BlockKind`]) |
//! | 10..12 | columns in the directory |
//! | 12..16 | rows |
//! | 16..20 | octets of the values |
//! | 20..24 | octets of the directory |
//! | 24..28 | CRC32C of values and directory |
//! | 28..60 | earliest and latest arrival, begin and end ([`Times`]) |
//! | 60..64 | CRC32C of the octets before |
//!
//! Columns stand by name, so journals stay readable when columns are added. Writing does nothing for each row: values are packed by whole columns, and a
//! reader unpacks only the columns that it asks for.

mod decode;
mod directory;
mod encode;
mod number;
mod spans;

pub(crate) use decode::Block;
pub(crate) use encode::Encoder;

use weir_record::{CounterBatch, FlowBatch, HealthBatch, Table};

use crate::times::Times;

/// Octets of a block's header.
pub(crate) const HEADER: usize = 64;
/// Most rows of a block.
pub const MAX_ROWS: usize = 1 << 20;
/// Most octets of a block's values and directory together.
pub const MAX_BODY: usize = 256 << 20;

const MAGIC: [u8; 8] = *b"WEIRBLK\n";
const VERSION: u8 = 1;

/// The table whose rows a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// [`FlowBatch`]: rows of every record kind.
    Flows = 1,
    /// [`CounterBatch`].
    Counters = 2,
    /// [`HealthBatch`].
    Health = 3,
}

/// A table that the journal keeps.
pub trait BlockTable: Table {
    /// How blocks of this table are marked.
    const KIND: BlockKind;

    /// The time that the rows cover.
    fn times(&self) -> Times;
}

impl BlockTable for FlowBatch {
    const KIND: BlockKind = BlockKind::Flows;

    fn times(&self) -> Times {
        spans::of_flows(self)
    }
}

impl BlockTable for CounterBatch {
    const KIND: BlockKind = BlockKind::Counters;

    fn times(&self) -> Times {
        spans::of_moments(&self.time_received, self.rows(), 0)
    }
}

impl BlockTable for HealthBatch {
    const KIND: BlockKind = BlockKind::Health;

    fn times(&self) -> Times {
        spans::of_moments(&self.slot, self.rows(), spans::MINUTE - 1)
    }
}

/// The head of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: BlockKind,
    pub(crate) columns: u16,
    pub(crate) rows: u32,
    /// Octets of the values.
    pub(crate) values: u32,
    /// Octets of the directory.
    pub(crate) directory: u32,
    /// CRC32C of values and directory.
    pub(crate) checksum: u32,
    pub(crate) times: Times,
}

impl Header {
    /// Reads and checks a header; more octets may follow.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, BlockError> {
        let octets: &[u8; HEADER] = octets.first_chunk().ok_or(BlockError::Cut)?;
        if octets[..8] != MAGIC {
            return Err(BlockError::NoBlock);
        }
        if crc32c::crc32c(&octets[..60]) != u32_at(octets, 60) {
            return Err(BlockError::HeaderChecksum);
        }
        if octets[8] != VERSION {
            return Err(BlockError::Version(octets[8]));
        }
        let kind = match octets[9] {
            1 => BlockKind::Flows,
            2 => BlockKind::Counters,
            3 => BlockKind::Health,
            kind => return Err(BlockError::Kind(kind)),
        };
        let header = Self {
            kind,
            columns: u16::from_le_bytes([octets[10], octets[11]]),
            rows: u32_at(octets, 12),
            values: u32_at(octets, 16),
            directory: u32_at(octets, 20),
            checksum: u32_at(octets, 24),
            times: Times {
                received_min: i64_at(octets, 28),
                received_max: i64_at(octets, 36),
                placed_min: i64_at(octets, 44),
                placed_max: i64_at(octets, 52),
            },
        };
        let is_too_large = header.rows as usize > MAX_ROWS || header.values as u64 + header.directory as u64 > MAX_BODY as u64;
        if is_too_large { Err(BlockError::TooLarge) } else { Ok(header) }
    }

    fn write(&self, octets: &mut [u8; HEADER]) {
        octets[..8].copy_from_slice(&MAGIC);
        octets[8] = VERSION;
        octets[9] = self.kind as u8;
        octets[10..12].copy_from_slice(&self.columns.to_le_bytes());
        let numbers = [self.rows, self.values, self.directory, self.checksum];
        for (place, number) in octets[12..28].as_chunks_mut().0.iter_mut().zip(numbers) {
            *place = number.to_le_bytes();
        }
        let times = [self.times.received_min, self.times.received_max, self.times.placed_min, self.times.placed_max];
        for (place, time) in octets[28..60].as_chunks_mut().0.iter_mut().zip(times) {
            *place = time.to_le_bytes();
        }
        let checksum = crc32c::crc32c(&octets[..60]);
        octets[60..].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Octets of values and directory.
    pub(crate) const fn body(&self) -> usize {
        self.values as usize + self.directory as usize
    }

    /// Octets from the begin of this block to that of the next.
    pub(crate) const fn stride(&self) -> usize {
        (HEADER + self.body()).next_multiple_of(8)
    }
}

/// The place of the next header in octets that begin at a multiple of eight, for going on after a damaged block.
pub(crate) fn find_header(octets: &[u8]) -> Option<usize> {
    octets.as_chunks::<8>().0.iter().position(|octets| *octets == MAGIC).map(|index| index * 8)
}

fn u32_at(octets: &[u8; HEADER], at: usize) -> u32 {
    octets[at..].first_chunk().map_or(0, |octets| u32::from_le_bytes(*octets))
}

fn i64_at(octets: &[u8; HEADER], at: usize) -> i64 {
    octets[at..].first_chunk().map_or(0, |octets| i64::from_le_bytes(*octets))
}

/// What is wrong with a block, or with a batch that should become one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BlockError {
    #[error("cut off")]
    Cut,
    #[error("no block begins here")]
    NoBlock,
    #[error("checksum of the header does not match")]
    HeaderChecksum,
    #[error("block of format {0}; this program reads format {VERSION}")]
    Version(u8),
    #[error("block of table {0}, which this program does not know")]
    Kind(u8),
    #[error("block of another table than asked for")]
    OtherTable,
    #[error("more than {MAX_ROWS} rows or {MAX_BODY} octets in a block")]
    TooLarge,
    #[error("checksum of the values does not match")]
    Checksum,
    #[error("directory of columns does not make sense: {0}")]
    Directory(&'static str),
}

#[cfg(test)]
mod tests;
