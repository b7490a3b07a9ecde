//! What the comparisons of the protocols without templates share: captures decoded into rows of JSON, and a count of fields that agree.
//!
//! Differences that have a reason are told in `differences.md` beside this file.

use serde_json::Value;
use weir_codec::{Config, Datagram, Decoder, Output, Stats};
use weir_record::Table;
use weir_record::write::json::JsonWriter;

/// A datagram's rows.
pub(crate) struct Rows {
    pub(crate) flows: Vec<Value>,
    /// Start and end of each flow, nanoseconds since 1970.
    pub(crate) times: Vec<[Option<i64>; 2]>,
    pub(crate) counters: Vec<Value>,
}

/// Decodes a capture; gives the frame number of each datagram with its rows.
pub(crate) fn decode(datagrams: &[weir_testkit::Datagram]) -> (Vec<(u64, Rows)>, Stats) {
    let mut decoder = Decoder::new(Config::default());
    let mut out = Output::default();
    let mut all = Vec::new();
    for datagram in datagrams {
        out.clear();
        let (from, port) = (datagram.source.ip().into(), datagram.source.port());
        let received = datagram.time_ns;
        decoder.decode(&Datagram { payload: &datagram.payload, from, port, stream: None, received }, &mut out);
        out.finish();
        let times = |row| [out.flows.time_start.get(row), out.flows.time_end.get(row)];
        let times = (0..out.flows.rows()).map(times).collect();
        all.push((datagram.frame, Rows { flows: json(&out.flows), times, counters: json(&out.counters) }));
    }
    (all, decoder.stats().clone())
}

fn json<T: Table>(batch: &T) -> Vec<Value> {
    let mut text = Vec::new();
    JsonWriter::new().write(&mut text, batch, 0..batch.rows());
    text.split(|octet| *octet == b'\n').take(batch.rows()).map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// Fields compared, and the first that differ.
#[derive(Default)]
pub(crate) struct Score {
    pub(crate) compared: u64,
    pub(crate) equal: u64,
    differences: Vec<String>,
}

impl Score {
    pub(crate) fn field(&mut self, place: &str, key: &str, theirs: &Value, ours: &Value) {
        self.compared += 1;
        if theirs == ours {
            self.equal += 1;
        } else if self.differences.len() < 40 {
            self.differences.push(format!("{place} {key}: truth {theirs}, weir {ours}"));
        }
    }

    /// At least 99 of 100 fields agree. What is left is printed; it has to be in `differences.md`.
    pub(crate) fn check(&self, protocol: &str, at_least: u64) {
        println!("{protocol}: {} of {} fields equal", self.equal, self.compared);
        for difference in &self.differences {
            println!("  {difference}");
        }
        assert!(self.compared > at_least, "{protocol}: only {} fields compared", self.compared);
        assert!(self.equal * 100 >= self.compared * 99, "{protocol}: {} of {}", self.equal, self.compared);
    }
}

/// Lines of the summary for captures in a folder, each with the datagrams and the records of the truth.
pub(crate) fn captures(folder: &str) -> Vec<(Value, Vec<weir_testkit::Datagram>, Vec<Value>)> {
    let Some(shared) = weir_testkit::shared_dir() else {
        println!("skipped: the shared captures are not here");
        return Vec::new();
    };
    let base = shared.join("captures");
    let summaries = weir_testkit::json_lines(&base.join("truth/flow/summary.jsonl"));
    let wanted = summaries.into_iter().filter(|summary| summary["file"].as_str().unwrap().starts_with(folder));
    wanted
        .map(|summary| {
            let datagrams = weir_testkit::datagrams(&base.join(summary["file"].as_str().unwrap()));
            let records = summary["records_file"].as_str().map(|file| weir_testkit::json_lines(&base.join(file)));
            (summary, datagrams, records.unwrap_or_default())
        })
        .collect()
}
