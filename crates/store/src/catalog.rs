//! What counts at this moment: the files of the manifest, and the segments that are not in them yet.
//!
//! Readers take both in one step, so they see each row once. Files that stop counting are deleted when no reader of this process has them any more, and
//! after a time of grace for readers in other processes.

use std::mem::take;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::journal::{Segment, lock};
use crate::manifest::{self, DataFile, Manifest};
use crate::place::Place;

/// The files and segments that count.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) manifest: Arc<Manifest>,
    /// By number. Rows of one that is below the manifest's mark are in the files.
    pub(crate) segments: Vec<Arc<Segment>>,
}

/// The state of a store that is open for writing, and what is to be deleted.
pub(crate) struct Catalog {
    folder: PathBuf,
    place: Place,
    state: Mutex<State>,
    /// Held from the reading of the manifest to its replacement.
    change: Mutex<()>,
    removed: Mutex<Vec<Removed>>,
}

/// A file that does not count any more.
struct Removed {
    file: Arc<DataFile>,
    since: Instant,
}

impl Catalog {
    pub(crate) fn new(folder: PathBuf, place: Place, manifest: Manifest, segments: Vec<Arc<Segment>>) -> Self {
        let state = State { manifest: Arc::new(manifest), segments };
        Self { folder, place, state: Mutex::new(state), change: Mutex::new(()), removed: Mutex::default() }
    }

    /// What counts now.
    pub(crate) fn state(&self) -> State {
        lock(&self.state).clone()
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Counts a new segment in.
    pub(crate) fn add(&self, segment: Arc<Segment>) {
        lock(&self.state).segments.push(segment);
    }

    /// Replaces the manifest by what `edit` makes of it. Once it is durable, readers see it, and segments below its mark are gone. Where `edit` gives
    /// `false` nothing happens.
    pub(crate) fn change(&self, edit: impl FnOnce(&mut Manifest) -> bool) -> Result<bool, StoreError> {
        let _alone = lock(&self.change);
        let old = lock(&self.state).manifest.clone();
        let mut new = Manifest::clone(&old);
        if !edit(&mut new) {
            return Ok(false);
        }
        new.generation += 1;
        let octets = new.save(&self.folder)?;
        self.install(&old, new);
        if !self.place.is_local()
            && let Err(error) = self.place.put(manifest::FILE_NAME, octets)
        {
            // The copy is for those who have the objects alone; the next change brings it up to date.
            tracing::warn!(%error, "the copy of the manifest beside the files is out of date");
        }
        Ok(true)
    }

    /// The same where the disk is too full for a new manifest: files that are to go are deleted first. Should the program end before the manifest is
    /// written, it names files that are not there, which [`Store::open`](crate::Store::open) mends.
    pub(crate) fn drop_by_force(&self, doomed: &[Arc<DataFile>]) -> Result<bool, StoreError> {
        for file in doomed {
            self.place.delete(&file.name)?;
        }
        self.change(|manifest| {
            manifest.files.retain(|file| !doomed.iter().any(|doomed| doomed.name == file.name));
            true
        })
    }

    /// A number for the name of files that are made from others; nobody gets it again.
    pub(crate) fn take_number(&self) -> Result<u64, StoreError> {
        let mut number = 0;
        self.change(|manifest| {
            number = manifest.next_merge;
            manifest.next_merge += 1;
            true
        })?;
        Ok(number)
    }

    /// Deletes files that were written and do not count after all, because a later step failed.
    ///
    /// The manifest on disk is asked: it may name them although its replacement ended with an error, and then a new opening counts them.
    pub(crate) fn discard<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        let written = match Manifest::load(&self.folder) {
            Ok(written) => written.unwrap_or_default(),
            Err(error) => return tracing::warn!(%error, "files that do not count are left until the store opens again"),
        };
        for name in names.into_iter().filter(|name| written.files.iter().all(|file| file.name != *name)) {
            if let Err(error) = self.place.delete(name) {
                tracing::warn!(%error, "a file that does not count is left until the store opens again");
            }
        }
    }

    fn install(&self, old: &Manifest, new: Manifest) {
        let kept: std::collections::HashSet<&str> = new.files.iter().map(|file| file.name.as_str()).collect();
        let gone = old.files.iter().filter(|file| !kept.contains(file.name.as_str()));
        let since = Instant::now();
        lock(&self.removed).extend(gone.map(|file| Removed { file: file.clone(), since }));
        let mark = new.dead_below;
        let mut state = lock(&self.state);
        state.manifest = Arc::new(new);
        let (dead, alive) = take(&mut state.segments).into_iter().partition(|segment| segment.number < mark);
        state.segments = alive;
        drop(state);
        let dead: Vec<Arc<Segment>> = dead;
        for segment in dead {
            segment.mark_stored();
            if let Err(error) = std::fs::remove_file(&segment.path) {
                // It is below the mark, so it is deleted when the store opens again.
                tracing::warn!(segment = %segment.path.display(), %error, "cannot delete a segment that is in the files");
            }
        }
    }

    /// Deletes files that stopped counting at least `grace` ago and that no snapshot has; with `force` also those that some snapshot has. Gives how many.
    pub(crate) fn sweep(&self, grace: Duration, force: bool) -> u64 {
        let mut deleted = 0;
        let mut kept = Vec::new();
        for removed in take(&mut *lock(&self.removed)) {
            let is_due = removed.since.elapsed() >= grace && (force || Arc::strong_count(&removed.file) == 1);
            match is_due.then(|| self.place.delete(&removed.file.name)) {
                Some(Ok(())) => deleted += 1,
                Some(Err(error)) => {
                    tracing::warn!(file = removed.file.name, %error, "cannot delete a file that does not count any more");
                    kept.push(removed);
                }
                None => kept.push(removed),
            }
        }
        lock(&self.removed).extend(kept);
        deleted
    }

    /// Octets of files that are waiting to be deleted.
    pub(crate) fn octets_removed(&self) -> u64 {
        lock(&self.removed).iter().map(|removed| removed.file.octets).sum()
    }
}
