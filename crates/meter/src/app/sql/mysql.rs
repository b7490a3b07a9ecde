//! MySQL and MariaDB: the client/server protocol, versions 9 and 10 (MySQL Internals, "Client/Server Protocol"; MariaDB Knowledge Base).
//!
//! A packet is a length of 3 octets, least significant first, a sequence number that begins at 0 with each command, and the payload.

use weir_record::Column;
use weir_wire::{Reader, Short};

use super::super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use super::{MAX_MESSAGES, Secured, is_statement, keep_statement, knows_client, terminated, visible};
use crate::facts::Facts;

pub(super) const PROTOCOL: Protocol =
    Protocol { name: NAME, carrier: Carrier::Stream, ports: &[3306], probe, decoder: Some(|| Box::new(Mysql::default())) };

const NAME: &str = "mysql";

const HEADER: usize = 4;
/// A payload of this length goes on in the next packet.
const CONTINUED: usize = 0xff_ffff;

// Capabilities.
const CONNECT_WITH_DB: u32 = 1 << 3;
const COMPRESS: u32 = 1 << 5;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
const ZSTD: u32 = 1 << 26;
const QUERY_ATTRIBUTES: u32 = 1 << 27;

// Commands.
const INIT_DB: u8 = 2;
const QUERY: u8 = 3;
const STMT_PREPARE: u8 = 0x16;

const ERROR: u8 = 0xff;
/// Says how far a statement is; no error, though it looks like one (MariaDB).
const PROGRESS: u16 = 0xffff;

/// The server's greeting, its refusal in place of one, or a command of a connection joined in its middle.
fn probe(octets: &[u8], _: &Context<'_>) -> Probe {
    let &[a, b, c, sequence, ref payload @ ..] = octets else {
        return Probe::More;
    };
    let length = length_of(a, b, c);
    // The answer to a greeting that was not seen: 23 octets of it are reserved, and some of those used by MariaDB.
    if let (1, 32..1024, [_, _, _, _, _, _, _, _, _, reserved @ ..]) = (sequence, length, payload) {
        let is_login = payload.len() >= length.min(64) && reserved.iter().take(19).all(|&octet| octet == 0);
        return if is_login { Probe::Yes } else { Probe::No };
    }
    // A greeting has 45 octets at the least, and the text of a refusal is short.
    if sequence != 0 || !(2..1024).contains(&length) {
        return Probe::No;
    }
    match payload {
        [] => Probe::More,
        [9 | 10, b'0'..=b'9', rest @ ..] if length >= 20 => match terminated(rest) {
            Some((version, _)) if version.len() < 128 && version.iter().all(|octet| (0x20..0x7f).contains(octet)) => Probe::Yes,
            None if rest.len() < 128 && payload.len() < length => Probe::More,
            _ => Probe::No,
        },
        [9 | 10] => Probe::More,
        [ERROR, code @ ..] => match code {
            [low, high, text @ ..] if (1000..5000).contains(&u16::from_le_bytes([*low, *high])) => {
                let is_text = text.len() + 3 == length && text.iter().all(|octet| (0x20..0x7f).contains(octet));
                if is_text { Probe::Yes } else { Probe::No }
            }
            _ => Probe::No,
        },
        [QUERY | STMT_PREPARE, text @ ..] if text.len() + 1 == length && is_statement(text) => Probe::Yes,
        _ => Probe::No,
    }
}

/// One connection.
#[derive(Debug, Default)]
struct Mysql {
    /// What client and server agreed on, once the client has answered the greeting.
    capabilities: u32,
    /// The client has logged in, or was joined after that.
    commands: bool,
    secured: Option<Secured>,
    /// Each direction's last packet goes on in its next.
    continued: [bool; 2],
    messages: [u32; 2],
}

impl Decoder for Mysql {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        if let Some(secured) = &mut self.secured {
            return secured.read(octets, NAME, context, facts);
        }
        let &[a, b, c, sequence, ref rest @ ..] = octets else {
            return Step::Wait;
        };
        facts.text(Column::sql_engine, NAME.as_bytes());
        let length = length_of(a, b, c);
        let Some(payload) = visible(rest, length) else {
            return Step::Wait;
        };
        let place = context.direction as usize;
        let continues = std::mem::replace(&mut self.continued[place], length == CONTINUED);
        self.messages[place] += 1;
        if !continues {
            let step = if context.is_from_client() {
                self.client(sequence, payload, context, facts)
            } else {
                self.server(sequence, payload, facts)
            };
            if let Some(step) = step {
                return step;
            }
        }
        if self.messages[place] >= MAX_MESSAGES {
            return Step::Enough;
        }
        Step::Take((HEADER + length) as u64)
    }

    fn held(&self) -> usize {
        self.secured.as_ref().map_or(0, Secured::held)
    }
}

impl Mysql {
    fn client(&mut self, sequence: u8, payload: &[u8], context: &Context<'_>, facts: &mut Facts) -> Option<Step> {
        if sequence == 0 {
            self.commands = true;
            command(payload, self.capabilities, context, facts);
        } else if !self.commands && self.capabilities == 0 {
            // What is not understood of it is left out.
            let _ = self.login(payload, facts);
        }
        (knows_client(context, facts) && self.secured.is_none()).then_some(Step::Enough)
    }

    fn server(&mut self, sequence: u8, payload: &[u8], facts: &mut Facts) -> Option<Step> {
        match payload {
            [ERROR, low, high, ..] => {
                let code = u16::from_le_bytes([*low, *high]);
                if code != PROGRESS {
                    facts.text(Column::sql_error, code.to_string().as_bytes());
                    return Some(Step::Enough);
                }
            }
            // Logged in: what follows is compressed.
            [0, ..] if sequence > 1 && !self.commands && self.capabilities & (COMPRESS | ZSTD) != 0 => return Some(Step::Done),
            _ => {}
        }
        None
    }

    /// The client's answer to the greeting, or its wish to use TLS, which is the beginning of the same.
    fn login(&mut self, payload: &[u8], facts: &mut Facts) -> Result<(), Short> {
        let mut reader = Reader::new(payload);
        self.capabilities = u32::from(reader.u16_le()?);
        if self.capabilities & PROTOCOL_41 == 0 {
            return self.old_login(reader, facts);
        }
        self.capabilities |= u32::from(reader.u16_le()?) << 16;
        reader.skip(4 + 1 + 23)?;
        if reader.rest().is_empty() && self.capabilities & SSL != 0 {
            self.secured = Some(Secured::new());
            // The whole of it comes again inside.
            return Ok(());
        }
        let Some((user, rest)) = terminated(reader.rest()) else {
            return Ok(());
        };
        facts.text(Column::sql_user, user);
        let mut reader = Reader::new(rest);
        if self.capabilities & PLUGIN_AUTH_LENENC != 0 {
            let length = lenenc(&mut reader)?;
            reader.skip(length)?;
        } else if self.capabilities & SECURE_CONNECTION != 0 {
            let length = reader.u8()?;
            reader.skip(length.into())?;
        } else if let Some((_, rest)) = terminated(reader.rest()) {
            reader = Reader::new(rest);
        }
        if self.capabilities & CONNECT_WITH_DB != 0 {
            facts.text(Column::sql_database, until_nul(reader.rest()));
        }
        Ok(())
    }

    /// The answer of clients before 4.1.
    fn old_login(&mut self, mut reader: Reader<'_>, facts: &mut Facts) -> Result<(), Short> {
        reader.skip(3)?;
        if reader.rest().is_empty() && self.capabilities & SSL != 0 {
            self.secured = Some(Secured::new());
            return Ok(());
        }
        let Some((user, rest)) = terminated(reader.rest()) else {
            return Ok(());
        };
        facts.text(Column::sql_user, user);
        if let (true, Some((_, database))) = (self.capabilities & CONNECT_WITH_DB != 0, terminated(rest)) {
            facts.text(Column::sql_database, until_nul(database));
        }
        Ok(())
    }
}

/// A command of the client.
fn command(payload: &[u8], capabilities: u32, context: &Context<'_>, facts: &mut Facts) {
    match payload {
        [INIT_DB, database @ ..] => facts.text(Column::sql_database, database),
        [STMT_PREPARE, statement @ ..] => keep_statement(statement, context, facts),
        [QUERY, rest @ ..] => {
            // Joined in the middle, nobody says whether attributes stand before the statement.
            let has_attributes = capabilities & QUERY_ATTRIBUTES != 0 || (capabilities == 0 && rest.starts_with(&[0, 1]));
            let statement = if has_attributes { behind_attributes(rest).ok() } else { Some(rest) };
            keep_statement(statement.unwrap_or_default(), context, facts);
        }
        _ => {}
    }
}

/// The statement behind query attributes: their count, the sets of them (1), which are null, their types and names, their values.
fn behind_attributes(octets: &[u8]) -> Result<&[u8], Short> {
    let mut reader = Reader::new(octets);
    let count = lenenc(&mut reader)?;
    let _sets = lenenc(&mut reader)?;
    if count == 0 {
        return Ok(reader.rest());
    }
    let nulls = reader.bytes(count.div_ceil(8))?;
    let _types_follow = reader.u8()?;
    let mut values = Vec::new();
    for place in 0..count {
        let kind = reader.u16_le()?;
        let name = lenenc(&mut reader)?;
        reader.skip(name)?;
        let is_null = nulls.get(place / 8).is_some_and(|octet| octet >> (place % 8) & 1 == 1);
        if !is_null {
            values.push(kind as u8);
        }
    }
    for kind in values {
        let length = match kind {
            1 => 1,
            2 | 13 => 2,
            3 | 4 | 9 => 4,
            5 | 8 => 8,
            6 => 0,
            7 | 10 | 11 | 12 => reader.u8()?.into(),
            _ => lenenc(&mut reader)?,
        };
        reader.skip(length)?;
    }
    Ok(reader.rest())
}

/// An integer of the length that its first octet says.
fn lenenc(reader: &mut Reader<'_>) -> Result<usize, Short> {
    Ok(match reader.u8()? {
        0xfc => reader.u16_le()?.into(),
        0xfd => {
            let [a, b, c] = reader.array()?;
            length_of(a, b, c)
        }
        0xfe => usize::try_from(reader.u64_le()?).unwrap_or(usize::MAX),
        short => short.into(),
    })
}

fn length_of(a: u8, b: u8, c: u8) -> usize {
    u32::from_le_bytes([a, b, c, 0]) as usize
}

fn until_nul(octets: &[u8]) -> &[u8] {
    octets.split(|&octet| octet == 0).next().unwrap_or_default()
}
