//! Every captured packet against flow tables made by tshark: one-way 5-tuples of the outermost and of the innermost IP header.
//!
//! Differences that are explained stand in `differences.tsv` beside this file: capture, depth, number of flows, reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
};

use serde::Deserialize;
use weir_wire::{Depth, Walk};

use crate::captures::{self, Frame};

#[derive(Deserialize)]
struct Capture {
    packets: u64,
    truncated_packets: u64,
    ip_packets: u64,
    ip_bytes: u64,
    fragments: u64,
    flows: Vec<TrueFlow>,
    flows_inner: Option<Vec<TrueFlow>>,
}

#[derive(Deserialize)]
struct TrueFlow {
    src: String,
    dst: String,
    proto: u8,
    sp: u16,
    dp: u16,
    pkts: u64,
    ip_bytes: u64,
    flags: u16,
    #[serde(default)]
    vlans: Vec<u16>,
    #[serde(default)]
    mpls: Vec<u32>,
}

type Key = (IpAddr, IpAddr, u8, u16, u16);

#[derive(Debug, Default, PartialEq, Eq)]
struct Flow {
    packets: u64,
    ip_bytes: u64,
    flags: u16,
    vlans: Vec<u16>,
    mpls: Vec<u32>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    packets: u64,
    truncated: u64,
    ip_packets: u64,
    ip_bytes: u64,
    fragments: u64,
}

/// Flows whose every figure agrees, and the others by key.
#[derive(Default)]
struct Comparison {
    equal: usize,
    different: BTreeSet<Key>,
    lines: Vec<String>,
}

#[test]
fn flow_tables_equal_those_of_tshark() {
    let Some(shared) = captures::shared() else {
        return;
    };
    let explained = explained();
    let verbose = std::env::var_os("WEIR_VERBOSE").is_some();
    let summary = fs::read_to_string(shared.join("truth/packets/summary.jsonl")).unwrap();
    let (mut flows, mut equal, mut packets, mut faults) = (0, 0, 0, Vec::new());
    for line in summary.lines() {
        let file = serde_json::from_str::<serde_json::Value>(line).unwrap()["file"].as_str().unwrap().to_owned();
        let truth = captures::truth(&shared.join("truth").join(format!("{file}.json")));
        let truth: Capture = serde_json::from_slice(&truth).unwrap();
        let frames = captures::frames(&shared.join(&file));
        packets += frames.len();
        for (name, depth, expected) in
            [("outer", Depth::Outer, &truth.flows), ("inner", Depth::Inner, truth.flows_inner.as_ref().unwrap_or(&truth.flows))]
        {
            let (found, totals) = flow_table(&frames, depth);
            let mut comparison = compare(expected, &found);
            if depth == Depth::Outer {
                compare_totals(&truth, &totals, &mut comparison);
            }
            flows += comparison.equal + comparison.different.len();
            equal += comparison.equal;
            let different = comparison.lines.len();
            if verbose && different > 0 {
                println!("{file} {name}: {different}\n  {}", comparison.lines.join("\n  "));
            }
            let allowed = explained.get(&(file.clone(), name.to_owned())).copied().unwrap_or(0);
            if different != allowed {
                faults.push(format!("{file} {name}: {different} differences, {allowed} explained"));
            }
        }
    }
    println!("{equal} of {flows} flows equal, {packets} packets");
    assert!(equal as f64 >= 0.99 * flows as f64, "{equal} of {flows}");
    assert!(faults.is_empty(), "{} captures:\n{}", faults.len(), faults.join("\n"));
}

/// The flow table of a capture as the truth defines it.
fn flow_table(frames: &[Frame], depth: Depth) -> (BTreeMap<Key, Flow>, Totals) {
    let mut flows = BTreeMap::<Key, Flow>::new();
    let mut totals = Totals::default();
    let mut walk = Walk::default();
    for frame in frames {
        totals.packets += 1;
        totals.truncated += u64::from(frame.bytes.len() < frame.original_len);
        let Some(link) = frame.link else { continue };
        walk.read(link, &frame.bytes, frame.original_len, depth);
        let headers = &walk.headers;
        let Some(ip) = headers.ip else { continue };
        totals.ip_packets += 1;
        totals.ip_bytes += u64::from(ip.total_length);
        totals.fragments += u64::from(ip.is_fragment());
        let transport = headers.transport;
        let (src_port, dst_port) = match transport {
            Some(transport) => match transport.icmp {
                Some((kind, code)) => (0, u16::from_be_bytes([kind, code])),
                None => (transport.src_port, transport.dst_port),
            },
            None => (0, 0),
        };
        let flow = flows.entry((ip.src, ip.dst, ip.protocol, src_port, dst_port)).or_insert_with(|| Flow {
            vlans: headers.vlans.iter().map(|vlan| vlan.id()).collect(),
            mpls: headers.mpls.iter().map(|entry| entry >> 4).collect(),
            ..Flow::default()
        });
        flow.packets += 1;
        flow.ip_bytes += u64::from(ip.total_length);
        flow.flags |= transport.and_then(|transport| transport.tcp).map_or(0, |tcp| tcp.flags);
    }
    (flows, totals)
}

fn compare(expected: &[TrueFlow], found: &BTreeMap<Key, Flow>) -> Comparison {
    let mut comparison = Comparison::default();
    let mut unexpected: BTreeSet<Key> = found.keys().copied().collect();
    for truth in expected {
        let key = (truth.src.parse().unwrap(), truth.dst.parse().unwrap(), truth.proto, truth.sp, truth.dp);
        unexpected.remove(&key);
        let expected = Flow {
            packets: truth.pkts,
            ip_bytes: truth.ip_bytes,
            flags: truth.flags,
            vlans: truth.vlans.clone(),
            mpls: truth.mpls.clone(),
        };
        match found.get(&key) {
            Some(flow) if *flow == expected => comparison.equal += 1,
            flow => {
                comparison.different.insert(key);
                comparison.lines.push(format!("{key:?}: truth {expected:?}, found {flow:?}"));
            }
        }
    }
    for key in unexpected {
        comparison.different.insert(key);
        comparison.lines.push(format!("{key:?}: not in the truth, found {:?}", found.get(&key)));
    }
    comparison
}

fn compare_totals(truth: &Capture, found: &Totals, comparison: &mut Comparison) {
    let expected = Totals {
        packets: truth.packets,
        truncated: truth.truncated_packets,
        ip_packets: truth.ip_packets,
        ip_bytes: truth.ip_bytes,
        fragments: truth.fragments,
    };
    if *found != expected {
        comparison.lines.push(format!("truth {expected:?}, found {found:?}"));
    }
}

/// Number of explained differences by capture and depth.
fn explained() -> BTreeMap<(String, String), usize> {
    let lines = include_str!("differences.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut columns = line.split('\t');
            let mut column = || columns.next().unwrap().to_owned();
            ((column(), column()), column().parse().unwrap())
        })
        .collect()
}
