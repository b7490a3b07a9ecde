//! A new configuration while the service runs: what can change without losing anything does, all of it or nothing; what cannot waits for a restart.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use signal_hook::consts::SIGHUP;
use weir_enrich::{Database, Group, Parts, Tables};

use super::running::Running;
use crate::config::{Config, Control, Limits, Listen, Store};

/// Says when SIGHUP came.
pub(super) struct Hangup(Arc<AtomicBool>);

impl Hangup {
    pub(super) fn on_signal() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGHUP, Arc::clone(&asked))?;
        Ok(Self(asked))
    }

    /// True once for each time, or for several that came together.
    pub(super) fn was_asked(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// What was asked could not be done yet.
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is added to records: databases read, prefixes and sources by name. The error is a sentence.
pub(super) fn tables(config: &Config) -> Result<Arc<Tables>, String> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        fs::read(path)
            .map(|octets| Database { name: name.clone(), octets })
            .map_err(|error| format!("enrich.databases: {name}: {error}"))
    };
    let parts = Parts {
        databases: config.enrich.databases.iter().map(read).collect::<Result<_, _>>()?,
        groups: config.enrich.prefixes.iter().map(|(network, name)| Group { prefix: network.0, name: name.clone() }).collect(),
        internal: config.enrich.internal.iter().map(|network| network.0).collect(),
        sources: config.source.iter().map(|(section, source)| source.enrichment(section)).collect(),
    };
    let tables = Tables::new(&parts).map_err(|error| error.to_string())?;
    for database in tables.databases() {
        let (name, kind, networks) = (&database.name, &database.database_type, database.networks);
        tracing::info!(name, kind, networks, "database loaded");
    }
    Ok(Arc::new(tables))
}

/// A part of the service that can change while it runs.
struct Part {
    /// Whether it is to change at all.
    differs: fn(&Running, &Config, &Config) -> bool,
    /// Changes it from the one to the other; where that fails nothing has changed. The error is a sentence.
    apply: fn(&Arc<Running>, &Config, &Config) -> Result<(), String>,
}

/// In the order in which they change: what may fail comes first.
const PARTS: [Part; 8] = [
    Part { differs: |_, old, new| old.console != new.console, apply: |running, _, new| running.serve(new.console.as_ref()) },
    Part {
        // Certificates may have been renewed under the same names.
        differs: |_, old, new| old.listen != new.listen || new.listen.values().any(Listen::has_files),
        apply: |running, _, new| match &*running.collector() {
            Some(collector) => collector.apply_listeners(&new.listen),
            None => Ok(()),
        },
    },
    Part {
        // One that has ended begins anew.
        differs: |running, old, new| old.meter != new.meter || running.metering().has_failed(),
        apply: |running, old, new| {
            running
                .metering()
                .apply(old.meter.as_ref(), new.meter.as_ref())
                .map_err(|error| format!("meter: {}", error.sentence()))
        },
    },
    Part { differs: |_, old, new| old.ha != new.ha, apply: |running, _, new| running.unit().apply(&new.ha) },
    Part { differs: |_, old, new| old.export != new.export, apply: |running, _, new| running.exports().apply(new) },
    Part {
        differs: |_, old, new| old.replicate != new.replicate || old.listen.keys().ne(new.listen.keys()),
        apply: |running, _, new| running.replications().apply(new),
    },
    Part {
        differs: |_, old, new| old.source != new.source,
        apply: |running, _, new| {
            if let Some(collector) = &*running.collector() {
                collector.reload(new);
            }
            Ok(())
        },
    },
    Part {
        differs: |_, old, new| old.store != new.store,
        apply: |running, _, new| {
            if let Some(settings) = &new.store {
                running.keep(|kept| kept.or_more(settings.limits()));
            }
            Ok(())
        },
    },
];

impl Running {
    /// What runs.
    pub(crate) fn configuration(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// The sections of a new configuration that differ and that a running service cannot take over.
    pub(crate) fn needs_restart(&self, new: &Config) -> Vec<String> {
        without_restart(&self.config.load(), new).1
    }

    /// Goes over to another configuration: all of it, but for sections that need a restart, which are given back; or nothing. `read_anew`: databases are
    /// read whether or not their names have changed. The error is a sentence.
    pub(crate) fn apply(self: &Arc<Self>, new: Config, read_anew: bool) -> Result<Vec<String>, String> {
        let old = self.config.load_full();
        let (new, late) = without_restart(&old, &new);
        let is_same = (&old.enrich, &old.source) == (&new.enrich, &new.source);
        let tables = if is_same && !read_anew { self.tables.load_full() } else { tables(&new)? };
        let parts: Vec<_> = PARTS.iter().filter(|part| (part.differs)(self, &old, &new)).collect();
        for (done, part) in parts.iter().enumerate() {
            let Err(error) = (part.apply)(self, &old, &new) else { continue };
            for part in parts.iter().take(done).rev() {
                if let Err(error) = (part.apply)(self, &new, &old) {
                    tracing::error!(error, "a part of the configuration before cannot be taken up again");
                }
            }
            return Err(error);
        }
        self.tables.store(tables);
        self.config.store(Arc::new(new));
        Ok(late)
    }

    /// No trial asks for what ran before: what the configuration no longer keeps may go.
    pub(crate) fn settle(&self) {
        if let Some(settings) = &self.config.load().store {
            self.keep(|_| settings.limits());
        }
    }

    /// Changes what the store keeps.
    fn keep(&self, change: impl Fn(Limits) -> Limits) {
        let (Some(store), Some(kept)) = (&self.store, &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner)) else {
            return;
        };
        let new = change(*kept);
        if new != *kept {
            store.set_retention(Some(new.retention), Some(new.series_retention), new.max_size);
            *kept = new;
        }
    }

    /// To be called now and then: a meter that could not begin is tried again.
    pub(crate) fn look_after(&self) {
        self.metering().look_after();
    }
}

/// What a running service can take over of a new configuration, the rest as it was; and the sections of that rest.
fn without_restart(old: &Config, new: &Config) -> (Config, Vec<String>) {
    let (mut can, mut late) = (new.clone(), Vec::new());
    let same_store = match (&old.store, &new.store) {
        (Some(old), Some(new)) => Store::differs_in_retention_alone(old, new),
        (None, None) => true,
        _ => false,
    };
    if !same_store {
        late.push("store".into());
        can.store.clone_from(&old.store);
    }
    if old.collector != new.collector {
        late.push("collector".into());
        can.collector.clone_from(&old.collector);
    }
    if (&old.control.socket, old.control.mode) != (&new.control.socket, new.control.mode) {
        late.push("control".into());
        can.control = Control { watch: new.control.watch, ..old.control.clone() };
    }
    (can, late)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use arc_swap::ArcSwap;
    use weir_record::FlowBatch;
    use weir_store::{Rows, TableKind};

    use super::super::metering::Metering;
    use super::*;
    use crate::collect::{Desk, now};
    use crate::config;
    use crate::export::Exports;
    use crate::meter::Job;
    use crate::people::Entrance;
    use crate::service::running;
    use crate::stop::Stop;

    /// Nanoseconds.
    const DAY: i64 = 86_400_000_000_000;

    const OLD: &str = "[listen.a]\nurl = \"udp://[::]:2055\"\n[store]\npath = \"/x\"\n[source.r]\nmatch = \"192.0.2.1\"\n";

    fn left_out_of(new: &str) -> Vec<String> {
        let parse = |text: &str| Config::parse(text, "test").unwrap();
        without_restart(&parse(OLD), &parse(new)).1
    }

    #[test]
    fn what_can_change_is_not_told() {
        let new = "[listen.a]\nurl = \"udp://[::]:2056\"\nallow = [\"192.0.2.0/24\"]\nrate_limit = 10\n[listen.b]\nurl = \"udp://[::]:2057\"\n[store]\npath = \"/x\"\nretention = \"1d\"\n[source.s]\nmatch = \"192.0.2.2\"\n[enrich.prefixes]\n\"10.0.0.0/8\" = \"office\"\n[export.e]\nurl = \"udp://h\"\nfrom = \"all\"\n[replicate.r]\ntargets = [\"udp://h:1\"]\n";
        assert_eq!(left_out_of(new), [] as [&str; 0]);
        assert_eq!(left_out_of(OLD), [] as [&str; 0]);
    }

    #[test]
    fn what_cannot_is_told_by_section() {
        let new = "[listen.a]\nurl = \"udp://[::]:2055\"\n[store]\npath = \"/y\"\n[collector]\nworkers = 3\n[meter]\ninterfaces = [\"lo\"]\n[console]\n";
        assert_eq!(left_out_of(new), ["store", "collector"]);
    }

    /// A folder that is gone afterwards.
    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// A service of a store alone, which does nothing by itself, with a record of twenty days ago and one of now.
    fn with_records(folder: &Path) -> (Arc<Running>, Arc<weir_store::Store>) {
        let text = format!("[store]\npath = \"{}\"\n", folder.display());
        let config = Config::parse(&text, "test").unwrap();
        let options = config.store.as_ref().unwrap().options().unwrap();
        let options = weir_store::StoreConfig { background: false, ..options };
        let store = Arc::new(weir_store::Store::open(options, crate::objects::plain_summary()).unwrap());
        for age in [20, 0] {
            let mut flows = FlowBatch::new();
            flows.time_received.push(0, now() - age * DAY);
            flows.bytes.push(0, 1);
            flows.advance(1);
            flows.finish();
            store.append(Rows { flows: Some(&flows), ..Rows::default() }).unwrap();
            store.seal();
            store.maintain(now()).unwrap();
        }
        let exports = Arc::new(Exports::new(true));
        let make = {
            let exports = Arc::clone(&exports);
            move |meter: &config::Meter| Job::of_service(meter.clone(), Arc::clone(&exports), None)
        };
        let metering = Arc::new(Metering::new(Box::new(make), None, &Stop::on_signals(None).unwrap()));
        let replications = Arc::default();
        let unit = Arc::new(crate::ha::Unit::new(&config.ha, &exports, &replications, &metering, None));
        let parts = running::Parts {
            tables: Arc::new(ArcSwap::new(tables(&config).unwrap())),
            store: Some(Arc::clone(&store)),
            collector: None,
            journal: None,
            meter: Arc::new(Desk::new(1)),
            metering,
            unit,
            exports,
            replications,
            library: None,
            sums: None,
        };
        (Arc::new(Running::new(config, Entrance::SignIn, parts)), store)
    }

    #[test]
    fn what_a_trial_does_not_keep_goes_when_it_is_over() {
        let folder = Folder(std::env::temp_dir().join(format!("weir-kept-{}", std::process::id())));
        let (running, store) = with_records(&folder.0);
        let left = || {
            store.maintain(now()).unwrap();
            store.snapshot().files(TableKind::Flows).map(|file| file.rows).sum::<u64>()
        };
        let with = |keys: &str| {
            let text = format!("[store]\npath = \"{}\"\n{keys}\n", folder.0.display());
            running.apply(Config::parse(&text, "test").unwrap(), false).unwrap();
        };
        assert_eq!(left(), 2);
        // Each of several in a row may be taken back to the first.
        with("retention = \"10d\"");
        with("retention = \"1d\"\nmax_size = \"1MiB\"");
        assert_eq!(left(), 2);
        with("retention = \"90d\"");
        running.settle();
        assert_eq!(left(), 2);
        with("retention = \"10d\"");
        running.settle();
        assert_eq!(left(), 1);
    }

    #[test]
    fn the_larger_limits_count() {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let limits =
            |retention, series, max_size| Limits { retention: days(retention), series_retention: days(series), max_size };
        let most = |one: Limits, other: Limits| (one.or_more(other), other.or_more(one));
        let both = limits(2, 9, Some(7));
        assert_eq!(most(limits(1, 9, Some(7)), limits(2, 8, Some(5))), (both, both));
        let both = limits(1, 1, Some(u64::MAX));
        assert_eq!(most(limits(1, 1, None), limits(1, 1, Some(5))), (both, both));
        assert_eq!(limits(1, 1, None).or_more(limits(1, 1, None)).max_size, None);
    }
}
