//! What one service has stored arrives at the next one.

use std::net::TcpListener;
use std::time::Instant;

use serde_json::Value;
use weir_testkit::PATIENCE;

use crate::asking::service::{Asked, NETFLOW5, sample};
use crate::collect::service::{Folder, Service};
use crate::run::{weir, weir_reading};

/// What records carry over every protocol that the samples come in.
const COLUMNS: &str = "src_addr,dst_addr,src_port,dst_port,protocol,packets,bytes,tcp_flags,in_if,out_if,sampling_rate";

/// Rows as texts, in an order of their own.
fn sorted(rows: &[Value]) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

/// What is stored, as `weir query` prints it.
fn stored(folder: &Folder, columns: &str) -> Vec<String> {
    let store = folder.store().to_str().unwrap().to_owned();
    sorted(&weir(&["query", "--store", &store, "--format", "json", "--columns", columns, "--limit", "100000"]).records())
}

/// Sends a sample to the service.
fn replay(service: &Service, name: &str) {
    let run = weir(&["replay", &sample(name), "--to", &format!("udp://{}", service.address), "--rate", "500", "--original-time"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

/// The records of a sample as they are decoded.
fn decoded(name: &str) -> Vec<String> {
    sorted(&weir(&["decode", &sample(name), "--format", "json", "--columns", COLUMNS]).records())
}

#[test]
fn what_one_service_stores_arrives_at_the_next() {
    for (format, listen) in [("ipfix", ""), ("netflow9", ""), ("fastnetmon", "format = \"fastnetmon\"")] {
        let target = Asked::start_beside(listen, "");
        let folder = Folder::new();
        let export = format!("[export.next]\nurl = \"udp://{}\"\nformat = \"{format}\"\nfrom = \"all\"", target.service.address);
        let service = Service::start(&folder, "", &export);
        replay(&service, "netflow5");
        target.wait_stored(NETFLOW5);
        let ended = service.stop();
        assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
        assert_eq!(ended.exports["next"]["records"], NETFLOW5, "{:#?}", ended.exports);
        let Asked { folder: theirs, service, .. } = target;
        service.stop();
        // In FastNetMon Flow a zero is what is not known, as the ports of ICMP are, and an unknown rate is 1.
        let columns = if format == "fastnetmon" { "src_addr,dst_addr,protocol,packets,bytes" } else { COLUMNS };
        assert_eq!(stored(&theirs, columns), stored(&folder, columns), "{format}");
    }
}

#[test]
fn a_stream_carries_what_is_stored_and_nothing_else() {
    for name in ["netflow5", "netflow9", "ipfix", "sflow"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = Folder::new();
        let url = format!("tcp://{}", listener.local_addr().unwrap());
        let service = Service::start(&folder, "", &format!("[export.next]\nurl = \"{url}\"\nfrom = \"all\""));
        let (mut stream, _) = listener.accept().unwrap();
        let reader = std::thread::spawn(move || {
            let mut octets = Vec::new();
            std::io::Read::read_to_end(&mut stream, &mut octets).unwrap();
            octets
        });
        replay(&service, name);
        let expected = decoded(name);
        let ended = service.stop();
        assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
        // Messages one after the other are an IPFIX file (RFC 5655).
        let arrived = weir_reading(&["decode", "-", "--columns", COLUMNS], &reader.join().unwrap());
        assert_eq!(sorted(&arrived.records()), expected, "{name}");
    }
}

#[test]
fn counters_tell_of_exports_under_both_names() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let export = format!("[export.next]\nurl = \"{url}\"\nformat = \"fastnetmon\"\nfrom = \"all\"\nsampling = 2");
    let asked = Asked::start_beside("", &export);
    let run = asked.replay("netflow5", &["--rate", "500", "--original-time"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    asked.wait_stored(NETFLOW5);
    let value = |name: &str| {
        let rows = asked.ask(&["counters", "--format", "json", "--grep", name]).records();
        rows.iter().map(|row| row["value"].as_u64().unwrap()).sum::<u64>()
    };
    let begun = Instant::now();
    while value("flow_forwarder_sampler_seen_packets") < NETFLOW5 {
        assert!(begun.elapsed() < PATIENCE);
    }
    let selected = value("flow_forwarder_sampler_selected_packets");
    assert_eq!(selected, value("weir_export_records_total"));
    assert!((NETFLOW5 / 3..=NETFLOW5 * 2 / 3).contains(&selected), "{selected}");
    while value("flow_forwarder_pushed_messages") < selected {
        assert!(begun.elapsed() < PATIENCE);
    }
    assert_eq!((value("flow_forwarder_errors"), value("weir_export_up")), (0, 1));
    asked.service.wait_for("sampling leaves out whole flows");
}
