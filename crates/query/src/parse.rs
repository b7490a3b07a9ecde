//! From tokens to the tree: a parser that goes down one function a level of the grammar, and checks names and literals on
//! its way.
//!
//! ```text
//! filter := and { ("or" | "||") and }
//! and    := not { ("and" | "&&") not }
//! not    := { "not" | "!" } ( "(" filter ")" | "any" | test )
//! test   := [ sides ] name relation | name of a protocol or a family
//! sides  := ("src" | "dst" | "in" | "out") [ ("or" | "and") the other ] | "client" | "server"
//! ```

mod relation;

use weir_record::Column;

use crate::error::{self, FilterError};
use crate::expect::Expected;
use crate::names::{self, SideWords};
use crate::syntax::{Expression, Field, Pair, Relation, Sides, Test, Value};
use crate::token::{Symbol, Token, TokenKind, tokens};

/// Octets of a filter's text.
pub const MAX_TEXT: usize = 64 * 1024;
/// Brackets and `not`s within each other.
pub const MAX_DEPTH: usize = 128;
/// Values of one list.
pub const MAX_LIST_ITEMS: usize = 10_000;

/// A fault: the error to show, and what the parser was ready for.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) error: FilterError,
    pub(crate) expected: Vec<Expected>,
}

impl Fault {
    /// Adds the nearest of the known words, if a word stands there and one is near.
    pub(crate) fn with_hint<'a>(mut self: Box<Self>, word: Option<&str>, known: impl Iterator<Item = &'a str>) -> Box<Self> {
        self.error.hint = word.and_then(|word| error::nearest(&word.to_lowercase(), known)).map(str::to_owned);
        self
    }
}

/// Reads a whole filter.
pub(crate) fn parse(text: &str) -> Result<Expression, Box<Fault>> {
    if text.len() > MAX_TEXT {
        let found = format!("{} octets of text", text.len());
        return Err(limit(text, 0, 0, found, format!("at most {MAX_TEXT}")));
    }
    let tokens = tokens(text).map_err(|error| Box::new(Fault { error, expected: Vec::new() }))?;
    let mut parser = Parser::new(text, tokens);
    let expression = parser.or()?;
    match parser.token().kind {
        TokenKind::End => Ok(expression),
        _ => Err(parser.fault(vec![Expected::Connective { in_brackets: false }])),
    }
}

#[cold]
fn limit(text: &str, start: usize, end: usize, found: String, allowed: String) -> Box<Fault> {
    let error = FilterError::new(text, start, end, found, vec![allowed]);
    Box::new(Fault { error, expected: Vec::new() })
}

pub(crate) struct Parser<'a> {
    text: &'a str,
    /// Never empty, and the last is the end.
    tokens: Vec<Token>,
    /// Place of the next token; never past the end token.
    at: usize,
    depth: usize,
}

pub(crate) type Parsed<T> = Result<T, Box<Fault>>;

impl<'a> Parser<'a> {
    /// Reads tokens of a text, of which the last is an end.
    pub(crate) const fn new(text: &'a str, tokens: Vec<Token>) -> Self {
        Self { text, tokens, at: 0, depth: 0 }
    }

    fn or(&mut self) -> Parsed<Expression> {
        let first = self.and()?;
        let mut parts = vec![first];
        while self.take_symbol(Symbol::Or) || self.take_word("or") {
            parts.push(self.and()?);
        }
        Ok(joined(parts, Expression::Or))
    }

    fn and(&mut self) -> Parsed<Expression> {
        let first = self.not()?;
        let mut parts = vec![first];
        while self.take_symbol(Symbol::And) || self.take_word("and") {
            parts.push(self.not()?);
        }
        Ok(joined(parts, Expression::And))
    }

    fn not(&mut self) -> Parsed<Expression> {
        let token = self.token().clone();
        if self.take_symbol(Symbol::Not) || self.take_word("not") {
            self.deeper(&token)?;
            let inner = self.not()?;
            self.depth -= 1;
            return Ok(Expression::Not(Box::new(inner)));
        }
        if self.take_symbol(Symbol::Open) {
            self.deeper(&token)?;
            let inner = self.or()?;
            if !self.take_symbol(Symbol::Close) {
                return Err(self.fault(vec![Expected::Connective { in_brackets: true }]));
            }
            self.depth -= 1;
            return Ok(inner);
        }
        if self.take_word("any") {
            return Ok(Expression::Any);
        }
        self.test().map(Expression::Test)
    }

    /// The parser calls itself once a level, so the level is bounded.
    fn deeper(&mut self, token: &Token) -> Parsed<()> {
        self.depth += 1;
        if self.depth <= MAX_DEPTH {
            return Ok(());
        }
        let found = format!("{} levels of brackets and `not`", self.depth);
        Err(limit(self.text, token.start, token.end, found, format!("at most {MAX_DEPTH}")))
    }

    fn test(&mut self) -> Parsed<Test> {
        let Some(word) = self.word() else {
            return Err(self.fault(vec![Expected::Test]));
        };
        let lower = word.to_lowercase();
        if let Some((_, version)) = names::FAMILIES.iter().find(|(name, _)| *name == lower) {
            self.at += 1;
            return Ok(equal(Column::ip_version, *version));
        }
        if let Some((_, protocol)) = names::PROTOCOLS.iter().find(|(name, _)| *name == lower) {
            self.at += 1;
            return Ok(equal(Column::protocol, *protocol));
        }
        if let Some((field, contains)) = self.field()? {
            return self.relation(field, contains);
        }
        let mut fault = self.fault(vec![Expected::Test]);
        let known = ["the name of a column", "a word such as `ip`, `port`, `tcp`, `not` or `any`"];
        fault.error.expected = known.map(str::to_owned).to_vec();
        Err(fault.with_hint(Some(word), names::known()))
    }

    /// A field with its side, and true where no operator means "contains" (`hhost "x"`, as Flowmon has it).
    pub(crate) fn field(&mut self) -> Parsed<Option<(Field, bool)>> {
        if let Some(field) = self.extra()? {
            return Ok(Some((field, false)));
        }
        if let Some((side, sides)) = self.sides() {
            let fitting = |name: &str| names::pair(name).filter(|pair| sides.fit(pair));
            let Some(pair) = self.named(fitting) else {
                let known = names::PAIRS.iter().filter(|pair| sides.fit(pair));
                let words = known.flat_map(|pair| pair.words.iter().copied());
                return Err(self.fault(vec![Expected::Pair(side)]).with_hint(self.word(), words));
            };
            return Ok(Some((sides.field(pair), false)));
        }
        let field = self.named(names::field);
        Ok(field.map(|field| {
            let contains = matches!(&field, Field::Pair(pair, _) if pair.name() == "hhost");
            (field, contains)
        }))
    }

    /// `extra.NAME` or `extra."NAME"`.
    fn extra(&mut self) -> Parsed<Option<Field>> {
        let Some((prefix, name)) = self.word().and_then(|word| word.split_at_checked("extra.".len())) else {
            return Ok(None);
        };
        if !prefix.eq_ignore_ascii_case("extra.") {
            return Ok(None);
        }
        let end = self.token().end;
        self.at += 1;
        if !name.is_empty() {
            return Ok(Some(Field::Extra(name.to_owned())));
        }
        let next = self.token().clone();
        match next.kind {
            TokenKind::Text(name) if next.start == end => {
                self.at += 1;
                Ok(Some(Field::Extra(name)))
            }
            _ => Err(self.fault(vec![Expected::Word("NAME")])),
        }
    }

    /// The words for sides, if there are any.
    fn sides(&mut self) -> Option<(&'static str, SideChoice)> {
        let word = self.word()?.to_lowercase();
        let (word, other, choice) = match word.as_str() {
            "src" => ("src", "dst", SideChoice::First),
            "dst" => ("dst", "src", SideChoice::Second),
            "in" => ("in", "out", SideChoice::In),
            "out" => ("out", "in", SideChoice::Out),
            "client" => ("client", "", SideChoice::Role(Sides::Client)),
            "server" => ("server", "", SideChoice::Role(Sides::Server)),
            _ => return None,
        };
        self.at += 1;
        let start = self.at;
        let both = match self.word().map(str::to_lowercase).as_deref() {
            Some("or") => Sides::Either,
            Some("and") => Sides::Both,
            _ => return Some((word, choice)),
        };
        self.at += 1;
        if !other.is_empty() && self.take_word(other) {
            let in_out = matches!(choice, SideChoice::In | SideChoice::Out);
            return Some((word, SideChoice::Two { both, in_out }));
        }
        self.at = start;
        Some((word, choice))
    }

    /// What two words mean together, or else the next one alone.
    fn named<T>(&mut self, meaning: impl Fn(&str) -> Option<T>) -> Option<T> {
        let word = self.word()?;
        let next = self.tokens.get(self.at + 1).filter(|token| token.kind == TokenKind::Word);
        let next = next.and_then(|token| self.text.get(token.start..token.end));
        if let Some(found) = next.and_then(|next| meaning(&format!("{word} {next}"))) {
            self.at += 2;
            return Some(found);
        }
        let found = meaning(word)?;
        self.at += 1;
        Some(found)
    }

    /// The next token. The last one, the end, is never passed.
    pub(crate) fn token(&self) -> &Token {
        const END: &Token = &Token { kind: TokenKind::End, start: 0, end: 0 };
        self.tokens.get(self.at).or(self.tokens.last()).unwrap_or(END)
    }

    /// The next token's text if it is a word.
    pub(crate) fn word(&self) -> Option<&'a str> {
        let token = self.token();
        match token.kind {
            TokenKind::Word => self.text.get(token.start..token.end),
            _ => None,
        }
    }

    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let taken = self.word().is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(taken);
        taken
    }

    pub(crate) fn take_symbol(&mut self, symbol: Symbol) -> bool {
        let taken = self.token().kind == TokenKind::Symbol(symbol);
        self.at += usize::from(taken);
        taken
    }

    /// Passes over the next token.
    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// A fault at the next token.
    #[cold]
    pub(crate) fn fault(&self, expected: Vec<Expected>) -> Box<Fault> {
        let token = self.token();
        let found = match token.kind {
            TokenKind::End => "the end".to_owned(),
            _ => format!("`{}`", self.text.get(token.start..token.end).unwrap_or_default()),
        };
        let words = expected.iter().flat_map(Expected::words).collect();
        let error = FilterError::new(self.text, token.start, token.end, found, words);
        Box::new(Fault { error, expected })
    }
}

fn joined(mut parts: Vec<Expression>, join: impl Fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => Expression::Any,
    }
}

fn equal(column: Column, number: u8) -> Test {
    Test { field: Field::Column(column), negated: false, relation: Relation::Equal(Value::Number(number.into())) }
}

/// Which side or sides the words before a pair chose.
#[derive(Clone, Copy)]
enum SideChoice {
    First,
    Second,
    In,
    Out,
    Two { both: Sides, in_out: bool },
    Role(Sides),
}

impl SideChoice {
    /// True where the words go with the pair: `in port` says nothing.
    fn fit(self, pair: &Pair) -> bool {
        match self {
            Self::First | Self::Second | Self::Two { in_out: false, .. } => pair.sides != SideWords::None,
            Self::In | Self::Out | Self::Two { in_out: true, .. } => pair.sides == SideWords::InOut,
            Self::Role(_) => pair.sides == SideWords::SourceDestination,
        }
    }

    fn field(self, pair: &'static Pair) -> Field {
        match self {
            Self::First | Self::In => Field::Column(pair.first),
            Self::Second | Self::Out => Field::Column(pair.second),
            Self::Two { both: sides, .. } | Self::Role(sides) => Field::Pair(pair, sides),
        }
    }
}
