//! Datagrams copied to other collectors: octet for octet, with the exporter's address, and readable for one that came late.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use weir_testkit::{PATIENCE, wait_until};

use crate::asking::service::{Asked, NETFLOW5, sample};
use crate::collect::messages;
use crate::collect::service::{Exporter, Folder, Service, config};
use crate::namespaces::missing;
use crate::run::weir;

fn collector() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut octets = [0; 65_536];
    let (length, from) = socket.recv_from(&mut octets).unwrap();
    (octets[..length].to_vec(), from)
}

fn replicate(targets: &[SocketAddr], more: &str) -> String {
    let targets: Vec<String> = targets.iter().map(|target| format!("\"udp://{target}\"")).collect();
    format!("[replicate.beside]\ntargets = [{}]\n{more}\n", targets.join(", "))
}

#[test]
fn each_target_gets_every_datagram_as_it_was() {
    let collectors = [collector(), collector()];
    let targets = collectors.each_ref().map(|(_, address)| *address);
    let folder = Folder::new();
    let service = Service::start(&folder, "", &replicate(&targets, ""));
    // Anything, also what no protocol has.
    let sent: Vec<Vec<u8>> = (0..200u32).map(|number| vec![number as u8; 1 + (number as usize * 97) % 9000]).collect();
    let exporter = Exporter::new(1);
    // No more at a time than the sockets of the collectors keep.
    for sent in sent.chunks(10) {
        exporter.send(&service, sent.iter().map(Vec::as_slice));
        for ((socket, _), payload) in collectors.iter().flat_map(|collector| sent.iter().map(move |payload| (collector, payload)))
        {
            let (octets, from) = receive(socket);
            assert!(octets == *payload && from.ip().to_string() == "127.0.0.1", "{from}");
        }
    }
    service.stop().check_identity();
}

#[test]
fn with_the_original_source_copies_come_from_the_exporter() {
    if let Some(why) = missing(&[]) {
        println!("skipped: {why}");
        return;
    }
    let (socket, target) = collector();
    let folder = Folder::new();
    let service = Service::start(&folder, "", &replicate(&[target], "original_source = true"));
    // The longest needs several packets of the usual size.
    let sent: Vec<Vec<u8>> = [1, 1472, 1473, 9000, 60_000].map(|length| (0..length).map(|octet| octet as u8).collect()).to_vec();
    for number in [5u8, 6] {
        let address = SocketAddr::new(format!("127.0.0.{number}").parse().unwrap(), weir_testkit::free_address().port());
        let exporter = Exporter::at(address.ip(), address.port());
        for payload in &sent {
            exporter.send(&service, [payload.as_slice()]);
            let (octets, from) = receive(&socket);
            assert_eq!(from, address);
            assert!(octets == *payload, "{} octets of {}", octets.len(), payload.len());
        }
    }
    service.stop().check_identity();
}

#[test]
fn without_the_capability_it_is_said_what_is_needed() {
    let path = Folder::new();
    let text = format!(
        "[listen.a]\nurl = \"udp://{}\"\n[store]\npath = \"{}\"\n{}",
        collector().1,
        path.store().display(),
        replicate(&["127.0.0.1:9".parse().unwrap()], "original_source = true")
    );
    let file = path.0.join("weir.toml");
    std::fs::write(&file, text).unwrap();
    // Only root can give up what root may do; anybody else has not got it.
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", env!("CARGO_BIN_EXE_weir"), "run", "-c"]);
    let Ok(output) = command.arg(&file).stdin(Stdio::null()).output() else {
        println!("skipped: no setpriv");
        return;
    };
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("replicate.beside") && said.contains("CAP_NET_RAW"), "{said}");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_collector_that_comes_late_can_read_at_once() {
    let target = weir_testkit::free_address();
    let folder = Folder::new();
    let service = Service::start(&folder, "", &replicate(&[target], ""));
    let exporter = Exporter::new(1);
    let template = [messages::netflow9(1, true, None), messages::ipfix(0, true, None)];
    exporter.send(&service, template.iter().map(Vec::as_slice));
    // Data, while nobody listens: the host refuses it.
    let mut sequence = 1;
    let mut data = |exporter: &Exporter| {
        sequence += 1;
        let both = [messages::netflow9(sequence, false, Some(sequence)), messages::ipfix(sequence - 2, false, Some(sequence))];
        exporter.send(&service, both.iter().map(Vec::as_slice));
    };
    (0..5).for_each(|_| {
        data(&exporter);
        std::thread::sleep(Duration::from_millis(50));
    });
    let socket = UdpSocket::bind(target).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut datagrams = Vec::new();
    let mut octets = [0; 65_536];
    let is_template = |payload: &[u8]| match payload[1] {
        9 => payload[20..22] == [0, 0],
        _ => payload[16..18] == [0, 2],
    };
    wait_until("templates said again", || {
        data(&exporter);
        while let Ok(length) = socket.recv(&mut octets) {
            datagrams.push(octets[..length].to_vec());
        }
        // And what comes behind them.
        [9, 10].iter().all(|version| {
            let mut of_version = datagrams.iter().filter(|payload| payload[1] == *version);
            of_version.any(|payload| is_template(payload)) && of_version.next().is_some()
        })
    });
    for version in [9, 10] {
        let of_version: Vec<_> = datagrams.iter().filter(|payload| payload[1] == version).collect();
        let place = of_version.iter().position(|payload| is_template(payload)).unwrap();
        let number = |payload: &[u8]| u32::from_be_bytes(*payload[if version == 9 { 12 } else { 8 }..].first_chunk().unwrap());
        let (said, next) = (of_version[place], of_version[place + 1]);
        // NetFlow v9 counts messages, IPFIX records of data, of which templates are none.
        assert_eq!(number(next).wrapping_sub(number(said)), u32::from(version == 9), "version {version}");
    }
    service.stop();
}

#[test]
fn a_change_of_the_section_passes_no_datagram_by() {
    let ((steady, first), (_other, second)) = (collector(), collector());
    let folder = Folder::new();
    let service = Service::start(&folder, "", &replicate(&[first], ""));
    let exporter = Exporter::new(1);
    let (stop, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (sent, received) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let order = Ordering::Relaxed;
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut number = 0u32;
            while !stop.load(order) {
                exporter.send(&service, [&number.to_be_bytes()[..]]);
                number += 1;
                sent.store(number as usize, order);
                // No more at a time than the collector's socket keeps.
                wait_until("copies", || (number as usize).saturating_sub(received.load(order)) < 100);
                std::thread::sleep(Duration::from_micros(300));
            }
            number
        });
        steady.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let reader = scope.spawn(|| {
            let (mut numbers, mut heard) = (Vec::new(), Instant::now());
            let mut octets = [0; 64];
            loop {
                match steady.recv(&mut octets) {
                    Ok(length) => {
                        numbers.push(u32::from_be_bytes(octets[..length].try_into().unwrap()));
                        received.store(numbers.len(), order);
                        heard = Instant::now();
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // All have come, and none twice.
                    Err(_) if is_over.load(order) && numbers.len() >= sent.load(order) => return numbers,
                    Err(_) => assert!(heard.elapsed() < PATIENCE, "{} copies came", numbers.len()),
                }
            }
        });
        for targets in [&[first, second][..], &[first], &[second, first], &[first]] {
            service.reload(&config(service.address, &folder.store(), "", &replicate(targets, "")));
        }
        wait_until("a few hundred datagrams", || sent.load(order) > 500);
        stop.store(true, order);
        let sent = sender.join().unwrap();
        is_over.store(true, order);
        let mut numbers = reader.join().unwrap();
        // The last of an old section may come behind the first of a new one.
        numbers.sort_unstable();
        assert_eq!(numbers, (0..sent).collect::<Vec<_>>());
    });
    service.stop().check_identity();
}

#[test]
fn nfcapd_beside_us_tells_the_exporters_apart() {
    if let Some(why) = missing(&["nfcapd", "nfdump"]) {
        println!("skipped: {why}");
        return;
    }
    let folder = Folder::new();
    let flows = folder.0.join("flows");
    std::fs::create_dir(&flows).unwrap();
    let nfcapd = weir_testkit::Nfcapd::start(&flows, &[]).unwrap();
    let port = nfcapd.port();
    let export = format!("[export.ipfix]\nurl = \"udp://127.0.0.1:{port}\"\nfrom = \"all\"\nsource = \"127.0.0.77\"\n");
    let copies = replicate(&[SocketAddr::from(([127, 0, 0, 1], port))], "original_source = true");
    let asked = Asked::start_beside("", &(copies + &export));
    let run = weir(&["replay", &sample("netflow5"), "--to", &format!("udp://{}", asked.service.address), "--rate", "500"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    asked.wait_stored(NETFLOW5);
    assert_eq!(asked.service.stop().code, Some(0));
    nfcapd.stop();
    let output = Command::new("nfdump").arg("-R").arg(&flows).args(["-q", "-N", "-o", "fmt:%ra %byt %pkt"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let printed = weir(&["decode", &sample("netflow5"), "--columns", "bytes,packets"]).records();
    let mut expected: Vec<(u64, u64)> =
        printed.iter().map(|row| (row["bytes"].as_u64().unwrap(), row["packets"].as_u64().unwrap())).collect();
    expected.sort_unstable();
    // As a copy from the exporter, and as a record of our own.
    for router in ["127.0.0.1", "127.0.0.77"] {
        let rows =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|words| words.first() == Some(&router));
        let mut read: Vec<(u64, u64)> = rows.map(|words| (words[1].parse().unwrap(), words[2].parse().unwrap())).collect();
        read.sort_unstable();
        assert_eq!(read, expected, "{router}:\n{text}");
    }
}
