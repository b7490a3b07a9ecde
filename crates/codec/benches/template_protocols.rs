//! NetFlow v9 and IPFIX: datagrams in memory to columns, beside the crate `netflow_parser` on the same datagrams in the same run.
//!
//! `cargo bench -p weir-codec --bench template_protocols`

#![allow(clippy::print_stdout, reason = "says what it skips")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use weir_codec::{Config, Datagram, Decoder, Output};

/// Rows after which a batch is handed on, as the program does.
const BATCH: usize = 8192;

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

/// One parser an exporter; every field of every record is looked at.
fn decode_with_peer(parsers: &mut [netflow_parser::NetflowParser], datagrams: &[(usize, &[u8])]) -> u64 {
    use netflow_parser::NetflowPacket;
    let mut rows = 0;
    for (exporter, payload) in datagrams {
        for packet in parsers[*exporter].parse_bytes(payload).packets {
            match packet {
                NetflowPacket::V9(packet) => {
                    for set in packet.flowsets {
                        if let netflow_parser::variable_versions::v9::FlowSetBody::Data(data) = set.body {
                            for record in &data.fields {
                                rows += 1;
                                black_box(record.len());
                            }
                        }
                    }
                }
                NetflowPacket::IPFix(packet) => {
                    for set in packet.flowsets {
                        if let netflow_parser::variable_versions::ipfix::FlowSetBody::Data(data) = set.body {
                            for record in &data.fields {
                                rows += 1;
                                black_box(record.len());
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }
    rows
}

fn compare(criterion: &mut Criterion, protocol: &str) {
    let arguments = ["--proto", protocol, "--wide", "--v6", "20", "--exporters", "20", "--flows", "200000"];
    let Some(datagrams) = weir_testkit::generated(&arguments) else {
        println!("skipped: the shared load generator is not here");
        return;
    };
    let mut group = criterion.benchmark_group(format!("{protocol}-wide"));
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    let rows = decode_all(&mut decoder, &mut out, &datagrams);
    assert_eq!((rows, decoder.stats().faults.total()), (200_000, 0));
    group.throughput(Throughput::Elements(rows));
    group.bench_function("weir", |bencher| bencher.iter(|| decode_all(&mut decoder, &mut out, &datagrams)));

    let mut exporters: Vec<_> = datagrams.iter().map(|datagram| datagram.source).collect();
    exporters.sort();
    exporters.dedup();
    let mut parsers: Vec<_> = exporters.iter().map(|_| netflow_parser::NetflowParser::default()).collect();
    let place = |source| exporters.binary_search(source).expect("every source is in the list");
    let payloads: Vec<_> = datagrams.iter().map(|datagram| (place(&datagram.source), datagram.payload.as_slice())).collect();
    assert_eq!(decode_with_peer(&mut parsers, &payloads), rows);
    group.bench_function("netflow_parser", |bencher| bencher.iter(|| decode_with_peer(&mut parsers, &payloads)));
    group.finish();
}

fn benchmarks(criterion: &mut Criterion) {
    compare(criterion, "v9");
    compare(criterion, "ipfix");
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = benchmarks }
criterion_main!(benches);
