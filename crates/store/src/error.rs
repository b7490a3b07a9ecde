//! What can go wrong with a store.

use std::io;
use std::path::{Path, PathBuf};

use crate::place::PlaceError;

/// Why the store could not do what was asked. Whatever it is, what was stored before stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused something.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process writes to this store.
    #[error("the store {} is in use by {}; a store has one writer, so stop that one or name another path", path.display(), process(*pid))]
    Locked {
        /// The store.
        path: PathBuf,
        /// Its process, where it is known.
        pid: Option<u32>,
    },
    /// There is no store here.
    #[error("there is no store in {}", path.display())]
    Absent {
        /// The folder.
        path: PathBuf,
    },
    /// The store, or a file of it, has a format of another version.
    #[error("{} has format {found}; this program reads format {}", path.display(), crate::FORMAT)]
    Version {
        /// The file that says so.
        path: PathBuf,
        /// The format that it has.
        found: String,
    },
    /// Content that does not make sense.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// A file that counted when the reader began is deleted by now.
    #[error("{name} was replaced or deleted meanwhile; ask again")]
    Gone {
        /// The file, as the manifest names it.
        name: String,
    },
    /// The disk is full and retention has nothing left that may go.
    #[error("no room in {}: {what}", path.display())]
    NoRoom {
        /// The store.
        path: PathBuf,
        /// What was too much.
        what: String,
    },
    /// A batch over the limits of a journal block.
    #[error(
        "a batch of {rows} rows does not fit a block of the journal, which holds 1,048,576 rows and 256 MiB; append it in parts"
    )]
    TooLarge {
        /// Its rows.
        rows: usize,
    },
    /// Rows that a columnar file cannot hold.
    #[error("a data file cannot be written: {what}")]
    Encode {
        /// What is too much.
        what: String,
    },
    /// A setting, a text or an answer goes past a limit.
    #[error("{what}")]
    Limit {
        /// Which, and what to change.
        what: String,
    },
    /// The place where data files lie failed.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Whoever asked does not want the answer any more.
    #[error("cancelled")]
    Cancelled,
}

impl StoreError {
    /// What makes an error of the operating system one of the store: what was tried, and with which file.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }

    /// True where the reason is that a disk is full.
    pub fn is_no_room(&self) -> bool {
        let full = |error: &io::Error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        match self {
            Self::NoRoom { .. } => true,
            Self::Io { source, .. } | Self::Place(PlaceError::Io { source, .. }) => full(source),
            _ => false,
        }
    }
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
