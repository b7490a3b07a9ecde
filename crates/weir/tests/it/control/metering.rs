//! The meter of a service, changed while packets come: each is counted once.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::session::{Session, wait_until};
use crate::collect::service::{Folder, Stored};
use crate::namespaces::{Listening, Namespace, ip, missing, name};

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
    wait_until("there is a socket", || folder.store().join("control.sock").exists());

    let mut sending = datagrams(&client, 0, 20_000);
    assert!(datagrams(&client, 1, 5).wait().unwrap().success());
    session.done(&["set", "--add", "meter.interfaces", &second]);
    session.done(&["commit"]);
    assert!(datagrams(&client, 1, 7).wait().unwrap().success());
    // Other settings: what is open is reported, and begins anew.
    session.done(&["set", "meter.inactive_timeout", "10s"]);
    session.done(&["set", "meter.applications", "false"]);
    session.done(&["commit"]);
    // What has no interface changes nothing.
    session.done(&["set", "--add", "meter.interfaces", "weir-no-such"]);
    session.done(&["set", "meter.inactive_timeout", "5s"]);
    session.refused(&["commit"], "weir-no-such");
    session.done(&["discard"]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    session.done(&["unset", "meter.interfaces", &second]);
    session.done(&["commit"]);
    // Each worker comes to it within a round.
    std::thread::sleep(std::time::Duration::from_millis(300));
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
    std::fs::write(&config, &text).unwrap();
    let mut command = server.command(env!("CARGO_BIN_EXE_weir"));
    let weir = Running(command.args(["run", "-c", config.to_str().unwrap()]).stderr(Stdio::null()).spawn().unwrap());
    let session = Session::of(&config);
    wait_until("there is a socket", || store.join("control.sock").exists());
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
