//! A new configuration while the service runs: what can change without losing anything does, all of it or nothing; what cannot waits for a restart.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGHUP;
use weir_enrich::{Database, Group, Parts, Tables};

use super::running::Running;
use crate::config::{Config, Control, Listen, Store};

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
    differs: fn(&Config, &Config) -> bool,
    /// Changes it from the one to the other; where that fails nothing has changed. The error is a sentence.
    apply: fn(&Arc<Running>, &Config, &Config) -> Result<(), String>,
}

/// In the order in which they change: what may fail comes first.
const PARTS: [Part; 7] = [
    Part { differs: |old, new| old.console != new.console, apply: |running, _, new| running.serve(new.console.as_ref()) },
    Part {
        // Certificates may have been renewed under the same names.
        differs: |old, new| old.listen != new.listen || new.listen.values().any(Listen::has_files),
        apply: |running, _, new| match &*running.collector() {
            Some(collector) => collector.apply_listeners(&new.listen),
            None => Ok(()),
        },
    },
    Part {
        differs: |old, new| old.meter != new.meter,
        apply: |running, old, new| {
            running
                .metering()
                .apply(old.meter.as_ref(), new.meter.as_ref())
                .map_err(|error| format!("meter: {}", error.sentence()))
        },
    },
    Part { differs: |old, new| old.export != new.export, apply: |running, _, new| running.exports().apply(new) },
    Part {
        differs: |old, new| old.replicate != new.replicate || old.listen.keys().ne(new.listen.keys()),
        apply: |running, _, new| running.replications().apply(new),
    },
    Part {
        differs: |old, new| old.source != new.source,
        apply: |running, _, new| {
            if let Some(collector) = &*running.collector() {
                collector.reload(new);
            }
            Ok(())
        },
    },
    Part {
        differs: |old, new| old.store != new.store,
        apply: |running, _, new| {
            if let (Some(store), Some(settings)) = (&running.store, &new.store) {
                let max_size = settings.max_size.map(|size| size.0 as u64);
                store.set_retention(Some(settings.retention.of()), Some(settings.series_retention.of()), max_size);
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
        let parts: Vec<_> = PARTS.iter().filter(|part| (part.differs)(&old, &new)).collect();
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
    use super::*;

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
}
