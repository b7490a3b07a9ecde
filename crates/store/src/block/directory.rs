//! The list of columns at the end of a block: names, types and how the values lie.

use super::BlockError;

/// What a column holds, in the lower half of an entry's form.
pub(super) mod storage {
    pub(in crate::block) const U8: u8 = 1;
    pub(in crate::block) const U16: u8 = 2;
    pub(in crate::block) const U32: u8 = 3;
    pub(in crate::block) const U64: u8 = 4;
    pub(in crate::block) const TIME: u8 = 5;
    pub(in crate::block) const IP: u8 = 6;
    pub(in crate::block) const TEXT: u8 = 7;
    pub(in crate::block) const LIST: u8 = 8;
}

/// Flag of a form: some rows are absent, and validity words come first in the data.
pub(super) const GAPS: u8 = 0x10;
/// Flag of a form: the column ends before the block does.
pub(super) const SHORT: u8 = 0x20;
/// Flag of a form: every row has the same text, which stands once.
pub(super) const SAME: u8 = 0x40;

/// Appends a number, seven bits an octet, least significant first (LEB128).
pub(super) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A column of a block: its entry, and the data from its values on.
///
/// Data of columns lie one after the other in the order of the entries, so every entry has to be walked over to know where the next begins.
pub(super) struct Entry<'a> {
    /// The directory from here on.
    pub(super) directory: &'a [u8],
    /// The data from here on.
    pub(super) values: &'a [u8],
}

impl<'a> Entry<'a> {
    pub(super) const fn is_empty(&self) -> bool {
        self.directory.is_empty()
    }

    pub(super) fn octet(&mut self) -> Result<u8, BlockError> {
        let (octet, rest) = self.directory.split_first().ok_or(BlockError::Directory("cut"))?;
        self.directory = rest;
        Ok(*octet)
    }

    pub(super) fn varint(&mut self) -> Result<u64, BlockError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            value |= u64::from(octet & 0x7f) << shift;
            if octet < 0x80 {
                return Ok(value);
            }
        }
        Err(BlockError::Directory("a number of more than ten octets"))
    }

    pub(super) fn length(&mut self) -> Result<usize, BlockError> {
        usize::try_from(self.varint()?).map_err(|_| BlockError::Directory("a length"))
    }

    pub(super) fn name(&mut self) -> Result<&'a [u8], BlockError> {
        let length = usize::from(self.octet()?);
        let (name, rest) = self.directory.split_at_checked(length).ok_or(BlockError::Directory("name of a column"))?;
        self.directory = rest;
        Ok(name)
    }

    pub(super) fn data(&mut self, length: usize) -> Result<&'a [u8], BlockError> {
        let (data, rest) =
            self.values.split_at_checked(length).ok_or(BlockError::Directory("values past the end of the block"))?;
        self.values = rest;
        Ok(data)
    }
}
