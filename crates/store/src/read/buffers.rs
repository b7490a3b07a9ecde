//! Memory for what is read from files: a thread uses its buffers again, since fresh memory costs more than the copy into it.

use std::cell::RefCell;

use bytes::Bytes;

/// Buffers that a thread keeps: a row group has about as many chunks.
const MAX_BUFFERS: usize = 128;

/// Octets of a buffer that is worth keeping, and not too much to keep.
const KEPT: std::ops::Range<usize> = 4 << 10..16 << 20;

/// Octets of all the buffers that a thread keeps.
const MAX_OCTETS: usize = 64 << 20;

#[derive(Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    octets: usize,
}

thread_local! {
    static BUFFERS: RefCell<Kept> = RefCell::default();
}

/// A buffer of that length, with any octets in it.
pub(super) fn take(length: usize) -> Vec<u8> {
    let kept = BUFFERS.with_borrow_mut(|kept| {
        let fitting =
            kept.buffers.iter().enumerate().filter(|(_, buffer)| (length..length.saturating_mul(4)).contains(&buffer.capacity()));
        let (place, _) = fitting.min_by_key(|(_, buffer)| buffer.capacity())?;
        let buffer = kept.buffers.swap_remove(place);
        kept.octets -= buffer.capacity();
        Some(buffer)
    });
    let mut buffer = kept.unwrap_or_default();
    buffer.resize(length, 0);
    buffer
}

/// Keeps the memory, where nobody else looks at it.
pub(super) fn give_back(octets: Bytes) {
    let Ok(octets) = octets.try_into_mut() else { return };
    let buffer = Vec::from(octets);
    BUFFERS.with_borrow_mut(|kept| {
        let is_kept = KEPT.contains(&buffer.capacity()) && kept.octets + buffer.capacity() <= MAX_OCTETS;
        if is_kept && kept.buffers.len() < MAX_BUFFERS {
            kept.octets += buffer.capacity();
            kept.buffers.push(buffer);
        }
    });
}
