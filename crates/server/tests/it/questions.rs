//! Questions, good and bad.

use serde_json::json;
use weir_server::{AccountRow, AccountState, AnswerDocument, Limits};

use crate::service::{NOW, start};

#[test]
fn a_question_comes_back_as_a_document() {
    let running = start(Limits::default());
    let page = running.post("/api/v1/query", &json!({"filter": "port 53", "last": "1h"}));
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(page.headers["content-type"], "application/json");
    let document: AnswerDocument = serde_json::from_str(&page.text).unwrap();
    assert_eq!(document.rows[0]["src_addr"], "10.0.0.1");
    assert_eq!(document.rows[0]["bytes"], 1_200_000_001_u64);
    assert_eq!((document.records, document.groups, document.notes[0].code.as_str()), (3, Some(1), "sampled"));
    assert_eq!(document.completeness.unwrap()["lost_records"], 5);
    assert_eq!(*running.service.asked.lock().unwrap(), ["port 53"]);
}

#[test]
fn the_same_question_may_stand_in_the_url() {
    let running = start(Limits::default());
    let page = running.get("/api/v1/query?filter=port%2053&last=1h&limit=5&unscaled=true");
    assert_eq!(page.status, 200, "{}", page.text);
}

#[test]
fn an_answer_has_the_form_that_was_asked_for() {
    let running = start(Limits::default());
    for (format, kind, begin) in [
        ("json", "application/json", "{\"source\":\"records\""),
        ("lines", "application/x-ndjson", "{\"src_addr\":\"10.0.0.1\",\"bytes\":1200000001}\n"),
        ("csv", "text/csv; charset=utf-8", "src_addr,bytes\r\n10.0.0.1,1200000001\r\n"),
        ("table", "text/plain; charset=utf-8", "SRC_ADDR"),
    ] {
        let page = running.post("/api/v1/query", &json!({"format": format, "summary": true}));
        assert_eq!((page.status, page.headers["content-type"].to_str().unwrap()), (200, kind), "{}", page.text);
        assert!(page.text.starts_with(begin), "{}", page.text);
        let summary: serde_json::Value = serde_json::from_slice(page.headers["weir-answer"].as_bytes()).unwrap();
        assert_eq!(
            (&summary["records"], &summary["rows"], &summary["completeness"]["state"]),
            (&json!(3), &json!([]), &json!("incomplete"))
        );
    }
}

#[test]
fn a_bad_part_is_told_with_its_place() {
    let running = start(Limits::default());
    let page = running.post("/api/v1/query", &json!({"filter": "src ip 10.0.0.1 and prot 53"}));
    assert_eq!(page.status, 400);
    let refusal = page.json();
    assert_eq!(
        (&refusal["field"], &refusal["position"], &refusal["line"], &refusal["column"]),
        (&json!("filter"), &json!(20), &json!(1), &json!(21))
    );
    assert!(!refusal["expected"].as_array().unwrap().is_empty(), "{refusal}");
    assert!(refusal["error"].as_str().unwrap().contains("prot"), "{refusal}");

    for (question, field) in [
        (json!({"from": "soon"}), "from"),
        (json!({"last": "1h", "to": "now"}), "last"),
        (json!({"from": "2026-03-02T10:00:00Z", "to": "2026-03-02T09:00:00Z"}), "to"),
    ] {
        let page = running.post("/api/v1/query", &question);
        assert_eq!((page.status, page.json()["field"].as_str()), (400, Some(field)), "{question}: {}", page.text);
    }
}

#[test]
fn what_is_no_question_is_refused() {
    let running = start(Limits::default());
    let unknown = running.post("/api/v1/query", &json!({"fliter": "any"}));
    assert_eq!(unknown.status, 400);
    assert!(unknown.json()["error"].as_str().unwrap().contains("fliter"), "{}", unknown.text);
    let parameter = running.get("/api/v1/query?fliter=any");
    assert_eq!(parameter.status, 400);
    assert!(parameter.json()["error"].as_str().unwrap().contains("fliter"), "{}", parameter.text);
    let broken = running.post_text("/api/v1/query", "application/json", "{\"filter\": ");
    assert_eq!(broken.status, 400, "{}", broken.text);
    // A page of a stranger can send this without asking the browser's leave.
    let plain = running.post_text("/api/v1/query", "text/plain", "{}");
    assert_eq!(plain.status, 415, "{}", plain.text);
    assert!(plain.json()["error"].is_string());
}

#[test]
fn what_takes_too_much_is_told_apart() {
    let running = start(Limits::default());
    let page = running.post("/api/v1/sql", &json!({"sql": "SELECT 1"}));
    assert_eq!((page.status, page.json()["error"].as_str()), (422, Some("the statement needs more than 1 octet")));
}

#[test]
fn what_is_missing_is_told_slot_by_slot() {
    let running = start(Limits::default());
    let page = running.get("/api/v1/completeness?filter=port%2053&from=2026-03-02T09:02:00Z&to=2026-03-02T09:04:00Z&step=5m");
    assert_eq!(page.status, 200, "{}", page.text);
    let rows: Vec<AccountRow> = serde_json::from_str(&page.text).unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.from, row.to), (NOW, NOW + 300_000_000_000), "whole slots");
    assert_eq!((row.state, row.down_seconds, row.missing.unwrap().lost_records), (AccountState::Down, 1, 2));
    assert_eq!(*running.service.asked.lock().unwrap(), ["port 53"]);
    for (query, field) in [
        ("step=30s", "step"),
        ("step=90s", "step"),
        ("step=x", "step"),
        ("last=1", "last"),
        ("filter=prot%2053", "filter"),
        ("from=2026-03-02&to=2026-03-01", "to"),
    ] {
        let page = running.get(&format!("/api/v1/completeness?{query}"));
        assert_eq!((page.status, page.json()["field"].as_str()), (400, Some(field)), "{query}: {}", page.text);
    }
    assert_eq!(running.get("/api/v1/completeness?by=port").status, 400);
}
