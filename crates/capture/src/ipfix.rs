//! IPFIX files (RFC 5655): IPFIX messages one after another, nothing between them.
//!
//! Each message becomes a frame with the link type [`LINKTYPE_IPFIX_MESSAGE`]; its time is the export time of the message
//! header (RFC 7011 section 3.1), in whole seconds. Only version and length are read here.

use crate::LINKTYPE_IPFIX_MESSAGE;
use crate::error::{ErrorKind, Stop};
use crate::file::Record;
use crate::window::Window;

/// Length of the message header, octets.
pub(crate) const MESSAGE_HEADER: usize = 16;

/// Octets that are looked at to recognise a file: the message header and the header of the first set.
pub(crate) const RECOGNISED_BY: usize = MESSAGE_HEADER + 4;

/// Whether a file with these first octets is plausibly one of IPFIX messages: version 10, a message that holds its
/// header, and a first set with an identifier in use (RFC 7011 section 3.3.2) that fits into the message.
pub(crate) fn recognise(start: &[u8]) -> bool {
    let Some(&[0x00, 0x0a, l0, l1]) = start.first_chunk() else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    match start.get(MESSAGE_HEADER..RECOGNISED_BY) {
        Some(&[i0, i1, s0, s1]) if length >= RECOGNISED_BY => {
            let set_id = u16::from_be_bytes([i0, i1]);
            let set_length = usize::from(u16::from_be_bytes([s0, s1]));
            matches!(set_id, 2 | 3 | 256..) && set_length >= 4 && set_length <= length - MESSAGE_HEADER
        }
        // A message without sets, or a file cut short.
        _ => length == MESSAGE_HEADER || (length >= RECOGNISED_BY && start.len() < RECOGNISED_BY),
    }
}

/// The next message, whole in the window and not yet consumed.
pub(crate) fn next(window: &mut Window) -> Result<Option<Record>, Stop> {
    let Some(&[v0, v1, l0, l1, t0, t1, t2, t3, ..]) = window.begin::<MESSAGE_HEADER>()? else {
        return Ok(None);
    };
    let (version, length) = (u16::from_be_bytes([v0, v1]), u16::from_be_bytes([l0, l1]));
    let offset = window.offset();
    if version != 10 {
        let (what, seen) = ("version of an IPFIX message", version.into());
        return Err(ErrorKind::Damaged { offset, what, seen, expected: "10" }.into());
    }
    if usize::from(length) < MESSAGE_HEADER {
        let (what, seen) = ("length of an IPFIX message", length.into());
        return Err(ErrorKind::Damaged { offset: offset + 2, what, seen, expected: "at least 16" }.into());
    }
    window.need(length.into())?;
    Ok(Some(Record {
        time_ns: i64::from(u32::from_be_bytes([t0, t1, t2, t3])) * 1_000_000_000,
        link_type: LINKTYPE_IPFIX_MESSAGE,
        interface: 0,
        original: length.into(),
        total: length.into(),
        data_at: 0,
        captured: length.into(),
    }))
}
