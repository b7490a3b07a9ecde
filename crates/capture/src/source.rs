//! From a file name to a stream of capture bytes: opening, counting, decompressing.
//!
//! Compression is recognised by the first bytes: gzip (RFC 1952 section 2.3.1) and Zstandard (RFC 8878 sections 3.1.1
//! and 3.1.2), several members or frames in a row included.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::MAX_COMPRESSION_LAYERS;
use crate::error::ErrorKind;

/// Compressed bytes read at a time.
const COMPRESSED_BUFFER_BYTES: usize = 256 << 10;

/// Where capture bytes come from.
pub(crate) struct Source {
    /// The capture, decompressed.
    pub(crate) reader: Box<dyn Read + Send>,
    /// Bytes read of the file as it lies there.
    pub(crate) position: Arc<AtomicU64>,
    /// Length of the file as it lies there; unknown for pipes.
    pub(crate) size: Option<u64>,
}

impl Source {
    /// Opens a file; `-` is the standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, ErrorKind> {
        if path == Path::new("-") {
            return Source::new(Box::new(io::stdin()), None);
        }
        let file = File::open(path).map_err(ErrorKind::Open)?;
        let metadata = file.metadata().map_err(ErrorKind::Open)?;
        let size = metadata.is_file().then_some(metadata.len());
        Source::new(Box::new(file), size)
    }

    pub(crate) fn new(reader: Box<dyn Read + Send>, size: Option<u64>) -> Result<Self, ErrorKind> {
        let position = Arc::new(AtomicU64::new(0));
        let counted = Counted { reader, position: Arc::clone(&position) };
        Ok(Source { reader: decompress(Box::new(counted))?, position, size })
    }
}

/// A reader that says how far it is.
struct Counted {
    reader: Box<dyn Read + Send>,
    position: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Puts decompressors before the reader until what comes out is not compressed.
fn decompress(mut reader: Box<dyn Read + Send>) -> Result<Box<dyn Read + Send>, ErrorKind> {
    for _ in 0..=MAX_COMPRESSION_LAYERS {
        let (start, whole) = peek(reader)?;
        let buffered = BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, whole);
        reader = match start {
            [0x1f, 0x8b, 0x08, _] => Box::new(MultiGzDecoder::new(buffered)),
            // A data frame, or a skippable frame such as parallel compressors put first.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                Box::new(zstd::Decoder::with_buffer(buffered).map_err(|cause| ErrorKind::Read { offset: 0, cause })?)
            }
            _ => return Ok(buffered.into_inner()),
        };
    }
    Err(ErrorKind::TooManyLayers { limit: MAX_COMPRESSION_LAYERS })
}

/// The first four bytes (zeros beyond the end), and a reader that still begins with them.
fn peek(mut reader: Box<dyn Read + Send>) -> Result<([u8; 4], Box<dyn Read + Send>), ErrorKind> {
    let mut start = Vec::with_capacity(4);
    let read = reader.by_ref().take(4).read_to_end(&mut start);
    match read {
        // Compressed data that stops here: the reader says so again when asked for more.
        Err(cause) if cause.kind() != io::ErrorKind::UnexpectedEof => {
            return Err(ErrorKind::Read { offset: 0, cause });
        }
        _ => {}
    }
    let mut magic = [0; 4];
    magic.iter_mut().zip(&start).for_each(|(to, from)| *to = *from);
    Ok((magic, Box::new(Cursor::new(start).chain(reader))))
}
