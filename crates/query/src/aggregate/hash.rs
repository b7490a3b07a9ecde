//! Hashes of keys.
//!
//! Multiplication into 128 bits whose halves are folded together, a word at a time. Tables take a seed that nobody outside knows, so that no sender can
//! choose keys that collide; numbers of different values take a fixed one, so that one question has one answer.

use std::hash::{BuildHasher, Hasher};

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The seed of hashes that must be the same in every run.
pub(super) const FIXED_SEED: u64 = 0x2545_f491_4f6c_dd1d;

/// A seed that nobody outside knows.
pub(super) fn seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

/// The hash so far, and a word more.
#[inline]
pub(super) const fn fold(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word) as u128 * MULTIPLIER as u128;
    (product as u64 ^ (product >> 64) as u64).rotate_left(23)
}

/// The hash of octets.
pub(super) fn octets(seed: u64, octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let hash = words.iter().fold(seed ^ octets.len() as u64, |hash, word| fold(hash, u64::from_le_bytes(*word)));
    fold(fold(hash, u64::from_le_bytes(last)), MULTIPLIER)
}
