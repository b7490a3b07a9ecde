//! Every record of every capture of real devices is stored, and the sums are right.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use weir_codec::{Config, Datagram, Decoder, Output};
use weir_record::FlowBatch;

use super::service::{Exporter, Folder, Service, Stored};

/// Exporters of the captures, each with an address of the loopback network of its own.
#[derive(Default)]
struct Cast(HashMap<(String, IpAddr), Ipv4Addr>);

impl Cast {
    /// Where an exporter of a capture sends from. Different captures may show the same device at different times.
    fn address(&mut self, file: &str, source: SocketAddr) -> SocketAddr {
        let number = self.0.len() as u32 + 1;
        let address = self.0.entry((file.to_owned(), source.ip())).or_insert(Ipv4Addr::from_bits(0x7f01_0000 + number));
        SocketAddr::new((*address).into(), source.port())
    }
}

fn sum(flows: &FlowBatch, column: fn(&FlowBatch, usize) -> Option<u64>) -> u64 {
    (0..flows.rows()).filter_map(|row| column(flows, row)).sum()
}

#[test]
fn every_record_of_every_capture_is_stored_with_its_sums() {
    let Some(shared) = weir_testkit::shared_dir() else {
        println!("skipped: no shared captures");
        return;
    };
    let base = shared.join("captures");
    let folder = Folder::new();
    let service = Service::start(&folder, "", "[collector]\nworkers = 3\n");
    let (mut cast, mut decoder, mut expected) = (Cast::default(), Decoder::new(Config::default()), Output::default());
    let (mut sent, mut truth) = (0, 0);
    for summary in weir_testkit::json_lines(&base.join("truth/flow/summary.jsonl")) {
        let file = summary["file"].as_str().unwrap();
        if !["netflow5/", "netflow9/", "ipfix/", "sflow/"].iter().any(|folder| file.starts_with(folder)) {
            continue;
        }
        let mut sockets: HashMap<SocketAddr, Exporter> = HashMap::new();
        for datagram in weir_testkit::datagrams(&base.join(file)) {
            let from = cast.address(file, datagram.source);
            let socket = sockets.entry(from).or_insert_with(|| Exporter::at(from.ip(), from.port()));
            socket.send(&service, [&datagram.payload[..]]);
            let received = i64::from(super::messages::seconds()) * 1_000_000_000;
            let datagram =
                Datagram { payload: &datagram.payload, from: from.ip().into(), port: from.port(), stream: None, received };
            decoder.decode(&datagram, &mut expected);
            sent += 1;
            if sent % 16 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        }
        // Of NetFlow v5 what independent tools have counted can be said without any decoder of ours.
        if file.starts_with("netflow5/") {
            truth += summary["sum_bytes"].as_u64().unwrap();
        }
    }
    assert!(sent > 5000, "{sent} datagrams");
    let ended = service.stop();
    ended.check_identity();
    assert_eq!((ended.count("datagrams"), ended.count("kernel_dropped")), (sent, 0));
    assert_eq!(ended.count("records"), decoder.stats().records);
    assert_eq!(ended.count("counter_samples"), decoder.stats().counter_samples);
    assert_eq!(ended.count("pending"), decoder.stats().pending);
    let faults: HashMap<String, u64> = serde_json::from_value(ended.stats["faults"].clone()).unwrap();
    assert_eq!(faults, decoder.stats().faults.iter().map(|(reason, count)| (reason.name().to_owned(), count)).collect());

    let stored = Stored::read(&folder.store());
    expected.finish();
    assert_eq!(stored.flows.rows(), expected.flows.rows());
    assert_eq!(stored.counters.rows(), expected.counters.rows());
    type Value = fn(&FlowBatch, usize) -> Option<u64>;
    let columns: [(&str, Value); 6] = [
        ("bytes", |flows, row| flows.bytes.get(row)),
        ("packets", |flows, row| flows.packets.get(row)),
        ("src_port", |flows, row| flows.src_port.get(row).map(u64::from)),
        ("sampling_rate", |flows, row| flows.sampling_rate.get(row).map(u64::from)),
        ("src_addr", |flows, row| flows.src_addr.get(row).map(|address| address.halves().1 & 0xffff_ffff)),
        ("extra", |flows, row| flows.extra.get(row).map(|extra| extra.len() as u64)),
    ];
    for (name, column) in columns {
        assert_eq!((name, stored.sum(column)), (name, sum(&expected.flows, column)));
    }
    let netflow5 =
        stored.sum(|flows, row| flows.bytes.get(row).filter(|_| flows.format.get(row) == Some(weir_record::names::NETFLOW5)));
    assert_eq!(netflow5, truth);
    // And each exporter has its rows of health, which tell of all its records.
    let told: u64 = (0..stored.health.rows()).filter_map(|row| stored.health.records.get(row)).sum();
    assert_eq!(told, decoder.stats().records);
}
