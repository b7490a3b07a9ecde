//! FastNetMon Flow from senders that are not ours, over every transport.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use weir_record::names;
use weir_testkit::Authority;

use super::service::{Folder, Service, Stored};
use crate::run::weir;

/// Addresses that nobody has now.
pub(crate) fn free_ports(count: usize) -> Vec<SocketAddr> {
    (0..count).map(|_| weir_testkit::free_address()).collect()
}

/// Listeners for FastNetMon Flow over UDP, TCP and TLS, with a certificate of `localhost`, and a console; and the file of its authority.
fn listeners(folder: &Folder) -> (String, [SocketAddr; 3], PathBuf) {
    let root = Authority::new();
    let (certificate, key) = root.intermediate().issue(&["localhost", "127.0.0.1"]).write(&folder.0, "server");
    let ports = free_ports(2);
    let udp = weir_testkit::free_address();
    let addresses = [udp, ports[0], ports[1]];
    let mut text = String::new();
    for (scheme, address) in ["udp", "tcp", "tls"].iter().zip(addresses) {
        text += &format!("[listen.{scheme}]\nurl = \"{scheme}://{address}\"\nformat = \"fastnetmon\"\n");
    }
    text += &format!("certificate = {certificate:?}\nprivate_key = {key:?}\n");
    text += &format!("[console]\nlisten = \"{}\"\n", weir_testkit::free_address());
    (text, addresses, root.write(&folder.0, "ca.pem"))
}

fn manual() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Runs a program that sends 100 records to each listener; where the program is not there, which it is.
fn send_with(command: &dyn Fn() -> Command, addresses: [SocketAddr; 3], ca: &Path, works: &[&str]) -> Result<(), String> {
    let (program, arguments) = works.split_first().unwrap();
    if !Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success()) {
        return Err(format!("{} (scripts/setup-tests.sh installs it)", works.join(" ")));
    }
    for (scheme, address) in ["udp", "tcp", "tls"].iter().zip(addresses) {
        let url = format!(
            "{scheme}://{}:{}",
            if *scheme == "tls" { "localhost".into() } else { address.ip().to_string() },
            address.port()
        );
        let output = command().args([&url, "100"]).arg(ca).output().unwrap();
        assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

pub(crate) fn python() -> PathBuf {
    let ours = std::env::home_dir().map(|home| home.join(".cache/weir/python/bin/python")).filter(|python| python.exists());
    std::env::var_os("WEIR_PYTHON").map(PathBuf::from).or(ours).unwrap_or_else(|| "python3".into())
}

#[test]
fn the_examples_of_the_manual_arrive_over_udp_tcp_and_tls() {
    let folder = Folder::new();
    let (text, addresses, ca) = listeners(&folder);
    let service = Service::start(&folder, "", &text);
    let python = python();
    let run_python = || {
        let mut command = Command::new(&python);
        command.arg(manual().join("examples/fastnetmon.py"));
        command
    };
    let run_go = || {
        let mut command = Command::new("go");
        command.arg("run").arg(manual().join("examples/fastnetmon.go"));
        command
    };
    let mut senders = 0;
    let with_python = send_with(&run_python, addresses, &ca, &[python.to_str().unwrap(), "-c", "import capnp"]);
    for sent in [with_python, send_with(&run_go, addresses, &ca, &["go", "version"])] {
        match sent {
            Ok(()) => senders += 1,
            Err(why) => println!("skipped: {why}"),
        }
    }
    // A connection may still wait to be accepted when its sender has ended.
    service.wait_for_counter("weir_decode_records_total", 300 * senders);
    let ended = service.stop();
    ended.check_identity();
    assert_eq!(ended.count("records"), 300 * senders, "{:#?}", ended.log);
    let Stored { flows, .. } = Stored::read(&folder.store());
    assert_eq!(flows.rows() as u64, 300 * senders);
    let mut bytes: Vec<_> = (0..flows.rows()).map(|row| flows.bytes.get(row).unwrap()).collect();
    bytes.sort_unstable();
    let expected: Vec<u64> = (0..100).flat_map(|number| vec![1000 + number; 3 * senders as usize]).collect();
    assert_eq!(bytes, expected);
    for row in 0..flows.rows() {
        assert_eq!(flows.format.get(row), Some(names::FASTNETMON));
        assert_eq!((flows.packets.get(row), flows.src_port.get(row), flows.dst_port.get(row)), (Some(2), Some(53), Some(40_000)));
        assert_eq!(flows.src_addr.get(row).unwrap().to_string(), "192.0.2.1");
        assert_eq!(flows.dst_addr.get(row).unwrap().to_string(), "198.51.100.7");
        assert_eq!(flows.time_suspect.get(row), None, "its own time is now");
    }
}

/// A message of every field, as a text of the tool `capnp`.
const EVERYTHING: &str = r#"( source = 2, sampleRatio = 1024, srcIp = 16908480, dstIp = 124007366, srcAsn = 64500, dstAsn = 64501, inputInterface = 11,
  outputInterface = 22, ipProtocolVersion = 4, ttl = 57, sourcePort = 443, destinationPort = 50000, protocol = 6, length = 1514,
  numberOfPackets = 1, flags = 18, ipFragmented = false, ipDontFragment = true, tsSec = 1700000000, tsMsec = 123456,
  packetPayloadLength = 128, packetPayloadFullLength = 1514, packetDirection = 1, agentIpAddress = 158400715,
  srcMac = "\002\000\000\000\000\001", dstMac = "\002\000\000\000\000\002", ipLength = 1500 )"#;
const IPV6: &str = r#"( source = 3, sampleRatio = 1, ipProtocolVersion = 6, ttl = 64, sourcePort = 53, destinationPort = 33000, protocol = 17, length = 4200,
  srcIpv6 = " \001\r\270\000\000\000\000\000\000\000\000\000\000\000\001", dstIpv6 = " \001\r\270\000\000\000\000\000\000\000\000\000\000\000\002",
  numberOfPackets = 3, ipFragmented = true )"#;

/// Nothing where there is no `capnp`.
fn encode(text: &str) -> Option<Vec<u8>> {
    let mut command = Command::new("capnp");
    command.arg("encode").arg(manual().join("fastnetmon.capnp")).arg("SimplePacketType");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(output.stdout)
}

#[test]
fn every_field_of_a_foreign_message_is_in_its_row() {
    let (Some(everything), Some(ipv6)) = (encode(EVERYTHING), encode(IPV6)) else {
        return println!("skipped: no capnp (scripts/setup-tests.sh installs it)");
    };
    let folder = Folder::new();
    let (text, [udp, tcp, _], _) = listeners(&folder);
    let service = Service::start(&folder, "", &text);
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&everything, udp).unwrap();
    let mut stream = TcpStream::connect(tcp).unwrap();
    // Prefix and body apart, as FastNetMon writes them.
    stream.set_nodelay(true).unwrap();
    for message in [&ipv6, &everything] {
        stream.write_all(&(message.len() as u64).to_le_bytes()).unwrap();
        stream.write_all(message).unwrap();
    }
    drop(stream);
    service.wait_for_counter("weir_decode_records_total", 3);
    let ended = service.stop();
    ended.check_identity();
    assert_eq!((ended.count("datagrams"), ended.count("records")), (3, 3));
    let Stored { flows, .. } = Stored::read(&folder.store());
    let of =
        |version: u8| -> Vec<usize> { (0..flows.rows()).filter(|row| Some(version) == flows.ip_version.get(*row)).collect() };
    assert_eq!((of(4).len(), of(6).len()), (2, 1));
    for row in of(4) {
        let text = |column: Option<weir_record::Address>| column.map(|address| address.to_string());
        assert_eq!(text(flows.src_addr.get(row)).as_deref(), Some("192.0.2.1"));
        assert_eq!(text(flows.dst_addr.get(row)).as_deref(), Some("198.51.100.7"));
        assert_eq!(text(flows.exporter.get(row)).as_deref(), Some("203.0.113.9"));
        assert_eq!((flows.src_as.get(row), flows.dst_as.get(row)), (Some(64_500), Some(64_501)));
        assert_eq!((flows.in_if.get(row), flows.out_if.get(row)), (Some(11), Some(22)));
        assert_eq!((flows.bytes.get(row), flows.frame_bytes.get(row), flows.packets.get(row)), (Some(1500), Some(1514), Some(1)));
        assert_eq!(
            (flows.tcp_flags.get(row), flows.ttl_min.get(row), flows.sampling_rate.get(row)),
            (Some(18), Some(57), Some(1024))
        );
        assert_eq!((flows.src_mac.get(row), flows.dst_mac.get(row)), (Some(0x0200_0000_0001), Some(0x0200_0000_0002)));
        assert_eq!((flows.record_kind.get(row), flows.time_suspect.get(row)), (Some(names::SAMPLE), Some(1)));
        let extra = flows.extra.get(row).unwrap();
        for member in ["\"packetPayloadLength\":128", "\"packetPayloadFullLength\":1514", "\"packetDirection\":1"] {
            assert!(extra.contains(member), "{extra}");
        }
    }
    let row = of(6)[0];
    assert_eq!(flows.src_addr.get(row).unwrap().to_string(), "2001:db8::1");
    assert_eq!(
        (flows.bytes.get(row), flows.packets.get(row), flows.record_kind.get(row)),
        (Some(4200), Some(3), Some(names::FLOW))
    );
    assert!(flows.extra.get(row).unwrap().contains("\"ipFragmented\":true"));
    // Kept where it would be looked for.
    assert!(fs::exists(manual().join("fastnetmon.capnp")).unwrap());
}

#[test]
fn odd_datagrams_are_counted_and_sums_beyond_64_bits_saturate() {
    let Some(everything) = encode(EVERYTHING) else {
        return println!("skipped: no capnp (scripts/setup-tests.sh installs it)");
    };
    let folder = Folder::new();
    let (text, [udp, _, _], _) = listeners(&folder);
    let service = Service::start(&folder, "", &text);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut most = everything.clone();
    // sampleRatio, length and ipLength: behind the segment table and the root pointer, which are 16 octets.
    most[20..24].fill(0xff);
    most[56..64].fill(0xff);
    most[104..112].fill(0xff);
    let longer = [&everything[..], &[0; 8]].concat();
    for datagram in [&everything[..], &[], &everything[..100], &longer, &most, &[0xff; 64]] {
        socket.send_to(datagram, udp).unwrap();
    }
    let ended = service.stop();
    ended.check_identity();
    assert_eq!((ended.count("datagrams"), ended.count("records")), (6, 3), "{}", ended.stats);
    let faults = ended.stats["faults"].as_object().unwrap();
    let faults: Vec<_> = faults.iter().map(|(reason, count)| (reason.as_str(), count.as_u64().unwrap())).collect();
    assert_eq!(faults, [("truncated", 2), ("bad_encoding", 1), ("trailing_octets", 1)]);
    let run = weir(&["query", "--store", folder.store().to_str().unwrap(), "--summary", "--format", "json"]);
    assert_eq!(run.records()[0]["bytes"].as_u64(), Some(u64::MAX), "{}", run.stdout);
}
