//! Files of a local directory: written beside their name, made durable, then renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{PlaceEntry, PlaceError};

/// What the names of unfinished files end with, before their number.
const UNFINISHED: &str = ".unfinished";

pub(super) fn put(root: &Path, name: &str, octets: &[u8]) -> Result<(), PlaceError> {
    let path = root.join(name);
    let unfinished = unfinished(&path);
    let written = make_parent(root, &path)
        .and_then(|()| File::create_new(&unfinished))
        .and_then(|mut file| file.write_all(octets))
        .map_err(|source| written_not(name, source))
        .and_then(|()| put_file(root, name, &unfinished));
    if written.is_err() {
        // What is left would be removed when the store opens next; room may be short now.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

pub(super) fn put_file(root: &Path, name: &str, finished: &Path) -> Result<(), PlaceError> {
    let path = root.join(name);
    make_parent(root, &path)
        .and_then(|()| File::open(finished)?.sync_all())
        .and_then(|()| fs::rename(finished, &path))
        .and_then(|()| path.parent().map_or(Ok(()), sync_folder))
        .map_err(|source| written_not(name, source))
}

pub(super) fn get_range(root: &Path, name: &str, range: Range<u64>) -> Result<Bytes, PlaceError> {
    let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let read = || {
        let file = File::open(root.join(name))?;
        if range.end > file.metadata()?.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut octets = vec![0; length];
        file.read_exact_at(&mut octets, range.start)?;
        Ok(octets.into())
    };
    read().map_err(|source: io::Error| PlaceError::io(name, "read", source))
}

pub(super) fn list(root: &Path, folder: &str) -> Result<Vec<PlaceEntry>, PlaceError> {
    let mut entries = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(path) = folders.pop() {
        let fault = |source| PlaceError::io(&path.display().to_string(), "list", source);
        let listed = match fs::read_dir(&path) {
            // A place without a file has no directory yet; and a folder may go while others are listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            listed => listed.map_err(fault)?,
        };
        for entry in listed {
            let entry = entry.map_err(fault)?;
            match entry.metadata() {
                Ok(data) if data.is_dir() => folders.push(entry.path()),
                Ok(data) => entries.push((entry.path(), data.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(fault(error)),
            }
        }
    }
    let named = |(path, size): (PathBuf, u64)| {
        let name = path.strip_prefix(root).ok()?.to_str()?.to_owned();
        Some(PlaceEntry { name, size })
    };
    Ok(entries.into_iter().filter_map(named).collect())
}

/// Makes what is written to a folder's list of names durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    super::tests::SYNCED.with_borrow_mut(|synced| synced.push(path.to_owned()));
    File::open(path)?.sync_all()
}

/// Makes the folders above a file, each durable in the one above it.
pub(super) fn make_parent(root: &Path, path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) else {
        return Ok(());
    };
    fs::create_dir_all(parent)?;
    for folder in parent.ancestors().take_while(|folder| folder.starts_with(root)) {
        if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
            sync_folder(above)?;
        }
    }
    Ok(())
}

/// A name beside the file that no other writer uses.
fn unfinished(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.as_os_str().to_owned();
    name.push(format!("{UNFINISHED}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    name.into()
}

/// A missing folder while writing is no absent file.
fn written_not(name: &str, source: io::Error) -> PlaceError {
    PlaceError::Io { name: name.into(), what: "write", source }
}
