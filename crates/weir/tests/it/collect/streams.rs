//! Streams, TLS and DTLS into a running service: exporters that are not ours, hostile ones, and listeners that change under load.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_testkit::{Authority, Issued, PATIENCE, wait_until};

use super::fastnetmon::free_ports;
use super::messages::{ipfix, ipfix_of, netflow5};
use super::service::{Ended, Folder, Service, Stored, config};

/// A FastNetMon message of a flow of so many bytes, in the older layout of 120 octets, with its length in front.
fn framed(bytes: u64) -> Vec<u8> {
    let mut octets = vec![0; 128];
    octets[0] = 120;
    octets[12] = 14;
    octets[20] = 11;
    octets[22] = 2;
    let data = &mut octets[24..];
    (data[1], data[4], data[36], data[48]) = (4, 1, 17, 1);
    data[8..16].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    data[40..48].copy_from_slice(&bytes.to_le_bytes());
    octets
}

fn fastnetmon(address: SocketAddr, keys: &str) -> String {
    format!("[listen.stream]\nurl = \"tcp://{address}\"\nformat = \"fastnetmon\"\n{keys}\n")
}

/// Waits until the service has closed this connection.
fn wait_for_end(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match stream.read(&mut [0]) {
        Ok(0) => {}
        Ok(_) => panic!("the service has said something"),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

/// A section that lets the service be asked.
fn console() -> String {
    format!("[console]\nlisten = \"{}\"\n", free_ports(1)[0])
}

fn faults(ended: &Ended, reason: &str) -> u64 {
    ended.stats["faults"][reason].as_u64().unwrap_or(0)
}

fn sum_of_bytes(folder: &Folder) -> u64 {
    Stored::read(&folder.store()).sum(|flows, row| flows.bytes.get(row))
}

#[test]
fn hostile_streams_are_bounded_and_counted_and_others_are_unharmed() {
    let folder = Folder::new();
    let address = free_ports(1)[0];
    let service = Service::start(&folder, "", &fastnetmon(address, "message_timeout = \"1s\"\nmax_connections_per_source = 50"));
    let mut good = TcpStream::connect(address).unwrap();
    good.write_all(&framed(1)).unwrap();
    for length in [0_u64, 7, 12, 1 << 32, u64::MAX] {
        let mut bad = TcpStream::connect(address).unwrap();
        // Good messages, then garbage.
        bad.write_all(&[framed(10), framed(10), length.to_le_bytes().to_vec(), vec![0xaa; 500]].concat()).unwrap();
        wait_for_end(&mut bad);
    }
    for cut in [3, 8, 100] {
        TcpStream::connect(address).unwrap().write_all(&framed(0)[..cut]).unwrap();
    }
    let mut slow = TcpStream::connect(address).unwrap();
    let slow = thread::spawn(move || {
        // One octet now and then; the end comes within a message all the same.
        for octet in framed(0) {
            if slow.write_all(&[octet]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(200));
        }
        panic!("a slow sender was heard to the end");
    });
    slow.join().unwrap();

    let before = resident(service.id());
    let begun = Instant::now();
    let mut held = Vec::new();
    for _ in 0..10_000 {
        assert!(begun.elapsed() < 4 * PATIENCE);
        let mut stream = TcpStream::connect(address).unwrap();
        let _ = stream.write_all(&framed(0)[..100]);
        held.push(stream);
    }
    good.write_all(&framed(2)).unwrap();
    // Whoever has not sent a whole message makes room.
    service.wait_for("it had sent no message yet");
    let grown = resident(service.id()).saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB more");
    drop(held);
    good.write_all(&framed(4)).unwrap();
    drop(good);
    let ended = service.stop();
    ended.check_identity();
    assert_eq!((faults(&ended, "bad_frame"), ended.count("records")), (5, 13), "{:#?}", ended.log);
    assert!(faults(&ended, "truncated") >= 3, "{}", ended.stats);
    assert_eq!(sum_of_bytes(&folder), 100 + 7);
}

/// Memory of a process, KiB.
fn resident(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn templates_belong_to_their_connection() {
    let folder = Folder::new();
    let address = free_ports(1)[0];
    let service = Service::start(&folder, "", &format!("[listen.stream]\nurl = \"tcp://{address}\"\n{}", console()));
    let mut first = TcpStream::connect(address).unwrap();
    first.write_all(&[ipfix(0, true, Some(1)), ipfix(1, false, Some(2))].concat()).unwrap();
    let mut second = TcpStream::connect(address).unwrap();
    // It has never announced its template.
    second.write_all(&ipfix(0, false, Some(4))).unwrap();
    service.wait_for_counter("weir_decode_datagrams_total", 3);
    first.write_all(&ipfix(2, false, Some(8))).unwrap();
    drop(first);
    second.write_all(&ipfix(1, true, Some(16))).unwrap();
    drop(second);
    let mut third = TcpStream::connect(address).unwrap();
    third.write_all(&ipfix(0, false, Some(32))).unwrap();
    drop(third);
    let mut other = TcpStream::connect(address).unwrap();
    other.write_all(b"\x16\x03\x01 this is TLS").unwrap();
    wait_for_end(&mut other);
    let faults_of = |row: &Value| (row["faults"]["bad_frame"].as_u64(), row["exporter"].as_str().map(str::to_owned));
    let rows = || service.sources().iter().map(faults_of).collect::<Vec<_>>();
    wait_until("what is wrong with a connection stands at its source", || rows() == [(Some(1), Some("127.0.0.1".into()))]);
    service.wait_for_counter("weir_decode_datagrams_total", 6);
    let ended = service.stop();
    ended.check_identity();
    // What waited for its template came in with it; what waited when its connection ended is a fault.
    assert_eq!(sum_of_bytes(&folder), 1 + 2 + 4 + 8 + 16);
    assert_eq!(
        (faults(&ended, "unknown_template"), faults(&ended, "bad_frame"), ended.count("pending")),
        (1, 1, 0),
        "{}",
        ended.stats
    );
    assert_eq!((ended.count("lost"), ended.count("restarts")), (0, 0), "numbers are those of a connection");
}

/// `openssl s_client`, which sends what it is given.
fn openssl(address: SocketAddr, ca: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-quiet", "-no_ign_eof", "-verify_return_error", "-verify_hostname", "localhost", "-CAfile"])
        .arg(ca);
    command.args(["-connect", &address.to_string()]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Files of a certificate, and the keys that name them.
fn certificate(folder: &Folder, issued: &Issued) -> String {
    let (certificate, key) = issued.write(&folder.0, "server");
    format!("certificate = {certificate:?}\nprivate_key = {key:?}\n")
}

#[test]
fn ipfix_comes_over_tls_and_dtls_from_openssl() {
    let (folder, root) = (Folder::new(), Authority::new());
    let ca = root.write(&folder.0, "ca.pem");
    let tls = free_ports(1)[0];
    let dtls = weir_testkit::free_address();
    let keys = certificate(&folder, &root.issue(&["localhost"]));
    let text = format!(
        "[listen.tls]\nurl = \"tls://{tls}\"\n{keys}[listen.dtls]\nurl = \"dtls://{dtls}\"\n{keys}[collector]\nworkers = 4\n{}",
        console()
    );
    let service = Service::start(&folder, "", &text);
    for version in ["-tls1_2", "-tls1_3"] {
        let mut child = openssl(tls, &ca, &[version]);
        let messages = [ipfix(0, true, Some(1)), ipfix(1, false, Some(2))].concat();
        child.stdin.take().unwrap().write_all(&messages).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // Twice from one port: numbers are those of an association. Then data that never gets its template, of domains that many workers share.
    let announced = |number: u32| ipfix(number, number == 0, Some(4 << number));
    let waiting = |number: u32| ipfix_of(100 + number, 0, false, Some(1));
    let port = weir_testkit::free_address().to_string();
    let mut decoded = 4;
    for (message, count) in [(&announced as &dyn Fn(u32) -> Vec<u8>, 3), (&announced, 3), (&waiting, 8)] {
        let mut child = openssl(dtls, &ca, &["-dtls1_2", "-bind", &port]);
        let mut input = child.stdin.take().unwrap();
        for number in 0..count {
            // It makes a datagram of what it reads at once.
            input.write_all(&message(number)).unwrap();
            decoded += 1;
            service.wait_for_counter("weir_decode_datagrams_total", decoded);
        }
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    service.wait_for_counter("weir_decode_pending", 0);
    let ended = service.stop();
    ended.check_identity();
    assert_eq!(sum_of_bytes(&folder), 2 * 3 + 2 * (4 + 8 + 16), "{} {:#?}", ended.stats, ended.log);
    assert_eq!((ended.count("lost"), ended.count("reordered"), ended.count("restarts")), (0, 0, 0));
    assert_eq!((ended.count("pending"), faults(&ended, "unknown_template")), (0, 8), "all workers know of the end");
}

#[test]
fn softflowd_exports_over_tcp() {
    let Some(program) =
        ["softflowd", "/usr/sbin/softflowd"].into_iter().find(|program| Command::new(program).arg("-h").output().is_ok())
    else {
        println!("skipped: no softflowd (scripts/setup-tests.sh installs it)");
        return;
    };
    let Some(capture) = weir_testkit::shared_dir()
        .map(|shared| shared.join("captures/packets/ipfixprobe/mixed.pcap"))
        .filter(|path| path.exists())
    else {
        println!("skipped: no capture of packets");
        return;
    };
    let folder = Folder::new();
    let address = free_ports(1)[0];
    let service = Service::start(&folder, "", &format!("[listen.stream]\nurl = \"tcp://{address}\"\n{}", console()));
    let mut command = Command::new(program);
    command
        .args(["-d", "-v", "10", "-P", "tcp", "-n", &address.to_string(), "-c", "none", "-p"])
        .arg(folder.0.join("softflowd.pid"));
    let output = command.arg("-r").arg(&capture).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // "Flows exported: 40 (41 records) in 2 packets (0 failures)".
    let exported = said.lines().find(|line| line.contains("Flows exported")).unwrap_or_else(|| panic!("{said}"));
    let (_, exported) = exported.split_once('(').unwrap();
    let exported: u64 = exported.split(' ').next().unwrap().parse().unwrap();
    // Its connection may still wait to be accepted.
    service.wait_for_counter("weir_decode_records_total", exported);
    let ended = service.stop();
    ended.check_identity();
    assert_eq!(ended.count("records"), exported, "{}", ended.stats);
    assert_eq!((ended.count("options_records"), ended.stats["faults"].as_object().unwrap().len()), (1, 0), "{}", ended.stats);
}

#[test]
fn a_certificate_is_renewed_and_a_bad_one_changes_nothing() {
    let (folder, root) = (Folder::new(), Authority::new());
    let ca = root.write(&folder.0, "ca.pem");
    let address = free_ports(1)[0];
    // The first one is not the service's own name: clients refuse it.
    let keys = certificate(&folder, &root.issue(&["elsewhere"]));
    let text = format!("[listen.tls]\nurl = \"tls://{address}\"\n{keys}{}", console());
    let service = Service::start(&folder, "", &text);
    let send = |bytes: u32| {
        let mut child = openssl(address, &ca, &["-tls1_3"]);
        let _ = child.stdin.take().unwrap().write_all(&ipfix(0, true, Some(bytes)));
        child.wait_with_output().unwrap().status.success()
    };
    assert!(!send(1));
    let whole = config(service.address, &folder.store(), "", &text);
    fs::write(folder.0.join("server.pem"), "nothing\n").unwrap();
    service.reload(&whole);
    assert_eq!(service.told("expected certificates between"), 1);
    certificate(&folder, &root.issue(&["localhost"]));
    service.reload(&whole);
    assert!(send(2));
    service.wait_for("no TLS: ");
    service.wait_for_counter("weir_decode_records_total", 1);
    let ended = service.stop();
    ended.check_identity();
    assert_eq!(sum_of_bytes(&folder), 2);
    assert!(ended.log.iter().any(|line| line.contains("no TLS: ")), "{:#?}", ended.log);
}

#[test]
fn listeners_come_go_and_change_under_load_without_loss() {
    let folder = Folder::new();
    let ports = free_ports(2);
    let console = console();
    let service = Service::start(&folder, "", &(fastnetmon(ports[0], "") + &console));
    let stop = Arc::new(AtomicBool::new(false));
    let (udp, tcp) = (service.address, ports[0]);
    let theirs = Arc::clone(&stop);
    let datagrams = thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sent = 0;
        while !theirs.load(Ordering::Relaxed) {
            // A machine that stands still for a moment is no reason to lose any.
            wait_until("room for more", || weir_testkit::udp_backlog(udp.port()).is_none_or(|octets| octets < 100_000));
            for _ in 0..10 {
                socket.send_to(&netflow5(sent, 1), udp).unwrap();
                sent += 1;
            }
            thread::sleep(Duration::from_millis(2));
        }
        u64::from(sent)
    });
    let theirs = Arc::clone(&stop);
    let stream = thread::spawn(move || {
        let mut stream = TcpStream::connect(tcp).unwrap();
        let messages = framed(1).repeat(20);
        let mut sent = 0;
        while !theirs.load(Ordering::Relaxed) {
            stream.write_all(&messages).unwrap();
            sent += 20;
            thread::sleep(Duration::from_millis(2));
        }
        sent
    });
    let with = |listen: &str, more: &str| {
        config(service.address, &folder.store(), listen, &format!("{}\n{console}\n{more}", fastnetmon(ports[0], "")))
    };
    // The connection is accepted and read before its listener changes.
    let send = |name: &str| {
        let counter = format!("weir_receive_datagrams_total{{listener=\"{name}\"}}");
        let before = service.counter(&counter);
        TcpStream::connect(ports[1]).unwrap().write_all(&ipfix(0, true, Some(1000))).unwrap();
        service.wait_for_counter(&counter, before + 1);
    };
    let second = format!("[listen.second]\nurl = \"tcp://{}\"\n", ports[1]);
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let clash = format!("{second}[listen.third]\nurl = \"udp://{}\"\n", taken.local_addr().unwrap());
    for _ in 0..3 {
        service.reload(&with("", &second));
        send("second");
        service.reload(&with("receive_buffer = \"8MiB\"\nallow = [\"127.0.0.0/8\"]", &second));
        // The same port under another name.
        service.reload(&with("", &second.replace("second", "renamed")));
        send("renamed");
        service.reload(&with("", ""));
        assert!(TcpStream::connect(ports[1]).is_err());
        // One of two ports is taken: neither is opened.
        service.reload(&with("", &clash));
        assert!(TcpStream::connect(ports[1]).is_err());
        // Over to another reading of the same datagrams, and back.
        service.reload(&with("", "").replace("[listen.lab]", "[listen.other]"));
        service.reload(&with("", ""));
    }
    assert_eq!(service.told("listen.third: "), 3);
    stop.store(true, Ordering::Relaxed);
    let (datagrams, messages) = (datagrams.join().unwrap(), stream.join().unwrap());
    let ended = service.stop();
    ended.check_identity();
    assert_eq!(ended.count("kernel_dropped") + ended.count("queue_dropped"), 0);
    assert_eq!(ended.count("records"), datagrams + messages + 6, "{} {:#?}", ended.stats, ended.log);
    assert_eq!(ended.count("lost"), 0);
    assert_eq!(sum_of_bytes(&folder), datagrams + messages + 6000);
}

#[test]
fn counters_of_listeners_that_have_ended_go_on() {
    let folder = Folder::new();
    let (port, console) = (free_ports(1)[0], console());
    let service = Service::start(&folder, "", &format!("{}{console}", fastnetmon(port, "")));
    let with = |more: &str| config(service.address, &folder.store(), "", &format!("{more}\n{console}"));
    let mut stream = TcpStream::connect(port).unwrap();
    stream.write_all(&framed(1).repeat(10)).unwrap();
    service.wait_for_counter("fastnetmon_flow_tcp_packets", 10);
    service.reload(&with(&fastnetmon(port, "").replace("stream", "renamed")));
    wait_for_end(&mut stream);
    TcpStream::connect(port).unwrap().write_all(&framed(1).repeat(5)).unwrap();
    service.wait_for_counter("fastnetmon_flow_tcp_packets", 15);
    service.reload(&with(""));
    service.wait_for_counter("weir_receive_datagrams_total", 15);
    service.wait_for_counter("weir_stream_connections_total", 2);
    assert_eq!(["fastnetmon_flow_tcp_packets", "weir_stream_connections_total"].map(|name| service.counter(name)), [15, 2]);
    let ended = service.stop();
    ended.check_identity();
    assert_eq!(ended.count("datagrams"), 15);
}

#[test]
fn listeners_whose_addresses_overlap_take_turns() {
    let folder = Folder::new();
    let (port, console) = (free_ports(1)[0].port(), console());
    let of = |hosts: &[&str]| -> String {
        let section = |(number, host): (usize, &&str)| {
            format!("[listen.udp{number}]\nurl = \"udp://{host}:{port}\"\n[listen.tcp{number}]\nurl = \"tcp://{host}:{port}\"\n")
        };
        hosts.iter().enumerate().map(section).collect()
    };
    let service = Service::start(&folder, "", &format!("{}{console}", of(&["[::]"])));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let six = UdpSocket::bind("[::1]:0").unwrap();
    let mut sent = 0;
    let mut send = |service: &Service| {
        socket.send_to(&netflow5(sent, 1), ("127.0.0.1", port)).unwrap();
        six.send_to(&netflow5(sent, 1), ("::1", port)).unwrap();
        for host in ["127.0.0.1", "::1"] {
            TcpStream::connect((host, port)).unwrap().write_all(&ipfix(0, true, Some(1))).unwrap();
        }
        sent += 1;
        service.wait_for_counter("weir_decode_records_total", u64::from(sent) * 4);
    };
    send(&service);
    for hosts in [&["0.0.0.0", "[::]"][..], &["[::]"], &["0.0.0.0", "[::1]"], &["[::1]", "127.0.0.1"], &["0.0.0.0", "[::]"]] {
        service.reload(&config(service.address, &folder.store(), "", &format!("{}{console}", of(hosts))));
        assert_eq!(service.told("cannot listen"), 0, "{hosts:?}");
        send(&service);
    }
    // Two that cannot both be are refused, as they are at the start.
    service.reload(&config(service.address, &folder.store(), "", &format!("{}{console}", of(&["[::]", "[::1]"]))));
    assert_eq!(service.told("cannot listen"), 1);
    send(&service);
    let ended = service.stop();
    ended.check_identity();
    assert_eq!((ended.count("records"), ended.count("lost")), (7 * 4, 0));
}

#[test]
fn senders_whose_connections_come_to_nothing_are_sources_too() {
    let (folder, root) = (Folder::new(), Authority::new());
    let ports = free_ports(2);
    let keys = certificate(&folder, &root.issue(&["localhost"]));
    let text = format!("{}[listen.tls]\nurl = \"tls://{}\"\n{keys}{}", fastnetmon(ports[0], ""), ports[1], console());
    let service = Service::start(&folder, "", &text);
    let mut bad = TcpStream::connect(ports[0]).unwrap();
    bad.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    wait_for_end(&mut bad);
    service.wait_for("bad data: ");
    wait_until("it is a source", || service.sources().first().is_some_and(|row| row["state"] == "faulty"));
    let row = service.sources().remove(0);
    assert_eq!(
        (row["exporter"].as_str(), row["state"].as_str(), row["listener"].as_str()),
        (Some("127.0.0.1"), Some("faulty"), Some("stream"))
    );
    assert_eq!(row["faults"]["bad_frame"].as_u64(), Some(1));
    assert!(row["note"].as_str().unwrap().starts_with("what came is no message (octet 0"), "{row}");
    let mut plain = TcpStream::connect(ports[1]).unwrap();
    plain.write_all(&framed(1)).unwrap();
    let _ = plain.read_to_end(&mut Vec::new());
    service.wait_for("no TLS: ");
    let is_told = |row: &Value| row["note"].as_str().is_some_and(|note| note.starts_with("no TLS: "));
    wait_until("its source tells it", || service.sources().iter().any(is_told));
    let rows = service.sources();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0]["note"].as_str().unwrap().starts_with("no TLS: the peer does not speak TLS here"), "{rows:?}");
    // Once it sends what can be read it is a source as others are.
    TcpStream::connect(ports[0]).unwrap().write_all(&framed(1)).unwrap();
    service.wait_for_counter("weir_decode_records_total", 1);
    wait_until("it is heard", || service.sources().iter().any(|row| row["state"] == "receiving"));
    let rows = service.sources();
    assert_eq!((rows.len(), rows[0]["state"].as_str(), rows[0]["note"].as_str()), (1, Some("receiving"), None), "{rows:?}");
    assert_eq!((rows[0]["records"].as_u64(), rows[0]["faults"]["bad_frame"].as_u64()), (Some(1), Some(1)));
    service.stop().check_identity();
}
