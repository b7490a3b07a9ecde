//! Files that are derived from others: which they are, writing them, telling whether they are current.

use std::fs;
use std::path::PathBuf;

use crate::{elements, manual, samples};

/// A file that is derived.
pub(crate) struct Derived {
    /// Where it lies, from the root of the workspace.
    pub(crate) path: String,
    /// What it should contain.
    pub(crate) content: Vec<u8>,
}

/// The root of the workspace: by what cargo says at run time, since a build may be shared by several clones.
pub(crate) fn root() -> PathBuf {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR");
    folder.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from).join("..")
}

/// Writes every derived file.
pub(crate) fn write() -> Result<(), String> {
    for Derived { path, content } in derived()? {
        let target = root().join(&path);
        if fs::read(&target).is_ok_and(|current| current == content) {
            println!("{path}: current");
            continue;
        }
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fs::write(&target, &content).map_err(|error| format!("{path}: {error}"))?;
        println!("{path}: written, {} octets", content.len());
    }
    Ok(())
}

/// Compares every derived file with what is there.
pub(crate) fn check() -> Result<(), String> {
    let stale = stale()?;
    if stale.is_empty() { Ok(()) } else { Err(format!("not current, run `cargo xtask generate`: {}", stale.join(", "))) }
}

/// Derived files that are not what they should be.
pub(crate) fn stale() -> Result<Vec<String>, String> {
    let differs = |file: &Derived| fs::read(root().join(&file.path)).ok().as_ref() != Some(&file.content);
    Ok(derived()?.into_iter().filter(differs).map(|file| file.path).collect())
}

fn derived() -> Result<Vec<Derived>, String> {
    let mut files = vec![elements::table()?, manual::columns(), manual::faults()];
    files.extend(samples::files());
    Ok(files)
}
