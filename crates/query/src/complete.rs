//! What may be typed next in a filter.

use weir_record::Column;

use crate::expect::{Expected, SHOWN_OPERATORS};
use crate::names::{self, SideWords, ValueType};
use crate::parse;
use crate::syntax::{Field, Pair};
use crate::token::{Token, TokenKind, is_word, tokens};

/// Something that may stand at the end of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The whole word, to stand in place of the part of it that is typed already.
    pub text: String,
    /// What kind of thing it is.
    pub kind: CompletionKind,
    /// One line on what it means; may be empty.
    pub doc: String,
}

/// What a completion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletionKind {
    /// `and`, `not`, `src` and the like.
    Keyword,
    /// A column, a pair of columns or what is worked out of columns.
    Field,
    /// What compares.
    Operator,
    /// A literal.
    Value,
}

/// What may stand at the end of `before`, the text left of the cursor: names that begin with the last word of it, or everything that
/// may follow where it ends with a space. Empty where the text is wrong before that or ends within a quoted text.
pub fn complete(before: &str) -> Vec<Completion> {
    if !tokens(before).is_ok_and(|tokens| takes_more(before, &tokens)) {
        return Vec::new();
    }
    let typed_at = before.char_indices().rev().find(|(_, c)| !is_word(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    let (done, typed) = before.split_at(typed_at);
    let mut found = Vec::new();
    for expected in expected_after(done) {
        offer(&expected, &mut found);
    }
    let typed = typed.to_lowercase();
    let mut seen = std::collections::HashSet::new();
    found.retain(|completion| completion.text.to_lowercase().starts_with(&typed) && seen.insert(completion.text.clone()));
    found
}

/// False within a comment, which runs on to the end of its line.
fn takes_more(before: &str, tokens: &[Token]) -> bool {
    let words = tokens.iter().rev().find(|token| token.kind != TokenKind::End);
    let rest = before.get(words.map_or(0, |token| token.end)..).unwrap_or_default();
    !rest.lines().next_back().is_some_and(|line| line.contains('#')) || rest.ends_with('\n')
}

/// What the parser waits for at the end of a text.
fn expected_after(done: &str) -> Vec<Expected> {
    match parse::parse(done) {
        Ok(_) => vec![Expected::Connective { in_brackets: false }],
        Err(fault) if fault.error.position == done.len() => fault.expected,
        Err(_) => Vec::new(),
    }
}

fn offer(expected: &Expected, found: &mut Vec<Completion>) {
    let mut add = |text: &str, kind, doc: &str| {
        found.push(Completion { text: text.to_owned(), kind, doc: doc.to_owned() });
    };
    use CompletionKind::{Field as Name, Keyword, Operator, Value};
    match expected {
        Expected::Test => {
            for (word, doc) in TEST_WORDS {
                add(word, Keyword, doc);
            }
            for pair in names::PAIRS {
                add(pair.name(), Name, &pair_doc(pair));
            }
            for (name, _, doc) in names::DERIVED {
                add(name, Name, doc);
            }
            for (word, column) in names::ALIASES {
                add(word, Name, column.info().doc);
            }
            for column in Column::ALL {
                add(column.name(), Name, column.info().doc);
            }
            for (name, _) in names::PROTOCOLS.iter().chain(names::FAMILIES) {
                add(name, Keyword, "protocol or address family");
            }
        }
        Expected::Pair(side) => {
            let fitting = names::PAIRS.iter().filter(|pair| match *side {
                "in" | "out" => pair.sides == SideWords::InOut,
                "client" | "server" => pair.sides == SideWords::SourceDestination,
                _ => pair.sides != SideWords::None,
            });
            for pair in fitting {
                add(pair.name(), Name, &pair_doc(pair));
            }
        }
        Expected::Connective { in_brackets } => {
            add("and", Keyword, "both hold");
            add("or", Keyword, "one of them holds");
            if *in_brackets {
                add(")", Keyword, "");
            }
        }
        Expected::Operator(field) => {
            let kind = field.value_type();
            for (sign, operator, doc) in SHOWN_OPERATORS {
                if operator.fits(kind, false) {
                    add(sign, Operator, doc);
                }
            }
            if *field == Field::Column(Column::extra) {
                add("extra.", Name, Column::extra.info().doc);
            }
        }
        Expected::Value(kind) => match kind {
            ValueType::Word(words) => words.iter().for_each(|word| add(word, Value, "")),
            ValueType::Protocol => names::PROTOCOLS.iter().for_each(|(name, number)| {
                add(name, Value, &format!("protocol {number}"));
            }),
            ValueType::Bool => ["true", "false"].iter().for_each(|word| add(word, Value, "")),
            _ => {}
        },
        Expected::List => add("[", Operator, "begins a list"),
        Expected::ListEnd => add("]", Operator, "ends the list"),
        Expected::Text | Expected::Word(_) => {}
    }
}

/// Words at which a test can begin and that are no names.
const TEST_WORDS: &[(&str, &str)] = &[
    ("any", "every record"),
    ("not", "the records for which what follows does not hold"),
    ("src", "the source side of what follows"),
    ("dst", "the destination side of what follows"),
    ("in", "the ingress side of what follows"),
    ("out", "the egress side of what follows"),
    ("client", "the side that opened the connection"),
    ("server", "the side that was asked"),
    ("extra.", "a member of extra, by its name"),
];

fn pair_doc(pair: &Pair) -> String {
    format!("{} or {}", pair.first.name(), pair.second.name())
}
