//! Rows a second summed up by one worker, from batches as a scan hands them over.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use weir_query::{Aggregation, AggregationLimits, Answer, Mask, Pass, Question, QuestionText};
use weir_record::{Address, FlowBatch};

const BATCH: usize = 16_384;
const BATCHES: usize = 64;

/// Flows of 65,536 hosts, few of which send most, to as many others; nearly every row is a group of its own by four keys.
fn batches() -> Vec<FlowBatch> {
    let mut state = 1u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let host = |number: u64| (number & 0xffff) as u32 & (number >> 16) as u32 | 0x0a00_0000;
    (0..BATCHES)
        .map(|index| {
            let mut batch = FlowBatch::new();
            for row in 0..BATCH {
                batch.src_addr.push(row, Address::v4(host(next())));
                batch.dst_addr.push(row, Address::v4((next() >> 40) as u32 & 0xffff | 0xc0a8_0000));
                batch.protocol.push(row, if next() % 10 < 7 { 6 } else { 17 });
                batch.dst_port.push(row, (next() >> 48) as u16);
                batch.packets.push(row, 1 + next() % 1000);
                batch.bytes.push(row, 40 << (next() % 20));
                let end = 1_767_261_600_000_000_000 + (index * BATCH + row) as i64 * 1_000_000;
                batch.time_start.push(row, end - (next() % 60_000_000_000) as i64);
                batch.time_end.push(row, end);
                batch.time_received.push(row, end);
            }
            batch.advance(BATCH);
            batch.finish();
            batch
        })
        .collect()
}

fn answer(question: &Question, batches: &[FlowBatch], mask: &Mask) -> Answer {
    let mut aggregation = Aggregation::new(question, AggregationLimits::default(), 1);
    loop {
        let mut worker = aggregation.worker();
        for batch in batches {
            let _ = worker.feed(batch, mask);
        }
        if let Pass::Done(answer) = aggregation.end_pass(vec![worker]).expect("an answer within the limits") {
            return *answer;
        }
    }
}

fn aggregate(criterion: &mut Criterion) {
    let batches = batches();
    let mut mask = Mask::new();
    mask.select_all(BATCH);
    let mut group = criterion.benchmark_group("aggregate");
    group.throughput(Throughput::Elements((BATCH * BATCHES) as u64));
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    let questions = [
        (
            "top sources",
            QuestionText { by: "src_addr".to_owned(), measures: "bytes".to_owned(), top: Some(10), ..QuestionText::default() },
        ),
        ("top sources, five measures", QuestionText { by: "src_addr".to_owned(), top: Some(10), ..QuestionText::default() }),
        (
            "four keys",
            QuestionText {
                by: "src_addr,dst_addr,protocol,dst_port".to_owned(),
                measures: "bytes".to_owned(),
                top: Some(10),
                ..QuestionText::default()
            },
        ),
        ("either port", QuestionText { by: "port".to_owned(), top: Some(10), ..QuestionText::default() }),
        ("series", QuestionText { series: "5m".to_owned(), ..QuestionText::default() }),
        (
            "distinct",
            QuestionText { by: "protocol".to_owned(), measures: "distinct(src_addr)".to_owned(), ..QuestionText::default() },
        ),
    ];
    for (name, text) in questions {
        let question = Question::new(&text).expect("the texts above are questions");
        group.bench_function(name, |bencher| {
            bencher.iter_batched(|| (), |()| black_box(answer(&question, &batches, &mask)), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, aggregate);
criterion_main!(benches);
