//! The pcapng format: sections of blocks; interfaces described by blocks of their own; frames in three kinds of block.
//!
//! Standard: draft-ietf-opsawg-pcapng, sections 3.1 (blocks), 4.1 (section header), 4.2 (interface description), 4.3
//! (enhanced packet), 4.4 (simple packet) and its appendix (the obsolete packet block). All other blocks are skipped by
//! their length. Byte order and interfaces are those of the section.

use crate::clock::Clock;
use crate::error::{ErrorKind, Stop};
use crate::file::{FileStats, Record};
use crate::pcap::{u16_of, u32_of};
use crate::window::Window;
use crate::{MAX_FRAME_BYTES, MAX_INTERFACES};

/// Block types.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Octets of each block besides its body: type and length before, length after it.
const BLOCK_FRAME: usize = 12;

/// Octets of a section header without options.
const SECTION_HEADER_LENGTH: usize = 28;

/// Where the version stands in a section header.
const VERSION_AT: u64 = 12;

/// Where the body starts in a block.
const BODY_AT: usize = 8;

/// The section that is being read.
#[derive(Debug, Default)]
pub(crate) struct Pcapng {
    big_endian: bool,
    interfaces: Vec<Interface>,
    /// Interfaces of the sections before.
    earlier_interfaces: u32,
}

/// What an interface description says about the frames of the interface.
#[derive(Debug)]
struct Interface {
    link_type: u16,
    /// Longest part of a frame that is captured, octets; 0 is no limit.
    snap_length: u32,
    clock: Clock,
}

/// Where a frame lies in its block, and what the block says about it.
struct Packet {
    interface: u32,
    ticks: Option<u64>,
    original: u32,
    data_at: usize,
    captured: usize,
}

impl Pcapng {
    /// Whether a file starts like a section header: the block type, and the magic number in either byte order.
    pub(crate) fn recognise(start: &[u8]) -> bool {
        let magic = start.get(8..12).unwrap_or_default();
        start.starts_with(&SECTION_HEADER.to_be_bytes())
            && (start.len() < 12 || magic == [0x1a, 0x2b, 0x3c, 0x4d] || magic == [0x4d, 0x3c, 0x2b, 0x1a])
    }

    /// Reads the first section header.
    pub(crate) fn open(window: &mut Window) -> Result<Self, Stop> {
        let mut pcapng = Pcapng::default();
        window.need(SECTION_HEADER_LENGTH)?;
        pcapng.next_block(window, &mut FileStats::default())?;
        Ok(pcapng)
    }

    /// The next packet block, whole in the window and not yet consumed.
    #[inline]
    pub(crate) fn next(&mut self, window: &mut Window, stats: &mut FileStats) -> Result<Option<Record>, Stop> {
        loop {
            match self.next_block(window, stats)? {
                Next::Frame(record) => return Ok(Some(record)),
                Next::Other => {}
                Next::End => return Ok(None),
            }
        }
    }

    #[inline]
    fn next_block(&mut self, window: &mut Window, stats: &mut FileStats) -> Result<Next, Stop> {
        let offset = window.offset();
        let Some(&[t0, t1, t2, t3, l0, l1, l2, l3, m0, m1, m2, m3]) = window.begin::<BLOCK_FRAME>()? else {
            return Ok(Next::End);
        };
        let kind = self.u32([t0, t1, t2, t3]);
        if kind == SECTION_HEADER {
            self.big_endian = byte_order([m0, m1, m2, m3], offset)?;
        }
        let length = self.u32([l0, l1, l2, l3]);
        check_length(kind, length, offset)?;
        if length > MAX_FRAME_BYTES {
            if matches!(kind, SECTION_HEADER | INTERFACE_DESCRIPTION | PACKET | SIMPLE_PACKET | ENHANCED_PACKET) {
                return Err(ErrorKind::RecordTooLong { offset, length, limit: MAX_FRAME_BYTES }.into());
            }
            window.skip(length.into())?;
            stats.skipped_blocks += 1;
            return Ok(Next::Other);
        }

        let total = length as usize;
        let block = window.need(total)?;
        let trailer = block.last_chunk().map(|&octets| u32_of(self.big_endian, octets));
        if trailer != Some(length) {
            let (what, expected) = ("length at the end of a block", "the length at its start");
            let offset = offset + u64::from(length) - 4;
            return Err(ErrorKind::Damaged { offset, what, seen: trailer.unwrap_or(0), expected }.into());
        }
        let body = block.get(BODY_AT..total - 4).unwrap_or_default();
        let packet = match kind {
            ENHANCED_PACKET => enhanced_packet(self.big_endian, body),
            SIMPLE_PACKET => self.simple_packet(body),
            PACKET => packet(self.big_endian, body),
            _ => {
                match kind {
                    SECTION_HEADER => self.start_section(body, offset)?,
                    INTERFACE_DESCRIPTION => self.add_interface(body, offset)?,
                    _ => stats.skipped_blocks += 1,
                }
                window.consume(total);
                return Ok(Next::Other);
            }
        };
        match packet.and_then(|packet| self.record(&packet, total)) {
            Some(record) => Ok(Next::Frame(record)),
            None => {
                stats.bad_blocks += 1;
                window.consume(total);
                Ok(Next::Other)
            }
        }
    }

    /// Forgets the section before.
    fn start_section(&mut self, body: &[u8], offset: u64) -> Result<(), ErrorKind> {
        if let Some(&[_, _, _, _, a, b, c, d]) = body.first_chunk() {
            let (major, minor) = (u16_of(self.big_endian, [a, b]), u16_of(self.big_endian, [c, d]));
            if major != 1 {
                let (format, offset) = ("pcapng", offset + VERSION_AT);
                return Err(ErrorKind::UnsupportedVersion { format, offset, major, minor, expected: 1 });
            }
        }
        let described = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        self.earlier_interfaces = self.earlier_interfaces.saturating_add(described);
        self.interfaces.clear();
        Ok(())
    }

    fn add_interface(&mut self, body: &[u8], offset: u64) -> Result<(), ErrorKind> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(ErrorKind::TooManyInterfaces { offset, limit: MAX_INTERFACES });
        }
        if let Some((&[l0, l1, _, _, s0, s1, s2, s3], options)) = body.split_first_chunk() {
            self.interfaces.push(Interface {
                link_type: u16_of(self.big_endian, [l0, l1]),
                snap_length: self.u32([s0, s1, s2, s3]),
                clock: Clock::from_options(self.big_endian, options),
            });
        }
        Ok(())
    }

    /// A simple packet block: only the original length is given, the interface is the first.
    fn simple_packet(&self, body: &[u8]) -> Option<Packet> {
        let (&length, data) = body.split_first_chunk()?;
        let original = self.u32(length);
        let captured = match self.interfaces.first()?.snap_length {
            0 => original,
            limit => original.min(limit),
        };
        let data_at = BODY_AT + 4;
        (captured as usize <= data.len()).then_some(Packet {
            interface: 0,
            ticks: None,
            original,
            data_at,
            captured: captured as usize,
        })
    }

    /// Joins a packet with its interface.
    #[inline]
    fn record(&self, packet: &Packet, total: usize) -> Option<Record> {
        let interface = self.interfaces.get(packet.interface as usize)?;
        Some(Record {
            time_ns: packet.ticks.map_or(0, |ticks| interface.clock.unix_ns(ticks)),
            link_type: interface.link_type,
            interface: self.earlier_interfaces.saturating_add(packet.interface),
            original: packet.original,
            total,
            data_at: packet.data_at,
            captured: packet.captured,
        })
    }

    fn u32(&self, octets: [u8; 4]) -> u32 {
        u32_of(self.big_endian, octets)
    }
}

/// What a block was.
enum Next {
    Frame(Record),
    Other,
    End,
}

/// An enhanced packet block: interface, time, captured and original length, frame, options.
#[inline]
fn enhanced_packet(big_endian: bool, body: &[u8]) -> Option<Packet> {
    let (&[i0, i1, i2, i3, rest @ ..], data) = body.split_first_chunk::<20>()?;
    timed_packet(big_endian, u32_of(big_endian, [i0, i1, i2, i3]), rest, data)
}

/// An obsolete packet block: the interface shares its word with a count of drops, else like an enhanced one.
fn packet(big_endian: bool, body: &[u8]) -> Option<Packet> {
    let (&[i0, i1, _, _, rest @ ..], data) = body.split_first_chunk::<20>()?;
    timed_packet(big_endian, u16_of(big_endian, [i0, i1]).into(), rest, data)
}

#[inline]
fn timed_packet(big_endian: bool, interface: u32, fields: [u8; 16], data: &[u8]) -> Option<Packet> {
    let [h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, o0, o1, o2, o3] = fields;
    let high = u32_of(big_endian, [h0, h1, h2, h3]);
    let low = u32_of(big_endian, [l0, l1, l2, l3]);
    let captured = u32_of(big_endian, [c0, c1, c2, c3]) as usize;
    let original = u32_of(big_endian, [o0, o1, o2, o3]);
    let ticks = Some(u64::from(high) << 32 | u64::from(low));
    (captured <= data.len()).then_some(Packet { interface, ticks, original, data_at: BODY_AT + 20, captured })
}

/// What the magic number of a section header says: true for big endian.
fn byte_order(magic: [u8; 4], block: u64) -> Result<bool, ErrorKind> {
    match magic {
        [0x1a, 0x2b, 0x3c, 0x4d] => Ok(true),
        [0x4d, 0x3c, 0x2b, 0x1a] => Ok(false),
        _ => {
            let (offset, what, seen) = (block + 8, "byte-order magic of a section", u32::from_be_bytes(magic));
            Err(ErrorKind::Damaged { offset, what, seen, expected: "0x1a2b3c4d in either byte order" })
        }
    }
}

/// Lengths are whole words, and no block is shorter than its fixed fields; after a wrong one the next block is not found.
#[inline]
fn check_length(kind: u32, length: u32, block: u64) -> Result<(), ErrorKind> {
    let (shortest, expected) = match kind {
        SECTION_HEADER => (28, "a multiple of 4, at least 28"),
        INTERFACE_DESCRIPTION => (20, "a multiple of 4, at least 20"),
        _ => (12, "a multiple of 4, at least 12"),
    };
    if length >= shortest && length.is_multiple_of(4) {
        return Ok(());
    }
    Err(ErrorKind::Damaged { offset: block + 4, what: "length of a block", seen: length, expected })
}
