//! Why a configuration is refused: where it stands, what was expected, what was probably meant.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

/// Reads a TOML text; `name` stands in the error.
pub(super) fn read_toml<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, String> {
    let line = |error: &toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        before.map_or_else(String::new, |before| format!(" line {}", before.matches('\n').count() + 1))
    };
    let parsed = toml::Deserializer::parse(text).map_err(|error| format!("{name}{}: {}", line(&error), error.message()))?;
    serde_path_to_error::deserialize(parsed).map_err(|error| {
        let inner = error.inner();
        format!("{name}{}: {}", line(inner), explain(error.path(), inner.message()))
    })
}

/// Reads the pairs of a URL's query, `key=value` joined by `&`.
pub(super) fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, String> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| explain(error.path(), &error.inner().to_string()))
}

/// The key and what is wrong with it. Of unknown keys and words serde lists all that it knows; the nearest is said.
fn explain(path: &Path, message: &str) -> String {
    let mut key = path.to_string();
    if let Some(missing) = quoted(message.strip_prefix("missing field ")).next() {
        return if key == "." { format!("{missing} is missing") } else { format!("{key}.{missing} is missing") };
    }
    if let Some(twice) = quoted(message.strip_prefix("duplicate field ")).next() {
        return format!("{twice} stands twice");
    }
    let unknown = ["unknown field ", "unknown variant "].into_iter().find_map(|start| message.strip_prefix(start));
    let mut words = quoted(unknown);
    let Some(wrong) = words.next() else {
        return if key == "." { message.to_owned() } else { format!("{key}: {message}") };
    };
    let known: Vec<&str> = words.collect();
    // Some deserializers leave the key itself out of the path.
    let last = path.iter().next_back();
    if message.starts_with("unknown field") && !matches!(last, Some(Segment::Map { key }) if key == wrong) {
        key = if key == "." { wrong.to_owned() } else { format!("{key}.{wrong}") };
    }
    let what = if message.starts_with("unknown field") { "unknown key".to_owned() } else { format!("unknown word \"{wrong}\"") };
    match nearest(wrong, &known) {
        Some(nearest) => format!("{key}: {what}; did you mean {nearest}?"),
        None => format!("{key}: {what}, expected {}", one_of(&known)),
    }
}

/// The word that was probably meant.
pub(crate) fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |word: &&str| strsim::damerau_levenshtein(wrong, word);
    let nearest = known.iter().copied().min_by_key(distance)?;
    (distance(&nearest) <= wrong.chars().count().div_ceil(2)).then_some(nearest)
}

/// The words between backticks.
fn quoted(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split('`').skip(1).step_by(2)
}

/// `a, b or c`.
fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".into(),
        [word] => (*word).into(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
