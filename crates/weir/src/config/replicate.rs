//! `[replicate.NAME]`: datagrams copied unchanged to other collectors.

use serde::{Deserialize, Serialize};
use weir_transport::{CopyOptions, Scheme, Url};

use super::values::NO_PORT;
use super::{Endpoint, Size, Span, Units};

/// Which datagrams go where.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replicate {
    /// The names of listeners; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) from: Vec<String>,
    /// Where the other collectors listen; each gets all.
    pub(crate) targets: Vec<Endpoint>,
    /// Which of two units copies.
    #[serde(default, skip_serializing_if = "Units::is_default")]
    pub(crate) units: Units,
    /// Copies have the address and port of the exporter.
    #[serde(default)]
    pub(crate) original_source: bool,
    /// Octets of the largest packet on the way.
    #[serde(default = "mtu")]
    pub(crate) mtu: u16,
    /// Templates are said again after this time, besides when a collector is there again.
    #[serde(default = "template_refresh")]
    pub(crate) template_refresh: Span,
    /// Octets of datagrams that may wait to be copied.
    #[serde(default = "queue")]
    pub(crate) queue: Size,
}

/// Ethernet's.
const fn mtu() -> u16 {
    1500
}

const fn template_refresh() -> Span {
    Span::seconds(600)
}

const fn queue() -> Size {
    Size(16 << 20)
}

/// That of IPv4 hosts (RFC 791), and of links with IPv6 (RFC 8200).
const LEAST_MTU: [u16; 2] = [576, 1280];
/// Octets of a queue: several batches, and memory stays bounded.
const QUEUES: std::ops::RangeInclusive<usize> = 1 << 20..=4 << 30;

impl Replicate {
    /// What no type says. The error is a sentence that begins with the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.targets.is_empty() {
            return Err("targets: is empty; write targets = [\"udp://collector.example:2055\"]".into());
        }
        for (place, Endpoint(url)) in self.targets.iter().enumerate() {
            if url.scheme != Scheme::Udp {
                return Err(format!("targets: {url}: datagrams are copied unchanged, so they go over udp:// alone"));
            }
            if url.port == NO_PORT {
                return Err(format!("targets: \"udp://{}\" names no port", url.host));
            }
            if self.targets.iter().take(place).any(|Endpoint(other)| other == url) {
                return Err(format!("targets: {url} stands twice"));
            }
        }
        let is_v6 = self.targets().any(|url| url.host.contains(':'));
        let [v4, v6] = LEAST_MTU;
        let least = if is_v6 { v6 } else { v4 };
        if self.mtu < least {
            return Err(format!("mtu: {} octets, expected {least} or more", self.mtu));
        }
        if !QUEUES.contains(&self.queue.0) {
            let (least, most) = (Size(*QUEUES.start()), Size(*QUEUES.end()));
            return Err(format!("queue: {}, expected {least} to {most}", self.queue));
        }
        Ok(())
    }

    /// Where the other collectors listen.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Url> {
        self.targets.iter().map(|endpoint| &endpoint.0)
    }

    /// How copies are sent.
    pub(crate) const fn options(&self) -> CopyOptions {
        CopyOptions { original_source: self.original_source, mtu: self.mtu }
    }
}
