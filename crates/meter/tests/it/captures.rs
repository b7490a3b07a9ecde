//! Captures beside the workspace, metered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use weir_capture::CaptureFile;
use weir_meter::{Config, Meter, Packet, Stats};
use weir_record::FlowBatch;
use weir_testkit::{json_lines, json_object, shared_dir};
use weir_wire::Link;

/// The folder of captures; none, with a word on it, where this machine has none.
pub(crate) fn captures_dir() -> Option<PathBuf> {
    let folder = shared_dir().map(|shared| shared.join("captures"));
    if folder.is_none() {
        println!("skipped: no shared captures beside the workspace");
    }
    folder
}

/// Every packet capture that has a truth, with that: its name (`packets/SOURCE/FILE`), its path and the truth's JSON object.
pub(crate) fn captures_with_truth(folder: &Path) -> impl Iterator<Item = (String, PathBuf, Value)> {
    let summary = json_lines(&folder.join("truth/packets/summary.jsonl"));
    let folder = folder.to_owned();
    summary.into_iter().map(move |line| {
        let name = line["file"].as_str().unwrap().to_owned();
        let truth = json_object(&folder.join("truth").join(format!("{name}.json")));
        let path = folder.join(&name);
        (name, path, truth)
    })
}

/// A configuration that never splits a flow by time.
pub(crate) fn without_timeouts() -> Config {
    let never = i64::MAX / 4;
    Config { active_timeout: never, inactive_timeout: never, closed_timeout: never, ..Config::default() }
}

/// Every record of a capture, and what the meter counted.
pub(crate) fn metered(path: &Path, config: Config) -> (FlowBatch, Stats) {
    let mut file = CaptureFile::open(path).unwrap();
    let mut meter = Meter::new(config);
    let mut flows = FlowBatch::new();
    while let Ok(Some(frame)) = file.next() {
        let Some(link) = Link::from_pcap(frame.link_type.into()) else { continue };
        let packet = Packet {
            time: frame.time_ns,
            link,
            data: frame.data,
            original_len: frame.original_len as usize,
            interface: 0,
            segment_size: 0,
        };
        meter.push(&packet, &mut flows);
    }
    while meter.finish(&mut flows) {}
    flows.finish();
    (flows, meter.stats())
}

/// Number of explained differences by capture, from lines of capture, table, number and reason.
pub(crate) fn explained(lines: &str, table: &str) -> BTreeMap<String, usize> {
    let lines = lines.lines().filter(|line| !line.starts_with('#'));
    let columns = lines.map(|line| line.split('\t').collect::<Vec<_>>()).filter(|columns| columns.get(1) == Some(&table));
    columns.map(|columns| (columns[0].to_owned(), columns[2].parse().unwrap())).collect()
}
