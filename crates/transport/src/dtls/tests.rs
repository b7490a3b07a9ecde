use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use weir_testkit::{Authority, Issued};

use super::*;
use crate::tls::{IdentityFiles, TlsClientOptions, TlsServerOptions, TlsVersions};
use crate::{Datagram, StreamEnd, StreamLimits};

/// A folder of the test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weir-dtls-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
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

/// A listener without a socket, and what it has had.
struct Listener {
    sessions: DtlsSessions,
    /// Messages, each with its stream; empty ones are ends.
    messages: Vec<(u64, Vec<u8>)>,
    ended: Vec<StreamEnd>,
}

impl Listener {
    fn new(server: &TlsServerOptions, limits: StreamLimits) -> Self {
        Self { sessions: DtlsSessions::new(DtlsServer::load(server).unwrap(), limits), messages: Vec::new(), ended: Vec::new() }
    }

    /// Gives it a datagram from a port; what it answers.
    fn take(&mut self, port: u16, payload: &[u8], now: Instant) -> Vec<Vec<u8>> {
        let (mut answers, Self { sessions, messages, ended }) = (Vec::new(), self);
        sessions.take(&lent(port, payload), now, &mut |act| note(act, port, &mut answers, messages, ended));
        answers
    }

    fn pass(&mut self, now: Instant) {
        let (mut answers, Self { sessions, messages, ended }) = (Vec::new(), self);
        sessions.pass(now, &lent(0, &[]), &mut |act| note(act, 0, &mut answers, messages, ended));
    }

    fn streams(&self) -> usize {
        let mut streams: Vec<u64> = self.messages.iter().map(|(stream, _)| *stream).collect();
        streams.dedup();
        streams.len()
    }
}

fn lent(port: u16, payload: &[u8]) -> Datagram<'_> {
    Datagram { payload, from: IpAddr::from([192, 0, 2, 1]), port, received: 7, listener: 3, stream: None }
}

fn note(act: DtlsAct<'_>, port: u16, answers: &mut Vec<Vec<u8>>, messages: &mut Vec<(u64, Vec<u8>)>, ended: &mut Vec<StreamEnd>) {
    match act {
        DtlsAct::Send(to, datagram) => {
            assert!(port == 0 || to == SocketAddr::from(([192, 0, 2, 1], port)));
            answers.push(datagram.to_vec());
        }
        DtlsAct::Message(message) => {
            assert_eq!((message.received, message.listener), (7, 3));
            messages.push((message.stream.unwrap(), message.payload.to_vec()));
        }
        DtlsAct::Ended(_, end) => ended.push(end),
    }
}

/// A client at a port.
struct Client {
    session: DtlsSession,
    port: u16,
}

impl Client {
    fn new(client: &DtlsClient, port: u16, now: Instant) -> Self {
        Self { session: client.connect(now), port }
    }

    /// Lets datagrams go to and fro until there are none; says why it failed.
    fn exchange(&mut self, listener: &mut Listener, now: Instant) -> Result<(), String> {
        let mut to_server = Vec::new();
        self.session.pass(now, &mut |event| to_server.extend(sent(event)))?;
        self.deliver(to_server, listener, now)
    }

    fn deliver(&mut self, mut to_server: Vec<Vec<u8>>, listener: &mut Listener, now: Instant) -> Result<(), String> {
        while !to_server.is_empty() {
            let answers: Vec<_> = to_server.drain(..).flat_map(|datagram| listener.take(self.port, &datagram, now)).collect();
            for answer in answers {
                self.session.take(&answer, now, &mut |event| to_server.extend(sent(event)))?;
            }
        }
        Ok(())
    }

    fn send(&mut self, message: &[u8], listener: &mut Listener, now: Instant) {
        let mut datagrams = Vec::new();
        self.session.send(message, &mut |event| datagrams.extend(sent(event))).unwrap();
        for datagram in &datagrams {
            assert!(datagram.len() <= message.len() + DtlsSession::OVERHEAD);
        }
        self.deliver(datagrams, listener, now).unwrap();
    }
}

fn sent(event: DtlsEvent<'_>) -> Option<Vec<u8>> {
    match event {
        DtlsEvent::Send(datagram) => Some(datagram.to_vec()),
        _ => None,
    }
}

fn server_of(identity: IdentityFiles) -> TlsServerOptions {
    TlsServerOptions { identity, client_ca: None, allowed_names: Vec::new(), versions: TlsVersions::default() }
}

fn client_of(ca: PathBuf) -> TlsClientOptions {
    TlsClientOptions { name: "collector.example".into(), ca: Some(ca), identity: None, versions: TlsVersions::default() }
}

#[test]
fn messages_come_as_they_were_sent() {
    let (folder, root, now) = (Folder::new("messages"), Authority::new(), Instant::now());
    let server = server_of(folder.issued("server", &root.issue(&["collector.example"])));
    let mut listener = Listener::new(&server, StreamLimits::default());
    let client = DtlsClient::load(&client_of(root.write(&folder.0, "ca.pem"))).unwrap();
    let mut clients: Vec<_> = (1..=3).map(|port| Client::new(&client, port, now)).collect();
    for client in &mut clients {
        client.exchange(&mut listener, now).unwrap();
        assert!(client.session.is_ready());
    }
    for (number, client) in clients.iter_mut().enumerate() {
        for length in [1, 100, 1400, 16_000] {
            client.send(&vec![number as u8; length], &mut listener, now);
        }
    }
    let lengths: Vec<_> = listener.messages.iter().map(|(_, message)| (message[0], message.len())).collect();
    assert_eq!(lengths, (0..3).flat_map(|number| [1, 100, 1400, 16_000].map(|length| (number, length))).collect::<Vec<_>>());
    assert_eq!(listener.streams(), 3);

    let mut farewell = Vec::new();
    clients[0].session.close(&mut |event| farewell.extend(sent(event)));
    clients[0].deliver(farewell, &mut listener, now).unwrap();
    assert_eq!((listener.messages.len(), listener.messages[12].1.len()), (13, 0), "the end of the stream");
    assert_eq!(listener.ended, [StreamEnd::Closed]);
    let counters = listener.sessions.counters();
    assert_eq!((counters.connections, counters.open, counters.messages, counters.octets), (3, 2, 12, 3 * 17_501));
}

#[test]
fn peers_are_checked_as_over_tls() {
    let (folder, root, now) = (Folder::new("checks"), Authority::new(), Instant::now());
    let ca = root.write(&folder.0, "ca.pem");
    let good = server_of(folder.issued("server", &root.issue(&["collector.example"])));
    let cases = [
        (root.issue(&["other.example"]), "the server's certificate is not that of collector.example"),
        (root.issue_expired(&["collector.example"]), "the server's certificate has expired"),
        (Issued::self_signed(&["collector.example"]), "the server's certificate is self-signed, or its issuer is not known here"),
        (root.intermediate().issue(&["collector.example"]), "over DTLS the certificate of the host comes alone"),
    ];
    for (issued, expected) in cases {
        let mut listener = Listener::new(&server_of(folder.issued("bad", &issued)), StreamLimits::default());
        let mut client = Client::new(&DtlsClient::load(&client_of(ca.clone())).unwrap(), 1, now);
        let refusal = client.exchange(&mut listener, now).unwrap_err();
        assert!(refusal.contains(expected), "{refusal}");
        assert!(!client.session.is_ready());
    }

    let asks = TlsServerOptions { client_ca: Some(ca.clone()), allowed_names: vec!["a.example".into()], ..good };
    let named =
        |name: &str| TlsClientOptions { identity: Some(folder.issued(name, &root.issue(&[name]))), ..client_of(ca.clone()) };
    for (options, expected) in [
        (named("a.example"), None),
        (named("b.example"), Some("the client's certificate has none of allowed_names")),
        (client_of(ca.clone()), Some("the client's certificate is ")),
    ] {
        let mut listener = Listener::new(&asks, StreamLimits::default());
        let mut client = Client::new(&DtlsClient::load(&options).unwrap(), 1, now);
        // The client may hear nothing of a refusal.
        let _ = client.exchange(&mut listener, now);
        match (expected, listener.ended.as_slice()) {
            (None, []) => assert!(client.session.is_ready()),
            (Some(expected), [StreamEnd::Handshake { reason }]) => assert!(reason.starts_with(expected), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert!(listener.messages.is_empty());
    }
}

#[test]
fn keys_that_dtls_cannot_use_are_told() {
    let (folder, root) = (Folder::new("keys"), Authority::new());
    let issued = root.issue(&["collector.example"]);
    let mut files = folder.issued("server", &issued);
    files.private_key = folder.0.join("rsa.key");
    let made = std::process::Command::new("openssl").args(["genrsa", "-out"]).arg(&files.private_key).output().unwrap();
    assert!(made.status.success());
    let error = DtlsServer::load(&server_of(files.clone())).unwrap_err().to_string();
    assert!(error.contains("rsa.key: expected an ECDSA key on the curve P-256 or P-384, found another key"), "{error}");
    files.private_key = folder.issued("other", &root.issue(&["collector.example"])).private_key;
    let error = DtlsServer::load(&server_of(files)).unwrap_err().to_string();
    assert!(error.contains("is not the key of the first certificate"), "{error}");
}

#[test]
fn a_sender_that_begins_anew_takes_its_own_place() {
    let (folder, root, now) = (Folder::new("anew"), Authority::new(), Instant::now());
    let server = server_of(folder.issued("server", &root.issue(&["collector.example"])));
    let mut listener = Listener::new(&server, StreamLimits::default());
    let client = DtlsClient::load(&client_of(root.write(&folder.0, "ca.pem"))).unwrap();
    let mut first = Client::new(&client, 1, now);
    first.exchange(&mut listener, now).unwrap();
    first.send(b"one", &mut listener, now);

    // Somebody who only pretends to be there begins, and goes no further: the first goes on.
    let mut hello = Vec::new();
    client.connect(now).pass(now, &mut |event| hello.extend(sent(event))).unwrap();
    listener.take(1, &hello[0], now);
    first.send(b"two", &mut listener, now);

    listener.pass(now + Duration::from_secs(60));
    let now = now + Duration::from_secs(60);
    let mut second = Client::new(&client, 1, now);
    second.exchange(&mut listener, now).unwrap();
    second.send(b"three", &mut listener, now);
    let texts: Vec<_> = listener.messages.iter().map(|(_, message)| message.as_slice()).collect();
    assert_eq!(texts, [&b"one"[..], b"two", b"", b"three"]);
    assert_ne!(listener.messages[0].0, listener.messages[3].0, "a stream of its own");
    assert_eq!(listener.sessions.counters().open, 1);
}

#[test]
fn what_comes_with_the_end_of_a_new_handshake_is_taken() {
    let (folder, root, now) = (Folder::new("with-the-end"), Authority::new(), Instant::now());
    let server = server_of(folder.issued("server", &root.issue(&["collector.example"])));
    let mut listener = Listener::new(&server, StreamLimits::default());
    let client = DtlsClient::load(&client_of(root.write(&folder.0, "ca.pem"))).unwrap();
    let mut first = Client::new(&client, 1, now);
    first.exchange(&mut listener, now).unwrap();
    first.send(b"one", &mut listener, now);

    let mut second = Client::new(&client, 1, now);
    let mut to_server = Vec::new();
    second.session.pass(now, &mut |event| to_server.extend(sent(event))).unwrap();
    while !second.session.is_ready() {
        let answers: Vec<_> = to_server.drain(..).flat_map(|datagram| listener.take(1, &datagram, now)).collect();
        for answer in answers {
            second.session.take(&answer, now, &mut |event| to_server.extend(sent(event))).unwrap();
        }
    }
    // Its last word of the handshake and its first message, in one datagram (RFC 9147, section 4.3).
    second.session.send(b"two", &mut |event| to_server.extend(sent(event))).unwrap();
    listener.take(1, &to_server.concat(), now);
    let texts: Vec<_> = listener.messages.iter().map(|(_, message)| message.as_slice()).collect();
    assert_eq!(texts, [&b"one"[..], b"", b"two"]);
    assert_ne!(listener.messages[0].0, listener.messages[2].0, "a stream of its own");
    assert_eq!(listener.sessions.counters().messages, 2);
}

#[test]
fn associations_are_bounded_and_those_that_have_come_about_stay() {
    let (folder, root, now) = (Folder::new("bounded"), Authority::new(), Instant::now());
    let server = server_of(folder.issued("server", &root.issue(&["collector.example"])));
    let limits = StreamLimits {
        connections: 4,
        connections_of_one: 3,
        idle_time: Some(Duration::from_secs(30)),
        ..StreamLimits::default()
    };
    let mut listener = Listener::new(&server, limits);
    let client = DtlsClient::load(&client_of(root.write(&folder.0, "ca.pem"))).unwrap();
    let mut good = Client::new(&client, 1, now);
    good.exchange(&mut listener, now).unwrap();
    for port in 2..100 {
        let mut hello = Vec::new();
        client.connect(now).pass(now, &mut |event| hello.extend(sent(event))).unwrap();
        listener.take(port, &hello[0], now);
        assert!(listener.sessions.counters().open <= 3);
    }
    good.send(b"still here", &mut listener, now);
    assert_eq!(listener.messages.len(), 1);
    // What is no handshake makes nothing.
    listener.take(200, b"hello", now);
    listener.take(200, &[], now);
    assert_eq!(listener.sessions.counters().strange, 2);

    // Handshakes that go no further end by their own time, silent associations by that of the configuration.
    listener.pass(now + Duration::from_secs(29));
    assert_eq!(listener.sessions.counters().open, 1);
    listener.pass(now + Duration::from_secs(30));
    assert_eq!(listener.ended.last(), Some(&StreamEnd::Idle { limit: Duration::from_secs(30) }));
    let counters = listener.sessions.counters();
    assert_eq!((counters.open, counters.ended.iter().sum::<u64>()), (0, counters.connections));
}

#[test]
fn garbage_ends_nothing() {
    let (folder, root, now) = (Folder::new("garbage"), Authority::new(), Instant::now());
    let server = server_of(folder.issued("server", &root.issue(&["collector.example"])));
    let mut listener = Listener::new(&server, StreamLimits::default());
    let client = DtlsClient::load(&client_of(root.write(&folder.0, "ca.pem"))).unwrap();
    let mut good = Client::new(&client, 1, now);
    good.exchange(&mut listener, now).unwrap();
    let mut random = weir_testkit::Rng::with_seed(7);
    let mut hello = Vec::new();
    client.connect(now).pass(now, &mut |event| hello.extend(sent(event))).unwrap();
    for round in 0..20_000 {
        let mut octets: Vec<u8> = hello[0].clone();
        for _ in 0..random.usize(1..8) {
            let at = random.usize(..octets.len());
            octets[at] = random.u8(..);
        }
        octets.truncate(random.usize(..=octets.len()));
        listener.take(if round % 2 == 0 { 1 } else { 2 }, &octets, now);
        if round % 1000 == 0 {
            good.send(b"good", &mut listener, now);
        }
    }
    assert_eq!(listener.messages.iter().filter(|(_, message)| message == b"good").count(), 20);
}
