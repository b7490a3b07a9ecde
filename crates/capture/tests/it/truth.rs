//! Every shared capture against what tshark found in it, plain and compressed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use weir_capture::CaptureFile;
use weir_testkit::{json_lines, json_object, shared_dir};

use crate::make::{Reading, drain, drain_groups, gzip, open, zstandard};

/// What tshark found in a file; a figure that its truth file does not have is not compared.
#[derive(Default)]
struct Expected {
    frames: u64,
    original_bytes: Option<u64>,
    captured_bytes: Option<u64>,
    /// First and last time, microseconds since 1970.
    range_us: Option<(i128, i128)>,
}

#[test]
fn every_shared_capture_gives_the_frames_that_tshark_sees() {
    let Some(shared) = shared_dir() else {
        println!("skipped: no shared captures");
        return;
    };
    let captures = shared.join("captures");
    let expected = expectations(&captures.join("truth"));
    assert!(expected.len() > 1400, "{} captures with a truth", expected.len());
    let mut differences = Vec::new();
    for (name, expected) in &expected {
        let path = captures.join(name);
        let plain = drain(CaptureFile::open(&path).unwrap());
        differences.extend(compare(name, expected, &plain));

        let again = drain_groups(CaptureFile::open(&path).unwrap());
        if again.frames != plain.frames || again.stats != plain.stats {
            differences.push(format!("{name}: groups give other frames"));
        }
        let bytes = fs::read(&path).unwrap();
        for (how, compressed) in [("gzip", gzip(&bytes)), ("zstd", zstandard(&bytes))] {
            let again = drain(open(&compressed).unwrap());
            if again.frames != plain.frames || again.stats != plain.stats {
                differences.push(format!("{name}: the {how} copy gives other frames"));
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

fn expectations(truth: &Path) -> BTreeMap<String, Expected> {
    let number = |value: &Value, key: &str| value[key].as_u64();
    // Beyond i64 in one capture (packets/pcapplusplus/pcapng-example.pcapng), whose second interface has ticks just
    // below 2^64.
    let time = |value: &Value| value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
    let mut expected = BTreeMap::new();
    for line in json_lines(&truth.join("packets/summary.jsonl")) {
        let name = line["file"].as_str().unwrap().to_owned();
        let detail = json_object(&truth.join(format!("{name}.json")));
        let range_us = time(&detail["first_us"]).zip(time(&detail["last_us"]));
        let (frames, original_bytes) = (number(&line, "packets").unwrap(), number(&line, "frame_bytes"));
        let captured_bytes = number(&detail, "captured_bytes");
        expected.insert(name, Expected { frames, original_bytes, captured_bytes, range_us });
    }
    for line in json_lines(&truth.join("flow/summary.jsonl")) {
        let name = line["file"].as_str().unwrap().to_owned();
        expected.insert(name, Expected { frames: number(&line, "frames").unwrap(), ..Expected::default() });
    }
    expected
}

fn compare(name: &str, expected: &Expected, reading: &Reading) -> Vec<String> {
    let mut differences = Vec::new();
    let mut check = |what: &str, expected: Option<i128>, seen: Option<i128>| {
        if expected.is_some() && expected != seen {
            differences.push(format!("{name}: {what} {seen:?}, tshark {expected:?}"));
        }
    };
    let (stats, frames) = (&reading.stats, &reading.frames);
    let times_us = || frames.iter().map(|frame| i128::from(frame.time_ns / 1000));
    check("frames", Some(expected.frames.into()), Some(stats.frames.into()));
    check("original bytes", expected.original_bytes.map(i128::from), Some(stats.original_bytes.into()));
    check("captured bytes", expected.captured_bytes.map(i128::from), Some(stats.captured_bytes.into()));
    let nearest = |time_us: i128| time_us.min((i64::MAX / 1000).into());
    check("first time", expected.range_us.map(|range| nearest(range.0)), times_us().min());
    check("last time", expected.range_us.map(|range| nearest(range.1)), times_us().max());
    if let Some(error) = &reading.error {
        differences.push(error.to_string());
    }
    differences
}
