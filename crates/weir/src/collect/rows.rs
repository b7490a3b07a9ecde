//! Sources as people see them: one row each, which answers "why do I see no data".

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use weir_codec::Protocol;
use weir_record::Address;
use weir_server::{SourceRow, SourceState};

use super::refusals::Refused;
use super::settings::{Known, Settings};
use super::source::{Source, SourceKey};
use super::troubles::Trouble;
use crate::config::{OneIn, Sampling};

/// Data that came for so long without records waits for something; nanoseconds.
const WAITS: i64 = 60_000_000_000;
/// Seconds by which a clock may be wrong.
const SKEW: f64 = 60.0;
/// A sender was refused lately; nanoseconds.
const REFUSED_LATELY: i64 = 600_000_000_000;

/// What rows are made with.
pub(crate) struct View<'a> {
    pub(crate) settings: &'a Settings,
    /// Names of listeners by their numbers.
    pub(crate) listeners: &'a [&'a str],
    /// Senders that were refused, with the number of the listener that did.
    pub(crate) refused: HashMap<IpAddr, (u16, Refused)>,
    /// Senders whose connections ended otherwise than they should, with the number of a listener where they did.
    pub(crate) troubles: HashMap<IpAddr, (u16, Trouble)>,
    /// Nanoseconds since 1970.
    pub(crate) now: i64,
}

impl View<'_> {
    /// The row of a source.
    pub(crate) fn row(&self, key: SourceKey, source: &Source) -> SourceRow {
        let known = self.settings.of(key.exporter);
        let refused = self.refused.get(&source.from.to_ip()).map(|(_, refused)| *refused);
        let (state, note) = self.state(source, refused);
        let unknown = source.is_unknown();
        let told = |lost: u64, units: &[Protocol]| {
            (!unknown && source.protocols().any(|protocol| units.contains(&protocol))).then_some(lost)
        };
        SourceRow {
            name: known.map(|known| known.name.clone()),
            group: known.and_then(|known| known.group.clone()),
            exporter: key.exporter.to_ip(),
            domain: key.domain,
            listener: self.listener(source.listener),
            protocols: source.protocols().map(|protocol| name_of(protocol).to_owned()).collect(),
            state,
            note,
            first_seen: Some(source.first_seen),
            last_seen: Some(source.last_seen),
            last_record: source.last_record,
            datagrams: source.datagrams,
            bytes: source.octets,
            records: source.records,
            datagrams_per_second: source.datagram_rate.get(),
            records_per_second: source.record_rate.get(),
            templates: (source.facts.templates + source.facts.options_templates) as u64,
            pending: source.facts.pending as u64,
            counter_samples: source.counter_samples,
            options_records: source.options_records,
            lost_records: told(source.lost_records, &[Protocol::NetFlow5, Protocol::NetFlow7, Protocol::Ipfix]),
            lost_datagrams: told(source.lost_datagrams, &[Protocol::NetFlow9, Protocol::SFlow]),
            reordered: source.reordered,
            restarts: source.restarts,
            dropped: refused.map_or(0, |refused| refused.over_rate),
            faults: source.faults.iter().map(|(reason, count)| (reason.name().to_owned(), *count)).collect(),
            sampling: sampling(known, source.sampling),
            clock_skew: source.skew.map(|nanoseconds| (nanoseconds / 1e6).round() / 1e3),
            unknown_elements: source.facts.unknown.iter().map(ToString::to_string).collect(),
        }
    }

    /// The row of all sources that found no place.
    pub(crate) fn others(&self, others: &Source, limit: usize) -> SourceRow {
        let key = SourceKey { exporter: IpAddr::V6(Ipv6Addr::UNSPECIFIED).into(), domain: None };
        let note = format!("all exporters beyond collector.max_sources = {limit}; their records are kept");
        SourceRow { name: Some("others".into()), note: Some(note), ..self.row(key, others) }
    }

    /// Says of the sources, each behind the address that it sends from, what was wrong with their connections; and adds rows of senders of which nothing else is
    /// known. What is wrong with a connection belongs to no domain: it stands at the row of its address that was heard last.
    pub(crate) fn with_troubles(&self, mut rows: Vec<(IpAddr, SourceRow)>) -> Vec<SourceRow> {
        let mut unknown = Vec::new();
        for (from, (listener, trouble)) in &self.troubles {
            let theirs = rows.iter_mut().map(|(at, row)| (*at, row)).filter(|(at, _)| at == from);
            let faults = trouble.faults.iter().map(|(reason, count)| (reason.name().to_owned(), *count));
            match theirs.map(|(_, row)| row).max_by_key(|row| row.last_seen) {
                Some(row) => {
                    faults.for_each(|(reason, count)| *row.faults.entry(reason).or_default() += count);
                    let is_over = row.last_record.is_some_and(|last| last > trouble.last);
                    let is_late = self.now.saturating_sub(trouble.last) < REFUSED_LATELY;
                    if !is_over && is_late {
                        row.note.get_or_insert_with(|| trouble.what.clone());
                    }
                }
                None => unknown.push(SourceRow {
                    name: self.settings.of((*from).into()).map(|known| known.name.clone()),
                    group: self.settings.of((*from).into()).and_then(|known| known.group.clone()),
                    listener: self.listener(*listener),
                    note: Some(trouble.what.clone()),
                    first_seen: Some(trouble.first),
                    last_seen: Some(trouble.last),
                    faults: faults.collect(),
                    ..SourceRow::new(*from, SourceState::Faulty)
                }),
            }
        }
        rows.into_iter().map(|(_, row)| row).chain(unknown).collect()
    }

    /// Rows of senders that were refused and of which nothing else is known.
    pub(crate) fn strangers<'a>(&'a self, is_known: impl Fn(IpAddr) -> bool + 'a) -> impl Iterator<Item = SourceRow> + 'a {
        let strangers = self.refused.iter().filter(move |(from, (_, refused))| refused.not_allowed > 0 && !is_known(**from));
        strangers.map(|(from, (listener, refused))| {
            let known = self.settings.of((*from).into());
            let listener = self.listener(*listener);
            SourceRow {
                name: known.map(|known| known.name.clone()),
                group: known.and_then(|known| known.group.clone()),
                note: Some(not_allowed(*from, &listener)),
                listener,
                first_seen: Some(refused.first),
                last_seen: Some(refused.last),
                dropped: refused.not_allowed + refused.over_rate,
                ..SourceRow::new(*from, SourceState::Refused)
            }
        })
    }

    /// Rows of sources that the configuration names and that are not among these.
    pub(crate) fn unheard<'a>(&'a self, rows: &[SourceRow]) -> impl Iterator<Item = SourceRow> + use<'a> {
        let heard: Vec<Address> = rows.iter().map(|row| row.exporter.into()).collect();
        self.settings.without(heard.into_iter()).map(|(network, known)| {
            let note = format!(
                "nothing has come from {network} since the start: does it export to this machine and the port of a listener? does a firewall let UDP through? does it send from another address?"
            );
            SourceRow {
                name: Some(known.name.clone()),
                group: known.group.clone(),
                note: Some(note),
                ..SourceRow::new(network.0.address(), SourceState::NeverHeard)
            }
        })
    }

    /// What a source does now, and why there is no data, or less than there could be.
    fn state(&self, source: &Source, refused: Option<Refused>) -> (SourceState, Option<String>) {
        let lately = |time: i64, ago: i64| self.now.saturating_sub(time) < ago;
        let listener = self.listener(source.listener);
        let silent_for = self.now.saturating_sub(source.last_seen);
        let refused_lately = refused.filter(|refused| lately(refused.last, REFUSED_LATELY));
        if let Some(refused) = refused_lately
            && refused.not_allowed > 0
            && refused.last > source.last_seen
        {
            return (SourceState::Refused, Some(not_allowed(source.from.to_ip(), &listener)));
        }
        if silent_for >= self.settings.silent_after {
            let note = format!("silent for {}: does it still export to this address and port?", rough(silent_for as f64 / 1e9));
            return (SourceState::Silent, Some(note));
        }
        let has_records = source.last_record.is_some_and(|last| source.last_seen - last < WAITS);
        if !has_records && source.facts.pending > 0 {
            let note =
                "data waits for its template, which the exporter sends every few minutes: set a shorter template refresh there";
            return (SourceState::WaitingForTemplate, Some(note.into()));
        }
        if !has_records && !source.faults.is_empty() && source.records + source.options_records + source.counter_samples == 0 {
            let most = source.faults.iter().max_by_key(|(_, count)| **count).map(|(reason, _)| *reason);
            let note = most.map(|reason| format!("nothing can be read, {reason}: {}", reason.meaning()));
            return (SourceState::Faulty, note);
        }
        (SourceState::Receiving, self.remark(source, refused_lately, has_records, &listener))
    }

    /// What could be better with a source that sends.
    fn remark(&self, source: &Source, refused: Option<Refused>, has_records: bool, listener: &str) -> Option<String> {
        if refused.is_some_and(|refused| refused.over_rate > 0) {
            return Some(format!("sends more than listen.{listener}.rate_limit allows: what is over it is dropped"));
        }
        let skew = source.skew.map_or(0.0, |nanoseconds| nanoseconds / 1e9);
        if skew.abs() > SKEW {
            let way = if skew < 0.0 { "behind" } else { "ahead" };
            return Some(format!(
                "its clock is {} {way}: set it by NTP, or clock = \"arrival\" in its [source]",
                rough(skew.abs())
            ));
        }
        if source.is_unknown() {
            return Some(
                "its sequence numbers make no sense, so what is lost cannot be told: do several devices share its address?"
                    .into(),
            );
        }
        if source.facts.pending > 0 {
            return Some("some of its data waits for its template".into());
        }
        if !has_records && source.counter_samples == 0 {
            return Some("sends templates or options, and no flows: is monitoring switched on at its interfaces?".into());
        }
        let (lost, of) = match (source.lost_datagrams, source.lost_records) {
            (0, records) => (records, source.records),
            (datagrams, _) => (datagrams, source.datagrams),
        };
        let share = lost as f64 / (lost + of).max(1) as f64;
        (share >= 0.001).then(|| {
            format!("{:.1} % of what it sent did not arrive: is the way overloaded, or a buffer too small?", share * 100.0)
        })
    }

    fn listener(&self, number: u16) -> String {
        self.listeners.get(usize::from(number)).map_or_else(String::new, |name| (*name).to_owned())
    }
}

/// Two rows of all other sources as one.
pub(crate) fn add_up(one: SourceRow, other: SourceRow) -> SourceRow {
    SourceRow {
        first_seen: one.first_seen.into_iter().chain(other.first_seen).min(),
        last_seen: one.last_seen.max(other.last_seen),
        last_record: one.last_record.max(other.last_record),
        datagrams: one.datagrams + other.datagrams,
        bytes: one.bytes + other.bytes,
        records: one.records + other.records,
        datagrams_per_second: one.datagrams_per_second + other.datagrams_per_second,
        records_per_second: one.records_per_second + other.records_per_second,
        counter_samples: one.counter_samples + other.counter_samples,
        options_records: one.options_records + other.options_records,
        ..one
    }
}

fn not_allowed(from: IpAddr, listener: &str) -> String {
    format!("not allowed by listen.{listener}.allow: add {from} or its prefix there")
}

/// How sampling is known, and the rate.
fn sampling(known: Option<&Known>, latest: Option<u32>) -> Option<String> {
    match known.map(|known| known.sampling).unwrap_or_default() {
        Sampling::Reported => latest.map(|rate| format!("reported {rate}")),
        Sampling::Fixed(OneIn(rate)) => Some(format!("fixed {rate}")),
        Sampling::Scaled => Some("scaled".into()),
    }
}

/// Seconds in the largest unit of which there is a whole one.
fn rough(seconds: f64) -> String {
    let units = [("d", 86_400.0), ("h", 3600.0), ("min", 60.0)];
    let (unit, size) = units.into_iter().find(|(_, size)| seconds >= *size).unwrap_or(("s", 1.0));
    format!("{:.0} {unit}", seconds / size)
}

/// The name in `format` columns.
const fn name_of(protocol: Protocol) -> &'static str {
    use weir_record::names;
    let number = match protocol {
        Protocol::NetFlow1 => names::NETFLOW1,
        Protocol::NetFlow5 => names::NETFLOW5,
        Protocol::NetFlow7 => names::NETFLOW7,
        Protocol::NetFlow9 => names::NETFLOW9,
        Protocol::Ipfix => names::IPFIX,
        Protocol::SFlow => names::SFLOW,
        Protocol::FastNetMon => names::FASTNETMON,
    };
    names::FORMAT[number as usize]
}

#[cfg(test)]
mod tests {
    use weir_codec::{Envelope, Fault, Reason};
    use weir_record::{Address, HealthBatch};

    use super::*;
    use crate::collect::continuity::Step;
    use crate::collect::source::{Gained, Heard};
    use crate::config::Config;

    const SECOND: i64 = 1_000_000_000;
    const NOW: i64 = 1_767_225_600 * SECOND;

    fn key() -> SourceKey {
        SourceKey { exporter: Address::v4(0xc000_0201), domain: Some(7) }
    }

    /// A source that sent datagrams at these times.
    fn source(times: &[i64], records: u64, skew: i64, step: Step, fault: Option<Reason>) -> Source {
        let fault = fault.map(|reason| Fault::new(reason, 0, 0));
        let envelope = |received: i64| Envelope {
            protocol: Protocol::NetFlow9,
            exporter: key().exporter,
            domain: Some(7),
            exported: Some(received + skew),
        };
        let heard = |received: i64| Heard {
            from: key().exporter,
            stream: None,
            listener: 0,
            received,
            octets: 100,
            group: None,
            envelope: Some(envelope(received)),
            gained: Gained { records, step, ..Gained::default() },
            faults: fault.as_slice(),
            sampling: Some(100),
        };
        let mut source = Source::new(&heard(times[0]));
        times.iter().for_each(|time| source.hear((None, None), &heard(*time), &mut HealthBatch::new()));
        source
    }

    fn told(source: &Source, refused: Option<Refused>) -> (SourceState, String) {
        let settings = Settings::new(&Config::parse("", "test").unwrap());
        let refused = refused.map(|refused| (key().exporter.to_ip(), (0, refused)));
        let view = View {
            settings: &settings,
            listeners: &["lab"],
            refused: refused.into_iter().collect(),
            troubles: HashMap::new(),
            now: NOW,
        };
        let row = view.row(key(), source);
        (row.state, row.note.unwrap_or_default())
    }

    #[test]
    fn a_row_says_why_there_is_no_data() {
        let plain = |times: &[i64], records, skew, fault| source(times, records, skew, Step::default(), fault);
        assert_eq!(told(&plain(&[NOW], 3, 0, None), None), (SourceState::Receiving, String::new()));
        let silent = told(&plain(&[NOW - 720 * SECOND], 3, 0, None), None);
        assert!(silent.0 == SourceState::Silent && silent.1.starts_with("silent for 12 min"), "{silent:?}");
        let mut waiting = plain(&[NOW], 0, 0, None);
        waiting.facts.pending = 4;
        let waiting = told(&waiting, None);
        assert!(
            waiting.0 == SourceState::WaitingForTemplate && waiting.1.starts_with("data waits for its template"),
            "{waiting:?}"
        );
        let faulty = told(&plain(&[NOW], 0, 0, Some(Reason::Truncated)), None);
        assert!(faulty.0 == SourceState::Faulty && faulty.1.contains("truncated"), "{faulty:?}");
        let behind = told(&plain(&[NOW], 1, -7200 * SECOND, None), None);
        assert!(behind.0 == SourceState::Receiving && behind.1.starts_with("its clock is 2 h behind"), "{behind:?}");
        let no_flows = told(&plain(&[NOW], 0, 0, None), None);
        assert!(no_flows.1.starts_with("sends templates or options, and no flows"), "{no_flows:?}");
    }

    #[test]
    fn what_is_refused_is_told_with_the_key_to_change() {
        let heard = source(&[NOW - 60 * SECOND], 3, 0, Step::default(), None);
        let refused = Refused { first: NOW - SECOND, last: NOW, not_allowed: 5, over_rate: 0 };
        let (state, note) = told(&heard, Some(refused));
        assert_eq!(
            (state, note.as_str()),
            (SourceState::Refused, "not allowed by listen.lab.allow: add 192.0.2.1 or its prefix there")
        );
        let (state, note) = told(&heard, Some(Refused { not_allowed: 0, over_rate: 5, ..refused }));
        assert!(state == SourceState::Receiving && note.contains("listen.lab.rate_limit"), "{note}");
        let settings = Settings::new(&Config::parse("[source.new]\nmatch = \"192.0.2.9\"\n", "test").unwrap());
        let stranger: IpAddr = "192.0.2.9".parse().unwrap();
        let refused = HashMap::from([(stranger, (0, refused))]);
        let view = View { settings: &settings, listeners: &["lab"], refused, troubles: HashMap::new(), now: NOW };
        let rows: Vec<_> = view.strangers(|_| false).collect();
        assert_eq!((rows.len(), rows[0].name.as_deref(), rows[0].dropped), (1, Some("new"), 5));
        assert_eq!(view.strangers(|_| true).count(), 0);
        // Named by the configuration, and refused: it was heard.
        assert_eq!(view.unheard(&rows).count(), 0);
        let unheard: Vec<_> = view.unheard(&[]).collect();
        assert_eq!((unheard.len(), unheard[0].exporter, unheard[0].state), (1, stranger, SourceState::NeverHeard));
        assert!(unheard[0].note.as_ref().unwrap().contains("nothing has come from 192.0.2.9"), "{unheard:?}");
    }

    #[test]
    fn loss_is_told_in_the_unit_of_the_protocol_and_not_where_it_cannot_be() {
        let lossy = source(&[NOW; 20], 1, 0, Step { lost: 1, ..Step::default() }, None);
        let settings = Settings::new(&Config::parse("", "test").unwrap());
        let view = View { settings: &settings, listeners: &["lab"], refused: HashMap::new(), troubles: HashMap::new(), now: NOW };
        let mut counted = lossy.clone();
        counted.end((None, None), NOW, &mut HealthBatch::new());
        let row = view.row(key(), &counted);
        assert_eq!((row.lost_datagrams, row.lost_records), (Some(20), None));
        assert!(row.note.unwrap().starts_with("50.0 %"));
        assert_eq!((row.protocols, row.sampling.as_deref()), (vec!["netflow9".to_owned()], Some("reported 100")));
        let senseless = source(&[NOW; 20], 1, 0, Step { restarts: 1, ..Step::default() }, None);
        let row = view.row(key(), &senseless);
        assert_eq!((row.lost_datagrams, row.restarts), (None, 20));
        assert!(row.note.unwrap().starts_with("its sequence numbers make no sense"));
    }
}
