//! Segments as a crash leaves them.

use std::fs::File;
use std::io::Write;

use weir_record::FlowBatch;

use super::*;
use crate::block::{BlockError, HEADER};

/// Three blocks of flows; row counts 2, 3 and 4.
fn blocks() -> Vec<Vec<u8>> {
    let block = |rows: usize| {
        let mut flows = FlowBatch::new();
        flows.time_received.extend(0, (0..rows).map(|row| 1_767_225_600_000_000_000 + row as i64));
        flows.bytes.extend(0, (0..rows).map(|row| row as u64 * 1_000_003));
        flows.advance(rows);
        let mut encoder = Encoder::default();
        encoder.append(&flows).unwrap();
        encoder.octets().to_vec()
    };
    (2..5).map(block).collect()
}

fn found(octets: &[u8], verify: bool) -> Found {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(octets).unwrap();
    find_blocks(&file, verify).unwrap()
}

fn rows(found: &Found) -> Vec<u32> {
    found.blocks.iter().map(|place| place.header.rows).collect()
}

#[test]
fn every_cut_of_the_last_block_leaves_the_others() {
    let blocks = blocks();
    let whole = blocks.concat();
    let kept = blocks[0].len() + blocks[1].len();
    let filling = blocks[2].len() - HEADER - Header::read(&blocks[2]).unwrap().body();
    for end in kept..=whole.len() {
        for verify in [false, true] {
            let found = found(&whole[..end], verify);
            // The filling to a multiple of eight is no content.
            let is_whole = end >= whole.len() - filling;
            assert_eq!(rows(&found), if is_whole { vec![2, 3, 4] } else { vec![2, 3] }, "{end}");
            assert_eq!(found.end, if is_whole { end } else { kept } as u64);
            assert_eq!(found.tail, (!is_whole && end > kept).then_some(BlockError::Cut));
            assert!(found.damaged.is_empty());
        }
    }
}

#[test]
fn a_torn_write_is_told_and_cut() {
    let blocks = blocks();
    let start = blocks[0].len() + blocks[1].len();
    // A page in the middle of the last block never got to the disk, or all but its header.
    for (from, to) in [(start + HEADER, start + HEADER + 8), (start + HEADER, start + blocks[2].len()), (start, start + 8)] {
        let mut octets = blocks.concat();
        octets[from..to].fill(0);
        let found = found(&octets, true);
        assert_eq!(rows(&found), [2, 3]);
        assert_eq!(found.end, start as u64);
        assert!(matches!(found.tail, Some(BlockError::Checksum | BlockError::NoBlock)), "{:?}", found.tail);
    }
}

#[test]
fn what_follows_a_damaged_block_counts() {
    let blocks = blocks();
    let first = blocks[0].len();
    let cases: [(usize, usize, BlockError); 3] = [
        (first, 4, BlockError::NoBlock),
        (first + 12, 2, BlockError::HeaderChecksum),
        (first + HEADER + 3, 1, BlockError::Checksum),
    ];
    for (from, length, error) in cases {
        let mut octets = blocks.concat();
        octets[from..from + length].iter_mut().for_each(|octet| *octet ^= 0x5a);
        let found = found(&octets, true);
        assert_eq!(rows(&found), [2, 4]);
        assert_eq!(found.damaged, [(first as u64, blocks[1].len() as u64, error)]);
        assert_eq!(found.end, octets.len() as u64);
        assert_eq!(found.tail, None);
    }
}

#[test]
fn every_changed_octet_costs_its_block_alone() {
    let blocks = blocks();
    let whole = blocks.concat();
    let ends: Vec<usize> = blocks
        .iter()
        .scan(0, |end, block| {
            *end += block.len();
            Some(*end)
        })
        .collect();
    for at in 0..whole.len() {
        let number = ends.iter().position(|end| at < *end).unwrap();
        let begin = ends[number] - blocks[number].len();
        // The filling to a multiple of eight is no content.
        let is_content = at - begin < HEADER + Header::read(&blocks[number]).unwrap().body();
        for bit in 0..8 {
            let mut octets = whole.clone();
            octets[at] ^= 1 << bit;
            let found = found(&octets, true);
            let left: Vec<u32> = (0..3).filter(|other| *other != number || !is_content).map(|other| other as u32 + 2).collect();
            assert_eq!(rows(&found), left, "octet {at}, bit {bit}");
            let told = found.damaged.len() + usize::from(found.tail.is_some());
            assert_eq!(told, usize::from(is_content), "octet {at}, bit {bit}");
        }
    }
}

#[test]
fn garbage_of_any_length_is_passed_over() {
    let blocks = blocks();
    for length in [8, 64, 4096, 3 << 20] {
        let garbage: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
        let octets = [&garbage[..], &blocks[0], &garbage, &blocks[1]].concat();
        let found = found(&octets, false);
        assert_eq!(rows(&found), [2, 3]);
        assert_eq!(found.damaged.len(), 2);
    }
    assert_eq!(rows(&found(&[0; 100_003], true)), [0_u32; 0]);
}

#[test]
fn blocks_of_another_version_are_told_from_damage() {
    let mut octets = blocks().concat();
    octets[8] = 2;
    let checksum = crc32c::crc32c(&octets[..60]);
    octets[60..64].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(found(&octets, false).foreign(), Some(&BlockError::Version(2)));
    assert_eq!(found(&blocks().concat(), false).foreign(), None);
}

#[test]
fn numbers_stand_in_file_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["0000000012.wal", "0000000002.wal", "12345678901.wal", "000000003.wal", "0000000004.wal.unreadable", "x.wal"] {
        File::create(folder.path().join(name)).unwrap();
    }
    assert_eq!(list(folder.path()).unwrap(), [2, 12, 12_345_678_901]);
    assert_eq!(file_name(12), "0000000012.wal");
}

#[test]
fn sums_that_lack_a_block_are_told_and_made_again() {
    let blocks = blocks();
    let mut octets = blocks.concat();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&octets).unwrap();
    let places = find_blocks(&file, true).unwrap().blocks;
    let segment = Segment::of(1, "1.wal".into(), file.try_clone().unwrap(), places, octets.len() as u64);
    let make: MakeSummary = Arc::new(|_| Box::new(Counted(0)));
    let summed = || {
        let (rows, missing) = segment.series(&make, &|_, _| true);
        (rows.flows.get(0), missing.iter().map(|missing| missing.rows).collect::<Vec<_>>())
    };
    // The last block cannot be read, the one in the middle is damaged.
    file.set_len(octets.len() as u64 - 16).unwrap();
    assert_eq!(summed(), (Some(2 + 3), vec![4]));
    octets[blocks[0].len() + HEADER] ^= 1;
    write_at(&file, &octets);
    assert_eq!(summed(), (Some(2 + 4), vec![3]));
    assert_eq!(summed(), (Some(2 + 4), vec![3]), "who asks again is told again");
    octets[blocks[0].len() + HEADER] ^= 1;
    write_at(&file, &octets);
    assert_eq!(summed(), (Some(2 + 3 + 4), vec![]));
    // Now they are kept.
    file.set_len(0).unwrap();
    assert_eq!(summed(), (Some(2 + 3 + 4), vec![]));
}

fn write_at(file: &File, octets: &[u8]) {
    std::os::unix::fs::FileExt::write_all_at(file, octets, 0).unwrap();
}

/// Counts flows.
struct Counted(u64);

impl crate::store::Summary for Counted {
    fn feed(&mut self, flows: &FlowBatch) {
        self.0 += flows.rows() as u64;
    }

    fn rows(&self) -> weir_record::SeriesBatch {
        let mut rows = weir_record::SeriesBatch::new();
        rows.flows.push(0, self.0);
        rows.advance(1);
        rows
    }
}
