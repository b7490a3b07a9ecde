//! What a store has done since it was opened, and what it has.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::background::Shared;
use crate::manifest::TableKind;

/// What the background counts.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) compactions: AtomicU64,
    pub(crate) rows_compacted: AtomicU64,
    pub(crate) rows_lost: AtomicU64,
    pub(crate) blocks_damaged: AtomicU64,
    pub(crate) merges: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) files_expired: AtomicU64,
    pub(crate) rows_expired: AtomicU64,
    pub(crate) files_deleted: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// Adds to a count.
pub(crate) fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

/// The counters of a store since it was opened, and its size now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// Rows written to the journal.
    pub rows: u64,
    /// Blocks of these.
    pub blocks: u64,
    /// Octets of these.
    pub octets: u64,
    /// Commits that made everything durable.
    pub commits: u64,
    /// Commits that the disk failed.
    pub commit_failures: u64,
    /// Appends that were refused for want of room.
    pub refused: u64,
    /// Segments in the journal, the one that is written to included.
    pub segments: u64,
    /// Of these, segments that wait to become files.
    pub segments_waiting: u64,
    /// Octets of the journal.
    pub journal_octets: u64,
    /// Segments that became files.
    pub compactions: u64,
    /// Rows of these.
    pub rows_compacted: u64,
    /// Rows in damaged blocks, which are lost.
    pub rows_lost: u64,
    /// Damaged blocks that were met.
    pub blocks_damaged: u64,
    /// Merges of small files.
    pub merges: u64,
    /// Rounds of the background that failed; they are tried again.
    pub background_failures: u64,
    /// Files that retention let go.
    pub files_expired: u64,
    /// Rows of these.
    pub rows_expired: u64,
    /// Files that were deleted because they did not count any more.
    pub files_deleted: u64,
    /// Data files by table, in the order of [`TableKind::ALL`].
    pub files: [u64; 5],
    /// Their rows.
    pub file_rows: [u64; 5],
    /// Their octets.
    pub file_octets: [u64; 5],
    /// Octets free on the file system of the journal; nothing where it does not say.
    pub free_octets: Option<u64>,
}

impl StoreStatus {
    pub(crate) fn of(shared: &Shared) -> Self {
        let state = shared.catalog.state();
        let (written, done) = (&shared.journal.written, &shared.done);
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut status = Self {
            rows: get(&written.rows),
            blocks: get(&written.blocks),
            octets: get(&written.octets),
            commits: get(&written.commits),
            commit_failures: get(&written.failures),
            refused: get(&done.refused),
            segments: state.segments.len() as u64,
            segments_waiting: state.segments.iter().filter(|segment| segment.is_sealed()).count() as u64,
            journal_octets: state.segments.iter().map(|segment| segment.end()).sum(),
            compactions: get(&done.compactions),
            rows_compacted: get(&done.rows_compacted),
            rows_lost: get(&done.rows_lost),
            blocks_damaged: get(&done.blocks_damaged),
            merges: get(&done.merges),
            background_failures: get(&done.failures),
            files_expired: get(&done.files_expired),
            rows_expired: get(&done.rows_expired),
            files_deleted: get(&done.files_deleted),
            free_octets: shared.room.free(),
            ..Self::default()
        };
        for file in &state.manifest.files {
            let table = TableKind::ALL.iter().position(|table| *table == file.table).unwrap_or(0);
            status.files[table] += 1;
            status.file_rows[table] += file.rows;
            status.file_octets[table] += file.octets;
        }
        status
    }
}
