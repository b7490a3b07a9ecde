//! The stream of CRYPTO frames (RFC 9000 section 19.6) in which a hello comes, in any order and over several packets.

use weir_wire::Reader;

use super::varint;
use crate::app::tls::hello::Message;

/// Octets of a hello that are kept. Those with keys for the time after quantum computers have two thousand.
const MAX_OCTETS: usize = 8 << 10;
/// Pieces that came ahead of others. Browsers cut a hello up on purpose.
const MAX_AHEAD: usize = 64;

/// Frames that Initial packets may have (RFC 9000 section 17.2.2).
mod frame {
    pub(super) const PADDING: u64 = 0;
    pub(super) const PING: u64 = 1;
    pub(super) const ACK: u64 = 2;
    pub(super) const ACK_WITH_ECN: u64 = 3;
    pub(super) const CRYPTO: u64 = 6;
    /// The same in Google's versions with TLS; elsewhere an Initial packet has no such frame.
    pub(super) const GOOGLE_CRYPTO: u64 = 8;
}

/// One direction of the stream, from its beginning.
#[derive(Debug, Default)]
pub(super) struct Crypto {
    /// What is there without a hole.
    octets: Vec<u8>,
    /// What came ahead, by offset.
    ahead: Vec<(usize, Vec<u8>)>,
}

impl Crypto {
    /// Takes what the frames of a packet bring, up to the first of another kind: the connection is closed, or it is no version known here.
    pub(super) fn read(&mut self, content: &[u8]) {
        let mut reader = Reader::new(content);
        while self.frame(&mut reader).is_some() {}
    }

    /// The first message, as far as it is there without a hole.
    pub(super) fn message(&self) -> Option<Message<'_>> {
        let (&[kind, a, b, c], rest) = self.octets.split_first_chunk()?;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let body = rest.get(..length);
        Some(Message { kind, body: body.unwrap_or(rest), whole: body.is_some() })
    }

    /// Octets kept.
    pub(super) fn held(&self) -> usize {
        self.octets.len() + self.ahead.iter().map(|(_, octets)| octets.len()).sum::<usize>()
    }

    fn frame(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        match varint(reader)? {
            frame::PADDING | frame::PING => {}
            kind @ (frame::ACK | frame::ACK_WITH_ECN) => {
                let _largest = varint(reader)?;
                let _delay = varint(reader)?;
                let ranges = varint(reader)?;
                let _first = varint(reader)?;
                let counts = if kind == frame::ACK_WITH_ECN { 3 } else { 0 };
                // Each takes an octet or more, so the packet is the bound.
                for _ in 0..ranges.checked_mul(2)?.checked_add(counts)? {
                    varint(reader)?;
                }
            }
            frame::CRYPTO | frame::GOOGLE_CRYPTO => {
                let offset = varint(reader)?;
                let length = usize::try_from(varint(reader)?).ok()?;
                let octets = reader.bytes(length).ok()?;
                if let Ok(offset) = usize::try_from(offset) {
                    self.insert(offset, octets);
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Keeps a piece that lies within the limits.
    fn insert(&mut self, offset: usize, octets: &[u8]) {
        let is_kept = offset.checked_add(octets.len()).is_some_and(|end| end <= MAX_OCTETS);
        if !is_kept || octets.is_empty() {
            return;
        }
        if offset > self.octets.len() {
            if self.ahead.len() < MAX_AHEAD && self.held() + octets.len() <= MAX_OCTETS {
                let place = self.ahead.partition_point(|(other, _)| *other < offset);
                self.ahead.insert(place, (offset, octets.to_vec()));
            }
            return;
        }
        self.append(offset, octets);
        let joins = self
            .ahead
            .iter()
            .scan(self.octets.len(), |end, (offset, octets)| (*offset <= *end).then(|| *end = (*end).max(offset + octets.len())));
        let count = joins.count();
        for (offset, octets) in self.ahead.drain(..count).collect::<Vec<_>>() {
            self.append(offset, &octets);
        }
    }

    /// Appends what is new of a piece that begins within what is there.
    fn append(&mut self, offset: usize, octets: &[u8]) {
        let new = octets.get(self.octets.len().saturating_sub(offset)..).unwrap_or_default();
        self.octets.extend_from_slice(new);
    }
}
