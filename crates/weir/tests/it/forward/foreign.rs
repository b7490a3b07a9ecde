//! What is sent as FastNetMon Flow, read by two implementations of Cap'n Proto that are not ours: the tool `capnp`, and pycapnp behind Python's own TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;
use weir_testkit::Authority;

use super::target::send;
use crate::collect::fastnetmon::python;
use crate::collect::service::{Exporter, Folder, Service};

const RECORDS: u32 = 300;

fn schema() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fastnetmon.capnp")
}

fn export(url: &str, more: &str) -> String {
    format!("[export.next]\nurl = \"{url}\"\nformat = \"fastnetmon\"\nfrom = \"all\"\n{more}\n")
}

#[test]
fn capnp_reads_what_is_sent_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let service = Service::start(&folder, "", &export(&format!("tcp://{}", listener.local_addr().unwrap()), ""));
    let (mut stream, _) = listener.accept().unwrap();
    let reader = thread::spawn(move || {
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).unwrap();
        octets
    });
    send(&service, &Exporter::new(1), 1..RECORDS + 1);
    service.stop();
    // Each message behind its length.
    let (octets, mut messages, mut lengths) = (reader.join().unwrap(), Vec::new(), 0);
    let mut rest = octets.as_slice();
    while let Some((prefix, after)) = rest.split_first_chunk::<8>() {
        let (message, after) = after.split_at(u64::from_le_bytes(*prefix) as usize);
        messages.extend_from_slice(message);
        (rest, lengths) = (after, lengths + 1);
    }
    assert_eq!((rest.len(), lengths), (0, RECORDS));
    let mut command = Command::new("capnp");
    command.args(["decode", "--short"]).arg(schema()).arg("SimplePacketType");
    let Ok(mut child) = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        return println!("skipped: no capnp (scripts/setup-tests.sh installs it)");
    };
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&messages).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for (line, bytes) in said.lines().zip(1..) {
        let expected = [
            "sampleRatio = 1".to_owned(),
            // 10.0.0.1, least significant octet first.
            "srcIp = 16777226".into(),
            "dstIp = 33554442".into(),
            "ipProtocolVersion = 4".into(),
            "sourcePort = 1000".into(),
            "destinationPort = 443".into(),
            "protocol = 6".into(),
            "numberOfPackets = 3".into(),
            format!("length = {bytes}"),
        ];
        for field in expected {
            assert!(line.contains(&format!("{field},")) || line.contains(&format!("{field})")), "no {field} in {line}");
        }
    }
    assert_eq!(said.lines().count() as u32, RECORDS);
}

/// A server that reads messages of one connection, or as many datagrams as it is told, and prints each as a line of JSON.
const SERVER: &str = r#"
import json, socket, ssl, struct, sys
import capnp
schema = capnp.load(sys.argv[1]).SimplePacketType
scheme, count = sys.argv[2], int(sys.argv[3])
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM)
# Room for all of the datagrams at once, whenever this process has its turn.
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
server.settimeout(600)
server.bind(("127.0.0.1", 0))
if scheme != "udp":
    server.listen()
print(server.getsockname()[1], flush=True)
def show(octets):
    with schema.from_bytes(octets) as m:
        print(json.dumps([m.length, m.numberOfPackets, m.srcIp, m.dstIp, m.sourcePort, m.destinationPort, m.protocol, m.sampleRatio]))
if scheme == "udp":
    for _ in range(count):
        show(server.recv(65536))
    sys.exit()
stream, _ = server.accept()
stream.settimeout(600)
if scheme == "tls":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    stream = context.wrap_socket(stream, server_side=True)
stream = stream.makefile("rb")
while prefix := stream.read(8):
    show(stream.read(struct.unpack("<Q", prefix)[0]))
"#;

/// It, and the port that it listens on.
fn serve(scheme: &str, files: [&Path; 2]) -> (Child, BufReader<std::process::ChildStdout>, u16) {
    let mut command = Command::new(python());
    command.args(["-c", SERVER]).arg(schema()).arg(scheme).arg(RECORDS.to_string()).args(files);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut port = String::new();
    stdout.read_line(&mut port).unwrap();
    (child, stdout, port.trim().parse().unwrap())
}

#[test]
fn pycapnp_reads_what_is_sent_over_udp_tcp_and_tls() {
    if !Command::new(python()).args(["-c", "import capnp"]).output().is_ok_and(|output| output.status.success()) {
        return println!("skipped: no Python with capnp (scripts/setup-tests.sh installs it, WEIR_PYTHON names one)");
    }
    for scheme in ["udp", "tcp", "tls"] {
        let (folder, authority) = (Folder::new(), Authority::new());
        let ca = authority.write(&folder.0, "ca.pem");
        let (certificate, key) = authority.intermediate().issue(&["localhost"]).write(&folder.0, "server");
        let (mut child, stdout, port) = serve(scheme, [&certificate, &key]);
        let (host, more) = if scheme == "tls" { ("localhost", format!("ca = {ca:?}")) } else { ("127.0.0.1", String::new()) };
        let service = Service::start(&folder, "", &export(&format!("{scheme}://{host}:{port}"), &more));
        let reader = thread::spawn(move || stdout.lines().map_while(Result::ok).collect::<Vec<_>>());
        send(&service, &Exporter::new(1), 1..RECORDS + 1);
        let ended = service.stop();
        assert_eq!((ended.code, &ended.exports["next"]["records"]), (Some(0), &RECORDS.into()), "{scheme}: {:#?}", ended.log);
        let rows: Vec<Value> = reader.join().unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(child.wait().unwrap().success());
        let expected: Vec<Value> =
            (1..=RECORDS).map(|bytes| serde_json::json!([bytes, 3, 16_777_226, 33_554_442, 1000, 443, 6, 1])).collect();
        assert_eq!(rows, expected, "{scheme}");
    }
}
