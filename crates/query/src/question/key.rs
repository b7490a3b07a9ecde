//! Keys: by what records are grouped.

use std::collections::BTreeSet;

use weir_record::{Column, ColumnType, names};

use super::expected;
use crate::names as words;
use crate::parse::{Fault, Parser};
use crate::syntax::{Derived, Field, Pair, Sides};
use crate::time::{self, Slots};
use crate::token::{Symbol, Token, TokenKind, tokens};

/// One of the keys of a question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    /// Name in answers: of JSON, CSV and `sort`.
    pub(crate) name: String,
    pub(crate) source: KeySource,
    /// Of addresses: how many of their bits count.
    pub(crate) prefix: Option<Prefixed>,
}

/// What a key is taken from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum KeySource {
    Column(Column),
    /// Either side, so that a row counts for both, or the side of the client or the server.
    Pair(&'static Pair, Sides),
    Dscp,
    /// The application that was recognised, else the one that the exporter names.
    Application,
    /// The slot of time in which a record ends.
    Time(Slots),
    /// A member of `extra`, as text.
    Member(String),
}

/// Lengths of prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefixed {
    pub(crate) v4: u8,
    pub(crate) v6: u8,
}

/// Slots of time that are keys.
pub(super) const TIMES: &[(&str, i64)] =
    &[("minute", 60 * super::SECOND), ("hour", 3_600 * super::SECOND), ("day", 86_400 * super::SECOND)];

/// The key of applications, by either name of them.
pub(super) const APPLICATION: &str = "application";

impl Key {
    /// The keys of a text, with commas between.
    pub(super) fn list(text: &str) -> Result<Vec<Self>, Box<Fault>> {
        let mut keys: Vec<Self> = Vec::new();
        for item in super::list::items(text)? {
            let key = Self::parse(text, item)?;
            if let Some(known) = keys.iter().find(|known| known.name == key.name) {
                return Err(super::list::twice(text, &known.name));
            }
            keys.push(key);
        }
        Ok(keys)
    }

    /// The key that tokens of a text make; the last is an end.
    pub(super) fn parse(text: &str, tokens: Vec<Token>) -> Result<Self, Box<Fault>> {
        let (tokens, prefix) = split_prefix(text, tokens)?;
        let mut parser = Parser::new(text, tokens.clone());
        if let Some((name, step)) = parser.word().and_then(|word| TIMES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)))
        {
            parser.advance();
            end(&parser)?;
            return Ok(Self { name: (*name).to_owned(), source: KeySource::Time(Slots::every(*step)), prefix: None });
        }
        if parser.word().is_some_and(|word| word.eq_ignore_ascii_case(APPLICATION)) {
            parser.advance();
            end(&parser)?;
            return Ok(Self { name: APPLICATION.to_owned(), source: KeySource::Application, prefix: None });
        }
        let Some((field, _)) = parser.field()? else {
            let known = words::known().chain(TIMES.iter().map(|(name, _)| *name)).chain([APPLICATION]);
            let fault = expected(parser.fault(Vec::new()), &["the name of a column", "a key such as `ip`, `port` or `hour`"]);
            return Err(fault.with_hint(parser.word(), known));
        };
        end(&parser)?;
        let whole = || Parser::new(text, tokens.clone());
        let (name, source) = match field {
            Field::Column(column) if can_be_key(column) => (column.name().to_owned(), KeySource::Column(column)),
            Field::Pair(pair, sides) if sides != Sides::Both => {
                let side = match sides {
                    Sides::Client => "client_",
                    Sides::Server => "server_",
                    _ => "",
                };
                (format!("{side}{}", words::normal(pair.name()).replace(' ', "_")), KeySource::Pair(pair, sides))
            }
            Field::Derived(Derived::Dscp) => ("dscp".to_owned(), KeySource::Dscp),
            Field::Extra(member) => (format!("extra.{member}"), KeySource::Member(member)),
            _ => return Err(expected(whole().fault(Vec::new()), &["a key that has one value in each record"])),
        };
        let key = Self { name, source, prefix: None };
        match prefix {
            None => Ok(key),
            Some((prefix, written)) if key.value_type() == ColumnType::Ip => {
                Ok(Self { name: format!("{}{written}", key.name), prefix: Some(prefix), ..key })
            }
            Some(_) => Err(expected(whole().fault(Vec::new()), &["an address in front of a prefix length"])),
        }
    }

    /// The type of its values.
    pub(crate) fn value_type(&self) -> ColumnType {
        match &self.source {
            KeySource::Column(column) => column.info().column_type,
            KeySource::Pair(pair, _) => pair.first.info().column_type,
            KeySource::Dscp => ColumnType::U8,
            KeySource::Time(_) => ColumnType::Time,
            KeySource::Application | KeySource::Member(_) => ColumnType::Text,
        }
    }

    /// A column of the kind that it shows, for its label and unit.
    pub(crate) fn column(&self) -> Option<Column> {
        match &self.source {
            KeySource::Column(column) => Some(*column),
            KeySource::Pair(pair, _) => Some(pair.first),
            _ => None,
        }
    }

    /// True where a row counts for both sides.
    pub(crate) const fn is_either(&self) -> bool {
        matches!(self.source, KeySource::Pair(_, Sides::Either))
    }

    pub(crate) const fn needs_placing(&self) -> bool {
        matches!(self.source, KeySource::Time(_))
    }

    /// The words for the value, where it is one of a closed set.
    pub(crate) fn words(&self) -> &'static [&'static str] {
        match self.value_type() {
            ColumnType::Enum(words) => words,
            _ => &[],
        }
    }

    /// What stands for an absent value.
    pub(crate) fn absent(&self) -> Option<u64> {
        matches!(self.source, KeySource::Column(Column::record_kind)).then_some(names::FLOW.into())
    }

    pub(crate) fn add_columns(&self, columns: &mut BTreeSet<Column>) {
        match &self.source {
            KeySource::Column(column) => columns.extend([*column]),
            KeySource::Pair(pair, sides) => {
                columns.extend([pair.first, pair.second]);
                if *sides != Sides::Either {
                    columns.insert(Column::biflow);
                }
            }
            KeySource::Dscp => columns.extend([Column::tos]),
            KeySource::Application => columns.extend([Column::app, Column::app_name]),
            KeySource::Time(_) => columns.extend(time::COLUMNS),
            KeySource::Member(_) => columns.extend([Column::extra]),
        }
    }
}

/// True for columns that have one value.
pub(super) fn can_be_key(column: Column) -> bool {
    !matches!(column.info().column_type, ColumnType::List | ColumnType::Json)
}

/// Nothing may follow.
fn end(parser: &Parser<'_>) -> Result<(), Box<Fault>> {
    match parser.token().kind {
        TokenKind::End => Ok(()),
        _ => Err(expected(parser.fault(Vec::new()), &["`,`", "the end"])),
    }
}

type Split = (Vec<Token>, Option<(Prefixed, String)>);

/// Takes `/24` or `/24/48` from the last word.
fn split_prefix(text: &str, mut tokens: Vec<Token>) -> Result<Split, Box<Fault>> {
    let Some(place) = tokens.len().checked_sub(2) else {
        return Ok((tokens, None));
    };
    let token = tokens[place].clone();
    let word = text.get(token.start..token.end).unwrap_or_default();
    let Some((name, lengths)) = word.split_once('/').filter(|_| token.kind == TokenKind::Word) else {
        return Ok((tokens, None));
    };
    let length = |text: &str, most: u8| text.parse::<u8>().ok().filter(|length| *length <= most);
    let prefix = match lengths.split_once('/') {
        Some((v4, v6)) => length(v4, 32).zip(length(v6, 128)).map(|(v4, v6)| Prefixed { v4, v6 }),
        // Longer ones are meant for IPv6, shorter ones for IPv4; networks of the other family are then a host, or what a site has.
        None => length(lengths, 128).map(|length| match length {
            33.. => Prefixed { v4: 32, v6: length },
            v4 => Prefixed { v4, v6: 64 },
        }),
    };
    let Some(prefix) = prefix else {
        let lengths = Token { kind: TokenKind::Word, start: token.start + name.len(), end: token.end };
        let at_lengths = Parser::new(text, vec![lengths]);
        return Err(expected(
            at_lengths.fault(Vec::new()),
            &["a prefix length such as `/24`, or of both families such as `/24/48`"],
        ));
    };
    tokens[place].end = token.start + name.len();
    Ok((tokens, Some((prefix, format!("/{lengths}")))))
}

/// The tokens of a text, as a fault where they are none.
pub(super) fn tokens_of(text: &str) -> Result<Vec<Token>, Box<Fault>> {
    tokens(text).map_err(|error| Box::new(Fault { error, expected: Vec::new() }))
}

/// True for the sign between items.
pub(super) fn is_comma(token: &Token) -> bool {
    token.kind == TokenKind::Symbol(Symbol::Comma)
}
