//! The hellos of TLS, DTLS and QUIC against tshark's fields.
//!
//! Differences that are explained stand in `tls_differences.tsv`: capture, table (`tls`), number of connections, reason. The test fails when there
//! are others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use serde_json::Value;
use weir_capture::CaptureFile;
use weir_meter::Config;
use weir_record::FlowBatch;
use weir_wire::{Depth, Link, Walk};

use crate::captures::{captures_dir, captures_with_truth, explained, metered, without_timeouts};

/// Two ends; the smaller first.
type Ends = [(IpAddr, u16); 2];

/// What is compared, of all connections between the same ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tls {
    sni: BTreeSet<String>,
    alpn: BTreeSet<String>,
    version: BTreeSet<u64>,
    cipher: BTreeSet<u64>,
    quic_version: BTreeSet<u64>,
}

#[test]
fn hellos_equal_those_of_tshark() {
    let Some(folder) = captures_dir() else {
        return;
    };
    let explained = explained(include_str!("tls_differences.tsv"), "tls");
    let config = Config { decapsulate: true, ..without_timeouts() };
    let verbose = std::env::var_os("WEIR_VERBOSE").is_some();
    let (mut all, mut equal, mut faults) = (0, 0, Vec::new());
    for (name, path, truth) in captures_with_truth(&folder) {
        let expected = expected(&truth, &path);
        let found = found(&metered(&path, config.clone()).0);
        let is_equal = |ends: &Ends, expected: &Tls| found.get(ends).is_some_and(|found| agree(expected, found));
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
    assert!(equal as f64 >= 0.95 * all as f64, "{equal} of {all}");
    assert!(faults.is_empty(), "{} captures:\n{}", faults.len(), faults.join("\n"));
}

fn agree(expected: &Tls, found: &Tls) -> bool {
    // tshark names the version of a QUIC packet only where it could read a hello.
    let is_version_equal = expected.quic_version.is_subset(&found.quic_version);
    // QUIC is always TLS 1.3, and a client that nobody answers has no version in the truth.
    let is_tls_equal = expected.version == found.version || expected.version.is_empty() && !expected.quic_version.is_empty();
    is_version_equal
        && is_tls_equal
        && (&expected.sni, &expected.alpn, &expected.cipher) == (&found.sni, &found.alpn, &found.cipher)
}

/// The first hello of each side of each connection.
fn expected(truth: &Value, path: &Path) -> BTreeMap<Ends, Tls> {
    let events = truth["tls"].as_array().cloned().unwrap_or_default();
    let frames = events.iter().filter_map(|event| event["frame"].as_u64()).collect();
    let ends = ends_of_frames(path, &frames);
    // Streams come one after the other between the same ports.
    let mut streams: BTreeMap<(Ends, Option<u64>), Tls> = BTreeMap::new();
    for event in &events {
        let Some(ends) = event["frame"].as_u64().and_then(|frame| ends.get(&frame)) else { continue };
        let stream = event["stream"].as_u64().or(event["udp_stream"].as_u64());
        let tls = streams.entry((*ends, stream)).or_default();
        let is = |kind: u64| event["types"].as_array().is_some_and(|types| types.iter().any(|found| found == kind));
        let supported = event["supported"].as_array().and_then(|list| list.first()).and_then(hexadecimal);
        let protocols = event["alpn"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut protocols = protocols.filter(|name| name.is_ascii() && !is_grease(name)).map(str::to_owned);
        if is(1) && tls.version.is_empty() && tls.sni.is_empty() && tls.alpn.is_empty() {
            tls.sni.extend(event["sni"].as_str().map(str::to_owned));
            tls.alpn.extend(protocols.next());
        } else if is(2) && tls.cipher.is_empty() {
            let version = supported.or_else(|| hexadecimal(&event["version"]));
            // The server's choice is in clear up to TLS 1.2.
            if version.is_some_and(|version| version != 0x0304 && version >> 8 != 0x7f && version >> 8 != 0xfb) {
                tls.alpn = protocols.next().into_iter().collect();
            }
            tls.version.extend(version);
            tls.cipher.extend(hexadecimal(&event["cipher"]));
        }
        if let Some(version) = hexadecimal(&event["quic_version"]) {
            tls.quic_version = BTreeSet::from([version]);
        }
    }
    let mut table: BTreeMap<Ends, Tls> = BTreeMap::new();
    for ((ends, _), tls) in streams {
        let entry = table.entry(ends).or_default();
        entry.sni.extend(tls.sni);
        entry.alpn.extend(tls.alpn);
        entry.version.extend(tls.version);
        entry.cipher.extend(tls.cipher);
        entry.quic_version.extend(tls.quic_version);
    }
    table
}

/// tshark shows the two octets of grease as they are.
fn is_grease(name: &str) -> bool {
    let octets = name.as_bytes();
    octets.len() == 2 && octets[0] == octets[1] && octets[0] & 0x0f == 0x0a
}

fn hexadecimal(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// Between which ends these frames went.
fn ends_of_frames(path: &Path, frames: &BTreeSet<u64>) -> BTreeMap<u64, Ends> {
    let mut table = BTreeMap::new();
    let mut file = CaptureFile::open(path).unwrap();
    let mut walk = Walk::default();
    let mut number = 0;
    while let Ok(Some(frame)) = file.next() {
        number += 1;
        if let Some(link) = Link::from_pcap(frame.link_type.into()).filter(|_| frames.contains(&number)) {
            walk.read(link, frame.data, frame.original_len as usize, Depth::Inner);
            if let Some((ip, transport)) = walk.headers.ip.zip(walk.headers.transport) {
                table.insert(number, sorted((ip.src, transport.src_port), (ip.dst, transport.dst_port)));
            }
        }
    }
    table
}

fn sorted(a: (IpAddr, u16), b: (IpAddr, u16)) -> Ends {
    if a <= b { [a, b] } else { [b, a] }
}

fn found(flows: &FlowBatch) -> BTreeMap<Ends, Tls> {
    let mut table: BTreeMap<Ends, Tls> = BTreeMap::new();
    for row in 0..flows.rows() {
        let end = |address: Option<weir_record::Address>, port| (address.unwrap().to_ip(), port);
        let Some((src_port, dst_port)) = flows.src_port.get(row).zip(flows.dst_port.get(row)) else { continue };
        let is_hello = flows.tls_ja3.get(row).is_some() || flows.tls_cipher.get(row).is_some();
        if !is_hello && !matches!(flows.app.get(row), Some("tls" | "dtls" | "quic")) {
            continue;
        }
        let ends = sorted(end(flows.src_addr.get(row), src_port), end(flows.dst_addr.get(row), dst_port));
        let tls = table.entry(ends).or_default();
        tls.sni.extend(flows.tls_sni.get(row).map(str::to_owned));
        tls.alpn.extend(flows.tls_alpn.get(row).map(str::to_owned));
        tls.version.extend(flows.tls_version.get(row).map(u64::from));
        tls.cipher.extend(flows.tls_cipher.get(row).map(u64::from));
        tls.quic_version.extend(flows.quic_version.get(row).map(u64::from));
    }
    table
}
