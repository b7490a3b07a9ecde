//! IPFIX files: messages one after another.

use weir_capture::{CaptureFile, LINKTYPE_IPFIX_MESSAGE};
use weir_testkit::shared_dir;

use crate::make::{drain, frames, open, refusal};

/// A message of one set: header fields that matter here, then the set.
fn message(export_time: u32, set_id: u16, set_body: &[u8]) -> Vec<u8> {
    let set_length = (set_body.len() + 4) as u16;
    let mut message = [[0, 10], (set_length + 16).to_be_bytes()].concat();
    message.extend(export_time.to_be_bytes());
    message.extend([0; 8]);
    message.extend([set_id.to_be_bytes(), set_length.to_be_bytes()].as_flattened());
    message.extend_from_slice(set_body);
    message
}

#[test]
fn each_message_is_a_frame_at_its_export_time() {
    let messages = [message(1_700_000_000, 2, &[1; 8]), message(1_700_000_001, 256, &[2; 33])];
    let read = frames(&messages.concat());
    assert_eq!(read.len(), 2);
    for (frame, message) in read.iter().zip(&messages) {
        assert_eq!((&frame.data, frame.original_len as usize), (message, message.len()));
        assert_eq!((frame.link_type, frame.interface), (LINKTYPE_IPFIX_MESSAGE, 0));
    }
    assert_eq!(read[1].time_ns, 1_700_000_001_000_000_000);
}

#[test]
fn a_message_without_sets_is_one_too() {
    assert_eq!(frames(&[0, 10, 0, 16, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0])[0].time_ns, 7_000_000_000);
}

#[test]
fn what_only_begins_with_a_ten_is_not_ipfix() {
    let refused = |bytes: &[u8]| refusal(bytes).starts_with("test: not a capture file: starts with 00 0a");
    assert!(refused(&message(0, 4, &[])), "set identifier not in use");
    assert!(refused(&[&[0, 10, 0, 15][..], &[0; 20]].concat()), "shorter than its header");
    let mut long_set = message(0, 2, &[0; 4]);
    long_set[19] += 1;
    assert!(refused(&long_set), "set longer than its message");
}

#[test]
fn a_later_message_that_is_none_ends_the_reading() {
    let first = message(0, 2, &[0; 4]);
    let check = |second: &[u8], expected: &str| {
        let reading = drain(open(&[&first, second].concat()).unwrap());
        assert_eq!(reading.frames.len(), 1);
        assert_eq!(reading.error.unwrap().to_string(), format!("test: damaged file: {expected}"));
    };
    check(&[0; 16], "version of an IPFIX message at byte 24 is 0 (0x0), expected 10");
    let short = [&[0, 10, 0, 15][..], &[0; 12]].concat();
    check(&short, "length of an IPFIX message at byte 26 is 15 (0xf), expected at least 16");
}

/// The packet captures beside these files hold the same messages, one a frame (the malformed ones have no such copy).
#[test]
fn shared_ipfix_files_hold_the_messages_of_their_captures() {
    let Some(shared) = shared_dir() else {
        println!("skipped: no shared captures");
        return;
    };
    let raw = shared.join("captures/ipfix/raw");
    let mut seen = 0;
    for entry in std::fs::read_dir(raw).unwrap() {
        let path = entry.unwrap().path();
        let length = path.metadata().unwrap().len();
        let reading = drain(CaptureFile::open(&path).unwrap());
        assert!(reading.error.is_none() && reading.stats.cut_short.is_none(), "{}: {:?}", path.display(), reading.stats);
        assert_eq!(reading.stats.captured_bytes, length, "{}", path.display());
        seen += reading.frames.len();
    }
    assert!(seen > 0);
}
