//! Files that are replaced whole: whatever happens, what stands there is the old or the new.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

/// Puts these octets in the place of a file, durably; its owner and mode stay as far as that is allowed. A link stays, and what it points to is replaced.
pub(crate) fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    Draft::new(path, octets)?.put()
}

/// What is to take the place of a file, durable beside it. Dropped, it leaves nothing.
pub(super) struct Draft {
    path: PathBuf,
    beside: PathBuf,
}

impl Draft {
    /// Writes it; the file stays as it is. Where a file can never be replaced, as on a read-only mount, that is said now.
    pub(super) fn new(path: &Path, octets: &[u8]) -> io::Result<Self> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // A file that is a mount of its own need not be as its folder is.
        match OpenOptions::new().write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => return Err(error),
            _ => {}
        }
        let draft = Self { beside: beside(&path)?, path };
        draft.write(octets)?;
        Ok(draft)
    }

    fn write(&self, octets: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.beside)?;
        file.write_all(octets)?;
        if let Ok(old) = fs::metadata(&self.path) {
            // To give a file away is root's alone; others keep their own.
            let _ = chown(&self.beside, Some(old.uid()), Some(old.gid()));
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()
    }

    /// Puts it in the place of the file.
    pub(super) fn put(self) -> io::Result<()> {
        match fs::rename(&self.beside, &self.path) {
            // A mount of its own, as containers have it: nothing can take its place, so it is written where it is.
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                let mut file = OpenOptions::new().write(true).truncate(true).open(&self.path)?;
                io::copy(&mut File::open(&self.beside)?, &mut file)?;
                file.sync_all()
            }
            renamed => {
                renamed?;
                let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                File::open(folder)?.sync_all()
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Where it has taken its place, or was never made, there is nothing.
        let _ = fs::remove_file(&self.beside);
    }
}

/// The name under which it is written first.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    Ok(path.with_file_name(hidden))
}
