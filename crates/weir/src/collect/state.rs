//! Templates and names of exporters on disk, so that a restart decodes from the first datagram on.
//!
//! Workers hand over what changed, a thread of its own writes it: one file, a line a worker, replaced as a whole. It says whether the service ended in order;
//! after a crash the sequence numbers in it are older than what was stored, and would call that lost.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use weir_codec::Decoder;
use weir_codec::shard::shard_of;

/// The first line of a file of this form; what follows says how the service ended.
const HEAD: &str = "weir state 1 ";
const IN_ORDER: &str = "ended";
const RUNNING: &str = "running";

/// Not more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// What was saved.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    lines: Vec<Vec<u8>>,
    /// Nothing was received that is not in it.
    is_whole: bool,
}

/// Keeps the newest state of each worker on disk.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A worker's hand on the keeper.
#[derive(Clone)]
pub(crate) struct KeeperHandle(Arc<Shared>);

struct Shared {
    path: PathBuf,
    inside: Mutex<Inside>,
    changed: Condvar,
}

struct Inside {
    /// Of each worker.
    parts: Vec<Vec<u8>>,
    is_new: bool,
    is_over: bool,
    /// Writes that failed.
    failures: u64,
}

impl Saved {
    /// Reads what was saved; nothing where there is nothing yet.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let octets = match fs::read(path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut lines = octets.split(|octet| *octet == b'\n');
        let head = lines.next().unwrap_or_default();
        let Some(end) = head.strip_prefix(HEAD.as_bytes()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is of another version of weir"));
        };
        let lines = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
        Ok(Self { lines, is_whole: end == IN_ORDER.as_bytes() })
    }

    /// Gives a worker what is its own: of so many, the one with this number. The error is what one of the lines is refused for.
    pub(crate) fn load(&self, decoder: &mut Decoder, worker: usize, workers: usize) -> Result<usize, String> {
        let is_own = |from, domain| (shard_of(from, domain) % workers as u64) as usize == worker;
        let mut sessions = 0;
        for line in &self.lines {
            sessions += decoder.load_where(line, is_own).map_err(|error| error.to_string())?;
        }
        if !self.is_whole {
            decoder.forget_sequences();
        }
        Ok(sessions)
    }
}

impl Keeper {
    /// Writes these states, one of each worker, and keeps what comes after them in that file.
    pub(crate) fn start(path: PathBuf, parts: Vec<Vec<u8>>) -> io::Result<Self> {
        let inside = Inside { parts: parts.clone(), is_new: false, is_over: false, failures: 0 };
        let shared = Arc::new(Shared { path, inside: Mutex::new(inside), changed: Condvar::new() });
        // From now on the service may end at any moment.
        shared.write(&parts, RUNNING)?;
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("weir-state".into()).spawn(move || theirs.keep())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// A hand for a worker.
    pub(crate) fn handle(&self) -> KeeperHandle {
        KeeperHandle(Arc::clone(&self.shared))
    }

    /// Writes that failed so far.
    pub(crate) fn failures(&self) -> u64 {
        self.shared.lock().failures
    }

    /// Writes that the service ended in order, after the last worker did.
    pub(crate) fn close(mut self) -> io::Result<()> {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A keeper that panicked has kept what it had written.
            let _ = thread.join();
        }
        let parts = self.shared.lock().parts.clone();
        self.shared.write(&parts, IN_ORDER)
    }
}

impl KeeperHandle {
    /// Hands over the state of a worker.
    pub(crate) fn keep(&self, worker: usize, state: Vec<u8>) {
        let mut inside = self.0.lock();
        if let Some(part) = inside.parts.get_mut(worker) {
            *part = state;
            inside.is_new = true;
        }
        drop(inside);
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn keep(&self) {
        loop {
            let is_waiting = |inside: &mut Inside| !inside.is_new && !inside.is_over;
            let mut inside = self.changed.wait_while(self.lock(), is_waiting).unwrap_or_else(PoisonError::into_inner);
            if inside.is_over {
                return;
            }
            inside.is_new = false;
            let parts = inside.parts.clone();
            drop(inside);
            if let Err(error) = self.write(&parts, RUNNING) {
                self.lock().failures += 1;
                tracing::warn!(path = %self.path.display(), %error, "templates cannot be saved");
            }
            let _ = self.changed.wait_timeout_while(self.lock(), PAUSE, |inside| !inside.is_over);
        }
    }

    /// Replaces the file as a whole: whoever reads it finds the old one or the new one.
    fn write(&self, parts: &[Vec<u8>], end: &str) -> io::Result<()> {
        let temporary = self.path.with_added_extension("new");
        let mut file = File::create(&temporary)?;
        file.write_all(format!("{HEAD}{end}\n").as_bytes())?;
        for part in parts {
            file.write_all(part)?;
            file.write_all(b"\n")?;
        }
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
