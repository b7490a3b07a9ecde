//! Records over TLS to a server that others have written (openssl), and to one that is not to be trusted.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use weir_testkit::{Authority, Issued, wait_until};

use super::target::send;
use crate::asking::service::Asked;
use crate::collect::service::{Exporter, Folder, Service};
use crate::run::weir_reading;

/// `openssl s_server`, which prints what it is sent.
struct Server {
    child: Child,
    address: SocketAddr,
    reader: Option<JoinHandle<()>>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    /// A server with this certificate; nothing where there is no openssl.
    fn start(folder: &Folder, issued: &Issued, more: &[&str]) -> Option<Self> {
        let address = weir_testkit::free_address();
        let (certificate, key) = issued.write(&folder.0, "server");
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-accept", &address.to_string(), "-cert"]).arg(&certificate).arg("-cert_chain");
        command.arg(certificate).arg("-key").arg(key).args(more);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.ok()?;
        let mut stdout = child.stdout.take().unwrap();
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let theirs = Arc::clone(&said);
        let reader = thread::spawn(move || {
            let mut octets = [0; 4096];
            while let count @ 1.. = stdout.read(&mut octets).unwrap() {
                theirs.lock().unwrap().extend_from_slice(&octets[..count]);
            }
        });
        wait_until("a server", || TcpStream::connect(address).is_ok());
        Some(Self { child, address, reader: Some(reader), said })
    }

    /// Waits until it has printed so many records: it may be behind those who send.
    fn wait_for(&self, records: usize) {
        let printed = || weir_reading(&["decode", "-"], &self.said.lock().unwrap()).records().len();
        wait_until("records at the server", || printed() >= records);
    }

    /// What it was sent.
    fn stop(mut self) -> Vec<u8> {
        self.child.kill().unwrap();
        self.reader.take().unwrap().join().unwrap();
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn export(address: SocketAddr, host: &str, ca: &std::path::Path, more: &str) -> String {
    let (port, ca) = (address.port(), ca.display());
    format!("[export.next]\nurl = \"tls://{host}:{port}\"\nfrom = \"all\"\nca = \"{ca}\"\n{more}\n")
}

#[test]
fn a_server_of_others_reads_what_is_sent_over_both_versions() {
    for version in ["-tls1_3", "-tls1_2"] {
        let (folder, authority) = (Folder::new(), Authority::new());
        let ca = authority.write(&folder.0, "ca.pem");
        // A chain: the certificate was issued by an authority between.
        let issued = authority.intermediate().issue(&["localhost"]);
        let Some(server) = Server::start(&folder, &issued, &[version]) else { return println!("skipped: no openssl") };
        let service = Service::start(&folder, "", &export(server.address, "localhost", &ca, ""));
        send(&service, &Exporter::new(1), 1..501);
        let ended = service.stop();
        assert_eq!((ended.code, &ended.exports["next"]["records"]), (Some(0), &500.into()), "{:#?}", ended.log);
        server.wait_for(500);
        let run = weir_reading(&["decode", "-", "--columns", "bytes"], &server.stop());
        let bytes: u64 = run.records().iter().map(|record| record["bytes"].as_u64().unwrap()).sum();
        assert_eq!((run.records().len(), bytes), (500, 500 * 501 / 2), "{version}: {}", run.stderr);
    }
}

#[test]
fn one_service_sends_to_the_next_over_every_transport() {
    const RECORDS: u64 = 300;
    let authority = Authority::new();
    for (scheme, format) in [("tcp", "ipfix"), ("tls", "ipfix"), ("dtls", "ipfix"), ("tcp", "fastnetmon"), ("tls", "fastnetmon")]
    {
        let (files, folder) = (Folder::new(), Folder::new());
        let ca = authority.write(&files.0, "ca.pem");
        let (certificate, key) = authority.issue(&["localhost"]).write(&files.0, "server");
        let address = weir_testkit::free_address();
        let is_secure = scheme != "tcp";
        let keys = format!("certificate = \"{}\"\nprivate_key = \"{}\"\n", certificate.display(), key.display());
        let (keys, host) = if is_secure { (keys, "localhost") } else { (String::new(), "127.0.0.1") };
        let kind = if format == "fastnetmon" { "format = \"fastnetmon\"\n" } else { "" };
        let target = Asked::start_beside("", &format!("[listen.next]\nurl = \"{scheme}://{address}\"\n{keys}{kind}"));
        let trust = if is_secure { format!("ca = \"{}\"\n", ca.display()) } else { String::new() };
        let export = format!(
            "[export.next]\nurl = \"{scheme}://{host}:{}\"\nfrom = \"all\"\nformat = \"{format}\"\n{trust}",
            address.port()
        );
        let service = Service::start(&folder, "", &export);
        send(&service, &Exporter::new(1), 1..RECORDS as u32 + 1);
        target.wait_stored(RECORDS);
        let ended = service.stop();
        assert_eq!(
            (ended.code, &ended.exports["next"]["records"]),
            (Some(0), &RECORDS.into()),
            "{scheme} {format}: {:#?}",
            ended.log
        );
        assert_eq!(ended.exports["next"]["resent_records"], 0);
        let bytes = target.ask(&["query", "--format", "json", "--columns", "bytes", "--limit", "1000"]).records();
        let sum: u64 = bytes.iter().map(|row| row["bytes"].as_u64().unwrap()).sum();
        assert_eq!((bytes.len() as u64, sum), (RECORDS, RECORDS * (RECORDS + 1) / 2), "{scheme} {format}");
    }
}

#[test]
fn a_server_that_wants_to_know_us_is_told() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let ca = authority.write(&folder.0, "ca.pem");
    let (certificate, key) = authority.issue(&["weir.example"]).write(&folder.0, "client");
    let options = ["-Verify", "1", "-verify_return_error", "-CAfile", ca.to_str().unwrap()];
    let Some(server) = Server::start(&folder, &authority.issue(&["collector.example"]), &options) else {
        return println!("skipped: no openssl");
    };
    let more = format!(
        "certificate = \"{}\"\nprivate_key = \"{}\"\nserver_name = \"collector.example\"",
        certificate.display(),
        key.display()
    );
    let service = Service::start(&folder, "", &export(server.address, "127.0.0.1", &ca, &more));
    send(&service, &Exporter::new(1), 1..101);
    assert_eq!(service.stop().code, Some(0));
    server.wait_for(100);
    assert_eq!(weir_reading(&["decode", "-"], &server.stop()).records().len(), 100);
}

#[test]
fn servers_that_are_not_to_be_trusted_get_nothing() {
    let authority = Authority::new();
    let cases: [(Issued, &str, &str, &[&str]); 4] = [
        (authority.issue(&["elsewhere.example"]), "", "is not that of localhost", &[]),
        (authority.issue_expired(&["localhost"]), "", "has expired", &[]),
        (Issued::self_signed(&["localhost"]), "", "self-signed", &[]),
        (authority.issue(&["localhost"]), "format = \"fastnetmon\"", "no version of TLS in common", &["-tls1_2"]),
    ];
    for (issued, more, expected, options) in cases {
        let folder = Folder::new();
        let ca = authority.write(&folder.0, "ca.pem");
        let Some(server) = Server::start(&folder, &issued, options) else { return println!("skipped: no openssl") };
        let service = Service::start(&folder, "", &export(server.address, "localhost", &ca, more));
        send(&service, &Exporter::new(1), 1..11);
        service.wait_for(expected);
        let ended = service.stop();
        assert_eq!((ended.code, &ended.exports["next"]["messages"]), (Some(3), &0.into()), "{:#?}", ended.log);
        assert_eq!(ended.exports["next"]["dropped_records"], 10, "{expected}");
        assert!(server.stop().is_empty(), "{expected}");
    }
}
