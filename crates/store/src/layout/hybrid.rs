//! Runs and packed bits: how Parquet lays down small numbers (levels, places in a dictionary).
//!
//! Standard: Parquet format, Encodings, "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)". A run is `varint(length << 1)` and the value in whole octets; packed
//! values come in groups of eight, `varint(groups << 1 | 1)` and the groups, least significant bit first.

/// Octets that a run has to save before it interrupts packed bits.
const RUN_COST: usize = 4;

/// The bits that numbers up to `max` take; at least one, since some readers know no numbers of no bits.
pub(crate) const fn width_of(max: u32) -> u32 {
    match 32 - max.leading_zeros() {
        0 => 1,
        bits => bits,
    }
}

/// Appends `values`, each of at most `width` bits.
///
/// Runs are looked for by whole groups of eight: a look at each value costs more than the runs between groups would save.
pub(crate) fn encode(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let (groups, _) = values.as_chunks::<8>();
    let (mut packed_from, mut group) = (0, 0);
    while let Some(first) = groups.get(group) {
        let value = first[0];
        if !is_uniform(first, value) {
            group += 1;
            continue;
        }
        let run = groups.iter().skip(group).take_while(|group| is_uniform(group, value)).count();
        if run * width as usize > RUN_COST {
            pack(values.get(packed_from * 8..group * 8).unwrap_or_default(), width, out);
            encode_run(value, run * 8, width, out);
            packed_from = group + run;
        }
        group += run;
    }
    pack(values.get(packed_from * 8..).unwrap_or_default(), width, out);
}

#[inline]
fn is_uniform(group: &[u32; 8], value: u32) -> bool {
    group.iter().fold(0, |difference, other| difference | (other ^ value)) == 0
}

/// Appends one value `count` times.
pub(crate) fn encode_run(value: u32, count: usize, width: u32, out: &mut Vec<u8>) {
    if count == 0 {
        return;
    }
    varint((count as u64) << 1, out);
    let octets = value.to_le_bytes();
    out.extend_from_slice(octets.get(..width.div_ceil(8) as usize).unwrap_or(&octets));
}

fn pack(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    varint((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * width as usize;
    let (mut held, mut bits) = (0_u64, 0);
    for value in values {
        held |= u64::from(*value) << bits;
        bits += width;
        if bits >= 32 {
            out.extend_from_slice(&(held as u32).to_le_bytes());
            held >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(&held.to_le_bytes());
    out.resize(end, 0);
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends the first `count` values that `octets` hold; false where they hold fewer or make no sense.
#[must_use]
pub(crate) fn decode(mut octets: &[u8], width: u32, count: usize, out: &mut Vec<u32>) -> bool {
    if width > 32 {
        return false;
    }
    let end = out.len() + count;
    while out.len() < end {
        let Some(run) = next_run(&mut octets, width) else {
            return false;
        };
        let taken = run.count.min(end - out.len());
        match run.values {
            Values::Same(value) => out.resize(out.len() + taken, value),
            Values::Packed(packed) => unpack(packed, width, taken, out),
        }
    }
    true
}

/// Appends those of the first `count` values that stand at `places`, which ascend; false where `octets` hold fewer or make no sense.
#[must_use]
pub(crate) fn pick(mut octets: &[u8], width: u32, count: usize, places: &[usize], out: &mut Vec<u32>) -> bool {
    if width > 32 || places.last().is_some_and(|last| *last >= count) {
        return false;
    }
    let (mut begin, mut places) = (0_usize, places.iter().copied().peekable());
    while places.peek().is_some() {
        let Some(run) = next_run(&mut octets, width) else {
            return false;
        };
        let end = begin.saturating_add(run.count);
        match run.values {
            Values::Same(value) => {
                while places.next_if(|place| *place < end).is_some() {
                    out.push(value);
                }
            }
            Values::Packed(packed) => {
                while let Some(place) = places.next_if(|place| *place < end) {
                    out.push(packed_at(packed, width, place - begin));
                }
            }
        }
        begin = end;
    }
    true
}

/// What stands behind one header: how many values, at least one.
struct Run<'a> {
    count: usize,
    values: Values<'a>,
}

enum Values<'a> {
    Same(u32),
    Packed(&'a [u8]),
}

/// Takes a run of values of at most 32 bits; nothing where none begins, or it is empty.
#[inline]
fn next_run<'a>(octets: &mut &'a [u8], width: u32) -> Option<Run<'a>> {
    let header = read_varint(octets)?;
    let length = usize::try_from(header >> 1).unwrap_or(usize::MAX);
    let run = if header & 1 == 0 {
        let (value, rest) = octets.split_at_checked(width.div_ceil(8) as usize)?;
        *octets = rest;
        let value = value.iter().rev().fold(0, |value, octet| value << 8 | u32::from(*octet));
        Run { count: length, values: Values::Same(value) }
    } else {
        let size = length.saturating_mul(width as usize).min(octets.len());
        let (packed, rest) = octets.split_at(size);
        *octets = rest;
        let count = if width == 0 { length.saturating_mul(8) } else { packed.len() * 8 / width as usize };
        Run { count, values: Values::Packed(packed) }
    };
    (run.count > 0).then_some(run)
}

/// The value at a place of packed bits.
#[inline]
fn packed_at(packed: &[u8], width: u32, place: usize) -> u32 {
    let bit = place * width as usize;
    let mut word = [0; 8];
    let rest = packed.get(bit / 8..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(octets) => word = *octets,
        None => word[..rest.len()].copy_from_slice(rest),
    }
    let mask = if width == 32 { u32::MAX } else { (1 << width) - 1 };
    (u64::from_le_bytes(word) >> (bit % 8)) as u32 & mask
}

/// Appends `count` values of `width` bits, all of which `packed` holds.
fn unpack(packed: &[u8], width: u32, count: usize, out: &mut Vec<u32>) {
    let blocks = count / 32;
    unpack_blocks(packed, width as usize, blocks, out);
    out.extend((blocks * 32..count).map(|place| packed_at(packed, width, place)));
}

/// Appends blocks of 32 values. Each width has a loop of its own, in which every place is known to the compiler.
fn unpack_blocks(packed: &[u8], width: usize, blocks: usize, out: &mut Vec<u32>) {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $( $width => packed.chunks_exact($width * 4).take(blocks).for_each(|block| unpack_block::<$width>(block, out)), )*
                _ => out.resize(out.len() + 32 * blocks, 0),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

#[inline]
fn unpack_block<const WIDTH: usize>(block: &[u8], out: &mut Vec<u32>) {
    let mut words = [0_u32; 33];
    words.iter_mut().zip(block.as_chunks::<4>().0).for_each(|(word, octets)| *word = u32::from_le_bytes(*octets));
    let mut values = [0_u32; 32];
    for (place, value) in values.iter_mut().enumerate() {
        let (word, bit) = (place * WIDTH / 32, place * WIDTH % 32);
        let pair = u64::from(words[word]) | u64::from(words[word + 1]) << 32;
        *value = (pair >> bit) as u32 & (u32::MAX >> (32 - WIDTH));
    }
    out.extend_from_slice(&values);
}

fn read_varint(octets: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let (octet, rest) = octets.split_first()?;
        *octets = rest;
        number |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode, encode, encode_run, pick, width_of};

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(width in 1_u32..=32, runs in prop::collection::vec((any::<u32>(), 1_usize..40), 0..60)) {
            let mask = if width == 32 { u32::MAX } else { (1 << width) - 1 };
            let values: Vec<u32> = runs.iter().flat_map(|(value, count)| std::iter::repeat_n(value & mask, *count)).collect();
            let mut octets = Vec::new();
            encode(&values, width, &mut octets);
            let mut back = Vec::new();
            prop_assert!(decode(&octets, width, values.len(), &mut back));
            prop_assert_eq!(&back, &values);
            let places: Vec<usize> = (0..values.len()).step_by(3).collect();
            let mut picked = Vec::new();
            prop_assert!(pick(&octets, width, values.len(), &places, &mut picked));
            prop_assert_eq!(picked, places.iter().map(|place| values[*place]).collect::<Vec<_>>());
            // Cut anywhere, it fails or gives the beginning, and never panics.
            for end in 0..octets.len() {
                back.clear();
                if decode(&octets[..end], width, values.len(), &mut back) {
                    prop_assert_eq!(&back, &values);
                }
            }
        }

        #[test]
        fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..200), width in 0_u32..40, count in 0_usize..100_000) {
            let mut out = Vec::new();
            let sound = decode(&octets, width, count, &mut out);
            prop_assert_eq!(sound, sound && out.len() == count);
            let places: Vec<usize> = (0..count).step_by(7).collect();
            let mut picked = Vec::new();
            if pick(&octets, width, count, &places, &mut picked) && sound {
                prop_assert_eq!(picked, places.iter().map(|place| out[*place]).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn octets_are_those_of_the_standard() {
        // The example of the standard: 0 to 7 in three bits.
        let mut out = Vec::new();
        encode(&[0, 1, 2, 3, 4, 5, 6, 7], 3, &mut out);
        assert_eq!(out, [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        out.clear();
        encode_run(5, 300, width_of(5), &mut out);
        assert_eq!(out, [0xd8, 0x04, 5]);
    }
}
