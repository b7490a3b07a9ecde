//! Two units of which one exports: what this one is, who decides it, and what changes with it.
//!
//! ```text
//! netlink, a file, `weir ha` -> role -> gate of exports and copies, open flows of the meter
//! settings of both           -> merged -> a commit on each, over TLS between them
//! ```
//!
//! Both units meter. The active one exports; the one that stands by holds its records back. Nothing here looks at the clock to find
//! out who is which: the kernel says when an address or a file has changed.

mod netlink;

mod address;
mod file;
mod watch;

mod identity;

mod base;
mod channel;
mod link;
mod session;
mod shared;

mod status;
mod unit;

pub(crate) mod commands;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use session::{Held, Holding};
pub(crate) use status::HaStatus;
pub(crate) use unit::Unit;

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// It exports.
    Active,
    /// It meters, and waits.
    Standby,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Standby => "standby",
        })
    }
}

/// A role, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verdict {
    role: Role,
    cause: String,
}
