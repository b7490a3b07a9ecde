//! What runs on trial, also beyond the end of the service: a note on disk says which configuration is good, so that a service that died of another one comes
//! back with that.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::file::replace;
use super::versions::folder_of;

/// What runs on trial.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) until: Instant,
    /// What comes back.
    pub(super) good: Numbered,
    /// Problems that there were before.
    pub(super) problems: Vec<String>,
    /// Somebody has to confirm it; until then it is not written.
    pub(super) to_confirm: bool,
    /// It was to go, and could not.
    pub(super) again: Option<Again>,
}

/// A text and the number of its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbered {
    pub(super) version: u64,
    pub(super) text: String,
}

/// When something that failed is tried again: later each time.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    at: Instant,
    pause: Duration,
}

/// The first pause, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

impl Again {
    /// It has failed, for the first time or `before` as well.
    pub(crate) fn after(before: Option<&Self>) -> Self {
        let [first, longest] = PAUSES;
        let pause = before.map_or(first, |before| (before.pause * 2).min(longest));
        Self { at: Instant::now() + pause, pause }
    }

    pub(crate) fn is_due(&self) -> bool {
        Instant::now() >= self.at
    }
}

/// What is noted on disk while a trial lasts.
#[derive(Serialize, Deserialize)]
struct Note {
    good: Numbered,
    trial: Numbered,
}

/// Notes that this is on trial. The error is a sentence.
pub(super) fn note(config: &Path, good: &Numbered, trial: Numbered) -> Result<(), String> {
    let path = place(config);
    let text = serde_json::to_vec(&Note { good: good.clone(), trial }).map_err(|error| error.to_string())?;
    let written = fs::create_dir_all(folder_of(config)).and_then(|()| replace(&path, &text));
    written.map_err(|error| format!("after a crash this configuration would not be taken back: {}: {error}", path.display()))
}

/// The trial is over.
pub(super) fn forget(config: &Path) {
    let path = place(config);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "the note of a trial that is over cannot be deleted");
        }
        _ => {}
    }
}

fn place(config: &Path) -> PathBuf {
    folder_of(config).join("trial")
}

/// What a service begins with.
pub(crate) struct Found {
    /// The text that is to run.
    pub(crate) text: String,
    /// What stands in the file.
    pub(super) file: String,
    /// The service ended while what stands in the file was on trial: its version, and that which comes back.
    pub(super) back: Option<(u64, u64)>,
}

impl Found {
    /// The file, or what was good before a trial in which the service died. The error is a sentence.
    pub(crate) fn read(config: &Path) -> Result<Self, String> {
        let file = fs::read_to_string(config).map_err(|error| format!("cannot read {}: {error}", config.display()))?;
        let note = fs::read(place(config)).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        Ok(match note {
            Some(Note { good, trial }) if trial.text == file => {
                Self { text: good.text, file, back: Some((trial.version, good.version)) }
            }
            // It was never written, or somebody has written something else since.
            _ => Self { text: file.clone(), file, back: None },
        })
    }
}
