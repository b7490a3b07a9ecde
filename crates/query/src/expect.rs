//! What may stand at a place of a filter: for error messages, and for what to offer next.

use crate::names::ValueType;
use crate::syntax::Field;

/// What may stand at a place of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    /// The beginning of a test.
    Test,
    /// The name of a pair behind the word for a side.
    Pair(&'static str),
    /// `and`, `or`, and what ends the filter here.
    Connective { in_brackets: bool },
    /// What compares the field.
    Operator(Field),
    /// A literal of the field.
    Value(ValueType),
    /// `[`.
    List,
    /// `]`.
    ListEnd,
    /// A text.
    Text,
    /// This word.
    Word(&'static str),
}

/// What compares a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    Contains,
    Begins,
    Ends,
    Exists,
}

/// Words of operators.
pub(crate) const OPERATORS: &[(&str, Operator)] = &[
    ("eq", Operator::Equal),
    ("ne", Operator::NotEqual),
    ("lt", Operator::Less),
    ("le", Operator::AtMost),
    ("gt", Operator::Greater),
    ("ge", Operator::AtLeast),
    ("in", Operator::In),
    ("contains", Operator::Contains),
    ("begins", Operator::Begins),
    ("starts", Operator::Begins),
    ("ends", Operator::Ends),
    ("exists", Operator::Exists),
];

/// The operators as they are told to people, with their meaning.
pub(crate) const SHOWN_OPERATORS: &[(&str, Operator, &str)] = &[
    ("=", Operator::Equal, "equal"),
    ("!=", Operator::NotEqual, "there is a value, and it is not equal"),
    ("<", Operator::Less, "less than"),
    ("<=", Operator::AtMost, "at most"),
    (">", Operator::Greater, "greater than"),
    (">=", Operator::AtLeast, "at least"),
    ("in", Operator::In, "one of a list: in [1 2 3]"),
    ("contains", Operator::Contains, "has this part"),
    ("begins", Operator::Begins, "begins with"),
    ("ends", Operator::Ends, "ends with"),
    ("exists", Operator::Exists, "there is a value"),
];

impl Operator {
    /// True where values of the kind can be compared so; `not` goes before the operators that are words.
    pub(crate) fn fits(self, kind: ValueType, negated: bool) -> bool {
        let is_text = matches!(kind, ValueType::Text { .. } | ValueType::Member);
        let fits = match self {
            Self::Exists => !negated,
            Self::Equal | Self::NotEqual | Self::In => kind != ValueType::Object,
            Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => matches!(
                kind,
                ValueType::Number { .. }
                    | ValueType::Protocol
                    | ValueType::Flags
                    | ValueType::List { .. }
                    | ValueType::Duration
                    | ValueType::Time
                    | ValueType::Member
            ),
            Self::Contains => is_text || matches!(kind, ValueType::List { .. }),
            Self::Begins | Self::Ends => is_text,
        };
        let word = matches!(self, Self::In | Self::Contains | Self::Begins | Self::Ends);
        fits && (word || !negated)
    }
}

impl Expected {
    /// What is expected, for people.
    pub(crate) fn words(&self) -> Vec<String> {
        match self {
            Self::Test => vec!["a test such as `port 443`".to_owned(), "`(`".to_owned()],
            Self::Pair(side) => vec![format!(
                "what `{side}` belongs to, such as {}",
                match *side {
                    "in" | "out" => "`if` or `vlan`",
                    _ => "`ip`, `port` or `as`",
                }
            )],
            Self::Connective { in_brackets } => {
                let end = if *in_brackets { "`)`" } else { "the end" };
                ["`and`", "`or`", end].map(str::to_owned).to_vec()
            }
            Self::Operator(field) => {
                let kind = field.value_type();
                let fitting = SHOWN_OPERATORS.iter().filter(|(_, operator, _)| operator.fits(kind, false));
                fitting.map(|(sign, ..)| format!("`{sign}`")).collect()
            }
            Self::Value(kind) => vec![kind.words()],
            Self::List => vec!["`[`".to_owned()],
            Self::ListEnd => vec!["`]`".to_owned()],
            Self::Text => vec!["text in double quotes".to_owned()],
            Self::Word(word) => vec![format!("`{word}`")],
        }
    }
}

impl ValueType {
    /// A literal of this kind, for people.
    fn words(self) -> String {
        match self {
            Self::Number { max: u64::MAX, .. } => "a whole number".to_owned(),
            Self::Number { max, .. } | Self::List { max } => format!("a whole number up to {max}"),
            Self::Protocol => "a protocol such as `tcp` or `17`".to_owned(),
            Self::Flags => "letters of `FSRPAUEC` or a whole number up to 65535".to_owned(),
            Self::Duration => "a duration such as `50ms`, `10s` or `2h`".to_owned(),
            Self::Time => "a time such as `2026-01-01 10:00` or `2026-01-01T10:00:00Z`".to_owned(),
            Self::Address => "an address or a prefix such as `10.0.0.0/8` or `2001:db8::/32`".to_owned(),
            Self::Mac => "a MAC address such as `00:1b:21:3c:4d:5e`".to_owned(),
            Self::Text { .. } => "text in double quotes".to_owned(),
            Self::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                format!("one of {}", words.join(" "))
            }
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Member => "a whole number, text in double quotes, `true` or `false`".to_owned(),
            Self::Object => "`extra.NAME`".to_owned(),
        }
    }
}
