//! `weir import`: the configuration of another program, taken over as far as it has a counterpart.

mod fcli;
mod options;

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::Serialize;

use crate::args::{FcliArgs, Format};
use crate::candidate::Edit;
use crate::exit::{Failure, Outcome, tell};

/// Most octets of a file.
const MAX_FILE: u64 = 16 << 20;

/// What came of options.
#[derive(Debug, Default, Serialize)]
struct Taken {
    /// The configuration.
    toml: String,
    /// Options that have a counterpart.
    taken: Vec<String>,
    /// Options that have none, or whose value makes no sense, and why.
    left: Vec<Left>,
}

/// An option without a counterpart.
#[derive(Debug, Serialize)]
struct Left {
    option: String,
    value: String,
    why: String,
}

/// Prints what FastNetMon was told as a configuration.
pub(crate) fn run(typed: &FcliArgs) -> Result<Outcome, Failure> {
    let text = read(&typed.file)?;
    let options = options::read(&text).map_err(|error| Failure::Misuse(format!("{}: {error}", typed.file.display())))?;
    let taken = fcli::take(&options);
    if taken.taken.is_empty() {
        return Err(Failure::Misuse(format!(
            "{}: no option has a counterpart: expected lines such as \"set main netflow enable\" or \"netflow = on\", or a JSON object",
            typed.file.display()
        )));
    }
    let mut out = io::stdout().lock();
    if typed.format == Format::Json {
        let line = serde_json::to_string(&taken).map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{line}")?;
        return Ok(Outcome::Done);
    }
    out.write_all(taken.toml.as_bytes())?;
    out.flush()?;
    for Left { option, value, why } in &taken.left {
        tell(&format!("not taken over: {option} = {value}: {why}"));
    }
    let (count, left) = (taken.taken.len(), taken.left.len());
    tell(&format!("{count} options were taken over, {left} were not; look at the result with `weir check`"));
    Ok(Outcome::Done)
}

fn read(path: &Path) -> Result<String, Failure> {
    let refuse = |error: io::Error| Failure::Misuse(format!("cannot read {}: {error}", path.display()));
    let mut text = String::new();
    let read = match path.as_os_str() == "-" {
        true => io::stdin().lock().take(MAX_FILE).read_to_string(&mut text),
        false => fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text)),
    };
    read.map_err(refuse)?;
    Ok(text)
}

impl Taken {
    /// Sets a key because of an option.
    fn set(&mut self, option: &str, path: &str, value: &str) {
        self.edit(option, value, &[Edit::Set(path.to_owned(), vec![value.to_owned()])]);
    }

    /// Adds to a list because of an option.
    fn add(&mut self, option: &str, path: &str, value: &str) {
        self.edit(option, value, &[Edit::Add(path.to_owned(), vec![value.to_owned()])]);
    }

    /// Sets keys of a section because of a value of an option: all of them, or none.
    fn section(&mut self, option: &str, value: &str, section: &str, keys: &[(&str, &str)]) {
        let edits: Vec<_> = keys.iter().map(|(key, to)| Edit::Set(format!("{section}.{key}"), vec![(*to).to_owned()])).collect();
        self.edit(option, value, &edits);
    }

    fn edit(&mut self, option: &str, value: &str, edits: &[Edit]) {
        match edits.iter().try_fold(self.toml.clone(), |text, edit| edit.apply(&text)) {
            Ok(text) => {
                self.toml = text;
                self.note(option);
            }
            Err(why) => self.leave(option, value, &why),
        }
    }

    /// An option that has a counterpart.
    fn note(&mut self, option: &str) {
        if !self.taken.iter().any(|taken| taken == option) {
            self.taken.push(option.to_owned());
        }
    }

    fn leave(&mut self, option: &str, value: &str, why: &str) {
        self.left.push(Left { option: option.to_owned(), value: value.to_owned(), why: why.to_owned() });
    }
}

#[cfg(test)]
mod tests;
