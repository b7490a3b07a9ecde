//! NetFlow version 9 messages (RFC 3954, section 5.1).

use weir_record::names;
use weir_wire::Reader;

use crate::decoder::Decoder;
use crate::fault::{Fault, Reason};
use crate::sets::{self, Message};
use crate::{Datagram, Output};

/// Octets of the header.
pub(crate) const HEADER: usize = 20;

/// Decodes a message. The header's count is not used: exporters count flows, or records of all kinds, or sets.
pub(crate) fn decode(decoder: &mut Decoder, datagram: &Datagram<'_>, out: &mut Output) {
    let mut reader = Reader::new(datagram.payload);
    let Ok(header) = reader.array::<HEADER>() else {
        decoder.fault(Fault::new(Reason::Truncated, datagram.payload.len(), HEADER as u64));
        return;
    };
    let word = |at: usize| header.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u32::from_be_bytes(*octets));
    let (uptime, seconds, sequence, domain) = (word(4), word(8), word(12), word(16));
    let exported = i64::from(seconds) * 1_000_000_000;
    let boot = exported - i64::from(uptime) * 1_000_000;
    let message = Message::new(datagram, domain, names::NETFLOW9, exported, Some(boot));
    sets::walk(decoder, &message, reader, out);
    decoder.note_sequence(&message, sequence, Some(1));
}
