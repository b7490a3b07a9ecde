//! The header and the first question of a message (RFC 1035, 4.1).

use weir_wire::{Reader, Short};

/// Octets of the header.
pub(super) const HEADER: usize = 12;
/// The longest name, its lengths counted (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 255;
const LONGEST_LABEL: u8 = 63;
/// The fewest octets of a question and of a record.
const QUESTION: usize = 5;
const RECORD: usize = 11;

/// The header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) id: u16,
    flags: u16,
    pub(super) questions: u16,
    pub(super) answers: u16,
    authorities: u16,
    additional: u16,
}

impl Header {
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let mut next = || reader.u16().ok();
        let (id, flags, questions) = (next()?, next()?, next()?);
        Some(Self { id, flags, questions, answers: next()?, authorities: next()?, additional: next()? })
    }

    pub(super) fn is_answer(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// The low four bits of the result.
    pub(super) fn rcode(&self) -> u8 {
        self.flags.to_be_bytes()[1] & 15
    }

    pub(super) fn is_opcode_of(&self, opcodes: &[u8]) -> bool {
        opcodes.contains(&(self.flags.to_be_bytes()[0] >> 3 & 15))
    }

    /// Whether everything that the header announces can be in the longest message. What is at hand may be cut, or the first fragment of more.
    pub(super) fn is_plausible(&self) -> bool {
        let records = [self.answers, self.authorities, self.additional].map(usize::from).iter().sum::<usize>();
        let is_empty = records == 0 && self.questions == 0;
        // What says nothing at all is an answer that reports an error, or a keep-alive of another protocol.
        (!is_empty || self.is_answer())
            && HEADER + usize::from(self.questions) * QUESTION + records * RECORD <= usize::from(u16::MAX)
    }

    /// Whether it looks like a plain query or its answer, for ports that tell nothing.
    pub(super) fn is_strict(&self) -> bool {
        const QUERY_MUST_NOT: u16 = 0x86cf;
        let is_plain_query =
            self.flags & QUERY_MUST_NOT == 0 && self.answers == 0 && self.authorities == 0 && self.additional <= 2;
        // The reserved bit is zero (RFC 1035, 4.1.1).
        let is_plain_answer = self.is_answer() && self.flags & 0x0040 == 0 && self.rcode() <= 5;
        self.questions == 1 && self.is_opcode_of(&[0]) && (is_plain_query || is_plain_answer)
    }
}

/// Why there is no question to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It goes on behind the octets at hand.
    Short,
    /// It is none.
    Bad,
}

impl From<Short> for Fault {
    fn from(_: Short) -> Self {
        Self::Short
    }
}

/// The first question. Nothing stands before its name that a compression pointer could mean, so a pointer in it is a fault (4.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question<'a> {
    /// Labels, each behind its length.
    labels: &'a [u8],
    pub(super) kind: u16,
    class: u16,
    /// Octets of the message up to its end.
    end: usize,
}

impl<'a> Question<'a> {
    pub(super) fn read(message: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(message);
        reader.skip(HEADER)?;
        let start = reader.rest();
        let mut length = 0;
        loop {
            match reader.u8()? {
                0 => break,
                label @ 1..=LONGEST_LABEL => {
                    reader.skip(label.into())?;
                    length += 1 + usize::from(label);
                }
                _ => return Err(Fault::Bad),
            }
            if length >= LONGEST_NAME {
                return Err(Fault::Bad);
            }
        }
        let labels = start.get(..length).unwrap_or_default();
        Ok(Self { labels, kind: reader.u16()?, class: reader.u16()?, end: reader.offset() })
    }

    /// Whether it looks like what is asked in the Internet, and fits its message.
    pub(super) fn is_strict(&self, header: &Header, length: usize) -> bool {
        let is_known = matches!(self.kind, 1..=260 | 32768 | 32769) && matches!(self.class, 1 | 255);
        let is_at_end = self.end == length || header.is_answer() || header.additional > 0 && self.end + RECORD <= length;
        is_known && is_at_end && !self.labels.is_empty()
    }

    /// The name as it is written: labels and dots, other octets than those of UTF-8 text as a backslash and three digits (RFC 4343, 2.1). `.` is the root.
    pub(super) fn name(&self) -> String {
        let mut name = String::with_capacity(self.labels.len());
        for label in self.labels() {
            if !name.is_empty() {
                name.push('.');
            }
            push_label(&mut name, label);
        }
        if name.is_empty() { ".".into() } else { name }
    }

    /// A NetBIOS name: its first label has half an octet in each letter, and the last octet tells what is meant (RFC 1001, 14.1). The scope is left out.
    pub(super) fn netbios_name(&self) -> String {
        const LETTERS: usize = 32;
        let label = self.labels().next().unwrap_or_default();
        if label.len() != LETTERS || !label.iter().all(|letter| (b'A'..=b'P').contains(letter)) {
            return self.name();
        }
        let (pairs, _) = label.as_chunks::<2>();
        let octets: Vec<u8> = pairs.iter().map(|[high, low]| (high - b'A') << 4 | (low - b'A')).collect();
        let (name, suffix) = octets.split_at(octets.len() - 1);
        let end = name.iter().rposition(|octet| !matches!(octet, b' ' | 0)).map_or(0, |last| last + 1);
        let mut text = String::with_capacity(end + 4);
        push_label(&mut text, name.get(..end).unwrap_or_default());
        for suffix in suffix {
            text.push_str(&format!("<{suffix:02x}>"));
        }
        text
    }

    fn labels(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut reader = Reader::new(self.labels);
        std::iter::from_fn(move || {
            let length = reader.u8().ok()?;
            reader.bytes(length.into()).ok()
        })
    }
}

fn push_label(text: &mut String, label: &[u8]) {
    for chunk in label.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                push_escaped(text, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(character);
            }
        }
        push_escaped(text, chunk.invalid());
    }
}

fn push_escaped(text: &mut String, octets: &[u8]) {
    for octet in octets {
        text.push_str(&format!("\\{octet:03}"));
    }
}
