//! The store: one writer, any number of readers.
//!
//! ```text
//! append -> journal (readable at once) -> commit (durable) -> sealed segment -> data files, one change of the manifest -> retention
//! ```
//!
//! [`Store`] writes. [`Snapshot`](crate::Snapshot) is what can be read at a moment, from this process or, read only, from any other.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use weir_record::{CounterBatch, FlowBatch, HealthBatch, SeriesBatch};

use crate::background::{self, Closed, Shared};
use crate::catalog::Catalog;
use crate::error::StoreError;
use crate::fill::{self, Fill};
use crate::journal::{self, Journal, SealLimits, lock};
use crate::lock::Lock;
use crate::place::Place;
use crate::recovery::{self, Recovery};
use crate::retention::Kept;
use crate::snapshot::Snapshot;
use crate::status::StoreStatus;

const LOCK: &str = "lock";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a store lies and what it keeps.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Folder of the journal, the manifest and the lock: on a local disk.
    pub path: PathBuf,
    /// Where data files lie: the same folder, or an object store.
    pub files: Place,
    /// How long records, counters and health are kept after their arrival; nothing for ever.
    pub retention: Option<Duration>,
    /// The same for continuous series.
    pub series_retention: Option<Duration>,
    /// Most octets of the store. Nothing: 80 % of the file system, or no limit where files lie in an object store.
    pub max_size: Option<u64>,
    /// Octets of the file system that are left free, at most an eighth of it, so that files can be written before others go.
    pub reserve: u64,
    /// Octets from which on a segment of the journal is sealed.
    pub segment_octets: u64,
    /// Age from which on a segment of the journal is sealed.
    pub segment_age: Duration,
    /// How long files that were replaced are kept for readers in other processes.
    pub grace: Duration,
    /// Makes files of segments, merges and deletes files in a thread of its own. Otherwise [`Store::maintain`] does it.
    pub background: bool,
}

impl StoreConfig {
    /// The usual settings for a store in a local folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            files: Place::local(&path),
            path,
            retention: Some(90 * DAY),
            series_retention: Some(5 * 365 * DAY),
            max_size: None,
            reserve: 512 << 20,
            segment_octets: 256 << 20,
            segment_age: Duration::from_secs(5 * 60),
            grace: Duration::from_secs(60),
            background: true,
        }
    }
}

/// Running sums over the flow records of a segment, handed in by whoever knows what is to be summed.
///
/// The rows of all segments add up. They are saved in the same step as the segment's records, and made again from the journal after a crash.
pub trait Summary: Send {
    /// Takes flow records; events and drops are among them.
    fn feed(&mut self, flows: &FlowBatch);

    /// The sums so far.
    fn rows(&self) -> SeriesBatch;

    /// Of these at least the rows of which step and dimension are wanted.
    fn rows_of(&self, _wanted: WantedSeries<'_>) -> SeriesBatch {
        self.rows()
    }
}

/// Tells by step and dimension which rows of series are wanted.
pub type WantedSeries<'a> = &'a dyn Fn(u32, u8) -> bool;

/// Makes the sums of a segment, whose number it is told: for the same number they have to be of the same kind whenever they are made.
pub type MakeSummary = Arc<dyn Fn(u64) -> Box<dyn Summary> + Send + Sync>;

/// Sums over nothing, for tools and tests that need no series.
pub fn no_summary() -> MakeSummary {
    struct Nothing;
    impl Summary for Nothing {
        fn feed(&mut self, _: &FlowBatch) {}

        fn rows(&self) -> SeriesBatch {
            SeriesBatch::new()
        }
    }
    Arc::new(|_| Box::new(Nothing))
}

/// What is appended together.
#[derive(Clone, Copy, Default)]
pub struct Rows<'a> {
    /// Flow records of every kind.
    pub flows: Option<&'a FlowBatch>,
    /// Counter records.
    pub counters: Option<&'a CounterBatch>,
    /// Intake health.
    pub health: Option<&'a HealthBatch>,
}

/// A place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Number of the segment.
    pub segment: u64,
    /// Octet in it.
    pub offset: u64,
}

/// A store that is open for writing. There is one at a time, which a lock file holds.
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    recovery: Recovery,
    worker: Mutex<Option<JoinHandle<()>>>,
    /// Released when it is closed, also by the end of the process.
    _lock: Lock,
}

impl Store {
    /// Opens the store, or makes a new one. What an earlier run left is looked through; see [`Store::recovery`].
    ///
    /// # Errors
    /// [`StoreError::Locked`] where another process writes to it, [`StoreError::Version`] and [`StoreError::Damaged`] where the manifest cannot be believed, and
    /// where the folder cannot be used.
    pub fn open(config: StoreConfig, make: MakeSummary) -> Result<Self, StoreError> {
        let journal_folder = config.path.join(journal::FOLDER);
        fs::create_dir_all(&journal_folder).map_err(StoreError::io("create", &journal_folder))?;
        let lock = take_lock(&config.path)?;
        let recovered = recovery::recover(&config)?;
        let limits = SealLimits { octets: config.segment_octets, age: config.segment_age };
        let journal = Journal::new(journal_folder, recovered.next_segment, limits, make.clone());
        let catalog = Catalog::new(config.path.clone(), config.files.clone(), recovered.manifest, recovered.segments);
        let shared = Arc::new(Shared::new(config, make, journal, catalog));
        let worker = if shared.config.background { Some(background::start(&shared)?) } else { None };
        Ok(Self { shared, recovery: recovered.recovery, worker: Mutex::new(worker), _lock: lock })
    }

    /// What opening found of an earlier run.
    pub const fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Writes batches to the journal; readers see them at once.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`] where the disk is full and nothing may go, [`StoreError::TooLarge`] for a batch of more than 1,048,576 rows or 256 MiB, and where the
    /// disk fails. None of the rows is stored then.
    pub fn append(&self, rows: Rows<'_>) -> Result<Position, StoreError> {
        let shared = &self.shared;
        shared.room.require(shared)?;
        match shared.journal.append(&rows, &shared.catalog) {
            Err(error) if error.is_no_room() => {
                shared.room.make(shared)?;
                shared.journal.append(&rows, &shared.catalog).map_err(|error| shared.room.refuse(shared, error))
            }
            appended => appended,
        }
    }

    /// Makes everything durable that was appended before, and says up to where that is. It is cheap where there is nothing new.
    ///
    /// # Errors
    /// Where the disk fails: what was appended since the last commit may be lost with the power.
    pub fn commit(&self) -> Result<Position, StoreError> {
        self.shared.journal.commit()
    }

    /// What can be read now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.shared.catalog.state(), self.shared.config.files.clone(), self.shared.make.clone())
    }

    /// Ends the last segment of the journal, so that the next maintenance makes files of it.
    pub fn seal(&self) {
        self.shared.journal.seal();
        self.shared.wake();
    }

    /// Ends the last segment of the journal, and tells the number that the next one will have while none can begin. `publish` has to be quick, for appending waits for it.
    pub fn at_next_segment<T>(&self, publish: impl FnOnce(u64) -> T) -> T {
        let published = self.shared.journal.at_next_segment(publish);
        self.shared.wake();
        published
    }

    /// Fills sums in the background, these from now on and no others.
    ///
    /// # Errors
    /// Where the manifest cannot be written; fills that are noted in it go on.
    pub fn set_fills(&self, fills: Vec<Fill>) -> Result<(), StoreError> {
        fill::set(&self.shared, fills)
    }

    /// Does at once what the background does by itself: makes files of sealed segments, merges small files, deletes what is too old or too much by the time `now`, in
    /// nanoseconds since 1970.
    ///
    /// # Errors
    /// Where a file cannot be read or written; what was done before counts.
    pub fn maintain(&self, now: i64) -> Result<(), StoreError> {
        self.shared.maintain(now, None)
    }

    /// What the store has done and has, for those who watch it.
    pub fn status(&self) -> StoreStatus {
        StoreStatus::of(&self.shared)
    }

    /// Changes what is kept from now on; each as in [`StoreConfig`].
    pub fn set_retention(&self, retention: Option<Duration>, series_retention: Option<Duration>, max_size: Option<u64>) {
        *lock(&self.shared.kept) = Kept { retention, series_retention, max_size };
    }

    /// Commits, and makes files of what is in the journal as far as that is possible within the time. What is left waits in the journal for the next opening.
    /// The lock is held until the store is dropped.
    ///
    /// # Errors
    /// Where the last commit fails.
    pub fn close(&self, patience: Duration) -> Result<Closed, StoreError> {
        let deadline = Instant::now() + patience;
        let committed = self.commit();
        self.seal();
        self.stop(deadline);
        if !self.shared.config.background
            && let Err(error) = self.shared.maintain(now(), Some(deadline))
        {
            tracing::warn!(%error, "the journal is left as it is");
        }
        self.shared.catalog.sweep(Duration::ZERO, false);
        committed?;
        Ok(Closed { segments_left: self.shared.catalog.state().segments.len() })
    }

    fn stop(&self, deadline: Instant) {
        self.shared.stop(deadline);
        if let Some(worker) = lock(&self.worker).take() {
            // A worker that panicked has said so; there is nothing else to wait for.
            let _ = worker.join();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop(Instant::now());
    }
}

/// Now, in nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Takes the lock of a store, whose file names the process that has it.
fn take_lock(store: &Path) -> Result<Lock, StoreError> {
    let path = store.join(LOCK);
    let mut options = File::options();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(&path).map_err(StoreError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            return Err(StoreError::Locked { path: store.to_owned(), pid: text.trim().parse().ok() });
        }
        Err(fs::TryLockError::Error(error)) => return Err(StoreError::io("lock", &path)(error)),
    }
    let mut write = || -> std::io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    // The number is for people, and a full disk must not keep the store closed.
    let _ = write();
    Ok(Lock(file))
}
