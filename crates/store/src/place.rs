//! Where the files of a store lie: a local directory, or any store that speaks the protocol of Amazon S3.
//!
//! Files are written once and whole: a name is either absent or a complete file. Names are relative and divided by `/`. Calls block; those to
//! a remote store run on a small runtime of the place. The journal and the manifest need a local directory and do not use this.

mod local;
mod remote;

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStore;

use remote::Remote;
pub use remote::S3Options;

/// Where files lie. Copies are cheap and mean the same place.
#[derive(Clone)]
pub struct Place {
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Local(Arc<Path>),
    Remote(Arc<Remote>),
}

/// A file of a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlaceEntry {
    /// Its name, relative to the place.
    pub name: String,
    /// Its length in octets.
    pub size: u64,
}

impl Place {
    /// A local directory. It is made when the first file is put there.
    pub fn local(directory: impl Into<PathBuf>) -> Self {
        Self { kind: Kind::Local(directory.into().into()) }
    }

    /// The place of a path, `file:///path` or `s3://bucket/prefix`.
    ///
    /// What `s3` leaves open is taken from the usual variables of the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` and so on). Nothing is
    /// read or written yet.
    ///
    /// # Errors
    /// Where the text is of another scheme, or the settings do not make a store.
    pub fn open(url: &str, s3: &S3Options) -> Result<Self, PlaceError> {
        let fault = |message: &str| PlaceError::Url { url: url.into(), message: message.into() };
        match url.split_once("://") {
            None if url.is_empty() => Err(fault("expected a path or s3://bucket/prefix")),
            None => Ok(Self::local(url)),
            Some(("file", path)) if path.starts_with('/') => Ok(Self::local(path)),
            Some(("file", _)) => Err(fault("expected file:///path")),
            Some(("s3", rest)) => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let store = remote::s3(bucket, s3).map_err(|error| fault(&error))?;
                Self::remote(store, prefix)
            }
            Some(_) => Err(fault("expected a path or s3://bucket/prefix")),
        }
    }

    /// A part of an object store.
    pub(crate) fn remote(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, PlaceError> {
        Ok(Self { kind: Kind::Remote(Arc::new(Remote::new(store, prefix)?)) })
    }

    /// Writes a file whole; when the call returns it is durable. A file of that name is replaced.
    ///
    /// # Errors
    /// Where it cannot be written; nothing of that name is there then, or what was there before.
    pub fn put(&self, name: &str, octets: Vec<u8>) -> Result<(), PlaceError> {
        check(name)?;
        match &self.kind {
            Kind::Local(root) => local::put(root, name, &octets),
            Kind::Remote(remote) => remote.put(name, octets.into()),
        }
    }

    /// Takes over a finished local file: when the call returns it is durable under that name, and `finished` is gone.
    ///
    /// # Errors
    /// Where it cannot be written; `finished` is still there then.
    pub fn put_file(&self, name: &str, finished: &Path) -> Result<(), PlaceError> {
        check(name)?;
        match &self.kind {
            Kind::Local(root) => local::put_file(root, name, finished),
            Kind::Remote(remote) => {
                remote.put_file(name, finished)?;
                std::fs::remove_file(finished).map_err(|source| PlaceError::io(name, "remove the copy of", source))
            }
        }
    }

    /// The octets of a file.
    ///
    /// # Errors
    /// Where there is no such file or it cannot be read.
    pub fn get(&self, name: &str) -> Result<Bytes, PlaceError> {
        check(name)?;
        match &self.kind {
            Kind::Local(root) => {
                std::fs::read(root.join(name)).map(Bytes::from).map_err(|source| PlaceError::io(name, "read", source))
            }
            Kind::Remote(remote) => remote.get(name),
        }
    }

    /// The octets of a part of a file.
    ///
    /// # Errors
    /// Where there is no such file, it is shorter or cannot be read.
    pub fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, PlaceError> {
        check(name)?;
        match &self.kind {
            Kind::Local(root) => local::get_range(root, name, range),
            Kind::Remote(remote) => remote.get_range(name, range),
        }
    }

    /// The length of a file in octets.
    ///
    /// # Errors
    /// Where there is no such file.
    pub fn size(&self, name: &str) -> Result<u64, PlaceError> {
        check(name)?;
        match &self.kind {
            Kind::Local(root) => std::fs::metadata(root.join(name))
                .map(|data| data.len())
                .map_err(|source| PlaceError::io(name, "look at", source)),
            Kind::Remote(remote) => remote.size(name),
        }
    }

    /// Removes a file. One that is absent already is no error.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn delete(&self, name: &str) -> Result<(), PlaceError> {
        check(name)?;
        let result = match &self.kind {
            Kind::Local(root) => std::fs::remove_file(root.join(name)).map_err(|source| PlaceError::io(name, "remove", source)),
            Kind::Remote(remote) => remote.delete(name),
        };
        result.or_else(|error| if error.is_absent() { Ok(()) } else { Err(error) })
    }

    /// The files of a folder and below, by name; of the whole place where `folder` is empty. Files that were never finished are among them.
    ///
    /// # Errors
    /// Where the place cannot be read.
    pub fn list(&self, folder: &str) -> Result<Vec<PlaceEntry>, PlaceError> {
        if !folder.is_empty() {
            check(folder)?;
        }
        let mut entries = match &self.kind {
            Kind::Local(root) => local::list(root, folder)?,
            Kind::Remote(remote) => remote.list(folder)?,
        };
        entries.sort();
        Ok(entries)
    }

    /// The path of a file in the local file system; nothing where the place is remote.
    pub fn local_path(&self, name: &str) -> Option<PathBuf> {
        match &self.kind {
            Kind::Local(root) => check(name).ok().map(|()| root.join(name)),
            Kind::Remote(_) => None,
        }
    }

    /// Makes the folder where a file will lie, durably; nothing is to be made where the place is remote.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(crate) fn make_folder(&self, name: &str) -> Result<(), PlaceError> {
        match &self.kind {
            Kind::Local(root) => {
                check(name)?;
                local::make_parent(root, &root.join(name)).map_err(|source| PlaceError::io(name, "create the folder of", source))
            }
            Kind::Remote(_) => Ok(()),
        }
    }

    /// Opens a local file for reading; nothing where the place is remote.
    ///
    /// # Errors
    /// Where there is no such file or it cannot be read.
    pub fn open_local(&self, name: &str) -> Option<Result<File, PlaceError>> {
        let path = self.local_path(name)?;
        Some(File::open(path).map_err(|source| PlaceError::io(name, "open", source)))
    }

    /// True for a local directory.
    pub const fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Local(_))
    }
}

/// The path, or the store and the prefix.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Local(root) => root.display().fmt(f),
            Kind::Remote(remote) => remote.fmt(f),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

/// A name leads nowhere but below the place.
fn check(name: &str) -> Result<(), PlaceError> {
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
    if name.split('/').all(is_part) { Ok(()) } else { Err(PlaceError::Name { name: name.into() }) }
}

/// What went wrong with a file of a place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// There is no such file.
    #[error("{name}: no such file")]
    Absent {
        /// The name.
        name: String,
    },
    /// The local file system refused.
    #[error("cannot {what} {name}: {source}")]
    Io {
        /// The name.
        name: String,
        /// What was tried.
        what: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// The remote store refused or did not answer.
    #[error("cannot {what} {name} in {place}: {message}")]
    Remote {
        /// The name.
        name: String,
        /// Where.
        place: String,
        /// What was tried.
        what: &'static str,
        /// The reason.
        message: String,
        /// True where trying again later may help.
        temporary: bool,
    },
    /// A text that is no place.
    #[error("{url}: {message}")]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        message: String,
    },
    /// A name that is empty or leads out of the place.
    #[error("`{name}` is no name of a file")]
    Name {
        /// The name.
        name: String,
    },
}

impl PlaceError {
    /// True where the file does not exist.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }

    /// True where the place is away or busy, so that trying again later may help.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Remote { temporary: true, .. })
    }

    fn io(name: &str, what: &'static str, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::NotFound {
            return Self::Absent { name: name.into() };
        }
        Self::Io { name: name.into(), what, source }
    }
}

#[cfg(test)]
mod tests;
