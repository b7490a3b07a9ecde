//! Data limits on every route that gives data: the answer is the one over the rows that the limits leave, as if there were no others.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_server::{AccountRow, AccountState};
use weir_testkit::PATIENCE;

use crate::asking::service::Asked;
use crate::collect::messages::netflow5;
use crate::collect::service::Exporter;
use crate::run::{weir, weir_reading};

/// The samples of all protocols, so that there are several exporters and kinds of records.
const SAMPLES: [&str; 4] = ["netflow5", "netflow9", "ipfix", "sflow"];

/// Questions of all kinds: lists, groups, series that continuous series could answer, sketches of addresses, summaries, distinct values, percentiles.
fn questions() -> Vec<Value> {
    vec![
        json!({"limit": 1000, "columns": "time_start,src_port,dst_port,protocol,bytes,packets"}),
        json!({"limit": 3}),
        json!({"filter": "record_kind = event or record_kind = flow", "limit": 1000}),
        json!({"summary": true}),
        json!({"by": "protocol"}),
        json!({"by": "port", "top": 5, "measures": "bytes,flows"}),
        json!({"by": "exporter", "measures": "records,bytes,packets"}),
        json!({"by": "protocol", "measures": "distinct(port), bytes, rtt p95, first, last"}),
        json!({"by": "hour", "having": "bytes > 0"}),
        json!({"series": "1m"}),
        json!({"series": "1m", "by": "exporter", "measures": "bytes"}),
        json!({"series": "1h", "by": "protocol", "measures": "bytes,packets,flows"}),
        json!({"series": "1h", "by": "exporter", "measures": "bytes,packets"}),
        json!({"filter": "not port 53", "summary": true}),
        json!({"filter": "port 53 or port 443", "by": "app"}),
        json!({"filter": "any", "unscaled": true, "summary": true}),
        json!({"by": "application", "spread": true, "from": "2026-01-01", "to": "2026-12-31", "measures": "bytes,flows"}),
        json!({"by": "src_addr", "spread": true, "from": "2026-01-01", "to": "2026-12-31", "measures": "bytes", "top": 5}),
        json!({"summary": true, "spread": true, "from": "2026-01-01", "to": "2026-12-31", "measures": "bytes,packets"}),
    ]
}

struct Limited {
    asked: Asked,
    bearer: String,
}

impl Limited {
    /// A service with a user of these limits.
    fn new(filter: &str, hide: &str) -> Self {
        let asked = Asked::with(&SAMPLES);
        let bearer = user(&asked, "bob", filter, hide);
        Self { asked, bearer }
    }

    fn post(&self, path: &str, body: &Value) -> (u16, String) {
        self.asked.post_as(&self.bearer, path, body)
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.asked.get_as(&self.bearer, path)
    }

    /// What they are told.
    fn told(&self, question: &Value) -> Value {
        let (status, text) = self.post("/api/v1/query", question);
        assert_eq!(status, 200, "{question}: {text}");
        settled(serde_json::from_str(&text).unwrap())
    }

    /// What somebody without limits is told of these rows alone.
    fn reference(&self, question: &Value, rows: &str) -> Value {
        let mut question = question.clone();
        question["filter"] = match question["filter"].as_str() {
            Some(filter) => json!(format!("({filter}) and ({rows})")),
            None => json!(rows),
        };
        let (status, text) = self.asked.post("/api/v1/query", &question);
        assert_eq!(status, 200, "{question}: {text}");
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        // What was lost on the way is lost of whomever.
        answer.as_object_mut().unwrap().remove("completeness").expect("there is an account for those who see all");
        settled(answer)
    }
}

/// Adds a user of these limits; gives what they sign in with.
pub(crate) fn user(asked: &Asked, name: &str, filter: &str, hide: &str) -> String {
    let mut words = vec!["user", "add", name, "--role", "analyst"];
    if !filter.is_empty() {
        words.extend(["--filter", filter]);
    }
    if !hide.is_empty() {
        words.extend(["--hide", hide]);
    }
    let config = asked.config();
    let run = weir_reading(&[words.as_slice(), &["-c", &config]].concat(), b"correct horse battery\n");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = weir(&["user", "token", name, "-c", &config]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    format!("Bearer {}", run.stdout.trim())
}

/// An answer without the time since when records may still arrive, which goes on.
fn settled(mut answer: Value) -> Value {
    answer["notes"].as_array_mut().unwrap().retain(|note| note["code"] != "still_arriving");
    answer
}

#[test]
fn every_answer_is_the_one_over_the_rows_that_are_seen() {
    for rows in [
        "port 53",
        "exporter 127.0.0.1",
        "src net 198.51.100.0/24 and bytes > 200",
        "not proto tcp",
        "exporter 192.0.2.3 or port 443",
    ] {
        let limited = Limited::new(rows, "");
        let mut seen = 0;
        for question in questions() {
            let (told, reference) = (limited.told(&question), limited.reference(&question, rows));
            assert_eq!(told, reference, "{rows}: {question}");
            seen += told["records"].as_u64().unwrap();
        }
        assert!(seen > 0, "{rows} selects nothing, so nothing was compared");
        // The other way of asking, and the other forms.
        for format in ["lines", "csv", "table"] {
            let question = json!({"by": "protocol", "format": format});
            let all = json!({"by": "protocol", "format": format, "filter": rows});
            assert_eq!(limited.post("/api/v1/query", &question), limited.asked.post("/api/v1/query", &all), "{rows}: {format}");
        }
        assert_eq!(
            limited.get("/api/v1/query?by=protocol&format=lines"),
            limited.post("/api/v1/query", &json!({"by": "protocol", "format": "lines"}))
        );
    }
}

#[test]
fn views_are_over_the_rows_that_are_seen() {
    const ROWS: &str = "port 53 or port 443";
    let limited = Limited::new(ROWS, "");
    let mut seen = 0;
    for chapter in [
        json!({"kind": "table", "by": "protocol"}),
        json!({"kind": "top", "by": "port", "top": 3}),
        json!({"kind": "pie", "by": "exporter"}),
        json!({"kind": "sankey", "by": "protocol,dst_port"}),
    ] {
        let view = json!({"chapter": chapter, "from": "2020-01-01T00:00:00Z", "to": "2040-01-01T00:00:00Z"});
        let mut all = view.clone();
        all["filter"] = json!(ROWS);
        let answers = |(status, text): (u16, String)| -> Vec<Value> {
            assert_eq!(status, 200, "{chapter}: {text}");
            let document: Value = serde_json::from_str(&text).unwrap();
            let parts = document["parts"].as_array().unwrap().clone();
            parts.into_iter().map(|mut part| settled(part["answer"].take())).collect()
        };
        let told = answers(limited.post("/api/v1/view", &view));
        let mut reference = answers(limited.asked.post("/api/v1/view", &all));
        for answer in &mut reference {
            answer.as_object_mut().unwrap().remove("completeness").unwrap();
            seen += answer["records"].as_u64().unwrap();
        }
        assert_eq!(told, reference, "{chapter}");
    }
    assert!(seen > 0);
    let series =
        json!({"chapter": {"kind": "time_series"}, "from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z", "step": "1h"});
    let (status, text) = limited.post("/api/v1/view", &series);
    assert_eq!(status, 200, "{text}");
    assert!(!text.contains("192.0.2.") && !text.contains("completeness"), "which sources there are is not told: {text}");
    let (_, profiles) = limited.get("/api/v1/profiles");
    assert!(!profiles.contains("192.0.2."), "{profiles}");
}

#[test]
fn no_filter_leads_out_of_the_limits() {
    let limited = Limited::new("port 53", "");
    let all = limited.told(&json!({"summary": true}))["records"].as_u64().unwrap();
    assert!(all > 0);
    for filter in [
        "any",
        "any or any",
        "not port 53",
        "not (port 53)",
        "any) or (any",
        ") or any or (",
        "port 53 or any",
        "any # port 53",
        "any -- ",
        "any /* ",
        "any; any",
        "any\nor any",
        "any' or '1' = '1",
        "1 = 1",
        "record_kind = event or any",
        "src port = 53 or not src port = 53",
        "bytes >= 0",
        "not not not any",
    ] {
        let (status, text) =
            limited.post("/api/v1/query", &json!({"filter": filter, "columns": "src_port,dst_port", "limit": 10000}));
        if status == 400 {
            continue;
        }
        assert_eq!(status, 200, "{filter}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        for row in answer["rows"].as_array().unwrap() {
            assert!(row["src_port"] == 53 || row["dst_port"] == 53, "{filter} leads to {row}");
        }
        assert!(answer["records"].as_u64().unwrap() <= all, "{filter}");
    }
    // Other parts of a question take no filter in.
    for part in ["by", "measures", "sort", "having", "columns", "series"] {
        for text in ["any or any", "bytes) or (any", "src_addr filter any", "1; DROP TABLE flows"] {
            let (status, told) = limited.post("/api/v1/query", &json!({part: text}));
            assert_eq!(status, 400, "{part} {text}: {told}");
        }
    }
    let (status, told) = limited.post("/api/v1/query", &json!({"within": "any"}));
    assert_eq!(status, 400, "{told}");
}

#[test]
fn hidden_columns_stand_nowhere_and_nothing_is_asked_of_them() {
    // The limits go by what they hide, so the column is read all the same.
    let limited = Limited::new(
        "src net 198.51.100.0/24 or dst net 198.51.100.0/24",
        "src_addr,src_host,nat_src_addr,client_addr,dhcp_addr,tunnel_src,tls_sni,extra",
    );
    let mut rows = 0;
    for format in ["json", "lines", "csv", "table"] {
        for more in [
            json!({"limit": 1000}),
            json!({"limit": 1000, "names": true}),
            json!({"limit": 1000, "columns": "src_port,dst_port,bytes", "names": true}),
        ] {
            let mut question = more;
            question["format"] = json!(format);
            let (status, text) = limited.post("/api/v1/query", &question);
            assert_eq!(status, 200, "{text}");
            rows += text.lines().count();
            for hidden in ["198.51.100.", "src_addr", "dst_addr", "src_host", "dst_host", "tls_sni", "\"extra\""] {
                assert!(!text.contains(hidden), "{hidden} in {question}: {text}");
            }
        }
    }
    assert!(rows > 40, "{rows}");
    for question in [
        json!({"filter": "src ip 198.51.100.23"}),
        json!({"filter": "ip 198.51.100.23"}),
        json!({"filter": "host 198.51.100.23"}),
        json!({"filter": "dst net 10.0.0.0/8"}),
        json!({"filter": "client ip 198.51.100.23"}),
        json!({"filter": "not ip in [198.51.100.23]"}),
        json!({"filter": "sni contains \"shop\""}),
        json!({"filter": "tls_sni = \"x\""}),
        json!({"filter": "extra.anything = 1"}),
        json!({"by": "src_addr"}),
        json!({"by": "ip"}),
        json!({"by": "dst_addr/24"}),
        json!({"by": "server ip"}),
        json!({"by": "extra.anything"}),
        json!({"by": "protocol", "measures": "distinct(src_addr)"}),
        json!({"by": "protocol", "measures": "bytes", "sort": "distinct(ip)"}),
        json!({"by": "protocol", "having": "distinct(src_addr) > 1"}),
        json!({"series": "1h", "by": "src_addr", "measures": "bytes"}),
        json!({"columns": "dst_addr,bytes"}),
        json!({"columns": "tls_sni"}),
    ] {
        let (status, text) = limited.post("/api/v1/query", &question);
        assert_eq!(status, 400, "{question}: {text}");
        assert!(text.contains("hidden from you"), "{question}: {text}");
    }
    let (_, offered) = limited.get("/api/v1/complete?part=by&text=");
    assert!(
        offered.contains("\"src_port\"") && !offered.contains("\"src_addr\"") && !offered.contains("\"dst_addr\""),
        "{offered}"
    );
}

#[test]
fn what_is_about_all_there_is_is_not_told() {
    let limited = Limited::new("port 53", "");
    for path in ["/api/v1/counters", "/api/v1/live", "/metrics", "/api/v1/names?ip=192.0.2.1"] {
        let (status, text) = limited.get(path);
        assert_eq!(status, 403, "{path}: {text}");
    }
    for sql in ["SELECT 1", "SELECT count(*) FROM flows", "SELECT * FROM health", "SELECT * FROM series", "EXPLAIN SELECT 1"] {
        let (status, text) = limited.post("/api/v1/sql", &json!({"sql": sql}));
        assert_eq!(status, 403, "{sql}: {text}");
    }
    let (status, text) = limited.asked.post("/api/v1/sql", &json!({"sql": "SELECT 1"}));
    assert_eq!(status, 200, "whoever sees all may: {text}");
}

#[test]
fn whether_something_is_missing_is_told_without_numbers_and_of_sources_that_may_be_seen() {
    let asked = Asked::start();
    // One of the two loses records.
    for (number, sequences) in [(1, [0, 1, 5, 6]), (2, [0, 1, 2, 3])] {
        let messages = sequences.map(|sequence| netflow5(sequence, 10));
        Exporter::new(number).send(&asked.service, messages.iter().map(Vec::as_slice));
    }
    let rows = |bearer: &str, more: &str| -> Vec<AccountRow> {
        let (status, text) = asked.get_as(bearer, &format!("/api/v1/completeness?last=10m{more}"));
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    let is_lossy = |rows: &[AccountRow]| rows.iter().any(|row| row.state == AccountState::Lossy);
    let lost = |rows: &[AccountRow]| rows.iter().map(|row| row.missing.unwrap().lost_records).sum::<u64>();
    // The account of a minute is written after a while.
    let (all, begun) = (asked.bearer(), Instant::now());
    while lost(&rows(&all, "")) != 3 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", rows(&all, ""));
        thread::sleep(Duration::from_millis(100));
    }
    assert!(is_lossy(&rows(&all, "&filter=exporter%20127.0.0.1")));
    assert!(!is_lossy(&rows(&all, "&filter=exporter%20127.0.0.2")));
    for (name, filter, sees_loss) in
        [("ann", "exporter 127.0.0.1", true), ("bob", "exporter 127.0.0.2", false), ("cyd", "port 53", true)]
    {
        let bearer = user(&asked, name, filter, "");
        // No filter of their own leads to other sources.
        for more in ["", "&filter=exporter%20127.0.0.1", "&filter=any%20or%20exporter%20127.0.0.1"] {
            let told = rows(&bearer, more);
            assert!(told.iter().all(|row| row.missing.is_none()), "{filter} {more}: {told:?}");
            assert_eq!(is_lossy(&told), sees_loss, "{filter} {more}: {told:?}");
        }
    }
    let bearer = user(&asked, "dot", "", "exporter");
    let (status, text) = asked.get_as(&bearer, "/api/v1/completeness?last=10m&filter=exporter%20127.0.0.1");
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("hidden from you"), "{text}");
}

#[test]
fn sources_are_those_of_the_rows_that_are_seen() {
    // What arrives now, since the sources of a while ago are told by nobody.
    let asked = Asked::start();
    for sample in SAMPLES {
        assert_eq!(asked.replay(sample, &["--rate", "500"]).code, 0);
    }
    let records = |name: &&str| {
        weir(&["decode", &crate::asking::service::sample(name), "--format", "none"]).stdout.trim().parse::<u64>().unwrap()
    };
    asked.wait_stored(SAMPLES.iter().map(records).sum());
    let config = asked.config();
    assert_eq!(weir_reading(&["user", "add", "bob", "--filter", "port 53", "-c", &config], b"correct horse battery\n").code, 0);
    let bearer = format!("Bearer {}", weir(&["user", "token", "bob", "-c", &config]).stdout.trim());
    let told: Vec<Value> = serde_json::from_str(&asked.get_as(&bearer, "/api/v1/sources").1).unwrap();
    let key = |row: &Value| (row["exporter"].as_str().unwrap().to_owned(), row["domain"].as_u64().or(row["obs_domain"].as_u64()));
    let told: BTreeMap<_, _> = told.iter().map(|row| (key(row), row["records"].as_u64().unwrap())).collect();
    let question = json!({"filter": "port 53", "by": "exporter,obs_domain", "measures": "records", "last": "1h"});
    let answer: Value = serde_json::from_str(&asked.post("/api/v1/query", &question).1).unwrap();
    let reference: BTreeMap<_, _> =
        answer["rows"].as_array().unwrap().iter().map(|row| (key(row), row["records"].as_u64().unwrap())).collect();
    assert_eq!(told, reference);
    assert!(!told.is_empty());
    let all: Vec<Value> = serde_json::from_str(&asked.get("/api/v1/sources").1).unwrap();
    assert!(all.len() >= told.len());
    assert!(all.iter().map(|row| row["records"].as_u64().unwrap()).sum::<u64>() > told.values().sum::<u64>());
}

/// What becomes of each operation for somebody with limits. One that is added later has to be thought of here.
#[test]
fn every_operation_is_thought_of() {
    const NARROWED: [&str; 8] = [
        "get /api/v1/completeness",
        "get /api/v1/query",
        "post /api/v1/query",
        "get /api/v1/sources",
        "get /api/v1/complete",
        "get /api/v1/queries",
        "post /api/v1/view",
        "get /api/v1/chapters/{id}/data",
    ];
    const REFUSED: [&str; 5] =
        ["get /api/v1/counters", "get /api/v1/live", "get /metrics", "get /api/v1/names", "post /api/v1/sql"];
    /// About the service and its people, or what these made.
    const NO_DATA: [&str; 12] = [
        "/healthz",
        "/api/v1/queries/{id}",
        "/api/v1/session",
        "/api/v1/setup",
        "/api/v1/users",
        "/api/v1/tokens",
        "/api/v1/audit",
        "/api/v1/openapi.json",
        "/api/v1/profiles",
        "/api/v1/chapters",
        "/api/v1/dashboards",
        "/api/v1/recipes/service",
    ];
    let document: Value = serde_json::from_str(include_str!("../../../../server/openapi.json")).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let operation = format!("{method} {path}");
            let is_object =
                |known: &&str| path == *known || path == &format!("{known}/{{id}}") || path == &format!("{known}/{{name}}");
            let is_known = NARROWED.contains(&operation.as_str())
                || REFUSED.contains(&operation.as_str())
                || NO_DATA.iter().any(is_object)
                || path == "/api/v1/session/password";
            assert!(is_known, "{operation}: say here what somebody with limits is told, and test it above");
        }
    }
}
