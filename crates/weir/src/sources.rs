//! `weir sources` and `weir counters`: what the running service knows of who sends, and of itself.

mod aliases;
mod groups;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use weir_record::HealthBatch;
use weir_record::column::Fixed;
use weir_server::{CounterRow, SourceRow, SourceState, moment};
use weir_store::Cancel;

use crate::args::{CountersArgs, Format, SourcesArgs};
use crate::backend;
use crate::client::Client;
use crate::exit::{Failure, Outcome, tell};
use crate::output::Listing;

/// Prints the sources.
pub(crate) fn run(typed: &SourcesArgs) -> Result<Outcome, Failure> {
    let sources = match &typed.from.store {
        Some(path) => stored(path)?,
        None => Client::new(&typed.from.service)?.get("/api/v1/sources")?,
    };
    let form = form(typed.format);
    if form == Format::Json {
        return print_json(&sources);
    }
    const HEAD: [(&str, bool); 12] = [
        ("Source", false),
        ("Exporter", false),
        ("Domain", true),
        ("Protocol", false),
        ("State", false),
        ("Last seen", false),
        ("Datagrams", true),
        ("Records", true),
        ("Records/s", true),
        ("Lost", true),
        ("Faults", true),
        ("Note", false),
    ];
    let zone = TimeZone::system();
    let mut listing = Listing::new(form, HEAD.map(|(name, right)| (name.to_owned(), right)), io::stdout().lock());
    // People see a group as one source, with its units beneath; programs see the units.
    let (singles, groups) = groups::by_group(sources);
    for source in &singles {
        listing.push(row(source, form, &zone))?;
    }
    for (group, units) in groups {
        if form == Format::Table {
            listing.push(row(&group, form, &zone))?;
        }
        for unit in units {
            let mut cells = row(&unit, form, &zone);
            if form == Format::Table {
                cells.iter_mut().take(1).for_each(|name| name.insert_str(0, "  "));
            }
            listing.push(cells)?;
        }
    }
    listing.finish()?;
    Ok(Outcome::Done)
}

fn row(source: &SourceRow, form: Format, zone: &TimeZone) -> Vec<String> {
    let last_seen = source.last_seen.map(|time| match form {
        Format::Table => local(time, zone),
        _ => moment::text(time),
    });
    // What cannot be told is not nothing.
    let lost = match (source.lost_records, source.lost_datagrams) {
        (None, None) => "unknown".to_owned(),
        (Some(records), None | Some(0)) => records.to_string(),
        (None | Some(0), Some(datagrams)) => format!("{datagrams} datagrams"),
        (Some(records), Some(datagrams)) => format!("{records} and {datagrams} datagrams"),
    };
    vec![
        source.name.clone().unwrap_or_default(),
        source.exporter.to_string(),
        source.domain.map(|domain| domain.to_string()).unwrap_or_default(),
        source.protocols.join(" "),
        source.state.words().to_owned(),
        last_seen.unwrap_or_default(),
        source.datagrams.to_string(),
        source.records.to_string(),
        format!("{:.1}", source.records_per_second),
        lost,
        source.faults.values().sum::<u64>().to_string(),
        source.note.clone().unwrap_or_default(),
    ]
}

/// The sources of which a store keeps account, whether a service runs or not: what arrived in all, and what was missing; times are whole minutes.
fn stored(path: &Path) -> Result<Vec<SourceRow>, Failure> {
    let failed = |error: &dyn Display| Failure::Failed(format!("cannot read the store {}: {error}", path.display()));
    let mut sources: BTreeMap<(IpAddr, Option<u32>), SourceRow> = BTreeMap::new();
    let mut add = |health: &HealthBatch| {
        for row in 0..health.rows() {
            let Some(exporter) = health.exporter.get(row).map(|exporter| exporter.to_ip()) else { continue };
            let of = |column: &Fixed<u64>| column.get(row).unwrap_or(0);
            let domain = health.obs_domain.get(row);
            let source = sources.entry((exporter, domain)).or_insert_with(|| SourceRow {
                domain,
                lost_records: Some(0),
                lost_datagrams: Some(0),
                note: Some("as stored; the running service knows more".into()),
                ..SourceRow::new(exporter, SourceState::Silent)
            });
            let slot = health.slot.get(row);
            source.first_seen = source.first_seen.into_iter().chain(slot).min();
            source.last_seen = source.last_seen.max(slot);
            source.datagrams += of(&health.datagrams);
            source.records += of(&health.records);
            source.reordered += of(&health.reordered);
            source.restarts += of(&health.restarts);
            let is_unknown = health.sequence_unknown.get(row) == Some(1);
            let lost = |before: Option<u64>, lost: u64| before.filter(|_| !is_unknown).map(|before| before + lost);
            source.lost_records = lost(source.lost_records, of(&health.lost_records));
            source.lost_datagrams = lost(source.lost_datagrams, of(&health.lost_datagrams));
            if of(&health.faults) > 0 {
                *source.faults.entry("any".into()).or_default() += of(&health.faults);
            }
        }
        ControlFlow::Continue(())
    };
    let snapshot = backend::open(path)?;
    let read = snapshot.read(&[], i64::MIN, i64::MAX, &Cancel::new(), &mut add);
    let stats = read.map_err(|error| failed(&error))?;
    for unreadable in &stats.unreadable {
        tell(&format!("left out: {}", unreadable.what));
    }
    Ok(sources.into_values().collect())
}

/// A time for people on this machine.
fn local(time: i64, zone: &TimeZone) -> String {
    let moment = Timestamp::from_nanosecond(time.into()).unwrap_or_default();
    moment.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// Prints the counters.
pub(crate) fn run_counters(typed: &CountersArgs) -> Result<Outcome, Failure> {
    let client = Client::new(&typed.service)?;
    let mut counters: Vec<CounterRow> = client.get("/api/v1/counters")?;
    aliases::add(&mut counters);
    let wanted: Vec<CounterRow> = counters.into_iter().filter(|counter| counter.name.contains(&typed.grep)).collect();
    let form = form(typed.format);
    let nothing = wanted.is_empty();
    if form == Format::Json {
        print_json(&wanted)?;
    } else {
        let head = [("Counter".to_owned(), false), ("Value".to_owned(), true)];
        let mut listing = Listing::new(form, head, io::stdout().lock());
        for counter in wanted {
            listing.push(vec![counter.name, counter.value.to_string()])?;
        }
        listing.finish()?;
    }
    Ok(if nothing { Outcome::NothingMatched } else { Outcome::Done })
}

fn form(typed: Option<Format>) -> Format {
    typed.unwrap_or_else(|| if io::stdout().is_terminal() { Format::Table } else { Format::Json })
}

/// One object a line.
fn print_json(rows: &[impl Serialize]) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    for row in rows {
        let line = serde_json::to_string(row).map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}
