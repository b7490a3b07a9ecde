//! Sums of `weir query` against those of nfdump, from the same datagrams: nfcapd and `weir run` each get all of them.

use std::net::UdpSocket;
use std::process::Command;

use serde_json::Value;
use weir_testkit::{Nfcapd, wait_until};

use crate::collect::service::{Exporter, Folder, Service};

/// Devices of several makers, both versions, both families. Of those that nfdump counts as we do: it multiplies by a reported sampling rate when it stores, and adds the octets that
/// some devices report of the way out besides.
const CAPTURES: &[&str] = &[
    "netflow5/isp_2007_part1.pcap",
    "netflow5/mikrotik.pcap",
    "netflow5/softflowd_made_v5.pcap",
    "netflow9/pmacctd_made_v9.pcap",
    "netflow9/ubiquiti_edgerouter_mpls.pcap",
    "netflow9/softflowd_made_v9_ipv6.pcap",
    "netflow9/huawei_netstream.pcap",
    "netflow9/nprobe_long.pcap",
    "netflow9/h3c_netstream.pcap",
];

/// Filters that both take, and mean the same by.
const FILTERS: &[&str] = &[
    "any",
    "proto tcp",
    "proto udp and port 53",
    "src port 80",
    "dst port in [80 443]",
    "port > 1023",
    "net 10.0.0.0/8",
    "src net 192.168.0.0/16",
    "bytes > 100000",
    "packets < 5",
    "flags S and not flags A",
    "proto icmp",
    "inet6",
    "bpp > 1000",
    "duration > 1000",
    "not (proto tcp or proto udp)",
    "not port 80",
    "src ip in [10.0.0.0/8 192.168.0.0/16]",
    "tos 0",
    "ipv4 and packets > 100",
    "flags SF and bytes < 1000",
    "src port < 1024 and dst port > 1023",
    "proto 47",
    "bps > 100000",
    "pps > 100",
];

/// Flows, packets and bytes that nfdump finds.
fn of_nfdump(folder: &Folder, filter: &str) -> [u64; 3] {
    let output = Command::new("nfdump").args(["-N", "-o", "null", "-R"]).arg(&folder.0).arg(filter).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let summary = text.lines().find(|line| line.starts_with("Summary:")).unwrap_or_else(|| panic!("{filter}: {text}"));
    ["total flows: ", "total packets: ", "total bytes: "].map(|name| {
        let rest = summary.split(name).nth(1).unwrap();
        rest.split(',').next().unwrap().trim().parse().unwrap()
    })
}

/// One JSON line of `weir query`.
fn query(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(["query", "--format", "json", "--unscaled", "--store"]).arg(folder.store()).args(arguments);
    let output = command.output().unwrap();
    assert!(
        output.status.success() || output.status.code() == Some(1),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = output.stdout.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[test]
fn filters_select_the_same_sums_as_nfdump() {
    let Some(shared) = weir_testkit::shared_dir() else {
        println!("skipped: no shared captures");
        return;
    };
    if Command::new("nfdump").arg("-V").output().is_err() {
        println!("skipped: no nfdump");
        return;
    }
    let (folder, theirs) = (Folder::new(), Folder::new());
    let service = Service::start(&folder, "", "");
    let nfcapd = Nfcapd::start(&theirs.0, &["-t", "3600"]).expect("nfcapd comes with nfdump");
    let mut sent = 0;
    for (number, file) in (2..).zip(CAPTURES) {
        let exporter = Exporter::new(number);
        let to_nfcapd = UdpSocket::bind((std::net::Ipv4Addr::new(127, 0, 0, number), 0)).unwrap();
        for datagram in weir_testkit::datagrams(&shared.join("captures").join(file)) {
            exporter.send(&service, [&datagram.payload[..]]);
            to_nfcapd.send_to(&datagram.payload, ("127.0.0.1", nfcapd.port())).unwrap();
            sent += 1;
            // No more than the receive buffers take, however long the two are held up.
            let waiting = |port| weir_testkit::udp_backlog(port).is_some_and(|octets| octets > 50_000);
            wait_until("both read what they are sent", || !waiting(nfcapd.port()) && !waiting(service.address.port()));
        }
    }
    nfcapd.stop();
    // What still waits when it ends is taken for half a second and no longer.
    wait_until("all of it is read", || weir_testkit::udp_backlog(service.address.port()) == Some(0));
    let ended = service.stop();
    ended.check_identity();
    assert_eq!(ended.count("datagrams"), sent);

    for filter in FILTERS {
        let lines = query(&folder, &["--summary", filter]);
        let [row] = &lines[..] else { panic!("{filter}: {lines:?}") };
        let ours = ["flows", "packets", "bytes"].map(|name| row[name].as_u64().unwrap());
        assert_eq!(ours, of_nfdump(&theirs, filter), "flows, packets, bytes of `{filter}`");
    }
    // Groups: all of them together are everything, and the largest is what nfdump finds for its key.
    let groups = query(&folder, &["--by", "src_addr", "--measures", "bytes,flows"]);
    let sum = |name: &str| groups.iter().map(|group| group[name].as_u64().unwrap()).sum::<u64>();
    let [flows, _, bytes] = of_nfdump(&theirs, "any");
    assert_eq!((sum("flows"), sum("bytes")), (flows, bytes));
    for group in groups.iter().take(5) {
        let address = group["src_addr"].as_str().unwrap();
        let [flows, _, bytes] = of_nfdump(&theirs, &format!("src ip {address}"));
        assert_eq!((group["flows"].as_u64(), group["bytes"].as_u64()), (Some(flows), Some(bytes)), "{address}");
    }
    // A chart has the bytes of all records, wherever they were spread.
    let slots = query(&folder, &["--series", "1d", "--measures", "bytes,flows"]);
    let sum = |name: &str| slots.iter().map(|slot| slot[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("flows"), sum("bytes")), (flows, bytes));
}
