//! Heads of pages: what stands before the octets of each, in Thrift's compact protocol.
//!
//! Standard: Parquet format, `PageHeader`; Thrift compact protocol. Fields that nobody here needs are passed over.

use parquet::basic::Encoding;

/// Structures within structures that are passed over; a head has three.
const MAX_DEPTH: usize = 8;

/// What a head says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// 2 for a dictionary, 3 for a data page of version 2.
    pub(super) page_type: i32,
    /// Octets of the page, levels included, before and after compression.
    pub(super) uncompressed: usize,
    pub(super) compressed: usize,
    /// Values, absent ones too.
    pub(super) values: usize,
    pub(super) absent: usize,
    pub(super) rows: usize,
    pub(super) encoding: i32,
    /// Octets of the levels.
    pub(super) definition: usize,
    pub(super) repetition: usize,
    /// The values are as they are.
    pub(super) is_plain: bool,
}

pub(super) const DICTIONARY_PAGE: i32 = 2;
pub(super) const DATA_PAGE_V2: i32 = 3;

impl Head {
    /// The encoding, where it is one that is written here.
    pub(super) const fn encoding(&self) -> Option<Encoding> {
        match self.encoding {
            0 => Some(Encoding::PLAIN),
            3 => Some(Encoding::RLE),
            8 => Some(Encoding::RLE_DICTIONARY),
            9 => Some(Encoding::BYTE_STREAM_SPLIT),
            _ => None,
        }
    }

    /// Reads a head and leaves what follows it.
    pub(super) fn read(octets: &mut &[u8]) -> Option<Self> {
        let mut head = Self::default();
        let mut input = Input { octets };
        let mut field = 0;
        while let Some((number, kind)) = input.field(&mut field)? {
            match (number, kind) {
                (1, Kind::Int) => head.page_type = input.int()?,
                (2, Kind::Int) => head.uncompressed = input.count()?,
                (3, Kind::Int) => head.compressed = input.count()?,
                (7, Kind::Struct) => head.read_dictionary(&mut input)?,
                (8, Kind::Struct) => head.read_data(&mut input)?,
                (_, kind) => input.pass_over(kind, MAX_DEPTH)?,
            }
        }
        *octets = input.octets;
        Some(head)
    }

    fn read_dictionary(&mut self, input: &mut Input<'_>) -> Option<()> {
        let mut field = 0;
        while let Some((number, kind)) = input.field(&mut field)? {
            match (number, kind) {
                (1, Kind::Int) => self.values = input.count()?,
                (2, Kind::Int) => self.encoding = input.int()?,
                (_, kind) => input.pass_over(kind, MAX_DEPTH)?,
            }
        }
        Some(())
    }

    fn read_data(&mut self, input: &mut Input<'_>) -> Option<()> {
        let mut field = 0;
        while let Some((number, kind)) = input.field(&mut field)? {
            match (number, kind) {
                (1, Kind::Int) => self.values = input.count()?,
                (2, Kind::Int) => self.absent = input.count()?,
                (3, Kind::Int) => self.rows = input.count()?,
                (4, Kind::Int) => self.encoding = input.int()?,
                (5, Kind::Int) => self.definition = input.count()?,
                (6, Kind::Int) => self.repetition = input.count()?,
                (7, Kind::False) => self.is_plain = true,
                (_, kind) => input.pass_over(kind, MAX_DEPTH)?,
            }
        }
        Some(())
    }
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    True,
    False,
    Octet,
    /// Of 16, 32 or 64 bits.
    Int,
    Double,
    Octets,
    List,
    Struct,
}

struct Input<'a> {
    octets: &'a [u8],
}

impl Input<'_> {
    /// Number and kind of the next field; nothing at the end of the structure. None where the octets make no sense.
    #[expect(clippy::option_option, reason = "the end of a structure is no fault")]
    fn field(&mut self, last: &mut i32) -> Option<Option<(i32, Kind)>> {
        let octet = self.octet()?;
        if octet == 0 {
            return Some(None);
        }
        *last = match octet >> 4 {
            0 => self.int()?,
            more => last.checked_add(i32::from(more))?,
        };
        Some(Some((*last, kind(octet & 0x0f)?)))
    }

    fn octet(&mut self) -> Option<u8> {
        let (octet, rest) = self.octets.split_first()?;
        self.octets = rest;
        Some(*octet)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            number |= u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number, zigzag.
    fn int(&mut self) -> Option<i32> {
        let number = self.varint()?;
        i32::try_from((number >> 1) as i64 ^ -((number & 1) as i64)).ok()
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.int()?).ok()
    }

    fn skip(&mut self, octets: usize) -> Option<()> {
        self.octets = self.octets.get(octets..)?;
        Some(())
    }

    fn pass_over(&mut self, passed: Kind, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match passed {
            Kind::True | Kind::False => {}
            Kind::Octet => self.skip(1)?,
            Kind::Int => _ = self.varint()?,
            Kind::Double => self.skip(8)?,
            Kind::Octets => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.skip(length)?;
            }
            Kind::List => {
                let octet = self.octet()?;
                let count = if octet >> 4 == 15 { self.varint()? } else { u64::from(octet >> 4) };
                let element = kind(octet & 0x0f)?;
                for _ in 0..count {
                    // In lists a truth takes an octet.
                    match element {
                        Kind::True | Kind::False => self.skip(1)?,
                        element => self.pass_over(element, depth)?,
                    }
                }
            }
            Kind::Struct => {
                let mut field = 0;
                while let Some((_, kind)) = self.field(&mut field)? {
                    self.pass_over(kind, depth)?;
                }
            }
        }
        Some(())
    }
}

/// Maps are in no head.
const fn kind(code: u8) -> Option<Kind> {
    match code {
        1 => Some(Kind::True),
        2 => Some(Kind::False),
        3 => Some(Kind::Octet),
        4..=6 => Some(Kind::Int),
        7 => Some(Kind::Double),
        8 => Some(Kind::Octets),
        9 | 10 => Some(Kind::List),
        12 => Some(Kind::Struct),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DATA_PAGE_V2, Head};

    #[test]
    fn a_head_is_read_as_the_standard_has_it() {
        // Type 3, 400 and 60 octets, a checksum to pass over; version 2: 100 values, 3 absent, 97 rows, encoding 8, levels of 13 and 1 octets, not compressed, an empty structure.
        let octets = [
            0x15, 6, 0x15, 0xa0, 0x06, 0x15, 120, 0x15, 9, 0x4c, 0x15, 0xc8, 0x01, 0x15, 6, 0x15, 0xc2, 0x01, 0x15, 16, 0x15, 26,
            0x15, 2, 0x12, 0x1c, 0, 0, 0, 7, 7,
        ];
        let mut rest = octets.as_slice();
        let head = Head::read(&mut rest).unwrap();
        let expected = Head {
            page_type: DATA_PAGE_V2,
            uncompressed: 400,
            compressed: 60,
            values: 100,
            absent: 3,
            rows: 97,
            encoding: 8,
            definition: 13,
            repetition: 1,
            is_plain: true,
        };
        assert_eq!((head, rest), (expected, [7, 7].as_slice()));
        for end in 0..octets.len() - 2 {
            assert_eq!(Head::read(&mut &octets[..end]), None, "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut rest = octets.as_slice();
            if Head::read(&mut rest).is_some() {
                prop_assert!(rest.len() < octets.len());
            }
        }
    }
}
