//! Writing pcap files, in little-endian order, with micro- or nanoseconds.

use std::io::{self, Write};

/// Longest frame that other tools read back, octets; also the snap length that the file header names.
const SNAP_LENGTH: u32 = 262_144;

/// The unit of the fraction of a second in a pcap file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// What every tool reads. Nanoseconds are cut off.
    Microseconds,
    /// Exact; read by all tools of the last ten years.
    Nanoseconds,
}

/// Writes frames of one link type as pcap. Give it a buffered writer: each frame is two writes.
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    writer: W,
    unit: TimeUnit,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header.
    pub fn new(mut writer: W, link_type: u16, unit: TimeUnit) -> io::Result<Self> {
        let magic: u32 = match unit {
            TimeUnit::Microseconds => 0xa1b2_c3d4,
            TimeUnit::Nanoseconds => 0xa1b2_3c4d,
        };
        let (major, minor) = (2_u32, 4_u32);
        for word in [magic, minor << 16 | major, 0, 0, SNAP_LENGTH, u32::from(link_type)] {
            writer.write_all(&word.to_le_bytes())?;
        }
        Ok(PcapWriter { writer, unit })
    }

    /// Writes one frame: its time (nanoseconds since 1970, up to the year 2106), its length on the wire, what was
    /// captured of it.
    pub fn write(&mut self, time_ns: i64, original_len: u32, data: &[u8]) -> io::Result<()> {
        let Ok(seconds) = u32::try_from(time_ns.div_euclid(1_000_000_000)) else {
            return Err(refused(format!("time {time_ns} ns does not fit into pcap, which ends in 2106 and starts in 1970")));
        };
        let nanoseconds = time_ns.rem_euclid(1_000_000_000) as u32;
        let fraction = match self.unit {
            TimeUnit::Microseconds => nanoseconds / 1000,
            TimeUnit::Nanoseconds => nanoseconds,
        };
        let captured = match u32::try_from(data.len()) {
            Ok(length) if length <= SNAP_LENGTH => length,
            _ => {
                return Err(refused(format!("frame of {} bytes, the limit of pcap is {SNAP_LENGTH}", data.len())));
            }
        };
        let mut header = [0; 16];
        let words = [seconds, fraction, captured, original_len];
        header.chunks_exact_mut(4).zip(words).for_each(|(to, word)| to.copy_from_slice(&word.to_le_bytes()));
        self.writer.write_all(&header)?;
        self.writer.write_all(data)
    }

    /// Writes out what the writer buffers, and gives the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.flush()?;
        Ok(self.writer)
    }
}

fn refused(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
