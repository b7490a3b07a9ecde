use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use weir_query::Histogram;
use weir_record::Address;
use weir_record::names::*;
use weir_record::series::SeriesSums;

use super::*;

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_767_225_600 * SECOND;

/// One record, as told to a batch and to the reference.
#[derive(Clone, Debug)]
struct Told {
    kind: Option<u8>,
    biflow: Option<u8>,
    exporter: Option<u32>,
    /// Seconds since `START`, and how long.
    start: i64,
    length: i64,
    suspect: bool,
    packets: u64,
    bytes: u64,
    rate: Option<u32>,
    in_if: Option<u32>,
    protocol: u8,
    src_as: Option<u32>,
    country: Option<&'static str>,
    app: Option<&'static str>,
    app_name: Option<&'static str>,
    source: (u32, u16),
    destination: (u32, u16),
    performance: Option<(u32, u8, u32)>,
}

fn told() -> impl Strategy<Value = Told> {
    let record = (
        prop_oneof![4 => Just(None), 1 => (0u8..4).prop_map(Some)],
        proptest::option::of(0u8..2),
        proptest::option::weighted(0.9, 0u32..3),
        0i64..10_000,
        prop_oneof![2 => 0i64..3, 2 => 0i64..400, 1 => 0i64..20_000],
        proptest::bool::weighted(0.1),
        prop_oneof![0u64..100, Just(u64::MAX)],
        prop_oneof![4 => 0u64..100_000, 1 => any::<u64>()],
        prop_oneof![2 => Just(None), 1 => Just(Some(0)), 2 => Just(Some(1)), 3 => (2u32..5000).prop_map(Some)],
    );
    let key = (
        proptest::option::of(0u32..5),
        0u8..3,
        proptest::option::of(prop_oneof![0u32..6, Just(u32::MAX)]),
        proptest::option::of(prop_oneof![Just("CZ"), Just("DE")]),
        proptest::option::of(prop_oneof![Just("dns"), Just("tls")]),
        proptest::option::of(Just("named")),
        (0u32..6, 0u16..3),
        (0u32..6, 0u16..3),
        proptest::option::of((0u32..5_000_000, 0u8..4, 0u32..4)),
    );
    (record, key).prop_map(|(record, key)| Told {
        kind: record.0,
        biflow: record.1,
        exporter: record.2,
        start: record.3,
        length: record.4,
        suspect: record.5,
        packets: record.6,
        bytes: record.7,
        rate: record.8,
        in_if: key.0,
        protocol: key.1,
        src_as: key.2,
        country: key.3,
        app: key.4,
        app_name: key.5,
        source: key.6,
        destination: key.7,
        performance: key.8,
    })
}

fn batch(records: &[Told]) -> FlowBatch {
    let mut batch = FlowBatch::new();
    for told in records {
        let row = batch.rows();
        batch.record_kind.push_some(row, told.kind);
        batch.biflow.push_some(row, told.biflow);
        batch.exporter.push_some(row, told.exporter.map(Address::v4));
        batch.time_received.push(row, START + 20_000 * SECOND);
        batch.time_start.push(row, START + told.start * SECOND);
        batch.time_end.push(row, START + (told.start + told.length) * SECOND);
        batch.time_suspect.push_some(row, told.suspect.then_some(1));
        batch.packets.push(row, told.packets);
        batch.bytes.push(row, told.bytes);
        batch.sampling_rate.push_some(row, told.rate);
        batch.in_if.push_some(row, told.in_if);
        batch.protocol.push(row, told.protocol);
        batch.src_as.push_some(row, told.src_as);
        batch.dst_country.push_some(row, told.country);
        batch.app.push_some(row, told.app);
        batch.app_name.push_some(row, told.app_name);
        batch.src_addr.push(row, Address::v4(told.source.0));
        batch.src_port.push(row, told.source.1);
        batch.dst_addr.push(row, Address::v4(told.destination.0));
        batch.dst_port.push(row, told.destination.1);
        if let Some((rtt, handshake, retransmissions)) = told.performance {
            batch.rtt.push(row, rtt);
            batch.tcp_handshake.push(row, handshake);
            batch.retransmissions.push(row, retransmissions);
            batch.srt.push(row, rtt / 2);
        }
        batch.advance(1);
    }
    batch.finish();
    batch
}

/// Step, begin of the slot, source, dimension, number, address, text.
type Key = (u32, i64, Option<Address>, u8, Option<u64>, Option<Address>, Option<String>);

/// Flows, samples, connections, packets, bytes, as reported too, retransmissions, handshakes, answered, round-trip times and their sum.
#[derive(Clone, Debug, Default, PartialEq)]
struct Expected {
    sums: [u64; 12],
    times: Vec<u64>,
}

/// What series must say, worked out record by record with wide numbers.
fn reference(records: &[Told]) -> BTreeMap<Key, Expected> {
    let mut rows: BTreeMap<Key, Expected> = BTreeMap::new();
    for told in records.iter().filter(|told| told.kind.is_none_or(|kind| kind < EVENT)) {
        for step in [60, 3600] {
            for (slot, packets, bytes, ends) in parts_of(told, step) {
                for (dimension, number, address, text) in values_of(told) {
                    let exporter = told.exporter.map(Address::v4);
                    let row = rows
                        .entry((step as u32, slot, exporter, dimension, number, address, text.map(str::to_owned)))
                        .or_default();
                    add(row, told, packets, bytes, ends, dimension);
                }
            }
        }
    }
    rows
}

/// Slots of a record: begin, packets, bytes, whether it ends there. Parts are of minutes, so that hours are sums of them.
fn parts_of(told: &Told, step: i64) -> Vec<(i64, u64, u64, bool)> {
    let end = if told.suspect { 20_000 } else { told.start + told.length };
    let start = if told.suspect { 20_000 } else { told.start.max(end - 7200) };
    let up_to = |amount: u64, time: i64| {
        if time >= end { amount } else { (u128::from(amount) * (time - start) as u128 / (end - start) as u128) as u64 }
    };
    let mut parts = Vec::new();
    for minute in start / 60..=end / 60 {
        let (from, to) = ((minute * 60).max(start), (minute + 1) * 60);
        let before = |amount| if from == start { 0 } else { up_to(amount, from) };
        let is_last = minute == end / 60;
        let part = |amount| up_to(amount, if is_last { end } else { to }) - before(amount);
        let slot = START + minute * 60 / step * step * SECOND;
        parts.push((slot, part(told.packets), part(told.bytes), is_last));
    }
    parts
}

type Value = (u8, Option<u64>, Option<Address>, Option<&'static str>);

fn values_of(told: &Told) -> Vec<Value> {
    let mut values = vec![(BY_SOURCE, None, None, None), (BY_PROTOCOL, Some(told.protocol.into()), None, None)];
    values.extend(told.in_if.map(|number| (BY_IN_IF, Some(number.into()), None, None)));
    values.extend(told.src_as.map(|number| (BY_SRC_AS, Some(number.into()), None, None)));
    values.extend(told.country.map(|text| (BY_DST_COUNTRY, None, None, Some(text))));
    values.extend(told.app.or(told.app_name).map(|text| (BY_APP, None, None, Some(text))));
    if told.performance.is_some() || told.biflow.is_some() {
        let is_source = match told.biflow {
            Some(half) => half == RESPONDER,
            None => told.source.1 < told.destination.1,
        };
        let server = if is_source { told.source } else { told.destination };
        values.push((BY_SERVER, Some(server.1.into()), Some(Address::v4(server.0)), None));
    }
    values
}

fn add(row: &mut Expected, told: &Told, packets: u64, bytes: u64, ends: bool, dimension: u8) {
    let rate = u64::from(told.rate.unwrap_or(1).max(1));
    let mut sum = |place: usize, amount: u64| row.sums[place] = row.sums[place].saturating_add(amount);
    sum(3, packets.saturating_mul(rate));
    sum(4, bytes.saturating_mul(rate));
    sum(5, packets);
    sum(6, bytes);
    if !ends {
        return;
    }
    let is_sample = told.kind == Some(SAMPLE);
    sum(0, u64::from(!is_sample));
    sum(1, u64::from(is_sample));
    sum(2, u64::from(told.biflow != Some(RESPONDER)));
    let is_measured = [BY_SOURCE, BY_APP, BY_SERVER].contains(&dimension);
    if let (Some((rtt, handshake, retransmissions)), true) = (told.performance, is_measured) {
        sum(7, retransmissions.into());
        if told.biflow != Some(RESPONDER) {
            sum(8, u64::from(handshake != HANDSHAKE_MIDSTREAM));
            sum(9, u64::from(handshake == HANDSHAKE_COMPLETE));
            sum(10, 1);
            sum(11, rtt.into());
            row.times.push(rtt.into());
        }
    }
}

/// The rows but sketches, checked against each other: round-trip times by their histogram.
fn check(series: &SeriesBatch, expected: &BTreeMap<Key, Expected>) -> Result<(), TestCaseError> {
    let mut seen = 0;
    for row in 0..series.rows() {
        let dimension = series.dimension.get(row).unwrap();
        if dimension >= TOP_SRC_ADDR {
            continue;
        }
        seen += 1;
        let key: Key = (
            series.step.get(row).unwrap(),
            series.slot.get(row).unwrap(),
            series.exporter.get(row),
            dimension,
            series.number.get(row),
            series.address.get(row),
            series.text.get(row).map(str::to_owned),
        );
        let Some(expected) = expected.get(&key) else {
            return Err(TestCaseError::fail(format!("a row of nothing: {key:?}")));
        };
        let columns = [
            &series.flows,
            &series.samples,
            &series.connections,
            &series.packets,
            &series.bytes,
            &series.packets_raw,
            &series.bytes_raw,
            &series.retransmissions,
            &series.handshakes,
            &series.handshakes_answered,
            &series.rtt_count,
            &series.rtt_sum,
        ];
        prop_assert_eq!(columns.map(|column| column.get(row).unwrap_or(0)), expected.sums, "{:?}", key);
        let mut found = Histogram::new();
        found.add_list(series.rtt_hist.get(row).unwrap_or_default());
        let mut times = Histogram::new();
        expected.times.iter().for_each(|time| times.add(*time, 1));
        prop_assert_eq!(found, times);
    }
    prop_assert_eq!(seen, expected.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn series_agree_with_the_reference(
        records in proptest::collection::vec(told(), 0..120),
        cuts in proptest::collection::vec(0usize..120, 0..6),
        windows in 1usize..4,
    ) {
        let expected = reference(&records);
        let mut windows: Vec<Windows> = (0..windows).map(|_| Windows::new(Config::default())).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(records.len())).chain([0, records.len()]).collect();
        cuts.sort_unstable();
        let count = windows.len();
        for (place, pair) in cuts.windows(2).enumerate() {
            windows[place % count].feed(&batch(&records[pair[0]..pair[1]]));
        }
        if count == 1 {
            check(&windows[0].rows(), &expected)?;
        }
        let mut sums = SeriesSums::new();
        windows.iter().for_each(|window| sums.add(window.rows()));
        check(&sums.finish(), &expected)?;
    }
}

/// A record of one packet at a second since `START`.
fn simple(exporter: u32, second: i64) -> Told {
    Told {
        kind: None,
        biflow: None,
        exporter: Some(exporter),
        start: second,
        length: 0,
        suspect: false,
        packets: 1,
        bytes: 100,
        rate: None,
        in_if: None,
        protocol: 6,
        src_as: None,
        country: None,
        app: None,
        app_name: None,
        source: (1, 1000),
        destination: (2, 80),
        performance: None,
    }
}

/// Rows of a dimension and step.
fn rows_of(series: &SeriesBatch, dimension: u8, step: u32) -> Vec<usize> {
    let is_wanted = |row: &usize| series.dimension.get(*row) == Some(dimension) && series.step.get(*row) == Some(step);
    (0..series.rows()).filter(is_wanted).collect()
}

#[test]
fn rows_take_nothing_away() {
    let mut windows = Windows::new(Config::default());
    assert!(windows.is_empty() && windows.rows().is_empty());
    windows.feed(&batch(&[simple(1, 5)]));
    assert_eq!(windows.rows(), windows.rows());
    windows.feed(&batch(&[simple(1, 6)]));
    let series = windows.rows();
    let row = rows_of(&series, BY_SOURCE, 60)[0];
    assert_eq!((series.flows.get(row), series.bytes.get(row), series.rate_unknown.get(row)), (Some(2), Some(200), Some(2)));
    assert_eq!(rows_of(&series, BY_SERVER, 60), [] as [usize; 0], "records without performance have no server");
}

#[test]
fn variance_is_that_of_scaled_sums() {
    let records: Vec<Told> =
        (0..50).map(|second| Told { rate: Some(100), packets: 4, bytes: 6000, length: 60, ..simple(1, second) }).collect();
    let mut windows = Windows::new(Config::default());
    windows.feed(&batch(&records));
    let series = windows.rows();
    let hour = rows_of(&series, BY_SOURCE, 3600)[0];
    let expected = (50.0 * 100.0 * 99.0 * 4.0, 50.0 * 100.0 * 99.0 * 6000.0 * 6000.0 / 4.0 / 1_048_576.0);
    let found = (series.packets_variance.get(hour).unwrap() as f64, series.bytes_variance.get(hour).unwrap() as f64);
    assert!((found.0 - expected.0).abs() <= 2.0 && (found.1 - expected.1).abs() <= 2.0, "{found:?} {expected:?}");
    assert_eq!(series.rate_unknown.get(hour), None);
}

#[test]
fn values_past_the_limit_are_one_row() {
    let config = Config { values: 3, ..Config::default() };
    let records: Vec<Told> = (0..4).map(|number| Told { in_if: Some(number), rate: Some(10), ..simple(1, 0) }).collect();
    let sums = |records: &[Told]| {
        let mut windows = Windows::new(config.clone());
        windows.feed(&batch(records));
        let series = windows.rows();
        let rows = rows_of(&series, BY_IN_IF, 60);
        rows.into_iter().map(|row| (series.number.get(row), series.bytes.get(row).unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(sums(&records[..3]), [(Some(0), 1000), (Some(1), 1000), (Some(2), 1000)]);
    let again: Vec<Told> = records.iter().chain(&records).cloned().collect();
    assert_eq!(sums(&again), [(None, 2000), (Some(0), 2000), (Some(1), 2000), (Some(2), 2000)]);
}

#[test]
fn cells_past_the_limit_are_the_nearest() {
    let mut windows = Windows::new(Config { cells: 3, ..Config::default() });
    let told = [simple(1, 0), simple(1, 600), simple(2, 0), simple(1, 290), simple(1, 6000), simple(3, 60), simple(4, 120)];
    windows.feed(&batch(&told));
    let series = windows.rows();
    let found: Vec<_> = rows_of(&series, BY_SOURCE, 60)
        .into_iter()
        .map(|row| {
            (
                series.exporter.get(row).map(|e| e.halves().1 as u32),
                (series.slot.get(row).unwrap() - START) / SECOND,
                series.flows.get(row).unwrap(),
            )
        })
        .collect();
    assert_eq!(found, [(None, 60, 2), (Some(1), 0, 2), (Some(1), 600, 2), (Some(2), 0, 1)]);
    // What moved is marked, in the hour where it was and in the one where it is.
    assert_eq!(displaced(&series), [(None, 0), (Some(1), 0), (Some(1), 1), (Some(3), 0), (Some(4), 0)]);
}

/// Sources and hours since `START` that are marked.
fn displaced(series: &SeriesBatch) -> Vec<(Option<u32>, i64)> {
    let rows = rows_of(series, DISPLACED, 3600).into_iter();
    rows.map(|row| {
        (series.exporter.get(row).map(|e| e.halves().1 as u32), (series.slot.get(row).unwrap() - START) / (3600 * SECOND))
    })
    .collect()
}

#[test]
fn memory_stays_bounded_whatever_is_fed() {
    let config = Config { cells: 50, values_in_all: 1000, measured_in_all: 100, ..Config::default() };
    let mut windows = Windows::new(config);
    let mut state = 1u32;
    for _ in 0..50 {
        let records: Vec<Told> = (0..400)
            .map(|number| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Told {
                    in_if: Some(state),
                    src_as: Some(state >> 3),
                    source: (state, 7),
                    performance: Some((state >> 8, 0, 1)),
                    ..simple(state >> 12, number * 60)
                }
            })
            .collect();
        windows.feed(&batch(&records));
    }
    assert!(windows.minutes.len() <= 51);
    let series = windows.rows();
    let minutes = (0..series.rows()).filter(|row| series.step.get(*row) == Some(60)).count();
    assert!(minutes <= 51 * 9 + 1000 + 100, "{minutes}");
    assert!(rows_of(&series, TOP_SRC_ADDR, 3600).len() <= 51 * 13, "sketches without room have 12 counters");
    let total = |dimension| rows_of(&series, dimension, 3600).into_iter().map(|row| series.bytes.get(row).unwrap()).sum::<u64>();
    for dimension in [BY_SOURCE, BY_IN_IF, BY_SRC_AS, BY_SERVER, TOP_SRC_ADDR, TOP_DST_ADDR] {
        assert_eq!(total(dimension), 50 * 400 * 100, "{dimension}");
    }
}

#[test]
fn a_record_of_a_day_costs_two_hours_and_loses_nothing() {
    let mut windows = Windows::new(Config::default());
    windows.feed(&batch(&[Told { length: 86_400, bytes: 1_000_003, ..simple(1, 0) }]));
    let series = windows.rows();
    let rows = rows_of(&series, BY_SOURCE, 60);
    assert_eq!(rows.len(), 121);
    assert_eq!(rows.iter().map(|row| series.bytes.get(*row).unwrap()).sum::<u64>(), 1_000_003);
    assert_eq!(displaced(&series), (0..=24).map(|hour| (Some(1), hour)).collect::<Vec<_>>(), "each hour of it is marked");
    let mut windows = Windows::new(Config::default());
    windows.feed(&batch(&[Told { length: 7200, ..simple(1, 0) }]));
    assert_eq!(displaced(&windows.rows()), [], "two hours are not too long");
}

#[test]
fn the_top_of_merged_sketches_is_within_the_error() {
    let mut sums = SeriesSums::new();
    let mut exact: HashMap<u32, u64> = HashMap::new();
    let mut state = 9u64;
    for _ in 0..6 {
        let records: Vec<Told> = (0..6000)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                // A long tail: half of the addresses are among few.
                let address = if state.is_multiple_of(2) { (state >> 20) as u32 % 50 } else { (state >> 20) as u32 % 20_000 };
                let bytes = 40 + (state >> 50) % 1460;
                *exact.entry(address).or_default() += bytes * 10;
                Told { source: (address, 1), bytes, rate: Some(10), ..simple(1, 30) }
            })
            .collect();
        let mut windows = Windows::new(Config::default());
        records.chunks(500).for_each(|records| windows.feed(&batch(records)));
        sums.add(windows.rows());
    }
    let series = sums.finish();
    assert_eq!(rows_of(&series, TOP_SRC_ADDR, 60), [] as [usize; 0]);
    {
        let rows = rows_of(&series, TOP_SRC_ADDR, 3600);
        let rest = rows.iter().find(|row| series.address.get(**row).is_none()).unwrap();
        let error = series.sketch_error.get(*rest).unwrap();
        let total: u64 = exact.values().sum();
        assert_eq!(rows.iter().map(|row| series.bytes.get(*row).unwrap()).sum::<u64>(), total);
        assert!(error > 0 && error < total / 100, "{error} of {total}");
        let mut told = HashMap::new();
        for row in &rows {
            if let Some(address) = series.address.get(*row) {
                assert_eq!(series.sketch_error.get(*row), None);
                told.insert(address.halves().1 as u32, series.bytes.get(*row).unwrap());
            }
        }
        for (address, bytes) in &exact {
            let found = told.get(address).copied().unwrap_or(0);
            assert!(found <= *bytes && *bytes <= found + error, "{address}: {found} <= {bytes} <= {found} + {error}");
        }
        assert!((0..50).all(|address| told.contains_key(&address)), "the largest are there");
    }
}

#[test]
fn response_times_are_counted_however_they_are_told() {
    let mut batch = batch(&[simple(1, 0), simple(1, 1), simple(1, 2), simple(1, 3)]);
    // A single one; three by sum; a histogram; and the responder's half of it.
    batch.srt.push(0, 1000);
    batch.srt.push(1, 500);
    batch.srt_count.push(1, 3);
    batch.srt_sum.push(1, 6000);
    for row in [2, 3] {
        batch.srt_hist.push(row, [0, 0, 0, 2, 0, 1]);
        batch.srt_sum.push(row, 60);
        batch.biflow.push(row, if row == 2 { INITIATOR } else { RESPONDER });
    }
    let mut windows = Windows::new(Config::default());
    windows.feed(&batch);
    let series = windows.rows();
    let row = rows_of(&series, BY_SOURCE, 60)[0];
    assert_eq!((series.srt_count.get(row), series.srt_sum.get(row)), (Some(1 + 3 + 3), Some(1000 + 6000 + 60)));
    let mut expected = Histogram::new();
    for (time, count) in [(1000, 1), (2000, 3), (12, 2), (48, 1)] {
        expected.add(time, count);
    }
    let mut found = Histogram::new();
    found.add_list(series.srt_hist.get(row).unwrap());
    assert_eq!(found, expected);
}

#[test]
fn values_that_all_begin_alike_find_an_end() {
    // Keys (value and 1) that the table looks for in the same place whatever its size.
    let alike = |number: u64| u32::try_from((number << 11 ^ number) & 0x3f_ffff).unwrap();
    let records: Vec<Told> =
        (1..2000u64).map(|number| Told { in_if: Some(alike(number).wrapping_sub(1)), ..simple(1, 0) }).collect();
    let mut windows = Windows::new(Config::default());
    windows.feed(&batch(&records));
    let series = windows.rows();
    let rows = rows_of(&series, BY_IN_IF, 60);
    assert!(rows.len() < records.len(), "{} of {} found room", rows.len(), records.len());
    assert_eq!(series.number.get(rows[0]), None);
    assert_eq!(rows.iter().map(|row| series.flows.get(*row).unwrap()).sum::<u64>(), records.len() as u64);
}

#[test]
fn interfaces_in_large_steps_are_told_apart() {
    let records: Vec<Told> = (0..600).map(|number| Told { in_if: Some(436_207_616 + number * 4096), ..simple(1, 0) }).collect();
    let mut windows = Windows::new(Config::default());
    windows.feed(&batch(&records));
    assert_eq!(rows_of(&windows.rows(), BY_IN_IF, 60).len(), records.len());
}

/// The rows of a dimension, with what they sum up.
fn volumes(series: SeriesBatch, dimension: u8, number: Option<u64>) -> Vec<(i64, u32, Option<Address>, [u64; 11])> {
    let mut sums = SeriesSums::new();
    sums.add(series);
    let series = sums.finish();
    let of = |row: usize| series.dimension.get(row) == Some(dimension) && series.number.get(row) == number;
    let columns = [
        &series.flows,
        &series.samples,
        &series.connections,
        &series.packets,
        &series.bytes,
        &series.packets_raw,
        &series.bytes_raw,
        &series.packets_variance,
        &series.bytes_variance,
        &series.rate_unknown,
        &series.sampled,
    ];
    let row = |row: usize| {
        let amounts = columns.map(|column| column.get(row).unwrap_or(0));
        (series.slot.get(row).unwrap(), series.step.get(row).unwrap(), series.exporter.get(row), amounts)
    };
    (0..series.rows()).filter(|row| of(*row)).map(row).collect()
}

proptest! {
    #[test]
    fn sums_of_a_channel_are_those_of_its_records(parts in proptest::collection::vec(proptest::collection::vec(told(), 0..40), 1..4)) {
        let filters = ["proto 1", "src as > 2 or exporter 0.0.0.1", "any", "not any"];
        let filters: Vec<_> = filters.iter().map(|text| weir_query::Filter::parse(text).unwrap()).collect();
        // Numbers are as large as they are in the service.
        let number = |place: usize| 1_767_225_600_000_000 + place as u64;
        let summed: Vec<_> = filters.iter().enumerate().map(|(place, filter)| Summed { number: number(place), filter: filter.clone() }).collect();
        let mut windows = Windows::with_channels(Config::default(), summed.clone());
        let mut past = crate::ChannelWindows::new(summed);
        let mut alone: Vec<_> = filters.iter().map(|_| Windows::new(Config::default())).collect();
        for part in &parts {
            let batch = batch(part);
            windows.feed(&batch);
            past.feed(&batch);
            let mut mask = weir_query::Mask::new();
            for (filter, alone) in filters.iter().zip(&mut alone) {
                filter.evaluate(&batch, &mut mask);
                let mut selected = FlowBatch::new();
                selected.append_where(&batch, |row| mask.get(row));
                alone.feed(&selected);
            }
        }
        for (place, alone) in alone.iter().enumerate() {
            let expected = volumes(alone.rows(), BY_SOURCE, None);
            prop_assert_eq!(&volumes(windows.rows(), BY_CHANNEL, Some(number(place))), &expected);
            prop_assert_eq!(&volumes(past.rows(), BY_CHANNEL, Some(number(place))), &expected);
        }
        prop_assert!(volumes(windows.rows(), BY_CHANNEL, None).is_empty(), "all channels have room");
    }
}

#[test]
fn one_channel_more_than_there_is_room_for_is_told() {
    let filter = weir_query::Filter::any();
    let mut windows = Windows::new(Config::default());
    let summed = (0..3).map(|number| Summed { number, filter: filter.clone() }).collect();
    windows.channels = Channels::with_room(summed, 2);
    let mut flows = FlowBatch::new();
    flows.time_received.push(0, START);
    flows.bytes.push(0, 5);
    flows.advance(1);
    windows.feed(&flows);
    assert_eq!(volumes(windows.rows(), BY_CHANNEL, Some(1)).len(), 2);
    assert_eq!(volumes(windows.rows(), BY_CHANNEL, Some(2)), []);
    assert_eq!(volumes(windows.rows(), BY_CHANNEL, None).len(), 2, "its sums stand in the row without a number");
}
