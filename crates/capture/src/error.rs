//! Why a capture cannot be read (any further).
//!
//! Offsets count bytes from the start of the capture; in a compressed file, of what it holds, not of the file itself.

use std::fmt;
use std::io;

use crate::file::CutShort;

/// A capture that cannot be read (any further): which one, and why.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {kind}")]
pub struct Error {
    /// Path of the file, or the name that the reader was given.
    pub name: String,
    /// What is wrong.
    #[source]
    pub kind: ErrorKind,
}

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file cannot be opened.
    #[error("cannot open the file: {0}")]
    Open(#[source] io::Error),

    /// The file, or the compressed data in it, cannot be read beyond `offset`.
    #[error("cannot read beyond byte {offset}: {cause}")]
    Read {
        /// Bytes that were read before.
        offset: u64,
        /// What the system or the decompressor says.
        #[source]
        cause: io::Error,
    },

    /// There is not one byte.
    #[error("not a capture file: it is empty")]
    Empty,

    /// The first bytes belong to no format we read.
    #[error("not a capture file: starts with {start}, expected pcap, pcapng or IPFIX, plain or compressed with gzip or zstd")]
    NotACapture {
        /// The first bytes of the file.
        start: FirstBytes,
    },

    /// The file ends within its first header, so there is no frame to give.
    #[error("{format} file cut short in its first header: {needed} bytes expected, {present} there")]
    HeaderCutShort {
        /// Name of the format.
        format: &'static str,
        /// Length of the header, bytes.
        needed: u64,
        /// Bytes that are there.
        present: u64,
    },

    /// A version that came after us, or never existed.
    #[error("{format} version {major}.{minor} at byte {offset}, expected version {expected}")]
    UnsupportedVersion {
        /// Name of the format.
        format: &'static str,
        /// Where the version stands.
        offset: u64,
        /// Major version seen.
        major: u16,
        /// Minor version seen.
        minor: u16,
        /// Major version that we read.
        expected: u16,
    },

    /// A length that no real record has: the file is damaged, or what came before it was.
    #[error("damaged file: the record at byte {offset} claims {length} bytes, the limit is {limit}")]
    RecordTooLong {
        /// Where the record starts.
        offset: u64,
        /// The length it claims, bytes.
        length: u32,
        /// The longest we read, bytes.
        limit: u32,
    },

    /// Any other value that leaves us without the start of the next record.
    #[error("damaged file: {what} at byte {offset} is {seen} ({seen:#x}), expected {expected}")]
    Damaged {
        /// Where the value stands.
        offset: u64,
        /// What the value is for.
        what: &'static str,
        /// The value.
        seen: u32,
        /// What was allowed.
        expected: &'static str,
    },

    /// More interfaces than we keep.
    #[error("section describes more than {limit} interfaces (the next at byte {offset})")]
    TooManyInterfaces {
        /// Where the description beyond the limit starts.
        offset: u64,
        /// The limit.
        limit: usize,
    },

    /// Compressed again and again.
    #[error("compressed more than {limit} times over")]
    TooManyLayers {
        /// The limit.
        limit: usize,
    },
}

/// The first bytes of a file, printed in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstBytes {
    bytes: [u8; 8],
    count: usize,
}

impl FirstBytes {
    pub(crate) fn of(start: &[u8]) -> Self {
        let mut bytes = [0; 8];
        let count = start.len().min(bytes.len());
        bytes.iter_mut().zip(start).for_each(|(to, from)| *to = *from);
        FirstBytes { bytes, count }
    }
}

impl fmt::Display for FirstBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.bytes.iter().take(self.count).enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{byte:02x}")?;
        }
        Ok(())
    }
}

/// Why a reader of one format has no further record, other than the end of the file.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The file ends within a record.
    CutShort(CutShort),
    /// The rest cannot be read.
    Failed(ErrorKind),
    /// The next record is not whole in memory, and what is there must stay where it is.
    Held,
}

impl From<ErrorKind> for Stop {
    fn from(kind: ErrorKind) -> Self {
        Stop::Failed(kind)
    }
}
