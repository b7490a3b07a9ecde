//! `[enrich]`: what is added to records that exporters do not know.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Network;

/// Databases and names of prefixes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Enrich {
    /// Files in MaxMind's format, for countries and autonomous systems; of several that know an address the first counts.
    pub(crate) databases: Vec<PathBuf>,
    /// What is internal; every other address is external.
    pub(crate) internal: Vec<Network>,
    /// Names of your own prefixes.
    pub(crate) prefixes: BTreeMap<Network, String>,
}

impl Enrich {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
