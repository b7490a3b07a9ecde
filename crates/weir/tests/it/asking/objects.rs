//! Profiles, chapters and dashboards of a running service: their numbers are those of `weir query`, stored or computed, however the service ends.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_testkit::PATIENCE;

use super::service::{Asked, sample};
use crate::collect::service::Service;

/// From the oldest sample to the newest.
const TIME: [(&str, &str); 2] = [("from", "2000-01-01T00:00:00Z"), ("to", "2030-01-01T00:00:00Z")];

const SAMPLES: [&str; 4] = ["netflow5", "netflow9", "ipfix", "sflow"];

fn filters() -> Vec<(&'static str, &'static str)> {
    vec![("tcp", "proto tcp"), ("web", "port in [80 443]"), ("large", "bytes > 1000 and not proto udp"), ("all", "")]
}

fn profile(series: &str) -> Value {
    let channels: Vec<Value> = filters().iter().map(|(name, filter)| json!({"name": name, "filter": filter})).collect();
    json!({"name": series, "series": series, "shared": true, "channels": channels})
}

fn make(asked: &Asked, path: &str, object: &Value) -> Value {
    let (status, text) = asked.post(path, object);
    assert_eq!(status, 201, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn id(envelope: &Value) -> &str {
    envelope["id"].as_str().unwrap()
}

/// The parts of a view over everything.
fn view(asked: &Asked, chapter: &Value) -> Vec<Value> {
    let mut body = json!({"chapter": chapter});
    TIME.iter().for_each(|(name, time)| body[*name] = json!(time));
    let (status, text) = asked.post("/api/v1/view", &body);
    assert_eq!(status, 200, "{text}");
    let document: Value = serde_json::from_str(&text).unwrap();
    let parts = document["parts"].as_array().unwrap().clone();
    assert!(parts.iter().all(|part| part.get("error").is_none()), "{text}");
    parts
}

fn rows(part: &Value) -> &Vec<Value> {
    part["answer"]["rows"].as_array().unwrap()
}

fn chart(profile: &str) -> Value {
    json!({"kind": "time_series", "profile": profile, "step": "1d", "measures": "bytes, packets, flows, samples, connections"})
}

fn sources(parts: &[Value]) -> Vec<&str> {
    parts.iter().map(|part| part["answer"]["source"].as_str().unwrap()).collect()
}

/// Two rows have the same sums; their standard errors are rounded in each row of a series.
fn assert_same(one: &Value, other: &Value) {
    let (one, other) = (one.as_object().unwrap(), other.as_object().unwrap());
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, value) in one {
        if name.ends_with("_error") {
            let (one, other) = (value.as_f64().unwrap(), other[name].as_f64().unwrap());
            assert!((one - other).abs() <= 1.0 + other / 100.0, "{name}: {one} and {other}");
        } else {
            assert_eq!(value, &other[name], "{name} of {one:?}");
        }
    }
}

/// What is told of the numbers, but of what may still arrive: that moves on from one question to the next.
fn notes(part: &Value) -> Vec<&Value> {
    part["answer"]["notes"].as_array().unwrap().iter().filter(|note| note["code"] != "still_arriving").collect()
}

/// Waits until the past is in the sums of a profile.
fn wait_filled(asked: &Asked, profile: &str) {
    let begun = Instant::now();
    loop {
        let (status, text) = asked.get(&format!("/api/v1/profiles/{profile}"));
        assert_eq!(status, 200, "{text}");
        if serde_json::from_str::<Value>(&text).unwrap().get("filling").is_none() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The rows of two profiles are the same, and those of the first come from series.
fn compare(asked: &Asked, stored: &str, computed: &str) {
    // A filter that always holds and has no sums, so that records are asked.
    let mut of_records = chart(computed);
    of_records["filter"] = json!("not (proto tcp and proto udp)");
    let (stored, computed) = (view(asked, &chart(stored)), view(asked, &of_records));
    for (one, other) in stored.iter().zip(&computed) {
        assert!(rows(one).iter().any(|row| row["bytes"].as_u64() > Some(0)), "{}", one["channels"]);
        assert_eq!(rows(one).len(), rows(other).len(), "{}", one["channels"]);
        for (one, other) in rows(one).iter().zip(rows(other)) {
            assert_same(one, other);
        }
        assert_eq!(notes(one), notes(other), "{}", one["channels"]);
    }
    assert_eq!((sources(&stored), sources(&computed)), (vec!["series"; 4], vec!["records"; 4]));
}

#[test]
fn the_numbers_of_a_view_are_those_of_the_command() {
    let asked = Asked::with(&SAMPLES);
    let profile = make(&asked, "/api/v1/profiles", &profile("computed"));
    let per_channel = [
        json!({"kind": "value", "profile": id(&profile), "measures": "bytes, packets, flows"}),
        json!({"kind": "performance", "profile": id(&profile), "step": "1d"}),
        chart(id(&profile)),
    ];
    for chapter in &per_channel {
        let parts = view(&asked, chapter);
        assert_eq!(parts.len(), filters().len());
        for (part, (name, filter)) in parts.iter().zip(filters()) {
            assert_eq!(part["channels"][0]["name"], name);
            let mut command = vec!["query", filter, "--from", TIME[0].1, "--to", TIME[1].1, "--format", "json"];
            let question = &part["question"];
            let texts =
                [("--series", "series"), ("--measures", "measures")].map(|(option, member)| (option, question[member].as_str()));
            texts.iter().for_each(|(option, text)| command.extend(text.iter().flat_map(|text| [*option, *text])));
            command.extend(question["summary"].as_bool().map(|_| "--summary"));
            let printed = asked.ask(&command);
            assert_eq!(&printed.records(), rows(part), "{command:?}: {}", printed.stderr);
        }
    }
    // All channels together, and the command that is shown with it, through a shell.
    let top = json!({"kind": "top", "profile": id(&profile), "channels": ["tcp", "web"], "by": "src_addr", "filter": "ip 10.0.0.0/8 or bytes > 0", "top": 5});
    let parts = view(&asked, &top);
    let printed = asked.ask(&[
        "query",
        "(proto tcp or port in [80 443]) and (ip 10.0.0.0/8 or bytes > 0)",
        "--by",
        "src_addr",
        "--top",
        "5",
        "--measures",
        "bytes, packets, flows",
        "--from",
        TIME[0].1,
        "--to",
        TIME[1].1,
        "--format",
        "json",
    ]);
    assert_eq!(&printed.records(), rows(&parts[0]), "{}", printed.stderr);
    assert!(!rows(&parts[0]).is_empty());
    let shown = parts[0]["command"].as_str().unwrap().strip_prefix("weir ").unwrap();
    let command = format!("'{}' {shown} -c '{}' --format json", env!("CARGO_BIN_EXE_weir"), asked.config());
    let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
    let printed: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&printed, rows(&parts[0]), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn all_sources_gets_a_source_by_itself() {
    let asked = Asked::start();
    let channels = |asked: &Asked| {
        let (_, text) = asked.get("/api/v1/profiles/all-sources");
        let profile: Value = serde_json::from_str(&text).unwrap();
        let names =
            profile["object"]["channels"].as_array().unwrap().iter().map(|channel| channel["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(channels(&asked), ["other sources"]);
    assert_eq!(asked.replay("netflow5", &["--rate", "500", "--original-time"]).code, 0);
    let begun = Instant::now();
    while channels(&asked) != ["127.0.0.1"] {
        assert!(begun.elapsed() < PATIENCE, "{:?}", channels(&asked));
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn objects_outlive_the_service() {
    let mut asked = Asked::start();
    let profile = make(&asked, "/api/v1/profiles", &profile("computed"));
    let path = format!("/api/v1/profiles/{}", id(&profile));
    asked.service.kill();
    let text = std::fs::read_to_string(asked.config()).unwrap();
    asked.service = Service::restart(&asked.folder, &text);
    asked.service.wait_for("answering over HTTP");
    let (status, text) = asked.get(&path);
    assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap()), (200, profile));
    let (_, text) = asked.get("/api/v1/dashboards");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["total"], 5);
}

#[test]
fn sums_of_channels_are_what_records_give() {
    let asked = Asked::with(&SAMPLES[..2]);
    let computed = make(&asked, "/api/v1/profiles", &profile("computed"));
    // Some of the records were there before, in files and in the journal; the others come later.
    let stored = make(&asked, "/api/v1/profiles", &profile("stored"));
    wait_filled(&asked, id(&stored));
    compare(&asked, id(&stored), id(&computed));
    let records =
        |name: &str| crate::run::weir(&["decode", &sample(name), "--format", "none"]).stdout.trim().parse::<u64>().unwrap();
    SAMPLES[2..].iter().for_each(|name| assert_eq!(asked.replay(name, &["--rate", "500", "--original-time"]).code, 0));
    asked.wait_stored(SAMPLES.iter().map(|name| records(name)).sum());
    compare(&asked, id(&stored), id(&computed));
    // The same question asked by anybody is answered from the sums; another one, and other measures, from records.
    let ask = |question: Value| {
        let (status, text) = asked.post("/api/v1/query", &question);
        assert_eq!(status, 200, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["source"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask(json!({"filter": "port in [80 443]", "series": "1h"})), "series");
    assert_eq!(ask(json!({"filter": "port in [80 443]", "series": "1h", "by": "exporter"})), "series");
    assert_eq!(ask(json!({"filter": "port in [80 444]", "series": "1h"})), "records");
    assert_eq!(ask(json!({"filter": "port in [80 443]", "series": "30s"})), "records");
    assert_eq!(ask(json!({"filter": "port in [80 443]", "series": "1h", "measures": "rtt p95"})), "records");
}

#[test]
fn another_filter_has_other_sums() {
    let asked = Asked::with(&SAMPLES);
    let stored = make(&asked, "/api/v1/profiles", &profile("stored"));
    wait_filled(&asked, id(&stored));
    let mut changed = profile("stored");
    changed["channels"][0]["filter"] = json!("proto udp");
    let path = format!("/api/v1/profiles/{}", id(&stored));
    let request = ureq::http::Request::put(asked.url(&path)).header("if-match", "*").header("content-type", "application/json");
    let request = request.header("authorization", asked.bearer());
    let answer = ureq::agent().run(request.body(changed.to_string()).unwrap()).unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    wait_filled(&asked, id(&stored));
    changed["series"] = json!("computed");
    let computed = make(&asked, "/api/v1/profiles", &changed);
    compare(&asked, id(&stored), id(&computed));
    let numbers = asked.ask(&[
        "sql",
        "SELECT count(DISTINCT number) AS numbers FROM series WHERE dimension = 'channel'",
        "--format",
        "json",
    ]);
    assert_eq!(numbers.records(), [json!({"numbers": 5})], "{}", numbers.stderr);
}

#[test]
fn killed_while_sums_are_filled_it_neither_loses_nor_doubles() {
    let mut rng = weir_testkit::Rng::with_seed(7);
    let mut asked = Asked::start_beside("", "[collector]\ncommit_interval = \"50ms\"\n");
    let records =
        |name: &str| crate::run::weir(&["decode", &sample(name), "--format", "none"]).stdout.trim().parse::<u64>().unwrap();
    let text = std::fs::read_to_string(asked.config()).unwrap();
    let mut sent = 0;
    let mut stored = String::new();
    for round in 0..6 {
        for name in SAMPLES {
            assert_eq!(asked.replay(name, &["--rate", "500", "--original-time"]).code, 0);
            sent += records(name);
        }
        asked.wait_stored(sent);
        if round == 1 {
            stored = id(&make(&asked, "/api/v1/profiles", &profile("stored"))).to_owned();
        }
        // What can be asked for is durable a moment later.
        thread::sleep(Duration::from_millis(100 + rng.u64(0..60)));
        asked.service.kill();
        asked.service = Service::restart(&asked.folder, &text);
        asked.service.wait_for("answering over HTTP");
        thread::sleep(Duration::from_millis(rng.u64(0..80)));
        asked.service.kill();
        asked.service = Service::restart(&asked.folder, &text);
        asked.service.wait_for("answering over HTTP");
    }
    asked.wait_stored(sent);
    wait_filled(&asked, &stored);
    let computed = make(&asked, "/api/v1/profiles", &profile("computed"));
    compare(&asked, &stored, id(&computed));
}
