//! NetFlow v5, sFlow v5 and FastNetMon Flow: datagrams in memory to columns; sFlow beside the crate `sflow-parser` on the same datagrams in the same run.
//!
//! `cargo bench -p weir-codec --bench datagram_protocols`
#![allow(clippy::print_stdout, reason = "says what it skips")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use weir_codec::{Config, Datagram, Decoder, Output, Protocol, fastnetmon};

/// Rows after which a batch is handed on, as the program does.
const BATCH: usize = 8192;
/// Records of a run.
const FLOWS: u64 = 200_000;

fn decode_all(decoder: &mut Decoder, out: &mut Output, datagrams: &[weir_testkit::Datagram]) -> u64 {
    let mut rows = 0;
    for datagram in datagrams {
        let from = datagram.source.ip().into();
        let (port, received) = (datagram.source.port(), datagram.time_ns);
        decoder.decode(&Datagram { payload: &datagram.payload, from, port, stream: None, received }, out);
        if out.flows.rows() >= BATCH {
            rows += out.flows.rows() as u64;
            out.finish();
            black_box(&out.flows);
            out.clear();
        }
    }
    rows += out.flows.rows() as u64;
    out.clear();
    rows
}

/// Every sample is made by the peer; the sampled headers stay undecoded octets there.
fn decode_with_peer(datagrams: &[weir_testkit::Datagram]) -> u64 {
    let mut samples = 0;
    for datagram in datagrams {
        let parsed = sflow_parser::parse_datagram(&datagram.payload).expect("the load generator makes whole datagrams");
        samples += parsed.samples.len() as u64;
        black_box(&parsed);
    }
    samples
}

fn generated(protocol: &str) -> Option<Vec<weir_testkit::Datagram>> {
    let flows = FLOWS.to_string();
    let datagrams = weir_testkit::generated(&["--proto", protocol, "--v6", "20", "--exporters", "20", "--flows", &flows]);
    if datagrams.is_none() {
        println!("skipped: the shared load generator is not here");
    }
    datagrams
}

fn netflow5(criterion: &mut Criterion) {
    let Some(datagrams) = generated("v5") else { return };
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    let rows = decode_all(&mut decoder, &mut out, &datagrams);
    assert_eq!((rows, decoder.stats().faults.total()), (FLOWS, 0));
    let mut group = criterion.benchmark_group("v5");
    group.throughput(Throughput::Elements(rows));
    group.bench_function("weir", |bencher| bencher.iter(|| decode_all(&mut decoder, &mut out, &datagrams)));
    group.finish();
}

fn sflow(criterion: &mut Criterion) {
    let Some(datagrams) = generated("sflow") else { return };
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    let rows = decode_all(&mut decoder, &mut out, &datagrams);
    assert_eq!((rows, decoder.stats().faults.total()), (FLOWS, 0));
    assert_eq!(decode_with_peer(&datagrams), rows);
    let mut group = criterion.benchmark_group("sflow");
    group.throughput(Throughput::Elements(rows));
    group.bench_function("weir", |bencher| bencher.iter(|| decode_all(&mut decoder, &mut out, &datagrams)));
    group.bench_function("sflow-parser", |bencher| bencher.iter(|| decode_with_peer(&datagrams)));
    group.finish();
}

/// The records of the sFlow run, sent on as FastNetMon Flow.
fn fastnetmon(criterion: &mut Criterion) {
    let Some(datagrams) = generated("sflow") else { return };
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    let mut messages = Vec::new();
    for datagram in &datagrams {
        let from = datagram.source.ip().into();
        let (port, received) = (datagram.source.port(), datagram.time_ns);
        decoder.decode(&Datagram { payload: &datagram.payload, from, port, stream: None, received }, &mut out);
        let rows = 0..out.flows.rows();
        fastnetmon::Encoder::default().encode(&out.flows, rows, &mut |message| {
            messages.push(weir_testkit::Datagram { payload: message.to_vec(), ..datagram.clone() });
        });
        out.clear();
    }
    let mut decode = || {
        let mut rows = 0;
        for message in &messages {
            let (from, port, received) = (message.source.ip().into(), message.source.port(), message.time_ns);
            let datagram = Datagram { payload: &message.payload, from, port, stream: None, received };
            decoder.decode_as(Protocol::FastNetMon, &datagram, &mut out);
            if out.flows.rows() >= BATCH {
                rows += out.flows.rows() as u64;
                out.clear();
            }
        }
        rows += out.flows.rows() as u64;
        out.clear();
        rows
    };
    let rows = decode();
    assert_eq!(rows, FLOWS);
    let mut group = criterion.benchmark_group("fastnetmon");
    group.throughput(Throughput::Elements(rows));
    group.bench_function("weir", |bencher| bencher.iter(&mut decode));
    group.finish();
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = netflow5, sflow, fastnetmon }
criterion_main!(benches);
