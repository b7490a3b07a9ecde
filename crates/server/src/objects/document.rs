//! The shapes of objects and views in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_analytics::model::{Chapter, ChapterKind, Dashboard, Profile, Side};

use crate::document::AnswerDocument;
use crate::error::Refusal;
use crate::question::Asked;

/// An object and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Envelope<T> {
    /// By which it is asked for.
    pub id: String,
    /// Grows with each change; in quotes it is the `ETag`.
    pub version: u64,
    /// Who made it; left out where nobody was signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// When it was changed last.
    #[serde(with = "crate::moment::as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub changed: i64,
    /// How far the past of its stored channels is in their sums; those that are done are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filling: Vec<Filling>,
    /// What was sent, and is sent again to change it.
    pub object: T,
}

/// Where an object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Somebody made it.
    User,
    /// It was there from the start, or makes itself.
    Weir,
}

/// How far the past of a channel is in its sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Filling {
    /// Which channel.
    pub channel: String,
    /// How much of what is stored is in, 0 to 1.
    pub progress: f64,
    /// From when on all is in; left out where not even what arrives now is.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::moment::as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub filled_from: Option<i64>,
}

impl Eq for Filling {}

/// Some objects of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// In the order of their ids.
    pub items: Vec<Envelope<T>>,
    /// What `after` has to be for those that follow; left out where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many there are in all.
    pub total: usize,
}

/// What the recipe of a service has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceDocument {
    /// The profile.
    pub profile: Envelope<Profile>,
    /// The chapters.
    pub chapters: Vec<Envelope<Chapter>>,
    /// The dashboard.
    pub dashboard: Envelope<Dashboard>,
}

/// The data of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewDocument {
    /// What it looks like.
    pub kind: ChapterKind,
    /// The profile that it shows.
    pub profile: ProfileName,
    /// Begin of the time.
    pub from: String,
    /// Its end, not included.
    pub to: String,
    /// The step of a series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// One answer a channel, or one over all of them.
    pub parts: Vec<ViewPart>,
}

/// Which profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileName {
    /// By which it is asked for.
    pub id: String,
    /// What it is called.
    pub name: String,
}

/// An answer of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewPart {
    /// The channels that it is about.
    pub channels: Vec<ChannelRow>,
    /// What was asked, as `/api/v1/query` takes it.
    pub question: Asked,
    /// The same as a command.
    pub command: String,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerDocument>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Refusal>,
    /// The status that the question alone would have had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// A channel, for its legend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelRow {
    /// Its name.
    pub name: String,
    /// Its colour.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub colour: String,
    /// On which side of the axis it is drawn.
    pub side: Side,
    /// The channel of which it is a part.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part_of: String,
}
