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

/// A report first, and packets that fill the datagram. Secure ones have octets behind them that are encrypted.
pub(super) fn probe(octets: &[u8], context: &Context<'_>) -> Probe {
    let [0x80..=0xbf, kind @ (SENDER_REPORT | RECEIVER_REPORT | 205 | 206), rest @ ..] = octets else {
        return Probe::No;
    };
    let mut left = octets;
    let mut count = 0;
    while let &[0x80..=0xbf, SENDER_REPORT..=LAST_TYPE, high, low, ..] = left {
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        count += 1;
        match left.get(length..) {
            Some(behind) if count < MAX_COMPOUND => left = behind,
            _ => return Probe::No,
        }
    }
    // A report alone has at least its sender, and its number of blocks.
    let blocks = usize::from(octets.first().map_or(0, |first| first & 31));
    let needed = match *kind {
        SENDER_REPORT => 28 + 24 * blocks,
        RECEIVER_REPORT => 8 + 24 * blocks,
        _ => 12,
    };
    let fits = rest.len() + 2 >= needed && (left.is_empty() || count == 1 && context.has_port(5005));
    if fits { Probe::Yes } else { Probe::No }
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Rtcp {
    /// Lost of the streams that each side receives: by its last report, when the record began, when it was last said.
    sides: [Lost; 2],
}

#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    at_start: u64,
    as_said: u64,
}

impl Decoder for Rtcp {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        if let Ok(Some(lost)) = lost(octets) {
            // A receiver tells of what the other side sent.
            let (side, sender) = (&mut self.sides[context.direction as usize], context.direction.reverse());
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
