//! Whatever goes into a block comes out; whatever else lies there is refused.

use proptest::prelude::*;
use weir_record::{Address, AnyColumn, AnyColumnMut, Column, CounterBatch, FlowBatch, HealthBatch};
use weir_testkit::Rng;

use super::*;

/// How the values of a column are made.
#[derive(Clone, Debug)]
enum Shape {
    Nothing,
    Same(u64),
    Small(u64, u8),
    Any,
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Nothing),
        any::<u64>().prop_map(Shape::Same),
        (any::<u64>(), 0..64_u8).prop_map(|(base, bits)| Shape::Small(base, bits)),
        Just(Shape::Any),
    ]
}

impl Shape {
    fn value(&self, numbers: &mut Rng) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Same(value) => *value,
            Self::Small(base, bits) => base.wrapping_add(numbers.u64(..1 << bits)),
            Self::Any => numbers.u64(..),
        }
    }
}

/// A batch of any columns with values of the given shapes, and gaps where `gaps` is not 0; columns may end before the batch does.
fn batch<T: BlockTable>(rows: usize, shapes: &[Shape], gaps: u64, seed: u64) -> T {
    let (mut batch, mut numbers) = (T::default(), Rng::with_seed(seed));
    for (index, shape) in (0..T::COLUMNS.len()).zip(shapes.iter().cycle()) {
        if matches!(shape, Shape::Nothing) {
            continue;
        }
        for row in 0..rows {
            let value = shape.value(&mut numbers);
            if gaps > 0 && numbers.u64(..gaps) == 0 {
                continue;
            }
            match batch.any_mut(index) {
                AnyColumnMut::U8(column) => column.push(row, value as u8),
                AnyColumnMut::U16(column) => column.push(row, value as u16),
                AnyColumnMut::U32(column) => column.push(row, value as u32),
                AnyColumnMut::U64(column) => column.push(row, value),
                AnyColumnMut::Time(column) if seed.is_multiple_of(2) => {
                    column.push(row, (value as i64 / 1_000_000).wrapping_mul(1_000_000))
                }
                AnyColumnMut::Time(column) => column.push(row, value as i64),
                AnyColumnMut::Ip(column) => column.push(row, Address::from_halves(value >> 32 << 32, value)),
                AnyColumnMut::Text(column) => column.push(row, &format!("{:x}ž", value % 1000)),
                AnyColumnMut::List(column) => column.push(row, (0..value % 4).map(|more| (value + more) as u32)),
            }
        }
    }
    batch.advance(rows);
    batch
}

fn encoded<T: BlockTable>(batch: &T) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let header = encoder.append(batch).unwrap();
    assert_eq!(header.stride(), encoder.octets().len());
    encoder.octets().to_vec()
}

fn comes_back<T: BlockTable + PartialEq + std::fmt::Debug>(batch: &T) {
    let octets = encoded(batch);
    let mut read = T::default();
    Block::open(&octets).unwrap().read(None, &mut read).unwrap();
    assert_eq!(&read, batch);
    for index in 0..T::COLUMNS.len() {
        let column = read.any(index);
        assert!(column.is_empty() || column.validity().len() == batch.rows(), "finished");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn batches_come_back(rows in 0..300_usize, shapes in prop::collection::vec(shape(), 1..12), gaps in 0..6_u64, seed: u64) {
        comes_back(&batch::<FlowBatch>(rows, &shapes, gaps, seed));
        comes_back(&batch::<CounterBatch>(rows, &shapes, gaps, seed));
        comes_back(&batch::<HealthBatch>(rows, &shapes, gaps, seed));
    }

    #[test]
    fn only_columns_asked_for_are_read(rows in 1..100_usize, shapes in prop::collection::vec(shape(), 1..12), asked in prop::collection::vec(0..Column::ALL.len(), 0..5), seed: u64) {
        let whole = batch::<FlowBatch>(rows, &shapes, 3, seed);
        let octets = encoded(&whole);
        // Earlier rows of the batch are forgotten.
        let mut read = batch::<FlowBatch>(7, &[Shape::Any], 0, 1);
        Block::open(&octets).unwrap().read(Some(&asked), &mut read).unwrap();
        prop_assert_eq!(read.rows(), rows);
        for (index, column) in Column::ALL.iter().enumerate() {
            if asked.contains(&index) {
                for row in 0..rows {
                    prop_assert_eq!(shown(read.column(*column), row), shown(whole.column(*column), row));
                }
            } else {
                prop_assert!(read.column(*column).is_empty());
            }
        }
    }

    #[test]
    fn a_changed_octet_is_found(rows in 1..60_usize, shapes in prop::collection::vec(shape(), 1..12), at: prop::sample::Index, change in 1..=255_u8, seed: u64) {
        let mut octets = encoded(&batch::<FlowBatch>(rows, &shapes, 3, seed));
        let length = HEADER + Header::read(&octets).unwrap().body();
        octets[at.index(length)] ^= change;
        prop_assert!(Block::open(&octets).is_err());
    }

    #[test]
    fn a_block_cut_off_is_found(rows in 1..60_usize, shapes in prop::collection::vec(shape(), 1..12), at: prop::sample::Index, seed: u64) {
        let octets = encoded(&batch::<FlowBatch>(rows, &shapes, 3, seed));
        let length = HEADER + Header::read(&octets).unwrap().body();
        let end = at.index(length);
        prop_assert_eq!(Block::open(&octets[..end]).err(), Some(BlockError::Cut));
    }

    /// Checksums that match do not make a block: what they cover may come from another program, or from a stranger's text that lies in a damaged journal.
    #[test]
    fn nonsense_with_sound_checksums_does_no_harm(rows in 1..60_usize, shapes in prop::collection::vec(shape(), 1..12), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), sizes: (u8, u8), seed: u64) {
        let mut octets = encoded(&batch::<FlowBatch>(rows, &shapes, 3, seed));
        let mut header = Header::read(&octets).unwrap();
        let length = header.body();
        for (at, octet) in &changes {
            if length > 0 {
                octets[HEADER + at.index(length)] = *octet;
            }
        }
        header.rows = header.rows.wrapping_add(u32::from(sizes.0) / 64);
        let moved = u32::from(sizes.1 / 64).min(header.values);
        header.values -= moved;
        header.directory += moved;
        header.checksum = crc32c::crc32c(&octets[HEADER..HEADER + length]);
        header.write(octets.first_chunk_mut().unwrap());
        let mut read = FlowBatch::new();
        match Block::open(&octets).unwrap().read(None, &mut read) {
            Ok(()) => prop_assert_eq!(read.rows(), header.rows as usize),
            Err(error) => {
                prop_assert!(matches!(error, BlockError::Directory(_)), "{error}");
                prop_assert!(read.is_empty());
            }
        }
    }
}

fn shown(column: AnyColumn<'_>, row: usize) -> Option<String> {
    match column {
        AnyColumn::U8(column) => column.get(row).map(|value| value.to_string()),
        AnyColumn::U16(column) => column.get(row).map(|value| value.to_string()),
        AnyColumn::U32(column) => column.get(row).map(|value| value.to_string()),
        AnyColumn::U64(column) => column.get(row).map(|value| value.to_string()),
        AnyColumn::Time(column) => column.get(row).map(|value| value.to_string()),
        AnyColumn::Ip(column) => column.get(row).map(|value| value.to_string()),
        AnyColumn::Text(column) => column.get(row).map(str::to_owned),
        AnyColumn::List(column) => column.get(row).map(|value| format!("{value:?}")),
    }
}

#[test]
fn every_changed_octet_and_every_cut_is_found() {
    let octets = encoded(&batch::<FlowBatch>(20, &[Shape::Same(7), Shape::Small(1 << 40, 12), Shape::Nothing, Shape::Any], 3, 5));
    let length = HEADER + Header::read(&octets).unwrap().body();
    for at in 0..length {
        assert_eq!(Block::open(&octets[..at]).err(), Some(BlockError::Cut));
        for bit in 0..8 {
            let mut changed = octets.clone();
            changed[at] ^= 1 << bit;
            assert!(Block::open(&changed).is_err(), "octet {at}, bit {bit}");
        }
    }
}

#[test]
fn constant_columns_take_a_few_octets() {
    let mut plain = FlowBatch::new();
    plain.bytes.fill(0, 100_000, 1 << 40);
    plain.src_addr.fill(0, 100_000, Address::v4(7));
    plain.app.fill(0, 100_000, "https");
    plain.time_received.fill(0, 100_000, 1_767_225_600_123_456_789);
    plain.advance(100_000);
    assert!(encoded(&plain).len() < 200);
}

#[test]
fn numbers_take_the_octets_that_they_need() {
    let octets_a_row = |fill: &dyn Fn(&mut FlowBatch, usize)| {
        let mut flows = FlowBatch::new();
        (0..1000).for_each(|row| fill(&mut flows, row));
        flows.advance(1000);
        comes_back(&flows);
        (encoded(&flows).len() - HEADER) / 1000
    };
    assert_eq!(octets_a_row(&|flows, row| flows.bytes.push(row, (1 << 40) | row as u64)), 2);
    assert_eq!(octets_a_row(&|flows, row| flows.src_addr.push(row, Address::v4(0x0a00_0000 | (row as u32 * 4096)))), 4);
    // Milliseconds of a minute, kept as nanoseconds.
    assert_eq!(octets_a_row(&|flows, row| flows.time_start.push(row, 1_767_225_600_000_000_000 + row as i64 * 60_000_000)), 2);
    assert_eq!(octets_a_row(&|flows, row| flows.time_start.push(row, i64::MIN + row as i64 * (i64::MAX / 1000))), 8);
}

#[test]
fn unknown_columns_are_left_out() {
    let mut flows = FlowBatch::new();
    flows.bytes.fill(0, 3, 9);
    flows.packets.fill(0, 3, 2);
    flows.advance(3);
    let mut octets = encoded(&flows);
    let header = Header::read(&octets).unwrap();
    let at = octets.windows(5).position(|name| name == b"bytes").unwrap();
    octets[at..at + 5].copy_from_slice(b"later");
    let header = Header { checksum: crc32c::crc32c(&octets[HEADER..HEADER + header.body()]), ..header };
    header.write(octets.first_chunk_mut().unwrap());
    let mut read = FlowBatch::new();
    Block::open(&octets).unwrap().read(None, &mut read).unwrap();
    assert!(read.bytes.is_empty());
    assert_eq!(read.packets, flows.packets);
}

#[test]
fn limits_of_a_block() {
    let mut flows = FlowBatch::new();
    flows.bytes.fill(0, MAX_ROWS, 1);
    flows.advance(MAX_ROWS);
    comes_back(&flows);
    flows.advance(1);
    let mut encoder = Encoder::default();
    assert_eq!(encoder.append(&flows), Err(BlockError::TooLarge));
    assert!(encoder.octets().is_empty(), "nothing of it is left");
}

#[test]
fn versions_and_tables_are_told_apart() {
    let mut octets = encoded(&batch::<HealthBatch>(1, &[Shape::Any], 0, 1));
    let mut flows = FlowBatch::new();
    assert_eq!(Block::open(&octets).unwrap().read(None, &mut flows), Err(BlockError::OtherTable));
    for (at, value, expected) in [(8, 2, BlockError::Version(2)), (9, 9, BlockError::Kind(9))] {
        let mut changed = octets.clone();
        changed[at] = value;
        let checksum = crc32c::crc32c(&changed[..60]);
        changed[60..64].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Header::read(&changed), Err(expected));
    }
    octets[0] = b'X';
    assert_eq!(Header::read(&octets), Err(BlockError::NoBlock));
    assert_eq!(Header::read(&[]), Err(BlockError::Cut));
}

#[test]
fn times_cover_every_placed_record() {
    let mut flows = FlowBatch::new();
    flows.time_received.extend(0, [100, 110, 120].into_iter());
    flows.time_start.push(0, 50);
    flows.time_end.push(0, 90);
    flows.time_start.push(1, 10);
    flows.time_end.push(1, 500);
    flows.time_suspect.push(1, 1);
    flows.advance(3);
    let times = flows.times();
    // The second is not believed, the third has no times of its own.
    assert_eq!(times, Times { received_min: 100, received_max: 120, placed_min: 50, placed_max: 120 });
    flows.time_suspect.clear();
    assert_eq!(flows.times().placed_max, 500);
    assert_eq!(FlowBatch::new().times(), Times::NONE);
    let mut health = HealthBatch::new();
    health.slot.push(0, 60_000_000_000);
    health.advance(1);
    assert_eq!(health.times(), Times::at(60_000_000_000, 119_999_999_999));
}

#[test]
fn the_next_header_is_found_where_it_lies() {
    let octets = encoded(&batch::<FlowBatch>(5, &[Shape::Any], 0, 3));
    let mut garbage = vec![0xa5; 24];
    garbage.extend_from_slice(&octets);
    assert_eq!(find_header(&garbage), Some(24));
    assert_eq!(find_header(&garbage[32..]), None);
}
