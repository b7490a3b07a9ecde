//! The service while it runs, as far as others may see it: what it holds, what it has counted, whether it is well.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use weir_server::{Health, Library, SourceRow};
use weir_store::Store;

use super::SharedTables;
use super::metering::Metering;
use crate::collect::journal::JournalState;
use crate::collect::{self, Collector, Counted, Desk};
use crate::config::{self, Config, Console, Limits};
use crate::exit::Failure;
use crate::export::Exports;
use crate::ha::Unit;
use crate::objects::ChannelSums;
use crate::people::{self, Entrance, Entry};
use crate::replicate::Replications;
use crate::report::service::Ended;

/// How long answers that are under way are waited for.
const ANSWERING: Duration = Duration::from_secs(5);

/// The parts of which it consists.
pub(super) struct Parts {
    pub(super) tables: SharedTables,
    pub(super) store: Option<Arc<Store>>,
    pub(super) collector: Option<Collector>,
    pub(super) journal: Option<Arc<JournalState>>,
    pub(super) meter: Arc<Desk>,
    pub(super) metering: Arc<Metering>,
    pub(super) unit: Arc<Unit>,
    pub(super) exports: Arc<Exports>,
    pub(super) replications: Arc<Replications>,
    pub(super) library: Option<Arc<Library>>,
    pub(super) sums: Option<Arc<ChannelSums>>,
}

/// What all parts of the service may ask.
pub(crate) struct Running {
    pub(super) config: ArcSwap<Config>,
    pub(super) store: Option<Arc<Store>>,
    /// What is added to records.
    pub(super) tables: SharedTables,
    /// Taken out when the service ends.
    collector: Mutex<Option<Collector>>,
    journal: Option<Arc<JournalState>>,
    /// Where the meter is noted.
    meter: Arc<Desk>,
    metering: Arc<Metering>,
    /// What this is, of two units.
    unit: Arc<Unit>,
    /// What answers over HTTP.
    server: Mutex<Option<weir_server::Server>>,
    /// Whom it answers.
    people: Entry,
    /// Who is sent records.
    exports: Arc<Exports>,
    /// Who is sent copies of datagrams.
    replications: Arc<Replications>,
    /// Profiles, chapters and dashboards.
    library: Option<Arc<Library>>,
    /// Sums of their channels.
    sums: Option<Arc<ChannelSums>>,
    /// What was counted when the collector ended.
    last: Mutex<Option<Counted>>,
    /// What the store keeps, which is more than the configuration says while another one may come back.
    pub(super) kept: Mutex<Option<Limits>>,
}

impl Running {
    pub(super) fn new(config: Config, entrance: Entrance, parts: Parts) -> Self {
        let Parts { tables, store, collector, journal, meter, metering, unit, exports, replications, library, sums } = parts;
        Self {
            kept: Mutex::new(config.store.as_ref().map(config::Store::limits)),
            config: ArcSwap::from_pointee(config),
            tables,
            store,
            collector: Mutex::new(collector),
            journal,
            meter,
            metering,
            unit,
            server: Mutex::default(),
            people: Entry::new(entrance),
            exports,
            replications,
            library,
            sums,
            last: Mutex::default(),
        }
    }

    /// The store, where there is one.
    pub(crate) const fn store(&self) -> Option<&Arc<Store>> {
        self.store.as_ref()
    }

    /// Profiles, chapters and dashboards, where there is a place for them.
    pub(crate) const fn library(&self) -> Option<&Arc<Library>> {
        self.library.as_ref()
    }

    /// Sums of channels, where there is a store for them.
    pub(crate) const fn sums(&self) -> Option<&Arc<ChannelSums>> {
        self.sums.as_ref()
    }

    /// The meter.
    pub(super) fn metering(&self) -> &Metering {
        &self.metering
    }

    /// What this is, of two units.
    pub(crate) const fn unit(&self) -> &Arc<Unit> {
        &self.unit
    }

    /// Every source that was heard, and the meter.
    pub(crate) fn sources(&self) -> Vec<SourceRow> {
        let mut rows = self.collector().as_ref().map(Collector::rows).unwrap_or_default();
        rows.extend(collect::meter_row(&self.config.load(), &self.meter));
        rows
    }

    /// What the collector has counted.
    pub(crate) fn counted(&self) -> Option<Counted> {
        self.collector().as_ref().map(Collector::counted)
    }

    /// Who is sent records.
    pub(crate) const fn exports(&self) -> &Arc<Exports> {
        &self.exports
    }

    /// Who is sent copies of datagrams.
    pub(crate) const fn replications(&self) -> &Arc<Replications> {
        &self.replications
    }

    /// What became of rows on their way into the store.
    pub(crate) fn journal(&self) -> Option<&JournalState> {
        self.journal.as_deref()
    }

    /// Whether all parts are well.
    pub(crate) fn health(&self) -> Health {
        Health { problems: self.problems(false) }
    }

    /// What is wrong, in sentences; of that only what may have come with the configuration, where that is asked for.
    pub(crate) fn problems(&self, by_configuration: bool) -> Vec<String> {
        let mut problems = Vec::new();
        if self.journal().is_some_and(|journal| journal.is_stuck.load(Ordering::Relaxed)) {
            problems.push("the store takes nothing, so what arrives is dropped: see the log, and make room on its disk".into());
        }
        if self.counted().is_some_and(|counted| counted.unsaved > 0) {
            problems.push("templates could not be saved: after a restart data may wait for them".into());
        }
        problems.extend(self.metering.problems());
        problems.extend(self.unit.problems(by_configuration));
        problems
    }

    /// Answers over HTTP there, or no longer. The error is a sentence, and what answered before does so again.
    pub(super) fn serve(self: &Arc<Self>, console: Option<&Console>) -> Result<(), String> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(console) = console else {
            close(server.take());
            return Ok(());
        };
        let parts = self.server_parts(console)?;
        let listener = match TcpListener::bind(console.listen) {
            // Its own port on other addresses of this machine: that is free when it has left.
            Err(error) if error.kind() == ErrorKind::AddrInUse && server.is_some() => {
                let before = server.take().map(|server| {
                    let address = server.address();
                    server.close(ANSWERING);
                    address
                });
                TcpListener::bind(console.listen).inspect_err(|_| {
                    let old = self.config.load().console.as_ref().and_then(|console| self.server_parts(console).ok());
                    *server = before.zip(old).and_then(|(address, old)| answer_at(TcpListener::bind(address).ok()?, old).ok());
                })
            }
            bound => bound,
        };
        let failed = |error| format!("console.listen: {}: {error}", console.listen);
        let people = Arc::clone(&parts.people);
        let new = answer_at(listener.map_err(failed)?, parts).map_err(failed)?;
        let address = new.address();
        tracing::info!(%address, tls = console.certificate.is_some(), "answering over HTTP");
        close(server.replace(new));
        people::invite(&people, console, address);
        Ok(())
    }

    /// What the server is made of. The error is a sentence.
    fn server_parts(self: &Arc<Self>, console: &Console) -> Result<weir_server::Parts, String> {
        let store = self.config.load().store.as_ref().map(|store| store.path.clone());
        let folder = console.place(store.as_deref()).ok_or("console.folder: name a folder for users: there is no [store]")?;
        let folder = people::Folder::open(folder)?;
        let edge = people::edge(console, &folder)?;
        let people = self.people.of(folder)?;
        let backend = Arc::new(crate::backend::ServiceBackend::new(Arc::clone(self)));
        Ok(weir_server::Parts { backend, people, edge })
    }

    /// Waits for answers that are under way, and answers no more.
    pub(super) fn close_server(&self) {
        if let Some(server) = self.server.lock().unwrap_or_else(PoisonError::into_inner).take() {
            server.close(ANSWERING);
        }
    }

    /// After the stop: waits until what was received is decoded.
    pub(super) fn close_collector(&self) {
        if let Some(collector) = &mut *self.collector() {
            collector.close();
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(collector.counted());
        }
    }

    /// After the journal: saves what is known of exporters.
    pub(super) fn end_collector(&self) {
        if let Some(collector) = self.collector().take() {
            collector.end();
        }
    }

    /// Makes files of what is in the journal, as far as there is time.
    pub(super) fn close_store(&self, patience: Duration) -> Result<(), Failure> {
        let Some(store) = &self.store else { return Ok(()) };
        let closed = store.close(patience).map_err(|error| Failure::Failed(format!("the store cannot be closed: {error}")))?;
        if closed.segments_left > 0 {
            tracing::warn!(segments = closed.segments_left, "the rest of the journal becomes files at the next start");
        }
        Ok(())
    }

    /// What was counted until the end.
    pub(super) fn ended(&self) -> Option<Ended> {
        let counted = self.last.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let journal = self.journal()?;
        let (stored, given_up) = (journal.rows.load(Ordering::Relaxed), journal.given_up.load(Ordering::Relaxed));
        Some(Ended { counted, stored, given_up })
    }

    pub(super) fn collector(&self) -> MutexGuard<'_, Option<Collector>> {
        self.collector.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer_at(listener: TcpListener, parts: weir_server::Parts) -> io::Result<weir_server::Server> {
    weir_server::serve(listener, parts, weir_server::Limits::default())
}

/// Lets what is being answered go out, while others go on.
fn close(server: Option<weir_server::Server>) {
    if let Some(server) = server {
        // Where no thread can be had the answers break off.
        let _ = thread::Builder::new().name("weir-http-end".into()).spawn(move || server.close(ANSWERING));
    }
}
