//! Capture files: pcap, pcapng, IPFIX files, compressed ones too.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use weir_capture::{CaptureFile, MAX_FRAME_BYTES};

/// Frames after which an input has shown enough; compressed files can be very long.
const ENOUGH: u64 = 10_000;

fuzz_target!(|input: &[u8]| {
    let Ok(mut file) = CaptureFile::from_reader(Box::new(Cursor::new(input.to_vec())), "input") else { return };
    let mut frames = 0;
    while frames < ENOUGH {
        let Ok(Some(frame)) = file.next() else { break };
        frames += 1;
        assert_eq!(frame.number, frames);
        assert!(frame.data.len() <= MAX_FRAME_BYTES as usize);
    }
    assert_eq!(file.stats().frames, frames);
});
