//! A Cap'n Proto message: segments, the root struct, pointers (capnproto.org/encoding.html).
//!
//! All numbers are least significant octet first, all positions are in words of 8 octets. Every pointer is checked against its segment before anything is read.

use weir_wire::Reader;

use crate::{Fault, Reason};

/// Octets of a word.
const WORD: usize = 8;
/// Most segments; one is the rule.
const MAX_SEGMENTS: usize = 16;
/// Lower two bits of a pointer.
const STRUCT: u64 = 0;
const LIST: u64 = 1;
const FAR: u64 = 2;
/// Element size of a list of octets.
const OCTETS: u64 = 2;

/// Octets behind the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trailing {
    pub(super) offset: usize,
    pub(super) octets: usize,
}

/// The root struct of a message.
#[derive(Debug)]
pub(super) struct Record<'a> {
    segments: Segments<'a>,
    /// Segment in which the struct lies.
    segment: usize,
    data: &'a [u8],
    /// Offset of the data section in the message.
    offset: usize,
    /// Word of the first pointer in the segment.
    first_pointer: usize,
    pointers: usize,
}

/// The segments of a message.
#[derive(Debug)]
struct Segments<'a> {
    message: &'a [u8],
    /// Offset of each segment in the message, and its octets.
    list: [(usize, &'a [u8]); MAX_SEGMENTS],
}

/// A pointer, and where it was found.
#[derive(Clone, Copy, Debug)]
struct Pointer {
    bits: u64,
    segment: usize,
    word: usize,
}

impl<'a> Record<'a> {
    /// Reads the segment table and finds the root struct.
    pub(super) fn read(message: &'a [u8]) -> Result<(Self, Option<Trailing>), Fault> {
        let (segments, trailing) = Segments::read(message)?;
        let root = segments.pointer(0, 0).ok_or(Fault::new(Reason::Truncated, segments.offset(0, 0), WORD as u64))?;
        let (target, start) = segments.resolve(root)?;
        if target.bits & 3 != STRUCT {
            return Err(segments.bad(target));
        }
        let data_words = (target.bits >> 32 & 0xffff) as usize;
        let pointers = (target.bits >> 48) as usize;
        let octets = segments.words(target.segment, start, data_words + pointers).ok_or(segments.bad(target))?;
        let data = octets.get(..data_words * WORD).unwrap_or_default();
        let offset = segments.offset(target.segment, start);
        let record = Self { segments, segment: target.segment, data, offset, first_pointer: start + data_words, pointers };
        Ok((record, trailing))
    }

    pub(super) fn u8(&self, at: usize) -> u8 {
        let [octet] = self.field(at);
        octet
    }

    pub(super) fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.field(at))
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.field(at))
    }

    pub(super) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.field(at))
    }

    /// The octets to which a pointer leads; none for a null pointer.
    pub(super) fn blob(&self, slot: usize) -> Result<&'a [u8], Fault> {
        if slot >= self.pointers {
            return Ok(&[]);
        }
        let Some(pointer) = self.segments.pointer(self.segment, self.first_pointer + slot) else {
            return Ok(&[]);
        };
        if pointer.bits == 0 {
            return Ok(&[]);
        }
        let (target, start) = self.segments.resolve(pointer)?;
        let (kind, size) = (target.bits & 3, target.bits >> 32 & 7);
        let count = (target.bits >> 35) as usize;
        if kind != LIST || size != OCTETS {
            return Err(self.segments.bad(target));
        }
        let words = self.segments.words(target.segment, start, count.div_ceil(WORD));
        words.and_then(|octets| octets.get(..count)).ok_or(self.segments.bad(target))
    }

    /// Offset of a field in the message.
    pub(super) const fn data_offset(&self, at: usize) -> usize {
        self.offset + at
    }

    /// Offset of a pointer in the message.
    pub(super) fn pointer_offset(&self, slot: usize) -> usize {
        self.segments.offset(self.segment, self.first_pointer + slot)
    }

    /// A field; zeros where the data section ends before it.
    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        self.data.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }
}

impl<'a> Segments<'a> {
    fn read(message: &'a [u8]) -> Result<(Self, Option<Trailing>), Fault> {
        let mut reader = Reader::new(message);
        let count = reader.u32_le().map_err(Fault::truncated)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX).saturating_add(1);
        if count > MAX_SEGMENTS {
            return Err(Fault::new(Reason::BadEncoding, 0, count as u64));
        }
        let mut lengths = [(0, 0); MAX_SEGMENTS];
        for length in lengths.iter_mut().take(count) {
            *length = (reader.offset(), reader.u32_le().map_err(Fault::truncated)?);
        }
        // The table ends on a word.
        if count % 2 == 0 {
            reader.skip(4).map_err(Fault::truncated)?;
        }
        let mut list = [(0, &[][..]); MAX_SEGMENTS];
        for ((offset, octets), (field, words)) in list.iter_mut().zip(lengths).take(count) {
            *offset = reader.offset();
            let length = usize::try_from(words).ok().and_then(|words| words.checked_mul(WORD));
            let fits = length.and_then(|length| reader.bytes(length).ok());
            *octets = fits.ok_or(Fault::new(Reason::Truncated, field, u64::from(words)))?;
        }
        let trailing = (!reader.is_empty()).then(|| Trailing { offset: reader.offset(), octets: reader.left() });
        Ok((Self { message, list }, trailing))
    }

    /// The pointer at a word of a segment.
    fn pointer(&self, segment: usize, word: usize) -> Option<Pointer> {
        let octets = self.words(segment, word, 1)?;
        let bits = u64::from_le_bytes(*octets.first_chunk()?);
        Some(Pointer { bits, segment, word })
    }

    /// `count` words of a segment.
    fn words(&self, segment: usize, start: usize, count: usize) -> Option<&'a [u8]> {
        let (_, octets) = self.list.get(segment)?;
        let end = start.checked_add(count)?.checked_mul(WORD)?;
        octets.get(start.checked_mul(WORD)?..end)
    }

    /// Follows far pointers: gives the pointer that describes the object, and the word where the object begins in that pointer's segment.
    fn resolve(&self, pointer: Pointer) -> Result<(Pointer, usize), Fault> {
        if pointer.bits & 3 != FAR {
            return self.target(pointer).map(|start| (pointer, start)).ok_or(self.bad(pointer));
        }
        let (segment, word, is_double) = far(pointer.bits);
        let pad = self.pointer(segment, word).ok_or(self.bad(pointer))?;
        if !is_double {
            let start = if pad.bits & 3 == FAR { None } else { self.target(pad) };
            return start.map(|start| (pad, start)).ok_or(self.bad(pad));
        }
        // Two words: a far pointer to the object itself, and what would be its pointer, without an offset.
        let tag = self.pointer(segment, word + 1).ok_or(self.bad(pointer))?;
        let (segment, start, is_double) = far(pad.bits);
        if pad.bits & 3 != FAR || is_double || tag.bits & 3 == FAR {
            return Err(self.bad(pad));
        }
        Ok((Pointer { bits: tag.bits, segment, word: tag.word }, start))
    }

    /// The word where the object of a struct or list pointer begins: so many words behind the pointer, signed.
    fn target(&self, pointer: Pointer) -> Option<usize> {
        let offset = (pointer.bits as u32).cast_signed() >> 2;
        (pointer.word + 1).checked_add_signed(isize::try_from(offset).ok()?)
    }

    /// Offset in the message of a word of a segment.
    fn offset(&self, segment: usize, word: usize) -> usize {
        self.list.get(segment).map_or(self.message.len(), |(offset, _)| offset.saturating_add(word.saturating_mul(WORD)))
    }

    #[cold]
    fn bad(&self, pointer: Pointer) -> Fault {
        Fault::new(Reason::BadEncoding, self.offset(pointer.segment, pointer.word), pointer.bits)
    }
}

/// Segment, word, and whether two words stand there, of a far pointer.
const fn far(bits: u64) -> (usize, usize, bool) {
    ((bits >> 32) as usize, (bits >> 3 & 0x1fff_ffff) as usize, bits & 4 != 0)
}
