//! What a filter is: a tree of tests whose names and literals are resolved, and how it prints.
//!
//! Printing is canonical: a printed filter parses to the same tree. Whoever translates filters (to SQL, say) works on this tree; the
//! meaning of absent values and of pairs is told in the crate's head.

use std::fmt;

use weir_record::{Address, Column};

use crate::literal;
use crate::names::{self, SideWords, ValueType};
use crate::token::{is_word, write_quoted};

/// A condition on a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// Every row.
    Any,
    /// All of two or more.
    And(Vec<Expression>),
    /// At least one of two or more.
    Or(Vec<Expression>),
    /// The rows that it does not select.
    Not(Box<Expression>),
    /// One comparison.
    Test(Test),
}

/// One comparison of a field with literals.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// What is compared.
    pub field: Field,
    /// True for `!=` and the forms with `not` behind the field: there is a value and the relation does not hold.
    pub negated: bool,
    /// With what, and how.
    pub relation: Relation,
}

/// What a test looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// A column.
    Column(Column),
    /// Two columns of one meaning.
    Pair(&'static Pair, Sides),
    /// A number worked out of columns.
    Derived(Derived),
    /// A member of the column `extra`.
    Extra(String),
}

/// Two columns under one name.
#[derive(Debug, PartialEq)]
pub struct Pair {
    /// The names; the first is printed.
    pub(crate) words: &'static [&'static str],
    /// The words that choose one of them.
    pub(crate) sides: SideWords,
    /// Source, ingress.
    pub first: Column,
    /// Destination, egress.
    pub second: Column,
}

/// Which columns of a pair a test looks at. One side alone is a [`Field::Column`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// One of the two must compare; negated: one must have a value and none may compare.
    Either,
    /// Each must compare by itself, negation included.
    Both,
    /// The side that opened the connection: the first column, but the second on a responder's half. On a record that is no half
    /// of a two-way flow it is the first, for nothing tells who began.
    Client,
    /// The other side.
    Server,
}

/// Numbers worked out of columns. Where an input is absent, so is the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derived {
    /// `time_end - time_start`; negative where an exporter says so. Differences past 64 bits stay at the end of their range.
    Duration,
    /// `bytes` * 8 over the duration in seconds, rounded down; absent unless the duration is above zero.
    BitsPerSecond,
    /// `packets` over the duration in seconds, rounded down; absent unless the duration is above zero.
    PacketsPerSecond,
    /// `bytes` over `packets`, rounded down; absent where there is no packet.
    BytesPerPacket,
    /// `tos` / 4 (RFC 2474, section 3).
    Dscp,
    /// The upper 20 bits of each entry of `mpls_labels` (RFC 3032, section 2.1).
    MplsLabel,
}

/// How a value is compared. A list compares when one of its numbers does.
#[derive(Clone, Debug, PartialEq)]
pub enum Relation {
    /// There is a value.
    Exists,
    /// Equal; of an address and a prefix: within; of a number and a range: within.
    Equal(Value),
    /// Less than.
    Less(Value),
    /// Less than or equal.
    AtMost(Value),
    /// Greater than.
    Greater(Value),
    /// Greater than or equal.
    AtLeast(Value),
    /// Equal to one of them.
    In(Vec<Value>),
    /// The text has this part.
    Contains(String),
    /// The text begins with this.
    Begins(String),
    /// The text ends with this.
    Ends(String),
    /// All of these TCP flags are set.
    AllFlags(u16),
}

/// A literal, of the type of its field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number; of TCP flags and protocols too.
    Number(u64),
    /// Numbers from the first to the second, both included.
    Range(u64, u64),
    /// Nanoseconds.
    Duration(u64),
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    Time(i64),
    /// Addresses that agree in so many first bits: up to 32 for IPv4, up to 128 for IPv6; the other bits are zero.
    Prefix(Address, u8),
    /// A MAC address in the low 48 bits.
    Mac(u64),
    /// A text.
    Text(String),
    /// The index into the words of the column.
    Word(u8),
    /// True or false.
    Bool(bool),
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, word) = match self {
            Self::Any => return f.write_str("any"),
            Self::Test(test) => return test.fmt(f),
            Self::Not(inner) => {
                return match **inner {
                    Self::And(_) | Self::Or(_) => write!(f, "not ({inner})"),
                    _ => write!(f, "not {inner}"),
                };
            }
            Self::And(parts) => (parts, "and"),
            Self::Or(parts) => (parts, "or"),
        };
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                write!(f, " {word} ")?;
            }
            // Only `and` within `or` needs no brackets; a part of the same kind keeps them so that the tree stays the same.
            match (self, part) {
                (_, Self::Or(_)) | (Self::And(_), Self::And(_)) => write!(f, "({part})")?,
                _ => part.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.field.fmt(f)?;
        let kind = self.field.value_type();
        let sign = match (&self.relation, self.negated) {
            // As nfdump and tcpdump have it: `port 443`.
            (Relation::Equal(_), false) if self.field.is_terse() => " ",
            (Relation::Equal(_), false) => " = ",
            (Relation::Equal(_), true) => " != ",
            (_, true) => " not ",
            (_, false) => " ",
        };
        f.write_str(sign)?;
        let (sign, value) = match &self.relation {
            Relation::Exists => return f.write_str("exists"),
            Relation::Equal(value) => ("", value),
            Relation::Less(value) => ("< ", value),
            Relation::AtMost(value) => ("<= ", value),
            Relation::Greater(value) => ("> ", value),
            Relation::AtLeast(value) => (">= ", value),
            Relation::In(values) => {
                f.write_str("in [")?;
                for (index, value) in values.iter().enumerate() {
                    f.write_str(if index > 0 { " " } else { "" })?;
                    literal::write(f, value, kind)?;
                }
                return f.write_str("]");
            }
            Relation::Contains(text) => return write_text(f, "contains", text),
            Relation::Begins(text) => return write_text(f, "begins", text),
            Relation::Ends(text) => return write_text(f, "ends", text),
            Relation::AllFlags(flags) => ("", &Value::Number((*flags).into())),
        };
        f.write_str(sign)?;
        literal::write(f, value, kind)
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, word: &str, text: &str) -> fmt::Result {
    write!(f, "{word} ")?;
    write_quoted(f, text)
}

impl Field {
    /// True where equality is printed without its sign.
    fn is_terse(&self) -> bool {
        let number = matches!(self.value_type(), ValueType::Address | ValueType::Number { .. } | ValueType::Protocol);
        let customary = match self {
            Self::Pair(..) => true,
            Self::Column(column) => *column == Column::protocol || side_of(*column).is_some(),
            _ => false,
        };
        number && customary
    }
}

/// The pair of which a column is a side, and the word for that side.
fn side_of(column: Column) -> Option<(&'static str, &'static Pair)> {
    names::PAIRS.iter().find_map(|pair| {
        let words = match pair.sides {
            SideWords::SourceDestination => ("src", "dst"),
            SideWords::InOut => ("in", "out"),
            SideWords::None => return None,
        };
        match column {
            _ if column == pair.first => Some((words.0, pair)),
            _ if column == pair.second => Some((words.1, pair)),
            _ => None,
        }
    })
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(Column::protocol) => f.write_str("proto"),
            Self::Column(Column::tcp_flags) => f.write_str("flags"),
            Self::Column(column) => match side_of(*column) {
                Some((side, pair)) => write!(f, "{side} {}", pair.name()),
                None => f.write_str(column.name()),
            },
            Self::Pair(pair, sides) => {
                let (first, second) = match pair.sides {
                    SideWords::InOut => ("in", "out"),
                    _ => ("src", "dst"),
                };
                match sides {
                    Sides::Either => {}
                    Sides::Both => write!(f, "{first} and {second} ")?,
                    Sides::Client => f.write_str("client ")?,
                    Sides::Server => f.write_str("server ")?,
                }
                f.write_str(pair.name())
            }
            Self::Derived(derived) => {
                let name = names::DERIVED.iter().find(|(_, known, _)| known == derived);
                f.write_str(name.map_or("", |(name, ..)| name))
            }
            Self::Extra(name) if !name.is_empty() && name.chars().all(is_word) => {
                write!(f, "extra.{name}")
            }
            Self::Extra(name) => {
                f.write_str("extra.")?;
                write_quoted(f, name)
            }
        }
    }
}

impl Pair {
    /// The name of the pair.
    pub const fn name(&self) -> &'static str {
        match self.words {
            [name, ..] => name,
            [] => "",
        }
    }
}
