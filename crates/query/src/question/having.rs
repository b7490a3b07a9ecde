//! Conditions on the measures of a group, compared after sampling is made up for.
//!
//! ```text
//! having := and { ("or" | "||") and }
//! and    := not { ("and" | "&&") not }
//! not    := ("not" | "!") not | "(" having ")" | measure ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) number
//! ```
//!
//! A comparison with a measure that is absent is false, as in filters.

use std::cmp::Ordering;

use weir_record::Unit;

use super::key::tokens_of;
use super::{Measure, expected, list};
use crate::FilterError;
use crate::answer::Cell;
use crate::literal;
use crate::parse::{Fault, MAX_DEPTH, Parser};
use crate::token::{Symbol, TokenKind};

/// A condition on measures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Having {
    And(Vec<Having>),
    Or(Vec<Having>),
    Not(Box<Having>),
    /// The measure at this place stands so to the number.
    Test(usize, Symbol, Cell),
}

impl Having {
    /// Reads a condition; measures that are not there yet are added.
    pub(super) fn parse(text: &str, measures: &mut Vec<Measure>) -> Result<Self, Box<Fault>> {
        let mut reader = Reader { text, parser: Parser::new(text, tokens_of(text)?), measures, depth: 0 };
        let having = reader.or()?;
        match reader.parser.token().kind {
            TokenKind::End => Ok(having),
            _ => Err(expected(reader.parser.fault(Vec::new()), &["`and`", "`or`", "the end"])),
        }
    }

    /// True where it holds for a group, whose measure at a place `measure` gives.
    pub(crate) fn holds(&self, measure: &dyn Fn(usize) -> Cell) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(measure)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(measure)),
            Self::Not(inner) => !inner.holds(measure),
            Self::Test(place, sign, wanted) => measure(*place).compare(wanted).is_some_and(|order| match sign {
                Symbol::Equal => order == Ordering::Equal,
                Symbol::NotEqual => order != Ordering::Equal,
                Symbol::Less => order == Ordering::Less,
                Symbol::AtMost => order != Ordering::Greater,
                Symbol::Greater => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }),
        }
    }
}

struct Reader<'a, 'm> {
    text: &'a str,
    parser: Parser<'a>,
    measures: &'m mut Vec<Measure>,
    depth: usize,
}

type Read = Result<Having, Box<Fault>>;

impl Reader<'_, '_> {
    fn or(&mut self) -> Read {
        let mut parts = vec![self.and()?];
        while self.parser.take_symbol(Symbol::Or) || self.parser.take_word("or") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Having::Or(parts) })
    }

    fn and(&mut self) -> Read {
        let mut parts = vec![self.not()?];
        while self.parser.take_symbol(Symbol::And) || self.parser.take_word("and") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Having::And(parts) })
    }

    fn not(&mut self) -> Read {
        let token = self.parser.token().clone();
        let is_not = self.parser.take_symbol(Symbol::Not) || self.parser.take_word("not");
        if !is_not && !self.parser.take_symbol(Symbol::Open) {
            return self.test();
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let found = format!("{} levels of brackets and `not`", self.depth);
            let error = FilterError::new(self.text, token.start, token.end, found, vec![format!("at most {MAX_DEPTH}")]);
            return Err(Box::new(Fault { error, expected: Vec::new() }));
        }
        let inner = if is_not { Having::Not(Box::new(self.not()?)) } else { self.or()? };
        self.depth -= 1;
        if !is_not && !self.parser.take_symbol(Symbol::Close) {
            return Err(expected(self.parser.fault(Vec::new()), &["`and`", "`or`", "`)`"]));
        }
        Ok(inner)
    }

    fn test(&mut self) -> Read {
        let measure = Measure::read(self.text, &mut self.parser)?;
        let sign = match self.parser.token().kind {
            TokenKind::Symbol(
                sign @ (Symbol::Equal | Symbol::NotEqual | Symbol::Less | Symbol::AtMost | Symbol::Greater | Symbol::AtLeast),
            ) => sign,
            _ => return Err(expected(self.parser.fault(Vec::new()), &["`=`", "`!=`", "`<`", "`<=`", "`>`", "`>=`"])),
        };
        self.parser.advance();
        let Some(value) = value(&self.parser, &measure) else {
            let wanted = match measure.unit() {
                _ if measure.is_time() => "a time such as `2026-01-01T10:00:00Z`",
                Unit::Microseconds => "a duration such as `50ms` or `10s`",
                _ => "a number such as `100` or `1.5M`",
            };
            return Err(expected(self.parser.fault(Vec::new()), &[wanted]));
        };
        self.parser.advance();
        Ok(Having::Test(list::place_of(measure, self.measures), sign, value))
    }
}

/// The number that comes next, as the measure has it.
fn value(parser: &Parser<'_>, measure: &Measure) -> Option<Cell> {
    if measure.is_time() {
        let text = match &parser.token().kind {
            TokenKind::Text(text) => text.as_str(),
            _ => parser.word()?,
        };
        return literal::time(text).map(Cell::Time);
    }
    let word = parser.word()?;
    if measure.unit() == Unit::Microseconds {
        // Measures are in microseconds.
        let nanoseconds = literal::duration(word)?;
        let whole = nanoseconds.is_multiple_of(1_000);
        return Some(if whole { Cell::Number(nanoseconds / 1_000) } else { Cell::Real(nanoseconds as f64 / 1e3) });
    }
    let real = || word.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0).map(Cell::Real);
    literal::number(word).map(Cell::Number).or_else(real)
}
