//! `[ha]`: two units of which one exports.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::candidate::KeyPath;

/// What decides whether this unit is the active one, and what its role means.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ha {
    /// What decides; without it the key that is written does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<HaMode>,
    /// The unit that holds this address is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shared_address: Option<IpAddr>,
    /// A file whose word says the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role_file: Option<PathBuf>,
    /// Whose packets the units meter.
    pub(crate) traffic: Traffic,
    /// Where the unit that has begun a pair waits for the other one.
    pub(crate) listen: SocketAddr,
    /// Keys and sections that are this unit's own, besides those that always are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) own: Vec<String>,
    /// Interfaces of this unit, by the name that both units know.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) interfaces: BTreeMap<String, String>,
}

/// Where units wait for each other unless told otherwise.
pub(crate) const PAIR_PORT: u16 = 4741;

impl Default for Ha {
    fn default() -> Self {
        Self {
            mode: None,
            shared_address: None,
            role_file: None,
            traffic: Traffic::default(),
            listen: (Ipv6Addr::UNSPECIFIED, PAIR_PORT).into(),
            own: Vec::new(),
            interfaces: BTreeMap::new(),
        }
    }
}

/// What decides about the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HaMode {
    /// There is no other unit: this one is active.
    Alone,
    /// Whoever holds the shared address.
    Address,
    /// The word in a file.
    File,
    /// `weir ha active` and `weir ha standby`.
    Command,
}

/// Whose packets the units meter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Traffic {
    /// Each its own: packets go through the active unit.
    #[default]
    Own,
    /// Both the same, as from a mirror port.
    Mirrored,
}

/// Which units do something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Units {
    /// The active one.
    #[default]
    Active,
    /// Both.
    Both,
}

impl Units {
    /// The active one alone.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Ha {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What both units call an interface of this one.
    pub(crate) fn common_name(&self, own: &str) -> String {
        let found = self.interfaces.iter().find(|(_, name)| *name == own);
        found.map_or(own, |(common, _)| common).to_owned()
    }

    /// What this unit calls an interface by the name that both know.
    pub(crate) fn own_name(&self, common: &str) -> String {
        self.interfaces.get(common).map_or(common, String::as_str).to_owned()
    }

    /// What decides.
    pub(crate) fn mode(&self) -> HaMode {
        match self {
            Self { mode: Some(mode), .. } => *mode,
            Self { shared_address: Some(_), .. } => HaMode::Address,
            Self { role_file: Some(_), .. } => HaMode::File,
            _ => HaMode::Alone,
        }
    }

    /// What no type says. The error is a sentence that begins with the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (common, own) in &self.interfaces {
            let is_twice = self.interfaces.iter().any(|(other, name)| other != common && (name == own || other == own));
            if is_twice {
                return Err(format!("interfaces.{common}: {own} stands for two names; each interface has one"));
            }
        }
        if let Some(error) = self.own.iter().find_map(|own| own.parse::<KeyPath>().err()) {
            return Err(format!("own: {error}"));
        }
        match (self.mode(), &self.shared_address, &self.role_file) {
            (HaMode::Address, None, _) => {
                Err("shared_address: is missing beside mode = \"address\"; write that which moves between the units".into())
            }
            (HaMode::File, _, None) => {
                Err("role_file: is missing beside mode = \"file\"; name a file with the word active or standby".into())
            }
            (HaMode::Address, Some(_), Some(_)) => Err("role_file: stands beside shared_address; one of them decides".into()),
            (HaMode::File | HaMode::Command | HaMode::Alone, Some(_), _) => {
                Err("shared_address: decides with mode = \"address\" alone".into())
            }
            (HaMode::Command | HaMode::Alone, _, Some(_)) => Err("role_file: decides with mode = \"file\" alone".into()),
            (_, Some(address), _) if address.is_unspecified() || address.is_multicast() || address.is_loopback() => {
                Err(format!("shared_address: {address} is no address that can move between two machines"))
            }
            (_, _, Some(path)) if path.is_relative() || path.file_name().is_none() => {
                Err(format!("role_file: {} is no whole path of a file, as /run/weir/role", path.display()))
            }
            _ => Ok(()),
        }
    }
}
