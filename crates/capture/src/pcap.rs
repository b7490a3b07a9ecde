//! The pcap format: a file header, then records with a time, two lengths and the frame.
//!
//! Standard: draft-ietf-opsawg-pcap. The magic number says the byte order and the unit of the fraction of a second. The
//! variant with magic a1b2cd34 (Kuznetzov's patched libpcap) carries eight more octets in each record header. Files older
//! than version 2.3 have the two lengths the other way round, those of version 2.3 sometimes.

use crate::MAX_FRAME_BYTES;
use crate::error::{ErrorKind, Stop};
use crate::file::Record;
use crate::window::Window;

/// Length of the file header, octets.
const FILE_HEADER: usize = 24;

/// Length of a record header, octets.
const RECORD_HEADER: usize = 16;

/// The same in Kuznetzov's variant: interface index, protocol and packet type follow.
const RECORD_HEADER_KUZNETZOV: usize = 24;

/// What the file header says.
#[derive(Debug)]
pub(crate) struct Pcap {
    big_endian: bool,
    /// Nanoseconds in one unit of the fraction.
    fraction_ns: i64,
    record_header: usize,
    link_type: u16,
    /// Minor version, which tells the order of the lengths.
    minor: u16,
}

impl Pcap {
    /// The format of a file with this magic number, if it is one of ours: (big endian, ns in a unit, record header).
    pub(crate) fn recognise(start: &[u8]) -> Option<(bool, i64, usize)> {
        match start.first_chunk()? {
            [0xd4, 0xc3, 0xb2, 0xa1] => Some((false, 1000, RECORD_HEADER)),
            [0xa1, 0xb2, 0xc3, 0xd4] => Some((true, 1000, RECORD_HEADER)),
            [0x4d, 0x3c, 0xb2, 0xa1] => Some((false, 1, RECORD_HEADER)),
            [0xa1, 0xb2, 0x3c, 0x4d] => Some((true, 1, RECORD_HEADER)),
            [0x34, 0xcd, 0xb2, 0xa1] => Some((false, 1000, RECORD_HEADER_KUZNETZOV)),
            [0xa1, 0xb2, 0xcd, 0x34] => Some((true, 1000, RECORD_HEADER_KUZNETZOV)),
            _ => None,
        }
    }

    /// Reads the file header, given what its magic number means.
    pub(crate) fn open((big_endian, fraction_ns, record_header): (bool, i64, usize), window: &mut Window) -> Result<Self, Stop> {
        let Some(header) = window.begin::<FILE_HEADER>()? else {
            return Err(ErrorKind::Empty.into());
        };
        let &[_, _, _, _, a, b, c, d, .., n0, n1, n2, n3] = header;
        let (major, minor) = (u16_of(big_endian, [a, b]), u16_of(big_endian, [c, d]));
        if major != 2 {
            return Err(ErrorKind::UnsupportedVersion { format: "pcap", offset: 4, major, minor, expected: 2 }.into());
        }
        // The upper half says whether a frame check sequence ends each frame; frames are given as they are.
        let link_type = (u32_of(big_endian, [n0, n1, n2, n3]) & 0xffff) as u16;
        window.consume(FILE_HEADER);
        Ok(Pcap { big_endian, fraction_ns, record_header, link_type, minor })
    }

    /// The next record, whole in the window and not yet consumed.
    #[inline]
    pub(crate) fn next(&mut self, window: &mut Window) -> Result<Option<Record>, Stop> {
        let Some(header) = window.begin::<RECORD_HEADER>()? else {
            return Ok(None);
        };
        let [seconds, fraction, first, second] = words(self.big_endian, header);
        let (captured, original) = match self.minor {
            ..3 => (second, first),
            3 => (first.min(second), first.max(second)),
            _ => (first, second),
        };
        if captured > MAX_FRAME_BYTES {
            let offset = window.offset();
            return Err(ErrorKind::RecordTooLong { offset, length: captured, limit: MAX_FRAME_BYTES }.into());
        }
        let total = self.record_header + captured as usize;
        window.need(total)?;
        Ok(Some(Record {
            time_ns: i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * self.fraction_ns,
            link_type: self.link_type,
            interface: 0,
            original,
            total,
            data_at: self.record_header,
            captured: captured as usize,
        }))
    }
}

#[inline]
fn words(big_endian: bool, header: &[u8; 16]) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *header;
    [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]].map(|word| u32_of(big_endian, word))
}

/// Two octets in the byte order of the file.
#[inline]
pub(crate) fn u16_of(big_endian: bool, octets: [u8; 2]) -> u16 {
    if big_endian { u16::from_be_bytes(octets) } else { u16::from_le_bytes(octets) }
}

/// Four octets in the byte order of the file.
#[inline]
pub(crate) fn u32_of(big_endian: bool, octets: [u8; 4]) -> u32 {
    if big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) }
}
