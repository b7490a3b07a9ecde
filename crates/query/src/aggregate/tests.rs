//! Aggregation against a plain one: a row at a time, into maps.

mod reference;

use proptest::prelude::*;
use weir_record::FlowBatch;

use super::*;
use crate::question::QuestionText;
use crate::testing::Random;
use crate::{Body, Cell, Mask};

/// What is asked and how it is worked on.
struct Case {
    text: QuestionText,
    workers: usize,
    limits: AggregationLimits,
}

/// Answers a question over batches that are dealt out to the workers in turn.
fn answer(case: &Case, batches: &[FlowBatch]) -> Result<(Answer, usize), AggregationError> {
    let question = Question::new(&case.text).unwrap_or_else(|error| panic!("{error}"));
    let mut aggregation = Aggregation::new(&question, case.limits, case.workers);
    for pass in 1.. {
        let mut workers: Vec<Worker> = (0..case.workers).map(|_| aggregation.worker()).collect();
        let mut mask = Mask::new();
        for (index, batch) in batches.iter().enumerate() {
            question.filter().evaluate(batch, &mut mask);
            crate::time::restrict(batch, question.from(), question.to(), &mut mask);
            let _ = workers[index % case.workers].feed(batch, &mask);
        }
        if let Pass::Done(answer) = aggregation.end_pass(workers)? {
            return Ok((*answer, pass));
        }
    }
    unreachable!("an endless aggregation")
}

const KEYS: &[&str] = &[
    "src_addr",
    "dst_addr/8",
    "src_addr/24/48",
    "ip",
    "port",
    "ip,port",
    "protocol",
    "src_port,dst_port",
    "app",
    "application",
    "country,application",
    "country",
    "app,src_addr,dst_addr,protocol,dst_port",
    "client ip",
    "server port",
    "tcp_flags",
    "dscp",
    "src_mac",
    "time_suspect",
    "record_kind",
    "format,exporter",
    "http_host,tls_sni",
    "extra.a",
    "flow_id",
    "minute",
    "hour,ip",
    "src_addr,dst_addr,next_hop,exporter",
    "client country",
    "time_start",
];
const MEASURES: &[&str] = &[
    "bytes",
    "flows,samples,connections,records",
    "packets,bytes,bpp",
    "rtt avg,rtt max,rtt min,rtt p50,rtt p99",
    "srt avg,srt p90,srt min,srt max",
    "distinct(src_addr)",
    "distinct(port),distinct(app)",
    "retransmissions,frame_bytes,http_count",
    "first,last,bytes",
    "bps,pps",
    "dropped_packets,ttl_min max,rtt sum",
];
const FILTERS: &[&str] = &["", "proto tcp", "bytes > 1000", "not record_kind event", "src port exists"];

fn text(random: &mut Random) -> QuestionText {
    let mut text = QuestionText {
        by: random.pick(KEYS).to_owned(),
        measures: random.pick(MEASURES).to_owned(),
        filter: random.pick(FILTERS).to_owned(),
        unscaled: random.chance(30),
        ..QuestionText::default()
    };
    match random.below(4) {
        0 => text.by = String::new(),
        1 => text.top = Some(1 + random.below(20) as u64),
        _ => {}
    }
    if random.chance(30) || text.by.is_empty() && random.chance(50) {
        text.series = random.pick(&["1s", "1m", "1h", "7m"]).to_owned();
    }
    if random.chance(40) || !text.series.is_empty() {
        text.from = Some(reference::TEN - 1_800_000_000_000);
        text.to = Some(reference::TEN + 5_400_000_000_001);
    }
    text.summary = text.by.is_empty() && text.series.is_empty();
    text.spread = text.series.is_empty() && random.chance(50);
    text
}

fn batches(random: &mut Random, rows: usize) -> Vec<FlowBatch> {
    let count = 1 + random.below(5);
    (0..count)
        .map(|_| {
            let mut batch = random.batch(rows);
            reference::calm(&mut batch);
            batch
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn questions_are_answered_as_the_reference_does(seed in any::<u64>(), rows in 0usize..200, workers in 1usize..4) {
        let mut random = Random::new(seed);
        let batches = batches(&mut random, rows);
        let case = Case { text: text(&mut random), workers, limits: AggregationLimits::default() };
        let (answer, _) = answer(&case, &batches).unwrap();
        reference::check(&case.text, &batches, &answer).map_err(TestCaseError::fail)?;
    }
}

/// Wide keys, so that nearly every row is a group of its own.
fn many_groups(random: &mut Random) -> (QuestionText, Vec<FlowBatch>) {
    let text = QuestionText {
        by: random
            .pick(&["src_addr,dst_addr,src_port,dst_port,protocol", "ip,port", "app,src_addr,dst_port", "flow_id,src_mac"])
            .to_owned(),
        measures: "bytes,flows".to_owned(),
        sort: random.pick(&["bytes", "flows", ""]).to_owned(),
        having: random.pick(&["", "", "flows < 3"]).to_owned(),
        top: Some(1 + random.below(30) as u64),
        ..QuestionText::default()
    };
    let batches = (0..4).map(|_| random.batch(300)).collect::<Vec<_>>();
    let calmed = batches.into_iter().map(|mut batch| {
        reference::calm(&mut batch);
        batch
    });
    (text, calmed.collect())
}

#[test]
fn the_largest_of_more_groups_than_fit_are_exact() {
    let mut most_passes = 0;
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let (mut text, batches) = many_groups(&mut random);
        let limits = AggregationLimits { groups: 120, memory: 1 << 20, slots: 1000 };
        text.having.clear();
        let case = Case { text, workers: 1 + seed as usize % 3, limits };
        let (answer, passes) = answer(&case, &batches).unwrap();
        reference::check(&case.text, &batches, &answer).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{:?}", case.text));
        most_passes = passes.max(most_passes);
    }
    assert!(most_passes > 3, "{most_passes} passes: the limit is never met");
}

#[test]
fn conditions_on_groups_hold_whatever_the_way() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let (mut text, batches) = many_groups(&mut random);
        text.having = "flows < 3 and bytes > 5k".to_owned();
        text.sort = "bytes".to_owned();
        let whole = Case { text: text.clone(), workers: 1, limits: AggregationLimits::default() };
        let few = Case { text, workers: 2, limits: AggregationLimits { groups: 150, memory: 1 << 20, slots: 1000 } };
        let bytes = |case: &Case| {
            let Body::Table(table) = answer(case, &batches).unwrap().0.body else { panic!("records") };
            let place = table.columns.iter().position(|column| column.name == "bytes").unwrap();
            table.rows.iter().map(|row| row[place].clone()).collect::<Vec<_>>()
        };
        let (one, other) = (bytes(&whole), bytes(&few));
        assert_eq!(one, other, "seed {seed}");
        assert!(one.iter().all(|cell| cell.compare(&Cell::Number(5000)) == Some(std::cmp::Ordering::Greater)));
    }
}

#[test]
fn all_of_too_many_groups_are_refused() {
    let mut random = Random::new(3);
    let (mut text, batches) = many_groups(&mut random);
    text.top = None;
    text.having = String::new();
    let case = Case { text, workers: 2, limits: AggregationLimits { groups: 50, memory: 1 << 30, slots: 10 } };
    let error = answer(&case, &batches).unwrap_err();
    assert_eq!(error, AggregationError::TooManyGroups { limit: 50 });
    assert!(error.to_string().contains("`top`"));
    let text = QuestionText { series: "1s".to_owned(), ..QuestionText::default() };
    let case = Case { text, workers: 1, limits: AggregationLimits { groups: 1_000_000, memory: 1 << 30, slots: 10 } };
    assert_eq!(answer(&case, &batches).unwrap_err(), AggregationError::TooManySlots { limit: 10 });
}

#[test]
fn samples_are_scaled_and_told_with_their_error() {
    let mut batch = FlowBatch::new();
    for row in 0..100 {
        batch.record_kind.push(row, weir_record::names::SAMPLE);
        batch.bytes.push(row, 1000);
        batch.packets.push(row, 1);
        batch.sampling_rate.push(row, 400);
    }
    batch.advance(100);
    let text = QuestionText { summary: true, measures: "flows,samples,packets,bytes".to_owned(), ..QuestionText::default() };
    let case = Case { text, workers: 1, limits: AggregationLimits::default() };
    let (answer, _) = answer(&case, &[batch]).unwrap();
    let Body::Table(table) = &answer.body else { panic!("records") };
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["flows", "samples", "packets", "packets_error", "bytes", "bytes_error"]);
    // sqrt(100 * 400 * 399) packets, each of 1000 bytes.
    let number = Cell::Number;
    assert_eq!(table.rows, [vec![number(0), number(100), number(40_000), number(3995), number(40_000_000), number(3_994_997)]]);
    assert_eq!(answer.notes, [crate::Note::Sampled { records: 100 }]);
}

#[test]
fn sums_past_64_bits_stay_at_their_end_and_are_told() {
    let mut batch = FlowBatch::new();
    for row in 0..3 {
        batch.src_port.push(row, 1);
        batch.bytes.push(row, u64::MAX / 2);
    }
    batch.advance(3);
    let text = QuestionText { by: "src_port".to_owned(), measures: "bytes".to_owned(), ..QuestionText::default() };
    let case = Case { text, workers: 1, limits: AggregationLimits::default() };
    let (answer, _) = answer(&case, &[batch]).unwrap();
    let Body::Table(table) = &answer.body else { panic!("records") };
    assert_eq!(table.rows, [vec![Cell::Number(1), Cell::Number(u64::MAX)]]);
    assert!(answer.notes.contains(&crate::Note::Overflow));
}
