//! FastNetMon Flow over TCP and TLS: each message behind its length, 8 octets, least significant first.
//!
//! A sender may break off inside of a frame and go on with a new one, so a bad length is the end of the stream: nothing behind it can be trusted.

use crate::{Fault, Reason};

/// Octets of the length in front of a message.
const PREFIX: usize = 8;
/// Shortest and longest message, octets; every one is a whole number of words.
pub(super) const MIN_MESSAGE: usize = 16;
pub(super) const MAX_MESSAGE: usize = 65_536;

/// A message, and what follows it.
type Split<'o> = (&'o [u8], &'o [u8]);

/// Cuts a stream into messages. The octets come in pieces of any size.
#[derive(Debug, Default)]
pub struct FrameReader {
    /// The beginning of a frame that is not complete yet, prefix included; never more than a prefix and the longest message.
    pub(super) begun: Vec<u8>,
    /// Octets of the stream before `begun`.
    offset: usize,
    /// What ended the stream.
    failed: Option<Fault>,
}

impl FrameReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next octets and hands every message that is complete to `sink`. An error is final: the connection has to be closed, and every
    /// further call gives it again. Its offset is that in the stream.
    pub fn push(&mut self, mut octets: &[u8], mut sink: impl FnMut(&[u8])) -> Result<(), Fault> {
        if let Some(fault) = self.failed {
            return Err(fault);
        }
        loop {
            if self.begun.is_empty() {
                // Nothing waits: messages that are whole in the piece are not copied.
                match self.split(octets)? {
                    Some((message, rest)) => {
                        self.offset = self.offset.wrapping_add(octets.len() - rest.len());
                        sink(message);
                        octets = rest;
                        continue;
                    }
                    None if octets.is_empty() => return Ok(()),
                    None => {}
                }
            }
            let wanted = match length(&self.begun) {
                Some(_) => PREFIX + self.checked_length(&self.begun)?.unwrap_or(0),
                None => PREFIX,
            };
            let Some((head, rest)) = octets.split_at_checked(wanted.saturating_sub(self.begun.len())) else {
                self.begun.extend_from_slice(octets);
                return Ok(());
            };
            self.begun.extend_from_slice(head);
            octets = rest;
            if wanted == PREFIX {
                if let Err(fault) = self.checked_length(&self.begun) {
                    self.failed = Some(fault);
                    return Err(fault);
                }
                continue;
            }
            sink(self.begun.get(PREFIX..).unwrap_or_default());
            self.offset = self.offset.wrapping_add(self.begun.len());
            self.begun.clear();
        }
    }

    /// Ends the stream: a fault where it ended inside of a frame.
    pub fn finish(&self) -> Result<(), Fault> {
        match (self.failed, self.begun.len()) {
            (Some(fault), _) => Err(fault),
            (None, 0) => Ok(()),
            (None, at_hand) => {
                let wanted = length(&self.begun).map_or(PREFIX as u64, |length| length.saturating_add(PREFIX as u64));
                let missing = wanted.saturating_sub(at_hand as u64);
                Err(Fault::new(Reason::Truncated, self.offset.wrapping_add(at_hand), missing))
            }
        }
    }

    /// True while a frame has begun and is not complete; a peer that leaves it so for long is to be given up.
    pub const fn is_inside_frame(&self) -> bool {
        !self.begun.is_empty()
    }

    /// The first message of a piece and what follows it, where it is whole.
    fn split<'o>(&mut self, octets: &'o [u8]) -> Result<Option<Split<'o>>, Fault> {
        match self.checked_length(octets) {
            Ok(Some(length)) => Ok(octets.get(PREFIX..).and_then(|rest| rest.split_at_checked(length))),
            Ok(None) => Ok(None),
            Err(fault) => {
                self.failed = Some(fault);
                Err(fault)
            }
        }
    }

    /// The length in front, if it is there and possible.
    fn checked_length(&self, frame: &[u8]) -> Result<Option<usize>, Fault> {
        let Some(claimed) = length(frame) else {
            return Ok(None);
        };
        let fits = usize::try_from(claimed).ok().filter(|length| (MIN_MESSAGE..=MAX_MESSAGE).contains(length) && length % 8 == 0);
        fits.map(Some).ok_or(Fault::new(Reason::BadFrame, self.offset, claimed))
    }
}

/// The length in front of a message.
fn length(frame: &[u8]) -> Option<u64> {
    frame.first_chunk().map(|octets| u64::from_le_bytes(*octets))
}
