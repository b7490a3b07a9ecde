//! What the fuzz targets share: lists of messages, a fresh decoder an input, and what has to hold afterwards.
//!
//! An input is a list: each message behind a head of 2 octets in network order, whose lower 14 bits are its length and whose upper two choose the
//! sender. The last message may be shorter than it says. Every input starts without state, so that what fails once fails again.

use std::sync::LazyLock;

use serde_json::Value;
use weir_codec::{Config, Datagram, Decoder, Output, Protocol};
use weir_query::{Filter, Mask};
use weir_record::write::json::JsonWriter;
use weir_record::{Address, FlowBatch, Table};

pub mod meter;

/// 2 March 2026, 09:00 UTC, the minute of the samples; nanoseconds.
const BEGIN: i64 = 1_772_442_000_000_000_000;
const SECOND: i64 = 1_000_000_000;
/// Rows beyond which an input's JSON is not read back; small inputs can make many rows.
const READ_BACK: usize = 2_000;
/// Filters that look at many kinds of column.
const FILTERS: [&str; 4] = [
    "any",
    "port 443 or net 198.51.100.0/24",
    "not bytes > 1k and duration >= 0s",
    "in if 1 or as 64500 or app_name contains \"s\"",
];

/// The messages of an input, with the number of their sender, 0 to 3.
pub fn messages(mut input: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = input.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*head) & 0x3fff).min(rest.len());
        let (message, rest) = rest.split_at(length);
        input = rest;
        Some((head[0] >> 6, message))
    })
}

/// The messages as datagrams that come a second apart: from two ports, another address, and a stream.
pub fn datagrams<'a>(messages: impl Iterator<Item = (u8, &'a [u8])>) -> impl Iterator<Item = Datagram<'a>> {
    messages.zip(1..).map(|((sender, payload), second)| Datagram {
        payload,
        from: Address::from(std::net::Ipv4Addr::new(192, 0, 2, 1 + (sender >> 1))),
        port: 50_000 + u16::from(sender & 1),
        stream: (sender == 3).then_some(1),
        received: BEGIN + second * SECOND,
    })
}

/// Decodes the messages of an input, as a protocol or as whatever each is, and checks what came out.
pub fn decode(input: &[u8], protocol: Option<Protocol>) {
    let mut decoder = Decoder::new(Config::default());
    let mut out = Output::default();
    for datagram in datagrams(messages(input)) {
        match protocol {
            Some(protocol) => decoder.decode_as(protocol, &datagram, &mut out),
            None => decoder.decode(&datagram, &mut out),
        }
    }
    decoder.expire(i64::MAX);
    out.finish();
    let stats = decoder.stats();
    assert_eq!(stats.pending, 0, "what waited too long is given up");
    assert_eq!(stats.records, out.flows.rows() as u64, "every record counted is a row");
    assert_eq!(stats.counter_samples, out.counters.rows() as u64, "every counter sample is a row");
    assert_eq!(stats.options_records, out.options.rows() as u64, "every options record is a row");
    check(&out.flows);
    check(&out.counters);
    check(&out.options);
    filter(&out.flows);
}

/// No column is longer than its table, and every row is a JSON object.
fn check<T: Table>(batch: &T) {
    let rows = batch.rows();
    for (place, info) in T::COLUMNS.iter().enumerate() {
        assert!(batch.any(place).validity().len() <= rows, "column {} is longer than the batch", info.name);
    }
    if rows > READ_BACK {
        return;
    }
    let mut json = Vec::new();
    JsonWriter::new().write(&mut json, batch, 0..rows);
    let lines = json.split_inclusive(|octet| *octet == b'\n');
    let objects =
        lines.map(|line| serde_json::from_slice::<Value>(line)).filter(|value| value.as_ref().is_ok_and(Value::is_object));
    assert_eq!(objects.count(), rows, "every row is one object on one line");
}

/// A filter and its negation share the rows out between them.
fn filter(flows: &FlowBatch) {
    static PARSED: LazyLock<Vec<[Filter; 2]>> = LazyLock::new(|| {
        let parse = |text: &str| Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        FILTERS.iter().map(|text| [parse(text), parse(&format!("not ({text})"))]).collect()
    });
    let mut mask = Mask::new();
    for both in PARSED.iter() {
        let counts = both.each_ref().map(|filter| {
            filter.evaluate(flows, &mut mask);
            mask.count()
        });
        assert_eq!(counts.iter().sum::<usize>(), flows.rows(), "{}", both[0]);
    }
}
