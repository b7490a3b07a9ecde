//! Questions to a store that has files and a journal, against sums made by hand.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use weir_query::time::{Placed, Slots, spread};
use weir_query::{Answer, AnswerSource, AnswerTable, Body, Cell, Note, Question, QuestionText};
use weir_record::{Address, Column, FlowBatch, HealthBatch, SeriesBatch, names};

use super::*;
use crate::layout::PAGE_ROWS;
use crate::store::{MakeSummary, Rows, Store, StoreConfig, Summary, no_summary};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
/// A minute that is long ago.
const THEN: i64 = 29_000_000 * MINUTE;

/// Sums of sources by minute, as plain as they can be.
#[derive(Default)]
struct BySource(Vec<FlowBatch>);

impl Summary for BySource {
    fn feed(&mut self, flows: &FlowBatch) {
        self.0.push(flows.clone());
    }

    fn rows(&self) -> SeriesBatch {
        let mut series = SeriesBatch::new();
        for flows in &self.0 {
            for row in 0..flows.rows() {
                let placed = Placed::of(flows, row);
                spread(flows.bytes.get(row).unwrap(), placed, Slots::every(MINUTE), |slot, bytes| {
                    let at = series.rows();
                    series.slot.push(at, slot);
                    series.step.push(at, 60);
                    series.dimension.push(at, names::BY_SOURCE);
                    series.exporter.push_some(at, flows.exporter.get(row));
                    series.bytes.push(at, bytes);
                    series.flows.push(at, u64::from(Slots::every(MINUTE).begin_of(placed.end) == slot));
                    series.advance(1);
                    if let Some(protocol) = flows.protocol.get(row) {
                        series.append_where(&series.clone(), |row| row == at);
                        series.dimension.push(at + 1, names::BY_PROTOCOL);
                        series.number.push(at + 1, protocol.into());
                    }
                });
            }
        }
        series.finish();
        series
    }
}

fn by_source() -> MakeSummary {
    Arc::new(|_| Box::new(BySource::default()))
}

/// So many flows of five sources, one a second, each of two minutes and a half; bytes are the number of the row.
fn flows(from: usize, count: usize) -> FlowBatch {
    let mut batch = FlowBatch::new();
    for row in 0..count {
        let number = from + row;
        let end = THEN + number as i64 * SECOND;
        batch.time_received.push(row, end + SECOND);
        batch.time_start.push(row, end - 150 * SECOND);
        batch.time_end.push(row, end);
        batch.exporter.push(row, Address::v4(0x0a00_0001 + number as u32 % 5));
        batch.src_addr.push(row, Address::v4(number as u32 % 100));
        batch.protocol.push(row, if number.is_multiple_of(3) { 17 } else { 6 });
        if number.is_multiple_of(7) {
            batch.protocol.unset(row);
        }
        batch.bytes.push(row, number as u64);
        batch.packets.push(row, 1);
    }
    batch.advance(count);
    batch.finish();
    batch
}

/// 900 flows in files and 100 in the journal.
fn store(make: MakeSummary) -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    let config = StoreConfig { background: false, retention: None, series_retention: None, ..StoreConfig::new(folder.path()) };
    let store = Store::open(config, make).unwrap();
    for from in (0..900).step_by(300) {
        store.append(Rows { flows: Some(&flows(from, 300)), ..Rows::default() }).unwrap();
        store.seal();
        store.maintain(THEN).unwrap();
    }
    store.append(Rows { flows: Some(&flows(900, 100)), ..Rows::default() }).unwrap();
    (folder, store)
}

fn asked(store: &Store, text: QuestionText) -> Answer {
    let question = Question::new(&text).unwrap_or_else(|error| panic!("{error}"));
    ask(&store.snapshot(), &question, &AskLimits::default(), &Cancel::new()).unwrap()
}

fn table(answer: &Answer) -> &AnswerTable {
    match &answer.body {
        Body::Table(table) => table,
        Body::Records(..) => panic!("records"),
    }
}

fn text(by: &str, measures: &str) -> QuestionText {
    QuestionText { by: by.to_owned(), measures: measures.to_owned(), ..QuestionText::default() }
}

#[test]
fn groups_are_those_of_files_and_journal() {
    let (_folder, store) = store(no_summary());
    let answer = asked(&store, QuestionText { filter: "proto udp".to_owned(), top: Some(3), ..text("src_addr", "flows,bytes") });
    let of = |host: usize| {
        let numbers = (0..1000).filter(|number| number % 3 == 0 && number % 7 != 0 && number % 100 == host);
        (numbers.clone().count() as u64, numbers.sum::<usize>() as u64)
    };
    let mut hosts: Vec<(u64, usize)> = (0..100).map(|host| (of(host).1, host)).collect();
    hosts.sort_by(|one, other| other.cmp(one));
    let expected: Vec<Vec<Cell>> = hosts[..3]
        .iter()
        .map(|(bytes, host)| vec![Cell::Address(Address::v4(*host as u32)), Cell::Number(of(*host).0), Cell::Number(*bytes)])
        .collect();
    let found: Vec<u64> =
        table(&answer).rows.iter().map(|row| if let Cell::Number(bytes) = row[2] { bytes } else { 0 }).collect();
    assert_eq!(found, hosts[..3].iter().map(|(bytes, _)| *bytes).collect::<Vec<_>>());
    assert!(table(&answer).rows.iter().all(|row| expected.contains(row)), "{:?}", table(&answer).rows);
    assert_eq!(answer.records, 286);
    assert_eq!(answer.source, AnswerSource::Records);
}

#[test]
fn a_range_of_time_takes_what_overlaps_it() {
    let (_folder, store) = store(no_summary());
    // Flows end at their number of seconds and are 150 s long.
    let range = QuestionText {
        from: Some(THEN + 500 * SECOND),
        to: Some(THEN + 510 * SECOND),
        summary: true,
        ..text("", "flows,bytes,first,last")
    };
    let answer = asked(&store, range);
    assert_eq!(answer.records, 160);
    assert_eq!(table(&answer).rows[0][1], Cell::Number((500..660).sum()));
    assert_eq!(table(&answer).rows[0][3], Cell::Time(THEN + 659 * SECOND));
    let nothing = asked(&store, QuestionText { from: Some(0), to: Some(SECOND), summary: true, ..QuestionText::default() });
    assert_eq!((nothing.records, &table(&nothing).rows[0][0]), (0, &Cell::Number(0)));
}

/// The rows that have something. A record that only touches a slot is told of a group by records, and not by series.
fn some(answer: &Answer) -> Vec<&Vec<Cell>> {
    // The measures are the last three.
    let has_something = |row: &&Vec<Cell>| row.iter().rev().take(3).any(|cell| matches!(cell, Cell::Number(1..)));
    table(answer).rows.iter().filter(has_something).collect()
}

#[test]
fn series_give_what_records_give() {
    let (_folder, with_series) = store(by_source());
    let (_other, without) = store(no_summary());
    for by in ["", "exporter", "protocol", "exporter,protocol"] {
        for (from, to) in [(None, None), (Some(THEN + 100 * SECOND), Some(THEN + 400 * SECOND))] {
            for filter in ["", "exporter 10.0.0.3", "not exporter in [10.0.0.3 10.0.0.4]"] {
                let text =
                    QuestionText { series: "2m".to_owned(), filter: filter.to_owned(), from, to, ..text(by, "bytes,flows,bps") };
                let (fast, slow) = (asked(&with_series, text.clone()), asked(&without, text));
                assert_eq!((fast.source, slow.source), (AnswerSource::Series, AnswerSource::Records));
                assert_eq!(some(&fast), some(&slow), "by `{by}`, filter `{filter}`, {from:?}");
                assert_eq!(table(&fast).totals, table(&slow).totals);
            }
        }
    }
    let by_host = QuestionText { series: "2m".to_owned(), ..text("src_addr", "bytes") };
    assert_eq!(asked(&with_series, by_host).source, AnswerSource::Records, "addresses are told by the hour");
    let by_seconds = QuestionText { series: "10s".to_owned(), ..text("", "bytes") };
    assert_eq!(asked(&with_series, by_seconds).source, AnswerSource::Records);
    // Another process cannot make the sums of what is in the journal alone.
    let outside = Snapshot::open(_folder.path(), None, None).unwrap();
    let question = Question::new(&QuestionText { series: "2m".to_owned(), ..text("", "bytes") }).unwrap();
    let answer = ask(&outside, &question, &AskLimits::default(), &Cancel::new()).unwrap();
    assert_eq!(answer.source, AnswerSource::Records);
    let bytes: u64 = (0..1000).sum();
    assert_eq!(table(&answer).totals[1], Cell::Number(bytes));
}

#[test]
fn lists_are_in_order_and_end_at_their_limit() {
    let (_folder, store) = store(no_summary());
    let listed = |text: QuestionText| {
        let answer = asked(&store, text);
        let Body::Records(records, columns) = &answer.body else { panic!("a table") };
        (
            (0..records.rows()).map(|row| records.bytes.get(row).unwrap()).collect::<Vec<u64>>(),
            columns.clone(),
            answer.notes.clone(),
        )
    };
    let newest = QuestionText { limit: Some(5), columns: "bytes,src_addr".to_owned(), ..QuestionText::default() };
    let (bytes, columns, notes) = listed(newest.clone());
    assert_eq!(bytes, [999, 998, 997, 996, 995]);
    assert_eq!(columns, [Column::bytes, Column::src_addr]);
    assert!(notes.contains(&Note::MoreRecords { shown: 5 }), "{notes:?}");
    let (bytes, ..) = listed(QuestionText { oldest_first: true, filter: "proto udp".to_owned(), ..newest });
    assert_eq!(bytes, [3, 6, 9, 12, 15]);
    // Over the border between files and journal, and all columns.
    let (bytes, columns, notes) = listed(QuestionText { from: Some(THEN + 895 * SECOND), to: None, ..QuestionText::default() });
    assert_eq!(bytes, (895..1000).rev().collect::<Vec<_>>());
    assert!(columns.contains(&Column::exporter) && !columns.contains(&Column::tls_sni));
    assert!(!notes.iter().any(|note| matches!(note, Note::MoreRecords { .. })));
}

#[test]
fn events_are_listed_where_they_are_meant() {
    let (_folder, store) = store(no_summary());
    let mut events = flows(0, 10);
    for row in 0..10 {
        events.record_kind.push(row, if row < 4 { names::EVENT } else { names::FLOW });
    }
    store.append(Rows { flows: Some(&events), ..Rows::default() }).unwrap();
    for sealed in [false, true] {
        if sealed {
            store.seal();
            store.maintain(THEN).unwrap();
        }
        let listed = |filter: &str| asked(&store, QuestionText { filter: filter.to_owned(), ..QuestionText::default() }).records;
        assert_eq!(listed("kind event"), 4);
        assert_eq!(listed("bytes < 10 and not kind event"), 16);
        let counted = |filter: &str| {
            let answer =
                asked(&store, QuestionText { filter: filter.to_owned(), summary: true, ..text("", "flows,records,packets") });
            table(&answer).rows[0].clone()
        };
        assert_eq!(counted(""), [Cell::Number(1006), Cell::Number(1006), Cell::Number(1006)]);
        assert_eq!(counted("kind in [event flow]"), [Cell::Number(1006), Cell::Number(1010), Cell::Number(1006)]);
    }
}

/// Notes of minutes: one of the service, up for so long, and one of a source.
fn health(minutes: &[(i64, i64)], lost: u64) -> HealthBatch {
    let mut batch = HealthBatch::new();
    for (minute, up_seconds) in minutes {
        let row = batch.rows();
        batch.slot.push(row, THEN + minute * MINUTE);
        batch.up.push(row, (*up_seconds * 1_000_000) as u64);
        batch.dropped_kernel.push(row, 1);
        batch.slot.push(row + 1, THEN + minute * MINUTE);
        batch.exporter.push(row + 1, Address::v4(0x0a00_0001));
        batch.records.push(row + 1, 100);
        batch.lost_records.push(row + 1, lost);
        batch.advance(2);
    }
    batch.finish();
    batch
}

#[test]
fn completeness_tells_losses_and_minutes_without_service() {
    let (_folder, store) = store(no_summary());
    let summary = |from: Option<i64>, to: Option<i64>, filter: &str| {
        let text = QuestionText {
            summary: true,
            filter: filter.to_owned(),
            from: from.map(|m| THEN + m * MINUTE),
            to: to.map(|m| THEN + m * MINUTE),
            ..QuestionText::default()
        };
        asked(&store, text).completeness.unwrap()
    };
    assert_eq!(summary(None, None, "").state(), "unknown", "nobody kept account");
    // Minutes 0 to 9 but the fifth, of which the seventh in part.
    let notes: Vec<(i64, i64)> =
        (0..10).filter(|minute| *minute != 5).map(|minute| (minute, if minute == 7 { 20 } else { 60 })).collect();
    store.append(Rows { health: Some(&health(&notes, 3)), ..Rows::default() }).unwrap();
    let whole = summary(None, None, "");
    assert_eq!((whole.records, whole.lost_records, whole.dropped_datagrams), (900, 27, 9));
    assert_eq!(whole.down_ns, 100 * SECOND as u64);
    assert_eq!(whole.state(), "incomplete");
    let good = summary(Some(1), Some(4), "exporter 10.0.0.9");
    assert_eq!((good.lost_records, good.dropped_datagrams, good.down_ns), (0, 3, 0), "losses of another source do not count");
    assert_eq!(summary(Some(4), Some(7), "").down_ns, MINUTE as u64);
    assert_eq!(summary(Some(-5), Some(0), "").state(), "unknown", "before the first note");
    assert_eq!(summary(Some(2), Some(20), "").down_ns, (100 * SECOND + 10 * MINUTE) as u64, "nothing runs after the last note");
}

/// A note of a unit of a group, whose records came from the one second to the other.
fn reported(notes: &mut HealthBatch, unit: u32, group: &str, from: i64, to: i64) {
    let row = notes.rows();
    notes.slot.push(row, THEN + from / 60 * MINUTE);
    notes.exporter.push(row, Address::v4(0xc000_0200 + unit));
    notes.source_group.push(row, group);
    notes.first_record.push(row, THEN + from * SECOND);
    notes.last_record.push(row, THEN + to * SECOND);
    notes.advance(1);
}

#[test]
fn a_unit_that_takes_over_is_told_with_the_time_between() {
    let (_folder, store) = store(no_summary());
    let mut notes = health(&[(0, 60), (1, 60), (2, 60)], 0);
    // The one reports until 70 s, the other from 74 s on.
    for (unit, group, from, to) in [
        (1, "pair", 0, 59),
        (1, "pair", 60, 70),
        (2, "pair", 74, 119),
        (2, "pair", 120, 179),
        (3, "other", 0, 20),
        (4, "other", 100, 179),
    ] {
        reported(&mut notes, unit, group, from, to);
    }
    notes.finish();
    store.append(Rows { health: Some(&notes), ..Rows::default() }).unwrap();
    let told = |from: i64, to: i64, filter: &str| {
        let (from, to) = (Some(THEN + from * SECOND), Some(THEN + to * SECOND));
        let answer =
            asked(&store, QuestionText { summary: true, filter: filter.to_owned(), from, to, ..QuestionText::default() });
        let notes: Vec<_> = answer.notes.iter().filter(|note| note.code() == "fail_over").map(ToString::to_string).collect();
        (answer.completeness.unwrap().fail_over_ns as i64 / SECOND, notes)
    };
    let (seconds, notes) = told(0, 180, "source_group = \"pair\"");
    assert_eq!((seconds, notes.len()), (4, 1), "{notes:?}");
    assert!(notes[0].starts_with("group \"pair\": 192.0.2.2 took over from 192.0.2.1, which fell silent; from "), "{notes:?}");
    assert!(notes[0].ends_with(" on nothing was reported for 4.0 s"), "{notes:?}");
    assert_eq!(told(0, 180, "").0, 4 + 80);
    // Where the time that is asked for ends between them, that part counts.
    assert_eq!(told(0, 72, "source_group = \"pair\"").0, 2);
    assert_eq!(told(72, 180, "source_group = \"pair\"").0, 2);
    assert_eq!(told(75, 180, "source_group = \"pair\"").0, 0);
    assert_eq!(told(0, 180, "exporter 192.0.2.2").0, 0, "of one unit nothing follows");
}

#[test]
fn of_many_fail_overs_the_latest_are_told_and_all_count() {
    let (_folder, store) = store(no_summary());
    let mut notes = health(&[(0, 60)], 0);
    // By turns a minute each, of which the last ten seconds are silent.
    for turn in 0..=101 {
        reported(&mut notes, 1 + turn as u32 % 2, "pair", turn * 60, turn * 60 + 50);
    }
    notes.finish();
    store.append(Rows { health: Some(&notes), ..Rows::default() }).unwrap();
    let told = |minutes: i64| {
        let (from, to) = (Some(THEN), Some(THEN + minutes * MINUTE));
        let answer = asked(&store, QuestionText { summary: true, from, to, ..QuestionText::default() });
        let ends = answer.notes.iter().filter_map(|note| match note {
            Note::FailOver(fail_over) => Some((fail_over.ended - THEN) / MINUTE),
            _ => None,
        });
        (ends.collect::<Vec<_>>(), answer.completeness.unwrap().fail_over_ns as i64 / SECOND)
    };
    assert_eq!(told(100), ((1..=100).collect(), 1000));
    assert_eq!(told(101), ((2..=101).collect(), 1010), "the first of 101 is not told");
}

#[test]
fn the_minute_whose_notes_are_still_to_come_is_no_gap() {
    let (_folder, store) = store(no_summary());
    let notes: Vec<(i64, i64)> = (0..9).map(|minute| (minute, 60)).collect();
    // A source began the tenth minute with its note; that of the service comes later.
    let mut early = HealthBatch::new();
    early.slot.push(0, THEN + 9 * MINUTE);
    early.exporter.push(0, Address::v4(0x0a00_0001));
    early.advance(1);
    for batch in [health(&notes, 0), early] {
        store.append(Rows { health: Some(&batch), ..Rows::default() }).unwrap();
    }
    let known = |to: Option<i64>, now: i64| {
        let text = QuestionText { summary: true, to: to.map(|m| THEN + m * MINUTE), ..QuestionText::default() };
        let question = Question::new(&text).unwrap();
        let account = account::of(&store.snapshot(), &question, THEN + now, &Cancel::new()).unwrap();
        (
            account.completeness.down_ns as i64 / SECOND,
            account.completeness.known,
            account.arriving_since.map(|since| since - THEN),
        )
    };
    let now = 10 * MINUTE + 5 * SECOND;
    assert_eq!(known(None, now), (0, true, Some(now - 5 * MINUTE)));
    assert_eq!(known(Some(60), now), (0, true, Some(now - 5 * MINUTE)), "what is asked for lies ahead");
    assert_eq!(known(Some(4), now), (0, true, None), "long over");
    // An hour later nothing came any more: it does not run.
    assert_eq!(known(None, 70 * MINUTE), (0, true, None));
    assert_eq!(known(Some(60), 70 * MINUTE), (51 * 60, true, None));
    assert_eq!(known(Some(600), 70 * MINUTE), (61 * 60, true, None), "up to now");
}

#[test]
fn a_time_without_data_has_an_empty_answer() {
    let (_folder, with_series) = store(by_source());
    let (_other, without) = store(no_summary());
    let (from, to) = (Some(THEN - 100 * MINUTE), Some(THEN - 90 * MINUTE));
    for store in [&with_series, &without] {
        let asked = |text: QuestionText| asked(store, QuestionText { from, to, ..text });
        assert_eq!(asked(QuestionText::default()).records, 0, "a list");
        assert_eq!(table(&asked(QuestionText { top: Some(5), ..text("src_addr", "bytes") })).rows, [] as [Vec<Cell>; 0]);
        let summary = asked(QuestionText { summary: true, ..text("", "flows,bytes") });
        assert_eq!(table(&summary).rows, [[Cell::Number(0), Cell::Number(0)]]);
        let series = asked(QuestionText { series: "2m".to_owned(), ..text("", "bytes") });
        assert!(some(&series).is_empty(), "{:?}", table(&series).rows);
        assert_eq!((series.completeness.unwrap().state(), series.first), ("unknown", None));
    }
    let turned = QuestionText { from: to, to: from, ..QuestionText::default() };
    assert!(Question::new(&turned).is_err(), "a time that ends before it begins");
}

#[test]
fn records_are_found_by_their_time_when_the_clock_was_set_back() {
    let (_folder, store) = store(no_summary());
    // An hour back: arrivals are not in order any more, in the journal and then in files.
    let mut late = flows(0, 100);
    for row in 0..100 {
        for column in [&mut late.time_received, &mut late.time_start, &mut late.time_end] {
            let time = column.get(row).unwrap();
            column.push(row, time - 60 * MINUTE);
        }
    }
    store.append(Rows { flows: Some(&late), ..Rows::default() }).unwrap();
    for is_in_files in [false, true] {
        if is_in_files {
            store.seal();
            store.maintain(THEN).unwrap();
        }
        let counted = |from: i64, to: i64| {
            let (from, to) = (Some(THEN + from * MINUTE), Some(THEN + to * MINUTE));
            asked(&store, QuestionText { from, to, summary: true, ..text("", "flows") }).records
        };
        assert_eq!((counted(-100, -30), counted(-30, 100), counted(-100, 100)), (100, 1000, 1100));
    }
}

#[test]
fn what_cannot_be_read_is_told_beside_every_answer() {
    let (folder, store) = store(by_source());
    store.append(Rows { flows: Some(&flows(1000, 10)), ..Rows::default() }).unwrap();
    let path = folder.path().join("journal/0000000004.wal");
    let mut octets = std::fs::read(&path).unwrap();
    let at = octets.len() - 16;
    octets[at] ^= 1;
    std::fs::write(&path, octets).unwrap();
    let missing = |snapshot: &Snapshot, text: QuestionText| {
        let answer = ask(snapshot, &Question::new(&text).unwrap(), &AskLimits::default(), &Cancel::new()).unwrap();
        let told = answer.notes.iter().find_map(|note| match note {
            Note::Unreadable { files, what } => Some((*files, what.contains("0000000004.wal"))),
            _ => None,
        });
        (answer.source, told)
    };
    let series = || QuestionText { series: "2m".to_owned(), ..text("", "bytes") };
    // Who wrote it has the sums; who opens it now has to make them, as after a restart.
    assert_eq!(missing(&store.snapshot(), series()), (AnswerSource::Series, None));
    let outside = Snapshot::open(folder.path(), None, Some(by_source())).unwrap();
    assert_eq!(missing(&outside, series()), (AnswerSource::Series, Some((1, true))));
    for text in [QuestionText::default(), QuestionText { top: Some(3), ..text("src_addr", "bytes") }] {
        assert_eq!(missing(&outside, text), (AnswerSource::Records, Some((1, true))));
    }
}

#[test]
fn questions_end_when_nobody_waits_or_when_they_take_too_much() {
    let (_folder, store) = store(no_summary());
    let question = |text: QuestionText| Question::new(&text).unwrap();
    let cancelled = Cancel::new();
    cancelled.cancel();
    let top = question(QuestionText { top: Some(3), ..text("src_addr", "") });
    let error = ask(&store.snapshot(), &top, &AskLimits::default(), &cancelled).unwrap_err();
    assert!(matches!(error, AskError::Cancelled), "{error}");
    let in_time = AskLimits { time: Some(Duration::from_secs(3600)), ..AskLimits::default() };
    assert_eq!(ask(&store.snapshot(), &top, &in_time, &Cancel::new()).unwrap().records, 1000);
    let cancel = Cancel::new();
    let endless = || {
        while !cancel.is_cancelled() {
            thread::sleep(Duration::from_millis(1));
        }
        Err::<(), _>(AskError::Cancelled)
    };
    let error = within(Duration::from_millis(20), &cancel, endless).unwrap_err();
    assert!(matches!(error, AskError::Time { limit } if limit == Duration::from_millis(20)), "{error}");
    let limits = AskLimits { groups: 10, ..AskLimits::default() };
    let all = question(text("src_addr", ""));
    assert!(matches!(ask(&store.snapshot(), &all, &limits, &Cancel::new()), Err(AskError::Aggregation(_))));
    let limits = AskLimits { memory: 1000, ..AskLimits::default() };
    let list = question(QuestionText::default());
    assert!(matches!(ask(&store.snapshot(), &list, &limits, &Cancel::new()), Err(AskError::Memory { limit: 1000 })));
}

/// Three pages of interfaces beside a row of the source and one of a protocol.
struct ManyInterfaces;

impl Summary for ManyInterfaces {
    fn feed(&mut self, _: &FlowBatch) {}

    fn rows(&self) -> SeriesBatch {
        let mut series = SeriesBatch::new();
        let interfaces = (0..3 * PAGE_ROWS as u64).map(|number| (names::BY_IN_IF, number));
        for (dimension, number) in [(names::BY_SOURCE, 0), (names::BY_PROTOCOL, 6)].into_iter().chain(interfaces) {
            let row = series.rows();
            series.slot.push(row, THEN);
            series.step.push(row, 3600);
            series.dimension.push(row, dimension);
            series.number.push_some(row, (dimension != names::BY_SOURCE).then_some(number));
            series.bytes.push(row, 1);
            series.flows.push(row, 1);
            series.advance(1);
        }
        series.finish();
        series
    }
}

#[test]
fn of_series_no_more_pages_are_read_than_the_question_needs() {
    let folder = TempDir::new().unwrap();
    let config = StoreConfig { background: false, retention: None, series_retention: None, ..StoreConfig::new(folder.path()) };
    let store = Store::open(config, Arc::new(|_| Box::new(ManyInterfaces))).unwrap();
    store.append(Rows { flows: Some(&flows(0, 10)), ..Rows::default() }).unwrap();
    store.seal();
    store.maintain(THEN).unwrap();
    let rows_read = |by: &str| {
        let question = Question::new(&QuestionText { series: "1h".into(), ..text(by, "bytes") }).unwrap();
        let (answer, stats) = sums::sum_up(&store.snapshot(), &question, &AskLimits::default(), &Cancel::new()).unwrap();
        assert_eq!(answer.source, AnswerSource::Series);
        stats.rows_read
    };
    let (rows, page) = (3 * PAGE_ROWS as u64 + 2, PAGE_ROWS as u64);
    assert_eq!((rows_read(""), rows_read("in_if")), (page, rows));
    assert!(rows_read("protocol") <= 2 * page);
}
