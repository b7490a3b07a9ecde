//! The words of `weir replay`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueHint};

use super::ExportUrl;

const ABOUT: &str = "\
Send captured flow-export datagrams, or stored flows, to a collector.

Datagrams are taken out of captures as `weir decode` takes them, and sent as they are; those of different exporters leave from different ports, and to a \
collector on this machine (127.0.0.0/8) from different addresses. Times of export, and times of flows where they are absolute, are shifted so that the \
first datagram is exported now. Stored flows are encoded anew.";

const EXAMPLES: &str = "\
Examples:
  weir replay export.pcap --to udp://127.0.0.1:2055                  as it was captured
  weir replay export.pcap --to udp://127.0.0.1:2055 --rate 50000     so many datagrams a second
  weir replay *.pcap.gz --to udp://collector.example:2055 --speed 10 --loop
  weir replay --store /var/lib/weir --filter 'port 53' --last 1h --to udp://collector.example:4739";

#[derive(Debug, Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
#[command(group(ArgGroup::new("what").args(["files", "store"]).required(true)))]
pub(crate) struct ReplayArgs {
    /// Capture files (pcap, pcapng, IPFIX; plain, gzip or zstd)
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    /// The collector, as in udp://127.0.0.1:2055; stored flows take the keys of `weir meter --export` too
    #[arg(long, value_name = "URL")]
    pub(crate) to: ExportUrl,

    /// Datagrams (of stored flows: records) a second; `max` for as fast as possible
    #[arg(long, value_name = "N", conflicts_with = "speed")]
    pub(crate) rate: Option<Rate>,

    /// So many times as fast as captured [default: 1]
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub(crate) speed: Option<f64>,

    /// Leave all times as they are
    #[arg(long)]
    pub(crate) original_time: bool,

    /// Begin anew at the end, until stopped
    #[arg(long = "loop")]
    pub(crate) again: bool,

    /// Send the flows of this store
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,

    /// Only stored flows for which this holds
    #[arg(long, short, value_name = "TEXT", requires = "store")]
    pub(crate) filter: Option<String>,

    /// Only stored flows from this time on
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, requires = "store")]
    pub(crate) from: Option<String>,

    /// Only stored flows before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, requires = "store")]
    pub(crate) until: Option<String>,

    /// Only stored flows of this long until now, as in 1h
    #[arg(long, value_name = "LENGTH", requires = "store", conflicts_with_all = ["from", "until"])]
    pub(crate) last: Option<String>,

    /// Print one JSON object of counters on the standard error at the end
    #[arg(long)]
    pub(crate) stats: bool,
}

/// How fast to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// So many a second.
    PerSecond(u32),
    /// As fast as possible.
    Max,
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let number = text.strip_suffix("/s").unwrap_or(text).parse().ok().filter(|number| *number > 0);
        number.map(Self::PerSecond).ok_or_else(|| "write a number of datagrams a second, as in 5000, or max".into())
    }
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
    factor.ok_or_else(|| "write a number, as in 10 for ten times as fast, or 0.5".into())
}
