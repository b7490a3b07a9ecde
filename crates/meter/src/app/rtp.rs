//! RTP (RFC 3550) over UDP, recognised by several packets in a row, and RTCP: payload type, interarrival jitter, packets lost.
//!
//! The header has no mark of its own but a version of 2 bits: what counts is that packets of one direction share a source, follow each other by number and do
//! not go back in time.

use weir_record::Column;

use super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use crate::facts::Facts;

// The two protocols.
mod rtcp;
mod stream;

use stream::{Media, Streams};

pub(super) const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "rtcp",
        carrier: Carrier::Datagram,
        ports: &[5005],
        probe: rtcp::probe,
        decoder: Some(|| Box::new(rtcp::Rtcp::default())),
    },
    Protocol { name: NAME, carrier: Carrier::Datagram, ports: &[5004], probe, decoder: Some(|| Box::new(Rtp::default())) },
];

pub(super) const NAME: &str = "rtp";

/// Packets in a row, of one direction, that make it RTP.
const IN_A_ROW: u32 = 4;
/// Packets that did not follow before it is none.
const MAX_STRAY: u32 = 6;

/// Version 2, a payload type that there is, and room for what the header says.
fn probe(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_likely = Media::read(octets, context.wire_length).is_some_and(|media| matches!(media.payload_type, 0..=34 | 96..=127));
    if is_likely && !context.has_port(53) { Probe::Likely } else { Probe::No }
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Rtp {
    sides: [Streams; 2],
    is_sure: bool,
    stray: u32,
}

impl Decoder for Rtp {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let side = &mut self.sides[context.direction as usize];
        let follows = match Media::read(octets, context.wire_length) {
            Some(media) => side.take(&media, context.time),
            // Reports may share the ports, and so may STUN and DTLS.
            None => rtcp::is_rtcp(octets) || matches!(octets, [0..=3 | 20..=63, ..]),
        };
        if !self.is_sure {
            self.stray += u32::from(!follows);
            self.is_sure = side.in_a_row() >= IN_A_ROW;
            if self.stray > MAX_STRAY {
                return Step::Refuse;
            }
        }
        if self.is_sure {
            facts.app = Some(NAME);
            // The first side to be sure speaks for both: codecs rarely differ.
            if let Some(payload_type) = side.payload_type() {
                facts.number(Column::rtp_codec, payload_type);
            }
            side.report(context.direction, facts);
        }
        Step::Take(0)
    }
}

#[cfg(test)]
mod tests;
