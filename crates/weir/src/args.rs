//! What was typed: one definition of each command and flag, from which help and completions are printed too.
//!
//! Nothing here looks at the world; what the words mean is worked out by each command.

mod ask;
mod demo;
mod edit;
mod ha;
mod import;
mod meter;
mod replay;
mod run;
mod store;
mod user;

use std::path::PathBuf;

pub(crate) use ask::{CountersArgs, QueryArgs, ServiceArgs, SourcesArgs, SqlArgs, TimeArgs};
pub(crate) use demo::DemoArgs;
pub(crate) use edit::{
    CommitArgs, CompleteArgs, ConfirmArgs, DiffArgs, EditorArgs, PlainArgs, RollbackArgs, SetArgs, ShowArgs, TermsArgs, UnsetArgs,
};
pub(crate) use ha::{HaArgs, HaWhat};
pub(crate) use import::{FcliArgs, ImportArgs, ImportWhat};
pub(crate) use meter::{ExportUrl, FlowArgs, MeterArgs, PacketArgs};
pub(crate) use replay::{Rate, ReplayArgs};
pub(crate) use run::{CheckArgs, LogArgs, LogFormat, RunArgs};
pub(crate) use store::{
    FileFormat, StoreArchiveArgs, StoreArgs, StoreCheckArgs, StoreCommand, StoreExportArgs, StorePath, StoreTable,
};

pub(crate) use user::{LimitArgs, PlaceArgs, TokenArgs, UserArgs, UserCommand};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

/// Weir takes a network from packet or datagram to answer.
#[derive(Debug, Parser)]
#[command(name = "weir", version, arg_required_else_help = true, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub(crate) struct Typed {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The configuration of a service that was installed.
pub(crate) const DEFAULT_CONFIG: &str = "/etc/weir/weir.toml";

const EXIT_CODES: &str = "Exit codes: 0 done, 1 nothing matched, 2 wrong use or configuration, 3 failed.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the whole chain on this machine, on sample traffic, to look at
    Demo(DemoArgs),
    /// Decode flow-export datagrams in capture files to records
    Decode(DecodeArgs),
    /// Meter packets of capture files or interfaces: flows with performance and applications
    Meter(Box<MeterArgs>),
    /// Run the service: whatever the configuration enables
    Run(RunArgs),
    /// Validate a configuration
    Check(CheckArgs),
    /// Ask over stored flow records: list, top, over time
    Query(Box<QueryArgs>),
    /// Ask in SQL, read only
    Sql(SqlArgs),
    /// List the sources of the running service: what arrives, what is missing, and why
    Sources(SourcesArgs),
    /// Print the counters of the running service
    Counters(CountersArgs),
    /// Change a key of the running configuration, in a candidate
    Set(SetArgs),
    /// Take a key or section out of the candidate, or one of a list
    Unset(UnsetArgs),
    /// Print the configuration: with your changes, as it runs, or as it was
    Show(ShowArgs),
    /// List what the candidate changes
    Diff(DiffArgs),
    /// Make the candidate run, without a restart
    Commit(CommitArgs),
    /// Keep what was committed with --confirm
    Confirm(ConfirmArgs),
    /// Make an earlier version run again
    Rollback(RollbackArgs),
    /// List what was committed, when, by whom and why
    Versions(PlainArgs),
    /// Drop the candidate
    Discard(PlainArgs),
    /// Make the candidate's changes anew in what runs now
    Rebase(PlainArgs),
    /// Look at, or say, which of two units exports
    Ha(HaArgs),
    /// Take over the configuration of another program
    Import(ImportArgs),
    /// Complete a line of a shell
    #[command(hide = true)]
    CompletePath(CompleteArgs),
    /// Send captured datagrams or stored flows to a collector
    Replay(Box<ReplayArgs>),
    /// Look after a store: check, export, archive
    Store(Box<StoreArgs>),
    /// Look after the users of the console: add, list, passwd, role, limit, remove, and their tokens
    User(Box<UserArgs>),
    /// List the columns of a record: name, type, unit, meaning
    Columns(ColumnsArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell that is to read it
        shell: clap_complete::Shell,
    },
}

const DECODE_ABOUT: &str = "\
Decode flow-export datagrams in capture files to records.

NetFlow v1, v5, v7 and v9, IPFIX, sFlow v5 and FastNetMon Flow are recognised by their content, on any port: in UDP datagrams (fragments are put \
together), in TCP streams (IPFIX) and in IPFIX files. Templates are kept from file to file.";

const DECODE_EXAMPLES: &str = "\
Examples:
  weir decode export.pcap                              a table, or JSON Lines in a pipe
  weir decode --filter 'port 443 and bytes > 1M' *.pcap.gz
  weir decode --format csv --columns time_start,src_addr,dst_addr,bytes export.pcapng
  weir decode --format none --stats export.pcap        only count
  weir decode --kind all export.pcap                   options, counters, events and drops too
  ssh probe tcpdump -w - udp port 2055 | weir decode -";

#[derive(Debug, Args)]
#[command(long_about = DECODE_ABOUT, after_help = DECODE_EXAMPLES)]
pub(crate) struct DecodeArgs {
    /// Capture files (pcap, pcapng, IPFIX; plain, gzip or zstd); `-` is the standard input
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    /// Print only records for which this holds, as in 'src net 10.0.0.0/8 and not port 53'
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) filter: Option<String>,

    /// Which records to print; without it flow and sample records. All but these carry a "kind" key in JSON
    #[arg(long, value_enum, default_value_t = Kind::Flow, hide_default_value = true)]
    pub(crate) kind: Kind,

    /// How to print them; without it a table on a terminal, JSON Lines in a pipe
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    #[command(flatten)]
    pub(crate) print: PrintArgs,

    /// Information Elements of your own: a TOML file of [[element]] tables with pen, id, name and type
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) elements: Option<PathBuf>,

    /// The enterprise number under which a Weir exporter sends what no known element carries (its key private_enterprise)
    #[arg(long, value_name = "NUMBER")]
    pub(crate) private_enterprise: Option<u32>,

    /// Print one JSON object of counters on the standard error at the end
    #[arg(long)]
    pub(crate) stats: bool,

    /// Say in words what was wrong with the datagrams, also where the standard error is no terminal
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// What of the records is printed.
#[derive(Debug, Args)]
pub(crate) struct PrintArgs {
    /// Columns to print, by name and in this order; `all` for every column (see `weir columns`)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,

    /// Stop after this many records
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ColumnsArgs {
    /// Whose columns
    #[arg(value_enum, default_value_t = Table::Flow)]
    pub(crate) table: Table,

    /// Print a Markdown table, with the elements that fill each column
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// Which records are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Flows and sampled packets
    Flow,
    /// Firewall and NAT events
    Event,
    /// What exporters say of themselves, their interfaces and samplers
    Options,
    /// Interface and other counters (sFlow)
    Counters,
    /// Packets that a device dropped and reported (sFlow)
    Drops,
    /// All of these
    All,
}

/// How records are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people
    Table,
    /// One JSON object a line; absent values are left out
    Json,
    /// Comma-separated values with a head (RFC 4180)
    Csv,
    /// Only the number of records
    None,
}

/// The tables of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Table {
    /// Flows, samples, events and drops
    Flow,
    /// Counter records
    Counters,
    /// Options records
    Options,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn no_two_words_of_a_command_collide() {
        Typed::command().debug_assert();
    }
}
