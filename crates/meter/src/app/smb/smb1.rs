//! Requests of SMB 1 (MS-CIFS 2.2.3 header and AndX chains, 2.2.4.9 OPEN_ANDX's kin, 2.2.4.55 TREE_CONNECT_ANDX, 2.2.4.64 NT_CREATE_ANDX).

use weir_wire::{Reader, Short};

use super::{Rank, Request, from_utf16};

const HEADER: usize = 32;
/// Requests in one message.
const MAX_CHAINED: usize = 8;
/// No more requests in the chain.
const NO_MORE: u8 = 0xff;

// Commands.
const OPEN: u8 = 0x02;
const OPEN_ANDX: u8 = 0x2d;
const READ_ANDX: u8 = 0x2e;
const WRITE_ANDX: u8 = 0x2f;
const TREE_CONNECT: u8 = 0x70;
const NEGOTIATE: u8 = 0x72;
const SESSION_SETUP_ANDX: u8 = 0x73;
const LOGOFF_ANDX: u8 = 0x74;
const TREE_CONNECT_ANDX: u8 = 0x75;
const NT_CREATE_ANDX: u8 = 0xa2;

pub(super) fn is_answer(message: &[u8]) -> bool {
    message.get(9).is_some_and(|flags| flags & 0x80 != 0)
}

pub(super) fn each_request(message: &[u8], mut take: impl FnMut(Request)) {
    let (Some(mut command), Some(flags)) = (message.get(4).copied(), message.get(11)) else {
        return;
    };
    let is_unicode = flags & 0x80 != 0;
    let mut place = HEADER;
    for _ in 0..MAX_CHAINED {
        let mut request = Request { command: command.into(), rank: rank(command), ..Request::default() };
        // What is not understood of it is left out.
        let next = body(message, place, command, is_unicode, &mut request);
        take(request);
        match next {
            Ok(Some((next, behind))) if behind > place => (command, place) = (next, behind),
            _ => return,
        }
    }
}

fn rank(command: u8) -> Rank {
    match command {
        NEGOTIATE | SESSION_SETUP_ANDX | LOGOFF_ANDX => Rank::Session,
        TREE_CONNECT | TREE_CONNECT_ANDX | 0x71 => Rank::Share,
        OPEN | OPEN_ANDX | NT_CREATE_ANDX => Rank::File,
        _ => Rank::Work,
    }
}

/// Words, then octets, each with a count before; the next command of the chain and its place where there is one.
fn body(
    message: &[u8],
    place: usize,
    command: u8,
    is_unicode: bool,
    request: &mut Request,
) -> Result<Option<(u8, usize)>, Short> {
    let mut reader = Reader::at(message.get(place..).unwrap_or_default(), place);
    let count = reader.u8()?;
    let words = reader.bytes(2 * usize::from(count))?;
    let _octets = reader.u16_le()?;
    let two = |place: usize| {
        words.get(place..place + 2).and_then(|pair| pair.first_chunk()).map_or(0, |pair| u16::from_le_bytes(*pair))
    };
    match command {
        TREE_CONNECT_ANDX => {
            reader.skip(two(6).into())?;
            request.share = Some(text(reader, is_unicode));
        }
        // A format octet stands before each text.
        TREE_CONNECT | OPEN => {
            reader.skip(1)?;
            let text = text(reader, is_unicode);
            *(if command == OPEN { &mut request.file } else { &mut request.share }) = Some(text);
        }
        OPEN_ANDX | NT_CREATE_ANDX => request.file = Some(text(reader, is_unicode)),
        _ => {}
    }
    let has_next = matches!(
        command,
        SESSION_SETUP_ANDX | TREE_CONNECT_ANDX | OPEN_ANDX | NT_CREATE_ANDX | READ_ANDX | WRITE_ANDX | LOGOFF_ANDX
    );
    let next = words.first().copied().filter(|next| has_next && *next != NO_MORE);
    Ok(next.map(|next| (next, usize::from(two(2)))))
}

/// A text that ends with a NUL. UTF-16 begins at an even place.
fn text(reader: Reader<'_>, is_unicode: bool) -> String {
    let octets = reader.rest();
    if is_unicode {
        return from_utf16(octets.get(reader.offset() % 2..).unwrap_or_default());
    }
    let text = octets.split(|octet| *octet == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
