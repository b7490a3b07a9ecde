//! `weir meter` and the metering part of `weir run`: what was typed becomes a job that can be done, or is refused
//! before any work.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::args::{ExportUrl, FlowArgs, Format, Kind, MeterArgs, PacketArgs};
use crate::collect::inlet::Inlet;
use crate::config::{Export, Meter, Origin};
use crate::decode::check_files;
use crate::exit::{Failure, Outcome};
use crate::export::Exports;
use crate::output::{Columns, Rows, Selection, Sink};
use crate::pipeline::live::{Captures, Changes};

/// All that a run needs to know.
pub(crate) struct Job {
    /// Read one after the other, as one stream of time; empty where interfaces are listened on. `-` is the standard input.
    pub(crate) files: Vec<PathBuf>,
    /// Which packets, and how they become flows.
    pub(crate) meter: Meter,
    /// Where flows are sent.
    pub(crate) exports: Arc<Exports>,
    /// Where flows are printed.
    pub(crate) rows: Option<Rows>,
    /// The way into a store.
    pub(crate) inlet: Option<Inlet>,
    /// Captures that were opened before.
    pub(crate) captures: Option<Captures>,
    /// What changes while it runs.
    pub(crate) changes: Arc<Changes>,
    /// Most records to report.
    pub(crate) limit: u64,
    /// When to stop by the clock.
    pub(crate) duration: Option<Duration>,
    /// The counters are wanted.
    pub(crate) stats: bool,
    /// The answer to a filter that selects nothing is "no".
    pub(crate) must_match: bool,
}

impl Job {
    /// The job of `weir meter`.
    pub(crate) fn new(typed: MeterArgs) -> Result<Self, Failure> {
        check_files(&typed.read)?;
        let columns = Columns::new(typed.print.columns.as_deref(), Kind::Flow).map_err(Failure::Misuse)?;
        let unasked = || match (typed.export.is_empty(), io::stdout().is_terminal()) {
            (true, true) => Some(Format::Table),
            (true, false) => Some(Format::Json),
            (false, _) => None,
        };
        let format = typed.format.or_else(unasked);
        let rows = format.map(|format| {
            let selection = Selection::new(Kind::Flow, None, u64::MAX);
            Rows::new(selection, Sink::new(format, Kind::Flow, columns))
        });
        let must_match = typed.filter.is_some();
        let mut meter = Meter { interfaces: typed.interface, ..Meter::default() };
        set(&mut meter.filter, typed.filter);
        set_flows(&mut meter, typed.flows);
        set_packets(&mut meter, typed.packets);
        meter.check().map_err(|error| Failure::Misuse(as_flag(&error)))?;
        let named = named(typed.export);
        for (name, export) in &named {
            if export.from == Origin::All {
                let message = "from: all is what a service receives; here are only records of the meter";
                return Err(Failure::Misuse(format!("{name}: {message}")));
            }
            export.check_with(&meter).map_err(|error| Failure::Misuse(format!("{name}: {error}")))?;
        }
        let exports = Exports::new(typed.read.is_empty());
        exports.go_over(&named).map_err(Failure::Misuse)?;
        Ok(Self {
            files: typed.read,
            captures: None,
            changes: Arc::new(Changes::new(&meter)),
            meter,
            exports: Arc::new(exports),
            rows,
            inlet: None,
            limit: typed.print.limit.unwrap_or(u64::MAX),
            duration: typed.duration.map(|span| span.of()),
            stats: typed.stats,
            must_match,
        })
    }

    /// The metering part of `weir run`.
    pub(crate) fn of_service(meter: Meter, exports: Arc<Exports>, inlet: Option<Inlet>) -> Self {
        Self {
            files: Vec::new(),
            captures: None,
            changes: Arc::new(Changes::new(&meter)),
            meter,
            exports,
            rows: None,
            inlet,
            limit: u64::MAX,
            duration: None,
            stats: false,
            must_match: false,
        }
    }
}

/// Endpoints by their URLs; one that is named again, as for another filter, gets a number.
fn named(urls: Vec<ExportUrl>) -> BTreeMap<String, Export> {
    let mut exports: BTreeMap<String, Export> = BTreeMap::new();
    for ExportUrl { name, export } in urls {
        let again = exports.values().filter(|other| other.url == export.url).count();
        exports.insert(if again > 0 { format!("{name} {}", again + 1) } else { name }, export);
    }
    exports
}

/// Prints the interfaces of this machine, one a line: name, number, state.
pub(crate) fn list_interfaces() -> Result<Outcome, Failure> {
    let found = weir_capture::interfaces().map_err(|error| Failure::Failed(format!("cannot list interfaces: {error}")))?;
    let widest = found.iter().map(|interface| interface.name.len()).max().unwrap_or_default();
    let mut out = io::stdout().lock();
    for interface in found {
        let state = if interface.is_up { "up" } else { "down" };
        writeln!(out, "{:widest$}  {:>4}  {state}", interface.name, interface.index)?;
    }
    Ok(Outcome::Done)
}

fn set_flows(meter: &mut Meter, typed: FlowArgs) {
    set(&mut meter.active_timeout, typed.active_timeout);
    set(&mut meter.inactive_timeout, typed.inactive_timeout);
    set(&mut meter.max_flows, typed.max_flows);
    meter.key = typed.key;
    meter.decapsulate = typed.decapsulate;
    meter.performance = !typed.no_performance;
    meter.applications = !typed.no_applications;
    meter.keep = typed.keep;
    meter.histograms = typed.histograms;
}

fn set_packets(meter: &mut Meter, typed: PacketArgs) {
    meter.bpf = typed.bpf;
    set(&mut meter.sample, typed.sample);
    set(&mut meter.snap_length, typed.snap_length);
    meter.promiscuous = !typed.no_promiscuous;
    set(&mut meter.workers, typed.workers);
    set(&mut meter.ring, typed.ring);
}

fn set<T>(place: &mut T, typed: Option<T>) {
    if let Some(typed) = typed {
        *place = typed;
    }
}

/// A refusal that begins with a key of the configuration, in the words of the command line.
fn as_flag(error: &str) -> String {
    let (key, rest) = error.split_once(':').unwrap_or((error, ""));
    format!("--{}:{rest}", key.replace('_', "-"))
}
