//! Pcapng: sections, interfaces, the three kinds of packet block, and blocks that are wrong.

use proptest::collection::vec;
use proptest::prelude::*;
use weir_capture::{MAX_FRAME_BYTES, MAX_INTERFACES};

use crate::make::{Kept, Order, drain, frames, open, refusal};

const BOTH: [Order; 2] = [Order::Little, Order::Big];

/// Microseconds since 1970 that are easy to recognise.
const TICKS: u64 = 1_700_000_000_123_456;

fn kept(time_ns: i64, interface: u32, link_type: u16, data: &[u8], original_len: u32) -> Kept {
    Kept { time_ns, link_type, data: data.to_vec(), original_len, interface }
}

#[test]
fn three_kinds_of_packet_block_in_both_byte_orders() {
    for order in BOTH {
        let bytes = [
            order.section(),
            order.interface(1, 2, &[(9, &[9]), (2, b"eth0")]),
            order.interface(101, 0, &[]),
            order.enhanced(1, TICKS, 60, b"abcde"),
            order.obsolete(0, TICKS, 61, b"f"),
            order.simple(9, b"gh"),
        ];
        let (us, ns) = (TICKS as i64 * 1000, TICKS as i64);
        let expected = [kept(us, 1, 101, b"abcde", 60), kept(ns, 0, 1, b"f", 61), kept(0, 0, 1, b"gh", 9)];
        assert_eq!(frames(&bytes.concat()), expected, "{order:?}");
    }
}

#[test]
fn options_after_the_frame_are_not_part_of_it() {
    let mut block = Order::Little.enhanced(0, TICKS, 3, b"abc");
    let options = [2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    block.truncate(block.len() - 4);
    block.extend(options);
    let length = (block.len() as u32 + 4).to_le_bytes();
    block[4..8].copy_from_slice(&length);
    block.extend(length);
    let bytes = [Order::Little.section(), Order::Little.interface(1, 0, &[]), block].concat();
    assert_eq!(frames(&bytes), [kept(TICKS as i64 * 1000, 0, 1, b"abc", 3)]);
}

#[test]
fn a_new_section_has_its_own_byte_order_interfaces_and_clock() {
    let (big, little) = (Order::Big, Order::Little);
    let bytes = [
        big.section(),
        big.interface(1, 0, &[]),
        big.interface(1, 0, &[]),
        big.enhanced(1, 5, 1, b"a"),
        little.section(),
        little.interface(228, 0, &[(9, &[0x81]), (14, &100_i64.to_le_bytes())]),
        little.enhanced(0, 5, 1, b"b"),
    ];
    assert_eq!(frames(&bytes.concat()), [kept(5000, 1, 1, b"a", 1), kept(102_500_000_000, 2, 228, b"b", 1)]);
}

#[test]
fn other_blocks_are_skipped_by_their_length_and_counted() {
    let order = Order::Big;
    let too_long_for_a_frame = order.block(0x0bad, &vec![0; MAX_FRAME_BYTES as usize + 100]);
    let bytes = [
        order.section(),
        order.block(4, &[1; 30]),
        order.interface(1, 0, &[]),
        order.block(0x8000_0001, &[]),
        too_long_for_a_frame,
        order.enhanced(0, 5, 1, b"a"),
        order.block(5, &[0; 8]),
    ];
    let reading = drain(open(&bytes.concat()).unwrap());
    assert_eq!((reading.frames.len(), reading.stats.skipped_blocks), (1, 4));
    assert!(reading.error.is_none());
}

#[test]
fn a_bad_packet_block_costs_only_itself() {
    let order = Order::Little;
    let longer_than_its_block = {
        let mut block = order.enhanced(0, 5, 1, b"abcd");
        block[20] = 5;
        block
    };
    let bytes = [
        order.section(),
        order.simple(1, b"a"),
        order.interface(1, 0, &[]),
        order.enhanced(1, 5, 1, b"a"),
        longer_than_its_block,
        order.simple(5, b"abcd"),
        order.block(6, &[0; 16]),
        order.block(2, &[0; 16]),
        order.block(3, &[]),
        order.enhanced(0, 5, 4, b"good"),
    ];
    let reading = drain(open(&bytes.concat()).unwrap());
    assert_eq!(reading.stats.bad_blocks, 7);
    assert_eq!(reading.frames, [kept(5000, 0, 1, b"good", 4)]);
}

#[test]
fn lengths_and_trailers_that_lose_the_next_block_end_the_reading() {
    let order = Order::Little;
    let head = [order.section(), order.interface(1, 0, &[]), order.enhanced(0, 5, 4, b"good")].concat();
    let at = head.len();
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: String| {
        let mut block = order.enhanced(0, 5, 4, b"late");
        change(&mut block);
        let reading = drain(open(&[head.clone(), block].concat()).unwrap());
        assert_eq!(reading.frames.len(), 1);
        assert_eq!(reading.error.unwrap().to_string(), format!("test: damaged file: {expected}"));
    };
    for length in [0_u32, 8, 11, 13, 35] {
        let expected =
            format!("length of a block at byte {} is {length} ({length:#x}), expected a multiple of 4, at least 12", at + 4);
        check(&|block| block[4..8].copy_from_slice(&length.to_le_bytes()), expected);
    }
    let expected = format!("the record at byte {at} claims 16777220 bytes, the limit is 16777216");
    check(&|block| block[4..8].copy_from_slice(&(MAX_FRAME_BYTES + 4).to_le_bytes()), expected);
    let trailer = at + 32;
    let expected = format!("length at the end of a block at byte {trailer} is 37 (0x25), expected the length at its start");
    check(&|block| block[32] = 37, expected);
}

#[test]
fn section_headers_are_checked() {
    let mut bytes = Order::Big.section();
    bytes[12..16].copy_from_slice(&[0, 2, 0, 1]);
    assert_eq!(refusal(&bytes), "test: pcapng version 2.1 at byte 12, expected version 1");

    let mut bytes = Order::Big.section();
    bytes[7] = 24;
    let expected = "test: damaged file: length of a block at byte 4 is 24 (0x18), expected a multiple of 4, at least 28";
    assert_eq!(refusal(&bytes), expected);

    let mut second = Order::Big.section();
    second[8] = 7;
    let reading = drain(open(&[Order::Big.section(), second].concat()).unwrap());
    let expected = "test: damaged file: byte-order magic of a section at byte 36 is 120273997 (0x72b3c4d), \
                    expected 0x1a2b3c4d in either byte order";
    assert_eq!(reading.error.unwrap().to_string(), expected);
}

#[test]
fn interfaces_up_to_the_limit() {
    let order = Order::Little;
    let mut bytes = order.section();
    (0..MAX_INTERFACES).for_each(|_| bytes.extend(order.interface(1, 0, &[])));
    bytes.extend(order.enhanced(MAX_INTERFACES as u32 - 1, 5, 1, b"a"));
    assert_eq!(frames(&bytes).len(), 1);

    bytes.extend(order.interface(1, 0, &[]));
    let text = drain(open(&bytes).unwrap()).error.unwrap().to_string();
    assert_eq!(text, "test: section describes more than 65536 interfaces (the next at byte 1310784)");
}

proptest! {
    #[test]
    fn blocks_that_are_written_are_read(
        big: bool,
        links in vec(any::<u16>(), 1..5),
        packets in vec((any::<u32>(), 0..(1_u64 << 50), any::<u32>(), vec(any::<u8>(), 0..50)), 0..20),
    ) {
        let order = if big { Order::Big } else { Order::Little };
        let mut bytes = order.section();
        links.iter().for_each(|&link| bytes.extend(order.interface(link, 0, &[])));
        let mut expected = Vec::new();
        for (interface, ticks, original_len, data) in &packets {
            let interface = interface % links.len() as u32;
            bytes.extend(order.enhanced(interface, *ticks, *original_len, data));
            expected.push(kept(*ticks as i64 * 1000, interface, links[interface as usize], data, *original_len));
        }
        prop_assert_eq!(frames(&bytes), expected);
    }
}
