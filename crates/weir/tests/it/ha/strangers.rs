//! Whom a unit does not listen to: strangers, those whose time is over, those who say too much, and programs that know more than it does.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use weir_testkit::{PATIENCE, wait_until};

use super::joined::{Unit, are_same};
use crate::collect::service::Folder;

/// Octets of an identity.
fn octets(identity: &Value, key: &str) -> Vec<u8> {
    let text = identity[key].as_str().unwrap();
    (0..text.len()).step_by(2).map(|place| u8::from_str_radix(&text[place..place + 2], 16).unwrap()).collect()
}

/// A certificate with the name of every unit, and its key; both as a unit keeps them.
fn another(until: i32) -> [Value; 2] {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["weir-unit".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until, 1, 1));
    let certificate = params.self_signed(&key).unwrap().der().to_vec();
    [certificate, key.serialize_der()].map(|octets| json!(octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>()))
}

fn read(unit: &Unit) -> Value {
    serde_json::from_str(&fs::read_to_string(unit.identity()).unwrap()).unwrap()
}

/// A unit that keeps this identity.
fn with(identity: &Value) -> Unit {
    let unit = Unit::new("");
    fs::create_dir_all(unit.identity().parent().unwrap()).unwrap();
    fs::write(unit.identity(), identity.to_string()).unwrap();
    unit.restart()
}

fn is_refused(unit: &Unit, because: &str) {
    unit.service.wait_for("wanted to be the other unit is refused");
    wait_until(because, || {
        let lines = unit.service.lines();
        lines.iter().any(|line| line.contains("wanted to be the other unit is refused") && line.contains(because))
    });
}

#[test]
fn certificates_of_strangers_are_refused_on_both_sides() {
    let (a, b) = (Unit::new(""), Unit::new(""));
    b.joins(&a, a.address);
    are_same([&a, &b]);
    // Somebody who knows all but the key.
    let mut pretended = read(&b);
    [pretended["certificate"], pretended["key"]] = another(2099);
    let stranger = with(&pretended);
    is_refused(&a, "invalid peer certificate");
    assert_eq!(stranger.peer()["is_up"], json!(false));
    // The real one stays.
    a.wait_for_peer();
    assert!(a.peer()["refused"].as_u64().unwrap() > 0);
    drop(stranger);
    // And in the place of the first one.
    let mut pretended = read(&a);
    [pretended["certificate"], pretended["key"]] = another(2099);
    fs::write(a.identity(), pretended.to_string()).unwrap();
    let a = a.restart();
    wait_until("the second one refuses it", || {
        b.peer()["trouble"].as_str().is_some_and(|why| why.contains("invalid peer certificate"))
    });
    assert_eq!((&a.peer()["is_up"], &b.peer()["is_up"]), (&json!(false), &json!(false)));
}

#[test]
fn certificates_that_are_over_are_refused_on_both_sides() {
    let (a, b) = (Unit::new(""), Unit::new(""));
    b.joins(&a, a.address);
    are_same([&a, &b]);
    let (mut ours, mut theirs) = (read(&a), read(&b));
    let before = (ours.clone(), theirs.clone());
    // The second one has one that was good once, and the first one knows it.
    [theirs["certificate"], theirs["key"]] = another(2001);
    ours["peer"] = theirs["certificate"].clone();
    fs::write(a.identity(), ours.to_string()).unwrap();
    fs::write(b.identity(), theirs.to_string()).unwrap();
    let (a, b) = (a.restart(), b.restart());
    is_refused(&a, "xpired");
    // And the other way about.
    (ours, theirs) = before;
    [ours["certificate"], ours["key"]] = another(2001);
    theirs["peer"] = ours["certificate"].clone();
    fs::write(a.identity(), ours.to_string()).unwrap();
    fs::write(b.identity(), theirs.to_string()).unwrap();
    let (a, b) = (a.restart(), b.restart());
    wait_until("the second one refuses it", || b.peer()["trouble"].as_str().is_some_and(|why| why.contains("xpired")));
    assert_eq!((&a.peer()["is_up"], &b.peer()["is_up"]), (&json!(false), &json!(false)));
}

/// Connections of somebody who is not known yet, at a time.
const STRANGERS: usize = 8;

/// Octets of a line of somebody who is not known yet.
const LONGEST: usize = 16 << 10;

/// TLS to a unit, whose certificate is known, without one of our own.
fn speak(unit: &Unit, address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(octets(&read(unit), "certificate").into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let tls = ClientConnection::new(Arc::new(config), ServerName::try_from("weir-unit").unwrap()).unwrap();
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(tls, tcp)
}

#[test]
fn strangers_have_little_room_and_make_room_for_the_other_unit() {
    let (a, b) = (Unit::new(""), Unit::new(""));
    a.init();
    let refused = || a.peer()["refused"].as_u64().unwrap();
    // A line of as many octets is read, one of more is not.
    let join = |octets: usize| format!("{{\"say\":\"join\",\"secret\":\"00\",\"certificate\":\"{}\"}}\n", "0".repeat(octets));
    let frame = join(0).len() - 1;
    wait_until("it is answered, unless it came too slowly", || {
        let mut stranger = speak(&a, a.address);
        let mut answer = String::new();
        let written = stranger.write_all(join(LONGEST - frame).as_bytes());
        let read = written.and_then(|()| BufReader::new(&mut stranger).read_line(&mut answer));
        assert!(read.is_err() || answer.is_empty() || answer.contains("the token is wrong"), "{answer}");
        answer.contains("the token is wrong")
    });
    wait_until("it is counted", || refused() > 0);
    let before = refused();
    let mut stranger = speak(&a, a.address);
    let _ = stranger.write_all(join(LONGEST - frame + 1).as_bytes());
    let _ = stranger.flush();
    assert!(!matches!(stranger.read(&mut [0; 1]), Ok(1..)), "it answers a line that is too long");
    wait_until("it is counted as well", || refused() > before);
    // More than there is room for: the one who came first goes, long before its time of five seconds is over.
    let mut silent: Vec<TcpStream> = Vec::new();
    wait_until("the one who came first goes", || {
        silent = (0..=STRANGERS).map(|_| TcpStream::connect(a.address).unwrap()).collect();
        silent[0].set_read_timeout(Some(Duration::from_secs(4))).unwrap();
        matches!(silent[0].read(&mut [0; 1]), Ok(0))
    });
    b.joins(&a, a.address);
    are_same([&a, &b]);
    // Those who say nothing are let go all the same.
    silent[STRANGERS].set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(silent[STRANGERS].read_to_end(&mut Vec::new()).unwrap(), 0);
    // A token that was tried too often is worth nothing.
    let (third, token) = (Unit::new(""), a.init());
    let wrong = format!("{}{}", if token.starts_with('0') { '1' } else { '0' }, &token[1..]);
    for _ in 0..5 {
        third.is_refused(a.address, &wrong, "the token is wrong");
    }
    third.is_refused(a.address, &token, "the token is wrong");
    a.wait_for_peer();
}

#[test]
#[allow(clippy::print_stdout, reason = "a test says what it skips")]
fn a_unit_refuses_settings_that_it_does_not_know_and_says_which() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: no openssl");
        return;
    }
    let (a, b) = (Unit::new(""), Unit::new(""));
    let address = a.address;
    b.joins(&a, address);
    are_same([&a, &b]);
    // A newer program in the place of the first unit: another TLS, which says the lines.
    let identity = read(&a);
    let folder = Folder::new();
    let file = |name: &str| folder.0.join(name).to_str().unwrap().to_owned();
    for (name, kind) in [("certificate", "x509"), ("key", "pkey")] {
        fs::write(file(name), octets(&identity, name)).unwrap();
        let pem = file(&format!("{name}.pem"));
        assert!(
            Command::new("openssl").args([kind, "-inform", "DER", "-in", &file(name), "-out", &pem]).status().unwrap().success()
        );
    }
    a.service.stop();
    let mut server = Command::new("openssl")
        .args([
            "s_server",
            "-quiet",
            "-tls1_3",
            "-accept",
            &address.to_string(),
            "-cert",
            &file("certificate.pem"),
            "-key",
            &file("key.pem"),
            "-verify",
            "1",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut says, hears) = (server.stdin.take().unwrap(), BufReader::new(server.stdout.take().unwrap()));
    let (mut number, mut answers) = (json!(0), Vec::new());
    for line in hears.lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if message["say"] == json!("state") && message["settings"].is_object() {
            number = message["number"].clone();
            // Also where it had to connect anew, because nothing was heard of us for a while: what was not answered is asked again.
            let state = json!({"say": "state", "version": "9.9.9", "role": "active", "number": 1});
            says.write_all(format!("{state}\n").as_bytes()).unwrap();
        } else if message["say"] == json!("changed") {
            answers.push(message["refused"].as_str().unwrap().to_owned());
        } else {
            continue;
        }
        let change = match answers.len() {
            // Of settings that it had once.
            0 => {
                let steps = json!([{"path": "store.retention", "value": "3d"}]);
                json!({"say": "change", "id": 1, "of": number.as_u64().unwrap() + 1, "steps": steps})
            }
            place @ 1..=2 => {
                let (path, value) =
                    [("store.holograms", json!(true)), ("console.listen", json!("127.0.0.1:1"))][place - 1].clone();
                let steps = json!([{"path": "store.retention", "value": "3d"}, {"path": path, "value": value}]);
                json!({"say": "change", "id": 2, "of": number, "steps": steps})
            }
            _ => break,
        };
        says.write_all(format!("{change}\n").as_bytes()).unwrap();
    }
    server.kill().unwrap();
    server.wait().unwrap();
    let [stale, unknown, own] = answers.as_slice() else { panic!("{answers:?}") };
    assert!(stale.contains("has changed meanwhile"), "{stale}");
    assert!(unknown.starts_with("store.holograms: unknown key"), "{unknown}");
    assert!(own.contains("a unit's own"), "{own}");
    assert!(!b.text().contains("3d"), "all or nothing");
}
