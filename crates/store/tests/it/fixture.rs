//! Records that are the same in each run, and stores of them.

use std::path::Path;

use weir_query::Filter;
use weir_record::{Address, CounterBatch, FlowBatch, names};
use weir_store::{Cancel, Rows, Snapshot, SqlLimits, Store, StoreConfig, no_summary, sql};

/// 2026-01-01T10:00:00Z.
pub(crate) const BEGIN: i64 = 1_767_261_600_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// Records of places `from..to`: one a second; IPv4 and IPv6; each seventh a sample, each eleventh an event; some columns with gaps.
pub(crate) fn flows(from: u64, to: u64) -> FlowBatch {
    let mut batch = FlowBatch::new();
    for number in from..to {
        let row = (number - from) as usize;
        let time = BEGIN + number as i64 * SECOND;
        batch.time_received.push(row, time);
        batch.time_start.push(row, time - SECOND / 2);
        batch.time_end.push(row, time - SECOND / 4);
        batch.exporter.push(row, Address::v4(0xc000_0201));
        let v6 = |low: u64| Address::from_halves(0x2001_0db8_0000_0000, low);
        let source = if number % 3 == 0 { v6(number % 50) } else { Address::v4(0x0a00_0000 | (number % 200) as u32) };
        batch.src_addr.push(row, source);
        batch
            .dst_addr
            .push(row, if number % 3 == 0 { Address::from_halves(0, 0xffff_0a00_0001) } else { Address::v4(0xac10_0001) });
        batch.src_port.push(row, (1024 + number % 60_000) as u16);
        batch.dst_port.push(row, [443, 80, 53][(number % 3) as usize]);
        batch.protocol.push(row, if number % 3 == 2 { 17 } else { 6 });
        batch.bytes.push(row, 40 + number * 7919 % 1_000_000);
        batch.packets.push(row, 1 + number % 97);
        if number % 5 == 0 {
            batch.tls_sni.push(row, ["www.shop.example", "a, \"b\"\nc"][(number % 2) as usize]);
            batch.src_mac.push(row, 0x0200_0000_0000 | number);
            batch.mpls_labels.push(row, [number as u32 % 16, 7]);
        }
        match number {
            number if number % 11 == 0 => batch.record_kind.push(row, names::EVENT),
            number if number % 7 == 0 => batch.record_kind.push(row, names::SAMPLE),
            _ => {}
        }
    }
    batch.advance((to - from) as usize);
    batch.finish();
    batch
}

/// Counter samples of one interface.
pub(crate) fn counters(count: u64) -> CounterBatch {
    let mut batch = CounterBatch::new();
    for number in 0..count {
        let row = number as usize;
        batch.time_received.push(row, BEGIN + number as i64 * 60 * SECOND);
        batch.exporter.push(row, Address::v4(0xc000_0201));
        batch.if_index.push(row, 3);
        batch.in_octets.push(row, number * 1000);
    }
    batch.advance(count as usize);
    batch.finish();
    batch
}

/// A store that does nothing by itself.
pub(crate) fn open(folder: &Path) -> Store {
    let config =
        StoreConfig { background: false, retention: None, series_retention: None, reserve: 0, ..StoreConfig::new(folder) };
    Store::open(config, no_summary()).unwrap()
}

pub(crate) fn append(store: &Store, batch: &FlowBatch) {
    store.append(Rows { flows: Some(batch), counters: None, health: None }).unwrap();
    store.commit().unwrap();
}

/// Makes files of what is in the journal, at a time when none is old enough to be merged.
pub(crate) fn compact(store: &Store) {
    store.seal();
    store.maintain(BEGIN).unwrap();
}

/// Records 0..20,000 in files, of two segments, and 20,000..20,500 in the journal; ten counter samples.
pub(crate) fn filled(folder: &Path) -> Store {
    let store = open(folder);
    append(&store, &flows(0, 12_000));
    store.append(Rows { flows: None, counters: Some(&counters(10)), health: None }).unwrap();
    compact(&store);
    append(&store, &flows(12_000, 20_000));
    compact(&store);
    append(&store, &flows(20_000, 20_500));
    store
}

/// The answer to a statement, a line of JSON a row.
pub(crate) fn ask(snapshot: &Snapshot, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for rows in sql(snapshot, text, &SqlLimits::default(), &Cancel::new()).unwrap_or_else(|error| panic!("{text}: {error}")) {
        let rows = rows.unwrap();
        for row in 0..rows.rows() {
            let mut line = Vec::new();
            rows.write_json_array(row, &mut line);
            lines.push(String::from_utf8(line).unwrap());
        }
    }
    lines
}

/// How many records of `0..to` are flows or samples and pass a condition.
pub(crate) fn count(to: u64, condition: impl Fn(u64) -> bool) -> u64 {
    (0..to).filter(|number| number % 11 != 0 && condition(*number)).count() as u64
}

pub(crate) fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap()
}
