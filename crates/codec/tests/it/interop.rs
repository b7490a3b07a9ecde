//! Exported rows as tshark and nfdump read them: no error, and the same flows, packets and octets.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the collector listens on a socket of this machine")]

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use weir_codec::encode::{EncodeOptions, Encoder, Records, Statement, TemplateProtocol};
use weir_codec::netflow5;
use weir_record::{Address, FlowBatch};
use weir_testkit::Nfcapd;

use crate::meter_rows::{NOW, meter_rows};

const BOOT: i64 = NOW - 3_600_000_000_000;

/// Flows, packets and octets.
type Totals = (u64, u64, u64);

/// A name, messages, and what their reader must find.
struct Export {
    name: &'static str,
    messages: Vec<Vec<u8>>,
    totals: Totals,
}

fn totals(flows: &FlowBatch, keep: impl Fn(usize) -> bool) -> Totals {
    let kept = || (0..flows.rows()).filter(|row| keep(*row));
    let sum = |column: &weir_record::column::Fixed<u64>| kept().filter_map(|row| column.get(row)).sum();
    (kept().count() as u64, sum(&flows.packets), sum(&flows.bytes))
}

/// Rows in messages with templates.
fn template(name: &'static str, flows: &FlowBatch, options: EncodeOptions) -> Export {
    let mut encoder = Encoder::new(options);
    let mut messages = Vec::new();
    let statements = [
        Statement::Interface { index: 2, name: "eth0", description: "uplink" },
        Statement::Exported { messages: 1, records: 2, octets: 3 },
        Statement::PrivateElements,
    ];
    encoder.tell(&statements, NOW, &mut |message| messages.push(message.to_vec()));
    encoder.encode(flows, 0..flows.rows(), NOW, &mut |message| messages.push(message.to_vec()));
    Export { name, messages, totals: totals(flows, |_| true) }
}

/// Connections as records with reverse elements.
fn two_way() -> Export {
    let options = EncodeOptions { records: Records::TwoWay, ..EncodeOptions::new(TemplateProtocol::Ipfix, BOOT) };
    template("ipfix-biflow", &meter_rows(400, 11), options)
}

/// The same rows in every form that these programs read.
fn exports() -> Vec<Export> {
    let flows = meter_rows(400, 11);
    let ipfix = || EncodeOptions::new(TemplateProtocol::Ipfix, BOOT);
    let mut messages = Vec::new();
    let mut encoder = netflow5::Encoder::new(netflow5::EncodeOptions::new(netflow5::Version::V5, BOOT));
    encoder.encode(&flows, 0..flows.rows(), NOW, &mut |message| messages.push(message.to_vec()));
    let is_v4 = |row| flows.src_addr.get(row).is_some_and(|address: Address| address.is_v4());
    vec![
        template("ipfix", &flows, ipfix()),
        template("ipfix-own", &flows, EncodeOptions { private_enterprise: Some(64_512), ..ipfix() }),
        template("netflow9", &flows, EncodeOptions::new(TemplateProtocol::NetFlow9, BOOT)),
        Export { name: "netflow5", messages, totals: totals(&flows, is_v4) },
    ]
}

/// A new folder for the files of a test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("weir-interop-{name}-{}", std::process::id()));
    // An earlier process of this number may have been killed.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What a program prints, or nothing where it is not installed.
fn output(command: &mut Command) -> Option<String> {
    match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        output => {
            let output = output.unwrap();
            assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        }
    }
}

#[test]
fn tshark_reads_the_same_totals() {
    let folder = folder("tshark");
    for Export { name, messages, totals } in exports().into_iter().chain([two_way()]) {
        let datagram = |(place, payload): (usize, &Vec<u8>)| weir_testkit::Datagram {
            frame: place as u64 + 1,
            time_ns: NOW,
            source: "192.0.2.1:5000".parse().unwrap(),
            destination: "192.0.2.2:2055".parse().unwrap(),
            payload: payload.clone(),
        };
        let datagrams: Vec<_> = messages.iter().enumerate().map(datagram).collect();
        let file = folder.join(format!("{name}.pcap"));
        std::fs::write(&file, weir_testkit::pcap_of(&datagrams)).unwrap();
        let fields = ["cflow.packets", "cflow.octets", "_ws.malformed", "_ws.expert.message"];
        let mut command = Command::new("tshark");
        // With our own elements there are more fields than it takes by default, 60.
        command.arg("-r").arg(&file).args(["-d", "udp.port==2055,cflow", "-T", "fields"]);
        command.args(["-o", &format!("cflow.max_template_fields:{}", if name == "ipfix-own" { 100 } else { 60 })]);
        fields.iter().for_each(|field| _ = command.args(["-e", field]));
        let Some(text) = output(&mut command) else {
            println!("skipped: tshark is not here");
            break;
        };
        let (mut found, mut lines) = ((0, 0, 0), 0);
        for line in text.lines() {
            let columns: Vec<&str> = line.split('\t').collect();
            let numbers = |text: &str| -> Vec<u64> { text.split(',').filter_map(|number| number.parse().ok()).collect() };
            let (packets, octets) = (numbers(columns[0]), numbers(columns[1]));
            found = (found.0 + packets.len() as u64, found.1 + packets.iter().sum::<u64>(), found.2 + octets.iter().sum::<u64>());
            assert_eq!(columns[2..], ["", ""], "{name}");
            lines += 1;
        }
        assert_eq!((lines, found), (messages.len(), totals), "{name}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn nfdump_reads_the_same_totals() {
    for Export { name, messages, totals } in exports() {
        let folder = folder(&format!("nfcapd-{name}"));
        let Some(said) = collect(&folder, &messages) else {
            println!("skipped: nfcapd is not here");
            return;
        };
        assert!(said.contains("Sequence Errors: 0, Bad Packets: 0"), "{name}: {said}");
        assert!(!said.to_lowercase().replace("sequence errors", "").contains("error"), "{name}: {said}");
        let mut command = Command::new("nfdump");
        command.arg("-R").arg(&folder).args(["-q", "-N", "-o", "fmt:%pkt %byt %sa %ts %te"]);
        let text = output(&mut command).unwrap();
        let mut found = (0, 0, 0);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let mut number = || words.next().unwrap().parse::<u64>().unwrap();
            found = (found.0 + 1, found.1 + number(), found.2 + number());
            let times = words.skip(1).collect::<Vec<_>>().join(" ");
            // The last minute of 2025, in whatever zone this machine is.
            let in_time = times.matches("2025-12-31").count() + times.matches("2026-01-01").count() == 2;
            assert!(in_time, "{name}: {line}");
        }
        assert_eq!(found, totals, "{name}: {said}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// Sends messages to nfcapd, which writes into the folder; gives what it said.
fn collect(folder: &Path, messages: &[Vec<u8>]) -> Option<String> {
    let collector = Nfcapd::start(folder, &["-B", "2000000"])?;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for message in messages {
        socket.send_to(message, ("127.0.0.1", collector.port())).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    Some(collector.stop())
}
