//! The log of a service, on the standard error: text for people, JSON for programs.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::filter::EnvFilter;

use crate::args::LogArgs;
use crate::args::LogFormat;
use crate::exit::Failure;

/// The service logs, so that what it has to say goes there too.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// Begins to log.
pub(crate) fn start(typed: &LogArgs) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&typed.log_level).map_err(|error| {
        Failure::Misuse(format!("--log-level {}: {error}; write info, or debug, warn, error", typed.log_level))
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    let started = match typed.log_format {
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).try_init(),
    };
    started.map_err(|error| Failure::Failed(format!("cannot begin to log: {error}")))?;
    IS_ON.store(true, Ordering::Relaxed);
    Ok(())
}

/// True once [`start`] was called.
pub(crate) fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}
