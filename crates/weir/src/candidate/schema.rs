//! What the configuration takes where: paths that people type are found in it, and their values become values of TOML.

use toml_edit::{Array, Value};

use super::path::KeyPath;
use super::probe::{Literal, Lost, Node, find, take};
use crate::config::{Config, nearest};

/// Most values that are set at once.
const MAX_VALUES: usize = 10_000;

/// Most octets of a value.
const MAX_VALUE: usize = 1 << 20;

/// What stands at a path that somebody typed, and the path as it is written. The error is a sentence that begins with the path.
pub(crate) fn resolve(typed: &KeyPath) -> Result<(KeyPath, Node), String> {
    let keys = typed.keys();
    let lost = match find::<Config>(keys) {
        Ok(node) => return Ok((typed.clone(), node)),
        Err(lost) => lost,
    };
    // A name with dots that was not quoted: the rest of the path is one key.
    if let Lost::Value(depth) | Lost::Refused(depth, _) = &lost {
        for first in 1..=(*depth).min(keys.len() - 1) {
            let (before, name) = keys.split_at(first);
            let joined: Vec<String> = before.iter().cloned().chain([name.join(".")]).collect();
            if find::<Config>(before) == Ok(Node::Named)
                && let Ok(node) = find::<Config>(&joined)
                && !node.is_table()
            {
                return Ok((KeyPath::new(joined), node));
            }
        }
    }
    Err(explain(typed, &lost))
}

fn explain(typed: &KeyPath, lost: &Lost) -> String {
    let up_to = |keys: usize| KeyPath::new(typed.keys().iter().take(keys).cloned().collect());
    match lost {
        Lost::Unknown(depth, known) => {
            let wrong = typed.keys().get(*depth).map(String::as_str).unwrap_or_default();
            let shown = up_to(depth + 1);
            match nearest(wrong, known) {
                Some(nearest) => format!("{shown}: unknown key; did you mean {nearest}?"),
                None => format!("{shown}: unknown key, expected one of {}", known.join(", ")),
            }
        }
        Lost::Refused(depth, cause) => format!("{}: {cause}", up_to(depth + 1)),
        Lost::Value(depth) => format!("{}: is a value, there are no keys in it", up_to(*depth)),
    }
}

/// The value of TOML for what was typed, in the form that the key takes; none for a section without one. The error is a sentence.
pub(super) fn value(path: &KeyPath, node: &Node, typed: &[String]) -> Result<Option<Value>, String> {
    match (node, typed) {
        (Node::Section(_) | Node::Named, []) => Ok(None),
        (Node::Section(_) | Node::Named, [text]) if text.trim_start().starts_with('{') => table(path, text).map(Some),
        (Node::Section(_) | Node::Named, _) => Err(format!("is {}: set its keys", node.expected())),
        (Node::List(_), [text]) if text.trim_start().starts_with('[') => {
            let list = parse(text)?.as_array().cloned().ok_or("expected a list")?;
            let texts: Vec<String> = list.iter().map(plain).collect();
            self::list(path, node, &texts).map(Some)
        }
        (Node::List(_), typed) => list(path, node, typed).map(Some),
        (_, []) => Err(format!("a value is missing, expected {}", node.expected())),
        (_, [text]) => scalar(path, node, text).map(Some),
        (_, typed) => Err(format!("{} values, but it takes one", typed.len())),
    }
}

fn list(path: &KeyPath, node: &Node, typed: &[String]) -> Result<Value, String> {
    Ok(Value::Array(items(path, node, typed)?.into_iter().collect::<Array>()))
}

/// The items for a list.
pub(super) fn items(path: &KeyPath, node: &Node, typed: &[String]) -> Result<Vec<Value>, String> {
    let Node::List(of) = node else {
        return Err("is no list: set it without --add".into());
    };
    if typed.len() > MAX_VALUES {
        return Err(format!("{} values, expected {MAX_VALUES} at the most", typed.len()));
    }
    typed.iter().map(|text| scalar(path, of, text)).collect()
}

fn scalar(path: &KeyPath, node: &Node, text: &str) -> Result<Value, String> {
    if text.len() > MAX_VALUE {
        return Err(format!("a value of {} octets, expected {MAX_VALUE} at the most", text.len()));
    }
    let number = || text.trim().parse::<i64>().ok();
    let taken = |literal, value| take::<Config>(path.keys(), literal).map(|()| value);
    match node {
        Node::Switch => switch(text).map(Value::from).ok_or_else(|| format!("\"{text}\", expected true or false")),
        Node::Number(expected) => {
            let number = number().ok_or_else(|| format!("\"{text}\", expected a whole number"))?;
            taken(Literal::Number(number), Value::from(number)).map_err(|_| format!("{number}, expected {}", in_words(expected)))
        }
        Node::Words(words) if !words.contains(&text) => Err(match nearest(text, words) {
            Some(nearest) => format!("unknown word \"{text}\"; did you mean {nearest}?"),
            None => format!("unknown word \"{text}\", expected {}", words.join(", ")),
        }),
        Node::Words(_) | Node::Text(_) => taken(Literal::Text(text), Value::from(text)),
        Node::Any(_) => {
            // A number is written as one where the key takes it as such.
            let number = number().and_then(|number| taken(Literal::Number(number), Value::from(number)).ok());
            number.map_or_else(|| taken(Literal::Text(text), Value::from(text)), Ok)
        }
        Node::Section(_) | Node::Named | Node::List(_) => {
            let value = parse(text)?;
            check(path, &value).map(|()| value)
        }
    }
}

/// What people write for yes and no.
fn switch(text: &str) -> Option<bool> {
    match text {
        "true" | "enable" | "on" | "yes" => Some(true),
        "false" | "disable" | "off" | "no" => Some(false),
        _ => None,
    }
}

/// An inline table whose keys are all known and take what they are given.
fn table(path: &KeyPath, text: &str) -> Result<Value, String> {
    let value = parse(text)?;
    check(path, &value)?;
    Ok(value)
}

fn check(path: &KeyPath, value: &Value) -> Result<(), String> {
    if let Value::InlineTable(table) = value {
        for (key, value) in table {
            let inner = KeyPath::new(path.keys().iter().cloned().chain([key.to_owned()]).collect());
            let node = find::<Config>(inner.keys()).map_err(|lost| explain(&inner, &lost))?;
            match (value, &node) {
                (Value::InlineTable(_), Node::Section(_) | Node::Named) => check(&inner, value)?,
                (Value::Array(list), Node::List(_)) => {
                    items(&inner, &node, &list.iter().map(plain).collect::<Vec<_>>())
                        .map(drop)
                        .map_err(|error| format!("{inner}: {error}"))?;
                }
                _ => scalar(&inner, &node, &plain(value)).map(drop).map_err(|error| format!("{inner}: {error}"))?,
            }
        }
    }
    Ok(())
}

fn parse(text: &str) -> Result<Value, String> {
    text.parse::<Value>().map_err(|error| format!("\"{text}\" is no TOML: {}", error.message()))
}

/// The text of a value without quotes.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.clone().decorated("", "").to_string(), str::to_owned)
}

/// The words of serde for numbers, for people.
fn in_words(expected: &str) -> String {
    let limits: &[(&str, &str)] = &[
        ("u8", "0 to 255"),
        ("u16", "0 to 65535"),
        ("u32", "0 to 4294967295"),
        ("u64", "0 or more"),
        ("usize", "0 or more"),
        ("nonzero u32", "1 to 4294967295"),
        ("a nonzero u32", "1 to 4294967295"),
    ];
    limits.iter().find(|(name, _)| *name == expected).map_or(expected, |(_, words)| words).to_owned()
}

/// Paths that begin with what was typed: known keys, and those that are written in this text.
pub(crate) fn complete_path(typed: &str, text: &str) -> Vec<String> {
    let (before, begun) = split_last(typed);
    let Ok(parents) = (if before.is_empty() { Ok(KeyPath::default()) } else { before.parse::<KeyPath>() }) else {
        return Vec::new();
    };
    let known: Vec<String> = match find::<Config>(parents.keys()) {
        Ok(Node::Section(keys)) => keys.iter().map(ToString::to_string).collect(),
        Ok(Node::Named) => super::edit::keys_of(text, parents.keys()),
        _ => return Vec::new(),
    };
    let whole = |key: String| {
        let path = KeyPath::new(parents.keys().iter().cloned().chain([key]).collect());
        let more = find::<Config>(path.keys()).is_ok_and(|node| node.is_table());
        if more { format!("{path}.") } else { path.to_string() }
    };
    let begun = begun.trim_matches(['"', '\'']);
    known.into_iter().filter(|key| key.starts_with(begun)).map(whole).collect()
}

/// Words that a key takes.
pub(crate) fn complete_value(path: &str, text: &str) -> Vec<String> {
    let Ok((path, node)) = path.parse().and_then(|path| resolve(&path)) else { return Vec::new() };
    let of = match &node {
        Node::List(of) => of,
        other => other,
    };
    let words: Vec<String> = match of {
        Node::Switch => vec!["true".into(), "false".into()],
        Node::Words(words) => words.iter().map(ToString::to_string).collect(),
        Node::Any(expected) | Node::Text(expected) => quoted(expected),
        _ => Vec::new(),
    };
    let now = match super::value_at(text, &path) {
        Some(serde_json::Value::Array(items)) => items,
        Some(serde_json::Value::Object(_)) | None => Vec::new(),
        Some(value) => vec![value],
    };
    let now = now.into_iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let mut words: Vec<String> = now.chain(words).collect();
    let mut seen = std::collections::BTreeSet::new();
    words.retain(|word| seen.insert(word.clone()));
    words
}

/// The examples in words such as `a duration such as "30s"`.
fn quoted(expected: &str) -> Vec<String> {
    expected.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What stands before the last dot outside of quotes, and what behind.
fn split_last(typed: &str) -> (&str, &str) {
    let mut quote = None;
    let mut last = None;
    for (place, letter) in typed.char_indices() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, '.') => last = Some(place),
            _ => {}
        }
    }
    last.map_or(("", typed), |last| (&typed[..last], &typed[last + 1..]))
}
