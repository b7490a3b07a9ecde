use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConnection, ServerConnection};
use weir_testkit::{Authority, Issued};

use super::*;

/// A folder of the test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weir-tls-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn issued(&self, name: &str, issued: &Issued) -> IdentityFiles {
        let (certificate, private_key) = issued.write(&self.0, name);
        IdentityFiles { certificate, private_key }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn server_of(identity: IdentityFiles) -> TlsServerOptions {
    TlsServerOptions { identity, client_ca: None, allowed_names: Vec::new(), versions: TlsVersions::default() }
}

fn client_of(ca: &Path) -> TlsClientOptions {
    TlsClientOptions {
        name: "collector.example".into(),
        ca: Some(ca.to_owned()),
        identity: None,
        versions: TlsVersions::default(),
    }
}

/// What each side says of the handshake.
fn shake(server: &TlsServerOptions, client: &TlsClientOptions) -> (Result<(), String>, Result<(), String>) {
    let (server, client) = (TlsServer::load(server).unwrap(), TlsClient::load(client).unwrap());
    let mut server = ServerConnection::new(Arc::clone(server.config())).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client.config()), client.name().clone()).unwrap();
    let (mut of_server, mut of_client) = (Ok(()), Ok(()));
    for _ in 0..8 {
        let mut octets = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut octets).unwrap();
        }
        let mut rest = octets.as_slice();
        while !rest.is_empty() && of_server.is_ok() {
            server.read_tls(&mut rest).unwrap();
            of_server = server.process_new_packets().map(|_| ()).map_err(|error| said(error, Side::Server));
        }
        octets.clear();
        while server.wants_write() {
            server.write_tls(&mut octets).unwrap();
        }
        let mut rest = octets.as_slice();
        while !rest.is_empty() && of_client.is_ok() {
            client.read_tls(&mut rest).unwrap();
            of_client = client.process_new_packets().map(|_| ()).map_err(|error| said(error, Side::Client));
        }
    }
    let done = !client.is_handshaking() && !server.is_handshaking();
    assert_eq!(done, of_server.is_ok() && of_client.is_ok(), "{of_server:?} {of_client:?}");
    (of_server, of_client)
}

/// As it comes out of an asynchronous stream.
fn said(error: rustls::Error, side: Side) -> String {
    explain(&io::Error::new(io::ErrorKind::InvalidData, error), side)
}

fn refusal(side: Result<(), String>) -> String {
    side.expect_err("a refusal")
}

#[test]
fn a_chain_is_sent_and_accepted() {
    let folder = Folder::new("chain");
    let root = Authority::new();
    let server = server_of(folder.issued("server", &root.intermediate().issue(&["collector.example"])));
    assert_eq!(shake(&server, &client_of(&root.write(&folder.0, "ca.pem"))), (Ok(()), Ok(())));
    let only13 = TlsServerOptions { versions: TlsVersions::Only13, ..server };
    assert_eq!(shake(&only13, &client_of(&folder.0.join("ca.pem"))), (Ok(()), Ok(())));
}

#[test]
fn servers_of_others_are_refused_and_told_why() {
    let folder = Folder::new("refused");
    let root = Authority::new();
    let ca = root.write(&folder.0, "ca.pem");
    let cases = [
        (
            "other-name",
            root.issue(&["other.example"]),
            "the server's certificate is not that of collector.example, its names are [DnsName(\"other.example\")]: use one of them as the host",
        ),
        ("expired", root.issue_expired(&["collector.example"]), "the server's certificate has expired, "),
        (
            "self-signed",
            Issued::self_signed(&["collector.example"]),
            "the server's certificate is self-signed, or its issuer is not known here",
        ),
        (
            "stranger",
            Authority::new().issue(&["collector.example"]),
            "the server's certificate is self-signed, or its issuer is not known here",
        ),
    ];
    for (name, issued, expected) in cases {
        let (of_server, of_client) = shake(&server_of(folder.issued(name, &issued)), &client_of(&ca));
        let of_client = refusal(of_client);
        assert!(of_client.starts_with(expected), "{name}: {of_client}");
        // The other side hears of it.
        assert!(of_server.is_err(), "{name}");
    }
}

#[test]
fn a_chain_that_is_not_sent_whole_is_refused() {
    let folder = Folder::new("half");
    let root = Authority::new();
    let mut issued = root.intermediate().issue(&["collector.example"]);
    let end = issued.certificate.find("-----END CERTIFICATE-----").unwrap();
    issued.certificate.truncate(end + "-----END CERTIFICATE-----\n".len());
    let server = server_of(folder.issued("server", &issued));
    let (of_server, of_client) = shake(&server, &client_of(&root.write(&folder.0, "ca.pem")));
    assert!(refusal(of_client).contains("or the certificates between were not sent"));
    assert_eq!(
        refusal(of_server),
        "the client does not know the issuer of our certificate: name its authority there, or send the whole chain"
    );
}

#[test]
fn an_older_version_is_refused_where_it_must_be() {
    let folder = Folder::new("versions");
    let root = Authority::new();
    let server = server_of(folder.issued("server", &root.issue(&["collector.example"])));
    let client = TlsClient::load(&client_of(&root.write(&folder.0, "ca.pem"))).unwrap();
    for (versions, expected) in
        [(TlsVersions::From12, None), (TlsVersions::Only13, Some("the peer speaks an older TLS only: 1.3 is required"))]
    {
        let server = TlsServer::load(&TlsServerOptions { versions, ..server.clone() }).unwrap();
        let mut server = ServerConnection::new(Arc::clone(server.config())).unwrap();
        let old = rustls::ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS12]).unwrap();
        let old = old.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let mut old = ClientConnection::new(Arc::new(old), client.name().clone()).unwrap();
        let mut hello = Vec::new();
        old.write_tls(&mut hello).unwrap();
        server.read_tls(&mut hello.as_slice()).unwrap();
        let answer = server.process_new_packets().map_err(|error| said(error, Side::Server));
        match expected {
            None => assert!(answer.is_ok()),
            Some(expected) => assert!(answer.unwrap_err().starts_with(expected)),
        }
    }
}

#[test]
fn clients_need_a_certificate_with_an_allowed_name() {
    let folder = Folder::new("clients");
    let root = Authority::new();
    let ca = root.write(&folder.0, "ca.pem");
    let server = server_of(folder.issued("server", &root.issue(&["collector.example"])));
    let named = TlsServerOptions {
        client_ca: Some(ca.clone()),
        allowed_names: vec!["a.example".into(), "b.lab.example".into(), "192.0.2.1".into()],
        ..server.clone()
    };
    let any = TlsServerOptions { allowed_names: Vec::new(), ..named.clone() };
    let client = |name: &str, issued: &Issued| TlsClientOptions { identity: Some(folder.issued(name, issued)), ..client_of(&ca) };

    for names in [["a.example"], ["192.0.2.1"], ["*.lab.example"]] {
        assert_eq!(shake(&named, &client("good", &root.issue(&names))), (Ok(()), Ok(())), "{names:?}");
    }
    let other = client("other", &root.issue(&["b.example", "192.0.2.2"]));
    assert_eq!(refusal(shake(&named, &other).0), "the client's certificate has none of allowed_names");
    assert_eq!(shake(&any, &other), (Ok(()), Ok(())));
    let (of_server, of_client) = shake(&any, &client_of(&ca));
    assert_eq!(refusal(of_server), "the client has no certificate, and client_ca asks for one");
    assert_eq!(refusal(of_client), "the server asks for a certificate: set certificate and private_key");
    let stranger = client("stranger", &Authority::new().issue(&["a.example"]));
    assert!(refusal(shake(&named, &stranger).0).ends_with("name the file of its authority with client_ca"));
    let expired = client("expired", &root.issue_expired(&["a.example"]));
    assert!(refusal(shake(&named, &expired).0).starts_with("the client's certificate has expired, "));
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    let folder = Folder::new("files");
    let root = Authority::new();
    let good = folder.issued("good", &root.issue(&["collector.example"]));
    let other = folder.issued("other", &root.issue(&["collector.example"]));
    let text = fs::read_to_string(&good.certificate).unwrap();
    let cut = folder.file("cut.pem", &text[..200]);
    let locked = folder.file("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let der = folder.file("der.key", [0x30, 0x82, 1, 2]);
    let empty = folder.file("empty.pem", "");
    let text = folder.file("text.pem", "hello\n");
    let absent = folder.0.join("absent.pem");
    let cases = [
        (
            &absent,
            &good.private_key,
            "cannot read absent.pem: No such file or directory (os error 2); expected a PEM file, written as an absolute path or from where the program was started",
        ),
        (&folder.0, &good.private_key, "cannot read : Is a directory (os error 21); expected a PEM file"),
        (
            &good.private_key,
            &good.private_key,
            "good.key: expected certificates between \"-----BEGIN CERTIFICATE-----\" and \"-----END CERTIFICATE-----\", found a private key: certificate and private_key are mixed up",
        ),
        (
            &good.certificate,
            &good.certificate,
            "good.pem: expected a private key in PEM form (PKCS #8, PKCS #1 or SEC1), found a certificate: certificate and private_key are mixed up",
        ),
        (&cut, &good.private_key, "found a section without its END line: the file is cut"),
        (&empty, &good.private_key, "found nothing: the file is empty"),
        (&text, &good.private_key, "found no such section"),
        (&good.certificate, &locked, "found a key behind a passphrase: `openssl pkey -in KEY -out PLAIN` takes it off"),
        (&good.certificate, &der, "found binary data, perhaps DER: "),
        (
            &good.certificate,
            &other.private_key,
            "other.key is not the key of the first certificate in good.pem: the certificate of this host comes first, those of its issuers follow",
        ),
    ];
    for (certificate, private_key, expected) in cases {
        let identity = IdentityFiles { certificate: certificate.clone(), private_key: private_key.clone() };
        let error =
            TlsServer::load(&server_of(identity)).unwrap_err().to_string().replace(&format!("{}/", folder.0.display()), "");
        let error = error.replace(&folder.0.display().to_string(), "");
        assert!(error.contains(expected), "{error}");
    }
    let names = TlsServerOptions {
        client_ca: Some(root.write(&folder.0, "ca.pem")),
        allowed_names: vec!["a b".into()],
        ..server_of(good)
    };
    let error = TlsServer::load(&names).unwrap_err().to_string();
    assert_eq!(error, "\"a b\" is no name of a certificate: expected a DNS name like \"exporter.example\" or an IP address");
}
