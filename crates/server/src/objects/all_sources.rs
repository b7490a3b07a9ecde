//! The profile "All Sources", which makes itself: a channel for each source, and for each group of sources with its units.

use std::collections::HashSet;
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

/// What has a channel: a source, or a group with its units.
struct Part {
    name: String,
    units: Vec<Unit>,
}

/// A source by its address, and what it is called by itself.
struct Unit {
    address: IpAddr,
    name: String,
}

impl Part {
    fn has(&self, address: IpAddr) -> bool {
        self.units.iter().any(|unit| unit.address == address)
    }

    fn filter(&self) -> String {
        any_of(self.units.iter().map(|unit| unit.address))
    }
}

/// The profile, from the sources that there are: the first that was heard stands first, and units of a group behind it.
pub(super) fn profile(sources: Vec<SourceRow>) -> Envelope<Profile> {
    let mut parts = parts(sources);
    let rest = parts.split_off(parts.len().min(MAX_CHANNELS - 1));
    let has_others = parts.is_empty() || !rest.is_empty();
    // Units have what room is left, those of a group all or none.
    let mut room = MAX_CHANNELS - parts.len() - usize::from(has_others);
    let mut names: HashSet<String> = parts.iter().map(|part| part.name.clone()).chain([OTHERS.to_owned()]).collect();
    let mut channels: Vec<Channel> = Vec::new();
    for part in &parts {
        channels.push(channel(&part.name, colour_of(channels.len()), part.filter(), ""));
        if part.units.len() < 2 || part.units.len() > room {
            continue;
        }
        room -= part.units.len();
        for unit in &part.units {
            let address = unit.address.to_string();
            let is_new = names.insert(unit.name.clone());
            let name = if is_new { unit.name.clone() } else { called(&format!("{address} of {}", part.name)) };
            channels.push(channel(&name, colour_of(channels.len()), format!("exporter {address}"), &part.name));
        }
    }
    if has_others {
        let known: Vec<IpAddr> = parts.iter().flat_map(|part| part.units.iter().map(|unit| unit.address)).collect();
        let filter = if known.is_empty() { String::new() } else { format!("not ({})", any_of(known.into_iter())) };
        channels.push(channel(OTHERS, String::new(), filter, ""));
    }
    let object = Profile {
        name: "All Sources".into(),
        description: "Every source, each with a channel of its own; groups with their units.".into(),
        shared: true,
        channels,
        ..Profile::default()
    };
    let mut hasher = DefaultHasher::new();
    for channel in &object.channels {
        (&channel.name, &channel.filter, &channel.part_of).hash(&mut hasher);
    }
    let version = hasher.finish();
    Envelope { id: ALL_SOURCES.into(), version, owner: None, origin: Origin::Weir, changed: 0, filling: Vec::new(), object }
}

fn parts(mut sources: Vec<SourceRow>) -> Vec<Part> {
    sources.sort_by_key(|source| (source.first_seen.is_none(), source.first_seen, source.exporter, source.domain));
    let mut parts: Vec<Part> = Vec::new();
    for SourceRow { exporter: address, name, group, .. } in sources {
        let own = called(&name.unwrap_or_else(|| address.to_string()));
        let whole = group.map_or_else(|| own.clone(), |group| called(&group));
        let unit = Unit { address, name: own };
        match parts.iter_mut().find(|part| part.name == whole || part.has(address)) {
            Some(part) if part.has(address) => {}
            Some(part) => part.units.push(unit),
            None => parts.push(Part { name: whole, units: vec![unit] }),
        }
    }
    parts
}

/// Records of these sources.
fn any_of(addresses: impl Iterator<Item = IpAddr>) -> String {
    let tests: Vec<String> = addresses.map(|address| format!("exporter {address}")).collect();
    tests.join(" or ")
}

fn channel(name: &str, colour: String, filter: String, part_of: &str) -> Channel {
    Channel { name: name.into(), colour, filter, side: Side::Above, part_of: part_of.into() }
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::source::SourceState;

    fn source(number: u32, name: Option<&str>, group: Option<&str>) -> SourceRow {
        let address = Ipv4Addr::from_bits(0xc000_0200 + number);
        SourceRow {
            name: name.map(str::to_owned),
            group: group.map(str::to_owned),
            first_seen: Some(i64::from(number)),
            ..SourceRow::new(address.into(), SourceState::Receiving)
        }
    }

    fn channels(sources: Vec<SourceRow>) -> Vec<(String, String, String)> {
        let object = profile(sources).object;
        assert_eq!(object.check(), Ok(()));
        object.channels.into_iter().map(|channel| (channel.name, channel.part_of, channel.filter)).collect()
    }

    fn told(channels: &[(String, String, String)]) -> Vec<(&str, &str, &str)> {
        channels.iter().map(|(name, whole, filter)| (name.as_str(), whole.as_str(), filter.as_str())).collect()
    }

    #[test]
    fn a_group_has_a_channel_and_each_of_its_units() {
        let found = channels(vec![
            source(1, Some("lb-a"), Some("pair")),
            source(3, Some("core"), None),
            source(2, None, Some("pair")),
            source(4, Some("alone"), Some("one")),
        ]);
        assert_eq!(
            told(&found),
            [
                ("pair", "", "exporter 192.0.2.1 or exporter 192.0.2.2"),
                ("lb-a", "pair", "exporter 192.0.2.1"),
                ("192.0.2.2", "pair", "exporter 192.0.2.2"),
                ("core", "", "exporter 192.0.2.3"),
                ("one", "", "exporter 192.0.2.4"),
            ]
        );
    }

    #[test]
    fn a_unit_whose_name_is_taken_is_called_by_its_address() {
        let found = channels(vec![
            source(1, Some("pair"), Some("pair")),
            source(2, Some("core"), Some("pair")),
            source(3, Some("core"), None),
        ]);
        let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["pair", "192.0.2.1 of pair", "192.0.2.2 of pair", "core"]);
    }

    #[test]
    fn units_have_the_room_that_is_left() {
        let most = u32::try_from(MAX_CHANNELS).unwrap();
        let with = |others: u32| {
            let pair = [source(1, None, Some("pair")), source(2, None, Some("pair"))];
            channels(pair.into_iter().chain((0..others).map(|number| source(10 + number, None, None))).collect())
        };
        assert_eq!(with(most - 3).iter().filter(|(_, whole, _)| whole == "pair").count(), 2);
        let full = with(most - 2);
        assert_eq!((full.len(), full.iter().filter(|(_, whole, _)| !whole.is_empty()).count()), (MAX_CHANNELS - 1, 0));
        // Behind them the rest is one, and nothing of the group is in it.
        let rest = with(most);
        assert_eq!((rest.len(), rest.last().map(|(name, ..)| name.as_str())), (MAX_CHANNELS, Some(OTHERS)));
        assert!(rest.last().is_some_and(|(_, _, filter)| filter.contains("exporter 192.0.2.2 or")));
    }
}
