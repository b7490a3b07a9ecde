//! The words of the commands that ask: `weir query`, `weir sql`, `weir sources`, `weir counters`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Format;

const QUERY_ABOUT: &str = "\
Ask over stored flow records: list them, sum them by keys, draw them over time.

The running service answers, or with --store the files themselves, which need no service. Below each answer stands what is known to be missing in that \
time, and how sure the sums of sampled traffic are.";

const QUERY_EXAMPLES: &str = "\
Examples:
  weir query 'src net 10.0.0.0/8 and port 443' --last 1h      the newest records
  weir query --top 10 --by src_addr --last 1h                 who sent most
  weir query --top 5 --by 'app,server port' --measures 'bytes,connections,rtt p95' --sort bytes
  weir query 'app dns' --series 5m --last 1d --by exporter    over time, for each exporter
  weir query --top 20 --by src_addr/24 --having 'bytes > 1G' --from 2026-03-02 --to 2026-03-03
  weir query --summary --from '2026-03-02 09:30' --to 10:00
  weir query --store /var/lib/weir --format csv --columns time_start,src_addr,dst_addr,bytes

Times: 2026-03-02T09:30:00Z; without offset local time: 2026-03-02 09:30, 09:30; a day: 2026-03-02, today, yesterday; now, -1h30m.
Keys: any column, src_addr/24, pairs such as ip, port and as (either side), client ip, server port, dscp, minute, hour, day, extra.NAME.
Measures: flows, samples, connections, records, packets, bytes, bps, pps, bpp, any number (its sum), rtt avg|min|max|p50|p95|p99, distinct(src_addr).";

#[derive(Debug, Args)]
#[command(long_about = QUERY_ABOUT, after_help = QUERY_EXAMPLES)]
pub(crate) struct QueryArgs {
    /// Only records for which this holds, as in 'tcp and dst port 443' (see the manual's page on filters)
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Option<String>,

    #[command(flatten)]
    pub(crate) what: QueryWhat,

    #[command(flatten)]
    pub(crate) time: TimeArgs,

    #[command(flatten)]
    pub(crate) from: AskedArgs,

    /// How to print; without it a table on a terminal, JSON Lines in a pipe
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Print one JSON object about the answer on the standard error at the end: totals, completeness, notes
    #[arg(long)]
    pub(crate) stats: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What is asked")]
pub(crate) struct QueryWhat {
    /// Only the N largest groups of --by
    #[arg(long, value_name = "N", requires = "by")]
    pub(crate) top: Option<u64>,

    /// Sum by these keys, separated by commas
    #[arg(long, value_name = "KEYS")]
    pub(crate) by: Option<String>,

    /// What to sum, separated by commas
    #[arg(long, value_name = "MEASURES")]
    pub(crate) measures: Option<String>,

    /// The measure to sort by [default: the first]
    #[arg(long, value_name = "MEASURE")]
    pub(crate) sort: Option<String>,

    /// Sums over time, in steps of this length, as in 5m
    #[arg(long, value_name = "STEP", conflicts_with = "summary")]
    pub(crate) series: Option<String>,

    /// Only groups for which this holds, as in 'bytes > 1G'; compares what is printed
    #[arg(long, value_name = "TEXT", requires = "by")]
    pub(crate) having: Option<String>,

    /// One line: how much, first, last, how complete
    #[arg(long, conflicts_with_all = ["by", "columns", "limit"])]
    pub(crate) summary: bool,

    /// Bytes and packets as reported, not multiplied by the sampling rate
    #[arg(long)]
    pub(crate) unscaled: bool,

    /// Of records that go beyond the time, only their part in it, as in a series
    #[arg(long, conflicts_with_all = ["series", "columns", "limit"])]
    pub(crate) spread: bool,

    /// Names of addresses beside them, by the resolver, which learns the addresses by that
    #[arg(long, conflicts_with = "summary")]
    pub(crate) names: bool,

    /// Most records of a list [default: 1000]
    #[arg(long, value_name = "N", conflicts_with_all = ["by", "series"])]
    pub(crate) limit: Option<u64>,

    /// Columns of a list, by name and in this order; `all` for every column (see `weir columns`)
    #[arg(long, value_name = "NAMES", conflicts_with_all = ["by", "series"])]
    pub(crate) columns: Option<String>,

    /// List the oldest records first
    #[arg(long, conflicts_with_all = ["by", "series"])]
    pub(crate) oldest_first: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Of which time (default: everything)")]
pub(crate) struct TimeArgs {
    /// Begin; records that were under way then are included
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,

    /// End, not included; a day is included
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,

    /// This long until now, as in 1h
    #[arg(long, value_name = "LENGTH", conflicts_with_all = ["from", "to"])]
    pub(crate) last: Option<String>,
}

/// Who is asked.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who is asked")]
pub(crate) struct AskedArgs {
    /// Read the files of this store, beside a running service or without one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath, conflicts_with_all = ["config", "server", "token"])]
    pub(crate) store: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

/// Which service is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceArgs {
    /// Ask the service that runs with this configuration [default: /etc/weir/weir.toml]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Ask the service there, as in https://weir.example
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, conflicts_with = "config")]
    pub(crate) server: Option<String>,

    /// Ask with this token of a user; without it with WEIR_TOKEN of the environment, or on its machine with the service's own
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
}

const SQL_ABOUT: &str = "\
Ask in SQL, read only. Tables: flows (flows and sampled packets), events (firewall and NAT events, drops), counters (of interfaces), health (what arrived \
and what is missing, minute by minute), series (continuous sums). Columns are those of `weir columns`.";

const SQL_EXAMPLES: &str = "\
Examples:
  weir sql 'SELECT src_addr, sum(bytes) AS bytes FROM flows GROUP BY src_addr ORDER BY bytes DESC LIMIT 10'
  weir sql \"SELECT * FROM flows WHERE in_net(src_addr, '10.0.0.0/8') AND dst_port = 53 LIMIT 5\"
  weir sql --store /var/lib/weir --format csv - < report.sql";

#[derive(Debug, Args)]
#[command(long_about = SQL_ABOUT, after_help = SQL_EXAMPLES)]
pub(crate) struct SqlArgs {
    /// One SELECT or EXPLAIN; `-` reads it from the standard input
    #[arg(value_name = "STATEMENT")]
    pub(crate) statement: String,

    #[command(flatten)]
    pub(crate) from: AskedArgs,

    /// How to print; without it a table on a terminal, JSON Lines in a pipe
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

const SOURCES_ABOUT: &str = "\
List the sources of the running service: what arrives from whom, what is missing, and why there is no data. With --store what arrived in all, by what the \
store keeps account of.";

const SOURCES_EXAMPLES: &str = "\
Examples:
  weir sources
  weir sources --store /var/lib/weir                   what arrived, as a store keeps it
  weir sources --format json | jq 'select(.state != \"receiving\")'";

#[derive(Debug, Args)]
#[command(long_about = SOURCES_ABOUT, after_help = SOURCES_EXAMPLES)]
pub(crate) struct SourcesArgs {
    #[command(flatten)]
    pub(crate) from: AskedArgs,

    /// How to print; without it a table on a terminal, JSON Lines in a pipe
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

const COUNTERS_EXAMPLES: &str = "\
Examples:
  weir counters
  weir counters --grep dropped";

#[derive(Debug, Args)]
#[command(long_about = "Print the counters of the running service; the same numbers as at /metrics.", after_help = COUNTERS_EXAMPLES)]
pub(crate) struct CountersArgs {
    /// Only counters whose name or labels contain this text
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) grep: String,

    #[command(flatten)]
    pub(crate) service: ServiceArgs,

    /// How to print; without it a table on a terminal, JSON Lines in a pipe
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
