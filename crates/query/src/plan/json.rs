//! Members of the column `extra`, found in the text of the object (RFC 8259) without building it.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::text::TextTest;
use crate::syntax::{Relation, Value};

/// What a member of an object holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Member<'a> {
    Text(Cow<'a, str>),
    /// As it is written.
    Number(&'a str),
    Bool(bool),
    /// A list or an object.
    Other,
}

/// What is asked of a member. A literal compares with values of its own type only.
#[derive(Clone, Debug)]
pub(super) struct MemberTest {
    relation: Relation,
    text: TextTest,
}

impl MemberTest {
    pub(super) fn new(relation: &Relation) -> Self {
        Self { relation: relation.clone(), text: TextTest::new(relation) }
    }

    pub(super) fn holds(&self, member: &Member<'_>) -> bool {
        let is = |wanted: &[Ordering], value: &Value| compared(member, value).is_some_and(|is| wanted.contains(&is));
        match (&self.relation, member) {
            (Relation::Exists, _) => true,
            (_, Member::Text(text)) => self.text.holds(text.as_bytes()),
            (Relation::Equal(value), _) => is(&[Ordering::Equal], value),
            (Relation::Less(value), _) => is(&[Ordering::Less], value),
            (Relation::AtMost(value), _) => is(&[Ordering::Less, Ordering::Equal], value),
            (Relation::Greater(value), _) => is(&[Ordering::Greater], value),
            (Relation::AtLeast(value), _) => is(&[Ordering::Greater, Ordering::Equal], value),
            (Relation::In(values), _) => values.iter().any(|value| is(&[Ordering::Equal], value)),
            (Relation::Contains(_) | Relation::Begins(_) | Relation::Ends(_) | Relation::AllFlags(_), _) => false,
        }
    }
}

/// How a number or a truth stands to a literal of its type.
pub(crate) fn compared(member: &Member<'_>, value: &Value) -> Option<Ordering> {
    match (member, value) {
        (Member::Bool(is), Value::Bool(wanted)) => Some(is.cmp(wanted)),
        (Member::Number(written), Value::Number(wanted)) => match written.parse::<u64>() {
            Ok(number) => Some(number.cmp(wanted)),
            Err(_) => written.parse::<f64>().ok()?.partial_cmp(&(*wanted as f64)),
        },
        _ => None,
    }
}

/// The first member of that name. A `null` is as good as nothing, and so is what is no object.
pub(crate) fn member<'a>(object: &'a str, name: &str) -> Option<Member<'a>> {
    let mut scan = Scan { rest: object };
    scan.sign("{")?;
    loop {
        let key = scan.string()?;
        scan.sign(":")?;
        let value = scan.value()?;
        if *unescaped(key)? == *name {
            return read(value);
        }
        scan.sign(",")?;
    }
}

fn read(value: &str) -> Option<Member<'_>> {
    match value.as_bytes().first()? {
        b'"' => unescaped(value.get(1..value.len() - 1)?).map(Member::Text),
        b'{' | b'[' => Some(Member::Other),
        b't' => Some(Member::Bool(true)),
        b'f' => Some(Member::Bool(false)),
        b'n' => None,
        _ => Some(Member::Number(value)),
    }
}

/// The text that is left to read.
struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    /// The sign, which must come next but for spaces.
    fn sign(&mut self, sign: &str) -> Option<()> {
        self.rest = self.rest.trim_ascii_start().strip_prefix(sign)?;
        Some(())
    }

    /// What is between quotes, as written.
    fn string(&mut self) -> Option<&'a str> {
        self.sign("\"")?;
        let length = quoted_length(self.rest)?;
        let (string, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest.get(1..)?;
        Some(string)
    }

    /// A value of any type, as written.
    fn value(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_ascii_start();
        let mut depth = 0usize;
        let mut at = 0;
        loop {
            match self.rest.as_bytes().get(at)? {
                b'"' => {
                    at += quoted_length(self.rest.get(at + 1..)?)? + 2;
                    if depth == 0 {
                        break;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => break,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        at += 1;
                        break;
                    }
                }
                b',' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => break,
                _ => {}
            }
            at += 1;
        }
        let (value, rest) = self.rest.split_at_checked(at)?;
        self.rest = rest;
        Some(value)
    }
}

/// Octets up to the quote that ends a string.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|octet| {
        let ends = octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
        ends
    })
}

/// A string with its escapes (RFC 8259, section 7) replaced.
fn unescaped(written: &str) -> Option<Cow<'_, str>> {
    if !written.contains('\\') {
        return Some(Cow::Borrowed(written));
    }
    let mut text = String::with_capacity(written.len());
    let mut characters = written.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        text.push(match characters.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let mut unit = || (0..4).try_fold(0, |unit, _| Some(unit << 4 | characters.next()?.to_digit(16)?));
                let first = unit()?;
                if (0xd800..0xdc00).contains(&first) {
                    // A character past U+FFFF is written as two.
                    let mut rest = characters.as_str().strip_prefix("\\u")?.chars();
                    let second = (0..4).try_fold(0, |unit, _| Some(unit << 4 | rest.next()?.to_digit(16)?))?;
                    characters = rest;
                    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second.checked_sub(0xdc00)?)?
                } else {
                    char::from_u32(first)?
                }
            }
            c => c,
        });
    }
    Some(Cow::Owned(text))
}
