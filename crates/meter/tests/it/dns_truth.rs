//! The first question of each conversation, the result of its answer and the response times against tshark's fields of DNS.
//!
//! Differences that are explained stand in `dns_differences.tsv`: capture, table (`dns`), number of conversations, reason. The test fails when there are others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use serde_json::Value;
use weir_capture::CaptureFile;
use weir_meter::{Config, Meter, Packet};
use weir_record::{FlowBatch, names};
use weir_wire::Link;

use crate::captures::{captures_dir, captures_with_truth, explained, metered, without_timeouts};

/// Protocol and two ends; the smaller first.
type Conversation = (u8, [(IpAddr, u16); 2]);

/// What is compared.
#[derive(Clone, Debug, Default)]
struct Dns {
    name: Option<String>,
    kind: Option<u16>,
    rcode: Option<u8>,
    /// Response times and their sum in microseconds; of UDP alone.
    times: u32,
    sum: u64,
    app: Option<String>,
}

#[test]
fn questions_results_and_times_equal_those_of_tshark() {
    let Some(folder) = captures_dir() else {
        return;
    };
    let explained = explained(include_str!("dns_differences.tsv"), "dns");
    let config = Config { decapsulate: true, ..without_timeouts() };
    let verbose = std::env::var_os("WEIR_VERBOSE").is_some();
    let (mut all, mut equal, mut times, mut faults) = (0, 0, 0, Vec::new());
    for (name, path, truth) in captures_with_truth(&folder) {
        let events = truth["dns"].as_array().cloned().unwrap_or_default();
        let expected = expected(&events, &conversations(&path, &events, &config));
        let found = found(&metered(&path, config.clone()).0);
        let is_equal =
            |conversation: &Conversation, expected: &Dns| found.get(conversation).is_some_and(|found| agree(expected, found));
        let different: Vec<_> = expected.iter().filter(|(conversation, expected)| !is_equal(conversation, expected)).collect();
        all += expected.len();
        equal += expected.len() - different.len();
        times += expected.values().map(|dns| dns.times).sum::<u32>();
        if verbose {
            for (conversation, expected) in &different {
                println!("{name} {conversation:?}:\n  truth {expected:?}\n  found {:?}", found.get(*conversation));
            }
            for (conversation, found) in found.iter().filter(|(conversation, _)| !expected.contains_key(*conversation)) {
                println!("{name} {conversation:?}: not in truth: {found:?}");
            }
        }
        let allowed = explained.get(&name).copied().unwrap_or(0);
        if different.len() != allowed {
            faults.push(format!("{name}: {} differences, {allowed} explained", different.len()));
        }
    }
    println!("{equal} of {all} conversations equal, {times} response times");
    assert!(equal as f64 >= 0.9 * all as f64, "{equal} of {all}");
    assert!(faults.is_empty(), "{} captures:\n{}", faults.len(), faults.join("\n"));
}

/// Each time may be rounded by a microsecond. Multicast queries are answered to everybody, if at all: the meter takes no times of them, and their
/// answers have no question, so that tshark's list leaves them out.
fn agree(expected: &Dns, found: &Dns) -> bool {
    let is_multicast = found.app.as_deref() == Some("mdns");
    let text = |dns: &Dns| dns.name.clone().unwrap_or_default().to_lowercase();
    text(expected) == text(found)
        && expected.kind == found.kind
        && (is_multicast
            || expected.rcode == found.rcode
                && expected.times == found.times
                && expected.sum.abs_diff(found.sum) <= u64::from(expected.times))
}

fn expected(events: &[Value], conversations: &BTreeMap<u64, Conversation>) -> BTreeMap<Conversation, Dns> {
    let mut table: BTreeMap<Conversation, (Dns, Option<String>, bool)> = BTreeMap::new();
    for event in events {
        let Some(conversation) = event["frame"].as_u64().and_then(|frame| conversations.get(&frame)) else { continue };
        let (dns, first_id, is_settled) = table.entry(*conversation).or_default();
        if dns.name.is_none() && !event["name"][0].is_null() {
            dns.name = event["name"][0].as_str().map(|name| if name == "<Root>" { "." } else { name }.to_owned());
            dns.kind = event["type"][0].as_u64().map(|kind| kind as u16);
        }
        let id = event["id"].as_str().map(str::to_owned);
        if event["response"] != Value::Bool(true) {
            *first_id = first_id.take().or(id);
            continue;
        }
        let is_of_first = *first_id == id;
        if !*is_settled && (is_of_first || dns.rcode.is_none()) {
            dns.rcode = event["rcode"].as_u64().map(|rcode| rcode as u8);
            *is_settled = is_of_first;
        }
        if let (17, Some(time)) = (conversation.0, event["time"].as_f64()) {
            dns.times += 1;
            dns.sum += (time * 1e6).round() as u64;
        }
    }
    table.into_iter().map(|(conversation, (dns, ..))| (conversation, dns)).collect()
}

/// The conversations of the frames that have something to say about DNS.
fn conversations(path: &Path, events: &[Value], config: &Config) -> BTreeMap<u64, Conversation> {
    let wanted: BTreeSet<u64> = events.iter().filter_map(|event| event["frame"].as_u64()).collect();
    let mut table = BTreeMap::new();
    let mut file = CaptureFile::open(path).unwrap();
    let mut number = 0;
    while number < wanted.last().copied().unwrap_or(0)
        && let Ok(Some(frame)) = file.next()
    {
        number += 1;
        let Some(link) = Link::from_pcap(frame.link_type.into()).filter(|_| wanted.contains(&number)) else { continue };
        let original_len = frame.original_len as usize;
        let packet = Packet { time: frame.time_ns, link, data: frame.data, original_len, interface: 0, segment_size: 0 };
        let (mut meter, mut flows) = (Meter::new(Config { max_flows: 4, ..config.clone() }), FlowBatch::new());
        meter.push(&packet, &mut flows);
        while meter.finish(&mut flows) {}
        flows.finish();
        if let Some(conversation) = (flows.rows() > 0).then(|| conversation(&flows, 0)).flatten() {
            table.insert(number, conversation);
        }
    }
    table
}

fn conversation(flows: &FlowBatch, row: usize) -> Option<Conversation> {
    let end = |address: Option<weir_record::Address>, port: Option<u16>| Some((address?.to_ip(), port?));
    let mut ends =
        [end(flows.src_addr.get(row), flows.src_port.get(row))?, end(flows.dst_addr.get(row), flows.dst_port.get(row))?];
    ends.sort();
    Some((flows.protocol.get(row)?, ends))
}

fn found(flows: &FlowBatch) -> BTreeMap<Conversation, Dns> {
    const BY_NAME: [&str; 4] = ["dns", "mdns", "llmnr", "netbios-ns"];
    let mut table = BTreeMap::new();
    for row in 0..flows.rows() {
        let Some(conversation) = conversation(flows, row) else { continue };
        let is_dns = flows.app.get(row).is_some_and(|app| BY_NAME.contains(&app));
        if !is_dns || flows.app_source.get(row) == Some(names::APP_BY_PORT) {
            continue;
        }
        // Both rows of a conversation say the same.
        table.entry(conversation).or_insert_with(|| Dns {
            name: flows.dns_name.get(row).map(str::to_owned),
            kind: flows.dns_type.get(row),
            rcode: flows.dns_rcode.get(row),
            times: if conversation.0 == 17 { flows.srt_count.get(row).unwrap_or(0) } else { 0 },
            sum: if conversation.0 == 17 { flows.srt_sum.get(row).unwrap_or(0) } else { 0 },
            app: flows.app.get(row).map(str::to_owned),
        });
    }
    table
}
