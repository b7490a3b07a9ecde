//! The place of profiles, chapters and dashboards: a file in the folder of the store, replaced whole with every change.

mod sums;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_server::{Filling, Library, Shelf};

pub(crate) use sums::{ChannelSums, plain_summary};

use crate::collect::now;
use crate::control::replace_file;
use crate::exit::Failure;

/// Name of the file.
const FILE: &str = "objects.json";

/// Opens what is kept in this folder.
pub(crate) fn open(folder: &Path, sums: &Arc<ChannelSums>) -> Result<Arc<Library>, Failure> {
    let path = folder.join(FILE);
    let failed = |error: String| {
        let path = path.display();
        Failure::Failed(format!("profiles and dashboards in {path}: {error}; move the file away to begin anew"))
    };
    let library = Library::open(Box::new(FileShelf { path: path.clone(), sums: Arc::clone(sums) }), now()).map_err(failed)?;
    Ok(Arc::new(library))
}

/// A file on a disk of this machine.
struct FileShelf {
    path: PathBuf,
    sums: Arc<ChannelSums>,
}

impl Shelf for FileShelf {
    fn load(&self) -> Result<Option<Vec<u8>>, String> {
        match fs::read(&self.path) {
            Ok(octets) => Ok(Some(octets)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn save(&self, objects: &[u8]) -> Result<(), String> {
        replace_file(&self.path, objects).map_err(|error| format!("{}: {error}", self.path.display()))
    }

    fn keep_sums(&self, filters: &BTreeSet<String>) {
        if let Err(error) = self.sums.keep(filters) {
            tracing::error!(
                error,
                "sums of channels cannot be kept: views are worked out from records until the service starts again"
            );
        }
    }

    fn filling(&self, filter: &str) -> Option<Filling> {
        self.sums.filling(filter)
    }
}
