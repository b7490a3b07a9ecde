//! Files that are replaced whole: whatever happens, what stands there is the old or the new.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

/// Puts these octets in the place of a file, durably; its owner and mode stay as far as that is allowed. A link stays, and what it points to is replaced.
pub(crate) fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let beside = beside(path)?;
    let written = write(path, &beside, octets);
    if written.is_err() {
        // Nothing of it is to stay; where it was not made there is nothing.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write(path: &Path, beside: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(beside)?;
    file.write_all(octets)?;
    if let Ok(old) = fs::metadata(path) {
        // To give a file away is root's alone; others keep their own.
        let _ = chown(beside, Some(old.uid()), Some(old.gid()));
        file.set_permissions(old.permissions())?;
    }
    file.sync_all()?;
    fs::rename(beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// The name under which it is written first.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    Ok(path.with_file_name(hidden))
}
