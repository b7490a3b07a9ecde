//! Rows a second of filters over a batch of 8192 rows that stays in the cache, as decoded batches do.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use weir_query::{Filter, Mask};
use weir_record::{Address, FlowBatch};

const ROWS: usize = 8192;

/// Mixed traffic: 70% TCP, 40% of it to port 443, 20% IPv6, sizes over seven orders of magnitude.
fn batch() -> FlowBatch {
    let mut batch = FlowBatch::new();
    let mut state = 1u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for row in 0..ROWS {
        let address = |number: u64| match number % 5 {
            0 => Address::from_halves(0x2001_0db8_0000_0000 | number >> 40, number),
            _ => Address::v4((number >> 16) as u32),
        };
        batch.src_addr.push(row, address(next()));
        batch.dst_addr.push(row, address(next()));
        batch.protocol.push(row, if next() % 10 < 7 { 6 } else { 17 });
        batch.src_port.push(row, 1024 + (next() % 60_000) as u16);
        batch.dst_port.push(row, if next() % 10 < 4 { 443 } else { (next() % 1024) as u16 });
        batch.bytes.push(row, 40 << (next() % 24));
        batch.packets.push(row, 1 + next() % 1000);
        let start = 1_767_261_600_000_000_000 + (next() % 60_000_000_000) as i64;
        batch.time_start.push(row, start);
        batch.time_end.push(row, start + (next() % 10_000_000_000) as i64);
        if next() % 10 < 3 {
            batch.tls_sni.push(row, if next() % 100 < 2 { "www.shop.example" } else { "static.cdn.example" });
        }
    }
    batch.advance(ROWS);
    batch
}

fn filters() -> Vec<(&'static str, String)> {
    let prefixes = |count: u32| {
        let prefixes: Vec<String> = (0..count)
            .map(|n| match n % 10 {
                0 => format!("2001:db8:{:x}::/48", n * 7),
                _ => format!("{}.{}.{}.0/24", n * 37 % 223 + 1, n * 11 % 256, n * 101 % 256),
            })
            .collect();
        format!("ip in [{}]", prefixes.join(" "))
    };
    vec![
        ("three terms", "proto tcp and port 443 and bytes > 1000".to_owned()),
        ("one number", "bytes > 1000".to_owned()),
        ("10 ports", "port in [22 25 53 80 110 143 443 993 3306 5432]".to_owned()),
        ("one prefix", "ip 10.0.0.0/8".to_owned()),
        ("1000 prefixes", prefixes(1000)),
        ("duration", "duration > 5s".to_owned()),
        ("bps", "bps > 1M".to_owned()),
        ("text", "sni contains \"shop\"".to_owned()),
        ("tcp and text", "tcp and port 443 and sni contains \"shop\"".to_owned()),
    ]
}

fn evaluate(criterion: &mut Criterion) {
    let batch = batch();
    let mut mask = Mask::new();
    let mut group = criterion.benchmark_group("filter");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    for (name, text) in filters() {
        let filter = Filter::parse(&text).expect("the texts above are filters");
        filter.evaluate(&batch, &mut mask);
        assert!((1..ROWS).contains(&mask.count()), "{name}: a filter for all rows or none measures little");
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(&filter).evaluate(black_box(&batch), &mut mask));
        });
    }
    group.finish();
}

fn parse(criterion: &mut Criterion) {
    for (name, text) in filters() {
        if matches!(name, "three terms" | "1000 prefixes") {
            criterion.bench_function(&format!("parse/{name}"), |bencher| {
                bencher.iter(|| Filter::parse(black_box(&text)));
            });
        }
    }
}

criterion_group!(benches, evaluate, parse);
criterion_main!(benches);
