//! The manifest: which data files count, and up to which segment the journal is in them.
//!
//! One JSON file that people can read. It is replaced as a whole (written beside, made durable, renamed, the folder made durable), so that a set of new files
//! counts and the segments that they were made of stop counting in one step. What it does not name does not count.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::times::Times;

/// Name of the manifest inside the store.
pub(crate) const FILE_NAME: &str = "manifest.json";
const VERSION: u32 = crate::FORMAT;

/// A table of data files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// Flow records and samples.
    Flows,
    /// Events, and packets that an exporter reports as dropped.
    Events,
    /// Counter records.
    Counters,
    /// Intake health.
    Health,
    /// Continuous series.
    Series,
}

impl TableKind {
    /// Every table.
    pub const ALL: [Self; 5] = [Self::Flows, Self::Events, Self::Counters, Self::Health, Self::Series];

    /// Its name in SQL, and that of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Events => "events",
            Self::Counters => "counters",
            Self::Health => "health",
            Self::Series => "series",
        }
    }
}

/// A data file, as the manifest knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Whose rows it has.
    pub table: TableKind,
    /// Its name in the store's place of files.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Octets.
    pub octets: u64,
    /// CRC32C of the whole file.
    pub crc32c: u32,
    /// The time that its rows cover.
    pub times: Times,
    /// First and last segment of the journal that its rows are from.
    pub segments: (u64, u64),
    /// 0: of one segment; 1: of an hour; 2: of a day.
    pub level: u8,
    /// When it was written, in nanoseconds since 1970.
    pub made: i64,
}

/// The files that count.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    /// Grows with each change.
    pub(crate) generation: u64,
    /// Segments below this number are in the files; those that are still there are deleted.
    pub(crate) dead_below: u64,
    /// Number that the next merged file has in its name, so that names are never used twice.
    pub(crate) next_merge: u64,
    /// The lowest segment that each fill has reached; 0 where it is done.
    pub(crate) fills: BTreeMap<u64, u64>,
    /// In order of arrival within each table.
    pub(crate) files: Vec<Arc<DataFile>>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self { generation: 0, dead_below: 0, next_merge: 1, fills: BTreeMap::new(), files: Vec::new() }
    }
}

impl Manifest {
    /// Reads the manifest of a store; nothing where it has none yet.
    pub(crate) fn load(store: &Path) -> Result<Option<Self>, StoreError> {
        let path = store.join(FILE_NAME);
        match fs::read(&path) {
            Ok(octets) => Self::parse(&octets, &path).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }

    /// Reads a manifest that stands in memory.
    pub(crate) fn parse(octets: &[u8], path: &Path) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        #[derive(Deserialize)]
        struct Written {
            generation: u64,
            dead_below: u64,
            next_merge: u64,
            #[serde(default)]
            fills: BTreeMap<u64, u64>,
            files: Vec<DataFile>,
        }
        let damaged = |error: serde_json::Error| StoreError::Damaged { path: path.to_owned(), what: error.to_string() };
        let Version { version } = serde_json::from_slice(octets).map_err(damaged)?;
        if version != VERSION {
            return Err(StoreError::Version { path: path.to_owned(), found: version.to_string() });
        }
        let Written { generation, dead_below, next_merge, fills, files } = serde_json::from_slice(octets).map_err(damaged)?;
        let manifest = Self { generation, dead_below, next_merge, fills, files: files.into_iter().map(Arc::new).collect() };
        match manifest.files.iter().find(|file| !is_plain(&file.name)) {
            Some(file) => Err(StoreError::Damaged { path: path.to_owned(), what: format!("name of a file: {:?}", file.name) }),
            None => Ok(manifest),
        }
    }

    /// Replaces the manifest of a store; durable when it returns.
    pub(crate) fn save(&self, store: &Path) -> Result<Vec<u8>, StoreError> {
        let path = store.join(FILE_NAME);
        let octets = self.to_json();
        replace(&path, &octets)?;
        Ok(octets)
    }

    /// The files of a table, in order of arrival.
    pub(crate) fn of(&self, table: TableKind) -> impl Iterator<Item = &Arc<DataFile>> {
        self.files.iter().filter(move |file| file.table == table)
    }

    /// Octets of all files.
    pub(crate) fn octets(&self) -> u64 {
        self.files.iter().map(|file| file.octets).sum()
    }

    /// One line a file, so that people and `grep` can read it.
    fn to_json(&self) -> Vec<u8> {
        let mut text = format!(
            "{{\"version\":{VERSION},\"generation\":{},\"dead_below\":{},\"next_merge\":{},",
            self.generation, self.dead_below, self.next_merge
        )
        .into_bytes();
        if !self.fills.is_empty() {
            let fills: Vec<String> = self.fills.iter().map(|(id, mark)| format!("\"{id}\":{mark}")).collect();
            text.extend_from_slice(format!("\"fills\":{{{}}},", fills.join(",")).as_bytes());
        }
        text.extend_from_slice(b"\"files\":[");
        for (index, file) in self.files.iter().enumerate() {
            text.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
            // A structure of numbers and texts is always JSON, and memory takes every octet.
            let _ = serde_json::to_writer(&mut text, file.as_ref());
        }
        text.extend_from_slice(b"\n]}\n");
        text
    }
}

/// A name that stays inside the store: the manifest may have been edited.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.split('/').all(|part| !matches!(part, "" | "." | "..")) && !name.contains(['\\', '\0'])
}

/// Replaces a file as a whole: after a crash it is the old one or the new one, and the new one once this returns.
pub(crate) fn replace(path: &Path, octets: &[u8]) -> Result<(), StoreError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(octets)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    if let Err(error) = write() {
        // What is left of it takes room, and a full disk is the likely reason.
        let _ = fs::remove_file(&beside);
        return Err(StoreError::io("write", path)(error));
    }
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::io("make durable", folder))
}

#[cfg(test)]
mod tests;
