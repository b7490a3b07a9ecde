//! The words of `weir meter`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueHint};

use super::{Format, PrintArgs};
use crate::config::{Condition, Export, Keep, KeyPart, Sample, Size, Span};

const METER_ABOUT: &str = "\
Meter packets: turn them into flows with network performance and applications.

Packets come from capture files or from interfaces. A record is one direction of a flow; both directions of a connection are known together, so that \
each record has its round-trip and response times. Records are printed, or exported to collectors, or both.";

const METER_EXAMPLES: &str = "\
Examples:
  weir meter -r packets.pcap                           a table, or JSON Lines in a pipe
  weir meter -r packets.pcap --filter 'app dns and srt > 100ms'
  weir meter -r monday.pcap.gz -r tuesday.pcap.gz --format none --stats
  weir meter -i eth0 --duration 10s                    what happens here, for ten seconds
  weir meter -i eth0 -i eth1 --export udp://collector.example:4739
  weir meter -i eth0 --export 'udp://192.0.2.9:2055?format=netflow9&filter=not port 22&sampling=10'
  tcpdump -w - -i eth0 | weir meter -r -

Endpoints: udp:// (for ipfix also tcp://, tls://, dtls://, for fastnetmon tcp://, tls://) HOST:PORT, then ?key=value&key=value with the keys of [export.NAME] in the configuration:
  format=ipfix|netflow9|netflow5|fastnetmon, filter=TEXT, sampling=N, source=ADDRESS, profile=uniflow|biflow, times=ms|us,
  private_enterprise=N, domain=N, template_refresh=10m, template_messages=N, mtu=N, buffer=64MiB, buffer_path=FOLDER, ca=FILE, certificate=FILE,
  private_key=FILE, server_name=NAME";

#[derive(Debug, Args)]
#[command(long_about = METER_ABOUT, after_help = METER_EXAMPLES)]
#[command(group(ArgGroup::new("from").args(["read", "interface", "list_interfaces"]).required(true).multiple(true)))]
pub(crate) struct MeterArgs {
    /// Capture files (pcap or pcapng; plain, gzip or zstd); `-` is the standard input. Several are one stream of time
    #[arg(long, short, num_args = 1.., value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "interface")]
    pub(crate) read: Vec<PathBuf>,

    /// An interface to listen on, as `weir meter --list-interfaces` names it; may be given more than once
    #[arg(long, short, value_name = "NAME")]
    pub(crate) interface: Vec<String>,

    /// List the interfaces of this machine
    #[arg(long, exclusive = true)]
    pub(crate) list_interfaces: bool,

    /// Report only flows for which this holds, as in 'tcp and rtt > 50ms'
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) filter: Option<Condition>,

    /// Send records to a collector, as in udp://collector.example:4739; may be given more than once. See below
    #[arg(long, short, value_name = "URL")]
    pub(crate) export: Vec<ExportUrl>,

    /// How to print records; without it a table on a terminal, JSON Lines in a pipe, nothing with --export
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    #[command(flatten)]
    pub(crate) print: PrintArgs,

    /// Stop after this time, by the clock
    #[arg(long, value_name = "TIME", conflicts_with = "read")]
    pub(crate) duration: Option<Span>,

    /// Print one JSON object of counters on the standard error at the end
    #[arg(long)]
    pub(crate) stats: bool,

    #[command(flatten)]
    pub(crate) flows: FlowArgs,

    #[command(flatten)]
    pub(crate) packets: PacketArgs,
}

/// An endpoint on the command line, by the text that names it.
#[derive(Clone, Debug)]
pub(crate) struct ExportUrl {
    pub(crate) name: String,
    pub(crate) export: Export,
}

impl std::str::FromStr for ExportUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let export: Export = text.parse()?;
        let name = export.targets().next().map(ToString::to_string).unwrap_or_default();
        Ok(Self { name, export })
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Flows")]
pub(crate) struct FlowArgs {
    /// Report a flow that goes on for longer, and count anew [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) active_timeout: Option<Span>,

    /// End a flow that has no packet for longer [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) inactive_timeout: Option<Span>,

    /// Most flows at a time, for each worker; past it the one idle for longest is reported early and counted [default: 1000000]
    #[arg(long, value_name = "N")]
    pub(crate) max_flows: Option<usize>,

    /// Tell flows apart by more than addresses, ports and protocol
    #[arg(long, value_enum, value_name = "PARTS", value_delimiter = ',')]
    pub(crate) key: Vec<KeyPart>,

    /// Meter the packets inside of tunnels (VXLAN, GRE, GTP-U, IP in IP, ERSPAN) and keep the outer addresses
    #[arg(long)]
    pub(crate) decapsulate: bool,

    /// Do not measure round-trip and response times, retransmissions, gaps and jitter
    #[arg(long)]
    pub(crate) no_performance: bool,

    /// Do not look into payloads for applications
    #[arg(long)]
    pub(crate) no_applications: bool,

    /// Keep what is left out for the sake of people
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) keep: Vec<Keep>,

    /// Keep a histogram of response times with each record (column srt_hist)
    #[arg(long)]
    pub(crate) histograms: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Packets")]
pub(crate) struct PacketArgs {
    /// Take only packets for which this holds, in the language of tcpdump, as in 'not port 22'
    #[arg(long, value_name = "TEXT")]
    pub(crate) bpf: Option<String>,

    /// Meter 1/N of the packets (every Nth), random:1/N (by chance), or connections:1/N (whole connections, which keeps performance)
    #[arg(long, value_name = "SAMPLING")]
    pub(crate) sample: Option<Sample>,

    /// Octets taken of each packet [default: 262144, all of it]
    #[arg(long, value_name = "OCTETS", conflicts_with = "read")]
    pub(crate) snap_length: Option<u32>,

    /// Take only packets from and to this machine, not all that the interface sees
    #[arg(long, conflicts_with = "read")]
    pub(crate) no_promiscuous: bool,

    /// Memory for packets that wait to be read, for each interface and worker [default: 64MiB]
    #[arg(long, value_name = "SIZE", conflicts_with = "read")]
    pub(crate) ring: Option<Size>,

    /// Threads that capture and meter, each its share of the connections [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "read")]
    pub(crate) workers: Option<u8>,
}
