//! Whether the house is in order: what the compiler does not look for, as findings with a place and a sentence.
//!
//! Rules of the sources are in `text`, of papers in `links`, of manifests in `manifests`, of the import table in `imports`. A test runs them all, so `cargo test` holds
//! them; `cargo xtask tidy` prints them for people and also says which files have grown long.

mod imports;
mod links;
mod manifests;
mod text;

use std::fmt;
use std::fs;
use std::path::Path;

use crate::generate;

/// Folders that hold nothing of ours.
const SKIPPED_FOLDERS: [&str; 6] = ["target", ".git", "corpus", "artifacts", "node_modules", "dist"];

/// Something that is not in order.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// Where, from the root of the workspace.
    place: String,
    /// What is wrong, and what to do.
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A file of the workspace that is text.
struct Source {
    /// Where it lies, from the root, with `/` between the parts.
    path: String,
    text: String,
}

/// Prints findings; fails where there are any.
pub(crate) fn run() -> Result<(), String> {
    let sources = sources()?;
    for source in &sources {
        if let Some(lines) = text::long(source) {
            println!("{}: {lines} lines; look for a second idea in it", source.path);
        }
    }
    let findings = findings(&sources)?;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() { Ok(()) } else { Err(format!("{} findings", findings.len())) }
}

fn findings(sources: &[Source]) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for source in sources {
        text::check(source, &mut findings);
        links::check(source, &generate::root(), &mut findings);
        manifests::check(source, &mut findings);
    }
    manifests::check_rooms(sources, &mut findings);
    imports::check(&generate::root(), &mut findings)?;
    for path in generate::stale()? {
        findings.push(Finding { place: path, message: "not current; run `cargo xtask generate`".to_owned() });
    }
    for path in ["LICENSE-MIT", "LICENSE-APACHE"] {
        if !generate::root().join(path).is_file() {
            findings.push(Finding { place: path.to_owned(), message: "missing".to_owned() });
        }
    }
    Ok(findings)
}

/// Every text file of the workspace, by path.
fn sources() -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    collect(&generate::root(), "", &mut sources)?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn collect(folder: &Path, prefix: &str, sources: &mut Vec<Source>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| format!("{}: {error}", folder.display()))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !SKIPPED_FOLDERS.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{path}/"), sources)?;
        } else if kind.is_file() && name != "Cargo.lock" {
            // What is not UTF-8 is a capture or another binary.
            if let Ok(text) = fs::read_to_string(entry.path()) {
                sources.push(Source { path, text });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{findings, sources};

    #[test]
    fn workspace_is_in_order() {
        let findings = findings(&sources().unwrap()).unwrap();
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "findings:\n{}", lines.join("\n"));
    }
}
