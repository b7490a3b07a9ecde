//! What is known to be missing, slot by slot: what a chart draws beside its numbers.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_query::Question;
use weir_store::AccountSlot;

use crate::error::Refusal;
use crate::moment;
use crate::question::Asked;
use crate::routes::{now, zone};

/// Nanoseconds. The account is kept by minutes.
const MINUTE: i64 = 60_000_000_000;

/// Of which time and sources, in which slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AskedAccount {
    /// A filter: only sources that it does not rule out.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[param(example = "exporter 192.0.2.1")]
    pub filter: String,
    /// Begin of the time: RFC 3339; without offset local time of the service; a day; `-1h`. Without it from where the account begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// End of the time, not included; nothing is told of what is to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Instead of both: this long until now, as in `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Length of a slot, whole minutes; a minute without it.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[param(example = "5m")]
    pub step: String,
}

/// What is known of a slot of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Nothing is known to be missing.
    Complete,
    /// Something was lost on the way, dropped here, or could not be read.
    Lossy,
    /// The service was not receiving all the time.
    Down,
    /// Nobody kept account of this time.
    Unknown,
}

/// What is known to be missing in a slot of time. The numbers are left out for whoever has limits, for they are of everybody's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRow {
    /// Begin.
    #[serde(with = "crate::moment::as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub from: i64,
    /// End, not included.
    #[serde(with = "crate::moment::as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub to: i64,
    /// In a word.
    pub state: AccountState,
    /// Seconds in which the service was not receiving.
    pub down_seconds: u64,
    /// What arrived and what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingRow>,
}

/// What arrived in a slot, and what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingRow {
    /// Records that arrived.
    pub records: u64,
    /// Records missing by sequence numbers that count records.
    pub lost_records: u64,
    /// Datagrams missing by sequence numbers that count datagrams.
    pub lost_datagrams: u64,
    /// Datagrams that arrived and were dropped here.
    pub dropped_datagrams: u64,
    /// Parts of datagrams that could not be decoded.
    pub faults: u64,
    /// Sources whose losses cannot be told.
    pub sources_unknown: u64,
}

impl AskedAccount {
    /// What is asked, as the series of a question.
    pub(crate) fn question(&self) -> Result<Question, Refusal> {
        let step = if self.step.trim().is_empty() { "1m" } else { self.step.trim() };
        let length = moment::read_length(step).map_err(|error| Refusal::of("step", error))?;
        if length % MINUTE != 0 {
            return Err(Refusal::of(
                "step",
                format!("{step} is not whole minutes, by which the account is kept: write 1m, 5m or 1h"),
            ));
        }
        let asked = Asked {
            filter: self.filter.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            last: self.last.clone(),
            series: format!("{}m", length / MINUTE),
            ..Asked::default()
        };
        asked.question(now(), &zone())
    }
}

impl AccountRow {
    /// A slot as it is told; without numbers for whoever sees a part of the data.
    pub(crate) fn of(slot: &AccountSlot, has_numbers: bool) -> Self {
        let known = &slot.completeness;
        let state = match known.known {
            false => AccountState::Unknown,
            true if known.down_ns > 0 => AccountState::Down,
            true if known.is_complete() => AccountState::Complete,
            true => AccountState::Lossy,
        };
        let missing = MissingRow {
            records: known.records,
            lost_records: known.lost_records,
            lost_datagrams: known.lost_datagrams,
            dropped_datagrams: known.dropped_datagrams,
            faults: known.faults,
            sources_unknown: known.sources_unknown,
        };
        let down_seconds = known.down_ns.div_ceil(1_000_000_000);
        Self { from: slot.from, to: slot.to, state, down_seconds, missing: has_numbers.then_some(missing) }
    }
}
