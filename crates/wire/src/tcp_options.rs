//! TCP options (RFC 9293, section 3.1): maximum segment size, window scale, SACK, timestamps.
//!
//! They are read on demand: most packets of a connection carry timestamps alone, and not every caller wants those.

use crate::{Few, Reader, Short};

/// SACK blocks kept; more do not fit into the option space.
pub const MAX_SACK_BLOCKS: usize = 4;

const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

/// The options of one TCP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// Kinds seen, as in information element 209: bit n, counted from the least significant, is option kind n.
    pub kinds: u64,
    /// Maximum segment size in bytes.
    pub mss: Option<u16>,
    /// Window scale: the power of two to multiply the window with (RFC 7323).
    pub window_scale: Option<u8>,
    /// Selective acknowledgments are permitted (RFC 2018).
    pub sack_permitted: bool,
    /// Selective acknowledgments: first sequence number of each block and the one behind it.
    pub sack: Few<(u32, u32), MAX_SACK_BLOCKS>,
    /// Timestamp value and timestamp echo reply (RFC 7323).
    pub timestamps: Option<(u32, u32)>,
    /// A length of 0 or 1, or one beyond the options, ended the reading; also when the capture cut them.
    pub broken: bool,
}

impl TcpOptions {
    /// Reads the option bytes of a TCP header.
    #[inline]
    pub fn read(bytes: &[u8]) -> Self {
        let mut options = Self::default();
        // RFC 7323, appendix A: how nearly every host lays out the options of a data segment.
        if let Ok([NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10, v0, v1, v2, v3, e0, e1, e2, e3]) = <[u8; 12]>::try_from(bytes) {
            options.kinds = 1 << NO_OPERATION | 1 << TIMESTAMPS;
            options.timestamps = Some((u32::from_be_bytes([v0, v1, v2, v3]), u32::from_be_bytes([e0, e1, e2, e3])));
            return options;
        }
        options.broken = options.read_each(Reader::new(bytes)).is_err();
        options
    }

    fn read_each(&mut self, mut reader: Reader<'_>) -> Result<(), Short> {
        while !reader.is_empty() {
            let kind = reader.u8()?;
            if kind < 64 {
                self.kinds |= 1 << kind;
            }
            match kind {
                END_OF_OPTIONS => break,
                NO_OPERATION => {}
                _ => {
                    let offset = reader.offset();
                    // The length covers kind and length.
                    let length = usize::from(reader.u8()?);
                    let length = length.checked_sub(2).ok_or(Short { offset, wanted: 2, left: length })?;
                    self.read_one(kind, reader.sub(length)?)?;
                }
            }
        }
        Ok(())
    }

    fn read_one(&mut self, kind: u8, mut value: Reader<'_>) -> Result<(), Short> {
        match kind {
            MAXIMUM_SEGMENT_SIZE => self.mss = Some(value.u16()?),
            WINDOW_SCALE => self.window_scale = Some(value.u8()?),
            SACK_PERMITTED => self.sack_permitted = true,
            SACK => {
                while !value.is_empty() {
                    self.sack.push((value.u32()?, value.u32()?));
                }
            }
            TIMESTAMPS => self.timestamps = Some((value.u32()?, value.u32()?)),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_syn_are_read() {
        let options = TcpOptions::read(&[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7]);
        assert_eq!((options.mss, options.window_scale), (Some(1460), Some(7)));
        assert_eq!((options.sack_permitted, options.timestamps), (true, Some((7, 0))));
        assert_eq!(options.kinds, 0b1_0001_1110);
        assert!(!options.broken);
    }

    #[test]
    fn the_short_way_for_timestamps_reads_the_same_as_the_long_one() {
        let short = [1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0];
        let mut long = TcpOptions::default();
        long.read_each(Reader::new(&short)).unwrap();
        assert_eq!(TcpOptions::read(&short), long);
        assert_eq!(long.timestamps, Some((256, 512)));
    }

    #[test]
    fn sack_blocks_are_read() {
        let options = TcpOptions::read(&[1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]);
        assert_eq!(&*options.sack, &[(1, 2), (3, 4)]);
    }

    #[test]
    fn a_length_that_does_not_advance_ends_the_reading() {
        for length in [0, 1] {
            let options = TcpOptions::read(&[2, 4, 5, 0xb4, 99, length, 3, 3]);
            assert!(options.broken);
            assert_eq!(options.mss, Some(1460));
        }
        assert!(TcpOptions::read(&[8, 10, 0]).broken);
        // A value shorter than its kind demands.
        assert!(TcpOptions::read(&[2, 3, 5]).broken);
        // Nothing counts behind the end of the options.
        assert_eq!(TcpOptions::read(&[0, 2, 4, 5, 0xb4]).mss, None);
    }
}
