//! The meter of a service, changed while packets come: each is counted once.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use weir_testkit::wait_until;

use super::load::free_port;
use super::session::{Session, Wire};
use crate::collect::room::{Disk, fill};
use crate::collect::service::{Folder, Service, Stored};
use crate::export::Collector;
use crate::namespaces::{Listening, Namespace, ip, missing, name};
use crate::run::wait_until_asked;

/// A client and a server, joined by two cables: 10.78.0.2 and 10.78.1.2 are the server's.
fn pair() -> (Namespace, Namespace, [String; 2]) {
    let (client, server) = (Namespace::new("mc"), Namespace::new("ms"));
    let ends = [0, 1].map(|number| {
        let (near, far) = (name("c"), name("s"));
        ip(&format!("link add {near} netns {} type veth peer name {far} netns {}", client.name, server.name));
        client.address(&near, &format!("10.78.{number}.1"));
        server.address(&far, &format!("10.78.{number}.2"));
        far
    });
    (client, server, ends)
}

/// A service that does not outlive its test.
struct Running(Child);

impl Running {
    /// Starts it in this namespace; it can be changed when this returns.
    fn start(server: &Namespace, config: &Path, text: &str) -> Self {
        std::fs::write(config, text).unwrap();
        let mut command = server.command(env!("CARGO_BIN_EXE_weir"));
        let running = Self(command.args(["run", "-c", config.to_str().unwrap()]).stderr(Stdio::null()).spawn().unwrap());
        wait_until_asked(config);
        running
    }

    /// Ends it in order; gives its exit code.
    fn stop(mut self) -> Option<i32> {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends so many datagrams to port 9 of the server, each from a port of its own.
fn datagrams(client: &Namespace, cable: u8, count: u32) -> Child {
    let lines = format!("for ((i = 0; i < {count}; i++)); do echo x > /dev/udp/10.78.{cable}.2/9; done");
    client.command("bash").args(["-c", &lines]).spawn().unwrap()
}

/// Packets to port 9 over a cable.
fn metered(store: &Path, cable: u8) -> u64 {
    let stored = Stored::read(store);
    let address = format!("10.78.{cable}.2");
    let rows = (0..stored.flows.rows()).filter(|row| {
        stored.flows.dst_port.get(*row) == Some(9) && stored.flows.dst_addr.get(*row).is_some_and(|to| to.to_string() == address)
    });
    rows.filter_map(|row| stored.flows.packets.get(row)).sum()
}

/// Whether anybody captures on an interface of this namespace, as its kernel says.
fn is_captured(namespace: &Namespace, interface: &str) -> bool {
    let link = namespace.run("ip", &["-o", "link", "show", "dev", interface]);
    let number = link.split(':').next().unwrap();
    // sk, reference count, type, protocol, number of the interface.
    let sockets = namespace.run("cat", &["/proc/net/packet"]);
    sockets.lines().skip(1).any(|line| line.split_whitespace().nth(4) == Some(number))
}

#[test]
fn interfaces_and_settings_change_and_each_packet_is_counted_once() {
    if let Some(why) = missing(&["bash"]) {
        println!("skipped: {why}");
        return;
    }
    let folder = Folder::new();
    let (client, server, [first, second]) = pair();
    let config = folder.0.join("weir.toml");
    let text =
        format!("[meter]\ninterfaces = [\"{first}\"] # the first cable\n\n[store]\npath = \"{}\"\n", folder.store().display());
    std::fs::write(&config, text).unwrap();
    let service = Listening::start(&server, &["run", "--stats", "-c", config.to_str().unwrap()]);
    let session = Session::of(&config);
    wait_until_asked(&config);

    let mut sending = datagrams(&client, 0, 20_000);
    assert!(datagrams(&client, 1, 5).wait().unwrap().success());
    session.done(&["set", "--add", "meter.interfaces", &second]);
    session.done(&["commit"]);
    assert!(datagrams(&client, 1, 7).wait().unwrap().success());
    // Other settings: what is open is reported, and begins anew.
    session.done(&["set", "meter.inactive_timeout", "1s"]);
    session.done(&["set", "meter.applications", "false"]);
    session.done(&["commit"]);
    // What has no interface changes nothing.
    session.done(&["set", "--add", "meter.interfaces", "weir-no-such"]);
    session.done(&["set", "meter.inactive_timeout", "5s"]);
    session.refused(&["commit"], "weir-no-such");
    session.done(&["discard"]);
    // What came before is metered, and nothing else waits where nothing is captured any more.
    wait_until("its flows are stored", || metered(&folder.store(), 1) == 7);
    assert!(is_captured(&server, &second));
    session.done(&["unset", "meter.interfaces", &second]);
    session.done(&["commit"]);
    wait_until("the worker lets go of it", || !is_captured(&server, &second));
    assert!(datagrams(&client, 1, 3).wait().unwrap().success());
    assert!(sending.wait().unwrap().success());
    assert!(session.file().contains("] # the first cable\n"));
    let (_, stats) = service.stop();
    assert_eq!(stats["kernel"]["dropped"].as_u64().unwrap_or_default(), 0, "{stats}");
    assert_eq!(metered(&folder.store(), 0), 20_000, "{stats}");
    assert_eq!(metered(&folder.store(), 1), 7, "{stats}");
}

#[test]
fn a_meter_begins_and_ends_while_the_service_goes_on() {
    if let Some(why) = missing(&["bash"]) {
        println!("skipped: {why}");
        return;
    }
    let folder = Folder::new();
    let (client, server, [first, _]) = pair();
    let config = folder.0.join("weir.toml");
    let store = folder.store();
    let text = format!("[listen.lab]\nurl = \"udp://127.0.0.1:2055\"\n\n[store]\npath = \"{}\"\n", store.display());
    let weir = Running::start(&server, &config, &text);
    let session = Session::of(&config);
    assert!(datagrams(&client, 0, 5).wait().unwrap().success());
    for round in 1..=2 {
        session.done(&["set", "meter.interfaces", &first]);
        session.done(&["commit"]);
        assert!(datagrams(&client, 0, 10).wait().unwrap().success());
        // Another ring is another capture.
        session.done(&["set", "meter.ring", "8MiB"]);
        session.done(&["commit"]);
        assert!(datagrams(&client, 0, 10).wait().unwrap().success());
        std::thread::sleep(std::time::Duration::from_millis(300));
        session.done(&["unset", "meter"]);
        session.done(&["commit"]);
        assert_eq!(session.file(), text);
        assert!(datagrams(&client, 0, 5).wait().unwrap().success());
        wait_until("its flows are stored", || metered(&store, 0) == 20 * round);
    }
    assert_eq!(weir.stop(), Some(0));
}

#[test]
fn an_interface_that_goes_and_comes_at_once_is_captured_once() {
    if let Some(why) = missing(&["bash"]) {
        println!("skipped: {why}");
        return;
    }
    let folder = Folder::new();
    let (client, server, [first, second]) = pair();
    // What is durable at once is committed at once.
    let Some(disk) = Disk::new(&folder, "600m") else {
        println!("skipped: no right to mount a file system");
        return;
    };
    let (config, store) = (disk.0.join("weir.toml"), disk.0.join("store"));
    let text = format!("[meter]\ninterfaces = [\"{first}\", \"{second}\"]\n\n[store]\npath = \"{}\"\n", store.display());
    let weir = Running::start(&server, &config, &text);
    let mut wire = Wire::new(&store.join("control.sock"));
    for _ in 0..20 {
        wire.commit(&json!([{"remove": ["meter.interfaces", second]}]));
        wire.commit(&json!([{"add": ["meter.interfaces", [second]]}]));
    }
    assert!(datagrams(&client, 1, 50).wait().unwrap().success());
    assert!(datagrams(&client, 0, 50).wait().unwrap().success());
    assert_eq!(weir.stop(), Some(0));
    assert_eq!((metered(&store, 0), metered(&store, 1)), (50, 50));
}

/// What the service there says of its health to whoever may read the store's token: what is wrong is for people who signed in.
fn health(host: &Namespace, store: &Path) -> String {
    // None before the console has begun.
    let token = std::fs::read_to_string(store.join("console/local.token")).unwrap_or_default();
    let carried = format!("Authorization: Bearer {}", token.trim());
    host.run("curl", &["-s", "-m", "60", "-H", &carried, "http://127.0.0.1:8080/healthz"])
}

#[test]
fn a_change_that_kills_the_meter_is_taken_back() {
    if let Some(why) = missing(&["bash", "curl"]) {
        println!("skipped: {why}");
        return;
    }
    let folder = Folder::new();
    let (client, server, [first, second]) = pair();
    let (config, store) = (folder.0.join("weir.toml"), folder.store());
    let text = format!(
        "[meter]\ninterfaces = [\"{first}\"]\n\n[store]\npath = \"{}\"\n\n[console]\nlisten = \"127.0.0.1:8080\"\n\n[control]\nwatch = \"30m\"\n",
        store.display()
    );
    let weir = Running::start(&server, &config, &text);
    let session = Session::of(&config);
    let health = || health(&server, &store);
    session.done(&["set", "meter.interfaces", &second]);
    session.done(&["commit"]);
    // Its cable is cut, and the other as well: for a while there is nothing to meter.
    ip(&format!("-n {} link del {first}", server.name));
    ip(&format!("-n {} link del {second}", server.name));
    wait_until("health says so", || health().contains("nothing is metered, though [meter] asks for it"));
    let near = name("c");
    ip(&format!("link add {near} netns {} type veth peer name {first} netns {}", client.name, server.name));
    client.address(&near, "10.78.0.1");
    server.address(&first, "10.78.0.2");
    wait_until("it goes by itself", || session.done(&["show", "--running"]) == text);
    assert_eq!(session.file(), text);
    wait_until("it is well", || health().contains("\"ok\":true"));
    assert!(datagrams(&client, 0, 10).wait().unwrap().success());
    session.done(&["set", "meter.inactive_timeout", "1s"]);
    session.done(&["commit"]);
    wait_until("its flows are stored", || metered(&store, 0) == 10);
    assert_eq!(weir.stop(), Some(0));
}

#[test]
fn while_the_store_takes_nothing_the_meter_does_not_begin_anew_and_nobody_hangs() {
    if let Some(why) = missing(&["bash", "curl"]) {
        println!("skipped: {why}");
        return;
    }
    let folder = Folder::new();
    let Some(disk) = Disk::new(&folder, "700m") else {
        println!("skipped: no right to mount a file system");
        return;
    };
    let (client, server, [first, _]) = pair();
    let (config, store) = (folder.0.join("weir.toml"), disk.0.join("store"));
    let text = format!(
        "[meter]\ninterfaces = [\"{first}\"]\ninactive_timeout = \"1s\"\n\n[store]\npath = \"{}\"\n\n[console]\nlisten = \"127.0.0.1:8080\"\n",
        store.display()
    );
    let weir = Running::start(&server, &config, &text);
    let session = Session::of(&config);
    let health = || health(&server, &store);
    fill(&disk.0.join("filler"));
    wait_until("the store takes nothing", || {
        assert!(datagrams(&client, 0, 20).wait().unwrap().success());
        health().contains("the store takes nothing")
    });
    session.done(&["set", "meter.ring", "8MiB"]);
    session.refused(&["commit"], "the store takes nothing, so the meter cannot end");
    assert!(health().contains("the store takes nothing"), "{}", health());
    std::fs::remove_file(disk.0.join("filler")).unwrap();
    wait_until("it is well", || health().contains("\"ok\":true"));
    wait_until("it begins anew", || session.run(&["commit"]).code == 0);
    assert!(session.file().contains("ring = \"8MiB\""));
    assert_eq!(weir.stop(), Some(0));
}

#[test]
fn collectors_are_told_how_it_is_metered_now() {
    if let Some(why) = missing(&[]) {
        println!("skipped: {why}");
        return;
    }
    let folder = Folder::new();
    let quiet = [Quiet::new(), Quiet::new()];
    let collector = Collector::new();
    let more = format!(
        "[meter]\ninterfaces = [\"{}\"]\n[export.next]\nurl = \"udp://{}\"\n[console]\nlisten = \"{}\"\n",
        quiet[0].0,
        collector.address,
        free_port()
    );
    let service = Service::start(&folder, "", &more);
    let session = Session::new(&service);
    let told = || collector.decoded_so_far(&["--kind", "options"]).records();
    let has = |name: &str, value: serde_json::Value| told().iter().any(|record| record["values"][name] == value);
    wait_until("it is told at first", || has("interfaceName", json!(quiet[0].0)));
    session.done(&["set", "meter.sample", "random:1/7"]);
    session.done(&["set", "--add", "meter.interfaces", &quiet[1].0]);
    session.done(&["commit"]);
    wait_until("it is told of the second interface", || has("interfaceName", json!(quiet[1].0)));
    wait_until("it is told how is sampled", || told().iter().any(|record| record["values"].to_string().contains(":7")));
    service.stop().check_identity();
}

/// An interface where nothing happens.
struct Quiet(String);

impl Quiet {
    fn new() -> Self {
        let (name, other) = (name("q"), name("r"));
        ip(&format!("link add {name} type veth peer name {other}"));
        ip(&format!("link set {name} up"));
        Self(name)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", &self.0]).status();
    }
}
