//! The first request of each connection, its answer and the number of requests against tshark's fields of HTTP.
//!
//! Differences that are explained stand in `http_differences.tsv`: capture, table (`http`), number of connections, reason. The test fails when
//! there are others.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;
use weir_meter::{Applications, Config};
use weir_record::FlowBatch;

use crate::captures::{captures_dir, captures_with_truth, explained, metered, without_timeouts};

/// Two ends; the smaller first.
type Ends = [(IpAddr, u16); 2];

/// What is compared. `requests` are those of all connections between the same ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Http {
    method: Option<String>,
    host: Option<String>,
    uri: Option<String>,
    agent: Option<String>,
    status: Option<u16>,
    requests: u32,
}

#[test]
fn requests_equal_those_of_tshark() {
    let Some(folder) = captures_dir() else {
        return;
    };
    let explained = explained(include_str!("http_differences.tsv"), "http");
    let applications = Some(Applications { url_queries: true, ..Applications::default() });
    let config = Config { decapsulate: true, applications, ..without_timeouts() };
    let verbose = std::env::var_os("WEIR_VERBOSE").is_some();
    let (mut all, mut equal, mut faults) = (0, 0, Vec::new());
    for (name, path, truth) in captures_with_truth(&folder) {
        let expected = expected(&truth);
        let found = found(&metered(&path, config.clone()).0);
        let is_equal = |ends: &Ends, expected: &Http| found.get(ends).is_some_and(|found| agree(expected, found));
        let different: Vec<_> = expected.iter().filter(|(ends, expected)| !is_equal(ends, expected)).collect();
        all += expected.len();
        equal += expected.len() - different.len();
        if verbose {
            for (ends, expected) in &different {
                println!("{name} {ends:?}:\n  truth {expected:?}\n  found {:?}", found.get(*ends));
            }
            for (ends, found) in found.iter().filter(|(ends, _)| !expected.contains_key(*ends)) {
                println!("{name} {ends:?}: not in truth: {found:?}");
            }
        }
        let allowed = explained.get(&name).copied().unwrap_or(0);
        if different.len() != allowed {
            faults.push(format!("{name}: {} differences, {allowed} explained", different.len()));
        }
    }
    println!("{equal} of {all} connections equal");
    assert!(equal as f64 >= 0.85 * all as f64, "{equal} of {all}");
    assert!(faults.is_empty(), "{} captures:\n{}", faults.len(), faults.join("\n"));
}

/// tshark escapes what is not ASCII, and texts are cut at their longest.
fn agree(expected: &Http, found: &Http) -> bool {
    let text = |text: &Option<String>| {
        text.as_deref().map(|text| text.trim().chars().take(500).filter(char::is_ascii).collect::<String>())
    };
    let texts = |http: &Http| [&http.method, &http.host, &http.uri, &http.agent].map(text);
    // tshark shows an answer when its body is complete, and the meter reads no bodies.
    let is_status_equal = expected.status.is_none() || expected.status == found.status;
    texts(expected) == texts(found) && is_status_equal && expected.requests == found.requests
}

fn expected(truth: &Value) -> BTreeMap<Ends, Http> {
    let list = |name: &str| truth[name].as_array().cloned().unwrap_or_default();
    let streams: BTreeMap<i64, Ends> =
        list("tcp_streams").iter().map(|stream| (stream["stream"].as_i64().unwrap(), ends_of(stream))).collect();
    let mut table: BTreeMap<Ends, (Http, Option<i64>)> = BTreeMap::new();
    for event in list("http") {
        let Some(ends) = event["stream"].as_i64().and_then(|stream| streams.get(&stream)) else { continue };
        let (http, first_frame) = table.entry(*ends).or_default();
        let texts = |name: &str| texts(&event[name]);
        let requests = texts("method").len() as u32;
        if requests > 0 && http.requests == 0 {
            let first = |name: &str| texts(name).into_iter().next();
            *http = Http {
                method: first("method"),
                host: first("host"),
                uri: first("uri"),
                agent: first("agent"),
                ..Http::default()
            };
            *first_frame = event["frame"].as_i64();
        }
        http.requests += requests;
        if http.method.as_deref() == Some("CONNECT") {
            // The target names the host and no path.
            http.host = http.uri.take().or(http.host.take());
        }
        // The host of a whole URL stands in the host's place.
        if let Some((_, rest)) =
            http.uri.as_deref().and_then(|uri| uri.strip_prefix("http://")).and_then(|rest| rest.split_once('/'))
        {
            http.uri = Some(format!("/{rest}"));
        }
        let is_of_first = http.requests == 0 || texts("request_frame").iter().any(|frame| frame.parse().ok() == *first_frame);
        for code in texts("code").iter().filter_map(|code| code.parse::<u16>().ok()) {
            if is_of_first && http.status.is_none() && (code >= 200 || code == 101) {
                http.status = Some(code);
            }
        }
    }
    table.into_iter().map(|(ends, (http, _))| (ends, http)).collect()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn ends_of(stream: &Value) -> Ends {
    let end =
        |address: &str, port: &str| (stream[address].as_str().unwrap().parse().unwrap(), stream[port].as_u64().unwrap() as u16);
    sorted(end("client", "cport"), end("server", "sport"))
}

fn sorted(a: (IpAddr, u16), b: (IpAddr, u16)) -> Ends {
    if a <= b { [a, b] } else { [b, a] }
}

fn found(flows: &FlowBatch) -> BTreeMap<Ends, Http> {
    let mut table: BTreeMap<Ends, Http> = BTreeMap::new();
    let mut last = None;
    for row in 0..flows.rows() {
        let end = |address: Option<weir_record::Address>, port| (address.unwrap().to_ip(), port);
        let Some((src_port, dst_port)) = flows.src_port.get(row).zip(flows.dst_port.get(row)) else { continue };
        let ends = sorted(end(flows.src_addr.get(row), src_port), end(flows.dst_addr.get(row), dst_port));
        // Both rows of a connection say the same.
        let is_second = flows.biflow.get(row) == Some(weir_record::names::RESPONDER) && last == Some(ends);
        last = Some(ends);
        if is_second || flows.app.get(row) != Some("http") {
            continue;
        }
        let text = |text: Option<&str>| text.map(str::to_owned);
        let requests = flows.http_count.get(row).unwrap_or(0);
        let found = table.entry(ends).or_default();
        if found.requests == 0 {
            *found = Http {
                method: text(flows.http_method.get(row)),
                host: text(flows.http_host.get(row)),
                uri: text(flows.http_path.get(row)),
                agent: text(flows.http_user_agent.get(row)),
                status: flows.http_status.get(row),
                requests: 0,
            };
        }
        found.requests += requests;
    }
    table
}
