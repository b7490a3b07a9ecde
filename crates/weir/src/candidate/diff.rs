//! What differs between two configurations, key by key; comments, spaces and order are no difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::path::KeyPath;

/// A key that one of two configurations writes otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Which.
    pub(crate) path: String,
    /// What it was; absent where it was not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old: Option<Value>,
    /// What it is; absent where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new: Option<Value>,
}

/// The keys that differ, in the order of their paths. A text that cannot be read has none.
pub(crate) fn differences(old: &str, new: &str) -> Vec<Change> {
    let (mut old, mut new) = (flat(old), flat(new));
    // A section that has lost its last key, or has its first, is there all the same.
    let [keys, other_keys] = [&old, &new].map(|map| map.keys().cloned().collect::<BTreeSet<_>>());
    old.retain(|path, value| !value.is_object() || !is_above_any(path, &other_keys));
    new.retain(|path, value| !value.is_object() || !is_above_any(path, &keys));
    let mut changes = Vec::new();
    for (path, old) in old {
        let new = new.remove(&path);
        if new.as_ref() != Some(&old) {
            changes.push((path, Some(old), new));
        }
    }
    changes.extend(new.into_iter().map(|(path, new)| (path, None, Some(new))));
    changes.sort_by(|one, other| one.0.cmp(&other.0));
    changes.into_iter().map(|(path, old, new)| Change { path: path.to_string(), old, new }).collect()
}

/// Whether one of these keys stands in the section at the path. They are sorted, so that it would be the next.
fn is_above_any(path: &KeyPath, keys: &BTreeSet<KeyPath>) -> bool {
    let next = keys.range((Bound::Excluded(path), Bound::Unbounded)).next();
    next.is_some_and(|next| next.keys().starts_with(path.keys()))
}

/// What is written at a path.
pub(crate) fn value_at(text: &str, path: &KeyPath) -> Option<Value> {
    path.keys().iter().try_fold(read(text)?, |value, key| match value {
        Value::Object(mut table) => table.remove(key),
        _ => None,
    })
}

fn read(text: &str) -> Option<Value> {
    toml::from_str(text).ok()
}

/// Every key that has a value, or is a section without keys.
fn flat(text: &str) -> BTreeMap<KeyPath, Value> {
    let mut keys = BTreeMap::new();
    if let Some(Value::Object(table)) = read(text) {
        table.into_iter().for_each(|(key, value)| flatten(vec![key], value, &mut keys));
    }
    keys
}

fn flatten(path: Vec<String>, value: Value, keys: &mut BTreeMap<KeyPath, Value>) {
    match value {
        Value::Object(table) if !table.is_empty() => {
            for (key, value) in table {
                flatten(path.iter().cloned().chain([key]).collect(), value, keys);
            }
        }
        value => {
            keys.insert(KeyPath::new(path), value);
        }
    }
}

impl fmt::Display for Change {
    /// A line for people: `+` written, `-` no longer written, `~` otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match (&self.old, &self.new) {
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                write!(f, "~ {path}:")?;
                let mut items = old.iter().filter(|item| !new.contains(item)).map(|item| ('-', item)).collect::<Vec<_>>();
                items.extend(new.iter().filter(|item| !old.contains(item)).map(|item| ('+', item)));
                if items.is_empty() {
                    f.write_str(" other order")?;
                }
                items.into_iter().try_for_each(|(sign, item)| write!(f, " {sign}{item}"))
            }
            (Some(old), Some(new)) => write!(f, "~ {path} = {new}  # was {old}"),
            (None, Some(new)) => written(f, '+', path, new),
            (Some(old), None) => written(f, '-', path, old),
            (None, None) => Ok(()),
        }
    }
}

fn written(f: &mut fmt::Formatter<'_>, sign: char, path: &str, value: &Value) -> fmt::Result {
    match value {
        Value::Object(_) => write!(f, "{sign} [{path}]"),
        value => write!(f, "{sign} {path} = {value}"),
    }
}
