//! Profiles and their channels: named cuts through the traffic.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_query::Filter;

use super::text::{check_description, check_line, check_name};
use super::{Invalid, MAX_CHANNELS, MAX_PARENTS};

/// Colours of channels that nobody chose, in this order: those of the console, which also knows them in the dark.
pub const PALETTE: [&str; 10] =
    ["#2f6fde", "#ef8a3c", "#1fa582", "#b857a5", "#ddb021", "#5793b5", "#d4505f", "#7359c9", "#84a532", "#96775a"];

/// A named cut through the traffic, parted into channels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What it is called.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Under which head it stands in lists.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Others see it too.
    #[serde(default)]
    pub shared: bool,
    /// The profile of which it is a part: what its channels hold together is `and`-ed to each channel of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// A fixed time in the past; without it the profile goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<PastRange>,
    /// Whether sums of its channels are kept.
    #[serde(default)]
    pub series: Keeping,
    /// Its parts, at least one.
    pub channels: Vec<Channel>,
}

/// A fixed time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PastRange {
    /// Its begin, RFC 3339.
    #[schema(example = "2026-03-02T09:00:00Z")]
    pub from: String,
    /// Its end, not included.
    #[schema(example = "2026-03-03T09:00:00Z")]
    pub to: String,
}

/// Whether sums of channels are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keeping {
    /// Views are worked out from records when somebody looks.
    #[default]
    Computed,
    /// Sums by minute are made as records arrive, and kept for as long as continuous series are.
    Stored,
}

/// A part of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// What it is called; no other channel of the profile has this name.
    pub name: String,
    /// Its colour, `#rrggbb`; without it the console chooses one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "#3b82f6")]
    pub colour: String,
    /// Which records; empty for all of the profile.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "port 443")]
    pub filter: String,
    /// On which side of the axis it is drawn.
    #[serde(default)]
    pub side: Side,
    /// The channel of which it is a part, as a unit is of its group: where both are drawn, that one is a line over its parts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part_of: String,
}

/// A side of the axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Above.
    #[default]
    Above,
    /// Below, as what goes out often is.
    Below,
}

/// What a profile comes to, with its parents: which records each channel has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The channels, in order.
    pub channels: Vec<ScopeChannel>,
    /// Begin and end of the time beyond which there is nothing, nanoseconds since 1970.
    pub time: Option<(i64, i64)>,
    /// All channels together are all records.
    pub is_everything: bool,
}

/// A channel with all that its profile and those above it say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeChannel {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub colour: String,
    /// Its side of the axis.
    pub side: Side,
    /// The channel of which it is a part; empty for none.
    pub part_of: String,
    /// The whole filter in one spelling; empty for every record.
    pub filter: String,
}

impl Profile {
    /// Whether all of it makes sense by itself.
    ///
    /// # Errors
    /// The first field that does not, and why.
    pub fn check(&self) -> Result<(), Invalid> {
        check_name("name", &self.name)?;
        check_description("description", &self.description)?;
        check_line("group", &self.group)?;
        if let Some(time) = &self.time {
            time.nanoseconds()?;
        }
        if self.channels.is_empty() || self.channels.len() > MAX_CHANNELS {
            return Err(Invalid::new("channels", format!("{} channels, expected 1 to {MAX_CHANNELS}", self.channels.len())));
        }
        let mut names = HashSet::new();
        for (place, channel) in self.channels.iter().enumerate() {
            let field = |part: &str| format!("channels[{place}].{part}");
            check_name(&field("name"), &channel.name)?;
            if !names.insert(channel.name.as_str()) {
                return Err(Invalid::new(field("name"), format!("another channel is called `{}` already", channel.name)));
            }
            if !is_colour(&channel.colour) {
                return Err(Invalid::new(field("colour"), "expected `#rrggbb`"));
            }
            read(field("filter"), &channel.filter)?;
            self.check_part(channel).map_err(|error| Invalid::new(field("part_of"), error))?;
        }
        Ok(())
    }

    /// Whether the channel of which this one is a part is there, and is whole itself.
    fn check_part(&self, channel: &Channel) -> Result<(), String> {
        let whole = channel.part_of.as_str();
        if whole.is_empty() {
            return Ok(());
        }
        match self.channels.iter().find(|one| one.name == whole) {
            None => Err(format!("the profile has no channel `{whole}`")),
            Some(one) if one.name == channel.name || !one.part_of.is_empty() => Err(format!("`{whole}` is a part itself")),
            Some(one) if one.side != channel.side => Err(format!("`{whole}` is on the other side of the axis")),
            Some(_) => Ok(()),
        }
    }

    /// What it comes to, with the profiles above it: the nearest first.
    ///
    /// # Errors
    /// Where filters cannot be read, or are too long together.
    pub fn scope(&self, parents: &[&Self]) -> Result<Scope, Invalid> {
        if parents.len() > MAX_PARENTS {
            return Err(Invalid::new("parent", format!("more than {MAX_PARENTS} profiles above one another")));
        }
        let above = parents.iter().map(|parent| parent.together()).collect::<Result<Vec<_>, _>>()?;
        let channel = |(place, channel): (usize, &Channel)| {
            let field = format!("channels[{place}].filter");
            let own = read(field.clone(), &channel.filter)?;
            let filter = all_of(field, std::iter::once(own).chain(above.iter().cloned()))?;
            let Channel { name, colour, side, part_of, .. } = channel.clone();
            Ok(ScopeChannel { name, colour, side, part_of, filter })
        };
        let channels = self.channels.iter().enumerate().map(channel).collect::<Result<Vec<_>, _>>()?;
        let mut time = None;
        for range in std::iter::once(self).chain(parents.iter().copied()).filter_map(|profile| profile.time.as_ref()) {
            let (from, to) = range.nanoseconds()?;
            time = Some(time.map_or((from, to), |(first, last)| (from.max(first), to.min(last))));
        }
        let is_everything = channels.iter().any(|channel| channel.filter.is_empty());
        Ok(Scope { channels, time, is_everything })
    }

    /// The filter of all its channels together.
    fn together(&self) -> Result<String, Invalid> {
        let filter = |(place, channel): (usize, &Channel)| read(format!("channels[{place}].filter"), &channel.filter);
        let filters = self.channels.iter().enumerate().map(filter).collect::<Result<Vec<_>, _>>()?;
        any_of("parent".into(), filters.iter())
    }
}

impl PastRange {
    /// Begin and end, nanoseconds since 1970.
    pub(super) fn nanoseconds(&self) -> Result<(i64, i64), Invalid> {
        let read = |field: &str, text: &str| {
            let time: Timestamp = text.parse().map_err(|_| {
                Invalid::new(field, format!("`{text}` is no time with its offset, such as `2026-03-02T09:00:00Z`"))
            })?;
            i64::try_from(time.as_nanosecond())
                .map_err(|_| Invalid::new(field, format!("`{text}` is past the times that there are")))
        };
        let (from, to) = (read("time.from", &self.from)?, read("time.to", &self.to)?);
        if to <= from {
            return Err(Invalid::new("time.to", "the time ends before it begins"));
        }
        Ok((from, to))
    }
}

/// A filter in one spelling; empty for every record.
pub(super) fn read(field: String, text: &str) -> Result<String, Invalid> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let filter = Filter::parse(text).map_err(|error| Invalid::of_filter(field, error))?;
    let is_any = filter == Filter::any();
    Ok(if is_any { String::new() } else { filter.to_string() })
}

/// A filter that holds where each of these does; empty ones always do.
pub(super) fn all_of(field: String, filters: impl IntoIterator<Item = String>) -> Result<String, Invalid> {
    let mut filters: Vec<String> = filters.into_iter().filter(|filter| !filter.is_empty()).collect();
    match filters.len() {
        0 => Ok(String::new()),
        1 => Ok(filters.remove(0)),
        _ => read_joined(field, &filters, ") and ("),
    }
}

/// A filter that holds where one of these does; an empty one always does.
pub(super) fn any_of<'a>(field: String, filters: impl IntoIterator<Item = &'a String>) -> Result<String, Invalid> {
    let mut filters: Vec<String> = filters.into_iter().cloned().collect();
    filters.dedup();
    if filters.iter().any(String::is_empty) {
        return Ok(String::new());
    }
    match filters.len() {
        1 => Ok(filters.remove(0)),
        _ => read_joined(field, &filters, ") or ("),
    }
}

fn read_joined(field: String, filters: &[String], between: &str) -> Result<String, Invalid> {
    let joined = format!("({})", filters.join(between));
    // Each was read before, so that they are too long or too deep together is all that can be wrong.
    Filter::parse(&joined).map(|filter| filter.to_string()).map_err(|error| {
        let (error, place) = (format!("the filters of all that is meant are too much together: {}", error.message()), None);
        Invalid { field, error, place }
    })
}

fn is_colour(colour: &str) -> bool {
    let is_hex = |hex: &str| hex.len() == 6 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    colour.is_empty() || colour.strip_prefix('#').is_some_and(is_hex)
}

/// The colour of the channel at this place.
pub fn colour_of(place: usize) -> String {
    PALETTE.get(place % PALETTE.len()).copied().unwrap_or_default().to_owned()
}
