//! `[export.NAME]`, or a URL with the same keys behind its question mark: where flows are sent, and in which form.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use weir_record::registry::builtin_elements;
use weir_transport::tls::{IdentityFiles, TlsClientOptions, TlsVersions};
use weir_transport::{Scheme, Url};

use super::error::read_query;
use super::values::NO_PORT;
use super::{Condition, Endpoint, Meter, OneIn, Size, Span, Units};

/// An endpoint and what it is sent.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// Where the collector listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<Endpoint>,
    /// Where several collectors listen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) targets: Vec<Endpoint>,
    /// What several collectors are for.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// The flow protocol.
    #[serde(default)]
    pub(crate) format: Format,
    /// Which records.
    #[serde(default)]
    pub(crate) from: Origin,
    /// Which of two units sends them.
    #[serde(default, skip_serializing_if = "Units::is_default")]
    pub(crate) units: Units,
    /// Records for which this holds.
    #[serde(default = "Condition::any")]
    pub(crate) filter: Condition,
    /// 1 in so many packets that were sampled, or connections.
    #[serde(default = "every")]
    pub(crate) sampling: OneIn,
    /// The address to send from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<IpAddr>,
    /// One record a direction, or a connection (RFC 5103).
    #[serde(default)]
    pub(crate) profile: Profile,
    /// Precision of start and end times.
    #[serde(default)]
    pub(crate) times: Times,
    /// Enterprise number under which columns without an element are sent; without it they are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) private_enterprise: Option<u32>,
    /// Observation domain or source id.
    #[serde(default)]
    pub(crate) domain: u32,
    /// Templates and options are sent again after this time (UDP).
    #[serde(default = "template_refresh")]
    pub(crate) template_refresh: Span,
    /// And after so many messages.
    #[serde(default = "template_messages")]
    pub(crate) template_messages: u32,
    /// Octets of the largest packet on the way, IP header included.
    #[serde(default = "mtu")]
    pub(crate) mtu: u16,
    /// Octets of records that wait while no collector takes them; without it 64 MiB in memory, 1 GiB on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) buffer: Option<Size>,
    /// A folder where they wait on disk, so that they survive a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) buffer_path: Option<PathBuf>,
    /// The authorities of the collector's certificate (TLS, DTLS); without a file those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// Our certificate, where the collector asks for one; a chain is taken as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) private_key: Option<PathBuf>,
    /// The name in the collector's certificate, where that is not the host of its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server_name: Option<String>,
}

/// What several targets are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// The first that can be reached gets the records.
    #[default]
    FailOver,
    /// Each gets all of them.
    Duplicate,
}

/// Flow protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Ipfix,
    NetFlow9,
    NetFlow5,
    FastNetMon,
}

impl Format {
    /// The transports that carry it.
    pub(crate) const fn transports(self) -> &'static [Scheme] {
        match self {
            Self::Ipfix => &[Scheme::Udp, Scheme::Tcp, Scheme::Tls, Scheme::Dtls],
            Self::NetFlow9 | Self::NetFlow5 => &[Scheme::Udp],
            Self::FastNetMon => &[Scheme::Udp, Scheme::Tcp, Scheme::Tls],
        }
    }

    /// What people call it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Ipfix => "IPFIX",
            Self::NetFlow9 => "NetFlow v9",
            Self::NetFlow5 => "NetFlow v5",
            Self::FastNetMon => "FastNetMon Flow",
        }
    }

    /// The port to which it is sent by custom.
    const fn port(self) -> u16 {
        match self {
            Self::Ipfix => 4739,
            Self::NetFlow9 | Self::NetFlow5 => 2055,
            Self::FastNetMon => 8104,
        }
    }
}

/// Which records are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// Those of the meter.
    #[default]
    Meter,
    /// Everything that arrives.
    All,
}

/// How a connection becomes records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Profile {
    /// A record for each direction.
    #[default]
    Uniflow,
    /// One record with reverse elements (RFC 5103).
    Biflow,
}

/// Precision of start and end times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Times {
    #[default]
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "us")]
    Microseconds,
}

const fn every() -> OneIn {
    OneIn(1)
}

const fn template_refresh() -> Span {
    Span::seconds(600)
}

const fn template_messages() -> u32 {
    4096
}

/// Ethernet's.
const fn mtu() -> u16 {
    1500
}

/// Octets of records that wait in memory, and on disk, where nothing else is said.
const MEMORY_BUFFER: usize = 64 << 20;
const DISK_BUFFER: usize = 1 << 30;
/// Room for a batch of records.
const LEAST_BUFFER: usize = 1 << 20;

/// NetFlow v5 has 14 bits for the sampling interval.
const NETFLOW5_RATE: u64 = 16_383;

/// Smallest MTU: that of IPv4 hosts (RFC 791), in which records with long texts still find room.
const LEAST_MTU: u16 = 576;

impl FromStr for Export {
    type Err = String;

    /// A URL with the keys of `[export.NAME]` behind its question mark.
    fn from_str(text: &str) -> Result<Self, String> {
        let (url, query) = text.split_once('?').unwrap_or((text, ""));
        // An endpoint is read first, so that its refusal comes before those of what stands behind it.
        let _: Endpoint = url.parse()?;
        let mut pairs = form_urlencoded::Serializer::new(query.to_owned());
        pairs.append_pair("url", url);
        read_query::<Self>(&pairs.finish())?.checked()
    }
}

impl Export {
    /// With the port of its format where none was written, and checked for what no type says. The error is a sentence that begins with the key.
    pub(crate) fn checked(mut self) -> Result<Self, String> {
        let port = self.format.port();
        for Endpoint(url) in self.url.iter_mut().chain(&mut self.targets).filter(|endpoint| endpoint.0.port == NO_PORT) {
            url.port = port;
        }
        self.check_targets()?;
        self.check_tls()?;
        if let Some(buffer) = self.buffer.filter(|buffer| buffer.0 < LEAST_BUFFER) {
            return Err(format!("buffer: {buffer}, expected {} or more", Size(LEAST_BUFFER)));
        }

        let has_elements = self.format == Format::Ipfix;
        if self.profile == Profile::Biflow && !has_elements {
            return Err("profile: reverse elements are IPFIX's alone (RFC 5103), so biflow needs format ipfix".into());
        }
        if self.private_enterprise.is_some() && !has_elements {
            return Err("private_enterprise: elements of enterprises are IPFIX's alone, so it needs format ipfix".into());
        }
        if self.times == Times::Microseconds && matches!(self.format, Format::NetFlow5) {
            return Err("times: NetFlow v5 has milliseconds alone".into());
        }
        if self.format == Format::NetFlow5 && self.domain > u32::from(u16::MAX) {
            return Err(format!("domain: {}, NetFlow v5 has 16 bits for it", self.domain));
        }
        if self.mtu < LEAST_MTU {
            return Err(format!("mtu: {} octets, expected {LEAST_MTU} or more", self.mtu));
        }
        if self.template_messages == 0 {
            return Err("template_messages: 0, expected 1 or more".into());
        }
        if let Some(number) = self.private_enterprise.filter(|number| !weir_codec::private::is_usable(*number)) {
            return Err(format!("private_enterprise: {number} is taken; write one of your own, not {}", taken_enterprises()));
        }
        Ok(self)
    }

    /// Where records go, in the order in which they were written.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Url> {
        self.url.iter().chain(&self.targets).map(|endpoint| &endpoint.0)
    }

    /// Octets of records that may wait.
    pub(crate) fn buffer(&self) -> usize {
        let unasked = if self.buffer_path.is_some() { DISK_BUFFER } else { MEMORY_BUFFER };
        self.buffer.map_or(unasked, |size| size.0)
    }

    /// What a sender to this target is told of TLS, where it speaks it.
    pub(crate) fn tls(&self, target: &Url) -> Option<TlsClientOptions> {
        if !is_secure(target) {
            return None;
        }
        let identity = self.certificate.clone().zip(self.private_key.clone());
        Some(TlsClientOptions {
            name: self.server_name.clone().unwrap_or_else(|| target.host.clone()),
            ca: self.ca.clone(),
            identity: identity.map(|(certificate, private_key)| IdentityFiles { certificate, private_key }),
            versions: if self.format == Format::FastNetMon { TlsVersions::Only13 } else { TlsVersions::From12 },
        })
    }

    fn check_targets(&self) -> Result<(), String> {
        let key = match (&self.url, self.targets.as_slice()) {
            (Some(_), []) => "url",
            (None, [_, ..]) => "targets",
            (Some(_), _) => return Err("targets: stands beside url; write all of them into targets".into()),
            (None, []) => {
                return Err("url: is missing; write url = \"udp://collector.example:4739\", or several targets = [..]".into());
            }
        };
        let known: Vec<&Url> = self.targets().collect();
        for (place, url) in known.iter().enumerate() {
            let transports = self.format.transports();
            if !transports.contains(&url.scheme) {
                let names: Vec<String> = transports.iter().map(|scheme| format!("{}://", scheme.name())).collect();
                let advice =
                    if url.scheme == Scheme::Dtls || self.format != Format::FastNetMon { ", or choose format ipfix" } else { "" };
                let (title, refused, names) = (self.format.title(), url.scheme.name(), names.join(", "));
                return Err(format!("{key}: {url}: {title} does not go over {refused}; write {names}{advice}"));
            }
            if known.iter().take(place).any(|other| other == url) {
                return Err(format!("{key}: {url} stands twice"));
            }
            // Messages are made for one transport, and a target may take over those of another.
            if self.mode == Mode::FailOver && known.first().is_some_and(|first| first.scheme != url.scheme) {
                return Err(format!("{key}: {url}: targets that take over from each other have one transport"));
            }
            if let (Some(source), Ok(peer)) = (self.source, url.host.parse::<IpAddr>())
                && source.is_ipv4() != peer.is_ipv4()
            {
                return Err(format!("source: {source} is of the other IP version than {peer}"));
            }
        }
        Ok(())
    }

    fn check_tls(&self) -> Result<(), String> {
        let keys = [
            ("ca", self.ca.is_some()),
            ("certificate", self.certificate.is_some()),
            ("private_key", self.private_key.is_some()),
            ("server_name", self.server_name.is_some()),
        ];
        if let Some((key, _)) = keys.into_iter().find(|(_, is_set)| *is_set)
            && !self.targets().any(is_secure)
        {
            return Err(format!("{key}: is for tls:// and dtls:// alone"));
        }
        match (&self.certificate, &self.private_key) {
            (Some(_), None) => Err("private_key: is missing beside certificate".into()),
            (None, Some(_)) => Err("certificate: is missing beside private_key".into()),
            _ => Ok(()),
        }
    }

    /// Checks it together with what the meter chooses. The error is a sentence that begins with the key.
    pub(crate) fn check_with(&self, meter: &Meter) -> Result<(), String> {
        if self.from == Origin::All {
            return Ok(());
        }
        let rate = u64::from(self.sampling.0) * u64::from(meter.rate());
        if self.format == Format::NetFlow5 && rate > NETFLOW5_RATE {
            return Err(format!("sampling: 1 in {rate} with that of the meter, NetFlow v5 can tell {NETFLOW5_RATE} at the most"));
        }
        Ok(())
    }
}

const fn is_secure(url: &Url) -> bool {
    matches!(url.scheme, Scheme::Tls | Scheme::Dtls)
}

/// Enterprise numbers that have elements already, or none.
fn taken_enterprises() -> String {
    let known: BTreeSet<u32> = builtin_elements().iter().map(|element| element.id.pen).filter(|pen| *pen != 0).collect();
    let known: Vec<String> = known.iter().map(u32::to_string).collect();
    format!(
        "0 (IANA), 29305 (reverse elements, RFC 5103), 4294967293 and above (NetFlow v9) or {}, whose elements are known",
        known.join(", ")
    )
}
