//! How the program ends. Exit codes are decided here and nowhere else.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::log;

/// A command that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done.
    Done,
    /// Done, and what was looked for is not there.
    NothingMatched,
    /// Done as far as possible; what failed was told on the way.
    PartlyFailed,
}

/// Why a command did not come to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What clap refuses, or prints because it was asked to: help and version.
    Arguments(clap::Error),
    /// Arguments or configuration that mean nothing.
    Misuse(String),
    /// Something that was to be done could not be.
    Failed(String),
    /// Whoever read our output has seen enough.
    PipeClosed,
    /// Output that cannot be written.
    Write(io::Error),
}

/// The exit code: 0 done, 1 nothing matched, 2 wrong use or configuration, 3 failed. Errors are told on the standard error.
pub(crate) fn code(result: Result<Outcome, Failure>) -> ExitCode {
    let code = match result {
        Ok(Outcome::Done) | Err(Failure::PipeClosed) => 0,
        Ok(Outcome::NothingMatched) => 1,
        Ok(Outcome::PartlyFailed) => 3,
        Err(Failure::Arguments(error)) => {
            // Nobody is left to be told where this fails.
            let _ = error.print();
            if error.use_stderr() { 2 } else { 0 }
        }
        Err(Failure::Misuse(message)) => {
            tell(&message);
            2
        }
        Err(Failure::Failed(message)) => {
            tell(&message);
            3
        }
        Err(Failure::Write(error)) => {
            tell(&format!("cannot write to standard output: {error}"));
            3
        }
    };
    ExitCode::from(code)
}

/// Tells of something on the standard error, or in the log of a service.
pub(crate) fn say(message: &str) {
    if log::is_on() {
        tracing::info!("{message}");
        return;
    }
    tell(message);
}

/// Tells of something that is wrong on the standard error, or in the log of a service.
pub(crate) fn tell(message: &str) {
    if log::is_on() {
        tracing::warn!("{message}");
        return;
    }
    // A standard error that cannot be written to leaves nowhere to say so.
    let _ = writeln!(io::stderr().lock(), "weir: {message}");
}

impl Failure {
    /// What is wrong, where another sentence goes on with it.
    pub(crate) fn sentence(self) -> String {
        match self {
            Self::Misuse(message) | Self::Failed(message) => message,
            Self::Arguments(error) => error.to_string(),
            Self::PipeClosed => "nobody reads any more".into(),
            Self::Write(error) => error.to_string(),
        }
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::Arguments(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::PipeClosed } else { Self::Write(error) }
    }
}
