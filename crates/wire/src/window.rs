//! A reader that also knows how many bytes the wire had behind the captured ones.
//!
//! A length field is compared with the wire, a read with what was captured; the difference between the two tells a cut
//! packet from a malformed one. The payload of a first fragment is cut too, by whoever fragmented it.

use crate::{End, Fault, Reader, Short};

/// The bytes of one layer: those at hand, and the number of those that follow on the wire only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'a> {
    reader: Reader<'a>,
    /// Bytes of this layer behind the last captured one.
    missing: usize,
    /// Later fragments carry more of this layer.
    goes_on: bool,
}

impl<'a> Window<'a> {
    /// The whole frame; `original_len` is its length on the wire.
    #[inline]
    pub(crate) fn new(frame: &'a [u8], original_len: usize) -> Self {
        let missing = original_len.saturating_sub(frame.len());
        Self { reader: Reader::new(frame), missing, goes_on: false }
    }

    /// Offset in the frame of the next byte.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.reader.offset()
    }

    /// Bytes left on the wire.
    #[inline]
    pub(crate) fn wire_left(&self) -> usize {
        self.reader.left().saturating_add(self.missing)
    }

    /// True when later fragments carry more of this layer.
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Marks a layer of which later fragments carry more.
    #[inline]
    pub(crate) fn mark_first_fragment(&mut self) {
        self.goes_on = true;
    }

    /// The next `N` bytes.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], End> {
        match self.reader.array() {
            Ok(bytes) => Ok(bytes),
            Err(short) => Err(self.end(short)),
        }
    }

    /// The next `N` bytes, left in place; `None` when they are not at hand.
    #[inline]
    pub(crate) fn peek<const N: usize>(&self) -> Option<[u8; N]> {
        let mut ahead = self.reader;
        ahead.array().ok()
    }

    /// The next 2 bytes in network order.
    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, End> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next 4 bytes in network order.
    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, End> {
        self.array().map(u32::from_be_bytes)
    }

    /// Passes over `n` bytes.
    #[inline]
    pub(crate) fn skip(&mut self, n: usize) -> Result<(), End> {
        match self.reader.skip(n) {
            Ok(()) => Ok(()),
            Err(short) => Err(self.end(short)),
        }
    }

    /// Keeps the next `n` bytes of the wire alone; false when there were fewer, all of which are kept.
    #[inline]
    pub(crate) fn narrow(&mut self, n: usize) -> bool {
        let fits = n <= self.wire_left() || self.goes_on;
        let at_hand = n.min(self.reader.left());
        let behind = n.saturating_sub(at_hand);
        self.goes_on &= behind > self.missing;
        self.missing = behind.min(self.missing);
        if let Ok(reader) = self.reader.sub(at_hand) {
            self.reader = reader;
        }
        fits
    }

    #[cold]
    fn end(&self, short: Short) -> End {
        if self.goes_on || short.wanted <= short.left.saturating_add(self.missing) {
            End::Cut { offset: short.offset }
        } else {
            End::malformed(Fault::Truncated, short.offset)
        }
    }
}
