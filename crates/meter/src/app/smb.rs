//! SMB 1 (MS-CIFS, MS-SMB) and SMB 2 and 3 (MS-SMB2) over TCP, or over NetBIOS sessions (RFC 1002 section 4.3): the share and the file, and the command for them.
//!
//! A message is a type, its length in 3 octets, and what it holds. Only requests are read. What is encrypted or compressed is known by name.

use weir_record::Column;

use super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use crate::facts::Facts;

// The two protocols.
mod smb1;
mod smb2;

pub(super) const PROTOCOLS: &[Protocol] =
    &[Protocol { name: "smb", carrier: Carrier::Stream, ports: &[445, 139], probe, decoder: Some(|| Box::new(Smb::default())) }];

const HEADER: usize = 4;
/// Octets of a message that are read; names stand near its start.
const LOOK: usize = 2048;
/// Requests that are looked through for what is wanted.
const MAX_REQUESTS: u32 = 1024;

// Types of NetBIOS session messages.
const MESSAGE: u8 = 0;
const SESSION_REQUEST: u8 = 0x81;
const KEEP_ALIVE: u8 = 0x85;

/// The name of the protocol behind the length; a session request with its two encoded names.
fn probe(octets: &[u8], context: &Context<'_>) -> Probe {
    match octets {
        [MESSAGE, _, _, _, 0xfc..=0xff, b'S', b'M', b'B', ..] => Probe::Yes,
        [SESSION_REQUEST, 0, 0, 68, 32, names @ ..] => {
            if names.iter().take(32).all(|octet| (b'A'..=b'P').contains(octet)) {
                Probe::Yes
            } else {
                Probe::No
            }
        }
        [0x82, 0, 0, 0] | [0x83, 0, 0, 1, 0x80..=0x8f] if context.has_port(139) => Probe::Yes,
        [] | [MESSAGE | SESSION_REQUEST] | [MESSAGE | SESSION_REQUEST, _] => Probe::More,
        [MESSAGE | SESSION_REQUEST, _, _] | [MESSAGE | SESSION_REQUEST, _, _, _] => Probe::More,
        [MESSAGE, _, _, _, 0xfc..=0xff, name @ ..] if b"SMB".starts_with(name) => Probe::More,
        _ => Probe::No,
    }
}

/// What of a request is kept: the later the more telling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    #[default]
    None,
    /// It is agreed on how to talk, and who.
    Session,
    /// A share is connected.
    Share,
    /// Anything that is done there.
    Work,
    /// A file is opened.
    File,
}

/// One connection.
#[derive(Debug, Default)]
struct Smb {
    rank: Rank,
    /// The share is for calls between programs (`IPC$`): a later one says more, and so does a file of it.
    share_is_ipc: bool,
    file_is_of_ipc: bool,
    requests: u32,
}

/// What a request says.
#[derive(Debug, Default)]
struct Request {
    command: u32,
    rank: Rank,
    share: Option<String>,
    file: Option<String>,
}

impl Decoder for Smb {
    fn read(&mut self, octets: &[u8], _: &Context<'_>, facts: &mut Facts) -> Step {
        let &[kind, _, high, low, ref rest @ ..] = octets else {
            return Step::Wait;
        };
        let length = u32::from_be_bytes([0, octets.get(1).copied().unwrap_or_default(), high, low]) as usize;
        if !matches!(kind, MESSAGE | SESSION_REQUEST..=KEEP_ALIVE) {
            return Step::Enough;
        }
        let Some(message) = rest.get(..length.min(LOOK)) else {
            return Step::Wait;
        };
        match message {
            [0xff, b'S', b'M', b'B', ..] if smb1::is_answer(message) => return Step::Enough,
            [0xff, b'S', b'M', b'B', ..] => smb1::each_request(message, |request| self.keep(request, facts)),
            [0xfe, b'S', b'M', b'B', ..] if smb2::is_answer(message) => return Step::Enough,
            [0xfe, b'S', b'M', b'B', ..] => smb2::each_request(message, |request| self.keep(request, facts)),
            // Compressed messages may be followed by plain ones, encrypted ones hardly.
            [0xfd, b'S', b'M', b'B', ..] => return Step::Enough,
            _ => {}
        }
        self.requests += 1;
        let knows_all = facts.has(Column::smb_tree) && facts.has(Column::smb_file) && !self.share_is_ipc && !self.file_is_of_ipc;
        if knows_all {
            Step::Done
        } else if self.requests >= MAX_REQUESTS {
            Step::Enough
        } else {
            Step::Take((HEADER + length) as u64)
        }
    }
}

impl Smb {
    fn keep(&mut self, request: Request, facts: &mut Facts) {
        if request.rank > self.rank {
            self.rank = request.rank;
            facts.replace_number(Column::smb_command, request.command);
        }
        if let Some(share) = request.share.filter(|share| !share.is_empty()) {
            let is_ipc = share.ends_with("IPC$");
            if !facts.has(Column::smb_tree) || self.share_is_ipc && !is_ipc {
                facts.replace_text(Column::smb_tree, share.as_bytes());
                self.share_is_ipc = is_ipc;
            }
        }
        if let Some(file) = request.file.filter(|file| !file.is_empty())
            && (!facts.has(Column::smb_file) || self.file_is_of_ipc && !self.share_is_ipc)
        {
            facts.replace_text(Column::smb_file, file.as_bytes());
            self.file_is_of_ipc = self.share_is_ipc;
        }
    }
}

/// UTF-16 up to its end or a NUL.
fn from_utf16(octets: &[u8]) -> String {
    let units = octets.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(u16::from_le_bytes);
    let units = units.take_while(|unit| *unit != 0).take(crate::facts::MAX_TEXT);
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests;
