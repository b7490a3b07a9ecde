//! Two exporters that are units of one group: one stops, and the other takes over.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_testkit::{PATIENCE, wait_until};

use super::service::Asked;
use crate::collect::messages::netflow5;
use crate::collect::service::Exporter;
use crate::people::limits::user;

#[test]
fn the_gap_between_two_units_is_told_with_its_length() {
    let sections =
        "[source.one]\nmatch = \"127.0.0.21\"\ngroup = \"pair\"\n[source.two]\nmatch = \"127.0.0.22\"\ngroup = \"pair\"\n";
    let asked = Asked::start_beside("", sections);
    let (one, two) = (Exporter::new(21), Exporter::new(22));
    let sent = Cell::new(0);
    let send = |unit: &Exporter, number: u32| {
        unit.send(&asked.service, [netflow5(number, 1000).as_slice()]);
        sent.set(sent.get() + 1);
    };
    let wait_received = || asked.service.wait_for_counter("weir_receive_datagrams_total", sent.get());
    // For longer than a gap has to be to count in any case, so that it is no usual silence however long it is.
    let begun = Instant::now();
    let mut number = 0;
    while begun.elapsed() < Duration::from_secs(12) {
        send(&one, number);
        number += 1;
        thread::sleep(Duration::from_millis(200));
    }
    // Between these it was heard for the last time.
    wait_received();
    let before = Instant::now();
    send(&one, number);
    wait_received();
    let after = Instant::now();
    thread::sleep(Duration::from_secs(4));
    let least = after.elapsed();
    send(&two, 0);
    wait_received();
    let most = before.elapsed();
    let (begun, mut number) = (Instant::now(), 1);
    let summary = loop {
        send(&two, number);
        number += 1;
        thread::sleep(Duration::from_millis(200));
        let run = asked.ask(&["query", "source_group = \"pair\"", "--summary", "--format", "json", "--stats"]);
        let summary: Value = serde_json::from_str(run.stderr.lines().last().unwrap_or_default()).unwrap();
        if summary["completeness"]["fail_over_seconds"].as_u64() > Some(0) {
            break summary;
        }
        assert!(begun.elapsed() < PATIENCE, "{summary}");
    };
    // Whole seconds, rounded up.
    let near = least.as_secs_f64() - 0.1..=most.as_secs_f64() + 1.1;
    assert!(
        summary["completeness"]["fail_over_seconds"].as_u64().is_some_and(|seconds| near.contains(&(seconds as f64))),
        "{near:?}: {summary}"
    );
    let notes = summary["notes"].as_array().unwrap();
    let told: Vec<_> = notes.iter().filter(|note| note["code"] == "fail_over").filter_map(|note| note["text"].as_str()).collect();
    assert_eq!(told.len(), 1, "{summary}");
    let told_by = &notes.iter().find(|note| note["code"] == "fail_over").unwrap()["fail_over"];
    assert_eq!(
        (&told_by["group"], &told_by["from"], &told_by["to"], &told_by["reason"]),
        (&json!("pair"), &json!("127.0.0.21"), &json!("127.0.0.22"), &json!("silent"))
    );
    assert!(told_by["seconds"].as_f64().is_some_and(|seconds| near.contains(&seconds)), "{told_by}");
    assert!(told[0].starts_with("group \"pair\": 127.0.0.22 took over from 127.0.0.21, which fell silent;"), "{told:?}");

    // Whoever has limits is told of none, whatever they see.
    let question = json!({"filter": "source_group = \"pair\"", "summary": true});
    let told_to = |bearer: &str| -> Value {
        let (status, text) = asked.post_as(bearer, "/api/v1/query", &question);
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    let of_fail_overs =
        |answer: &Value| answer["notes"].as_array().unwrap().iter().filter(|note| note["code"] == "fail_over").count();
    let all = told_to(&asked.bearer());
    assert_eq!((of_fail_overs(&all), all["completeness"]["fail_over_seconds"].as_u64() > Some(0)), (1, true), "{all}");
    for (name, filter, hide) in
        [("ann", "source_group = \"pair\"", ""), ("bob", "", "tls_sni"), ("cyd", "exporter 127.0.0.22", "")]
    {
        let told = told_to(&user(&asked, name, filter, hide));
        assert!(told["records"].as_u64() > Some(0), "{name}: {told}");
        assert_eq!((of_fail_overs(&told), told.get("completeness")), (0, None), "{name}: {told}");
    }

    // People see one source with its units, programs the units.
    let table = asked.ask(&["sources", "--format", "table"]).stdout;
    let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let at = lines.iter().position(|words| words.first() == Some(&"pair")).unwrap_or_else(|| panic!("{table}"));
    assert!(table.contains("2 units; the latest records are of 127.0.0.22"), "{table}");
    assert_eq!((&lines[at + 1][..2], &lines[at + 2][..2]), (&["one", "127.0.0.21"][..], &["two", "127.0.0.22"][..]), "{table}");
    assert_eq!(asked.ask(&["sources", "--format", "json"]).stdout.lines().count(), 2);

    // The profile of all sources has a channel for the group, and one for each unit.
    let channels = || -> Vec<(String, Option<String>)> {
        let (_, text) = asked.get("/api/v1/profiles/all-sources");
        let profile: Value = serde_json::from_str(&text).unwrap();
        let part = |channel: &Value| Some(channel["part_of"].as_str()?.to_owned());
        let channels = profile["object"]["channels"].as_array().unwrap().iter();
        channels.map(|channel| (channel["name"].as_str().unwrap().to_owned(), part(channel))).collect()
    };
    let pair = || Some("pair".to_owned());
    let expected = [("pair".to_owned(), None), ("one".to_owned(), pair()), ("two".to_owned(), pair())];
    wait_until("the channels are there", || channels() == expected);
}
