//! Options of FastNetMon in the forms in which people have them.
//!
//! Commands of fcli (`set main OPTION VALUE`, `delete main OPTION VALUE`; a `set` of a list adds one), `OPTION = VALUE` of fastnetmon.conf with commas in
//! lists, and JSON, `{"main": {...}}` or the options themselves.

use std::collections::BTreeMap;

use serde_json::Value;

/// Most options.
const MAX_OPTIONS: usize = 100_000;

/// Values by option, in order; those of other trees than `main` have the tree before them.
pub(super) type Options = BTreeMap<String, Vec<String>>;

/// Reads the options of a file. The error is a sentence.
pub(super) fn read(text: &str) -> Result<Options, String> {
    let mut options = Options::new();
    if text.trim_start().starts_with('{') {
        let Value::Object(mut tree) = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))? else {
            return Err("no JSON object".into());
        };
        let main = match tree.remove("main") {
            Some(Value::Object(main)) => {
                tree.into_iter().for_each(|(name, value)| put_json(&mut options, &name, value));
                main
            }
            _ => tree,
        };
        main.into_iter().for_each(|(name, value)| put_json(&mut options, &name, value));
        return Ok(options);
    }
    for (number, line) in (1..).zip(text.lines()) {
        if number > MAX_OPTIONS {
            return Err(format!("more than {MAX_OPTIONS} lines"));
        }
        put_line(&mut options, line.trim());
    }
    Ok(options)
}

fn put_line(options: &mut Options, line: &str) {
    if line.is_empty() || line.starts_with('#') {
        return;
    }
    let mut words = line.split_whitespace().skip_while(|word| ["sudo", "-E", "fcli", "$", "#"].contains(word));
    if let Some(verb @ ("set" | "delete")) = words.next()
        && let (Some(tree), Some(option)) = (words.next(), words.next())
    {
        let name = if tree == "main" { option.to_owned() } else { format!("{tree} {option}") };
        let value = words.collect::<Vec<_>>().join(" ");
        let values = options.entry(name).or_default();
        match verb {
            "delete" => values.retain(|other| *other != value),
            _ => values.push(value.trim_matches(['"', '\'']).to_owned()),
        }
    } else if let Some((name, value)) = line.split_once('=').or_else(|| line.split_once(": ")) {
        let value = value.split(" #").next().unwrap_or_default().trim();
        // What comes later counts.
        let values = value.split(',').map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        options.insert(name.trim().to_owned(), values.collect());
    }
}

fn put_json(options: &mut Options, name: &str, value: Value) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let values = match value {
        Value::Array(values) => values.iter().map(text).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| format!("{key} {}", text(value))).collect(),
        Value::Null => Vec::new(),
        value => vec![text(&value)],
    };
    options.insert(name.to_owned(), values);
}
