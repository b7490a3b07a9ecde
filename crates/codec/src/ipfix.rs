//! IPFIX messages (RFC 7011, section 3.1).

mod stream;

pub use stream::{Framed, IpfixStream};
use weir_record::names;
use weir_wire::Reader;

use crate::decoder::Decoder;
use crate::fault::{Fault, Reason};
use crate::sets::{self, Message};
use crate::{Datagram, Output};

/// Octets of the header.
pub(crate) const HEADER: usize = 16;

/// Decodes the messages of a datagram: by the standard one, but exporters have been seen to put several into one.
pub(crate) fn decode(decoder: &mut Decoder, datagram: &Datagram<'_>, out: &mut Output) {
    let mut reader = Reader::new(datagram.payload);
    loop {
        if !decode_message(decoder, datagram, &mut reader, out) || reader.is_empty() {
            return;
        }
        if reader.peek_u16() != Ok(10) {
            decoder.fault(Fault::new(Reason::TrailingOctets, reader.offset(), reader.left() as u64));
            return;
        }
    }
}

/// One message; false where what follows cannot be found.
fn decode_message(decoder: &mut Decoder, datagram: &Datagram<'_>, reader: &mut Reader<'_>, out: &mut Output) -> bool {
    let start = *reader;
    let Ok(header) = reader.array::<HEADER>() else {
        decoder.fault(Fault::new(Reason::Truncated, start.offset() + start.left(), HEADER as u64));
        return false;
    };
    let word = |at: usize| header.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u32::from_be_bytes(*octets));
    let (length, seconds, sequence, domain) = (word(0) as u16, word(4), word(8), word(12));
    let message = Message::new(datagram, domain, names::IPFIX, i64::from(seconds) * 1_000_000_000, None);
    let body = usize::from(length).checked_sub(HEADER).and_then(|body| reader.sub(body).ok());
    let whole = body.is_some();
    if !whole {
        decoder.fault(Fault::new(Reason::BadMessageLength, start.offset() + 2, u64::from(length)));
    }
    // A message that is longer than what came was cut; what came is still good. One shorter than its header tells nothing.
    let sets = match body {
        Some(body) => body,
        None if usize::from(length) > HEADER => *reader,
        None => return false,
    };
    let held = sets::walk(decoder, &message, sets, out);
    decoder.note_sequence(&message, sequence, held.records);
    whole
}
