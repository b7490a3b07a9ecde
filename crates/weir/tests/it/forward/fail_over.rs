//! Services that are killed and come back, targets that take over from each other under TLS, interfaces that are down.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use serde_json::Value;
use weir_testkit::{Authority, PATIENCE, wait_until};

use super::target::{add_up, free, send_rows, wait_for_counters};
use crate::asking::service::{Asked, NETFLOW5, sample};
use crate::collect::service::{Exporter, Folder, Service, Stored};
use crate::namespaces::{Namespace, ip, missing};

/// A service that is to be sent records, and can be killed.
struct Next {
    folder: Folder,
    text: String,
    service: Option<Service>,
}

impl Next {
    fn start(listener: &str) -> Self {
        let folder = Folder::new();
        let service = Service::start(&folder, "", listener);
        let text = fs::read_to_string(&service.config).unwrap();
        Self { folder, text, service: Some(service) }
    }

    /// Ends it at once, in whatever it is doing.
    fn kill(&mut self) {
        self.service.take().unwrap().kill();
    }

    fn come_back(&mut self) {
        self.service = Some(Service::restart(&self.folder, &self.text));
    }

    /// The bytes of the records that it has.
    fn stored(&self) -> BTreeSet<u64> {
        let stored = Stored::read(&self.folder.store());
        (0..stored.flows.rows()).map(|row| stored.flows.bytes.get(row).unwrap()).collect()
    }
}

fn listener(url: &str, more: &str) -> String {
    format!("[listen.next]\nurl = \"{url}\"\n{more}\n")
}

/// Everything that was chosen was sent, and nothing waits or was dropped.
fn check_counters(asked: &Asked, records: u64) {
    wait_for_counters(asked, "all to be sent", |[chosen, sent, resent, waiting, dropped]| {
        (chosen, sent - resent, waiting, dropped) == (records, records, 0, 0)
    });
}

#[test]
fn a_service_that_is_killed_again_and_again_has_every_record_in_the_end() {
    const BATCH: u32 = 5000;
    let address = free();
    let mut next = Next::start(&listener(&format!("tcp://{address}"), ""));
    let asked = Asked::start_beside("", &format!("[export.next]\nurl = \"tcp://{address}\"\nfrom = \"all\"\n"));
    let exporter = Exporter::new(1);
    for round in 0..3 {
        let first = 2 * round * BATCH + 1;
        send_rows(&asked.service, &exporter, first..first + BATCH);
        wait_until("some of it to be sent", || add_up(&asked)[1] > u64::from(2 * round * BATCH));
        next.kill();
        send_rows(&asked.service, &exporter, first + BATCH..first + 2 * BATCH);
        next.come_back();
    }
    let all: BTreeSet<u64> = (1..=u64::from(6 * BATCH)).collect();
    wait_until("every record", || next.stored() == all);
    check_counters(&asked, all.len() as u64);
    let ended = asked.service.stop();
    assert_eq!((ended.code, &ended.exports["next"]["dropped_records"]), (Some(0), &0.into()), "{:#?}", ended.log);
}

/// Listeners under TLS, and an export to both of them.
struct Secure {
    targets: [Next; 2],
    export: String,
    _files: Folder,
}

fn secure(mode: &str) -> Secure {
    let (files, authority) = (Folder::new(), Authority::new());
    let ca = authority.write(&files.0, "ca.pem");
    let addresses = [free(), free()].map(|address| address.parse::<SocketAddr>().unwrap());
    let targets = addresses.map(|address| {
        let name = address.port().to_string();
        let (certificate, key) = authority.intermediate().issue(&["localhost"]).write(&files.0, &name);
        let more = format!("format = \"fastnetmon\"\ncertificate = {certificate:?}\nprivate_key = {key:?}\n");
        Next::start(&listener(&format!("tls://{address}"), &more))
    });
    let [first, second] = addresses.map(|address| address.port());
    let export = format!(
        "[export.next]\ntargets = [\"tls://localhost:{first}\", \"tls://localhost:{second}\"]\nmode = \"{mode}\"\nfrom = \"all\"\nformat = \"fastnetmon\"\nca = {ca:?}\n"
    );
    Secure { targets, export, _files: files }
}

#[test]
fn under_tls_the_second_target_takes_over_from_one_that_is_killed() {
    let Secure { targets: [mut first, second], export, _files } = secure("failover");
    let asked = Asked::start_beside("", &export);
    let exporter = Exporter::new(1);
    send_rows(&asked.service, &exporter, 1..1001);
    wait_until("records at the first", || first.stored().len() == 1000);
    assert!(second.stored().is_empty());
    first.kill();
    send_rows(&asked.service, &exporter, 1001..2001);
    wait_until("records at the second", || (1001..2001).all(|bytes| second.stored().contains(&bytes)));
    first.come_back();
    // It takes over in turn.
    wait_until("a session with the first", || add_up(&asked)[3] == 0 && is_up(&asked, 0));
    send_rows(&asked.service, &exporter, 2001..3001);
    let both = || first.stored().union(&second.stored()).count();
    wait_until("every record", || both() == 3000 && (2001..3001).all(|bytes| first.stored().contains(&bytes)));
    check_counters(&asked, 3000);
    assert_eq!(asked.service.stop().code, Some(0));
}

/// Whether this target has the session.
fn is_up(asked: &Asked, place: usize) -> bool {
    let rows = asked.ask(&["counters", "--format", "json", "--grep", "weir_export_up"]).records();
    rows.get(place).is_some_and(|row| row["value"] == 1)
}

#[test]
fn under_tls_each_of_two_targets_has_every_record_also_one_that_was_killed() {
    let Secure { targets: [mut first, second], export, _files } = secure("duplicate");
    let asked = Asked::start_beside("", &export);
    let exporter = Exporter::new(1);
    send_rows(&asked.service, &exporter, 1..2001);
    wait_until("some of it to be sent", || add_up(&asked)[1] > 1000);
    first.kill();
    send_rows(&asked.service, &exporter, 2001..4001);
    wait_until("all at the second", || second.stored().len() == 4000);
    first.come_back();
    wait_until("all at the first", || first.stored().len() == 4000);
    check_counters(&asked, 8000);
    assert_eq!(asked.service.stop().code, Some(0));
}

#[test]
fn a_standby_that_is_still_being_greeted_is_let_go_when_the_first_target_comes_up() {
    let (files, authority) = (Folder::new(), Authority::new());
    let ca = authority.write(&files.0, "ca.pem");
    let (certificate, key) = authority.issue(&["localhost"]).write(&files.0, "server");
    let first: SocketAddr = free().parse().unwrap();
    // It takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let export = format!(
        "[export.next]\ntargets = [\"tls://localhost:{}\", \"tls://localhost:{}\"]\nfrom = \"all\"\nca = {ca:?}\n",
        first.port(),
        silent.local_addr().unwrap().port()
    );
    let asked = Asked::start_beside("", &export);
    let mut standbys = vec![silent.accept().unwrap().0];
    let _next =
        Next::start(&listener(&format!("tls://{first}"), &format!("certificate = {certificate:?}\nprivate_key = {key:?}\n")));
    wait_until("a session with the first", || is_up(&asked, 0));
    silent.set_nonblocking(true).unwrap();
    // A greeting may have been given up before, and the last one may not have begun.
    while let Ok((later, _)) = silent.accept() {
        later.set_nonblocking(false).unwrap();
        standbys.push(later);
    }
    let mut greetings = Vec::new();
    for mut standby in standbys {
        standby.set_read_timeout(Some(PATIENCE)).unwrap();
        standby.read_to_end(&mut greetings).unwrap();
    }
    assert_eq!(greetings[0], 22, "a handshake, and then the end");
    asked.service.stop();
}

/// The counters of the export of a service in a namespace.
fn counters(namespace: &Namespace, config: &str) -> [u64; 4] {
    let said =
        namespace.run(env!("CARGO_BIN_EXE_weir"), &["counters", "-c", config, "--format", "json", "--grep", "weir_export_"]);
    let rows: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    ["records_total", "sent_records_total", "waiting_records", "dropped_records_total"].map(|name| {
        let named = rows.iter().filter(|row| row["name"].as_str().unwrap().starts_with(&format!("weir_export_{name}{{")));
        named.map(|row| row["value"].as_u64().unwrap()).sum()
    })
}

#[test]
fn while_an_interface_is_down_records_over_udp_wait() {
    if let Some(why) = missing(&[]) {
        return println!("skipped: {why}");
    }
    let (namespace, folder) = (Namespace::new("ud"), Folder::new());
    ip(&format!("-n {} link add out type veth peer name far", namespace.name));
    namespace.address("out", "192.0.2.1");
    ip(&format!("-n {} link set far up", namespace.name));
    let listen = weir_testkit::free_address();
    let file: PathBuf = folder.0.join("weir.toml");
    let text = format!(
        "[listen.a]\nurl = \"udp://{listen}\"\n[console]\nlisten = \"{}\"\n[store]\npath = {:?}\n[export.b]\nurl = \"udp://192.0.2.9:2055\"\nfrom = \"all\"\n",
        free(),
        folder.store(),
    );
    fs::write(&file, text).unwrap();
    let config = file.to_str().unwrap();
    let _service = namespace.serve(env!("CARGO_BIN_EXE_weir"), &["run", "-c", config]);
    let replay =
        || namespace.run(env!("CARGO_BIN_EXE_weir"), &["replay", &sample("netflow5"), "--to", &format!("udp://{listen}")]);
    // Whoever answers over HTTP listens already.
    wait_until("answers", || namespace.run(env!("CARGO_BIN_EXE_weir"), &["counters", "-c", config]).contains("weir_export_up"));
    replay();
    wait_until("records that are sent", || counters(&namespace, config) == [NETFLOW5, NETFLOW5, 0, 0]);
    ip(&format!("-n {} link set out down", namespace.name));
    replay();
    wait_until("records that wait", || counters(&namespace, config)[2] == NETFLOW5);
    ip(&format!("-n {} link set out up", namespace.name));
    wait_until("nothing that waits", || counters(&namespace, config)[2] == 0);
    let [records, _, _, dropped] = counters(&namespace, config);
    assert_eq!((records, dropped), (2 * NETFLOW5, 0));
}
