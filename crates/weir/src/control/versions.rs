//! What was committed: the last texts, each in a file of its own beside the configuration, with who, when and why.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::replace;

/// Versions that are kept.
pub(crate) const KEPT: usize = 20;

/// A text that was committed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    /// Counted from 1.
    pub(crate) version: u64,
    /// When, RFC 3339.
    pub(crate) time: String,
    /// By whom: the name of a user, `file` where the file was changed by hand, `weir` where the service did it.
    pub(crate) who: String,
    /// The number of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
    /// The whole text.
    pub(crate) text: String,
}

/// Where the versions of a configuration file are.
pub(super) fn folder_of(config: &Path) -> PathBuf {
    let mut name = config.file_name().unwrap_or_default().to_owned();
    name.push(".versions");
    config.with_file_name(name)
}

/// The versions of one configuration.
pub(super) struct Versions {
    folder: PathBuf,
    /// The oldest first.
    kept: Vec<Version>,
}

impl Versions {
    /// Those of a configuration file; what cannot be read is told and left out.
    pub(super) fn of(config: &Path) -> Self {
        let folder = folder_of(config);
        let files = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        let mut kept: Vec<Version> =
            files.filter(|path| path.extension().is_some_and(|end| end == "json")).filter_map(read).collect();
        kept.sort_by_key(|version| version.version);
        Self { folder, kept }
    }

    /// The oldest first.
    pub(super) fn list(&self) -> &[Version] {
        &self.kept
    }

    /// One by its number.
    pub(super) fn get(&self, number: u64) -> Option<&Version> {
        self.kept.iter().find(|version| version.version == number)
    }

    /// The latest.
    pub(super) fn last(&self) -> Option<&Version> {
        self.kept.last()
    }

    /// Keeps another, and lets the oldest go. The error is a sentence; the version is known until the service ends all the same.
    pub(super) fn push(&mut self, who: (&str, Option<u32>), comment: Option<String>, text: &str) -> Result<u64, (u64, String)> {
        let number = self.last().map_or(0, |last| last.version) + 1;
        let time = weir_server::moment::text(crate::collect::now());
        let version = Version { version: number, time, who: who.0.to_owned(), uid: who.1, comment, text: text.to_owned() };
        let written = self.write(&version);
        self.kept.push(version);
        while self.kept.len() > KEPT {
            let oldest = self.kept.remove(0);
            // One that stays is let go with a later one.
            let _ = fs::remove_file(self.path(oldest.version));
        }
        written.map(|()| number).map_err(|error| (number, error))
    }

    fn write(&self, version: &Version) -> Result<(), String> {
        let path = self.path(version.version);
        let text = serde_json::to_vec_pretty(version).map_err(|error| error.to_string())?;
        fs::create_dir_all(&self.folder)
            .and_then(|()| replace(&path, &text))
            .map_err(|error| format!("version {} could not be kept in {}: {error}", version.version, path.display()))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:06}.json"))
    }
}

fn read(path: PathBuf) -> Option<Version> {
    let read = fs::read(&path).map_err(|error| error.to_string());
    let version = read.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    version
        .inspect_err(|error| tracing::warn!(path = %path.display(), error, "a version of the configuration cannot be read"))
        .ok()
}
