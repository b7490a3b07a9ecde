//! Segments that an earlier run left: where their blocks lie, and what is damaged.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::segment::BlockAt;
use crate::block::{Block, BlockError, HEADER, Header, find_header};

/// How far is read at once in the search for the next block.
const SEARCH: usize = 1 << 20;

/// What a segment holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) blocks: Vec<BlockAt>,
    /// Where the last block ends.
    pub(crate) end: u64,
    /// Octets of the file.
    pub(crate) length: u64,
    /// What is no block, before the end of the last one: offset, octets, what is wrong there.
    pub(crate) damaged: Vec<(u64, u64, BlockError)>,
    /// What is wrong after the last block, where something lies there.
    pub(crate) tail: Option<BlockError>,
}

impl Found {
    /// What says that another version of the program wrote here. Nothing must be cut off or passed over then.
    pub(crate) fn foreign(&self) -> Option<&BlockError> {
        let wrong = self.damaged.iter().map(|(_, _, error)| error).chain(&self.tail);
        wrong.into_iter().find(|error| matches!(error, BlockError::Version(_) | BlockError::Kind(_)))
    }
}

/// Lists the blocks of a segment. With `verify` every checksum is checked, otherwise only those of the headers (the others are when the block is read).
///
/// After a block that is none the search goes on at the next header, wherever that is: what was written later counts, whatever happened before it.
pub(crate) fn find_blocks(file: &File, verify: bool) -> io::Result<Found> {
    let length = file.metadata()?.len();
    let mut found = Found { length, ..Found::default() };
    let (mut offset, mut octets) = (0, Vec::new());
    let mut wrong: Option<(u64, BlockError)> = None;
    while offset < length {
        match block_at(file, offset, length, verify, &mut octets)? {
            Ok(header) => {
                if let Some((start, error)) = wrong.take() {
                    found.damaged.push((start, offset - start, error));
                }
                found.blocks.push(BlockAt { offset, header });
                // The filling after the last block may be missing; it has no content.
                offset = (offset + header.stride() as u64).min(length);
                found.end = offset;
            }
            Err(error) => {
                wrong.get_or_insert((offset, error));
                offset = next_header(file, offset + 8, length, &mut octets)?;
            }
        }
    }
    found.tail = wrong.map(|(_, error)| error);
    Ok(found)
}

/// The block at an offset. A damaged one of which the header can be believed is passed over as a whole only by the search for the next header, which finds none inside it
/// unless there is one.
fn block_at(file: &File, offset: u64, length: u64, verify: bool, octets: &mut Vec<u8>) -> io::Result<Result<Header, BlockError>> {
    let left = length - offset;
    if left < HEADER as u64 {
        return Ok(Err(BlockError::Cut));
    }
    octets.resize(HEADER, 0);
    file.read_exact_at(octets, offset)?;
    let header = match Header::read(octets) {
        Ok(header) => header,
        Err(error) => return Ok(Err(error)),
    };
    let whole = HEADER + header.body();
    if left < whole as u64 {
        return Ok(Err(BlockError::Cut));
    }
    if verify {
        octets.resize(whole, 0);
        file.read_exact_at(&mut octets[HEADER..], offset + HEADER as u64)?;
        if let Err(error) = Block::open(octets) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(header))
}

/// The offset of the next header from `offset` on, or the length where there is none.
fn next_header(file: &File, mut offset: u64, length: u64, octets: &mut Vec<u8>) -> io::Result<u64> {
    while offset < length {
        octets.resize(usize::try_from(length - offset).unwrap_or(SEARCH).min(SEARCH), 0);
        file.read_exact_at(octets, offset)?;
        if let Some(place) = find_header(octets) {
            return Ok(offset + place as u64);
        }
        offset += octets.len() as u64;
    }
    Ok(length)
}

/// The numbers of the segments in a folder, in order.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        numbers.extend(entry?.file_name().to_str().and_then(super::segment::number_of));
    }
    numbers.sort_unstable();
    Ok(numbers)
}
