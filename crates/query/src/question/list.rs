//! Lists in questions: items with commas between, what sorts, and what may be typed next.

use weir_record::Column;

use super::key::{APPLICATION, TIMES, can_be_key, is_comma, tokens_of};
use super::measure::{NAMED, STATISTICS};
use super::{Key, MAX_ITEMS, Measure, Sort, SortBy, expected};
use crate::FilterError;
use crate::complete::{Completion, CompletionKind, complete};
use crate::names as words;
use crate::parse::{Fault, Parser};
use crate::token::{Token, TokenKind, is_word};

/// The tokens of each item of a text, each with an end. A text of spaces has no items.
pub(super) fn items(text: &str) -> Result<Vec<Vec<Token>>, Box<Fault>> {
    let tokens = tokens_of(text)?;
    let Some((last, tokens)) = tokens.split_last().filter(|(_, tokens)| !tokens.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut items = Vec::new();
    let mut item = Vec::new();
    for token in tokens {
        if is_comma(token) {
            item.push(Token { kind: TokenKind::End, start: token.start, end: token.start });
            items.push(std::mem::take(&mut item));
        } else {
            item.push(token.clone());
        }
    }
    item.push(last.clone());
    items.push(item);
    if items.len() > MAX_ITEMS {
        let error = FilterError::new(text, 0, text.len(), format!("{} items", items.len()), vec![format!("at most {MAX_ITEMS}")]);
        return Err(Box::new(Fault { error, expected: Vec::new() }));
    }
    Ok(items)
}

/// An item that is there already.
#[cold]
pub(super) fn twice(text: &str, name: &str) -> Box<Fault> {
    let error = FilterError::new(text, 0, text.len(), format!("`{name}` twice"), vec!["it once".to_owned()]);
    Box::new(Fault { error, expected: Vec::new() })
}

/// Columns of records.
pub(super) fn columns(text: &str) -> Result<Vec<Column>, Box<Fault>> {
    let mut columns = Vec::new();
    for item in items(text)? {
        let mut parser = Parser::new(text, item);
        let name = parser.word().map(words::normal);
        let column = name.and_then(|name| {
            let alias = words::ALIASES.iter().find(|(alias, _)| *alias == name);
            Column::by_name(&name).or(alias.map(|(_, column)| *column))
        });
        let Some(column) = column else {
            let fault = expected(parser.fault(Vec::new()), &["the name of a column"]);
            return Err(fault.with_hint(parser.word(), Column::ALL.iter().map(|column| column.name())));
        };
        parser.advance();
        if parser.token().kind != TokenKind::End {
            return Err(expected(parser.fault(Vec::new()), &["`,`", "the end"]));
        }
        if columns.contains(&column) {
            return Err(twice(text, column.name()));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// A measure or a key, and the direction. A measure that is not among them is added.
pub(super) fn sort(text: &str, keys: &[Key], measures: &mut Vec<Measure>) -> Result<Sort, Box<Fault>> {
    let mut tokens = tokens_of(text)?;
    let direction = tokens.len().checked_sub(2).and_then(|place| {
        let token = tokens.get(place).filter(|token| token.kind == TokenKind::Word && place > 0)?;
        match text.get(token.start..token.end)?.to_ascii_lowercase().as_str() {
            "asc" => Some(true),
            "desc" => Some(false),
            _ => None,
        }
    });
    if direction.is_some() {
        let last = tokens.len() - 2;
        let start = tokens[last].start;
        tokens.truncate(last);
        tokens.push(Token { kind: TokenKind::End, start, end: start });
    }
    if let Some(place) = Key::parse(text, tokens.clone()).ok().and_then(|key| keys.iter().position(|known| *known == key)) {
        return Ok(Sort { by: SortBy::Key(place), ascending: direction.unwrap_or(true) });
    }
    let mut parser = Parser::new(text, tokens);
    let measure = Measure::read(text, &mut parser)?;
    if parser.token().kind != TokenKind::End {
        return Err(expected(parser.fault(Vec::new()), &["`asc`", "`desc`", "the end"]));
    }
    Ok(Sort { by: SortBy::Measure(place_of(measure, measures)), ascending: direction.unwrap_or(false) })
}

/// The place of a measure, which is added where it is not there yet.
pub(super) fn place_of(measure: Measure, measures: &mut Vec<Measure>) -> usize {
    let known = measures.iter().position(|known| *known == measure);
    known.unwrap_or_else(|| {
        measures.push(measure);
        measures.len() - 1
    })
}

/// What may stand at the end of `before`, the text left of the cursor in a part of a question (the name of a field of
/// [`QuestionText`](super::QuestionText)).
pub fn complete_question(part: &str, before: &str) -> Vec<Completion> {
    let typed_at = before.char_indices().rev().find(|(_, c)| !is_word(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    let (done, typed) = before.split_at(typed_at);
    let begins_item = done.trim_end().is_empty() || done.trim_end().ends_with([',', '(']);
    let after_column =
        || done.split([',', '(']).next_back().and_then(|item| Column::by_name(&words::normal(item.trim()))).is_some();
    let mut found = Vec::new();
    let mut add = |text: &str, kind, doc: &str| found.push(Completion { text: text.to_owned(), kind, doc: doc.to_owned() });
    let keys = |add: &mut dyn FnMut(&str, CompletionKind, &str)| {
        for pair in words::PAIRS {
            add(
                pair.name(),
                CompletionKind::Field,
                &format!("{} or {}: a record counts for both", pair.first.name(), pair.second.name()),
            );
        }
        for (name, _) in TIMES {
            add(name, CompletionKind::Field, "in which a record ends");
        }
        add("dscp", CompletionKind::Field, "upper six bits of tos");
        add(APPLICATION, CompletionKind::Field, "app where one was recognised, else app_name");
        for column in Column::ALL.iter().filter(|column| can_be_key(**column)) {
            add(column.name(), CompletionKind::Field, column.info().doc);
        }
    };
    let measures = |add: &mut dyn FnMut(&str, CompletionKind, &str)| {
        for (name, _, doc) in NAMED {
            add(name, CompletionKind::Field, doc);
        }
        add("distinct(", CompletionKind::Keyword, "how many values of a key there are");
        for column in Column::ALL {
            if Measure::list(&format!("max({})", column.name())).is_ok() {
                add(column.name(), CompletionKind::Field, column.info().doc);
            }
        }
    };
    match part {
        "filter" => return complete(before),
        "by" if begins_item => keys(&mut add),
        "columns" if begins_item => {
            Column::ALL.iter().for_each(|column| add(column.name(), CompletionKind::Field, column.info().doc))
        }
        "measures" | "sort" | "having" if done.ends_with("distinct(") => keys(&mut add),
        "measures" | "sort" if begins_item => measures(&mut add),
        "having" if begins_item || ends_with_word(done, &["and", "or", "not"]) => measures(&mut add),
        "measures" | "sort" | "having" if after_column() => {
            STATISTICS.iter().for_each(|(name, doc)| add(name, CompletionKind::Keyword, doc));
        }
        "sort" => ["asc", "desc"].iter().for_each(|word| add(word, CompletionKind::Keyword, "")),
        _ => {}
    }
    let typed = typed.to_lowercase();
    found.retain(|completion| completion.text.to_lowercase().starts_with(&typed));
    found
}

fn ends_with_word(text: &str, words: &[&str]) -> bool {
    text.split_whitespace().next_back().is_some_and(|last| words.contains(&last.to_lowercase().as_str()))
}
