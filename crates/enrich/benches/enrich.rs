//! Nanoseconds a record of enrichment: without tables, with sources, with country, AS and group of both sides.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use weir_enrich::{Group, InterfaceSettings, Parts, Prefix, Scratch, SourceSettings, Tables};
use weir_record::{Address, FlowBatch};

const ROWS: usize = 8192;

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Records of 20 exporters, a fifth of them IPv6, addresses that hardly ever come twice.
fn batch() -> FlowBatch {
    let mut state = 1;
    let mut batch = FlowBatch::new();
    for row in 0..ROWS {
        let mut address = || match random(&mut state) {
            number if number % 5 == 0 => Address::from_halves(0x2000_0000_0000_0000 | number >> 3, number),
            number => Address::v4((number >> 8) as u32),
        };
        batch.src_addr.push(row, address());
        batch.dst_addr.push(row, address());
        batch.exporter.push(row, Address::v4(0xc000_0200 | (row / 25 % 20) as u32));
        batch.in_if.push(row, 1 + row as u32 % 48);
        batch.out_if.push(row, 1 + row as u32 * 7 % 48);
        batch.src_as.push(row, 0);
        batch.dst_as.push(row, 0);
    }
    batch.advance(ROWS);
    batch
}

/// As many ranges as a database of countries and systems makes: half a million prefixes of each family.
fn groups() -> Vec<Group> {
    let mut state = 7;
    let group = |address: IpAddr, length: u8, number: u64| Group {
        prefix: Prefix::new(address, length).unwrap_or_else(|| Prefix::host(address)),
        name: format!("group {}", number % 300),
    };
    let v4: Vec<Group> = (0..500_000u64)
        .map(|number| group(IpAddr::V4((random(&mut state) as u32).into()), 20 + (number % 5) as u8, number))
        .collect();
    let mut groups = v4;
    for number in 0..500_000u64 {
        let high = 0x2000_0000_0000_0000 | random(&mut state) >> 3;
        groups.push(group(IpAddr::V6((u128::from(high) << 64).into()), 32 + (number % 17) as u8, number));
    }
    groups.sort_by_key(|group| group.prefix);
    groups.dedup_by_key(|group| group.prefix);
    groups
}

fn sources() -> Vec<SourceSettings> {
    let interface =
        |index: u32| InterfaceSettings { index, name: Some(format!("et-0/0/{index}")), ..InterfaceSettings::default() };
    let source = |number: u8| SourceSettings {
        prefixes: vec![Prefix::host(IpAddr::V4([192, 0, 2, number].into()))],
        name: Some(format!("router{number}")),
        interfaces: (1..=48).map(interface).collect(),
        ..SourceSettings::default()
    };
    (0..20).map(source).collect()
}

fn enrich(c: &mut Criterion) {
    let records = batch();
    let cases = [
        ("no tables", Parts::default()),
        ("names of exporters and interfaces", Parts { sources: sources(), ..Parts::default() }),
        ("a million prefixes", Parts { groups: groups(), ..Parts::default() }),
    ];
    let mut group = c.benchmark_group("enrich");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, parts) in cases {
        let Ok(tables) = Tables::new(&parts) else {
            continue;
        };
        let mut scratch = Scratch::default();
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                || records.clone(),
                |batch| tables.enrich(black_box(batch), 0..ROWS, &mut scratch),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = enrich
}
criterion_main!(benches);
