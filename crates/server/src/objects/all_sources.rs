//! The profile "All Sources", which makes itself: a channel for each source, by group where sources have one.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use weir_analytics::model::chapter::ALL_SOURCES;
use weir_analytics::model::profile::colour_of;
use weir_analytics::model::{Channel, MAX_CHANNELS, MAX_NAME, Profile, Scope, Side};

use super::document::{Envelope, Origin};
use crate::error::Fault;
use crate::source::SourceRow;

/// The channel of sources for which there is no channel of their own.
const OTHERS: &str = "other sources";

/// The profile, from the sources that there are: the first that was heard stands first.
pub(super) fn profile(mut sources: Vec<SourceRow>) -> Envelope<Profile> {
    sources.sort_by_key(|source| (source.first_seen.is_none(), source.first_seen, source.exporter, source.domain));
    let mut parts: Vec<(String, Vec<IpAddr>)> = Vec::new();
    for source in sources {
        let address = source.exporter.to_string();
        let name = called(&source.group.or(source.name).unwrap_or_else(|| address.clone()));
        match parts.iter_mut().find(|(known, addresses)| *known == name || addresses.contains(&source.exporter)) {
            Some((_, addresses)) if addresses.contains(&source.exporter) => {}
            Some((_, addresses)) => addresses.push(source.exporter),
            None => parts.push((name, vec![source.exporter])),
        }
    }
    let rest = parts.split_off(parts.len().min(MAX_CHANNELS - 1));
    let is_any = |addresses: &[IpAddr]| {
        let tests: Vec<String> = addresses.iter().map(|address| format!("exporter {address}")).collect();
        tests.join(" or ")
    };
    let mut channels: Vec<Channel> =
        parts.iter().enumerate().map(|(place, (name, addresses))| channel(name, colour_of(place), is_any(addresses))).collect();
    if channels.is_empty() || !rest.is_empty() {
        let known: Vec<IpAddr> = parts.iter().flat_map(|(_, addresses)| addresses.iter().copied()).collect();
        let filter = if known.is_empty() { String::new() } else { format!("not ({})", is_any(&known)) };
        channels.push(channel(OTHERS, String::new(), filter));
    }
    let object = Profile {
        name: "All Sources".into(),
        description: "Every source, each with a channel of its own, or its group's.".into(),
        shared: true,
        channels,
        ..Profile::default()
    };
    let mut hasher = DefaultHasher::new();
    for channel in &object.channels {
        (&channel.name, &channel.filter).hash(&mut hasher);
    }
    let version = hasher.finish();
    Envelope { id: ALL_SOURCES.into(), version, owner: None, origin: Origin::Weir, changed: 0, filling: Vec::new(), object }
}

fn channel(name: &str, colour: String, filter: String) -> Channel {
    Channel { name: name.into(), colour, filter, side: Side::Above }
}

/// Names of sources come from the configuration, and may be longer than those of channels.
fn called(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(MAX_NAME).collect()
}

/// What it comes to: all records, also those of sources that are not known yet.
pub(super) fn scope(profile: &Profile) -> Result<Scope, Fault> {
    let mut scope = profile.scope(&[])?;
    scope.is_everything = true;
    Ok(scope)
}
