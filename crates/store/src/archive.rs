//! The archive: times that retention spares, each with a note why.
//!
//! Pins lie in a file of their own beside the manifest, so that they can be set and taken away while a service writes to the store. The file is
//! replaced as a whole. A lock makes changes wait while retention chooses and deletes: a pin that was set before is honoured, and one that is set
//! after knows what is left.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::lock::Lock;
use crate::manifest::replace;

/// Name of the file of pins inside the store.
const FILE_NAME: &str = "pins.json";
/// Name of the file that is locked.
const LOCK_NAME: &str = "pins.lock";
/// The format of the file.
const VERSION: u32 = 1;
/// Pins that a store can have.
const MAX_PINS: usize = 10_000;
/// Longest note, in octets.
const MAX_NOTE: usize = 4096;

/// A time that retention spares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Its number; a number is not used again while later ones exist.
    pub id: u32,
    /// Begin, by arrival, in nanoseconds since 1970.
    pub from: i64,
    /// End; not part of it.
    pub to: i64,
    /// Why.
    pub note: String,
    /// When it was set.
    pub made: i64,
}

#[derive(Serialize, Deserialize)]
struct Pins {
    version: u32,
    pins: Vec<Pin>,
}

/// The pins of a store.
#[derive(Clone, Debug)]
pub struct Archive {
    store: PathBuf,
}

impl Archive {
    /// Of the store in a folder. Nothing is read or written yet.
    pub fn open(store: impl Into<PathBuf>) -> Self {
        Self { store: store.into() }
    }

    /// Every pin, by number.
    ///
    /// # Errors
    /// Where the file of pins is there and cannot be read or understood.
    pub fn pins(&self) -> Result<Vec<Pin>, StoreError> {
        let path = self.store.join(FILE_NAME);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.map_err(StoreError::io("read", &path))?,
        };
        let damaged = |what: String| StoreError::Damaged { path: path.clone(), what };
        let pins: Pins = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if pins.version != VERSION {
            return Err(StoreError::Version { path, found: pins.version.to_string() });
        }
        Ok(pins.pins)
    }

    /// Sets a pin on what arrived from `from` to before `to`; `now` is when.
    ///
    /// # Errors
    /// Where the time is empty, the note too long, the store has too many pins, or the file cannot be written.
    pub fn add(&self, from: i64, to: i64, note: &str, now: i64) -> Result<Pin, StoreError> {
        let limit = |what: String| StoreError::Limit { what };
        if to <= from {
            return Err(limit("the end of what is archived must lie behind its begin".into()));
        }
        if note.len() > MAX_NOTE {
            return Err(limit(format!("a note of {} octets is longer than {MAX_NOTE}", note.len())));
        }
        let _lock = self.lock(FlockOperation::LockExclusive)?;
        let mut pins = self.pins()?;
        if pins.len() >= MAX_PINS {
            return Err(limit(format!("the store has {MAX_PINS} pins already; remove some")));
        }
        let id = pins.iter().map(|pin| pin.id).max().unwrap_or(0).saturating_add(1);
        let pin = Pin { id, from, to, note: note.to_owned(), made: now };
        pins.push(pin.clone());
        self.write(pins)?;
        Ok(pin)
    }

    /// Takes a pin away; nothing where there is none of that number.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn remove(&self, id: u32) -> Result<Option<Pin>, StoreError> {
        let _lock = self.lock(FlockOperation::LockExclusive)?;
        let mut pins = self.pins()?;
        let Some(place) = pins.iter().position(|pin| pin.id == id) else {
            return Ok(None);
        };
        let pin = pins.remove(place);
        self.write(pins)?;
        Ok(Some(pin))
    }

    /// The pins as they stay until the guard is dropped: for retention, from choosing until what was chosen is gone from the manifest.
    ///
    /// # Errors
    /// Where the pins cannot be read; then nothing may be deleted.
    pub fn guard(&self) -> Result<PinGuard, StoreError> {
        let lock = self.lock(FlockOperation::LockShared)?;
        Ok(PinGuard { pins: self.pins()?, _lock: lock })
    }

    /// Waits for the lock; it goes with the file.
    fn lock(&self, operation: FlockOperation) -> Result<Lock, StoreError> {
        let path = self.store.join(LOCK_NAME);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(StoreError::io("open", &path))?;
        flock(&file, operation).map_err(|error| StoreError::io("lock", &path)(error.into()))?;
        Ok(Lock(file))
    }

    /// Replaces the file; when the call returns it is durable.
    fn write(&self, pins: Vec<Pin>) -> Result<(), StoreError> {
        let path = self.store.join(FILE_NAME);
        let text = serde_json::to_vec_pretty(&Pins { version: VERSION, pins });
        replace(&path, &text.map_err(|error| StoreError::io("write", &path)(error.into()))?)
    }
}

/// The pins of a moment, which cannot change while this is held.
#[derive(Debug)]
pub struct PinGuard {
    pins: Vec<Pin>,
    _lock: Lock,
}

impl PinGuard {
    /// True where something that arrived from `first` to `last`, both included, is pinned.
    pub fn spares(&self, first: i64, last: i64) -> bool {
        self.pins.iter().any(|pin| pin.from <= last && first < pin.to)
    }

    /// The pins.
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }
}

#[cfg(test)]
mod tests;
