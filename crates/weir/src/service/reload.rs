//! The configuration loaded anew while the service runs: what can change without losing anything does, what cannot is told.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGHUP;
use weir_enrich::{Database, Group, Parts, Tables};

use crate::config::{Config, Store};

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

/// The configuration of a file, if a service can run with it. The error is a sentence.
pub(super) fn load(path: &Path) -> Result<Config, String> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let config = Config::parse(&text, &name)?;
    config.check_service(&name)?;
    Ok(config)
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
        sources: config.source.iter().map(|(section, source)| source.enrichment(section)).collect(),
    };
    let tables = Tables::new(&parts).map_err(|error| error.to_string())?;
    for database in tables.databases() {
        let (name, kind, networks) = (&database.name, &database.database_type, database.networks);
        tracing::info!(name, kind, networks, "database loaded");
    }
    Ok(Arc::new(tables))
}

/// The sections of a new configuration that differ and that a running service cannot take over.
pub(super) fn left_out(old: &Config, new: &Config) -> Vec<String> {
    let mut sections = Vec::new();
    for name in old.listen.keys().chain(new.listen.keys().filter(|name| !old.listen.contains_key(*name))) {
        let is_same = match (old.listen.get(name), new.listen.get(name)) {
            (Some(old), Some(new)) => old.is_same_socket(new),
            _ => false,
        };
        if !is_same {
            sections.push(format!("listen.{name}"));
        }
    }
    let same_store = match (&old.store, &new.store) {
        (Some(old), Some(new)) => Store::differs_in_retention_alone(old, new),
        (None, None) => true,
        _ => false,
    };
    let others = [
        ("store", same_store),
        ("collector", old.collector == new.collector),
        ("console", old.console == new.console),
        ("meter", old.meter == new.meter),
        ("export", old.export == new.export),
    ];
    sections.extend(others.into_iter().filter(|(_, same)| !same).map(|(section, _)| section.to_owned()));
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "[listen.a]\nurl = \"udp://[::]:2055\"\n[store]\npath = \"/x\"\n[source.r]\nmatch = \"192.0.2.1\"\n";

    fn left_out_of(new: &str) -> Vec<String> {
        let parse = |text: &str| Config::parse(text, "test").unwrap();
        left_out(&parse(OLD), &parse(new))
    }

    #[test]
    fn what_can_change_is_not_told() {
        let new = "[listen.a]\nurl = \"udp://[::]:2055\"\nallow = [\"192.0.2.0/24\"]\nrate_limit = 10\n[store]\npath = \"/x\"\nretention = \"1d\"\n[source.s]\nmatch = \"192.0.2.2\"\n[enrich.prefixes]\n\"10.0.0.0/8\" = \"office\"\n";
        assert_eq!(left_out_of(new), [] as [&str; 0]);
        assert_eq!(left_out_of(OLD), [] as [&str; 0]);
    }

    #[test]
    fn what_cannot_is_told_by_section() {
        let new = "[listen.a]\nurl = \"udp://[::]:2056\"\n[listen.b]\nurl = \"udp://[::]:2057\"\n[store]\npath = \"/y\"\n[collector]\nworkers = 3\n[meter]\ninterfaces = [\"lo\"]\n[console]\n";
        assert_eq!(left_out_of(new), ["listen.a", "listen.b", "store", "collector", "console", "meter"]);
    }
}
