//! Pages that tell of the service.

use serde_json::json;
use weir_server::{CompletionRow, CounterRow, Limits, SourceRow};

use crate::service::{source, start};

#[test]
fn health_says_what_is_unwell() {
    let running = start(Limits::default());
    let well = running.get("/healthz");
    assert_eq!((well.status, well.json()), (200, json!({"ok": true, "problems": []})));
    running.service.problems.lock().unwrap().push("the disk is full".into());
    let unwell = running.get("/healthz");
    assert_eq!((unwell.status, unwell.json()), (503, json!({"ok": false, "problems": ["the disk is full"]})));
}

#[test]
fn metrics_and_counters_are_the_same_numbers() {
    let running = start(Limits::default());
    let metrics = running.get("/metrics");
    assert_eq!(metrics.status, 200);
    assert_eq!(metrics.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(metrics.text.ends_with("# EOF\n"), "{}", metrics.text);
    let rows: Vec<CounterRow> = serde_json::from_value(running.get("/api/v1/counters").json()).unwrap();
    assert!(
        rows.iter().any(|row| row.name == "weir_receive_datagrams_total{listener=\"netflow\"}" && row.value.as_u64() == Some(12))
    );
    assert!(rows.iter().any(|row| row.name == "weir_api_queries_running"), "our own are among them");
    for row in &rows {
        let line = metrics.text.lines().find(|line| line.starts_with(&format!("{} ", row.name)));
        let value: f64 = line.unwrap_or_else(|| panic!("no {}", row.name)).rsplit_once(' ').unwrap().1.parse().unwrap();
        assert_eq!(Some(value), row.value.as_f64(), "{}", row.name);
    }
    let wanted: Vec<CounterRow> = serde_json::from_value(running.get("/api/v1/counters?grep=ipfix").json()).unwrap();
    assert_eq!(
        wanted.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(),
        ["weir_receive_datagrams_total{listener=\"ipfix\"}"]
    );
}

#[test]
fn sources_come_over_whole() {
    let running = start(Limits::default());
    let page = running.get("/api/v1/sources");
    assert_eq!(serde_json::from_str::<Vec<SourceRow>>(&page.text).unwrap(), [source()]);
    let row = &page.json()[0];
    assert_eq!(row["state"], "waiting_for_template");
    assert_eq!(row["last_seen"], "2026-03-02T09:00:01.500Z");
    assert_eq!(row.get("lost_records"), None, "what cannot be told is left out");
}

#[test]
fn every_answer_tells_browsers_what_may_run() {
    let running = start(Limits::default());
    for (path, status) in
        [("/", 200), ("/healthz", 200), ("/api/v1/sources", 200), ("/api/v1/nothing", 404), ("/api/v1/sql", 405)]
    {
        let page = running.get(path);
        assert_eq!(page.status, status, "{path}");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(page.headers["x-frame-options"], "DENY", "{path}");
    }
}

#[test]
fn what_is_not_there_is_said_in_json() {
    let running = start(Limits::default());
    let missing = running.get("/api/v2/query");
    assert_eq!(missing.status, 404);
    assert_eq!(missing.headers["content-type"], "application/json");
    assert!(missing.json()["error"].as_str().unwrap().contains("/api/v2/query"));
    let wrong = running.get("/api/v1/sql");
    assert_eq!(wrong.status, 405);
    assert!(wrong.json()["error"].as_str().unwrap().contains("GET"));
}

#[test]
fn the_description_served_is_the_one_in_the_tree() {
    let running = start(Limits::default());
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let document = weir_server::Document::text().unwrap();
    if std::env::var_os("WEIR_REWRITE").is_some() {
        std::fs::write(&golden, &document).unwrap();
    }
    let kept = std::fs::read_to_string(&golden).unwrap();
    assert!(
        kept == document,
        "crates/server/openapi.json is not what the types say: run this test with WEIR_REWRITE=1 and look at the change"
    );
    assert_eq!(running.get("/api/v1/openapi.json").json(), serde_json::from_str::<serde_json::Value>(&kept).unwrap());
}

#[test]
fn what_may_be_typed_next_is_told() {
    let running = start(Limits::default());
    let rows: Vec<CompletionRow> = serde_json::from_value(running.get("/api/v1/complete?text=src%20po").json()).unwrap();
    assert!(rows.iter().any(|row| (row.text.as_str(), row.kind.as_str()) == ("port", "field")), "{rows:?}");
    assert!(rows.iter().all(|row| row.text.starts_with("po")), "{rows:?}");
    let keys: Vec<CompletionRow> =
        serde_json::from_value(running.get("/api/v1/complete?part=by&text=src_addr,dst_p").json()).unwrap();
    assert!(keys.iter().any(|row| row.text == "dst_port" && !row.doc.is_empty()), "{keys:?}");
    assert_eq!(running.get("/api/v1/complete?text=nonsense%20here%20").json(), json!([]));
    assert_eq!(running.get("/api/v1/complete?txet=src").status, 400);
}

#[test]
fn names_are_told_for_addresses() {
    let running = start(Limits::default());
    let page = running.get("/api/v1/names?ip=192.0.2.2,%202001:db8::1");
    assert_eq!((page.status, page.json()), (200, json!({"192.0.2.2": "even.example", "2001:db8::1": null})));
    let many = vec!["192.0.2.1"; weir_server::MOST_NAMES + 1].join(",");
    for (text, told) in [("", "0 addresses"), ("192.0.2.1,host.example", "`host.example`"), (&many, "1001 addresses")] {
        let page = running.get(&format!("/api/v1/names?ip={text}"));
        assert_eq!((page.status, page.json()["field"].as_str()), (400, Some("ip")), "{}", page.text);
        assert!(page.json()["error"].as_str().unwrap().contains(told), "{}", page.text);
    }
}
