//! What the configuration says of sources, found by their addresses, and what follows from it for their rows.

use std::collections::BTreeSet;
use std::net::IpAddr;

use weir_enrich::PrefixMap;
use weir_record::{Address, FlowBatch};

use crate::config::{Clock, Config, Network, OneIn, Sampling};

/// The `[source.NAME]` sections; swapped whole when the configuration is loaded anew.
pub(crate) struct Settings {
    places: PrefixMap,
    known: Vec<Known>,
    /// The addresses of each.
    networks: Vec<Network>,
    /// A source of which nothing was heard for longer is silent; nanoseconds.
    pub(crate) silent_after: i64,
}

/// What is known of a source.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    /// What it is called.
    pub(crate) name: String,
    /// Units of one group are one source for people.
    pub(crate) group: Option<String>,
    /// How its packets were sampled.
    pub(crate) sampling: Sampling,
    clock: Clock,
    proxy: bool,
}

impl Settings {
    /// The sections of a configuration.
    pub(crate) fn new(config: &Config) -> Self {
        let sections = || config.source.iter();
        let places: Vec<_> = sections().zip(0..).map(|((_, source), place)| (source.network.0, place)).collect();
        let known = sections().map(|(section, source)| Known {
            name: source.called(section).to_owned(),
            group: source.group.clone(),
            sampling: source.sampling,
            clock: source.clock,
            proxy: source.proxy,
        });
        let networks = sections().map(|(_, source)| source.network).collect();
        let silent_after = i64::try_from(config.collector.silent_after.of().as_nanos()).unwrap_or(i64::MAX);
        Self { places: PrefixMap::new(&places), known: known.collect(), networks, silent_after }
    }

    /// The sections of which none of these exporters is, with their addresses.
    pub(crate) fn without(&self, exporters: impl Iterator<Item = Address>) -> impl Iterator<Item = (&Network, &Known)> {
        let heard: BTreeSet<u32> = exporters.filter_map(|exporter| self.places.get(exporter)).collect();
        let sections = (0..).zip(self.networks.iter().zip(&self.known));
        sections.filter(move |(place, _)| !heard.contains(place)).map(|(_, section)| section)
    }

    /// What is known of an exporter.
    pub(crate) fn of(&self, exporter: Address) -> Option<&Known> {
        if self.known.is_empty() {
            return None;
        }
        self.known.get(self.places.get(exporter)? as usize)
    }
}

impl Known {
    /// Writes what follows into the rows from `first` on, which came in one datagram.
    pub(crate) fn apply(&self, flows: &mut FlowBatch, first: usize) {
        let count = flows.rows() - first;
        if count == 0 {
            return;
        }
        match self.sampling {
            Sampling::Reported => {}
            Sampling::Fixed(OneIn(rate)) => flows.sampling_rate.fill(first, count, rate),
            // What was multiplied already is not multiplied again.
            Sampling::Scaled => flows.sampling_rate.fill(first, count, 1),
        }
        if self.clock == Clock::Arrival {
            flows.time_suspect.fill(first, count, 1);
        }
        if self.proxy {
            (first..first + count).for_each(|row| name_exporter(flows, row));
        }
    }
}

/// Names of elements 130, 131 and 149 where no column takes them.
const EXPORTERS: [&str; 2] = ["\"exporterIPv4Address\":\"", "\"exporterIPv6Address\":\""];
const DOMAIN: &str = "\"observationDomainId\":";

/// Takes the exporter that a row of a proxy names for the row's own.
fn name_exporter(flows: &mut FlowBatch, row: usize) {
    let Some(extra) = flows.extra.get(row) else { return };
    let behind = |key: &str| extra.split_once(key).map(|(_, rest)| rest);
    let addresses = EXPORTERS.into_iter().filter_map(|key| behind(key)?.split('"').next()?.parse::<IpAddr>().ok());
    let exporter = addresses.map(Address::from).find(|address| !address.is_unspecified());
    let domain = behind(DOMAIN).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    if let Some(exporter) = exporter {
        flows.exporter.push(row, exporter);
        flows.obs_domain.push_some(row, domain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::new(&Config::parse(text, "test").unwrap())
    }

    fn address(text: &str) -> Address {
        text.parse::<IpAddr>().unwrap().into()
    }

    /// Two rows of an earlier datagram, three of this one.
    fn rows() -> FlowBatch {
        let mut flows = FlowBatch::new();
        flows.sampling_rate.fill(0, 5, 100);
        flows.exporter.fill(0, 5, address("192.0.2.1"));
        flows.advance(5);
        flows
    }

    #[test]
    fn the_longest_prefix_counts_and_the_name_is_that_of_the_section() {
        let settings = settings(
            "[source.all]\nmatch = \"192.0.2.0/24\"\n[source.core]\nmatch = \"192.0.2.1\"\nname = \"Core 1\"\ngroup = \"pair\"\n",
        );
        let name = |text: &str| settings.of(address(text)).map(|known| known.name.clone());
        assert_eq!([name("192.0.2.1"), name("192.0.2.2"), name("192.0.3.1")], [Some("Core 1".into()), Some("all".into()), None]);
        assert_eq!(settings.of(address("192.0.2.1")).unwrap().group.as_deref(), Some("pair"));
    }

    #[test]
    fn sampling_and_clock_are_written_into_the_rows_of_the_datagram_alone() {
        let settings = settings(
            "[source.fixed]\nmatch = \"192.0.2.1\"\nsampling = 512\nclock = \"arrival\"\n[source.scaled]\nmatch = \"192.0.2.2\"\nsampling = \"scaled\"\n",
        );
        let mut flows = rows();
        settings.of(address("192.0.2.1")).unwrap().apply(&mut flows, 2);
        assert_eq!(flows.sampling_rate.values(), [100, 100, 512, 512, 512]);
        assert_eq!((0..5).map(|row| flows.time_suspect.get(row)).collect::<Vec<_>>(), [None, None, Some(1), Some(1), Some(1)]);
        let mut flows = rows();
        settings.of(address("192.0.2.2")).unwrap().apply(&mut flows, 4);
        assert_eq!(flows.sampling_rate.values(), [100, 100, 100, 100, 1]);
        assert!(flows.time_suspect.is_empty());
    }

    #[test]
    fn a_proxy_names_the_exporter() {
        let settings = settings("[source.proxy]\nmatch = \"192.0.2.1\"\nproxy = true\n");
        let mut flows = rows();
        flows.extra.push(2, r#"{"exporterIPv4Address":"198.51.100.7","observationDomainId":9,"x":1}"#);
        flows.extra.push(3, r#"{"exporterIPv4Address":"0.0.0.0","exporterIPv6Address":"2001:db8::7"}"#);
        settings.of(address("192.0.2.1")).unwrap().apply(&mut flows, 2);
        let exporters: Vec<_> = (1..5).map(|row| flows.exporter.get(row).unwrap().to_string()).collect();
        assert_eq!(exporters, ["192.0.2.1", "198.51.100.7", "2001:db8::7", "192.0.2.1"]);
        assert_eq!((flows.obs_domain.get(2), flows.obs_domain.get(3)), (Some(9), None));
    }
}
