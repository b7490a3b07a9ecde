//! What is said at the end of `weir decode`: the counters as JSON, and in words what went wrong.

pub(crate) mod meter;
pub(crate) mod service;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use weir_capture::{CaptureFile, Error, FileStats};
use weir_codec::{Fault, Reason, Stats};
use weir_record::write::json::write_string;
use weir_record::write::text::write_number;

use crate::exit::tell;

/// Gathers what is to be said.
pub(crate) struct Report {
    /// The counters are wanted.
    stats: bool,
    /// Faults are wanted in words.
    words: bool,
    /// The file that is being read.
    file: String,
    /// Where each kind of fault was met first.
    first: BTreeMap<Reason, First>,
    /// Frames of link types that cannot be read, in this file.
    unreadable: BTreeMap<u16, u64>,
    failed_files: u64,
}

struct First {
    file: String,
    /// Number of the frame; 0 where it is none's fault.
    frame: u64,
    fault: Fault,
}

impl Report {
    pub(crate) fn new(stats: bool, words: bool) -> Self {
        Self { stats, words, file: String::new(), first: BTreeMap::new(), unreadable: BTreeMap::new(), failed_files: 0 }
    }

    /// A file is begun, if it could be opened.
    pub(crate) fn begin(&mut self, file: &Path, opened: Result<CaptureFile, Error>) -> Option<CaptureFile> {
        self.file = if file == Path::new("-") { "standard input".into() } else { file.display().to_string() };
        opened.map_err(|error| self.failed(&error)).ok()
    }

    /// The next frame, or frames, if they could be read.
    #[inline]
    pub(crate) fn next<F>(&mut self, read: Result<Option<F>, Error>) -> Option<F> {
        read.unwrap_or_else(|error| {
            self.failed(&error);
            None
        })
    }

    /// Notes where faults were met, the first of each kind.
    pub(crate) fn note(&mut self, faults: &[Fault], frame: u64) {
        for fault in faults {
            let first = || First { file: self.file.clone(), frame, fault: *fault };
            self.first.entry(fault.reason).or_insert_with(first);
        }
    }

    /// A frame of a link type that cannot be read.
    pub(crate) fn unreadable_link(&mut self, link_type: u16) {
        *self.unreadable.entry(link_type).or_default() += 1;
    }

    /// A file is read. What was not read of it is said whether or not anybody asked.
    pub(crate) fn end(&mut self, stats: &FileStats) {
        if let Some(cut) = &stats.cut_short {
            tell(&format!("{}: {cut}", self.file));
        }
        if stats.bad_blocks > 0 {
            tell(&format!("{}: {} damaged packet blocks were left out", self.file, stats.bad_blocks));
        }
        for (link_type, frames) in std::mem::take(&mut self.unreadable) {
            tell(&format!("{}: {frames} frames have link type {link_type}, which cannot be read", self.file));
        }
    }

    /// Files that could not be read to the end.
    pub(crate) const fn failed_files(&self) -> u64 {
        self.failed_files
    }

    /// Says what was asked for.
    pub(crate) fn print(&self, stats: &Stats) {
        if self.words {
            for line in self.words(stats) {
                tell(&line);
            }
        }
        if self.stats {
            // A standard error that cannot be written to leaves nowhere to say so.
            let _ = io::stderr().lock().write_all(&json(stats));
        }
    }

    /// A file could not be read, or not further.
    #[cold]
    fn failed(&mut self, error: &Error) {
        self.failed_files += 1;
        tell(&error.to_string());
    }

    /// At most a line for each kind of fault, and one for what still waits.
    fn words(&self, stats: &Stats) -> Vec<String> {
        let mut lines = Vec::new();
        for (reason, count) in stats.faults.iter() {
            let met = match self.first.get(&reason) {
                None => String::new(),
                Some(First { frame: 0, .. }) => " (at the end)".into(),
                Some(First { file, frame, fault: Fault { offset, seen, .. } }) => {
                    format!(" (first: {file} frame {frame}, octet {offset}, seen {seen})")
                }
            };
            let faults = if count == 1 { "fault" } else { "faults" };
            lines.push(format!("{count} {faults} {reason}{met}: {}", reason.meaning()));
        }
        if stats.pending > 0 {
            lines.push(format!("{} sets of data still wait for their template, which is in none of the files", stats.pending));
        }
        lines
    }
}

/// The counters, one JSON object in a line.
fn json(stats: &Stats) -> Vec<u8> {
    let Stats { datagrams, records, templates, options_records, counter_samples, pending, faults, .. } = stats;
    let counters = [
        ("datagrams", datagrams),
        ("records", records),
        ("templates", templates),
        ("options_records", options_records),
        ("counter_samples", counter_samples),
        ("pending", pending),
    ];
    let mut line = b"{".to_vec();
    for (name, count) in counters {
        write_member(&mut line, name, *count);
        line.push(b',');
    }
    line.extend_from_slice(b"\"faults\":{");
    for (index, (reason, count)) in faults.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        write_member(&mut line, reason.name(), count);
    }
    line.extend_from_slice(b"}}\n");
    line
}

fn write_member(out: &mut Vec<u8>, name: &str, count: u64) {
    write_string(out, name.as_bytes());
    out.push(b':');
    write_number(out, count);
}
