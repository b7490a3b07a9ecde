//! `weir run`: whatever the configuration enables, started in order, and ended in the reverse.
//!
//! ```text
//! start:  log -> store -> sockets, saved state -> exports, replication -> journal -> workers, receivers -> meter -> HTTP
//! end:    HTTP -> receivers -> workers, meter -> journal (all is durable) -> saved state -> exports -> store (files are made)
//! ```

pub(crate) mod metering;
mod reload;
pub(crate) mod running;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use weir_enrich::Tables;
use weir_store::{MakeSummary, Store};

use crate::args::RunArgs;
use crate::collect::inlet::Inlet;
use crate::collect::journal::Journal;
use crate::collect::{Desk, Ready};
use crate::config::{self, Config};
use crate::control::{self, Editor, Found, Socket};
use crate::exit::{Failure, Outcome};
use crate::export::Exports;
use crate::ha::Unit;
use crate::log;
use crate::meter::Job;
use crate::objects;
use crate::people::Entrance;
use crate::pipeline;
use crate::replicate::Replications;
use crate::report;
use crate::stop::Stop;
use metering::{MakeJob, Metering};
use reload::{Hangup, tables};
use running::{Parts, Running};

/// The folder of what is known of exporters, in that of the store.
const STATE_FOLDER: &str = "state";

/// In it, the channels of which sums are kept.
const SUMS_FILE: &str = "channels.json";

/// In it, the role that was commanded.
const ROLE_FILE: &str = "role";

/// How often the service looks whether it is asked for something.
const LOOK: Duration = Duration::from_millis(50);

/// How long the store may make files at the end.
const CLOSING: Duration = Duration::from_secs(60);

/// The parts that run.
struct Service {
    running: Arc<Running>,
    journal: Option<Journal>,
}

/// What is added to records; swapped whole when the configuration changes, for all who add.
pub(crate) type SharedTables = Arc<ArcSwap<Tables>>;

/// Runs until a signal ends it.
pub(crate) fn run(typed: &RunArgs, entrance: Entrance) -> Result<Outcome, Failure> {
    let found = Found::read(&typed.config).map_err(Failure::Misuse)?;
    let config = Config::parse(&found.text, &typed.config.display().to_string()).map_err(Failure::Misuse)?;
    config.check_service(&typed.config.display().to_string()).map_err(Failure::Misuse)?;
    log::start(&typed.log)?;
    let no_signals = |error| Failure::Failed(format!("cannot listen to signals: {error}"));
    let stop = Stop::on_signals(None).map_err(no_signals)?;
    let hangup = Hangup::on_signal().map_err(no_signals)?;

    let service = Service::start(config, entrance, &stop)?;
    let editor = Arc::new(Editor::new(Arc::clone(&service.running), typed.config.clone(), found));
    let held = Arc::downgrade(&editor);
    service.running.unit().share(beside(&typed.config, ".ha"), held);
    let socket = open_socket(&service.running.configuration(), &editor)?;
    // What has failed on trial is taken back, and may be well again.
    while !stop.is_due() && (!service.has_failed() || editor.is_on_trial()) {
        if hangup.was_asked() && !editor.reload() {
            hangup.ask();
        }
        editor.look_after();
        thread::sleep(LOOK);
    }
    drop(socket);
    // The other unit changes nothing any more.
    service.running.unit().close();
    editor.close();
    service.end(&stop, typed.stats)
}

impl Service {
    fn start(config: Config, entrance: Entrance, stop: &Stop) -> Result<Self, Failure> {
        let tables = Arc::new(ArcSwap::new(tables(&config).map_err(Failure::Misuse)?));
        let (store, library, sums) = match &config.store {
            Some(store) => {
                let sums = objects::ChannelSums::load(store.path.join(STATE_FOLDER).join(SUMS_FILE)).map_err(Failure::Failed)?;
                let sums = Arc::new(sums);
                let opened = open_store(store, sums.summary())?;
                sums.set_store(&opened);
                (Some(opened), Some(objects::open(&store.path, &sums)?), Some(sums))
            }
            None => (None, None, None),
        };
        // Also without listeners: the first may come later.
        let ready = |store: &config::Store| Ready::new(&config, &store.path.join(STATE_FOLDER), &tables);
        let ready = config.store.as_ref().map(ready).transpose()?;
        let exports = Arc::new(Exports::new(true));
        exports.apply(&config).map_err(Failure::Misuse)?;
        let replications = Arc::new(Replications::default());
        replications.apply(&config).map_err(Failure::Failed)?;
        let start = |store| start_journal(store, &config, ready.as_ref(), &exports, stop);
        let journal = store.as_ref().map(start).transpose()?;
        let desk = Arc::new(Desk::new(1));
        let state = journal.as_ref().map(|journal| Arc::clone(&journal.state));
        let metering = Arc::new(Metering::new(make_meter(&exports, journal.as_ref(), &tables, &desk), state.clone(), stop));
        let kept = config.store.as_ref().map(|store| store.path.join(STATE_FOLDER).join(ROLE_FILE));
        let unit = Arc::new(Unit::new(&config.ha, &exports, &replications, &metering, kept));
        metering.apply(None, config.meter.as_ref())?;
        let collector = match (ready, &journal) {
            (Some(ready), Some(journal)) => Some(ready.start(&journal.queue, &replications, stop)?),
            _ => None,
        };
        unit.apply(&config.ha).map_err(Failure::Failed)?;
        let console = config.console.clone();
        let parts =
            Parts { tables, store, collector, journal: state, meter: desk, metering, unit, exports, replications, library, sums };
        let running = Arc::new(Running::new(config, entrance, parts));
        running.serve(console.as_ref()).map_err(Failure::Failed)?;
        Ok(Self { running, journal })
    }

    /// True where a part has ended that should not: the meter, whose interfaces have gone or cannot be opened.
    fn has_failed(&self) -> bool {
        self.running.metering().has_ended()
    }

    /// Ends all parts, so that everything that was received is stored, and says what was counted.
    fn end(self, stop: &Stop, stats: bool) -> Result<Outcome, Failure> {
        let Self { running, journal } = self;
        stop.now();
        tracing::info!("ending: what was received is stored");
        running.close_server();
        let metered = running.metering().end();
        running.close_collector();
        running.replications().close();
        let given_up = journal.map_or(0, Journal::close);
        running.end_collector();
        let sent = running.exports().close(Instant::now() + pipeline::meter::CLOSING);
        let closed = running.close_store(CLOSING);
        let metered = metered.transpose()?;
        let missed = sent.iter().filter(|sent| sent.tell_failure()).count() as u64;
        if stats {
            report::service::print(metered.as_ref().map(|done| &done.totals), &sent, running.ended().as_ref());
        }
        closed?;
        let failures = metered.map_or(0, |done| done.failures) + given_up + missed;
        Ok(if failures == 0 { Outcome::Done } else { Outcome::PartlyFailed })
    }
}

/// A path beside a file, whose name it has with an end.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(end);
    path.with_file_name(name)
}

/// Opens the control socket; where none was asked for and there is no place for one, the service runs without.
fn open_socket(config: &Config, editor: &Arc<Editor>) -> Result<Option<Socket>, Failure> {
    match Socket::open(&control::path_of(config), config.control.mode.0, editor) {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if config.control.socket.is_some() => Err(Failure::Failed(error)),
        Err(error) => {
            tracing::warn!(error, "the configuration cannot be changed by `weir set`: name a place for [control] socket");
            Ok(None)
        }
    }
}

fn open_store(config: &config::Store, summary: MakeSummary) -> Result<Arc<Store>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("store {}: {error}", config.path.display()));
    let options = config.options().map_err(|error| Failure::Misuse(format!("store.{error}")))?;
    fs::create_dir_all(config.path.join(STATE_FOLDER)).map_err(|error| failed(&error))?;
    let store = Store::open(options, summary).map_err(|error| failed(&error))?;
    let (path, found) = (config.path.display(), store.recovery());
    tracing::info!(%path, journal_rows = found.rows, "the store is open");
    if found.octets_cut > 0 || found.damaged > 0 || found.unreadable > 0 || found.files_missing > 0 {
        let (cut, damaged, unreadable, missing) = (found.octets_cut, found.damaged, found.unreadable, found.files_missing);
        tracing::warn!(
            octets_cut = cut,
            damaged,
            unreadable,
            missing,
            "what an earlier run left is not whole: `weir store check` says more"
        );
    }
    Ok(Arc::new(store))
}

fn start_journal(
    store: &Arc<Store>,
    config: &Config,
    ready: Option<&Ready>,
    exports: &Arc<Exports>,
    stop: &Stop,
) -> Result<Journal, Failure> {
    let sides = ready.map_or(0, Ready::workers);
    let dropped = ready.map(Ready::dropped);
    let dropped = move || dropped.as_ref().map(|dropped| dropped()).unwrap_or_default();
    let durable_after = config.collector.commit_interval.of();
    Journal::start(Arc::clone(store), sides, durable_after, dropped, Arc::clone(exports), stop)
        .map_err(|error| Failure::Failed(format!("cannot start a thread: {error}")))
}

/// The work of a meter: its flows go to the collectors of this configuration, and to the journal where there is one.
fn make_meter(exports: &Arc<Exports>, journal: Option<&Journal>, tables: &SharedTables, desk: &Arc<Desk>) -> MakeJob {
    let (exports, tables, desk) = (Arc::clone(exports), Arc::clone(tables), Arc::clone(desk));
    let queue = journal.map(|journal| Arc::clone(&journal.queue));
    Box::new(move |meter| {
        let inlet = queue.as_ref().map(|queue| Inlet::new(queue, &tables, &desk));
        Job::of_service(meter.clone(), Arc::clone(&exports), inlet)
    })
}
