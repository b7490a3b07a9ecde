//! Opening a store that an earlier run left, however that ended.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use crate::error::StoreError;
use crate::journal::{self, Found, Segment, file_name, find_blocks};
use crate::manifest::{self, Manifest, TableKind};
use crate::place::Place;
use crate::store::StoreConfig;

/// Most faults that are told one by one.
const MAX_TOLD: usize = 100;

/// What opening a store found.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Segments of the journal that are not in files yet.
    pub segments: u64,
    /// Their blocks.
    pub blocks: u64,
    /// The rows of these.
    pub rows: u64,
    /// Octets at the ends of segments that were no whole block, as a crash in the middle of a write leaves them; cut off.
    pub octets_cut: u64,
    /// Damaged places before the end of a segment; what comes after them counts.
    pub damaged: u64,
    /// Octets of these.
    pub octets_damaged: u64,
    /// Segments that cannot be read; set aside under another name.
    pub unreadable: u64,
    /// Segments that were in files already; deleted.
    pub segments_deleted: u64,
    /// Data files that the manifest does not name; deleted.
    pub files_deleted: u64,
    /// Data files that the manifest names and that are not there.
    pub files_missing: u64,
    /// The faults among these in words, the first hundred.
    pub faults: Vec<String>,
}

impl Recovery {
    fn tell(&mut self, fault: String) {
        tracing::warn!("{fault}");
        if self.faults.len() < MAX_TOLD {
            self.faults.push(fault);
        }
    }
}

/// A store as it was left, made fit for going on.
pub(crate) struct Recovered {
    pub(crate) manifest: Manifest,
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) next_segment: u64,
    pub(crate) recovery: Recovery,
}

/// Reads the manifest, deletes what does not count, and lists the blocks of the segments that do.
pub(crate) fn recover(config: &StoreConfig) -> Result<Recovered, StoreError> {
    let mut recovery = Recovery::default();
    let manifest = match Manifest::load(&config.path)? {
        Some(manifest) => manifest,
        None => begin(config)?,
    };
    let manifest = drop_missing(config, manifest, &mut recovery)?;
    // Where some are missing, others may be of the same past: they are left for somebody to look at.
    if recovery.files_missing == 0 && !is_behind(&config.files, &manifest, &mut recovery) {
        delete_unnamed(&config.files, &manifest, &mut recovery);
    }

    let folder = config.path.join(journal::FOLDER);
    let numbers = journal::list(&folder).map_err(StoreError::io("list", &folder))?;
    let next_segment = numbers.last().map_or(1, |last| last + 1).max(manifest.dead_below).max(1);
    let (dead, alive): (Vec<u64>, Vec<u64>) = numbers.into_iter().partition(|number| *number < manifest.dead_below);
    for number in dead {
        let path = folder.join(file_name(number));
        match fs::remove_file(&path) {
            Ok(()) => recovery.segments_deleted += 1,
            Err(error) => recovery.tell(format!("cannot delete {}, whose rows are in data files: {error}", path.display())),
        }
    }
    let mut segments = Vec::new();
    for number in &alive {
        // Whatever was written shortly before a crash of the machine is in the last segments; older ones were durable long before, and are checked when they are read.
        let is_last = alive.last() == Some(number);
        segments.extend(recover_segment(&folder, *number, is_last, &mut recovery));
    }
    Ok(Recovered { manifest, segments, next_segment, recovery })
}

/// The manifest of a new store.
fn begin(config: &StoreConfig) -> Result<Manifest, StoreError> {
    // Without a manifest no data file counts, and would be deleted: better to stop where somebody lost it.
    for table in TableKind::ALL {
        if config.files.list(table.name())?.iter().any(|file| file.name.ends_with(".parquet")) {
            let what = format!(
                "there are data files in {}, but no manifest that names them; restore it, or move the files away",
                table.name()
            );
            return Err(StoreError::Damaged { path: config.path.clone(), what });
        }
    }
    let manifest = Manifest::default();
    manifest.save(&config.path)?;
    Ok(manifest)
}

/// Forgets files that are not there: a full disk may have made retention delete before it could write so.
fn drop_missing(config: &StoreConfig, manifest: Manifest, recovery: &mut Recovery) -> Result<Manifest, StoreError> {
    if !config.files.is_local() {
        return Ok(manifest);
    }
    // A folder that is not there at all is a disk that is not mounted, not a file that retention took.
    for table in TableKind::ALL.into_iter().filter(|table| manifest.of(*table).next().is_some()) {
        if let Some(folder) = config.files.local_path(table.name())
            && !folder.try_exists().map_err(StoreError::io("look for", &folder))?
        {
            let files = manifest.of(table).count();
            let what = format!(
                "there is no folder {}, though the manifest names {files} files in it; is its disk mounted?",
                folder.display()
            );
            return Err(StoreError::Damaged { path: config.path.clone(), what });
        }
    }
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for file in &manifest.files {
        let Some(path) = config.files.local_path(&file.name) else { continue };
        let is_there = path.try_exists().map_err(StoreError::io("look for", &path))?;
        if is_there { there.push(file.clone()) } else { missing.push(file.clone()) }
    }
    if missing.is_empty() {
        return Ok(manifest);
    }
    for file in &missing {
        recovery.files_missing += 1;
        recovery.tell(format!("data file {} with {} rows is named by the manifest and is not there", file.name, file.rows));
    }
    let manifest = Manifest { files: there, generation: manifest.generation + 1, ..manifest };
    // A disk without room is no reason not to open; the next change writes it.
    if let Err(error) = manifest.save(&config.path) {
        recovery.tell(error.to_string());
    }
    Ok(manifest)
}

/// True where the copy of the manifest beside remote files is newer than the local one: then the local folder is an old copy, or another store's, and
/// files that it does not name may be all that is left of records.
fn is_behind(place: &Place, manifest: &Manifest, recovery: &mut Recovery) -> bool {
    if place.is_local() {
        return false;
    }
    let copy = match place.get(manifest::FILE_NAME) {
        Ok(octets) => Manifest::parse(&octets, Path::new(manifest::FILE_NAME)).map_err(|error| error.to_string()),
        Err(error) if error.is_absent() => return false,
        Err(error) => Err(error.to_string()),
    };
    let why = match copy {
        Ok(copy) if copy.generation <= manifest.generation => return false,
        Ok(_) => "the copy of the manifest there is newer than the one of this folder; is this an old copy of the folder, or another store's?".to_owned(),
        Err(error) => error,
    };
    recovery.tell(format!("files in {place} that the manifest does not name are left alone: {why}"));
    true
}

/// Deletes files that the manifest does not name: unfinished ones, and those whose deletion was not reached.
fn delete_unnamed(place: &Place, manifest: &Manifest, recovery: &mut Recovery) {
    let named: HashSet<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    for table in TableKind::ALL {
        let files = match place.list(table.name()) {
            Ok(files) => files,
            Err(error) => {
                recovery.tell(format!("cannot look for unfinished files: {error}"));
                return;
            }
        };
        for file in files.iter().filter(|file| !named.contains(file.name.as_str())) {
            match place.delete(&file.name) {
                Ok(()) => recovery.files_deleted += 1,
                Err(error) => recovery.tell(format!("cannot delete {}, which does not count: {error}", file.name)),
            }
        }
    }
}

fn recover_segment(folder: &Path, number: u64, is_last: bool, recovery: &mut Recovery) -> Option<Arc<Segment>> {
    let path = folder.join(file_name(number));
    let (segment, found) = match open_segment(folder, number, OpenOptions::new().read(true).write(true), is_last) {
        Ok(opened) => opened,
        Err(error) => {
            set_aside(&path, error.to_string(), recovery);
            return None;
        }
    };
    if let Some(error) = found.foreign() {
        set_aside(&path, format!("{}: {error}", path.display()), recovery);
        return None;
    }
    for (offset, octets, error) in &found.damaged {
        recovery.damaged += 1;
        recovery.octets_damaged += octets;
        recovery.tell(format!("{}: {octets} octets from {offset} on are no block: {error}", path.display()));
    }
    if found.length > found.end {
        let what = found.tail.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        let octets = found.length - found.end;
        recovery.octets_cut += octets;
        recovery.tell(format!("{}: the last {octets} octets are no whole block, cut off{what}", path.display()));
        if let Err(error) = segment.file.set_len(found.end) {
            recovery.tell(format!("cannot cut {}: {error}", path.display()));
        }
    }
    recovery.segments += 1;
    recovery.blocks += found.blocks.len() as u64;
    recovery.rows += found.blocks.iter().map(|place| u64::from(place.header.rows)).sum::<u64>();
    Some(Arc::new(segment))
}

/// Gives a segment that cannot be read another name, so that it is left alone whatever becomes of the others.
fn set_aside(path: &Path, why: String, recovery: &mut Recovery) {
    recovery.unreadable += 1;
    let aside = path.with_extension("wal.unreadable");
    match fs::rename(path, &aside) {
        Ok(()) => recovery.tell(format!("segment left out and set aside as {}: {why}", aside.display())),
        Err(error) => recovery.tell(format!("segment left out: {why}; cannot set it aside: {error}")),
    }
}

/// Opens a segment that nobody in this process writes to.
pub(crate) fn open_segment(
    folder: &Path,
    number: u64,
    options: &OpenOptions,
    verify: bool,
) -> Result<(Segment, Found), StoreError> {
    let path = folder.join(file_name(number));
    let file = options.open(&path).map_err(StoreError::io("open", &path))?;
    let found = find_blocks(&file, verify).map_err(StoreError::io("read", &path))?;
    let segment = Segment::of(number, path, file, found.blocks.clone(), found.end);
    Ok((segment, found))
}

#[cfg(test)]
mod tests;
