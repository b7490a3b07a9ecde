//! Nanoseconds a record of continuous series, over batches like those of flowgen's wide records: 20 exporters, flows of up to a
//! minute, 48 interfaces, 400 systems, addresses with a long tail; and what giving the rows costs.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use weir_analytics::{ChannelWindows, Config, Summed, Windows};
use weir_query::Filter;
use weir_record::{Address, FlowBatch};

const BATCHES: usize = 100;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Many small numbers, a long tail.
    fn tail(&mut self, end: u64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        ((end as f64).powf(unit) as u64 - 1).min(end - 1)
    }
}

fn batches(rows: usize, rate: Option<u32>) -> Vec<FlowBatch> {
    let mut random = Random(88_172_645_463_325_252);
    (0..BATCHES)
        .map(|number| {
            let mut batch = FlowBatch::new();
            for row in 0..rows {
                // A minute of records.
                let end = 1_767_225_600_000_000_000 + (number * rows + row) as i64 * (60_000_000_000 / (BATCHES * rows) as i64);
                let (client, server) = (random.tail(200_000), random.tail(50_000));
                batch.time_received.push(row, end + 1_000_000_000);
                batch.time_start.push(row, end - random.below(60_000) as i64 * 1_000_000);
                batch.time_end.push(row, end);
                batch.exporter.push(row, Address::v4(0x7f00_0001 + (row / 25 % 20) as u32));
                let address = |host: u64| {
                    if host.is_multiple_of(5) {
                        Address::from_halves(0x2001_0db8 << 32, host)
                    } else {
                        Address::v4(0x0a00_0000 | host as u32)
                    }
                };
                batch.src_addr.push(row, address(client));
                batch.dst_addr.push(row, address(server | 1 << 20));
                batch.src_port.push(row, random.below(60_000) as u16);
                batch.dst_port.push(row, 443);
                batch.protocol.push(row, if random.below(3) == 0 { 17 } else { 6 });
                batch.in_if.push(row, 1 + random.below(48) as u32);
                batch.out_if.push(row, 1 + random.below(48) as u32);
                batch.src_as.push(row, 64_512 + random.tail(400) as u32);
                batch.dst_as.push(row, 64_512 + random.tail(400) as u32);
                let packets = 1 + random.tail(10_000);
                batch.packets.push(row, packets);
                batch.bytes.push(row, packets * (40 + random.below(1460)));
                batch.sampling_rate.push_some(row, rate);
            }
            batch.advance(rows);
            batch
        })
        .collect()
}

/// Twenty channels as people make them: by protocol, port, network and interface.
fn channels() -> Vec<Summed> {
    let filter = |number: u64| match number % 4 {
        0 => format!("proto tcp and dst port {}", 440 + number),
        1 => format!("ip in [10.{number}.0.0/16 2001:db8::/32]"),
        2 => format!("in if {number} or out if {number}"),
        _ => format!("proto udp and src net 10.0.0.0/8 and bytes > {number}00"),
    };
    (0..20).map(|number| Summed { number, filter: Filter::parse(&filter(number)).unwrap_or_else(|_| Filter::any()) }).collect()
}

fn windows(c: &mut Criterion) {
    let mut group = c.benchmark_group("windows");
    for (name, rows, rate) in [("8192 rows", 8192, None), ("1000 rows", 1000, None), ("8192 rows, sampled", 8192, Some(100))] {
        let batches = batches(rows, rate);
        group.throughput(Throughput::Elements((rows * BATCHES) as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut windows = Windows::new(Config::default());
                batches.iter().for_each(|batch| windows.feed(black_box(batch)));
                windows
            });
        });
    }
    let batches_of_channels = batches(8192, None);
    group.throughput(Throughput::Elements(8192 * BATCHES as u64));
    group.bench_function("8192 rows, 20 channels", |b| {
        b.iter(|| {
            let mut windows = Windows::with_channels(Config::default(), channels());
            batches_of_channels.iter().for_each(|batch| windows.feed(black_box(batch)));
            windows
        });
    });
    group.bench_function("8192 rows of the past, 20 channels", |b| {
        b.iter(|| {
            let mut windows = ChannelWindows::new(channels());
            batches_of_channels.iter().for_each(|batch| windows.feed(black_box(batch)));
            windows
        });
    });
    let mut windows = Windows::new(Config::default());
    batches(8192, None).iter().for_each(|batch| windows.feed(batch));
    let rows = windows.rows().rows();
    group.throughput(Throughput::Elements(rows as u64));
    group.bench_function("rows out", |b| b.iter(|| windows.rows()));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    targets = windows
}
criterion_main!(benches);
