//! Pcap: both byte orders, both units, the variants, and back from the writer.

use proptest::collection::vec;
use proptest::prelude::*;
use weir_capture::{MAX_FRAME_BYTES, PcapWriter, TimeUnit};

use crate::make::{Kept, Order, drain, frames, open, pcap, refusal, small_pcap};

/// A file by hand: header, then records of (seconds, fraction, first length, second length, extra header, data).
fn by_hand(order: Order, magic: u32, minor: u16, link: u32, extra: &[u8], lengths: [u32; 2], data: &[u8]) -> Vec<u8> {
    let mut bytes = order.u32(magic).to_vec();
    bytes.extend([order.u16(2), order.u16(minor)].as_flattened());
    bytes.extend([0, 0, 65_535, link].map(|word| order.u32(word)).as_flattened());
    for _ in 0..2 {
        bytes.extend([1_700_000_000, 123_456, lengths[0], lengths[1]].map(|word| order.u32(word)).as_flattened());
        bytes.extend_from_slice(extra);
        bytes.extend_from_slice(data);
    }
    bytes
}

#[test]
fn every_magic_number_in_both_byte_orders() {
    let variants = [(0xa1b2_c3d4, 123_456_000, 0), (0xa1b2_3c4d, 123_456, 0), (0xa1b2_cd34, 123_456_000, 8)];
    for (magic, nanoseconds, extra) in variants {
        for order in [Order::Little, Order::Big] {
            let bytes = by_hand(order, magic, 4, 113, &vec![0xee; extra], [3, 60], b"abc");
            let time_ns = 1_700_000_000_000_000_000 + nanoseconds;
            let frame = Kept { time_ns, link_type: 113, data: b"abc".to_vec(), original_len: 60, interface: 0 };
            assert_eq!(frames(&bytes), [frame.clone(), frame], "{magic:x} {order:?}");
        }
    }
}

#[test]
fn lengths_of_old_versions_are_the_other_way_round() {
    for (minor, lengths) in [(2, [60, 3]), (3, [60, 3]), (3, [3, 60]), (4, [3, 60])] {
        let read = frames(&by_hand(Order::Big, 0xa1b2_c3d4, minor, 1, &[], lengths, b"abc"));
        assert!(read.iter().all(|frame| (frame.data.as_slice(), frame.original_len) == (b"abc", 60)), "2.{minor}");
    }
}

#[test]
fn upper_half_of_the_link_type_is_about_check_sequences() {
    let read = frames(&by_hand(Order::Little, 0xa1b2_c3d4, 4, 0x2400_0001, &[], [3, 3], b"abc"));
    assert_eq!(read[0].link_type, 1);
}

#[test]
fn other_major_versions_are_refused() {
    let mut bytes = small_pcap(1);
    bytes[4] = 3;
    assert_eq!(refusal(&bytes), "test: pcap version 3.4 at byte 4, expected version 2");
}

#[test]
fn a_file_without_frames_is_a_capture() {
    assert_eq!(frames(&small_pcap(0)), []);
}

#[test]
fn a_record_at_the_limit_is_read_and_one_byte_more_is_damage() {
    let mut bytes = small_pcap(2);
    let second = bytes.len() - 17;
    bytes[second + 8..second + 12].copy_from_slice(&MAX_FRAME_BYTES.to_le_bytes());
    let reading = drain(open(&bytes).unwrap());
    let cut = reading.stats.cut_short.unwrap();
    assert_eq!((cut.offset, cut.present, cut.needed), (second as u64, 17, u64::from(MAX_FRAME_BYTES) + 16));
    assert_eq!(reading.frames.len(), 1);

    bytes[second + 8..second + 12].copy_from_slice(&(MAX_FRAME_BYTES + 1).to_le_bytes());
    let reading = drain(open(&bytes).unwrap());
    assert_eq!(reading.frames.len(), 1);
    let text = reading.error.unwrap().to_string();
    assert_eq!(text, "test: damaged file: the record at byte 40 claims 16777217 bytes, the limit is 16777216");
}

#[test]
fn a_frame_larger_than_the_buffer_is_whole() {
    let data: Vec<u8> = (0..5_000_000_u32).map(|n| (n / 1000) as u8).collect();
    let mut bytes = small_pcap(3);
    bytes.extend([0, 0, data.len() as u32, data.len() as u32].map(u32::to_le_bytes).as_flattened());
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(&small_pcap(3)[24..]);
    let read = frames(&bytes);
    assert_eq!(read.len(), 7);
    assert!(read[3].data == data);
    assert_eq!(read[6].data, [2, 2]);
}

#[test]
fn the_writer_refuses_what_pcap_cannot_hold() {
    let mut writer = PcapWriter::new(Vec::new(), 1, TimeUnit::Nanoseconds).unwrap();
    assert!(writer.write(-1, 0, b"").unwrap_err().to_string().starts_with("time -1 ns does not fit"));
    assert!(writer.write((1 << 32) * 1_000_000_000, 0, b"").is_err());
    let error = writer.write(0, 0, &[0; 262_145]).unwrap_err();
    assert_eq!(error.to_string(), "frame of 262145 bytes, the limit of pcap is 262144");
    assert!(writer.write(0, 0, &[0; 262_144]).is_ok());
    assert_eq!(writer.finish().unwrap().len(), 24 + 16 + 262_144);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        link_type: u16,
        nanoseconds: bool,
        written in vec((0..(1_i64 << 32) * 1_000_000_000, vec(any::<u8>(), 0..100), any::<u32>()), 0..20),
    ) {
        let mut expected: Vec<Kept> = written
            .into_iter()
            .map(|(time_ns, data, original_len)| Kept { time_ns, link_type, data, original_len, interface: 0 })
            .collect();
        let unit = if nanoseconds { TimeUnit::Nanoseconds } else { TimeUnit::Microseconds };
        let bytes = pcap(unit, link_type, &expected);
        if !nanoseconds {
            expected.iter_mut().for_each(|frame| frame.time_ns -= frame.time_ns % 1000);
        }
        let read = frames(&bytes);
        prop_assert_eq!(&read, &expected);
        prop_assert_eq!(pcap(unit, link_type, &read), bytes);
    }
}
