//! The commands that change a service, and what they say.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use weir_testkit::wait_until;

use crate::collect::service::Service;
use crate::run::{Run, wait_until_asked, weir};

/// Somebody who changes the service with this configuration.
pub(super) struct Session<'a> {
    config: &'a Path,
}

impl<'a> Session<'a> {
    /// With a service that has begun: it receives a moment before it can be asked.
    pub(super) fn new(service: &'a Service) -> Self {
        wait_until_asked(&service.config);
        Self::of(&service.config)
    }

    pub(super) const fn of(config: &'a Path) -> Self {
        Self { config }
    }

    /// Runs a command, whatever comes of it.
    pub(super) fn run(&self, words: &[&str]) -> Run {
        let config = self.config.to_str().unwrap();
        let mut all = vec![words[0], "-c", config];
        all.extend(&words[1..]);
        weir(&all)
    }

    /// Runs a command that is to do what it is told.
    pub(super) fn done(&self, words: &[&str]) -> String {
        let run = self.run(words);
        assert_eq!(run.code, 0, "{words:?}: {}", run.stderr);
        run.stdout
    }

    /// The same, with its answer as JSON.
    pub(super) fn json(&self, words: &[&str]) -> Vec<Value> {
        let mut all = words.to_vec();
        all.extend(["--format", "json"]);
        self.done(&all).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a command that is to be refused with these words.
    pub(super) fn refused(&self, words: &[&str], because: &str) {
        let run = self.run(words);
        assert!(run.code == 2 && run.stderr.contains(because), "{words:?}: {} {}{}", run.code, run.stdout, run.stderr);
    }

    /// A counter of the service.
    pub(super) fn counter(&self, name: &str) -> u64 {
        self.json(&["counters", "--grep", name]).iter().filter_map(|row| row["value"].as_u64()).sum()
    }

    /// What stands in the file.
    pub(super) fn file(&self) -> String {
        fs::read_to_string(self.config).unwrap()
    }

    /// The folder of versions.
    pub(super) fn versions(&self) -> PathBuf {
        self.config.with_file_name("weir.toml.versions")
    }
}

/// A connection to the control socket of a service that may be about to open it.
pub(super) fn connected(socket: &Path) -> UnixStream {
    let mut stream = None;
    wait_until("the control socket is open", || {
        stream = UnixStream::connect(socket).ok();
        stream.is_some()
    });
    stream.unwrap()
}

/// A connection to the control socket, as a program has it.
pub(super) struct Wire(BufReader<UnixStream>);

impl Wire {
    pub(super) fn new(socket: &Path) -> Self {
        Self(BufReader::new(connected(socket)))
    }

    /// Asks; gives the answer, whatever it is.
    pub(super) fn ask(&mut self, request: &Value) -> Value {
        self.0.get_mut().write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Makes these changes and commits them.
    pub(super) fn commit(&mut self, edits: &Value) {
        for request in [json!({"do": "edit", "edits": edits}), json!({"do": "commit"})] {
            let answer = self.ask(&request);
            assert!(answer["ok"].is_object(), "{request}: {answer}");
        }
    }
}
