//! The service while it runs, as far as others may see it: what it holds, what it has counted, whether it is well.

use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use weir_server::{Health, SourceRow};
use weir_store::Store;

use super::reload;
use crate::collect::journal::JournalState;
use crate::collect::{self, Collector, Counted, Desk};
use crate::config::Config;
use crate::exit::Failure;
use crate::report::service::Ended;

/// What all parts of the service may ask.
pub(crate) struct Running {
    config: ArcSwap<Config>,
    store: Option<Arc<Store>>,
    /// Taken out when the service ends.
    collector: Mutex<Option<Collector>>,
    journal: Option<Arc<JournalState>>,
    /// Where the meter is noted.
    meter: Arc<Desk>,
    /// What was counted when the collector ended.
    last: Mutex<Option<Counted>>,
}

impl Running {
    pub(super) fn new(
        config: Config,
        store: Option<Arc<Store>>,
        collector: Option<Collector>,
        journal: Option<Arc<JournalState>>,
        meter: Arc<Desk>,
    ) -> Self {
        Self {
            config: ArcSwap::from_pointee(config),
            store,
            collector: Mutex::new(collector),
            journal,
            meter,
            last: Mutex::default(),
        }
    }

    /// The store, where there is one.
    pub(crate) const fn store(&self) -> Option<&Arc<Store>> {
        self.store.as_ref()
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

    /// What became of rows on their way into the store.
    pub(crate) fn journal(&self) -> Option<&JournalState> {
        self.journal.as_deref()
    }

    /// Whether all parts are well.
    pub(crate) fn health(&self) -> Health {
        let mut problems = Vec::new();
        if self.journal().is_some_and(|journal| journal.is_stuck.load(Ordering::Relaxed)) {
            problems.push("the store takes nothing, so what arrives is dropped: see the log, and make room on its disk".into());
        }
        if self.counted().is_some_and(|counted| counted.unsaved > 0) {
            problems.push("templates could not be saved: after a restart data may wait for them".into());
        }
        Health { problems }
    }

    /// Begins to answer over HTTP, where that is wanted.
    pub(super) fn serve(self: &Arc<Self>) -> Result<Option<weir_server::Server>, Failure> {
        let config = self.config.load();
        let Some(console) = &config.console else { return Ok(None) };
        let failed = |error| Failure::Failed(format!("console.listen: {}: {error}", console.listen));
        let listener = TcpListener::bind(console.listen).map_err(failed)?;
        let backend = Arc::new(crate::backend::ServiceBackend::new(Arc::clone(self)));
        let server = weir_server::serve(listener, backend, weir_server::Limits::default()).map_err(failed)?;
        tracing::info!(address = %server.address(), "answering over HTTP");
        Ok(Some(server))
    }

    /// Goes over to the configuration in that file as far as that loses nothing; what is wrong with it is told, and nothing changes then.
    pub(super) fn reload(&self, path: &Path) {
        let loaded = reload::load(path).and_then(|config| Ok((reload::tables(&config)?, config)));
        let (tables, new) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(error, "the configuration is refused, the one before goes on");
                return;
            }
        };
        for section in reload::left_out(&self.config.load(), &new) {
            tracing::warn!(section, "a change of this section needs a restart");
        }
        if let Some(collector) = &*self.collector() {
            collector.reload(&new, tables);
        }
        if let (Some(store), Some(settings)) = (&self.store, &new.store) {
            let max_size = settings.max_size.map(|size| size.0 as u64);
            store.set_retention(Some(settings.retention.of()), Some(settings.series_retention.of()), max_size);
        }
        self.config.store(Arc::new(new));
        tracing::info!(path = %path.display(), "the configuration was loaded anew");
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

    fn collector(&self) -> MutexGuard<'_, Option<Collector>> {
        self.collector.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
