//! The part of a capture that is in memory: one buffer that slides over the reader.
//!
//! Format readers ask for so many bytes ahead, look at them, and consume them. The buffer starts at [`START_BYTES`] and
//! doubles only when it is full of bytes that really arrived; since no record above [`crate::MAX_FRAME_BYTES`] is asked
//! for, it never exceeds twice that.

use std::io::{self, Read};

use crate::error::{ErrorKind, Stop};
use crate::file::CutShort;

/// Size of the buffer at the start, bytes. Large reads keep the cost of the system call away from small frames.
const START_BYTES: usize = 1 << 20;

/// The bytes between what was consumed and what was read.
pub(crate) struct Window {
    reader: Box<dyn Read + Send>,
    /// Bytes `start..end` are valid, `start <= end <= buffer.len()`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where `start` lies in the capture.
    offset: u64,
    ending: Ending,
    /// Nothing may move: frames are lent.
    held: bool,
}

/// Whether more can be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    NotYet,
    /// The reader came to its end.
    Whole,
    /// The compressed data stops before its own end.
    CutShort,
}

impl Window {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Window { reader, buffer: vec![0; START_BYTES], start: 0, end: 0, offset: 0, ending: Ending::NotYet, held: false }
    }

    /// Where the next byte lies in the capture.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// All bytes that are in memory and not consumed.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The first `N` bytes of a new record; none when the capture ends here, as it may between records.
    #[inline]
    pub(crate) fn begin<const N: usize>(&mut self) -> Result<Option<&[u8; N]>, Stop> {
        if self.end - self.start < N && !self.fill_for_record(N)? {
            let whole = self.bytes().is_empty() && self.ending == Ending::Whole;
            return if whole { Ok(None) } else { Err(self.cut_short(N)) };
        }
        Ok(self.bytes().first_chunk())
    }

    /// The first `count` bytes of a record that has begun.
    #[inline]
    pub(crate) fn need(&mut self, count: usize) -> Result<&[u8], Stop> {
        if self.end - self.start < count && !self.fill_for_record(count)? {
            return Err(self.cut_short(count));
        }
        Ok(self.bytes().get(..count).unwrap_or_default())
    }

    /// Keeps what is in memory in its place, or no longer.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// The same as [`Window::fill`], unless nothing may move.
    fn fill_for_record(&mut self, count: usize) -> Result<bool, Stop> {
        if self.held { Err(Stop::Held) } else { Ok(self.fill(count)?) }
    }

    /// Tries to make `count` bytes available, without asking for them.
    pub(crate) fn fill(&mut self, count: usize) -> Result<bool, ErrorKind> {
        while self.end - self.start < count && self.ending == Ending::NotYet {
            self.make_room();
            let Some(room) = self.buffer.get_mut(self.end..) else {
                break;
            };
            match self.reader.read(room) {
                Ok(0) => self.ending = Ending::Whole,
                Ok(read) => self.end += read.min(room.len()),
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => self.ending = Ending::CutShort,
                Err(cause) => {
                    let offset = self.offset + (self.end - self.start) as u64;
                    return Err(ErrorKind::Read { offset, cause });
                }
            }
        }
        Ok(self.end - self.start >= count)
    }

    /// Moves what is left to the front, so that the next read has the rest of the buffer; more buffer if there is no rest.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }

    /// Leaves `count` available bytes behind.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Consumes a record; says where the part of it that is data lies, until the next call that reads.
    #[inline]
    pub(crate) fn take(&mut self, record: usize, data_at: usize) -> usize {
        let from = self.start + data_at;
        self.consume(record);
        from
    }

    /// Bytes of a record that was taken.
    #[inline]
    pub(crate) fn lend(&self, from: usize, length: usize) -> &[u8] {
        self.buffer.get(from..from + length).unwrap_or_default()
    }

    /// Consumes a record of any length that nobody wants to see.
    pub(crate) fn skip(&mut self, record: u64) -> Result<(), Stop> {
        if self.held && record > self.bytes().len() as u64 {
            return Err(Stop::Held);
        }
        let offset = self.offset;
        let mut left = record;
        while left > 0 {
            if self.bytes().is_empty() && !self.fill(1)? {
                return Err(Stop::CutShort(CutShort { offset, present: record - left, needed: record }));
            }
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(self.end - self.start);
            self.consume(step);
            left -= step as u64;
        }
        Ok(())
    }

    #[cold]
    fn cut_short(&self, needed: usize) -> Stop {
        let present = self.bytes().len() as u64;
        Stop::CutShort(CutShort { offset: self.offset, present, needed: needed as u64 })
    }
}
