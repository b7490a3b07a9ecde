//! Compression is told by content, in layers, in pieces, and cut.

use std::fs;

use weir_capture::CaptureFile;

use crate::make::{Order, drain, frames, gzip, open, refusal, small_pcap, zstandard};

#[test]
fn whatever_the_compression_the_frames_are_the_same() {
    let order = Order::Little;
    let pcapng = [order.section(), order.interface(1, 0, &[]), order.enhanced(0, 5, 1, b"a")].concat();
    for plain in [small_pcap(1000), pcapng] {
        let expected = frames(&plain);
        assert_eq!(frames(&gzip(&plain)), expected);
        assert_eq!(frames(&zstandard(&plain)), expected);
        assert_eq!(frames(&gzip(&zstandard(&plain))), expected, "two layers");
    }
}

#[test]
fn members_and_frames_in_a_row_are_one_capture() {
    let plain = small_pcap(1000);
    let (first, second) = plain.split_at(4321);
    let expected = frames(&plain);
    assert_eq!(frames(&[gzip(first), gzip(second)].concat()), expected);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3].to_vec();
    assert_eq!(frames(&[skippable, zstandard(first), zstandard(second)].concat()), expected);
}

#[test]
fn layers_beyond_the_limit_are_refused() {
    assert_eq!(refusal(&gzip(&gzip(&gzip(&small_pcap(1))))), "test: compressed more than 2 times over");
}

#[test]
fn compressed_data_cut_anywhere_gives_the_frames_before_the_cut() {
    let plain = small_pcap(1000);
    let all = frames(&plain);
    for compressed in [gzip(&plain), zstandard(&plain)] {
        for end in 0..compressed.len() {
            let Ok(file) = open(&compressed[..end]) else {
                continue;
            };
            let reading = drain(file);
            assert!(reading.error.is_none(), "cut at {end}: {:?}", reading.error);
            assert!(reading.stats.cut_short.is_some(), "cut at {end} was noted");
            assert!(all.starts_with(&reading.frames), "cut at {end}");
        }
    }
}

#[test]
fn damaged_compressed_data_is_an_error_that_says_where() {
    let plain = small_pcap(1000);
    let compressed = gzip(&plain);
    let mut wrong_checksum = compressed.clone();
    wrong_checksum[compressed.len() - 8] ^= 1;
    for damaged in [wrong_checksum, [&compressed[..], b"is not a member of a gzip file"].concat()] {
        let reading = drain(open(&damaged).unwrap());
        assert_eq!(reading.frames.len(), 1000);
        let text = reading.error.unwrap().to_string();
        assert!(text.starts_with(&format!("test: cannot read beyond byte {}: ", plain.len())), "{text}");
    }
}

#[test]
fn position_and_size_are_those_of_the_compressed_file() {
    let path = std::env::temp_dir().join(format!("weir-capture-{}.pcap.gz", std::process::id()));
    let compressed = gzip(&small_pcap(100_000));
    fs::write(&path, &compressed).unwrap();
    let mut file = CaptureFile::open(&path).unwrap();
    assert_eq!(file.size(), Some(compressed.len() as u64));
    let mut before = file.position();
    assert!(before > 0);
    while file.next().unwrap().is_some() {
        assert!(file.position() >= before);
        before = file.position();
    }
    assert_eq!(file.position(), compressed.len() as u64);
    fs::remove_file(&path).unwrap();
    assert_eq!(open(&compressed).unwrap().size(), None);
}
