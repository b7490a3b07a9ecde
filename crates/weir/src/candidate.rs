//! A configuration that is being edited: its keys by path, its text changed in place, and what differs from another.
//!
//! Nothing here knows the keys by heart: which there are, and what they take, is asked of the types that read the configuration.

mod diff;
mod edit;
mod path;
mod probe;
mod schema;

pub(crate) use diff::{Change, differences, value_at};
pub(crate) use path::KeyPath;
pub(crate) use probe::Node;
pub(crate) use schema::{complete_path, complete_value, resolve};

use serde::{Deserialize, Serialize};

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Edit {
    /// It has these values from now on; several are for lists, none is for sections, which take their defaults.
    Set(String, Vec<String>),
    /// A list gains these.
    Add(String, Vec<String>),
    /// It is no longer written.
    Unset(String),
    /// A list loses this.
    Remove(String, String),
}

impl Edit {
    /// What it takes to keep it.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Self::Set(path, values) | Self::Add(path, values) => path.len() + values.iter().map(String::len).sum::<usize>(),
            Self::Unset(path) => path.len(),
            Self::Remove(path, value) => path.len() + value.len(),
        }
    }

    /// The text after the change. The error is a sentence that begins with the path, and nothing has changed then.
    pub(crate) fn apply(&self, text: &str) -> Result<String, String> {
        let (Self::Set(path, _) | Self::Add(path, _) | Self::Unset(path) | Self::Remove(path, _)) = self;
        let typed: KeyPath = path.parse()?;
        // What is no longer known can be taken away all the same.
        let (path, node) = match (resolve(&typed), self) {
            (Ok(found), _) => found,
            (Err(_), Self::Unset(_)) => (typed, Node::Section(&[])),
            (Err(error), _) => return Err(error),
        };
        let edited = match self {
            Self::Set(_, values) => schema::value(&path, &node, values).and_then(|value| match value {
                Some(value) => edit::set(text, path.keys(), value),
                None => edit::open(text, path.keys()),
            }),
            Self::Add(_, values) => schema::items(&path, &node, values).and_then(|values| edit::add(text, path.keys(), values)),
            Self::Unset(_) => edit::unset(text, path.keys()),
            Self::Remove(_, value) => edit::remove(text, path.keys(), value),
        };
        edited.map_err(|error| format!("{path}: {error}"))
    }
}

/// The text with exactly this value at the path, or with a section where it is an empty table; whether the key takes it has to be checked with the whole text.
/// The error is a sentence that begins with the path.
pub(crate) fn write(text: &str, path: &KeyPath, value: &serde_json::Value) -> Result<String, String> {
    let (path, _) = resolve(path)?;
    let written = match value {
        serde_json::Value::Object(table) if table.is_empty() => edit::open(text, path.keys()),
        value => literal(value).ok_or_else(|| "is no value of TOML".into()).and_then(|value| edit::set(text, path.keys(), value)),
    };
    written.map_err(|error| format!("{path}: {error}"))
}

fn literal(value: &serde_json::Value) -> Option<toml_edit::Value> {
    use serde_json::Value;
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number.as_i64().map(Into::into).or_else(|| number.as_f64().map(Into::into))?,
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => toml_edit::Value::Array(items.iter().map(literal).collect::<Option<_>>()?),
        Value::Object(table) => {
            let mut inline = toml_edit::InlineTable::new();
            for (key, value) in table {
                inline.insert(key, literal(value)?);
            }
            inline.into()
        }
    })
}

#[cfg(test)]
mod tests;
