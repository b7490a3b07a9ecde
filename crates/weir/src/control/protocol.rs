//! What is said over the control socket: a request is a line of JSON, and so is its answer. The manual describes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::candidate::{Change, Edit};
use crate::ha::Role;

/// Most octets of a request.
pub(crate) const MAX_REQUEST: usize = 1 << 20;

/// What is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Request {
    /// Changes keys of the candidate: all of these or none.
    Edit {
        /// In this order.
        edits: Vec<Edit>,
    },
    /// What is written, of the candidate or of what runs.
    Show {
        /// Of what runs, whatever the candidate is.
        #[serde(default)]
        running: bool,
        /// With what is not written.
        #[serde(default)]
        full: bool,
        /// Of a version.
        #[serde(default)]
        version: Option<u64>,
    },
    /// What differs between the candidate, or a version, and what runs.
    Diff {
        /// Of this version.
        #[serde(default)]
        version: Option<u64>,
    },
    /// Makes the candidate run.
    Commit {
        /// On these terms.
        #[serde(default)]
        terms: Terms,
    },
    /// Keeps what runs, for which it waits.
    Confirm {
        /// A file that was changed by hand is written over.
        #[serde(default)]
        overwrite: bool,
    },
    /// Makes an earlier version run.
    Rollback {
        /// Which; the one before what runs where it is left out.
        #[serde(default)]
        version: Option<u64>,
        /// As for a commit.
        #[serde(default)]
        terms: Terms,
    },
    /// What was committed.
    Versions,
    /// Forgets the candidate.
    Discard,
    /// Makes the changes of the candidate anew in what runs now.
    Rebase,
    /// What this unit is, of two.
    Ha {
        /// What it is to be.
        #[serde(default)]
        role: Option<Role>,
    },
    /// Begins a pair, or makes another token for it.
    #[serde(rename = "ha-init")]
    HaInit,
    /// Joins the pair of another unit.
    #[serde(rename = "ha-join")]
    HaJoin {
        /// Where it is.
        address: String,
        /// What it has printed.
        token: String,
    },
    /// Where both units have changed a key, the values of this one count.
    #[serde(rename = "ha-settle")]
    HaSettle,
    /// Leaves the pair.
    #[serde(rename = "ha-leave")]
    HaLeave,
}

/// On which terms something is to run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Terms {
    /// Why, for those who read the versions.
    pub(crate) comment: Option<String>,
    /// What ran before comes back after this time, as `60s`, where nobody confirms.
    pub(crate) confirm: Option<String>,
    /// A file that was changed by hand is written over.
    pub(crate) overwrite: bool,
    /// Changes that need a restart are written, and take effect with it.
    pub(crate) at_restart: bool,
}

/// The answer: `{"ok": ...}` or `{"error": "..."}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// It was done.
    Ok(Value),
    /// It was not, and nothing has changed.
    Error(String),
}

/// What a candidate is like after a change.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Edited {
    /// Keys in which it differs from what runs.
    pub(crate) changes: usize,
    /// What is still missing before it can be committed, or has to be known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// A text of the configuration.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// As it is written.
    pub(crate) text: String,
    /// Keys in which it differs from what runs.
    pub(crate) changes: usize,
}

/// What differs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Differences {
    /// By path.
    pub(crate) changes: Vec<Change>,
    /// What has to be known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// What runs now.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Committed {
    /// Its number.
    pub(crate) version: u64,
    /// Keys that changed.
    pub(crate) changes: Vec<Change>,
    /// Seconds for which it is watched, or may be confirmed.
    pub(crate) watched: u64,
    /// It goes when nobody confirms it in this time.
    pub(crate) to_confirm: bool,
    /// Sections that need a restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) at_restart: Vec<String>,
    /// What has to be known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// A version, as it is listed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct VersionRow {
    /// Its number.
    pub(crate) version: u64,
    /// When it was committed, RFC 3339.
    pub(crate) time: String,
    /// By whom.
    pub(crate) who: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
    /// Keys that changed with it.
    pub(crate) changes: usize,
    /// It runs.
    pub(crate) running: bool,
    /// It goes when nobody confirms it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) to_confirm: bool,
}
