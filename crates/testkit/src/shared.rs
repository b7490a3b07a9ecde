//! The shared material: captures, and the truth about them that independent tools found.
//!
//! It lies outside of the repository because much of it may not be redistributed. Tests that need it say what they skip
//! where it is absent.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// The folder of the shared material: the environment variable `WEIR_SHARED`, else `shared` beside the workspace.
/// None where it is absent; a test then prints "skipped: ..." and ends.
pub fn shared_dir() -> Option<PathBuf> {
    // Asked for when the test runs: a build that several checkouts share was made in another of them.
    let package = || env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let beside = || PathBuf::from(package()).join("../../../shared");
    let folder = env::var_os("WEIR_SHARED").map_or_else(beside, PathBuf::from);
    folder.canonicalize().ok().filter(|folder| folder.is_dir())
}

/// All values of a JSON Lines file, or of the compressed file of that name with `.gz` added.
pub fn json_lines(path: &Path) -> Vec<Value> {
    let lines = BufReader::new(open(path)).lines();
    lines
        .zip(1..)
        .map(|(line, number)| {
            let parsed = line.map_err(|error| error.to_string());
            let parsed = parsed.and_then(|line| serde_json::from_str(&line).map_err(|error| error.to_string()));
            parsed.unwrap_or_else(|error| panic!("{} line {number}: {error}", path.display()))
        })
        .collect()
}

/// The one value of a JSON file, or of the compressed file of that name with `.gz` added.
pub fn json_object(path: &Path) -> Value {
    serde_json::from_reader(BufReader::new(open(path))).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Opens the file, or its compressed copy: the truth does not say which of its files are compressed.
fn open(path: &Path) -> Box<dyn Read> {
    let compressed = path.with_added_extension("gz");
    let path = if compressed.exists() { &compressed } else { path };
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension() == Some(OsStr::new("gz")) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) }
}
