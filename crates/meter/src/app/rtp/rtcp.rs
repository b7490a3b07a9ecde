//! RTCP (RFC 3550 section 6): what receivers say they lost.

use weir_record::Column;
use weir_wire::{Reader, Short};

use crate::app::protocol::{Context, Decoder, Probe, Step};
use crate::facts::Facts;

// Packet types.
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const LAST_TYPE: u8 = 207;

/// Packets in one datagram.
const MAX_COMPOUND: usize = 16;

/// Whether this begins like RTCP.
pub(super) fn is_rtcp(octets: &[u8]) -> bool {
    matches!(octets, [0x80..=0xbf, SENDER_REPORT..=LAST_TYPE, ..])
}

/// Whether a report comes first, and packets fill the datagram.
fn is_plain(octets: &[u8]) -> bool {
    let [first, kind @ (SENDER_REPORT | RECEIVER_REPORT | 205 | 206), ..] = octets else {
        return false;
    };
    let mut left = octets;
    for _ in 0..MAX_COMPOUND {
        let &[0x80..=0xbf, SENDER_REPORT..=LAST_TYPE, high, low, ..] = left else {
            break;
        };
        match left.get(4 * (usize::from(u16::from_be_bytes([high, low])) + 1)..) {
            Some(behind) => left = behind,
            None => return false,
        }
    }
    // A report has at least its sender, and its number of blocks.
    let blocks = usize::from(first & 31);
    let needed = match *kind {
        SENDER_REPORT => 28 + 24 * blocks,
        RECEIVER_REPORT => 8 + 24 * blocks,
        _ => 12,
    };
    left.is_empty() && octets.len() >= needed
}

/// The source of a secure report (RFC 3711 section 3.4): it is encrypted behind the sender, with a flag, a counter and a code at the end.
fn secure_source(octets: &[u8]) -> Option<u32> {
    let [0x80..=0xbf, SENDER_REPORT | RECEIVER_REPORT, high, low, a, b, c, d, ..] = octets else {
        return None;
    };
    let length = 4 * (usize::from(u16::from_be_bytes([*high, *low])) + 1);
    let has_flag =
        |code: usize| octets.len().checked_sub(4 + code).and_then(|at| octets.get(at)).is_some_and(|flag| flag & 0x80 != 0);
    let is_secure = length + 8 <= octets.len() && [10, 4, 16].into_iter().any(has_flag);
    is_secure.then(|| u32::from_be_bytes([*a, *b, *c, *d]))
}

pub(super) fn probe(octets: &[u8], _: &Context<'_>) -> Probe {
    if !is_rtcp(octets) {
        Probe::No
    } else if is_plain(octets) {
        Probe::Yes
    } else if secure_source(octets).is_some() {
        Probe::Likely
    } else {
        Probe::No
    }
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Rtcp {
    /// Lost of the streams that each side receives.
    sides: [Lost; 2],
    /// The source of secure reports of each side.
    sources: [Option<u32>; 2],
    is_plain: bool,
}

/// By the last report when the record began, and by the last report of all.
#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    at_start: u64,
    as_said: u64,
}

impl Decoder for Rtcp {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let place = context.direction as usize;
        self.is_plain |= is_plain(octets);
        if !self.is_plain {
            let source = secure_source(octets);
            let known = std::mem::replace(&mut self.sources[place], source);
            return match (source, known) {
                (Some(source), Some(known)) if source == known => {
                    facts.app = Some("rtcp");
                    Step::Done
                }
                (Some(_), None) => Step::Take(0),
                _ => Step::Refuse,
            };
        }
        if let Ok(Some(lost)) = lost(octets) {
            // A receiver tells of what the other side sent.
            let (side, sender) = (&mut self.sides[place], context.direction.reverse());
            if facts.directed(sender, Column::rtp_lost).is_none() {
                side.at_start = side.as_said;
            }
            side.as_said = lost;
            facts.replace_directed(sender, Column::rtp_lost, lost.saturating_sub(side.at_start));
        }
        Step::Take(0)
    }
}

/// Lost packets of all sources that the first report tells of. None where it tells of none.
fn lost(octets: &[u8]) -> Result<Option<u64>, Short> {
    let mut reader = Reader::new(octets);
    let (first, kind) = (reader.u8()?, reader.u8()?);
    reader.skip(2 + 4)?;
    match kind {
        SENDER_REPORT => reader.skip(20)?,
        RECEIVER_REPORT => {}
        _ => return Ok(None),
    }
    let mut all = None;
    for _ in 0..first & 31 {
        reader.skip(4 + 1)?;
        // Signed, of 24 bits: duplicates may outweigh losses.
        let lost = reader.u24()?;
        if lost < 0x80_0000 {
            all = Some(all.unwrap_or(0) + u64::from(lost));
        }
        reader.skip(16)?;
    }
    Ok(all)
}
