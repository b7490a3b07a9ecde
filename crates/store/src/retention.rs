//! What may go: by age, by size, and when the disk is full.
//!
//! The oldest goes first, by arrival. Ranges that somebody pinned are spared, and continuous series stay as long as there is anything else. What is in the
//! journal alone never goes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::archive::Archive;
use crate::background::Shared;
use crate::error::StoreError;
use crate::journal::lock;
use crate::manifest::{DataFile, TableKind};
use crate::status::add;
use crate::store::StoreConfig;
use crate::times::Times;

/// Octets that are appended before the room is looked at again.
const LOOK_EVERY: u64 = 4 << 20;

/// What is kept, as the user says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) retention: Option<Duration>,
    pub(crate) series_retention: Option<Duration>,
    pub(crate) max_size: Option<u64>,
}

/// What is kept at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Records that arrived before go.
    pub(crate) records_from: i64,
    /// Series rows before go.
    pub(crate) series_from: i64,
    /// Octets that have to go, whatever their age.
    pub(crate) excess: u64,
}

/// The files that have to go.
pub(crate) fn doomed(files: &[Arc<DataFile>], rules: &Rules, is_spared: impl Fn(&Times) -> bool) -> Vec<Arc<DataFile>> {
    let from = |file: &DataFile| if file.table == TableKind::Series { rules.series_from } else { rules.records_from };
    let (mut gone, mut left): (Vec<_>, Vec<_>) =
        files.iter().filter(|file| !is_spared(&file.times)).cloned().partition(|file| file.times.received_max < from(file));
    let mut octets: u64 = gone.iter().map(|file| file.octets).sum();
    left.sort_by_key(|file| (file.table == TableKind::Series, file.times.received_max));
    for file in left {
        if octets >= rules.excess {
            break;
        }
        octets += file.octets;
        gone.push(file);
    }
    gone
}

/// Lets go what is too old or too much.
pub(crate) fn apply(shared: &Shared, now: i64) -> Result<(), StoreError> {
    let from = |kept: Option<Duration>| kept.map_or(i64::MIN, |kept| now.saturating_sub(nanoseconds(kept)));
    let kept = *lock(&shared.kept);
    let state = shared.catalog.state();
    let size = state.manifest.octets() + state.segments.iter().map(|segment| segment.end()).sum::<u64>();
    let excess = kept.max_size.or(shared.room.share).map_or(0, |most| size.saturating_sub(most));
    let rules = Rules { records_from: from(kept.retention), series_from: from(kept.series_retention), excess };
    let_go(shared, &rules).map(|_| ())
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Takes files that have to go off the manifest; gives their octets.
fn let_go(shared: &Shared, rules: &Rules) -> Result<u64, StoreError> {
    let archive = Archive::open(&shared.config.path);
    // While it is held nobody can pin what goes just now.
    let pins = archive.guard()?;
    let manifest = shared.catalog.state().manifest;
    let doomed = doomed(&manifest.files, rules, |times| pins.spares(times.received_min, times.received_max));
    if doomed.is_empty() {
        return Ok(0);
    }
    let is_doomed = |file: &Arc<DataFile>| doomed.iter().any(|doomed| doomed.name == file.name);
    let changed = shared.catalog.change(|manifest| {
        manifest.files.retain(|file| !is_doomed(file));
        true
    });
    match changed {
        Err(error) if error.is_no_room() => shared.catalog.drop_by_force(&doomed)?,
        changed => changed?,
    };
    drop(manifest);
    let octets = doomed.iter().map(|file| file.octets).sum();
    add(&shared.done.files_expired, doomed.len() as u64);
    add(&shared.done.rows_expired, doomed.iter().map(|file| file.rows).sum());
    tracing::info!(files = doomed.len(), octets, "retention let go the oldest files");
    Ok(octets)
}

/// How much room there is, and what is done where there is none.
pub(crate) struct Room {
    /// Where the journal lies.
    path: PathBuf,
    /// Where local data files lie, if on another file system: then deleting them makes no room for the journal.
    elsewhere: Option<PathBuf>,
    /// Held while room is made, so that it is made once.
    making: Mutex<()>,
    reserve: u64,
    /// Octets that the store may have where nobody says how many: a share of the file system.
    share: Option<u64>,
    /// Octets of the journal when the room was last looked at.
    looked: AtomicU64,
}

impl Room {
    pub(crate) fn new(config: &StoreConfig) -> Self {
        let elsewhere = config
            .files
            .local_path("flows")
            .and_then(|flows| flows.parent().map(Path::to_owned))
            .filter(|files| !is_same_disk(files, &config.path));
        let total = size_of(elsewhere.as_ref().unwrap_or(&config.path)).map(|(_, total)| total);
        let share = total.filter(|_| config.files.is_local()).map(|total| total / 5 * 4);
        // On a small disk the reserve must not be what the records should have.
        let reserve = total.map_or(config.reserve, |total| config.reserve.min(total / 8));
        let looked = AtomicU64::new(0_u64.wrapping_sub(LOOK_EVERY));
        Self { path: config.path.clone(), elsewhere, making: Mutex::default(), reserve, share, looked }
    }

    /// Octets free for the journal.
    pub(crate) fn free(&self) -> Option<u64> {
        size_of(&self.path).map(|(free, _)| free)
    }

    /// Octets free where data files lie.
    fn free_for_files(&self) -> Option<u64> {
        size_of(self.elsewhere.as_ref().unwrap_or(&self.path)).map(|(free, _)| free)
    }

    /// Refuses to append where so little is left that files could not be written any more. Looked at every few MiB.
    pub(crate) fn require(&self, shared: &Shared) -> Result<(), StoreError> {
        let written = shared.journal.written.octets.load(Ordering::Relaxed);
        if written.wrapping_sub(self.looked.load(Ordering::Relaxed)) < LOOK_EVERY {
            return Ok(());
        }
        let is_low = || self.free().is_some_and(|free| free < self.reserve / 2);
        if is_low() {
            self.make(shared)?;
            if is_low() {
                let what = format!("less than {} octets are free, and nothing may go", self.reserve / 2);
                return Err(self.refused(shared, what));
            }
        }
        self.looked.store(written, Ordering::Relaxed);
        Ok(())
    }

    /// Makes room before it is needed.
    pub(crate) fn keep(&self, shared: &Shared) -> Result<(), StoreError> {
        if self.free_for_files().is_some_and(|free| free < self.reserve) { self.make(shared) } else { Ok(()) }
    }

    /// Makes room for the reserve, if there is anything that may go. Readers that have these files open are told.
    pub(crate) fn make(&self, shared: &Shared) -> Result<(), StoreError> {
        let _alone = lock(&self.making);
        let missing = self.free_for_files().map_or(self.reserve, |free| self.reserve.saturating_sub(free));
        let waiting = shared.catalog.octets_removed();
        let excess = missing.saturating_sub(waiting);
        if excess > 0 && shared.catalog.place().is_local() {
            let_go(shared, &Rules { records_from: i64::MIN, series_from: i64::MIN, excess })?;
        }
        add(&shared.done.files_deleted, shared.catalog.sweep(Duration::ZERO, true));
        Ok(())
    }

    /// What an error for want of room is called once nothing helped.
    pub(crate) fn refuse(&self, shared: &Shared, error: StoreError) -> StoreError {
        if error.is_no_room() { self.refused(shared, error.to_string()) } else { error }
    }

    fn refused(&self, shared: &Shared, what: String) -> StoreError {
        add(&shared.done.refused, 1);
        // Compaction makes a segment smaller, so it may help the next time.
        shared.wake();
        StoreError::NoRoom { path: self.path.clone(), what }
    }
}

/// True where two folders are of one file system, as far as can be told.
fn is_same_disk(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| path.ancestors().find_map(|above| rustix::fs::stat(above).ok()).map(|found| found.st_dev);
    device(one) == device(other) || device(one).is_none()
}

/// Octets free for us, and octets in all, of a file system. A folder that is not made yet will lie where those above it are.
fn size_of(path: &Path) -> Option<(u64, u64)> {
    let figures = path.ancestors().find_map(|above| rustix::fs::statvfs(above).ok())?;
    Some((figures.f_bavail.saturating_mul(figures.f_frsize), figures.f_blocks.saturating_mul(figures.f_frsize)))
}

#[cfg(test)]
mod tests;
