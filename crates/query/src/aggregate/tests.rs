//! Aggregation against a plain one: a row at a time, into maps.

mod reference;

use proptest::prelude::*;
use weir_record::FlowBatch;

use super::*;
use crate::question::QuestionText;
use crate::testing::Random;
use crate::Mask;

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
    "src_addr", "dst_addr/8", "src_addr/24/48", "ip", "port", "ip,port", "protocol", "src_port,dst_port", "app", "country", "app,src_addr,dst_addr,protocol,dst_port",
    "client ip", "server port", "tcp_flags", "dscp", "src_mac", "time_suspect", "record_kind", "format,exporter", "http_host,tls_sni", "extra.a", "flow_id", "minute", "hour,ip",
    "src_addr,dst_addr,next_hop,exporter", "client country", "time_start",
];
const MEASURES: &[&str] = &[
    "bytes", "flows,samples,connections,records", "packets,bytes,bpp", "rtt avg,rtt max,rtt min,rtt p50,rtt p99", "srt avg,srt p90,srt min,srt max", "distinct(src_addr)",
    "distinct(port),distinct(app)", "retransmissions,frame_bytes,http_count", "first,last,bytes", "bps,pps", "dropped_packets,ttl_min max,rtt sum",
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
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn questions_are_answered_as_the_reference_does(seed in any::<u64>(), rows in 0usize..200, workers in 1usize..4) {
        let mut random = Random::new(seed);
        let batches = batches(&mut random, rows);
        let case = Case { text: text(&mut random), workers, limits: AggregationLimits::default() };
        let (answer, _) = answer(&case, &batches).unwrap();
        reference::check(&case.text, &batches, &answer).map_err(TestCaseError::fail)?;
    }
}
