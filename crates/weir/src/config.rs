//! The configuration: one form of it, filled from a TOML file or from arguments.
//!
//! Keys that nobody knows are refused with the nearest that exists; each refusal names the file, the line, the key and what was expected.

mod error;
mod export;
mod meter;
mod values;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Deserialize as Read, Serialize};

pub(crate) use export::{Export, Format, Profile, Times};
pub(crate) use meter::{Keep, KeyPart, Meter};
pub(crate) use values::{Condition, Endpoint, OneIn, Sample, Size, Span};

use crate::exit::Failure;

/// All that a run is told.
#[derive(Debug, Read, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "sections of later versions are known to be refused")]
pub(crate) struct Config {
    /// Packets to flows; without it nothing is metered.
    pub(crate) meter: Option<Meter>,
    /// Where flows are sent, by name.
    #[serde(default)]
    pub(crate) export: BTreeMap<String, Export>,

    // What later versions bring is known by name, so that it is not called unknown.
    #[serde(default, skip_serializing)]
    listen: NotYet,
    #[serde(default, skip_serializing)]
    source: NotYet,
    #[serde(default, skip_serializing)]
    store: NotYet,
    #[serde(default, skip_serializing)]
    console: NotYet,
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
        if config.meter.is_none() && !config.export.is_empty() {
            return Err(format!(
                "{name}: [export] has nothing to send without [meter]: add [meter] with interfaces = [\"eth0\"]"
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
        Ok(config)
    }

    /// The meter and the endpoints, if this is work for a service; `name` stands in errors, which are sentences.
    pub(crate) fn service(&self, name: &str) -> Result<(&Meter, &BTreeMap<String, Export>), String> {
        let Some(meter) = &self.meter else {
            return Err(format!("{name} enables nothing: add [meter] with interfaces = [\"eth0\"]"));
        };
        if meter.interfaces.is_empty() {
            let message = "meter.interfaces is empty: name interfaces, as `weir meter --list-interfaces` prints them";
            return Err(format!("{name}: {message}"));
        }
        if self.export.is_empty() {
            return Err(format!("{name}: flows would go nowhere: add [export.NAME] with a url"));
        }
        Ok((meter, &self.export))
    }

    /// The configuration in full, with what was not written.
    pub(crate) fn dump(&self) -> Result<String, Failure> {
        toml::to_string(self).map_err(|error| Failure::Misuse(format!("cannot print the configuration: {error}")))
    }
}

/// A section that this version cannot serve.
#[derive(Debug, Default)]
struct NotYet;

impl<'de> Deserialize<'de> for NotYet {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("is not there yet: this version serves [meter] and [export.NAME]"))
    }
}

#[cfg(test)]
mod tests;
