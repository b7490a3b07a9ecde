//! `[export.NAME]`, or a URL with the same keys behind its question mark: where flows are sent, and in which form.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use weir_record::registry::builtin_elements;
use weir_transport::Scheme;

use super::error::read_query;
use super::values::NO_PORT;
use super::{Condition, Endpoint, Meter, OneIn, Span};

/// An endpoint and what it is sent.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// Where the collector listens.
    pub(crate) url: Endpoint,
    /// The flow protocol.
    #[serde(default)]
    pub(crate) format: Format,
    /// Which records.
    #[serde(default)]
    pub(crate) from: Origin,
    /// Records for which this holds.
    #[serde(default = "Condition::any")]
    pub(crate) filter: Condition,
    /// 1 in so many connections.
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
        if self.url.0.port == NO_PORT {
            self.url.0.port = self.format.port();
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
        if self.url.0.scheme == Scheme::Tcp && matches!(self.format, Format::NetFlow5 | Format::NetFlow9) {
            return Err("url: NetFlow goes over UDP alone; write udp://, or choose format ipfix".into());
        }
        if self.mtu < LEAST_MTU {
            return Err(format!("mtu: {} octets, expected {LEAST_MTU} or more", self.mtu));
        }
        if self.template_messages == 0 {
            return Err("template_messages: 0, expected 1 or more".into());
        }
        if let (Some(source), Ok(peer)) = (self.source, self.url.0.host.parse::<IpAddr>())
            && source.is_ipv4() != peer.is_ipv4()
        {
            return Err(format!("source: {source} is of the other IP version than {peer}"));
        }
        if let Some(number) = self.private_enterprise.filter(|number| !weir_codec::private::is_usable(*number)) {
            return Err(format!("private_enterprise: {number} is taken; write one of your own, not {}", taken_enterprises()));
        }
        Ok(self)
    }

    /// Checks it together with what the meter chooses. The error is a sentence that begins with the key.
    pub(crate) fn check_with(&self, meter: &Meter) -> Result<(), String> {
        let rate = u64::from(self.sampling.0) * u64::from(meter.rate());
        if self.format == Format::NetFlow5 && rate > NETFLOW5_RATE {
            return Err(format!("sampling: 1 in {rate} with that of the meter, NetFlow v5 can tell {NETFLOW5_RATE} at the most"));
        }
        Ok(())
    }
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
