//! The configuration: one form of it, filled from a TOML file or from arguments.
//!
//! Keys that nobody knows are refused with the nearest that exists; each refusal names the file, the line, the key and what was expected.

mod collector;
mod console;
mod control;
mod enrich;
mod error;
mod export;
mod ha;
mod listen;
mod meter;
mod replicate;
mod source;
mod store;
mod values;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize as Read, Serialize};

pub(crate) use collector::Collector;
pub(crate) use console::Console;
pub(crate) use control::Control;
pub(crate) use enrich::Enrich;
pub(crate) use error::nearest;
pub(crate) use export::{Export, Format, Mode, Origin, Profile, Times};
pub(crate) use ha::{Ha, HaMode, PAIR_PORT, Traffic, Units};
pub(crate) use listen::{Listen, ListenFormat};
pub(crate) use meter::{Keep, KeyPart, Meter};
pub(crate) use replicate::Replicate;
pub(crate) use source::{Clock, Source};
pub(crate) use store::{Limits, Store};
pub(crate) use values::{Condition, Endpoint, ListenUrl, Network, Number, OneIn, Sample, Sampling, Size, Span, Speed};

use crate::exit::Failure;

/// All that a run is told.
#[derive(Clone, Debug, Read, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where flow export is received, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) listen: BTreeMap<String, Listen>,
    /// What is known of exporters, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) source: BTreeMap<String, Source>,
    /// How what arrives is worked on.
    #[serde(default, skip_serializing_if = "Collector::is_default")]
    pub(crate) collector: Collector,
    /// What is added to records.
    #[serde(default, skip_serializing_if = "Enrich::is_default")]
    pub(crate) enrich: Enrich,
    /// Packets to flows; without it nothing is metered.
    pub(crate) meter: Option<Meter>,
    /// Where flows are sent, by name.
    #[serde(default)]
    pub(crate) export: BTreeMap<String, Export>,
    /// Where datagrams are copied to, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) replicate: BTreeMap<String, Replicate>,
    /// Where records are kept; without it nowhere.
    pub(crate) store: Option<Store>,
    /// Where the service answers over HTTP; without it nowhere.
    pub(crate) console: Option<Console>,
    /// How it is changed while it runs.
    #[serde(default, skip_serializing_if = "Control::is_default")]
    pub(crate) control: Control,
    /// Which of two units exports.
    #[serde(default, skip_serializing_if = "Ha::is_default")]
    pub(crate) ha: Ha,
}

impl Config {
    /// Reads a configuration file.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let text = fs::read_to_string(path).map_err(|error| Failure::Misuse(format!("cannot read {name}: {error}")))?;
        Self::parse(&text, &name.to_string()).map_err(Failure::Misuse)
    }

    /// Reads a text; `name` stands in errors, which are sentences.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Self, String> {
        let mut config: Self = error::read_toml(text, name)?;
        if let Some((export_name, _)) = config.export.iter().find(|(_, export)| export.from == Origin::Meter)
            && config.meter.is_none()
        {
            return Err(format!(
                "{name}: export.{export_name} has nothing to send without [meter]: add [meter] with interfaces = [\"eth0\"], or write from = \"all\" to send on what [listen] receives"
            ));
        }
        for (export_name, export) in &mut config.export {
            *export = export.clone().checked().map_err(|error| format!("{name}: export.{export_name}.{error}"))?;
        }
        if let Some(meter) = &config.meter {
            meter.check().map_err(|error| format!("{name}: meter.{error}"))?;
            for (export_name, export) in &config.export {
                export.check_with(meter).map_err(|error| format!("{name}: export.{export_name}.{error}"))?;
            }
        }
        for (section, replicate) in &config.replicate {
            replicate.check().map_err(|error| format!("{name}: replicate.{section}.{error}"))?;
            if let Some(unknown) = replicate.from.iter().find(|from| !config.listen.contains_key(*from)) {
                return Err(format!("{name}: replicate.{section}.from: there is no listen.{unknown}"));
            }
        }
        config.collector.check().map_err(|error| format!("{name}: collector.{error}"))?;
        if let Some(store) = &config.store {
            store.check().map_err(|error| format!("{name}: store.{error}"))?;
        }
        if let Some(console) = &config.console {
            console.check().map_err(|error| format!("{name}: console.{error}"))?;
        }
        for (listen_name, listen) in &config.listen {
            listen.check().map_err(|error| format!("{name}: listen.{listen_name}.{error}"))?;
        }
        config.ha.check().map_err(|error| format!("{name}: ha.{error}"))?;
        config.check_twice().map_err(|error| format!("{name}: {error}"))?;
        Ok(config)
    }

    /// Sections that say two things of one.
    fn check_twice(&self) -> Result<(), String> {
        let mut urls = BTreeMap::new();
        for (name, listen) in &self.listen {
            let Listen { url, .. } = listen;
            // Streams and datagrams have ports of their own.
            if let Some(other) = urls.insert((listen.is_stream(), &url.0.host, url.0.port), name) {
                return Err(format!("listen.{name}.url: the address and port of {url} are those of listen.{other}"));
            }
        }
        let mut networks = BTreeMap::new();
        for (source, Source { network, .. }) in &self.source {
            if let Some(other) = networks.insert(network, source) {
                return Err(format!("source.{source}.match: {network} is that of source.{other}"));
            }
        }
        Ok(())
    }

    /// Whether this is work for a service; `name` stands in errors, which are sentences.
    pub(crate) fn check_service(&self, name: &str) -> Result<(), String> {
        if self.meter.is_none() && self.listen.is_empty() && (self.store.is_none() || self.console.is_none()) {
            let add = "add [listen.NAME] with url = \"udp://[::]:2055\" and [store], or [meter] with interfaces = [\"eth0\"]";
            return Err(format!("{name} enables nothing: {add}"));
        }
        if let Some(listen) = self.listen.keys().next()
            && self.store.is_none()
        {
            return Err(format!("{name}: what listen.{listen} receives would go nowhere: add [store] with a path"));
        }
        if let Some((export, _)) = self.export.iter().find(|(_, export)| export.from == Origin::All)
            && self.store.is_none()
        {
            return Err(format!(
                "{name}: export.{export}.from: all is what the store has taken, so that nothing is sent on that is lost here: add [store] with a path"
            ));
        }
        if let Some(console) = &self.console
            && self.console_folder().is_none()
        {
            let listen = console.listen;
            return Err(format!(
                "{name}: console.folder: nobody could sign in at {listen}: name a folder for users, or add [store], which has one"
            ));
        }
        if self.meter.as_ref().is_some_and(|meter| meter.interfaces.is_empty()) {
            let message = "meter.interfaces is empty: name interfaces, as `weir meter --list-interfaces` prints them";
            return Err(format!("{name}: {message}"));
        }
        if self.meter.is_some() && self.export.is_empty() && self.store.is_none() {
            return Err(format!("{name}: flows would go nowhere: add [export.NAME] with a url, or [store] with a path"));
        }
        Ok(())
    }

    /// Where users and the audit log lie; nothing where nobody is answered, or there is no place for them.
    pub(crate) fn console_folder(&self) -> Option<PathBuf> {
        self.console.as_ref()?.place(self.store.as_ref().map(|store| store.path.as_path()))
    }

    /// The configuration in full, with what was not written.
    pub(crate) fn dump(&self) -> Result<String, Failure> {
        toml::to_string(self).map_err(|error| Failure::Misuse(format!("cannot print the configuration: {error}")))
    }
}

#[cfg(test)]
mod tests;
