//! `[meter]`: which packets, how they become flows, and what is kept of them.

use std::ops::RangeInclusive;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use weir_capture::{Bpf, BpfError, LiveConfig};

use super::{Condition, Sample, Size, Span};

/// How packets are taken and metered.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Meter {
    /// Interfaces to listen on, by name: one switch an interface.
    pub(crate) interfaces: Vec<String>,
    /// Packets to take, in the language of tcpdump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bpf: Option<String>,
    /// Octets taken of each packet.
    pub(crate) snap_length: u32,
    /// Take packets to others too.
    pub(crate) promiscuous: bool,
    /// Memory for packets that wait to be read, for each interface and worker.
    pub(crate) ring: Size,
    /// Threads, each with its share of the connections.
    pub(crate) workers: u8,
    /// Which packets are metered.
    pub(crate) sample: Sample,
    /// A flow that goes on for longer is reported, and counted anew.
    pub(crate) active_timeout: Span,
    /// A flow without a packet for longer has ended.
    pub(crate) inactive_timeout: Span,
    /// Most flows at a time, for each worker.
    pub(crate) max_flows: usize,
    /// What tells flows apart besides addresses, ports and protocol.
    pub(crate) key: Vec<KeyPart>,
    /// Meter the packets inside of tunnels.
    pub(crate) decapsulate: bool,
    /// Measure round-trip and response times, retransmissions, gaps and jitter.
    pub(crate) performance: bool,
    /// Look into payloads for applications.
    pub(crate) applications: bool,
    /// What to keep of people.
    pub(crate) keep: Vec<Keep>,
    /// Histograms of response times.
    pub(crate) histograms: bool,
    /// Flows to report.
    pub(crate) filter: Condition,
}

/// A part of a flow's key that is off by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyPart {
    /// The VLAN
    Vlan,
    /// The interface
    Interface,
}

/// What packets carry of people, kept only when named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Keep {
    /// The part of URLs behind the question mark
    UrlQueries,
    /// The text of SQL statements
    SqlText,
    /// Mail addresses
    MailAddresses,
}

/// Most flows of a worker: far more than memory has room for, and few enough to be counted in 32 bits.
const MOST_FLOWS: usize = 1 << 31;
/// Octets that can be kept of a packet, from the headers of TCP over IPv6 to the longest; what the capture takes.
const SNAP_LENGTHS: RangeInclusive<u32> = 96..=262_144;
/// Octets of a ring; what the capture takes.
const RINGS: RangeInclusive<usize> = 2 << 20..=4 << 30;

impl Default for Meter {
    fn default() -> Self {
        let table = weir_meter::Config::default();
        let capture = LiveConfig::new("");
        Self {
            interfaces: Vec::new(),
            bpf: None,
            snap_length: capture.snap_length,
            promiscuous: true,
            ring: Size(capture.ring_bytes),
            workers: 1,
            sample: Sample::All,
            active_timeout: Span(table.active_timeout),
            inactive_timeout: Span(table.inactive_timeout),
            max_flows: table.max_flows,
            key: Vec::new(),
            decapsulate: table.decapsulate,
            performance: table.performance,
            applications: true,
            keep: Vec::new(),
            histograms: table.histograms,
            filter: Condition::any(),
        }
    }
}

impl Meter {
    /// What no type says. The error is a sentence that begins with the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        let names = &self.interfaces;
        if let Some(twice) =
            names.iter().enumerate().find_map(|(place, name)| names.iter().skip(place + 1).find(|other| *other == name))
        {
            return Err(format!("interfaces: \"{twice}\" stands twice, its packets would be counted twice"));
        }
        if self.workers == 0 {
            return Err("workers: 0, expected 1 or more".into());
        }
        if !(1..=MOST_FLOWS).contains(&self.max_flows) {
            return Err(format!("max_flows: {}, expected 1 or more, at most {MOST_FLOWS}", self.max_flows));
        }
        if !SNAP_LENGTHS.contains(&self.snap_length) {
            let (least, most) = (SNAP_LENGTHS.start(), SNAP_LENGTHS.end());
            return Err(format!("snap_length: {} octets, expected {least} to {most}", self.snap_length));
        }
        if !RINGS.contains(&self.ring.0) {
            let (least, most) = (Size(*RINGS.start()), Size(*RINGS.end()));
            return Err(format!("ring: {}, expected {least} to {most}", self.ring));
        }
        // Of Ethernet, to refuse a bad text before any work. Where the compiler is not installed only a run can say it.
        match self.bpf.as_ref().map(|text| Bpf::compile(text, 1)) {
            None | Some(Ok(_) | Err(BpfError::NoCompiler { .. })) => {}
            Some(Err(error)) => return Err(format!("bpf: {error}")),
        }
        if !self.applications && !self.keep.is_empty() {
            return Err(
                "keep: what is to be kept is found by the application decoders, which applications = false turns off".into()
            );
        }
        Ok(())
    }

    /// 1 in so many packets, or connections, is metered.
    pub(crate) const fn rate(&self) -> u32 {
        match self.sample {
            Sample::All => 1,
            Sample::Every(number) | Sample::Random(number) | Sample::Connections(number) => number,
        }
    }

    /// What the flow table is told. `seed` is a secret of this run.
    pub(crate) fn table(&self, seed: u64) -> weir_meter::Config {
        let keeps = |what| self.keep.contains(&what);
        let applications = weir_meter::Applications {
            url_queries: keeps(Keep::UrlQueries),
            sql_text: keeps(Keep::SqlText),
            mail_addresses: keeps(Keep::MailAddresses),
        };
        let (sampled_packets, sample_connections) = match self.sample {
            Sample::All => (1, 1),
            Sample::Every(number) | Sample::Random(number) => (number, 1),
            Sample::Connections(number) => (1, number),
        };
        weir_meter::Config {
            active_timeout: self.active_timeout.0,
            inactive_timeout: self.inactive_timeout.0,
            max_flows: self.max_flows,
            key_vlan: self.key.contains(&KeyPart::Vlan),
            key_interface: self.key.contains(&KeyPart::Interface),
            decapsulate: self.decapsulate,
            performance: self.performance,
            histograms: self.histograms,
            applications: self.applications.then_some(applications),
            sample_connections,
            sampled_packets,
            seed,
            ..weir_meter::Config::default()
        }
    }
}
