//! The life of a datagram: what `weir run` does with what exporters send, stage by stage.
//!
//! batch of datagrams, with their time of arrival ([`receive`]) -> guard (from here copies leave, [`replicate`](crate::replicate)) -> *bounded queue* of the worker that the exporter's address and domain choose ->
//! decode into rows, settings of the source, enrich ([`worker`]) -> *bounded queue* -> store, durable within a second ([`journal`]). Beside it: what is known of
//! each source ([`sources`], [`rows`]), what is known to be missing ([`health`]), templates and names across restarts ([`state`]).
//!
//! Each datagram is counted once: received = refused + over its rate + dropped by a full queue + decoded; and where it was decoded, as records, or as faults.

mod associations;
pub(crate) mod journal;
mod listeners;
mod receive;
mod streams;
mod worker;

mod batch;
mod settings;

mod continuity;
pub(crate) mod health;
mod rows;
mod source;
mod sources;

mod complaints;
mod refusals;
mod state;
mod troubles;

// The other way into the store.
pub(crate) mod inlet;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use weir_codec::{Decoder, Limits, Stats};
use weir_record::registry::Registry;
use weir_server::SourceRow;
use weir_transport::{Inbox, ShardCounters, ShardOptions, Shards};

pub(crate) use batch::Batch;
pub(crate) use listeners::Listened;
pub(crate) use worker::Desk;

use crate::config::{Config, Listen};
use crate::exit::Failure;
use crate::pipeline::queue::Queue;
use crate::replicate::Replications;
use crate::service::SharedTables;
use crate::stop::Stop;
pub(crate) use complaints::Complaints;
use health::Dropped;
use listeners::Listeners;
use rows::View;
use settings::Settings;
use state::{Keeper, Saved};
use worker::{Common, Worker};

/// The file of templates and names, in the folder of state.
const STATE: &str = "sessions";

/// Octets of a batch of datagrams on their way to a worker.
const BATCH_OCTETS: usize = 256 << 10;

/// The collector before it runs: its sockets are open, and what is known from before is loaded.
pub(crate) struct Ready {
    listeners: Arc<Listeners>,
    shards: Shards,
    inboxes: Vec<Inbox>,
    decoders: Vec<Decoder>,
    common: Arc<Common>,
    keeper: Keeper,
    max_sources: usize,
}

/// The collector while it runs.
pub(crate) struct Collector {
    listeners: Arc<Listeners>,
    shards: Shards,
    workers: Vec<JoinHandle<()>>,
    desks: Vec<Arc<Desk>>,
    common: Arc<Common>,
    keeper: Keeper,
    max_sources: usize,
}

/// All that the collector has counted.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// By name of the listener.
    pub(crate) listeners: Vec<(String, Listened)>,
    /// What listeners have counted that have ended.
    pub(crate) ended: Vec<Listened>,
    /// By worker.
    pub(crate) queues: Vec<ShardCounters>,
    pub(crate) decoded: Stats,
    /// Sources that have a place.
    pub(crate) sources: u64,
    /// Datagrams of sources that have none.
    pub(crate) crowded: u64,
    /// Saves of templates and names that failed.
    pub(crate) unsaved: u64,
}

impl Ready {
    /// Opens what is to be listened on. `folder` is where state is kept; `tables` is what is added to records.
    pub(crate) fn new(config: &Config, folder: &Path, tables: &SharedTables) -> Result<Self, Failure> {
        let workers = config.collector.threads();
        let batches = (config.collector.queue.0 / BATCH_OCTETS).max(1);
        let (shards, inboxes) = Shards::new(ShardOptions { workers, batch_octets: BATCH_OCTETS, batches });
        let common = Arc::new(Common {
            settings: ArcSwap::from_pointee(Settings::new(config)),
            tables: Arc::clone(tables),
            complaints: Complaints::default(),
            ways: ArcSwap::default(),
            stream_faults: Mutex::default(),
        });
        let listeners = Arc::new(Listeners::open(&config.listen, &common, &shards).map_err(Failure::Failed)?);
        let saved = Saved::read(&folder.join(STATE)).unwrap_or_else(|error| {
            tracing::warn!(%error, "saved templates cannot be read: data waits until exporters send them again");
            Saved::default()
        });
        let registry = config.collector.registry().map_err(Failure::Misuse)?;
        let decoders: Vec<_> = (0..workers).map(|worker| decoder(&registry, &saved, worker, workers)).collect();
        let keeper = Keeper::start(folder.join(STATE), decoders.iter().map(Decoder::save).collect());
        let keeper = keeper.map_err(|error| Failure::Failed(format!("cannot write to {}: {error}", folder.display())))?;
        Ok(Self { listeners, shards, inboxes, decoders, common, keeper, max_sources: config.collector.max_sources })
    }

    /// Threads that will push batches.
    pub(crate) fn workers(&self) -> usize {
        self.inboxes.len()
    }

    /// Tells what was dropped so far, from any thread.
    pub(crate) fn dropped(&self) -> impl Fn() -> Dropped + Send + use<> {
        let (listeners, shards) = (Arc::clone(&self.listeners), self.shards.clone());
        move || {
            let queue = shards.counters().map(|queue| queue.dropped).sum();
            listeners.dropped() + Dropped { queue, ..Dropped::default() }
        }
    }

    /// Begins to receive, until `stop`.
    pub(crate) fn start(
        self,
        queue: &Arc<Queue<Batch>>,
        replications: &Arc<Replications>,
        stop: &Stop,
    ) -> Result<Collector, Failure> {
        let Self { listeners, shards, inboxes, decoders, common, keeper, max_sources } = self;
        let places = (max_sources / inboxes.len().max(1)).max(1);
        let (mut workers, mut desks) = (Vec::new(), Vec::new());
        for (number, (inbox, decoder)) in inboxes.into_iter().zip(decoders).enumerate() {
            let desk = Arc::new(Desk::new(places));
            let worker = Worker::new(number, inbox, decoder, queue, &common, &desk, keeper.handle());
            let thread = thread::Builder::new().name(format!("weir-decode-{number}")).spawn(move || worker.run());
            workers.push(thread.map_err(no_thread)?);
            desks.push(desk);
        }
        let count = listeners.start(replications, stop).map_err(Failure::Failed)?;
        tracing::info!(listeners = count, workers = workers.len(), "receiving");
        Ok(Collector { listeners, shards, workers, desks, common, keeper, max_sources })
    }
}

impl Collector {
    /// Goes over to another configuration, as far as that loses nothing.
    pub(crate) fn reload(&self, config: &Config) {
        self.common.settings.store(Arc::new(Settings::new(config)));
    }

    /// Goes over to these listeners, without loss; an error, a sentence, changes nothing. Certificates are read anew.
    pub(crate) fn apply_listeners(&self, listen: &BTreeMap<String, Listen>) -> Result<(), String> {
        self.listeners.apply(listen)
    }

    /// Every source that was heard, by address and domain, and who was refused.
    pub(crate) fn rows(&self) -> Vec<SourceRow> {
        let ways = self.common.ways.load();
        let listeners: Vec<&str> = ways.iter().map(|way| way.name.as_str()).collect();
        let refused = self.listeners.refused().into_iter().collect();
        let settings = self.common.settings.load();
        let troubles = self.listeners.troubles();
        let view = View { settings: &settings, listeners: &listeners, refused, troubles, now: now() };
        let (mut rows, mut others): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
        for desk in &self.desks {
            let sources = desk.sources();
            rows.extend(sources.iter().map(|(key, source)| (source.from.to_ip(), view.row(key, source))));
            others.extend(sources.others().map(|others| view.others(others, self.max_sources)));
        }
        let mut rows = view.with_troubles(rows);
        let known: BTreeSet<IpAddr> = rows.iter().map(|row| row.exporter).collect();
        rows.extend(view.strangers(|from| known.contains(&from)));
        let unheard: Vec<_> = view.unheard(&rows).collect();
        rows.extend(unheard);
        rows.sort_by_key(|row| (row.exporter, row.domain));
        rows.extend(others.into_iter().reduce(rows::add_up));
        rows
    }

    /// What was counted so far.
    pub(crate) fn counted(&self) -> Counted {
        let mut counted = Counted {
            listeners: self.listeners.listened(),
            ended: self.listeners.ended(),
            queues: self.shards.counters().collect(),
            unsaved: self.keeper.failures(),
            ..Counted::default()
        };
        counted.decoded.faults.add_counts(&self.common.stream_faults());
        for desk in &self.desks {
            counted.decoded += &desk.stats();
            let sources = desk.sources();
            counted.sources += sources.iter().count() as u64;
            counted.crowded += sources.others().map_or(0, |others| others.datagrams);
        }
        counted
    }

    /// After `stop`: waits until all that was received is decoded and handed to the journal.
    pub(crate) fn close(&mut self) {
        self.listeners.close();
        self.shards.close();
        for worker in self.workers.drain(..) {
            // A worker that panicked has told why.
            let _ = worker.join();
        }
    }

    /// After the journal is closed: says on disk that nothing was received that is not stored.
    pub(crate) fn end(self) {
        if let Err(error) = self.keeper.close() {
            tracing::warn!(%error, "templates cannot be saved");
        }
    }
}

/// The row of our own meter, if anything was noted on its desk.
pub(crate) fn meter_row(config: &Config, desk: &Desk) -> Option<SourceRow> {
    let settings = Settings::new(config);
    let view = View { settings: &settings, listeners: &["meter"], refused: HashMap::new(), troubles: HashMap::new(), now: now() };
    let sources = desk.sources();
    let (key, source) = sources.iter().next()?;
    let row = view.row(key, source);
    let name = row.name.clone().unwrap_or_else(|| "meter".into());
    Some(SourceRow { name: Some(name), protocols: vec!["packet".into()], datagrams: 0, datagrams_per_second: 0.0, ..row })
}

/// A worker's decoder, which knows what it knew before. Its limits are its share of those of all.
fn decoder(registry: &Registry, saved: &Saved, worker: usize, workers: usize) -> Decoder {
    let all = Limits::default();
    let limits = Limits {
        sessions: (all.sessions / workers).max(1),
        state_total: all.state_total / workers,
        pending_total: all.pending_total / workers,
        ..all
    };
    let mut decoder = Decoder::new(weir_codec::Config { limits, registry: registry.clone() });
    if let Err(error) = saved.load(&mut decoder, worker, workers) {
        tracing::warn!(error, "saved templates cannot be read: data waits until exporters send them again");
    }
    decoder
}

fn no_thread(error: std::io::Error) -> Failure {
    Failure::Failed(format!("cannot start a thread: {error}"))
}

/// The clock, nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
