//! `[source.NAME]`: what Weir is told about an exporter, beyond what the exporter says itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_enrich::{Boundary, InterfaceSettings, SourceSettings};

use super::{Network, Number, Sampling, Speed};

/// What is known of an exporter, or of all in a prefix.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// Its address, or a prefix; of several that hold an address the longest counts.
    #[serde(rename = "match")]
    pub(crate) network: Network,
    /// What it is called; without it by the name of the section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Units of one group are one source for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// How its packets were sampled.
    #[serde(default)]
    pub(crate) sampling: Sampling,
    /// Whether its times are believed.
    #[serde(default)]
    pub(crate) clock: Clock,
    /// It passes on records of other exporters and names them (elements 130 and 131).
    #[serde(default)]
    pub(crate) proxy: bool,
    /// Its interfaces by number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) interfaces: BTreeMap<Number, Interface>,
}

/// Whether the times in records are believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Clock {
    /// They are, where they are plausible.
    #[default]
    Trust,
    /// Never: records are placed at their arrival.
    Arrival,
}

/// What is known of an interface.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interface {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alias: Option<String>,
    /// Its speed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) speed: Option<Speed>,
    /// Which side of the network it faces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boundary: Option<Side>,
}

/// A side of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// Inside.
    Internal,
    /// Outside.
    External,
}

impl Source {
    /// What it is called; `section` is the name of its section.
    pub(crate) fn called<'a>(&'a self, section: &'a str) -> &'a str {
        self.name.as_deref().unwrap_or(section)
    }

    /// What enrichment writes into its records.
    pub(crate) fn enrichment(&self, section: &str) -> SourceSettings {
        let interface = |(Number(index), interface): (&Number, &Interface)| InterfaceSettings {
            index: *index,
            name: interface.name.clone(),
            alias: interface.alias.clone(),
            speed: interface.speed.map(|speed| speed.0),
            boundary: interface.boundary.map(|side| match side {
                Side::Internal => Boundary::Internal,
                Side::External => Boundary::External,
            }),
        };
        SourceSettings {
            prefixes: vec![self.network.0],
            name: Some(self.called(section).to_owned()),
            group: self.group.clone(),
            interfaces: self.interfaces.iter().map(interface).collect(),
        }
    }
}
