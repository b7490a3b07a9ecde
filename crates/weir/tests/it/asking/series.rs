//! Charts from continuous series beside charts from records: where an answer does not say that it is approximate, the two are one.

use std::time::Duration;

use weir_analytics::{Config, Windows};
use weir_query::{Answer, AnswerSource, AnswerTable, Body, Cell, Note, Question, QuestionText, Role};
use weir_record::{Address, FlowBatch, SeriesBatch};
use weir_store::{AskLimits, Cancel, MakeSummary, Rows, Store, StoreConfig, Summary, WantedSeries, ask, no_summary};
use weir_testkit::Rng;

use crate::collect::service::Folder;

const SECOND: i64 = 1_000_000_000;
/// 2026-03-02T09:00:00Z.
const THEN: i64 = 1_772_442_000 * SECOND;

struct Sums(Windows);

impl Summary for Sums {
    fn feed(&mut self, flows: &FlowBatch) {
        self.0.feed(flows);
    }

    fn rows(&self) -> SeriesBatch {
        self.0.rows()
    }

    fn rows_of(&self, wanted: WantedSeries<'_>) -> SeriesBatch {
        self.0.rows_of(wanted)
    }
}

fn sums(config: &Config) -> MakeSummary {
    let config = config.clone();
    std::sync::Arc::new(move |_| Box::new(Sums(Windows::new(config.clone()))))
}

/// What may be in the records of a case.
#[derive(Clone, Copy)]
struct Mix {
    exporters: u64,
    values: u64,
    /// One record in so many lasts for up to five hours.
    long: u64,
    sampled: bool,
}

fn records(rng: &mut Rng, mix: Mix, count: usize) -> FlowBatch {
    let mut batch = FlowBatch::new();
    for row in 0..count {
        let end = THEN + rng.u64(0..10_800) as i64 * SECOND;
        let length = match rng.u64(0..mix.long) {
            0 => rng.u64(0..18_000),
            1..4 => rng.u64(0..7201),
            _ => rng.u64(0..300),
        };
        batch.time_received.push(row, end + SECOND);
        batch.time_start.push(row, end - length as i64 * SECOND);
        batch.time_end.push(row, end);
        batch.exporter.push(row, Address::v4(0x0a00_0001 + rng.u64(0..mix.exporters) as u32));
        let value = |rng: &mut Rng| (rng.u64(0..4) > 0).then(|| rng.u64(0..mix.values));
        batch.protocol.push_some(row, value(rng).map(|value| value as u8));
        batch.in_if.push_some(row, value(rng).map(|value| value as u32));
        batch.src_as.push_some(row, value(rng).map(|value| value as u32));
        let app = value(rng).map(|value| format!("app{value}"));
        batch.app.push_some(row, app.as_deref());
        let app = value(rng).map(|value| format!("app{value}"));
        batch.app_name.push_some(row, app.as_deref());
        let country = value(rng).map(|value| format!("C{value}"));
        batch.dst_country.push_some(row, country.as_deref());
        if mix.sampled {
            batch.sampling_rate.push_some(row, value(rng).map(|value| value as u32 * 100));
        }
        batch.bytes.push(row, rng.u64(0..1_000_000));
        batch.packets.push(row, rng.u64(0..1000));
        batch.record_kind.push_some(row, (rng.u64(0..5) == 0).then(|| rng.u64(0..4) as u8));
        batch.biflow.push_some(row, (rng.u64(0..3) == 0).then(|| rng.u64(0..2) as u8));
        performance(rng, &mut batch, row);
    }
    batch.advance(count);
    batch.finish();
    batch
}

/// Round-trip and response times in each way in which records tell them, or none.
fn performance(rng: &mut Rng, batch: &mut FlowBatch, row: usize) {
    let some = |rng: &mut Rng, below: u64| (rng.u64(0..3) > 0).then(|| rng.u64(0..below));
    batch.rtt.push_some(row, some(rng, 300_000).map(|time| time as u32));
    batch.retransmissions.push_some(row, some(rng, 9).map(|count| count as u32));
    batch.out_of_order.push_some(row, some(rng, 3).map(|count| count as u32));
    batch.srt.push_some(row, some(rng, 2_000_000).map(|time| time as u32));
    match rng.u64(0..4) {
        0 => batch.srt_hist.push(row, (0..20).map(|power| (power % 7) as u32 * rng.u64(0..2) as u32).collect::<Vec<_>>()),
        1 => {
            let count = rng.u64(0..5);
            batch.srt_count.push(row, count as u32);
            batch.srt_sum.push(row, count * rng.u64(0..100_000));
        }
        _ => {}
    }
}

/// The first of the records in files, the last in the journal.
fn store(make: MakeSummary, parts: &[FlowBatch]) -> (Folder, Store) {
    let folder = Folder::new();
    let config = StoreConfig { background: false, retention: None, series_retention: None, ..StoreConfig::new(folder.store()) };
    let store = Store::open(config, make).unwrap();
    for (number, part) in (1..).zip(parts) {
        store.append(Rows { flows: Some(part), ..Rows::default() }).unwrap();
        if number < parts.len() {
            store.seal();
            store.maintain(THEN).unwrap();
        }
    }
    (folder, store)
}

fn question(rng: &mut Rng) -> QuestionText {
    const BY: [&str; 9] =
        ["", "exporter", "protocol", "in_if", "src_as", "dst_country", "exporter,protocol", "in_if,exporter", "application"];
    const STEPS: [&str; 4] = ["1m", "7m", "1h", "2h"];
    const MEASURES: [&str; 5] = [
        "",
        "bytes,packets,flows,samples,connections",
        "flows,bps",
        "rtt p50,rtt p99,srt p50,srt p95",
        "connections,retransmissions,out_of_order,srt p90",
    ];
    const FILTERS: [&str; 3] = ["", "exporter 10.0.0.2", "not exporter in [10.0.0.1 10.0.0.3]"];
    let mut one = |of: &[&str]| of[rng.u64(0..of.len() as u64) as usize].to_owned();
    let (by, series, mut measures, filter) = (one(&BY), one(&STEPS), one(&MEASURES), one(&FILTERS));
    // Of how well connections went, series know by source and application.
    if !matches!(by.as_str(), "" | "exporter" | "application") && measures.contains("srt") {
        measures = "bytes,packets".into();
    }
    let edge = |rng: &mut Rng, hours: u64| THEN - 7200 * SECOND + rng.u64(0..hours * 3600) as i64 * SECOND;
    let (from, to) = match rng.u64(0..3) {
        0 => (None, None),
        1 => (Some(edge(rng, 2)), Some(edge(rng, 2) + 10_000 * SECOND)),
        _ => (Some(edge(rng, 4)), None),
    };
    let unscaled = rng.u64(0..2) == 0;
    let text = QuestionText { by, series, measures, filter, from, to, unscaled, ..QuestionText::default() };
    if to.is_none() || rng.u64(0..2) == 0 {
        return text;
    }
    // Groups of a range, which is more often not of whole hours.
    let whole_hours = rng.u64(0..4) == 0;
    let hour = |time: i64| if whole_hours { time - time % (3600 * SECOND) } else { time };
    let top = (!text.by.is_empty()).then(|| rng.u64(1..12));
    let (from, to) = (from.map(hour), to.map(|to| hour(to) + 3600 * SECOND));
    // The usual ones of a summary tell first and last, which series do not know.
    let measures = if text.by.is_empty() && text.measures.is_empty() { "flows,packets".into() } else { text.measures.clone() };
    QuestionText { series: String::new(), measures, summary: text.by.is_empty(), spread: true, top, from, to, ..text }
}

fn asked(store: &Store, text: &QuestionText) -> Answer {
    let question = Question::new(text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    ask(&store.snapshot(), &question, &AskLimits::default(), &Cancel::new()).unwrap()
}

fn is_approximate(answer: &Answer) -> bool {
    answer.notes.iter().any(|note| matches!(note, Note::SeriesDisplaced | Note::SeriesRest))
}

/// Rows in which something is, and the totals; standard errors stand for themselves, because series round them minute by minute.
fn numbers(answer: &Answer) -> (Vec<Vec<Cell>>, Vec<Cell>) {
    let Body::Table(AnswerTable { columns, rows, totals, .. }) = &answer.body else { panic!("records") };
    let plain = |row: &Vec<Cell>| {
        let cells = row.iter().zip(columns).filter(|(_, column)| column.role != Role::StandardError);
        cells.map(|(cell, _)| cell.clone()).collect::<Vec<_>>()
    };
    let measures = columns.iter().filter(|column| column.role == Role::Measure).count();
    let is_something = |row: &Vec<Cell>| {
        row.iter().rev().take(measures).any(|cell| !matches!(cell, Cell::Number(0) | Cell::Absent) && *cell != Cell::Real(0.0))
    };
    (rows.iter().map(plain).filter(is_something).collect(), plain(totals))
}

/// Asks many questions of both, and gives how many answers said that they are approximate.
fn compare(seed: u64, config: &Config, mix: Mix) -> (usize, usize) {
    let mut rng = Rng::with_seed(seed);
    let parts: Vec<_> = (0..3).map(|_| records(&mut rng, mix, 400)).collect();
    let (_folder, with_series) = store(sums(config), &parts);
    let (_other, without) = store(no_summary(), &parts);
    let (mut exact, mut approximate) = (0, 0);
    for _ in 0..40 {
        let text = question(&mut rng);
        let (fast, slow) = (asked(&with_series, &text), asked(&without, &text));
        assert_eq!((fast.source, slow.source), (AnswerSource::Series, AnswerSource::Records), "{text:?}");
        if is_approximate(&fast) {
            approximate += 1;
            continue;
        }
        exact += 1;
        assert_eq!(numbers(&fast), numbers(&slow), "seed {seed}: {text:?}");
        if text.from.is_none() && text.to.is_none() {
            let rates = |answer: &Answer| {
                let is_of_rates = |note: &&Note| matches!(note, Note::Sampled { .. } | Note::RateUnknown { .. });
                answer.notes.iter().filter(is_of_rates).cloned().collect::<Vec<_>>()
            };
            assert_eq!(rates(&fast), rates(&slow), "seed {seed}: {text:?}");
        }
    }
    with_series.close(Duration::from_secs(60)).unwrap();
    (exact, approximate)
}

#[test]
fn an_answer_from_series_is_that_of_records_unless_it_says_otherwise() {
    let plenty = Config::default();
    // Nothing is too long, and there is room for everything.
    for seed in 0..4 {
        let mix = Mix { exporters: 3, values: 6, long: u64::MAX, sampled: seed % 2 == 0 };
        let (exact, approximate) = compare(seed, &plenty, mix);
        assert_eq!((exact, approximate), (40, 0), "seed {seed}");
    }
    // A few records are too long: of some hours alone, or of all.
    let few = (0..4).map(|seed| compare(100 + seed, &plenty, Mix { exporters: 3, values: 6, long: 600, sampled: true }));
    let (exact, approximate) = few.reduce(|one, other| (one.0 + other.0, one.1 + other.1)).unwrap();
    assert!(exact > 0 && approximate > 0, "{exact} exact, {approximate} approximate");
    // More values, and more sources and minutes, than there is room for.
    let narrow = Config { values: 4, ..Config::default() };
    let (exact, approximate) = compare(200, &narrow, Mix { exporters: 2, values: 9, long: u64::MAX, sampled: true });
    assert!(exact > 0 && approximate > 0, "{exact} exact, {approximate} approximate");
    let crowded = Config { cells: 40, ..Config::default() };
    let (_, approximate) = compare(300, &crowded, Mix { exporters: 5, values: 4, long: u64::MAX, sampled: true });
    assert!(approximate > 0, "{approximate} approximate");
}
