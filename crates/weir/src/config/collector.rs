//! `[collector]`: how what arrives is worked on; the defaults are right for nearly everybody.

use std::path::PathBuf;
use std::{fs, thread};

use serde::{Deserialize, Serialize};
use weir_record::registry::Registry;

use super::{Size, Span};

/// Threads, queues and limits of the intake.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Collector {
    /// Threads that decode, each its share of the exporters; without it as many as there are cores, at most 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workers: Option<u8>,
    /// Octets of datagrams that may wait for each of them.
    pub(crate) queue: Size,
    /// Records are durable after this time at the latest.
    pub(crate) commit_interval: Span,
    /// Sources with a state of their own.
    pub(crate) max_sources: usize,
    /// A source of which nothing was heard for longer is told as silent.
    pub(crate) silent_after: Span,
    /// Information Elements of your own: a TOML file of `[[element]]` tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) elements: Option<PathBuf>,
    /// The enterprise number under which Weir exporters send what no known element carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_enterprise: Option<u32>,
}

/// Cores beyond which decoding is no longer what limits.
const MOST_UNASKED: usize = 4;

/// Octets of a queue: the largest datagram finds room, and memory stays bounded.
const QUEUES: std::ops::RangeInclusive<usize> = 1 << 20..=4 << 30;
/// Commits more often cost more than they help; later ones break the promise of a second.
const COMMITS: std::ops::RangeInclusive<Span> = Span::milliseconds(10)..=Span::seconds(60);
/// Exporters that have nothing to tell are silent for some seconds; who is silent for a day is gone.
const SILENCES: std::ops::RangeInclusive<Span> = Span::seconds(1)..=Span::seconds(86_400);

impl Default for Collector {
    fn default() -> Self {
        Self {
            workers: None,
            queue: Size(64 << 20),
            commit_interval: Span::seconds(1),
            max_sources: 16_384,
            silent_after: Span::seconds(600),
            elements: None,
            private_enterprise: None,
        }
    }
}

impl Collector {
    /// What no type says. The error is a sentence that begins with the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.workers == Some(0) {
            return Err("workers: 0, expected 1 or more".into());
        }
        if !QUEUES.contains(&self.queue.0) {
            let (least, most) = (Size(*QUEUES.start()), Size(*QUEUES.end()));
            return Err(format!("queue: {}, expected {least} to {most}", self.queue));
        }
        if !COMMITS.contains(&self.commit_interval) {
            let (least, most) = (COMMITS.start(), COMMITS.end());
            return Err(format!("commit_interval: {}, expected {least} to {most}", self.commit_interval));
        }
        if !SILENCES.contains(&self.silent_after) {
            let (least, most) = (SILENCES.start(), SILENCES.end());
            return Err(format!("silent_after: {}, expected {least} to {most}", self.silent_after));
        }
        if self.max_sources == 0 {
            return Err("max_sources: 0, expected 1 or more".into());
        }
        Ok(())
    }

    /// Threads that decode.
    pub(crate) fn threads(&self) -> usize {
        let cores = || thread::available_parallelism().map_or(1, usize::from).min(MOST_UNASKED);
        self.workers.map_or_else(cores, usize::from)
    }

    /// The elements that are known by name. The error is a sentence that begins with the key.
    pub(crate) fn registry(&self) -> Result<Registry, String> {
        let mut registry = Registry::new();
        if let Some(path) = &self.elements {
            let refuse = |cause: String| format!("collector.elements: {}: {cause}", path.display());
            let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
            registry.add_toml(&text).map_err(|error| refuse(error.to_string()))?;
        }
        if let Some(number) = self.private_enterprise {
            weir_codec::private::register(&mut registry, number);
        }
        Ok(registry)
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
