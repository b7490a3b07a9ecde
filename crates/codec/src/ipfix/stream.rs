//! IPFIX messages out of the octets of a TCP stream (RFC 7011, sections 3.1 and 10.4): cut by the length in their headers.
//!
//! A capture may begin in the middle of a stream or miss a part of it. Then the next header that is plausible is looked for: version
//! 10, a first set that fits, an export time near the time of the packet. A stream in which none is found is given up.

use super::HEADER;
use crate::{Fault, Reason};

/// Octets by which a header is judged: the message header and that of the first set.
const JUDGED_BY: usize = HEADER + 4;

/// Octets in which a plausible header has to be found: two of the longest messages.
const SEARCH_OCTETS: u64 = 2 * 65_535;

/// How far the export time of a header that was looked for may be from the packet's time, seconds: a day, for clocks in a wrong zone.
const PLAUSIBLE_SECONDS: i64 = 86_400;

/// What a stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    /// A whole message, header included.
    Message(&'a [u8]),
    /// Octets that are no message.
    Fault(Fault),
}

/// One direction of a TCP connection that may be IPFIX.
#[derive(Debug)]
pub struct IpfixStream {
    place: Place,
    /// The stream is known to be IPFIX, by its port or because messages were found: giving it up is a fault.
    expected: bool,
    /// The beginning of a message whose rest is to come, or what is searched.
    buffer: Vec<u8>,
}

/// Where in the stream the buffer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the first message of a connection.
    Start,
    /// At a message.
    Message,
    /// Anywhere; so many octets were searched for a header.
    Unknown { searched: u64 },
    /// This is not IPFIX, or not any more.
    GivenUp,
}

/// What the octets in front of us are.
enum Judgement {
    /// A header of a message of so many octets.
    Header(usize),
    /// Too few to tell.
    TooShort,
    /// No header; the version or length that is wrong.
    Other(u16),
}

impl IpfixStream {
    /// A stream from its first octet, or from the middle.
    pub const fn new(midstream: bool, expected: bool) -> Self {
        let place = if midstream { Place::Unknown { searched: 0 } } else { Place::Start };
        Self { place, expected, buffer: Vec::new() }
    }

    /// Takes the next octets, which arrived at this time (nanoseconds since 1970).
    pub fn push(&mut self, octets: &[u8], received: i64, tell: &mut dyn FnMut(Framed<'_>)) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend_from_slice(octets);
        let mut rest = buffer.as_slice();
        while let Some(used) = self.step(rest, received, tell) {
            rest = rest.get(used..).unwrap_or_default();
        }
        let used = buffer.len() - rest.len();
        buffer.drain(..used);
        self.buffer = buffer;
        if self.place == Place::GivenUp {
            self.buffer = Vec::new();
        }
    }

    /// Takes note that so many octets are missing.
    pub fn skip(&mut self, octets: u64, tell: &mut dyn FnMut(Framed<'_>)) {
        if self.expected && !matches!(self.place, Place::Unknown { .. } | Place::GivenUp) {
            tell(Framed::Fault(Fault::new(Reason::Truncated, self.buffer.len(), octets)));
        }
        self.buffer.clear();
        if self.place != Place::GivenUp {
            self.place = Place::Unknown { searched: 0 };
        }
    }

    /// Takes note that the stream is over.
    pub fn end(&mut self, tell: &mut dyn FnMut(Framed<'_>)) {
        let unfinished = match self.place {
            Place::Start | Place::Message => !self.buffer.is_empty(),
            // Octets came, and no message was found in them.
            Place::Unknown { searched } => searched > 0 || !self.buffer.is_empty(),
            Place::GivenUp => false,
        };
        if self.expected && unfinished {
            tell(Framed::Fault(Fault::new(Reason::Truncated, self.buffer.len(), 0)));
        }
        self.buffer = Vec::new();
    }

    /// True when nothing more will come of this stream.
    pub fn is_given_up(&self) -> bool {
        self.place == Place::GivenUp
    }

    /// Octets held.
    pub const fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Gives the stream up.
    fn give_up(&mut self, seen: u16, tell: &mut dyn FnMut(Framed<'_>)) {
        if self.expected {
            tell(Framed::Fault(Fault::new(Reason::BadFrame, 0, u64::from(seen))));
        }
        self.place = Place::GivenUp;
        self.buffer = Vec::new();
    }

    /// Uses octets from the front and says how many, at least one; nothing where more are needed.
    fn step(&mut self, octets: &[u8], received: i64, tell: &mut dyn FnMut(Framed<'_>)) -> Option<usize> {
        match self.place {
            Place::Start => match judge(octets, None) {
                Judgement::Header(length) => self.message(octets, length, tell),
                Judgement::TooShort => None,
                Judgement::Other(seen) => {
                    self.give_up(seen, tell);
                    None
                }
            },
            Place::Message => {
                let header = octets.first_chunk::<HEADER>()?;
                let (version, length) = version_and_length(header);
                if version == 10 && length >= HEADER {
                    return self.message(octets, length, tell);
                }
                let (offset, seen) = if version == 10 { (2, length as u64) } else { (0, u64::from(version)) };
                tell(Framed::Fault(Fault::new(Reason::BadFrame, offset, seen)));
                self.place = Place::Unknown { searched: 0 };
                Some(1)
            }
            Place::Unknown { searched } => self.search(octets, searched, received, tell),
            Place::GivenUp => None,
        }
    }

    fn message(&mut self, octets: &[u8], length: usize, tell: &mut dyn FnMut(Framed<'_>)) -> Option<usize> {
        let message = octets.get(..length)?;
        tell(Framed::Message(message));
        self.place = Place::Message;
        self.expected = true;
        Some(length)
    }

    /// Looks for a plausible header.
    fn search(&mut self, octets: &[u8], searched: u64, received: i64, tell: &mut dyn FnMut(Framed<'_>)) -> Option<usize> {
        for skipped in 0..octets.len() {
            let rest = octets.get(skipped..).unwrap_or_default();
            let step = match judge(rest, Some(received)) {
                Judgement::Other(_) => continue,
                Judgement::TooShort => skipped,
                Judgement::Header(length) if rest.len() < length => skipped,
                Judgement::Header(length) => {
                    self.place = Place::Message;
                    return self.message(rest, length, tell).map(|used| skipped + used);
                }
            };
            return self.skip_searched(step, searched, tell);
        }
        self.skip_searched(octets.len(), searched, tell)
    }

    /// Notes that octets were searched in vain.
    fn skip_searched(&mut self, octets: usize, searched: u64, tell: &mut dyn FnMut(Framed<'_>)) -> Option<usize> {
        let searched = searched + octets as u64;
        self.place = Place::Unknown { searched };
        if searched > SEARCH_OCTETS {
            self.give_up(0, tell);
            return None;
        }
        (octets > 0).then_some(octets)
    }
}

/// Judges whether a message begins here; with a time, the export time has to be near it.
fn judge(octets: &[u8], received: Option<i64>) -> Judgement {
    let Some(&[v0, v1, l0, l1, t0, t1, t2, t3, _, _, _, _, _, _, _, _, i0, i1, s0, s1]) = octets.first_chunk::<JUDGED_BY>()
    else {
        return match octets {
            [0] | [] | [0, 10, ..] => Judgement::TooShort,
            [v0, v1, ..] => Judgement::Other(u16::from_be_bytes([*v0, *v1])),
            [v0] => Judgement::Other(u16::from(*v0) << 8),
        };
    };
    let (version, length) = (u16::from_be_bytes([v0, v1]), usize::from(u16::from_be_bytes([l0, l1])));
    if version != 10 {
        return Judgement::Other(version);
    }
    let (set_id, set_length) = (u16::from_be_bytes([i0, i1]), usize::from(u16::from_be_bytes([s0, s1])));
    let fits = set_length >= 4 && set_length + HEADER <= length && (matches!(set_id, 2 | 3) || set_id >= 256);
    let export_time = i64::from(u32::from_be_bytes([t0, t1, t2, t3]));
    let near = received.is_none_or(|received| (received / 1_000_000_000 - export_time).abs() <= PLAUSIBLE_SECONDS);
    if fits && near { Judgement::Header(length) } else { Judgement::Other(length as u16) }
}

const fn version_and_length(header: &[u8; HEADER]) -> (u16, usize) {
    let [v0, v1, l0, l1, ..] = *header;
    (u16::from_be_bytes([v0, v1]), u16::from_be_bytes([l0, l1]) as usize)
}

#[cfg(test)]
mod tests;
