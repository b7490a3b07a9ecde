//! Requests of SMB 2 and 3 (MS-SMB2 2.2.1 header, 2.2.9 TREE_CONNECT, 2.2.13 CREATE). Several may be chained in a message.

use weir_wire::{Reader, Short};

use super::{Rank, Request, from_utf16};

/// Requests in one message.
const MAX_CHAINED: usize = 8;

// Commands.
const TREE_CONNECT: u16 = 3;
const CREATE: u16 = 5;

/// What the header says.
struct Header {
    command: u16,
    flags: u32,
    /// Where the next one of the chain begins; 0 for none.
    next: usize,
}

fn header(message: &[u8]) -> Result<Header, Short> {
    let mut reader = Reader::new(message);
    reader.skip(12)?;
    let command = reader.u16_le()?;
    reader.skip(2)?;
    Ok(Header { command, flags: reader.u32_le()?, next: reader.u32_le()? as usize })
}

pub(super) fn is_answer(message: &[u8]) -> bool {
    header(message).is_ok_and(|header| header.flags & 1 == 1)
}

pub(super) fn each_request(message: &[u8], mut take: impl FnMut(Request)) {
    let mut message = message;
    for _ in 0..MAX_CHAINED {
        let Ok(header) = header(message) else {
            return;
        };
        let mut request = Request { command: header.command.into(), rank: rank(header.command), ..Request::default() };
        match header.command {
            // The place and the length of the name, from the start of the header.
            TREE_CONNECT => request.share = text(message, 64 + 4),
            CREATE => request.file = text(message, 64 + 44),
            _ => {}
        }
        take(request);
        match message.get(header.next..) {
            Some(next) if header.next >= 64 => message = next,
            _ => return,
        }
    }
}

fn rank(command: u16) -> Rank {
    match command {
        0..=2 => Rank::Session,
        TREE_CONNECT | 4 => Rank::Share,
        CREATE => Rank::File,
        _ => Rank::Work,
    }
}

/// The text whose place and length stand here.
fn text(message: &[u8], at: usize) -> Option<String> {
    let mut reader = Reader::new(message.get(at..)?);
    let (place, length) = (usize::from(reader.u16_le().ok()?), usize::from(reader.u16_le().ok()?));
    let octets = message.get(place..)?;
    octets.get(..length.min(octets.len())).map(from_utf16)
}
