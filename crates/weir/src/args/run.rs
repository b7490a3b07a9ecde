//! The words of `weir run` and `weir check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::Format;

const RUN_ABOUT: &str = "\
Run the service: whatever the configuration enables.

[listen.NAME] receives flow export, [meter] makes flows of packets, [store] keeps the records of both, [export.NAME] sends them on, \
[replicate.NAME] copies datagrams, [console] answers over HTTP. SIGHUP loads the configuration anew. SIGTERM or SIGINT ends the intake, stores and exports all that was received, and \
exits; a second one ends at once.";

#[derive(Debug, Args)]
#[command(long_about = RUN_ABOUT)]
pub(crate) struct RunArgs {
    /// The configuration
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, default_value = "/etc/weir/weir.toml")]
    pub(crate) config: PathBuf,

    /// Print one JSON object of counters on the standard error at the end
    #[arg(long)]
    pub(crate) stats: bool,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// How the log on the standard error is written
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,

    /// What is logged, as error, warn, info or debug
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: PathBuf,

    /// Print it in full, with what was not written
    #[arg(long)]
    pub(crate) dump: bool,

    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table, hide_default_value = true)]
    pub(crate) format: Format,
}
