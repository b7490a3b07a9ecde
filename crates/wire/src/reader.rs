//! A forward-only cursor over borrowed bytes that knows its absolute offset.
//!
//! Messages nest: a record lies in a set, a set in a message, a message in a stream. A sub-reader narrows the window and keeps
//! counting from the start of the outermost bytes, so an error deep inside names the byte as a capture tool shows it. Copying
//! a reader is the checkpoint. After an error nothing was consumed.

use std::{error, fmt};

/// A forward-only cursor over a borrowed slice with absolute offsets.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// What is left to read.
    left: &'a [u8],
    /// Absolute offset of the first byte left.
    offset: usize,
}

/// The bytes ended too early: at `offset`, `wanted` bytes were needed and `left` were left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// Absolute offset of the first byte of the field that does not fit.
    pub offset: usize,
    /// Bytes the field needs.
    pub wanted: usize,
    /// Bytes that were left.
    pub left: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, the first of which has offset 0.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes, offset: 0 }
    }

    /// Reads `bytes`, the first of which has this absolute offset.
    #[inline]
    pub const fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self { left: bytes, offset }
    }

    /// Absolute offset of the next byte.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes left to read.
    #[inline]
    pub const fn left(&self) -> usize {
        self.left.len()
    }

    /// True when nothing is left to read.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Everything that is left, without consuming it.
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.left
    }

    /// The next `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        match self.left.split_first_chunk::<N>() {
            Some((head, tail)) => {
                self.left = tail;
                self.offset = self.offset.wrapping_add(N);
                Ok(*head)
            }
            None => Err(self.short(N)),
        }
    }

    /// The next `n` bytes.
    #[inline]
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], Short> {
        match self.left.split_at_checked(n) {
            Some((head, tail)) => {
                self.left = tail;
                self.offset = self.offset.wrapping_add(n);
                Ok(head)
            }
            None => Err(self.short(n)),
        }
    }

    /// A reader of the next `n` bytes alone, which keeps counting offsets; this one continues behind them.
    #[inline]
    pub fn sub(&mut self, n: usize) -> Result<Reader<'a>, Short> {
        let offset = self.offset;
        Ok(Reader { left: self.bytes(n)?, offset })
    }

    /// Passes over `n` bytes.
    #[inline]
    pub fn skip(&mut self, n: usize) -> Result<(), Short> {
        self.bytes(n).map(|_| ())
    }

    /// The next byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, Short> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next 2 bytes in network order.
    #[inline]
    pub fn u16(&mut self) -> Result<u16, Short> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next 3 bytes in network order.
    #[inline]
    pub fn u24(&mut self) -> Result<u32, Short> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// The next 4 bytes in network order.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next 8 bytes in network order.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next 2 bytes, least significant first.
    #[inline]
    pub fn u16_le(&mut self) -> Result<u16, Short> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next 4 bytes, least significant first.
    #[inline]
    pub fn u32_le(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next 8 bytes, least significant first.
    #[inline]
    pub fn u64_le(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next byte, left in place.
    #[inline]
    pub fn peek_u8(&self) -> Result<u8, Short> {
        let mut ahead = *self;
        ahead.u8()
    }

    /// The next 2 bytes in network order, left in place.
    #[inline]
    pub fn peek_u16(&self) -> Result<u16, Short> {
        let mut ahead = *self;
        ahead.u16()
    }

    #[cold]
    fn short(&self, wanted: usize) -> Short {
        Short { offset: self.offset, wanted, left: self.left.len() }
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, wanted, left } = self;
        write!(f, "{wanted} bytes wanted at offset {offset}, {left} left")
    }
}

impl error::Error for Short {}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    #[test]
    fn numbers_are_read_in_the_order_asked_for() {
        let mut reader = Reader::new(&BYTES);
        assert_eq!(reader.u8(), Ok(0));
        assert_eq!(reader.u16(), Ok(0x0102));
        assert_eq!(reader.u24(), Ok(0x03_0405));
        assert_eq!(reader.u32(), Ok(0x0607_0809));
        assert_eq!((reader.offset(), reader.left()), (10, 6));
        assert_eq!(reader.u16_le(), Ok(0x0b0a));
        assert_eq!(reader.u32_le(), Ok(0x0f0e_0d0c));
        assert!(reader.is_empty());
        assert_eq!(Reader::new(&BYTES).u64(), Ok(0x0001_0203_0405_0607));
        assert_eq!(Reader::new(&BYTES).u64_le(), Ok(0x0706_0504_0302_0100));
    }

    #[test]
    fn nested_readers_count_from_the_outermost_start() {
        let mut message = Reader::at(&BYTES, 100);
        message.skip(4).unwrap();
        let mut set = message.sub(8).unwrap();
        assert_eq!((set.offset(), set.left()), (104, 8));
        assert_eq!((message.offset(), message.left()), (112, 4));
        set.skip(2).unwrap();
        let mut record = set.sub(3).unwrap();
        assert_eq!(record.u16(), Ok(0x0607));
        // The record ends although the set and the message go on.
        assert_eq!(record.u16(), Err(Short { offset: 108, wanted: 2, left: 1 }));
        assert_eq!(record.rest(), &[8]);
        assert_eq!((set.offset(), set.peek_u8()), (109, Ok(9)));
    }

    #[test]
    fn an_error_consumes_nothing() {
        let mut reader = Reader::at(&BYTES[..3], 7);
        let expected = Short { offset: 7, wanted: 4, left: 3 };
        assert_eq!(reader.u32(), Err(expected));
        assert_eq!(reader.bytes(4), Err(expected));
        assert_eq!(reader.sub(4).map(|_| ()), Err(expected));
        assert_eq!(reader.skip(usize::MAX).map_err(|short| short.wanted), Err(usize::MAX));
        assert_eq!((reader.offset(), reader.rest()), (7, &BYTES[..3]));
        assert_eq!(reader.u24(), Ok(0x00_0102));
        assert_eq!(reader.u8(), Err(Short { offset: 10, wanted: 1, left: 0 }));
    }

    #[test]
    fn peeking_leaves_the_bytes_in_place() {
        let reader = Reader::new(&BYTES[4..5]);
        assert_eq!(reader.peek_u8(), Ok(4));
        assert_eq!(reader.peek_u16(), Err(Short { offset: 0, wanted: 2, left: 1 }));
        assert_eq!(reader.left(), 1);
    }

    #[test]
    fn the_error_says_where_and_how_much() {
        let short = Short { offset: 20, wanted: 4, left: 1 };
        assert_eq!(short.to_string(), "4 bytes wanted at offset 20, 1 left");
    }
}
