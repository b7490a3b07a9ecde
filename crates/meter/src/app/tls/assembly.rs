//! Messages of the handshake, put together from records (RFC 8446 section 5.1): a record may hold several messages, and a message may span several records.

use super::hello::kind::{CERTIFICATE, CLIENT_HELLO, SERVER_HELLO};

/// Octets before the body: kind and length.
const HEADER: usize = 4;
/// Octets kept of a hello. Those with keys for the time after quantum computers have two thousand, and some are filled up to the longest record.
const MAX_HELLO: usize = 16 << 10;
/// Octets kept of a Certificate message: the names stand near its beginning.
const MAX_CERTIFICATE: usize = 4 << 10;

/// The messages of one direction.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The message that is put together, with its header, as far as it is wanted.
    buffer: Vec<u8>,
    /// The message in the buffer was given out.
    is_told: bool,
    /// Octets of the last message that are not wanted and have not come yet.
    skip: usize,
}

/// A message, or the first part of it.
#[derive(Debug)]
pub(in crate::app) struct Message<'a> {
    pub(in crate::app) kind: u8,
    pub(in crate::app) body: &'a [u8],
    /// The body ends where the message does.
    pub(in crate::app) whole: bool,
}

impl Messages {
    /// The next message, and takes its octets off. None where all were taken.
    pub(super) fn next<'m, 'a: 'm>(&'m mut self, octets: &mut &'a [u8]) -> Option<Message<'m>> {
        self.forget_told();
        let passed = self.skip.min(octets.len());
        self.skip -= passed;
        take(octets, passed);
        if self.buffer.is_empty()
            && let Some((kind, length)) = head(octets)
            && let Some(body) = octets.get(HEADER..HEADER + wanted(kind, length))
        {
            // The usual case: it is all there.
            take(octets, HEADER + body.len());
            self.skip = length - body.len();
            return Some(Message { kind, body, whole: body.len() == length });
        }
        self.fill(octets, HEADER);
        let (kind, length) = head(&self.buffer)?;
        let wanted = wanted(kind, length);
        self.fill(octets, HEADER + wanted);
        let body = self.buffer.get(HEADER..HEADER + wanted)?;
        self.is_told = true;
        self.skip = length - wanted;
        Some(Message { kind, body, whole: wanted == length })
    }

    /// Whether the next octet begins a message.
    pub(super) fn is_between(&self) -> bool {
        self.skip == 0 && (self.is_told || self.buffer.is_empty())
    }

    /// Octets kept.
    pub(super) fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// So many octets are missing. Gives the message that they are missing from, and whether they end with it or before.
    pub(super) fn cut(&mut self, missing: usize) -> (Option<Message<'_>>, bool) {
        self.forget_told();
        let Some((kind, length)) = head(&self.buffer) else {
            let is_in_step = self.buffer.is_empty() && missing <= self.skip;
            self.buffer.clear();
            self.skip = self.skip.saturating_sub(missing);
            return (None, is_in_step);
        };
        let left = (HEADER + length - self.buffer.len()).checked_sub(missing);
        self.is_told = true;
        self.skip = left.unwrap_or(0);
        let body = self.buffer.get(HEADER..).unwrap_or_default();
        (Some(Message { kind, body, whole: false }), left.is_some())
    }

    fn forget_told(&mut self) {
        if self.is_told {
            self.buffer = Vec::new();
            self.is_told = false;
        }
    }

    /// Appends to the buffer until it has so many octets.
    fn fill(&mut self, octets: &mut &[u8], size: usize) {
        let count = size.saturating_sub(self.buffer.len()).min(octets.len());
        self.buffer.extend_from_slice(octets.get(..count).unwrap_or_default());
        take(octets, count);
    }
}

/// Kind and length of a message.
fn head(octets: &[u8]) -> Option<(u8, usize)> {
    let &[kind, a, b, c] = octets.first_chunk::<HEADER>()?;
    Some((kind, u32::from_be_bytes([0, a, b, c]) as usize))
}

/// Octets that are wanted of a message.
fn wanted(kind: u8, length: usize) -> usize {
    match kind {
        CLIENT_HELLO | SERVER_HELLO => length.min(MAX_HELLO),
        CERTIFICATE => length.min(MAX_CERTIFICATE),
        _ => 0,
    }
}

fn take(octets: &mut &[u8], count: usize) {
    *octets = octets.get(count..).unwrap_or_default();
}
