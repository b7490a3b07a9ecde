//! POP3 (RFC 1939), IMAP (RFC 9051) and FTP (RFC 959) up to the login, which is where they may turn to TLS (RFC 2595, RFC 4217). Nothing of what is said is kept.

use super::super::lines::word;
use super::super::protocol::{Context, Decoder, Step};
use super::{Lines, begins};
use crate::facts::Facts;
use crate::packet::Direction;

/// How one of them is spoken.
#[derive(Debug)]
pub(super) struct Dialect {
    name: &'static str,
    /// What a server says first.
    pub(super) greeting: &'static [u8],
    /// Each command has a tag in front.
    is_tagged: bool,
    /// Commands that ask for TLS.
    secures: &'static [&'static [u8]],
    /// Commands before the login.
    before: &'static [&'static [u8]],
    /// Commands from which on all has been seen.
    ends: &'static [&'static [u8]],
    /// How the answer begins that agrees to TLS; behind the tag where there is one.
    agrees: &'static [u8],
}

pub(super) const FTP: Dialect = Dialect {
    name: "ftp",
    greeting: super::READY,
    is_tagged: false,
    secures: &[b"AUTH TLS", b"AUTH SSL"],
    before: &[b"FEAT", b"OPTS", b"SYST", b"HOST", b"CLNT", b"AUTH", b"HELP", b"NOOP", b"PBSZ", b"PROT"],
    ends: &[b"USER", b"QUIT"],
    agrees: b"234",
};

pub(super) const POP3: Dialect = Dialect {
    name: "pop3",
    greeting: b"+OK",
    is_tagged: false,
    secures: &[b"STLS"],
    before: &[b"CAPA", b"NOOP", b"UTF8", b"LANG", b"AUTH"],
    ends: &[b"USER", b"APOP", b"QUIT", b"PASS"],
    agrees: b"+OK",
};

pub(super) const IMAP: Dialect = Dialect {
    name: "imap",
    greeting: b"* OK",
    is_tagged: true,
    secures: &[b"STARTTLS"],
    before: &[b"CAPABILITY", b"ID", b"NOOP", b"ENABLE"],
    ends: &[b"LOGIN", b"AUTHENTICATE", b"LOGOUT", b"SELECT", b"EXAMINE", b"LIST"],
    agrees: b"OK",
};

/// Commands that are looked at.
const MOST_COMMANDS: u8 = 32;

#[derive(Debug)]
pub(super) struct Login {
    dialect: &'static Dialect,
    /// Who answers: whose first octets are the greeting.
    server: Option<Direction>,
    lines: [Lines; 2],
    /// TLS was asked for by the last command.
    asked: bool,
    commands: u8,
}

impl Login {
    pub(super) fn boxed(dialect: &'static Dialect) -> Box<dyn Decoder> {
        Box::new(Self { dialect, server: None, lines: Default::default(), asked: false, commands: 0 })
    }
}

impl Decoder for Login {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let here = context.direction;
        let is_greeting = begins(octets, self.dialect.greeting);
        let server = *self.server.get_or_insert(if is_greeting { here } else { here.reverse() });
        let mut at = 0;
        while let Some((line, _)) = self.lines[here as usize].next(octets, &mut at) {
            if here == server {
                if self.asked && self.agrees(line) {
                    return Step::Anew(at as u64);
                }
            } else if let Some(step) = self.command(line, facts) {
                return step;
            }
        }
        Step::Take(at as u64)
    }
}

impl Login {
    /// A command, and what to do where nothing behind it is of interest.
    fn command(&mut self, line: &[u8], facts: &mut Facts) -> Option<Step> {
        let dialect = self.dialect;
        let command = if dialect.is_tagged { word(line).1 } else { line };
        let is_one_of = |commands: &[&[u8]]| commands.iter().any(|known| begins(command, known));
        self.asked = is_one_of(dialect.secures);
        self.commands += 1;
        let is_last = is_one_of(dialect.ends);
        if self.asked || is_last || is_one_of(dialect.before) {
            facts.app = Some(dialect.name);
        } else if facts.app.is_none() {
            return Some(Step::Refuse);
        }
        (is_last || self.commands >= MOST_COMMANDS).then_some(Step::Done)
    }

    fn agrees(&self, line: &[u8]) -> bool {
        let answer = if self.dialect.is_tagged { word(line).1 } else { line };
        begins(answer, self.dialect.agrees) && line.first() != Some(&b'*')
    }
}
