//! The part of a test behind its field: operator and literals.

use super::{MAX_LIST_ITEMS, Parsed, Parser, limit};
use crate::expect::{Expected, OPERATORS, Operator};
use crate::literal;
use crate::names::{self, ValueType};
use crate::syntax::{Field, Relation, Test, Value};
use crate::token::{Symbol, TokenKind};

impl Parser<'_> {
    pub(super) fn relation(&mut self, field: Field, contains: bool) -> Parsed<Test> {
        let kind = field.value_type();
        let start = self.at;
        let negated = self.take_word("not");
        let operator = self.operator(contains);
        match operator {
            Some(operator) if operator.fits(kind, negated) => {}
            None if !negated => return self.bare(field, kind, contains),
            misfit => {
                // Without an operator the fault is what stands in its place.
                self.at = if misfit.is_some() { start } else { self.at };
                return Err(self.fault(vec![Expected::Operator(field)]));
            }
        }
        let test = |negated, relation| Ok(Test { field: field.clone(), negated, relation });
        let relation = match operator {
            Some(Operator::Exists) => Relation::Exists,
            Some(Operator::In) => Relation::In(self.list(kind)?),
            Some(Operator::Equal) => Relation::Equal(self.value(kind)?),
            Some(Operator::NotEqual) => return test(true, Relation::Equal(self.value(kind)?)),
            Some(Operator::Less) => Relation::Less(self.single(kind)?),
            Some(Operator::AtMost) => Relation::AtMost(self.single(kind)?),
            Some(Operator::Greater) => Relation::Greater(self.single(kind)?),
            Some(Operator::AtLeast) => Relation::AtLeast(self.single(kind)?),
            // A list contains a number as it equals one.
            Some(Operator::Contains) if matches!(kind, ValueType::List { .. }) => Relation::Equal(self.value(kind)?),
            Some(Operator::Contains) => Relation::Contains(self.string(kind)?),
            Some(Operator::Begins) => Relation::Begins(self.string(kind)?),
            Some(Operator::Ends) => Relation::Ends(self.string(kind)?),
            None => return self.bare(field, kind, contains),
        };
        test(negated, relation)
    }

    /// A field and a literal with nothing between.
    fn bare(&mut self, field: Field, kind: ValueType, contains: bool) -> Parsed<Test> {
        let relation = match kind {
            ValueType::Object => return Err(self.fault(vec![Expected::Operator(field)])),
            ValueType::Bool if !self.at_value(kind) => Relation::Equal(Value::Bool(true)),
            _ if !self.at_value(kind) || self.at_misspelt_operator() => {
                let fault = self.fault(vec![Expected::Operator(field), Expected::Value(kind)]);
                let operators = OPERATORS.iter().map(|(word, _)| *word);
                return Err(fault.with_hint(self.word(), operators));
            }
            ValueType::Flags => match self.single(kind)? {
                Value::Number(flags) => Relation::AllFlags(u16::try_from(flags).unwrap_or(u16::MAX)),
                value => Relation::Equal(value),
            },
            ValueType::Text { .. } if contains => Relation::Contains(self.string(kind)?),
            _ => Relation::Equal(self.value(kind)?),
        };
        Ok(Test { field, negated: false, relation })
    }

    /// True where a word has a literal behind it, which nothing but an operator has.
    fn at_misspelt_operator(&self) -> bool {
        let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
        self.word().is_some() && matches!(next, Some(TokenKind::Text(_) | TokenKind::Symbol(Symbol::ListOpen)))
    }

    /// True where the next token can be read as a literal of the kind.
    fn at_value(&self, kind: ValueType) -> bool {
        match (&self.token().kind, kind) {
            (TokenKind::Text(_), _) => true,
            (TokenKind::Word, ValueType::Text { .. } | ValueType::Member) => !self.at_keyword(),
            // A word that is no literal may still be meant as one, and is then told of as such.
            (TokenKind::Word, ValueType::Number { .. } | ValueType::List { .. } | ValueType::Duration) => {
                self.word().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()))
            }
            (TokenKind::Word, ValueType::Bool) => self.word().is_some_and(|word| literal::read(word, kind).is_some()),
            (TokenKind::Word, _) => !self.at_keyword(),
            _ => false,
        }
    }

    fn at_keyword(&self) -> bool {
        let word = self.word().map(str::to_lowercase);
        matches!(word.as_deref(), Some("and" | "or" | "not"))
    }

    fn operator(&mut self, contains: bool) -> Option<Operator> {
        let token = self.token().clone();
        let operator = match token.kind {
            TokenKind::Symbol(symbol) => match symbol {
                Symbol::Equal => Operator::Equal,
                Symbol::NotEqual => Operator::NotEqual,
                // Flowmon's signs for texts, where Flowmon's name is used.
                Symbol::Less if contains => Operator::Ends,
                Symbol::Greater if contains => Operator::Begins,
                Symbol::Less => Operator::Less,
                Symbol::AtMost => Operator::AtMost,
                Symbol::Greater => Operator::Greater,
                Symbol::AtLeast => Operator::AtLeast,
                _ => return None,
            },
            TokenKind::Word => {
                let word = self.word()?.to_lowercase();
                OPERATORS.iter().find(|(name, _)| *name == word)?.1
            }
            _ => return None,
        };
        self.at += 1;
        Some(operator)
    }

    /// `[` literals with spaces or commas between `]`.
    fn list(&mut self, kind: ValueType) -> Parsed<Vec<Value>> {
        let start = self.token().start;
        if !self.take_symbol(Symbol::ListOpen) {
            return Err(self.fault(vec![Expected::List]));
        }
        let mut values = vec![self.value(kind)?];
        loop {
            let comma = self.take_symbol(Symbol::Comma);
            if self.take_symbol(Symbol::ListClose) {
                return Ok(values);
            }
            if values.len() == MAX_LIST_ITEMS {
                let end = self.token().end;
                let found = format!("more than {MAX_LIST_ITEMS} values in a list");
                return Err(limit(self.text, start, end, found, format!("at most {MAX_LIST_ITEMS}")));
            }
            if !comma && matches!(self.token().kind, TokenKind::End | TokenKind::Symbol(_)) {
                return Err(self.fault(vec![Expected::Value(kind), Expected::ListEnd]));
            }
            values.push(self.value(kind)?);
        }
    }

    fn value(&mut self, kind: ValueType) -> Parsed<Value> {
        let token = self.token().clone();
        let value = match (&token.kind, kind) {
            (TokenKind::Text(text), ValueType::Text { upper: true }) => Some(Value::Text(text.to_uppercase())),
            (TokenKind::Text(text), ValueType::Text { .. } | ValueType::Member) => Some(Value::Text(text.clone())),
            (TokenKind::Text(text), _) => literal::read(text, kind),
            (TokenKind::Word, ValueType::Time) => self.time(),
            (TokenKind::Word, _) if self.at_keyword() => None,
            (TokenKind::Word, _) => self.word().and_then(|word| literal::read(word, kind)),
            _ => None,
        };
        let Some(value) = value else {
            let fault = self.fault(vec![Expected::Value(kind)]);
            return Err(match kind {
                ValueType::Word(words) => fault.with_hint(self.word(), words.iter().copied()),
                ValueType::Protocol => fault.with_hint(self.word(), names::PROTOCOLS.iter().map(|(name, _)| *name)),
                _ => fault,
            });
        };
        self.at += 1;
        Ok(value)
    }

    /// A day, or a day and a clock in the next word. Leaves the parser at the last word of it.
    fn time(&mut self) -> Option<Value> {
        let word = self.word()?;
        let next = self.tokens.get(self.at + 1).filter(|token| token.kind == TokenKind::Word);
        let clock = next.and_then(|token| self.text.get(token.start..token.end));
        if let Some(clock) = clock.filter(|clock| clock.as_bytes().get(2) == Some(&b':')) {
            let time = literal::time(&format!("{word} {clock}"));
            self.at += usize::from(time.is_some());
            return time.map(Value::Time);
        }
        literal::time(word).map(Value::Time)
    }

    /// A literal that has an order, and is no range: for `<` and the like.
    fn single(&mut self, kind: ValueType) -> Parsed<Value> {
        let start = self.at;
        let kind = if kind == ValueType::Member { ValueType::Number { max: u64::MAX, scaled: false } } else { kind };
        match self.value(kind)? {
            Value::Range(..) => {
                self.at = start;
                Err(self.fault(vec![Expected::Value(kind)]))
            }
            value => Ok(value),
        }
    }

    /// A text for `contains` and the like; a bare word is one too.
    fn string(&mut self, kind: ValueType) -> Parsed<String> {
        let token = self.token().clone();
        let text = match token.kind {
            TokenKind::Text(text) => text,
            TokenKind::Word if !self.at_keyword() => self.word().unwrap_or_default().to_owned(),
            _ => return Err(self.fault(vec![Expected::Text])),
        };
        self.at += 1;
        Ok(if kind == (ValueType::Text { upper: true }) { text.to_uppercase() } else { text })
    }
}
