//! Messages out of streams: pieces of any size give what the whole gives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_codec::framing::{self, Cut};

/// The messages of a stream that comes in these pieces, and whether something in it was bad.
fn read<'o>(cut: fn(&[u8]) -> Cut, pieces: impl Iterator<Item = &'o [u8]>) -> (Vec<Vec<u8>>, bool) {
    let (mut held, mut messages) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        while !held.is_empty() {
            match cut(&held) {
                Cut::Message { skip, length } => {
                    assert!(length >= 16);
                    let Some(message) = held.get(skip..skip + length) else { break };
                    messages.push(message.to_vec());
                    held.drain(..skip + length);
                }
                Cut::More => break,
                Cut::Bad(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

fuzz_target!(|input: &[u8]| {
    let Some((size, stream)) = input.split_first() else { return };
    for cut in [framing::fastnetmon, framing::ipfix] {
        let whole = read(cut, std::iter::once(stream));
        let pieces = read(cut, stream.chunks(usize::from(*size).max(1)));
        assert_eq!(whole, pieces);
    }
});
