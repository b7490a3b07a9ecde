//! SMTP (RFC 5321): the name that the client gives, the outcome, and addresses where they are to be kept.
//!
//! The outcome is the last answer, apart from those that ask to go on (3yz) or say good-bye (221).

use weir_record::Column;

use super::super::protocol::{Context, Decoder, Step};
use super::{Lines, begins, status};
use crate::facts::Facts;
use crate::packet::Direction;

#[derive(Debug, Default)]
pub(super) struct Smtp {
    /// Who answers: whose first octets are digits.
    server: Option<Direction>,
    lines: [Lines; 2],
    /// TLS was asked for.
    asked: bool,
}

impl Decoder for Smtp {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let begins_with_digit = octets.first().is_some_and(u8::is_ascii_digit);
        let here = context.direction;
        let server = *self.server.get_or_insert(if begins_with_digit { here } else { here.reverse() });
        let mut at = 0;
        while let Some((line, _)) = self.lines[here as usize].next(octets, &mut at) {
            if here != server {
                if self.command(line, context, facts) {
                    return Step::Enough;
                }
            } else if self.answer(line, facts) {
                facts.app = Some("smtp");
                return Step::Anew(at as u64);
            }
        }
        Step::Take(at as u64)
    }
}

impl Smtp {
    /// A command. True where none behind it is of interest.
    fn command(&mut self, line: &[u8], context: &Context<'_>, facts: &mut Facts) -> bool {
        let keeps_addresses = context.settings.mail_addresses;
        let behind = |command: &[u8]| begins(line, command).then(|| line.get(command.len()..).unwrap_or_default());
        if let Some(name) = behind(b"EHLO ").or_else(|| behind(b"HELO ")).or_else(|| behind(b"LHLO ")) {
            facts.text(Column::smtp_helo, name);
        } else if let Some(from) = behind(b"MAIL FROM:") {
            if keeps_addresses {
                facts.text(Column::smtp_from, path(from));
            }
            return !keeps_addresses;
        } else if let Some(to) = behind(b"RCPT TO:") {
            if keeps_addresses {
                facts.text(Column::smtp_to, path(to));
            }
        } else if begins(line, b"STARTTLS") {
            self.asked = true;
        } else if line.eq_ignore_ascii_case(b"DATA") || begins(line, b"BDAT ") {
            // What follows is a message.
            return true;
        }
        false
    }

    /// An answer. True where TLS comes behind it.
    fn answer(&mut self, line: &[u8], facts: &mut Facts) -> bool {
        let Some(status) = status(line).filter(|_| line.get(3) != Some(&b'-')) else {
            return false;
        };
        // The greeting comes before TLS can be asked for (RFC 3207, 4).
        if std::mem::take(&mut self.asked) && status == 220 {
            return true;
        }
        if !matches!(status, 220 | 221 | 300..400) {
            facts.replace_number(Column::smtp_status, status);
        }
        false
    }
}

/// What stands between angle brackets, or the first word (RFC 5321, 4.1.2).
fn path(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    let (start, ends) = if text.first() == Some(&b'<') { (1, b'>') } else { (0, b' ') };
    let inner = text.get(start..).unwrap_or_default();
    inner.split(|octet| *octet == ends).next().unwrap_or_default()
}
