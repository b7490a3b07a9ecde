//! TLS at a listener of streams, with rustls and openssl as clients.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::{ClientConnection, StreamOwned};
use weir_testkit::Authority;
use weir_transport::tls::{IdentityFiles, TlsClient, TlsClientOptions, TlsServer, TlsServerOptions, TlsVersions};
use weir_transport::{StreamEnd, StreamRules};

use crate::streams::Lab;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("streams-tls-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn rules(identity: &IdentityFiles, client_ca: Option<PathBuf>) -> StreamRules {
    rules_of(identity, client_ca, TlsVersions::Only13)
}

fn rules_of(identity: &IdentityFiles, client_ca: Option<PathBuf>, versions: TlsVersions) -> StreamRules {
    let options = TlsServerOptions { identity: identity.clone(), client_ca, allowed_names: vec![], versions };
    StreamRules { tls: Some(TlsServer::load(&options).unwrap()), ..StreamRules::default() }
}

fn identity(folder: &Path, authority: &Authority) -> IdentityFiles {
    let (certificate, private_key) = authority.intermediate().issue(&["localhost", "127.0.0.1"]).write(folder, "server");
    IdentityFiles { certificate, private_key }
}

fn client(ca: &Path) -> TlsClient {
    let options =
        TlsClientOptions { name: "localhost".into(), ca: Some(ca.to_owned()), identity: None, versions: TlsVersions::From12 };
    TlsClient::load(&options).unwrap()
}

fn connect(lab: &Lab, client: &TlsClient) -> StreamOwned<ClientConnection, TcpStream> {
    let connection = ClientConnection::new(Arc::clone(client.config()), client.name().clone()).unwrap();
    StreamOwned::new(connection, lab.connect())
}

/// The certificate that the peer has shown.
fn shown(stream: &StreamOwned<ClientConnection, TcpStream>) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

const MESSAGE: [u8; 6] = [0, 0, 0, 2, 0, 7];

#[test]
fn a_renewed_certificate_is_taken_up_and_connections_go_on() {
    let (folder, root) = (Folder::new("renewed"), Authority::new());
    let ca = root.write(&folder.0, "ca.pem");
    let files = identity(&folder.0, &root);
    let lab = Lab::new(&rules(&files, None));
    let mut old = connect(&lab, &client(&ca));
    old.write_all(&MESSAGE).unwrap();
    lab.wait_for(|counters| counters.messages == 1);

    identity(&folder.0, &root);
    lab.streams.set_rules(&rules(&files, None));
    let mut new = connect(&lab, &client(&ca));
    new.write_all(&MESSAGE).unwrap();
    old.write_all(&MESSAGE).unwrap();
    lab.wait_for(|counters| counters.messages == 3);
    assert_ne!(shown(&old), shown(&new));
    assert_eq!(lab.streams.counters().open, 2);

    old.conn.send_close_notify();
    old.flush().unwrap();
    drop(old);
    lab.wait_for(|counters| counters.open == 1);
    // TCP closed without a word of TLS: what came was whole.
    drop(new);
    lab.wait_for(|counters| counters.open == 0);
    assert_eq!(lab.ends(), [StreamEnd::Closed, StreamEnd::Closed]);
}

#[test]
fn what_is_no_tls_or_of_an_unknown_client_is_refused_and_told() {
    let (folder, root) = (Folder::new("refused"), Authority::new());
    let ca = root.write(&folder.0, "ca.pem");
    let lab = Lab::new(&rules(&identity(&folder.0, &root), Some(ca.clone())));
    let mut plain = lab.connect();
    plain.write_all(&[MESSAGE; 40].concat()).unwrap();
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest);
    lab.wait_for(|counters| counters.open == 0);
    let mut nobody = connect(&lab, &client(&ca));
    nobody.write_all(&MESSAGE).unwrap();
    // The refusal comes behind the client's end of the handshake (TLS 1.3).
    let refused = nobody.read(&mut [0]).unwrap_err();
    assert!(refused.to_string().contains("CertificateRequired"), "{refused}");
    lab.wait_for(|counters| counters.connections == 2 && counters.open == 0);
    let reasons: Vec<String> = lab.ends().iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons,
        ["no TLS: the peer does not speak TLS here", "no TLS: the client has no certificate, and client_ca asks for one"]
    );
    assert_eq!(lab.streams.counters().messages, 0);
}

#[test]
fn openssl_is_a_client_with_tls_13_and_refused_with_tls_12() {
    let (folder, root) = (Folder::new("openssl"), Authority::new());
    let ca = root.write(&folder.0, "ca.pem");
    let lab = Lab::new(&rules(&identity(&folder.0, &root), None));
    let openssl = |version: &str| {
        let mut command = Command::new("openssl");
        command.args([
            "s_client",
            version,
            "-quiet",
            "-no_ign_eof",
            "-verify_return_error",
            "-verify_hostname",
            "localhost",
            "-CAfile",
        ]);
        command.arg(&ca).args(["-connect", &lab.address.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // A client that was refused has closed its end.
        let _ = child.stdin.take().unwrap().write_all(&[MESSAGE; 1000].concat());
        child.wait_with_output().unwrap()
    };
    let refused = openssl("-tls1_2");
    assert!(!refused.status.success(), "{refused:?}");
    lab.wait_for(|_| !lab.ends().is_empty());
    assert_eq!(lab.ends()[0].to_string(), "no TLS: the peer speaks an older TLS only: 1.3 is required (1.2 is enough for IPFIX)");
    let taken = openssl("-tls1_3");
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    let counters = lab.wait_for(|counters| counters.messages == 1000);
    assert_eq!(counters.connections, 2);
}

#[test]
fn a_handshake_cannot_be_made_again() {
    let (folder, root) = (Folder::new("again"), Authority::new());
    let ca = root.write(&folder.0, "ca.pem");
    let lab = Lab::new(&rules_of(&identity(&folder.0, &root), None, TlsVersions::From12));
    let mut command = Command::new("openssl");
    command.args(["s_client", "-tls1_2", "-verify_return_error", "-CAfile"]).arg(&ca);
    command.args(["-connect", &lab.address.to_string()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    lab.wait_for(|counters| counters.open == 1);
    stdin.write_all(&MESSAGE).unwrap();
    lab.wait_for(|counters| counters.messages == 1);
    // At the start of a line this is a command to openssl.
    stdin.write_all(b"R\n").unwrap();
    // It is told that there is none, and gives up by itself.
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("RENEGOTIATING") && said.contains("no renegotiation"), "{said}");
    lab.wait_for(|counters| counters.open == 0);
    assert_eq!(lab.streams.counters().messages, 1);
    drop(stdin);
}
