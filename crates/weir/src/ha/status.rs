//! What people are told of a unit and of the other one.

use serde::{Deserialize, Serialize};

use super::Role;
use super::channel::PairState;
use super::identity::Part;
use super::link::Link;
use crate::config::HaMode;

/// What people are told of a unit.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HaStatus {
    /// What it is.
    pub(crate) role: Role,
    /// What decides.
    pub(crate) mode: HaMode,
    /// Why it is what it is.
    pub(crate) cause: String,
    /// Since when, RFC 3339.
    pub(crate) since: String,
    /// How often that has changed since the service began.
    pub(crate) changes: u64,
    /// Records that were not sent because it stood by.
    pub(crate) withheld: u64,
    /// Why nobody can tell the role, or what is wrong with the two units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<String>,
    /// The number of its configuration, where there is a pair; none while that is on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) configuration: Option<u64>,
    /// The other unit, where there is a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<PeerStatus>,
}

/// What people are told of the other unit.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PeerStatus {
    /// Where this one stands.
    pub(crate) part: Part,
    /// Where the other one is.
    pub(crate) address: String,
    /// It can be spoken with.
    pub(crate) is_up: bool,
    /// What it was decided to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Role>,
    /// Its program, and the number of its configuration.
    pub(crate) version: String,
    pub(crate) configuration: u64,
    /// When one of both has taken over a change of the other last, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changed: Option<String>,
    /// For how many seconds they may differ: 0 while they are known to be the same. None where they never were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lag: Option<u64>,
    /// Connections of others that were refused.
    pub(crate) refused: u64,
    /// Keys in which the settings of both differ.
    pub(crate) differing: usize,
    /// When both were the same last, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) same: Option<String>,
    /// Why it cannot be spoken with, or why settings differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<String>,
}

impl PeerStatus {
    /// As this unit knows the other one.
    pub(super) fn of(link: &Link) -> Self {
        let seen = link.seen();
        let is_same = seen.is_up && seen.pair == PairState::default();
        let since = |same: i64| crate::collect::now().saturating_sub(same).unsigned_abs() / 1_000_000_000;
        Self {
            part: link.part(),
            address: seen.address,
            is_up: seen.is_up,
            role: seen.role,
            version: seen.version,
            configuration: seen.configuration,
            changed: seen.changed.map(weir_server::moment::text),
            lag: seen.same.map(|same| if is_same { 0 } else { since(same) }),
            refused: link.refused(),
            differing: seen.pair.behind,
            same: seen.same.map(weir_server::moment::text),
            trouble: seen.trouble.or(seen.pair.trouble),
        }
    }
}
