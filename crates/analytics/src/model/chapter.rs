//! Chapters: views of a profile or of some of its channels.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text::{check_description, check_line, check_name};
use super::{Invalid, MAX_CHANNELS};

/// The profile that always is there, with a channel for each source.
pub const ALL_SOURCES: &str = "all-sources";

/// A view of a profile. What a kind has no use for is refused, so that nobody believes it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Chapter {
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// What it shows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Others see it too.
    #[serde(default)]
    pub shared: bool,
    /// What it looks like.
    pub kind: ChapterKind,
    /// The profile that it shows.
    #[serde(default = "all_sources")]
    #[schema(example = "all-sources")]
    pub profile: String,
    /// Names of the channels that it shows; all of them where none is named, also those that are added later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// Only records for which this holds besides.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub filter: String,
    /// Keys, with commas between.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "src_addr")]
    pub by: String,
    /// What is measured, with commas between; of `performance` some of `rtt`, `srt`, `retransmissions`, `jitter`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "bytes,packets")]
    pub measures: String,
    /// By which measure groups are sorted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sort: String,
    /// How many groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<u64>,
    /// The step of a series; without it one that suits the time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "5m")]
    pub step: String,
    /// Bytes and packets as reported, not multiplied by the sampling rate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unscaled: bool,
}

/// What a chapter looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChapterKind {
    /// Measures over time, of each channel; by a key, of its largest values.
    TimeSeries,
    /// The largest groups.
    Top,
    /// Groups and measures.
    Table,
    /// Shares of the largest groups.
    Pie,
    /// A number for each channel.
    Value,
    /// What flows from the values of a key to those of the next.
    Sankey,
    /// The largest groups over time.
    HeatMap,
    /// Countries.
    WorldMap,
    /// Round-trip and response times, retransmissions and jitter over time, of each channel.
    Performance,
}

/// What can be told of performance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Round-trip time.
    Rtt,
    /// Server response time.
    Srt,
    /// Packets that were sent again.
    Retransmissions,
    /// Differences of consecutive gaps between packets.
    Jitter,
}

fn all_sources() -> String {
    ALL_SOURCES.into()
}

impl ChapterKind {
    /// True where each channel gets an answer of its own, and not all of them one together.
    pub const fn is_per_channel(self) -> bool {
        matches!(self, Self::TimeSeries | Self::Value | Self::Performance)
    }

    /// True for measures over time.
    pub const fn has_steps(self) -> bool {
        matches!(self, Self::TimeSeries | Self::HeatMap | Self::Performance)
    }

    /// How many keys it has, at least and at most.
    const fn keys(self) -> (usize, usize) {
        match self {
            Self::TimeSeries => (0, 4),
            Self::Top | Self::Table => (1, 8),
            Self::Pie | Self::HeatMap | Self::WorldMap => (1, 1),
            Self::Sankey => (2, 6),
            Self::Value | Self::Performance => (0, 0),
        }
    }

    /// How many groups where nothing is told; nothing where there are none.
    pub(super) const fn usual_top(self) -> Option<u64> {
        match self {
            Self::TimeSeries | Self::Top | Self::Pie => Some(10),
            Self::HeatMap => Some(20),
            Self::Sankey => Some(50),
            Self::Table => Some(100),
            Self::WorldMap => Some(250),
            Self::Value | Self::Performance => None,
        }
    }

    /// The most that `top` may be: what people can still look at.
    const fn most_groups(self) -> u64 {
        match self {
            Self::Table => 10_000,
            _ => 1000,
        }
    }
}

impl Chapter {
    /// An unnamed view of all sources.
    pub fn of(kind: ChapterKind) -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            shared: false,
            kind,
            profile: all_sources(),
            channels: Vec::new(),
            filter: String::new(),
            by: String::new(),
            measures: String::new(),
            sort: String::new(),
            top: None,
            step: String::new(),
            unscaled: false,
        }
    }

    /// Whether all of it makes sense by itself, as one that is kept.
    ///
    /// # Errors
    /// The first field that does not, and why.
    pub fn check(&self) -> Result<(), Invalid> {
        check_name("name", &self.name)?;
        self.check_view()
    }

    /// The same of one that is looked at and not kept, and therefore needs no name.
    ///
    /// # Errors
    /// The first field that does not make sense, and why.
    pub fn check_view(&self) -> Result<(), Invalid> {
        check_line("name", &self.name)?;
        check_description("description", &self.description)?;
        check_line("profile", &self.profile)?;
        if self.channels.len() > MAX_CHANNELS {
            return Err(Invalid::new(
                "channels",
                format!("{} channels, at most {MAX_CHANNELS} can be named", self.channels.len()),
            ));
        }
        for (place, channel) in self.channels.iter().enumerate() {
            check_name(&format!("channels[{place}]"), channel)?;
            if self.channels.iter().take(place).any(|before| before == channel) {
                return Err(Invalid::new(format!("channels[{place}]"), format!("`{channel}` is named twice")));
            }
        }
        self.check_parts()?;
        self.metrics()?;
        self.check_question()
    }

    /// Which parts go with the kind.
    fn check_parts(&self) -> Result<(), Invalid> {
        let (least, most) = self.kind.keys();
        let keys = self.by.split(',').filter(|key| !key.trim().is_empty()).count();
        if !self.has_usual_key() && !(least..=most).contains(&keys) {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return Err(Invalid::new("by", format!("{keys} keys, expected {wanted} for this kind of chapter")));
        }
        if self.kind == ChapterKind::WorldMap && keys > 0 && !["country", "src_country", "dst_country"].contains(&self.by.trim())
        {
            return Err(Invalid::new("by", "a map of the world is by `country`, `src_country` or `dst_country`"));
        }
        let refuse = |field: &str, what: &str| Err(Invalid::new(field, format!("this kind of chapter has no {what}")));
        let has_groups = self.kind.usual_top().is_some() && (keys > 0 || self.has_usual_key());
        match () {
            () if self.top.is_some() && !has_groups => refuse("top", "groups"),
            () if !self.sort.trim().is_empty() && !has_groups => refuse("sort", "groups"),
            () if !self.step.trim().is_empty() && !self.kind.has_steps() => refuse("step", "steps of time"),
            () => match self.top {
                Some(top) if !(1..=self.kind.most_groups()).contains(&top) => {
                    Err(Invalid::new("top", format!("{top} groups, expected 1 to {}", self.kind.most_groups())))
                }
                _ => Ok(()),
            },
        }
    }

    /// Its key where none is told.
    pub(super) fn has_usual_key(&self) -> bool {
        self.kind == ChapterKind::WorldMap && self.by.trim().is_empty()
    }

    /// What of performance it tells; nothing for chapters of other kinds.
    ///
    /// # Errors
    /// Where `measures` names something else.
    pub fn metrics(&self) -> Result<Vec<Metric>, Invalid> {
        const KNOWN: [(&str, Metric); 4] = [
            ("rtt", Metric::Rtt),
            ("srt", Metric::Srt),
            ("retransmissions", Metric::Retransmissions),
            ("jitter", Metric::Jitter),
        ];
        if self.kind != ChapterKind::Performance {
            return Ok(Vec::new());
        }
        let mut metrics = Vec::new();
        for word in self.measures.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let known = KNOWN.iter().find(|(name, _)| *name == word);
            let wrong = |error: &str| Invalid::new("measures", format!("`{word}` {error}"));
            let (_, metric) = known.ok_or_else(|| wrong("is none of `rtt`, `srt`, `retransmissions`, `jitter`"))?;
            if metrics.contains(metric) {
                return Err(wrong("stands there twice"));
            }
            metrics.push(*metric);
        }
        Ok(if metrics.is_empty() { KNOWN.map(|(_, metric)| metric).into() } else { metrics })
    }
}
