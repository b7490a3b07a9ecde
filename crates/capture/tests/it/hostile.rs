//! Files that were cut, altered or never were captures: reading ends, without a panic, and says what is wrong.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::make::{Order, Reading, drain, drain_groups, gzip, open, refusal, small_pcap, zstandard};

/// A small file of each format, with the places between its records. The first place is where frames may begin.
fn samples() -> Vec<(&'static str, Vec<u8>, Vec<usize>)> {
    let pcap: Vec<Vec<u8>> = {
        let bytes = small_pcap(8);
        let (header, mut rest) = bytes.split_at(24);
        let mut parts = vec![header.to_vec()];
        while !rest.is_empty() {
            let (record, after) = rest.split_at(16 + usize::from(rest[8]));
            parts.push(record.to_vec());
            rest = after;
        }
        parts
    };
    let order = Order::Big;
    let pcapng = vec![
        order.section(),
        order.interface(1, 0, &[(9, &[9])]),
        order.enhanced(0, 1 << 40, 9, b"abcde"),
        order.block(4, &[7; 20]),
        order.simple(3, b"abc"),
        Order::Little.section(),
        Order::Little.interface(1, 0, &[]),
        Order::Little.obsolete(0, 5, 3, b"abc"),
    ];
    let message = |length: u8| [&[0, 10, 0, length, 0, 0, 0, 9][..], &vec![3; usize::from(length) - 8]].concat();
    let ipfix = [message(16), message(20), message(33)].concat();
    let ends = |parts: &[Vec<u8>]| {
        let mut end = 0;
        parts
            .iter()
            .map(|part| {
                end += part.len();
                end
            })
            .collect::<Vec<_>>()
    };
    vec![("pcap", pcap.concat(), ends(&pcap)), ("pcapng", pcapng.concat(), ends(&pcapng)), ("IPFIX", ipfix, vec![16, 36, 69])]
}

#[test]
fn a_file_cut_at_any_byte_gives_all_records_before_the_cut() {
    for (format, bytes, ends) in samples() {
        let all = drain(open(&bytes).unwrap());
        assert!(all.error.is_none() && all.stats.cut_short.is_none(), "{format}");
        for cut in 0..bytes.len() {
            let whole_records = ends.iter().filter(|&&end| end <= cut).count();
            let file = match open(&bytes[..cut]) {
                Ok(file) => file,
                Err(_) => {
                    assert!(whole_records == 0, "{format} cut at {cut} opens");
                    continue;
                }
            };
            let reading = drain(file);
            let groups = drain_groups(open(&bytes[..cut]).unwrap());
            assert!(groups.frames == reading.frames && groups.stats == reading.stats, "{format} cut at {cut}, in groups");
            assert!(all.frames.starts_with(&reading.frames), "{format} cut at {cut}");
            assert!(reading.error.is_none(), "{format} cut at {cut}: {:?}", reading.error);
            let between_records = ends.contains(&cut);
            match reading.stats.cut_short {
                None => assert!(between_records, "{format} cut at {cut} was not noted"),
                Some(at) => {
                    assert!(!between_records, "{format} cut at {cut} is between records");
                    assert_eq!((at.offset + at.present) as usize, cut);
                    assert!(at.offset == 0 || ends.contains(&(at.offset as usize)), "{format} cut at {cut}: {at}");
                    assert!(at.needed > at.present);
                }
            }
        }
    }
}

#[test]
fn any_byte_may_be_anything() {
    for (_, bytes, _) in samples() {
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1), bytes[at].wrapping_sub(1)] {
                let mut altered = bytes.clone();
                altered[at] = value;
                ends(&altered);
                ends(&gzip(&altered));
            }
        }
    }
}

#[test]
fn any_byte_of_compressed_data_may_be_anything() {
    let plain = small_pcap(50);
    for compressed in [gzip(&plain), zstandard(&plain)] {
        for at in 0..compressed.len() {
            for change in [1, 0x80, 0xff] {
                let mut altered = compressed.clone();
                altered[at] ^= change;
                ends(&altered);
            }
        }
    }
}

#[test]
fn what_is_no_capture_is_refused_with_what_was_seen() {
    let formats = "expected pcap, pcapng or IPFIX, plain or compressed with gzip or zstd";
    assert_eq!(refusal(b"{\"a\": 1}\n"), format!("test: not a capture file: starts with 7b 22 61 22 3a 20 31 7d, {formats}"));
    assert_eq!(refusal(b"\n"), format!("test: not a capture file: starts with 0a, {formats}"));
    assert_eq!(refusal(&gzip(b"text")), format!("test: not a capture file: starts with 74 65 78 74, {formats}"));
    assert_eq!(refusal(b""), "test: not a capture file: it is empty");
    assert_eq!(refusal(&gzip(b"")), "test: not a capture file: it is empty");
    let cut = "test: pcap file cut short in its first header: 24 bytes expected, 23 there";
    assert_eq!(refusal(&small_pcap(1)[..23]), cut);
    let cut = "test: pcapng file cut short in its first header: 28 bytes expected, 5 there";
    assert_eq!(refusal(&Order::Big.section()[..5]), cut);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = weir_capture::CaptureFile::open("no/such/file.pcap".as_ref()).unwrap_err();
    assert!(error.to_string().starts_with("no/such/file.pcap: cannot open the file: "), "{error}");
    let folder = std::env::temp_dir();
    assert!(weir_capture::CaptureFile::open(&folder).is_err());
}

/// Reads what may be anything; reading ends because each frame takes bytes of the file.
fn ends(bytes: &[u8]) -> Option<Reading> {
    open(bytes).ok().map(drain)
}

proptest! {
    #[test]
    fn random_bytes_are_survived(start in 0..8_usize, bytes in vec(any::<u8>(), 0..4096)) {
        let magics: [&[u8]; 8] = [
            &[],
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            &[0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 3],
            &[0xa1, 0xb2, 0xcd, 0x34, 0, 2, 0, 4],
            &[0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1],
            &[0, 10, 0, 16],
            &[0x1f, 0x8b, 8],
            &[0x28, 0xb5, 0x2f, 0xfd],
        ];
        ends(&[magics[start], &bytes].concat());
    }

    #[test]
    fn random_blocks_are_survived(blocks in vec((0..8_u32, vec(any::<u8>(), 0..64)), 0..40)) {
        let order = Order::Little;
        let mut bytes = order.section();
        bytes.extend(order.interface(1, 0, &[]));
        blocks.iter().for_each(|(kind, body)| bytes.extend(order.block(*kind, body)));
        ends(&bytes);
    }
}
