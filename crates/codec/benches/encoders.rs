//! Rows as the meter makes them to messages in memory, in every protocol that can be exported.
//!
//! `cargo bench -p weir-codec --bench encoders`

#![allow(clippy::print_stdout, reason = "says what it measures")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use weir_codec::encode::{EncodeOptions, Encoder, TemplateProtocol};
use weir_codec::{fastnetmon, netflow5};

#[path = "../tests/it/meter_rows.rs"]
mod meter_rows;

use meter_rows::{NOW, meter_rows};

fn benchmarks(criterion: &mut Criterion) {
    let flows = meter_rows(5000, 1);
    let columns = flows.filled().map(|column| (0..flows.rows()).filter(|row| flows.column(column).is_present(*row)).count());
    println!("{} rows, {:.1} values a row", flows.rows(), columns.sum::<usize>() as f64 / flows.rows() as f64);
    let boot = NOW - 3_600_000_000_000;
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(flows.rows() as u64));
    let options = |protocol| EncodeOptions::new(protocol, boot);
    for (name, options) in [("ipfix", options(TemplateProtocol::Ipfix)), ("netflow9", options(TemplateProtocol::NetFlow9))] {
        let mut encoder = Encoder::new(options);
        group.bench_function(name, |bencher| {
            bencher.iter(|| encoder.encode(&flows, 0..flows.rows(), NOW, &mut |message| _ = black_box(message)));
        });
    }
    let mut encoder = netflow5::Encoder::new(netflow5::EncodeOptions::new(netflow5::Version::V5, boot));
    group.bench_function("netflow5", |bencher| {
        bencher.iter(|| encoder.encode(&flows, 0..flows.rows(), NOW, &mut |message| _ = black_box(message)));
    });
    let mut encoder = fastnetmon::Encoder::default();
    group.bench_function("fastnetmon", |bencher| {
        bencher.iter(|| encoder.encode(&flows, 0..flows.rows(), &mut |message| _ = black_box(message)));
    });
    group.finish();
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = benchmarks }
criterion_main!(benches);
