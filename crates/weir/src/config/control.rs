//! `[control]`: how the service is changed while it runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Span;

/// The socket over which the configuration is edited.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Control {
    /// A socket of this machine; without it one in the folder of the store, or in `/run/weir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) socket: Option<PathBuf>,
    /// Who may use it: the mode of its file.
    pub(crate) mode: Mode,
    /// How long a new configuration is watched, and taken back if the service becomes unwell.
    pub(crate) watch: Span,
}

/// Where the socket is without a store.
const USUAL: &str = "/run/weir/control.sock";

/// Its name in the folder of the store.
const NAME: &str = "control.sock";

impl Default for Control {
    fn default() -> Self {
        Self { socket: None, mode: Mode(0o660), watch: Span::seconds(10) }
    }
}

impl Control {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Where the socket is; `store` is the folder of the store.
    pub(crate) fn place(&self, store: Option<&Path>) -> PathBuf {
        match (&self.socket, store) {
            (Some(socket), _) => socket.clone(),
            (None, Some(store)) => store.join(NAME),
            (None, None) => USUAL.into(),
        }
    }
}

/// The mode of a file, octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(pub(crate) u32);

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode <= 0o777 && !text.starts_with('+') => Ok(Self(mode)),
            _ => Err(format!("\"{text}\" is no mode of a file: write it as \"0660\"")),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}
