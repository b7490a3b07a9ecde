//! Puts the console as it was built (`make ui`) into this crate: a table of its files, each with its compressed forms. Without it the table is empty.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let built = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../../ui/dist");
    // The folder is always there, so that a build without the console is no reason to build again.
    println!("cargo::rerun-if-changed={}", built.display());
    let site = built.join("site");
    let mut files = BTreeMap::new();
    if site.is_dir() {
        collect(&site, "", &mut files)?;
    }
    let mut table = String::from("&[\n");
    for (name, path) in &files {
        if compressed(name) {
            continue;
        }
        let form = |ending: &str| match files.get(&format!("{name}.{ending}")) {
            Some(path) => format!("Some(include_bytes!({path:?}))"),
            None => "None".to_owned(),
        };
        let mut hash = DefaultHasher::new();
        fs::read(path)?.hash(&mut hash);
        // Writing to a String does not fail.
        let _ = writeln!(
            table,
            "File {{ path: {name:?}, tag: \"\\\"{:016x}\\\"\", plain: include_bytes!({path:?}), gzip: {}, brotli: {} }},",
            hash.finish(),
            form("gz"),
            form("br")
        );
    }
    table.push_str("]\n");
    fs::write(Path::new(&variable("OUT_DIR")?).join("site.rs"), table)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

fn compressed(name: &str) -> bool {
    name.ends_with(".gz") || name.ends_with(".br")
}

/// The files of a folder and of those in it, by their paths of URLs.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &name, files)?;
        } else {
            files.insert(name, entry.path().canonicalize()?);
        }
    }
    Ok(())
}
