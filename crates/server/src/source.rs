//! Sources as the API tells of them: what answers "why do I see no data".

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One source: an exporter's address and observation domain. Times are RFC 3339; what is not known is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceRow {
    /// Name that the configuration gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Group that the configuration puts it into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Address of the exporter.
    #[schema(value_type = String, example = "192.0.2.1")]
    pub exporter: IpAddr,
    /// Observation domain, source id or agent's sub-id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<u32>,
    /// The listener where it was heard last.
    pub listener: String,
    /// Protocols it speaks.
    pub protocols: Vec<String>,
    /// What it does now.
    pub state: SourceState,
    /// Why there is no data, or less than there could be, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When its first datagram arrived.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::moment::as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_seen: Option<i64>,
    /// When its latest datagram arrived.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::moment::as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<i64>,
    /// When its latest record arrived.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::moment::as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_record: Option<i64>,
    /// Datagrams that arrived.
    pub datagrams: u64,
    /// Octets of their payloads.
    pub bytes: u64,
    /// Flow and sample records that were decoded.
    pub records: u64,
    /// Datagrams a second, over the last minute.
    pub datagrams_per_second: f64,
    /// Records a second, over the last minute.
    pub records_per_second: f64,
    /// Templates that are known.
    pub templates: u64,
    /// Sets of data that wait for their template.
    pub pending: u64,
    /// Counter samples that were decoded.
    pub counter_samples: u64,
    /// Options records that were decoded.
    pub options_records: u64,
    /// Records missing by sequence numbers; left out where that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_records: Option<u64>,
    /// Datagrams missing by sequence numbers; left out where that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_datagrams: Option<u64>,
    /// Datagrams that came late.
    pub reordered: u64,
    /// Sequences that began anew.
    pub restarts: u64,
    /// Datagrams over the rate that the source is allowed.
    pub dropped: u64,
    /// Faults of decoding, by reason.
    pub faults: BTreeMap<String, u64>,
    /// How its sampling is known, and the latest rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<String>,
    /// Seconds by which its clock is ahead of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew: Option<f64>,
    /// Elements that no column and no registry knows, as enterprise/number.
    pub unknown_elements: Vec<String>,
}

impl SourceRow {
    /// A source of which nothing arrived.
    pub const fn new(exporter: IpAddr, state: SourceState) -> Self {
        Self {
            name: None,
            group: None,
            exporter,
            domain: None,
            listener: String::new(),
            protocols: Vec::new(),
            state,
            note: None,
            first_seen: None,
            last_seen: None,
            last_record: None,
            datagrams: 0,
            bytes: 0,
            records: 0,
            datagrams_per_second: 0.0,
            records_per_second: 0.0,
            templates: 0,
            pending: 0,
            counter_samples: 0,
            options_records: 0,
            lost_records: None,
            lost_datagrams: None,
            reordered: 0,
            restarts: 0,
            dropped: 0,
            faults: BTreeMap::new(),
            sampling: None,
            clock_skew: None,
            unknown_elements: Vec::new(),
        }
    }
}

/// What a source does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Records arrive.
    Receiving,
    /// Nothing arrived for a while.
    Silent,
    /// Data arrives and no template that describes it.
    WaitingForTemplate,
    /// Datagrams arrive and none can be read.
    Faulty,
    /// The configuration does not allow it.
    Refused,
    /// The configuration names it, and nothing came from it since the service began.
    NeverHeard,
}

impl SourceState {
    /// Words for a table.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Silent => "silent",
            Self::WaitingForTemplate => "waiting for template",
            Self::Faulty => "faulty",
            Self::Refused => "refused",
            Self::NeverHeard => "never heard",
        }
    }
}
