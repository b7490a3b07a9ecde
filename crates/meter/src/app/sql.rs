//! Databases: MySQL and MariaDB, PostgreSQL, SQL Server (TDS). Who logged in where, the first error, and the first statement when it is wanted.

use weir_record::Column;

use super::protocol::{Context, Decoder, Protocol, Step};
use crate::facts::{Facts, MAX_TEXT};

// The protocols.
mod mysql;
mod postgresql;
mod tds;

pub(super) const PROTOCOLS: &[Protocol] = &[mysql::PROTOCOL, postgresql::PROTOCOL, tds::PROTOCOL];

/// Octets of a message that are read; the rest is passed over.
const LOOK: usize = 4096;
/// Messages of a direction that are looked through for what is wanted.
const MAX_MESSAGES: u32 = 4096;

/// What is seen of a message of this length: all of it, or enough of it. None while more has to come.
fn visible(octets: &[u8], length: usize) -> Option<&[u8]> {
    octets.get(..length.min(LOOK))
}

/// Keeps the text of the first statement, when it is wanted.
fn keep_statement(text: &[u8], context: &Context<'_>, facts: &mut Facts) {
    if context.settings.sql_text {
        facts.text(Column::sql_statement, text);
    }
}

/// Whether nothing more can be learnt of the client's messages.
fn knows_client(context: &Context<'_>, facts: &Facts) -> bool {
    let has_statement = !context.settings.sql_text || facts.has(Column::sql_statement);
    has_statement && facts.has(Column::sql_user) && facts.has(Column::sql_database)
}

/// The text up to its terminating NUL, and what follows.
fn terminated(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = octets.iter().position(|&octet| octet == 0)?;
    Some((octets.get(..end)?, octets.get(end + 1..)?))
}

/// Whether a text begins as a statement does: what stands for a handshake where a connection is joined in its middle.
fn is_statement(text: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "select", "insert", "update", "delete", "set", "show", "begin", "commit", "rollback", "create", "drop", "alter", "call",
        "exec", "execute", "with", "use", "declare", "truncate", "replace", "grant", "start", "copy", "explain", "if", "merge",
    ];
    let text = text.trim_ascii_start();
    let word = text.split(|octet| !octet.is_ascii_alphabetic()).next().unwrap_or_default();
    WORDS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// TLS that a database protocol changed to: what is read of it becomes facts of the database's connection.
#[derive(Debug)]
struct Secured(Box<dyn Decoder>);

impl Secured {
    fn new() -> Self {
        Self(super::tls::decoder())
    }

    /// Reads on. `app` is what the connection stays.
    fn read(&mut self, octets: &[u8], app: &'static str, context: &Context<'_>, facts: &mut Facts) -> Step {
        let step = self.0.read(octets, context, facts);
        facts.app = Some(app);
        // It was a database before it was anything else.
        if step == Step::Refuse { Step::Done } else { step }
    }

    fn held(&self) -> usize {
        self.0.held()
    }
}

/// UTF-16 as it is sent, least significant octet first, to UTF-8, as much of it as is kept of a text.
fn from_utf16(octets: &[u8]) -> String {
    let units = octets.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(u16::from_le_bytes);
    char::decode_utf16(units.take(MAX_TEXT)).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests;
