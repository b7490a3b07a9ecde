//! Packets, bytes, flags and times of every conversation against flow tables made by tshark.
//!
//! The truth leaves later fragments without ports; the meter counts them with the ports of the first. Captures with fragments are therefore compared
//! by addresses and protocol. Differences that are explained stand in `volume_differences.tsv`: capture, table, number of conversations, reason.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;
use weir_meter::Config;
use weir_record::FlowBatch;

use crate::captures::{captures_dir, captures_with_truth, explained, metered, without_timeouts};

type Key = (IpAddr, IpAddr, u8, u16, u16);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Volume {
    packets: u64,
    bytes: u64,
    flags: u16,
    first_us: i64,
    last_us: i64,
}

#[test]
fn conversations_equal_those_of_tshark() {
    compare_all("flows", &without_timeouts());
}

#[test]
fn conversations_in_tunnels_equal_those_of_tshark() {
    compare_all("flows_inner", &Config { decapsulate: true, ..without_timeouts() });
}

fn compare_all(table: &str, config: &Config) {
    let Some(folder) = captures_dir() else {
        return;
    };
    let explained = explained(include_str!("volume_differences.tsv"), table);
    let verbose = std::env::var_os("WEIR_VERBOSE").is_some();
    let (mut all, mut equal, mut faults) = (0, 0, Vec::new());
    for (name, path, truth) in captures_with_truth(&folder) {
        let by_ports = truth["fragments"].as_u64() == Some(0);
        let flows = truth.get(table).filter(|flows| flows.is_array()).unwrap_or(&truth["flows"]).as_array();
        let expected = expected(flows.map_or(&[], Vec::as_slice), by_ports);
        let (flows, stats) = metered(&path, config.clone());
        let found = found(&flows, by_ports);
        let keys: BTreeSet<&Key> = expected.keys().chain(found.keys()).collect();
        let different: Vec<_> = keys.iter().filter(|key| expected.get(**key) != found.get(**key)).collect();
        all += keys.len();
        equal += keys.len() - different.len();
        if verbose {
            for key in &different {
                println!("{name} {key:?}: truth {:?}, found {:?}", expected.get(**key), found.get(**key));
            }
        }
        let allowed = explained.get(&name).copied().unwrap_or(0);
        if different.len() != allowed {
            faults.push(format!("{name}: {} differences, {allowed} explained", different.len()));
        }
        // Frames of a link type that nothing here reads reach no meter (NFLOG).
        if stats.packets != 0 && stats.packets != truth["packets"].as_u64().unwrap() {
            faults.push(format!("{name}: {} packets, truth {}", stats.packets, truth["packets"]));
        }
    }
    println!("{equal} of {all} conversations equal");
    assert!(equal as f64 >= 0.98 * all as f64, "{equal} of {all}");
    assert!(faults.is_empty(), "{} captures:\n{}", faults.len(), faults.join("\n"));
}

fn expected(flows: &[Value], by_ports: bool) -> BTreeMap<Key, Volume> {
    let mut table = BTreeMap::new();
    for flow in flows {
        // Times before 1970 stand there as unsigned numbers.
        let number = |name: &str| flow[name].as_i64().or(flow[name].as_u64().map(u64::cast_signed)).unwrap();
        let address = |name: &str| flow[name].as_str().unwrap().parse().unwrap();
        let ports = if by_ports { (number("sp") as u16, number("dp") as u16) } else { (0, 0) };
        let volume = Volume {
            packets: number("pkts") as u64,
            bytes: number("ip_bytes") as u64,
            flags: number("flags") as u16,
            first_us: number("first_us"),
            last_us: number("last_us"),
        };
        add(&mut table, (address("src"), address("dst"), number("proto") as u8, ports.0, ports.1), volume);
    }
    table
}

fn found(flows: &FlowBatch, by_ports: bool) -> BTreeMap<Key, Volume> {
    let mut table = BTreeMap::new();
    for row in 0..flows.rows() {
        let icmp = flows.icmp_type.get(row).zip(flows.icmp_code.get(row));
        let ports = match icmp {
            Some((kind, code)) => (0, u16::from_be_bytes([kind, code])),
            None => (flows.src_port.get(row).unwrap_or(0), flows.dst_port.get(row).unwrap_or(0)),
        };
        let ports = if by_ports { ports } else { (0, 0) };
        let (src, dst) = (flows.src_addr.get(row).unwrap().to_ip(), flows.dst_addr.get(row).unwrap().to_ip());
        let volume = Volume {
            packets: flows.packets.get(row).unwrap(),
            bytes: flows.bytes.get(row).unwrap(),
            flags: flows.tcp_flags.get(row).unwrap_or(0),
            first_us: flows.time_start.get(row).unwrap().div_euclid(1000),
            last_us: flows.time_end.get(row).unwrap().div_euclid(1000),
        };
        add(&mut table, (src, dst, flows.protocol.get(row).unwrap(), ports.0, ports.1), volume);
    }
    table
}

fn add(table: &mut BTreeMap<Key, Volume>, key: Key, more: Volume) {
    let entry = table.entry(key).or_insert(Volume { first_us: i64::MAX, last_us: i64::MIN, ..Volume::default() });
    entry.packets += more.packets;
    entry.bytes += more.bytes;
    entry.flags |= more.flags;
    entry.first_us = entry.first_us.min(more.first_us);
    entry.last_us = entry.last_us.max(more.last_us);
}
