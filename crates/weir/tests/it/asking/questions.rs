//! Questions: the service and the files give one answer, and bad ones are refused with their place.

use serde_json::{Value, json};
use weir_testkit::wait_until;

use super::service::{Asked, NETFLOW5};
use crate::run::{command, weir};

#[test]
fn the_service_and_the_files_answer_alike() {
    let asked = Asked::with(&["netflow5", "sflow"]);
    for question in [
        &["--format", "json", "--columns", "src_addr,dst_addr,src_port,bytes,packets"][..],
        &["--format", "csv", "--columns", "dst_addr,bytes", "--oldest-first", "--limit", "7"],
        &["--format", "table", "src net 198.51.100.0/24"],
        &["--format", "json", "--top", "3", "--by", "src_addr"],
        &[
            "--format",
            "table",
            "--top",
            "5",
            "--by",
            "dst_port,protocol",
            "--measures",
            "bytes,flows,distinct(src_addr)",
            "--sort",
            "flows",
        ],
        &["--format", "csv", "--by", "record_kind", "--unscaled"],
        &["--format", "json", "--by", "src_addr", "--having", "bytes > 10k"],
        &["--format", "json", "--summary"],
        &["--format", "json", "--series", "1h"],
        &["--format", "none", "tcp"],
        &["--format", "json", "--last", "1h", "--columns", "src_addr,bytes"],
    ] {
        let question = [&["query"], question].concat();
        let (service, files) = (asked.ask(&question), asked.read(&question));
        assert_eq!((service.code, files.code), (0, 0), "{question:?}: {} {}", service.stderr, files.stderr);
        assert!(!files.stdout.is_empty(), "{question:?}");
        assert_eq!(service.stdout, files.stdout, "{question:?}");
    }
    let statement = ["sql", "SELECT src_addr, sum(bytes) AS bytes, count(*) AS n FROM flows GROUP BY src_addr ORDER BY src_addr"];
    for format in ["json", "csv", "table", "none"] {
        let statement = [&statement[..], &["--format", format]].concat();
        let (service, files) = (asked.ask(&statement), asked.read(&statement));
        assert_eq!((service.code, files.code), (0, 0), "{statement:?}: {} {}", service.stderr, files.stderr);
        assert!(!files.stdout.is_empty());
        assert_eq!(service.stdout, files.stdout, "{statement:?}");
    }
}

#[test]
fn sums_by_keys_are_those_of_the_records() {
    let asked = Asked::with(&["netflow5"]);
    let records = asked.read(&["query", "--format", "json", "--columns", "src_addr,bytes"]).records();
    let mut sums = std::collections::BTreeMap::<String, u64>::new();
    for record in &records {
        *sums.entry(record["src_addr"].as_str().unwrap().into()).or_default() += record["bytes"].as_u64().unwrap();
    }
    let groups = asked.ask(&["query", "--format", "json", "--by", "src_addr", "--measures", "bytes", "--unscaled"]).records();
    let told: std::collections::BTreeMap<String, u64> =
        groups.iter().map(|group| (group["src_addr"].as_str().unwrap().into(), group["bytes"].as_u64().unwrap())).collect();
    assert_eq!(told, sums);
    let largest = sums.values().max().unwrap();
    assert_eq!(groups[0]["bytes"].as_u64(), Some(*largest), "the largest comes first");
}

#[test]
fn bad_questions_are_refused_with_their_place() {
    let asked = Asked::start();
    let (status, text) = asked.post("/api/v1/query", &json!({"filter": "port 53 and prot 6"}));
    let refusal: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &refusal["field"], &refusal["position"]), (400, &json!("filter"), &json!(12)), "{text}");
    for (question, mark) in [
        (&["query", "port 53 and prot 6"][..], "  port 53 and prot 6\n              ^"),
        (&["query", "--by", "src_addr", "--measures", "bytes,byts"], "  bytes,byts\n        ^"),
        (&["query", "--from", "soon"], "\"soon\" is no time"),
        (&["query", "--by", "src_addr", "--having", "bytes >"], "  bytes >\n"),
    ] {
        let (service, files) = (asked.ask(question), asked.read(question));
        assert_eq!((service.code, service.stdout.as_str()), (2, ""), "{question:?}: {}", service.stderr);
        assert!(service.stderr.contains(mark), "{question:?}: {}", service.stderr);
        assert_eq!(service.stderr, files.stderr, "{question:?}");
    }
}

#[test]
fn sql_only_reads() {
    let asked = Asked::with(&["netflow5"]);
    for statement in [
        "CREATE TABLE mine AS SELECT * FROM flows",
        "DROP TABLE flows",
        "DELETE FROM flows",
        "COPY flows TO '/srv/flows.csv'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT 1; SELECT 2",
    ] {
        let (status, text) = asked.post("/api/v1/sql", &json!({"sql": statement}));
        assert_eq!(status, 400, "{statement}: {text}");
        let run = asked.ask(&["sql", statement]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{statement}: {}", run.stderr);
    }
    let (status, text) = asked.post("/api/v1/sql", &json!({"sql": "SELECT src_adr FROM flows"}));
    assert_eq!(status, 400, "{text}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["field"], "sql");
    let (status, text) = asked.post("/api/v1/sql", &json!({"sql": "SELECT count(*) AS n FROM flows", "format": "json"}));
    assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap()["rows"].clone()), (200, json!([[NETFLOW5]])), "{text}");
}

#[test]
fn a_question_that_asks_too_much_ends_by_a_limit() {
    let asked = Asked::with(&["netflow5"]);
    let question = ["query", "--series", "1s", "--from", "1990-01-01", "--to", "2030-01-01"];
    let (service, files) = (asked.ask(&question), asked.read(&question));
    assert_eq!((service.code, files.code), (3, 3), "{} {}", service.stderr, files.stderr);
    assert_eq!(service.stderr, files.stderr);
    assert!(service.stderr.contains("slots"), "{}", service.stderr);
    let (status, _) = asked.get("/api/v1/query?series=1s&from=1990-01-01&to=2030-01-01");
    assert_eq!(status, 422);
}

#[test]
fn a_statement_that_runs_for_long_can_be_cancelled() {
    let asked = Asked::with(&["netflow5"]);
    // 23 to the power of 8 rows to join.
    let endless = "SELECT count(*) FROM flows a, flows b, flows c, flows d, flows e, flows f, flows g, flows h WHERE a.bytes + b.bytes + c.bytes + d.bytes + e.bytes + f.bytes + g.bytes + h.bytes = 1";
    let child = command(&["sql", endless, "-c", &asked.config()]).spawn().unwrap();
    let mut id = None;
    wait_until("it runs", || {
        let running: Value = serde_json::from_str(&asked.get("/api/v1/queries").1).unwrap();
        // A question that was answered a moment ago may still be listed.
        id = running.as_array().unwrap().iter().find(|row| row["kind"] == "sql").and_then(|row| row["id"].as_u64());
        id.is_some()
    });
    let id = id.unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    let cancel = agent.delete(asked.url(&format!("/api/v1/queries/{id}"))).header("authorization", asked.bearer());
    assert_eq!(cancel.call().unwrap().status(), 204);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("cancelled"), "{told}");
}

#[test]
fn what_is_not_there_is_said() {
    let run = weir(&["query", "--store", "/no/such/store"]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("/no/such/store"), "{}", run.stderr);
    let asked = Asked::start();
    let run = asked.ask(&["query", "port 53"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "nothing matches: {}", run.stderr);
}
