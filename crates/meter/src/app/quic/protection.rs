//! Protection of Initial packets (RFC 9001 section 5): anybody who has the connection id can take it off. What was changed on the way does not open.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt};
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;

use super::header::{ConnectionId, Packet, Version};
use crate::packet::Direction;

/// Octets that the packet number counts for, whatever its length, when the sample of header protection is taken (RFC 9001 section 5.4.2).
const LONGEST_NUMBER: usize = 4;
/// Octets of the sample, and of a block of AES.
const SAMPLE: usize = 16;

/// The frames in an Initial packet that goes in this direction. None where the keys do not fit.
pub(super) fn open(packet: &Packet<'_>, version: Version, id: &ConnectionId, direction: Direction) -> Option<Vec<u8>> {
    let keys = Keys::of(version, id, direction)?;
    let sample: [u8; SAMPLE] = *packet.octets.get(packet.number + LONGEST_NUMBER..)?.first_chunk()?;
    let mut mask = Array::from(sample);
    Aes128::new(&keys.header.into()).encrypt_block(&mut mask);
    let mask: [u8; SAMPLE] = mask.into();

    let first = packet.octets.first()? ^ mask[0] & 0x0f;
    let number_length = usize::from(first & 3) + 1;
    let (head, message) = packet.octets.split_at_checked(packet.number + number_length)?;
    let mut head = head.to_vec();
    *head.first_mut()? = first;
    let mut nonce = keys.nonce;
    // The last octet of the number goes with the last of the nonce. Longer numbers than are sent do not occur so early.
    let number = head.get_mut(packet.number..)?;
    for (octet, mask) in number.iter_mut().zip(mask.iter().skip(1)) {
        *octet ^= mask;
    }
    for (nonce, octet) in nonce.iter_mut().rev().zip(number.iter().rev()) {
        *nonce ^= octet;
    }
    let payload = Payload { msg: message, aad: &head };
    Aes128Gcm::new(&keys.packet.into()).decrypt(&Nonce::from(nonce), payload).ok()
}

/// The keys of one direction.
struct Keys {
    packet: [u8; 16],
    nonce: [u8; 12],
    header: [u8; 16],
}

impl Keys {
    fn of(version: Version, id: &ConnectionId, direction: Direction) -> Option<Self> {
        let initial = Hkdf::<Sha256>::new(Some(version.salt()?), id.octets());
        let secret: [u8; 32] = match direction {
            Direction::ToServer => expand(&initial, "client in", "")?,
            Direction::ToClient => expand(&initial, "server in", "")?,
        };
        let secret = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let label = version.label();
        Some(Self {
            packet: expand(&secret, label, " key")?,
            nonce: expand(&secret, label, " iv")?,
            header: expand(&secret, label, " hp")?,
        })
    }
}

/// HKDF-Expand-Label without a context (RFC 8446 section 7.1); the label in two parts.
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str, rest: &str) -> Option<[u8; N]> {
    const PREFIX: &str = "tls13 ";
    let length = u8::try_from(PREFIX.len() + label.len() + rest.len()).ok()?;
    let info = [&[0, N as u8, length], PREFIX.as_bytes(), label.as_bytes(), rest.as_bytes(), &[0]];
    let mut key = [0; N];
    secret.expand_multi_info(&info, &mut key).ok()?;
    Some(key)
}

#[cfg(test)]
pub(super) mod tests;
