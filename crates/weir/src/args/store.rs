//! The words of `weir store`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::ask::TimeArgs;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) what: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Read every file and say what is wrong
    Check(StoreCheckArgs),
    /// Write records to a file that other tools read
    Export(StoreExportArgs),
    /// Keep a time for good: what retention is to spare
    Archive(StoreArchiveArgs),
}

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct StorePath {
    /// The store [default: that of the configuration]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,

    /// The configuration that names the store [default: /etc/weir/weir.toml]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "store")]
    pub(crate) config: Option<PathBuf>,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  weir store check --store /var/lib/weir

Exit codes: 0 sound, 3 something is wrong; what, and in which file, is printed.";

#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct StoreCheckArgs {
    #[command(flatten)]
    pub(crate) path: StorePath,
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  weir store export march.parquet --from 2026-03-01 --to 2026-03-31
  weir store export dns.csv --filter 'app dns' --columns time_start,src_addr,dns_name --last 1d
  weir store export --table counters --store /var/lib/weir counters.json";

#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct StoreExportArgs {
    /// The file to write; it appears when it is complete
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// The form of the file [default: by its name: .parquet, .csv, .json, .jsonl]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormat>,

    /// Which records
    #[arg(long, value_enum, default_value_t = StoreTable::Flows)]
    pub(crate) table: StoreTable,

    /// Only records for which this holds; of flows and events
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) filter: Option<String>,

    /// Columns, by name and in this order [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,

    #[command(flatten)]
    pub(crate) time: TimeArgs,

    #[command(flatten)]
    pub(crate) path: StorePath,
}

const ARCHIVE_EXAMPLES: &str = "\
Examples:
  weir store archive --from '2026-03-02 09:00' --to '2026-03-02 12:00' --note 'outage of the line to Brno'
  weir store archive                                   what is kept
  weir store archive --remove 3                        let retention have it again";

#[derive(Debug, Args)]
#[command(after_help = ARCHIVE_EXAMPLES)]
pub(crate) struct StoreArchiveArgs {
    /// Why it is kept
    #[arg(long, value_name = "TEXT", conflicts_with = "remove")]
    pub(crate) note: Option<String>,

    /// Keep this time no longer, by its number
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to", "last"])]
    pub(crate) remove: Option<u32>,

    #[command(flatten)]
    pub(crate) time: TimeArgs,

    #[command(flatten)]
    pub(crate) path: StorePath,
}

/// Forms of exported files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// Apache Parquet, addresses as text
    Parquet,
    /// Comma-separated values with a head (RFC 4180)
    Csv,
    /// JSON Lines
    Json,
}

/// Tables of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreTable {
    /// Flows and sampled packets
    Flows,
    /// Firewall and NAT events, drops
    Events,
    /// Counters of interfaces
    Counters,
    /// What arrived and what is missing, minute by minute
    Health,
    /// Continuous sums
    Series,
}
