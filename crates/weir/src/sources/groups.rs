//! Units of a group as one source.

use std::collections::BTreeMap;

use weir_server::{SourceRow, SourceState};

/// The sources without a group, and each group as one row with its units.
pub(super) fn by_group(sources: Vec<SourceRow>) -> (Vec<SourceRow>, Vec<(SourceRow, Vec<SourceRow>)>) {
    let mut singles = Vec::new();
    let mut groups: BTreeMap<String, Vec<SourceRow>> = BTreeMap::new();
    for source in sources {
        match &source.group {
            Some(group) => groups.entry(group.clone()).or_default().push(source),
            None => singles.push(source),
        }
    }
    (singles, groups.into_iter().filter_map(|(name, units)| Some((summed(name, &units)?, units))).collect())
}

/// What all units have had; the state and the address are those of the unit that reported last.
fn summed(name: String, units: &[SourceRow]) -> Option<SourceRow> {
    let latest = units.iter().max_by_key(|unit| (unit.state == SourceState::Receiving, unit.last_record, unit.last_seen))?;
    let sum = |value: fn(&SourceRow) -> u64| units.iter().map(value).sum();
    let lost = |value: fn(&SourceRow) -> Option<u64>| units.iter().filter_map(value).reduce(|one, other| one + other);
    let mut exporters: Vec<_> = units.iter().map(|unit| unit.exporter).collect();
    exporters.sort_unstable();
    exporters.dedup();
    let mut protocols: Vec<_> = units.iter().flat_map(|unit| unit.protocols.clone()).collect();
    protocols.sort_unstable();
    protocols.dedup();
    let mut faults = BTreeMap::new();
    for (reason, count) in units.iter().flat_map(|unit| &unit.faults) {
        *faults.entry(reason.clone()).or_default() += count;
    }
    Some(SourceRow {
        name: Some(name),
        protocols,
        note: Some(format!("{} units; the latest records are of {}", exporters.len(), latest.exporter)),
        first_seen: units.iter().filter_map(|unit| unit.first_seen).min(),
        last_seen: units.iter().filter_map(|unit| unit.last_seen).max(),
        last_record: latest.last_record,
        datagrams: sum(|unit| unit.datagrams),
        records: sum(|unit| unit.records),
        records_per_second: units.iter().map(|unit| unit.records_per_second).sum(),
        lost_records: lost(|unit| unit.lost_records),
        lost_datagrams: lost(|unit| unit.lost_datagrams),
        faults,
        ..SourceRow::new(latest.exporter, latest.state)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(last: u8, group: Option<&str>, records: u64, last_record: Option<i64>) -> SourceRow {
        let state = if last_record.is_some() { SourceState::Receiving } else { SourceState::Silent };
        SourceRow {
            group: group.map(str::to_owned),
            records,
            last_record,
            lost_records: Some(1),
            ..SourceRow::new([192, 0, 2, last].into(), state)
        }
    }

    #[test]
    fn units_add_up_and_the_latest_speaks_for_all() {
        let sources = vec![
            unit(1, Some("pair"), 10, Some(50)),
            unit(9, None, 5, Some(70)),
            unit(2, Some("pair"), 20, Some(60)),
            unit(3, Some("pair"), 0, None),
        ];
        let (singles, groups) = by_group(sources);
        assert_eq!((singles.len(), groups.len()), (1, 1));
        let (pair, units) = &groups[0];
        assert_eq!(units.len(), 3);
        assert_eq!((pair.name.as_deref(), pair.records, pair.lost_records), (Some("pair"), 30, Some(3)));
        assert_eq!((pair.state, pair.last_record), (SourceState::Receiving, Some(60)));
        assert_eq!(pair.note.as_deref(), Some("3 units; the latest records are of 192.0.2.2"));
    }
}
