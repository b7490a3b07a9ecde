//! Captures made octet by octet, and what is read of them.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use weir_capture::{CaptureFile, Error, FileStats, Frame, PcapWriter, TimeUnit};

/// A frame that outlives its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) time_ns: i64,
    pub(crate) link_type: u16,
    pub(crate) data: Vec<u8>,
    pub(crate) original_len: u32,
    pub(crate) interface: u32,
}

/// All that a capture gives: frames, statistics, and the error that ended it.
pub(crate) struct Reading {
    pub(crate) frames: Vec<Kept>,
    pub(crate) stats: FileStats,
    pub(crate) error: Option<Error>,
}

/// Reads from memory.
pub(crate) fn open(bytes: &[u8]) -> Result<CaptureFile, Error> {
    CaptureFile::from_reader(Box::new(Cursor::new(bytes.to_vec())), "test")
}

impl Kept {
    fn of(frame: &Frame<'_>, before: usize) -> Self {
        assert_eq!(frame.number, before as u64 + 1);
        let Frame { time_ns, link_type, original_len, interface, .. } = *frame;
        Kept { time_ns, link_type, data: frame.data.to_vec(), original_len, interface }
    }
}

/// Reads to the end, and checks that numbers count from 1, that statistics add up, and that nothing follows the end.
pub(crate) fn drain(mut file: CaptureFile) -> Reading {
    let mut frames: Vec<Kept> = Vec::new();
    let error = loop {
        match file.next() {
            Ok(Some(frame)) => frames.push(Kept::of(&frame, frames.len())),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    ended(file, frames, error)
}

/// The same, by groups of frames.
pub(crate) fn drain_groups(mut file: CaptureFile) -> Reading {
    let mut frames: Vec<Kept> = Vec::new();
    let error = loop {
        match file.next_group() {
            Ok(group) if group.is_empty() => break None,
            Ok(group) => group.iter().for_each(|frame| frames.push(Kept::of(frame, frames.len()))),
            Err(error) => break Some(error),
        }
    };
    ended(file, frames, error)
}

fn ended(mut file: CaptureFile, frames: Vec<Kept>, error: Option<Error>) -> Reading {
    assert!(matches!(file.next(), Ok(None)), "nothing after the end");
    let stats = file.stats().clone();
    assert_eq!(stats.frames, frames.len() as u64);
    assert_eq!(stats.captured_bytes, frames.iter().map(|frame| frame.data.len() as u64).sum::<u64>());
    assert_eq!(stats.original_bytes, frames.iter().map(|frame| u64::from(frame.original_len)).sum::<u64>());
    Reading { frames, stats, error }
}

/// Reads a capture that is whole.
pub(crate) fn frames(bytes: &[u8]) -> Vec<Kept> {
    let reading = drain(open(bytes).unwrap());
    assert!(reading.error.is_none(), "{:?}", reading.error);
    assert_eq!(reading.stats.cut_short, None);
    reading.frames
}

/// The text of the error that opening a capture gives.
pub(crate) fn refusal(bytes: &[u8]) -> String {
    open(bytes).map(drain).err().unwrap().to_string()
}

/// A pcap file of the given frames.
pub(crate) fn pcap(unit: TimeUnit, link_type: u16, frames: &[Kept]) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), link_type, unit).unwrap();
    for frame in frames {
        writer.write(frame.time_ns, frame.original_len, &frame.data).unwrap();
    }
    writer.finish().unwrap()
}

/// A pcap file with `count` small frames, one a millisecond.
pub(crate) fn small_pcap(count: u32) -> Vec<u8> {
    let frames = (0..count).map(|n| Kept {
        time_ns: i64::from(n) * 1_000_000,
        link_type: 1,
        data: vec![n as u8; (n % 7) as usize],
        original_len: n % 7 + n % 3,
        interface: 0,
    });
    pcap(TimeUnit::Nanoseconds, 1, &frames.collect::<Vec<_>>())
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// Octets in a byte order, for pcapng blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = self.u32(padded as u32 + 12);
        let mut block = [self.u32(kind), length].concat();
        block.extend_from_slice(body);
        block.resize(8 + padded, 0);
        block.extend(length);
        block
    }

    pub(crate) fn section(self) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    pub(crate) fn interface(self, link_type: u16, snap_length: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [self.u16(link_type), [0, 0]].concat();
        body.extend(self.u32(snap_length));
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(value.len() as u16));
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body)
    }

    pub(crate) fn enhanced(self, interface: u32, ticks: u64, original_len: u32, data: &[u8]) -> Vec<u8> {
        self.timed(6, self.u32(interface), ticks, original_len, data)
    }

    pub(crate) fn obsolete(self, interface: u16, ticks: u64, original_len: u32, data: &[u8]) -> Vec<u8> {
        let [a, b] = self.u16(interface);
        let [c, d] = self.u16(77);
        self.timed(2, [a, b, c, d], ticks, original_len, data)
    }

    pub(crate) fn simple(self, original_len: u32, data: &[u8]) -> Vec<u8> {
        self.block(3, &[&self.u32(original_len), data].concat())
    }

    fn timed(self, kind: u32, interface: [u8; 4], ticks: u64, original_len: u32, data: &[u8]) -> Vec<u8> {
        let words = [(ticks >> 32) as u32, ticks as u32, data.len() as u32, original_len].map(|word| self.u32(word));
        self.block(kind, &[&interface, words.as_flattened(), data].concat())
    }
}
