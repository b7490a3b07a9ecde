//! Framing of FastNetMon Flow over streams: pieces of any size give what the whole gives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_codec::fastnetmon::FrameReader;

fuzz_target!(|input: &[u8]| {
    let Some((size, stream)) = input.split_first() else { return };
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut reader = FrameReader::new();
        let mut messages = Vec::new();
        for piece in pieces {
            if reader.push(piece, |message| messages.push(message.to_vec())).is_err() {
                break;
            }
        }
        (messages, reader.finish().map_err(|fault| fault.reason))
    };
    let whole = read(&mut std::iter::once(stream));
    let pieces = read(&mut stream.chunks(usize::from(*size).max(1)));
    assert_eq!(whole, pieces);
});
