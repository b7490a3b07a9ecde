//! Paths of keys, as in `listen.lab.url` or `enrich.prefixes."10.1.0.0/16"`.

use std::fmt;
use std::str::FromStr;

/// Most octets of a path that somebody types.
pub(crate) const MAX_PATH: usize = 1024;

/// The keys from a section down to a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyPath(Vec<String>);

impl KeyPath {
    pub(crate) const fn new(keys: Vec<String>) -> Self {
        Self(keys)
    }

    pub(crate) fn keys(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for KeyPath {
    type Err = String;

    /// Keys with dots between them; one that has dots of its own stands in quotes.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATH {
            return Err(format!("a path of {} octets, expected {MAX_PATH} at the most", text.len()));
        }
        let mut keys = Vec::new();
        let mut rest = text.trim();
        loop {
            let (key, behind) = match rest.chars().next() {
                Some(quote @ ('"' | '\'')) => rest[1..].split_once(quote).ok_or_else(|| {
                    format!("{text}: a quote {quote} has no end: write it as in enrich.prefixes.\"10.1.0.0/16\"")
                })?,
                _ => rest.split_at(rest.find('.').unwrap_or(rest.len())),
            };
            if key.is_empty() {
                return Err(format!("\"{text}\" is no path: write keys with dots between them, as in listen.lab.url"));
            }
            keys.push(key.to_owned());
            rest = match behind.strip_prefix('.') {
                Some(behind) => behind,
                None if behind.is_empty() => return Ok(Self(keys)),
                None => return Err(format!("{text}: a dot is missing before \"{behind}\"")),
            };
        }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, key) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(".")?;
            }
            let is_bare = !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet));
            if is_bare {
                f.write_str(key)?;
            } else {
                toml_edit::Key::new(key.as_str()).fmt(f)?;
            }
        }
        Ok(())
    }
}
