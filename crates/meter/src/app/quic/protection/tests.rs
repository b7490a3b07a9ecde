//! The way back, for tests.

use super::*;

/// Protects a packet: its header, with a number of so many octets at the end, and its frames.
pub(in crate::app::quic) fn seal(
    version: Version,
    id: &[u8],
    direction: Direction,
    head: &[u8],
    number: usize,
    frames: &[u8],
) -> Vec<u8> {
    let keys = Keys::of(version, &ConnectionId::new(id).unwrap(), direction).unwrap();
    let mut head = head.to_vec();
    let start = head.len() - number;
    let mut nonce = keys.nonce;
    for (nonce, octet) in nonce.iter_mut().rev().zip(head[start..].iter().rev()) {
        *nonce ^= octet;
    }
    let sealed = Aes128Gcm::new(&keys.packet.into()).encrypt(&Nonce::from(nonce), Payload { msg: frames, aad: &head }).unwrap();
    let mut mask = Array::<u8, _>::try_from(&sealed[LONGEST_NUMBER - number..][..SAMPLE]).unwrap();
    Aes128::new(&keys.header.into()).encrypt_block(&mut mask);
    head[0] ^= mask[0] & 0x0f;
    for (octet, mask) in head[start..].iter_mut().zip(&mask[1..]) {
        *octet ^= mask;
    }
    [head, sealed].concat()
}
