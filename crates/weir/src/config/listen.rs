//! `[listen.NAME]`: where flow export is received, from whom, and how much of it.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use weir_transport::{GuardOptions, ReceiverOptions};

use super::{ListenUrl, Network, Size};

/// A place where datagrams are received.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    /// Address and port.
    pub(crate) url: ListenUrl,
    /// Exporters that may send; empty for all.
    #[serde(default)]
    pub(crate) allow: Vec<Network>,
    /// Most datagrams a second of one address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate_limit: Option<NonZeroU32>,
    /// Octets of datagrams that may wait in the kernel.
    #[serde(default = "receive_buffer")]
    pub(crate) receive_buffer: Size,
    /// How the protocol is known.
    #[serde(default)]
    pub(crate) format: ListenFormat,
}

/// How the protocol of what arrives is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListenFormat {
    /// By content.
    #[default]
    Auto,
    /// Everything is FastNetMon Flow.
    FastNetMon,
}

fn receive_buffer() -> Size {
    Size(ReceiverOptions::default().receive_buffer)
}

impl Listen {
    /// What the guard at the door is told.
    pub(crate) fn guard(&self) -> GuardOptions {
        GuardOptions {
            allowed: self.allow.iter().map(|network| (network.0.address(), network.0.length())).collect(),
            rate: self.rate_limit,
            ..GuardOptions::default()
        }
    }

    /// Whether a running listener can go over to this without being opened anew.
    pub(crate) fn is_same_socket(&self, other: &Self) -> bool {
        (&self.url, self.receive_buffer, self.format) == (&other.url, other.receive_buffer, other.format)
    }
}
