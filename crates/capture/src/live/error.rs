//! Why an interface cannot be captured on (any further).

use std::io;

use super::interfaces::Interface;
use crate::bpf::BpfError;

/// Why an interface cannot be captured on (any further).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// Nothing has this name.
    #[error("no interface `{name}`; there are: {}", names(.known))]
    NoSuchInterface {
        /// The name that was asked for.
        name: String,
        /// What there is.
        known: Vec<Interface>,
    },

    /// Packet sockets are for the privileged.
    #[error(
        "{name}: not permitted to capture; run as root, or give the program the capability CAP_NET_RAW (`setcap cap_net_raw+ep PROGRAM`)"
    )]
    NotPermitted {
        /// The interface.
        name: String,
    },

    /// Workers join their group only on an interface that is up.
    #[error("{name}: the interface is down; `ip link set {name} up` switches it on")]
    Down {
        /// The interface.
        name: String,
    },

    /// Frames whose first octets we cannot tell apart.
    #[error("{name}: frames of {kind} are not captured; capture on the interface that carries it")]
    UnsupportedLink {
        /// The interface.
        name: String,
        /// What its frames are.
        kind: super::LinkKind,
    },

    /// The filter is wrong, or cannot be compiled.
    #[error(transparent)]
    Filter(#[from] BpfError),

    /// A size that does not work.
    #[error("{name}: {what} of {value} bytes, allowed are {least} to {most}")]
    Size {
        /// The interface.
        name: String,
        /// Which setting.
        what: &'static str,
        /// Its value, bytes.
        value: usize,
        /// The least that works, bytes.
        least: usize,
        /// The most that works, bytes.
        most: usize,
    },

    /// The interface was removed while we captured.
    #[error("{name}: the interface is gone")]
    Gone {
        /// The interface.
        name: String,
    },

    /// The system refuses something else.
    #[error("{name}: cannot {doing}: {cause}")]
    System {
        /// The interface.
        name: String,
        /// What we were doing.
        doing: &'static str,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

fn names(interfaces: &[Interface]) -> String {
    let names: Vec<&str> = interfaces.iter().map(|interface| interface.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
