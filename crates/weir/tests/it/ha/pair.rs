//! Two routers with a shared address, a client and a server on either side of them, and a collector; each in a namespace of its own.
//!
//! ```text
//! client 10.78.1.1 --+-- inside:  a .11, b .12, shared .100 --+-- server 10.78.2.1
//!                    |   outside: a .11, b .12, shared .100   |
//!                    +-- collector 10.78.3.1: a .11, b .12 ---+
//! ```

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_testkit::PATIENCE;

use crate::collect::service::Folder;
use crate::namespaces::{Namespace, ip, name};
use crate::run::wait_until_asked;

/// The address that moves on the side of the client.
pub(super) const SHARED: &str = "10.78.1.100";

/// How packets come to the units.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the one that holds the shared address.
    Routed,
    /// Between client and server, and both units see them all.
    Mirrored,
}

pub(super) struct Pair {
    pub(super) client: Namespace,
    pub(super) server: Namespace,
    pub(super) collector: Namespace,
    pub(super) units: [Namespace; 2],
    /// The switches.
    switch: Namespace,
    /// The ends of the cables of each unit in the switches: inside, outside, to the collector.
    ports: [[String; 3]; 2],
    /// The end of the collector's cable.
    collector_port: String,
    pub(super) folder: Folder,
    pub(super) way: Way,
}

impl Pair {
    pub(super) fn new(way: Way) -> Self {
        let spaces = ["hc", "hs", "hk", "ha", "hb", "hw"].map(Namespace::new);
        let [client, server, collector, a, b, switch] = spaces;
        for net in 1..=3 {
            ip(&format!("-n {} link add br{net} type bridge forward_delay 0", switch.name));
            ip(&format!("-n {} link set br{net} up", switch.name));
        }
        let plug = |space: &Namespace, net: usize, interface: &str, last: &str| {
            let port = name("hp");
            ip(&format!("link add {interface} netns {} type veth peer name {port} netns {}", space.name, switch.name));
            ip(&format!("-n {} link set {port} master br{net} up", switch.name));
            space.address(interface, &format!("10.78.{net}.{last}"));
            port
        };
        plug(&client, 1, "eth0", "1");
        let collector_port = plug(&collector, 3, "eth0", "1");
        let server_net = if way == Way::Routed { 2 } else { 1 };
        plug(&server, server_net, "eth0", "2");
        let ports = [(&a, "11"), (&b, "12")].map(|(unit, last)| {
            unit.run("sh", &["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
            [(1, "inside"), (2, "outside"), (3, "mgmt")].map(|(net, interface)| plug(unit, net, interface, last))
        });
        if way == Way::Routed {
            ip(&format!("-n {} route add default via {SHARED}", client.name));
            ip(&format!("-n {} route add default via 10.78.2.100", server.name));
        } else {
            // All that comes goes out of every port.
            ip(&format!("-n {} link set br1 type bridge ageing_time 0", switch.name));
        }
        Self { client, server, collector, units: [a, b], switch, ports, collector_port, folder: Folder::new(), way }
    }

    /// The address of the server.
    pub(super) const fn server_address(&self) -> &'static str {
        if matches!(self.way, Way::Routed) { "10.78.2.2" } else { "10.78.1.2" }
    }

    /// The cables of a unit: as when all of them are pulled, or put in again.
    pub(super) fn cables(&self, unit: usize, are_in: bool) {
        let state = if are_in { "up" } else { "down" };
        for port in &self.ports[unit] {
            ip(&format!("-n {} link set {port} {state}", self.switch.name));
        }
    }

    /// Whether the units can speak with each other in one of the networks: inside, outside, that of the collector. Others are spoken with as before.
    pub(super) fn units_meet(&self, net: usize, can_speak: bool) {
        let isolated = if can_speak { "off" } else { "on" };
        for ports in &self.ports {
            ip(&format!("-n {} link set {} type bridge_slave isolated {isolated}", self.switch.name, ports[net]));
        }
    }

    /// The cable of the collector.
    pub(super) fn collector_cable(&self, is_in: bool) {
        let state = if is_in { "up" } else { "down" };
        ip(&format!("-n {} link set {} {state}", self.switch.name, self.collector_port));
    }

    /// The cable to the client alone.
    pub(super) fn cable(&self, unit: usize, is_in: bool) {
        let state = if is_in { "up" } else { "down" };
        ip(&format!("-n {} link set {} {state}", self.switch.name, self.ports[unit][0]));
    }

    /// Gives a unit the shared addresses, or takes them away, without a program that moves them.
    pub(super) fn share(&self, unit: usize, what: &str) {
        let name = &self.units[unit].name;
        ip(&format!("-n {name} addr {what} {SHARED}/24 dev inside"));
        ip(&format!("-n {name} addr {what} 10.78.2.100/24 dev outside"));
    }

    /// Takes the shared addresses from a unit, where it has them.
    pub(super) fn forget(&self, unit: usize) {
        let name = &self.units[unit].name;
        for (shared, interface) in [(SHARED, "inside"), ("10.78.2.100", "outside")] {
            let held = Command::new("ip").args(["-n", name, "-o", "addr", "show", "dev", interface]).output().unwrap();
            if String::from_utf8(held.stdout).unwrap().contains(&format!("{shared}/24")) {
                ip(&format!("-n {name} addr del {shared}/24 dev {interface}"));
            }
        }
    }

    /// The configuration of a unit.
    pub(super) fn unit_config(&self, unit: usize, more: &str) -> PathBuf {
        let folder = self.folder.0.join(format!("unit-{unit}"));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("weir.toml");
        let socket = self.folder.0.join(format!("{unit}.sock"));
        fs::write(&path, format!("[control]\nsocket = \"{}\"\n{more}", socket.display())).unwrap();
        path
    }

    /// `weir run` in a unit.
    pub(super) fn start_unit(&self, unit: usize, config: &Path) -> Daemon {
        let daemon = Daemon::weir(&self.units[unit], config);
        daemon.wait_for("listening on");
        wait_until_asked(config);
        daemon
    }

    /// The collector, with a listener for each transport.
    pub(super) fn start_collector(&self) -> Daemon {
        let path = self.folder.0.join("collector.toml");
        let store = self.folder.0.join("store");
        let text = format!(
            "[listen.udp]\nurl = \"udp://10.78.3.1:4739\"\n[listen.tcp]\nurl = \"tcp://10.78.3.1:4739\"\n[store]\npath = \"{}\"\n[control]\nsocket = \"{}\"\n\
             [source.a]\nmatch = \"10.78.3.11\"\ngroup = \"pair\"\n[source.b]\nmatch = \"10.78.3.12\"\ngroup = \"pair\"\n",
            store.display(),
            self.folder.0.join("k.sock").display()
        );
        fs::write(&path, text).unwrap();
        let daemon = Daemon::weir(&self.collector, &path);
        daemon.wait_for("\"message\":\"receiving\"");
        daemon
    }

    pub(super) fn store(&self) -> PathBuf {
        self.folder.0.join("store")
    }

    /// keepalived in a unit, which moves the shared addresses.
    pub(super) fn start_keepalived(&self, unit: usize, config: &Path) -> Daemon {
        let base = self.folder.0.join(format!("unit-{unit}"));
        let path = base.join("keepalived.conf");
        // Close to the highest: whoever takes over from one that lets go waits for 256 less this, 256th of an interval.
        let priority = [254, 253][unit];
        let weir = env!("CARGO_BIN_EXE_weir");
        let text = format!(
            "global_defs {{\n  vrrp_version 3\n  script_user root\n  enable_script_security\n  vrrp_garp_master_delay 0\n}}\n\
             vrrp_script weir {{\n  script \"{weir} ha status --format none -c {}\"\n  interval 1\n  timeout 60\n  fall 1\n  rise 1\n}}\n\
             vrrp_instance shared {{\n  state BACKUP\n  nopreempt\n  interface inside\n  virtual_router_id 51\n  priority {priority}\n  advert_int 1\n  \
             virtual_ipaddress {{\n    {SHARED}/24 dev inside\n    10.78.2.100/24 dev outside\n  }}\n  track_interface {{\n    outside\n  }}\n  track_script {{\n    weir\n  }}\n}}\n",
            config.display()
        );
        fs::write(&path, text).unwrap();
        let pid = |name: &str| base.join(format!("{name}.pid")).display().to_string();
        let mut command = self.units[unit].command("keepalived");
        command.args(["--dont-fork", "--log-console", "--vrrp", "--use-file", path.to_str().unwrap()]);
        command.args(["--pid", &pid("keepalived"), "--vrrp_pid", &pid("vrrp")]);
        Daemon::start(command)
    }

    /// Notes when each unit gets the shared address, as the kernel tells another program.
    pub(super) fn watch(&self, unit: usize) -> Daemon {
        let mut command = self.units[unit].command("ip");
        command.args(["-o", "monitor", "address"]);
        Daemon::start(command)
    }
}

/// A program that runs until the end of the test, and what it says, with the time of each line.
pub(super) struct Daemon {
    child: Child,
    said: Arc<Mutex<Vec<(i64, String)>>>,
}

impl Daemon {
    fn weir(space: &Namespace, config: &Path) -> Self {
        let mut command = space.command(env!("CARGO_BIN_EXE_weir"));
        command.args(["run", "--log-format", "json", "-c"]).arg(config);
        Self::start(command)
    }

    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let note = |lines: Box<dyn BufRead + Send>, said: Arc<Mutex<Vec<(i64, String)>>>| {
            thread::spawn(move || {
                lines.lines().map_while(Result::ok).for_each(|line| said.lock().unwrap().push((now(), line)));
            })
        };
        note(Box::new(BufReader::new(out)), Arc::clone(&said));
        note(Box::new(BufReader::new(err)), Arc::clone(&said));
        Self { child, said }
    }

    /// Its process: `ip netns exec` becomes the program.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(super) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap().success());
    }

    /// Ends it, and waits for that.
    pub(super) fn end(&mut self, signal: &str) {
        self.signal(signal);
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it does not end: {:#?}", self.lines());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.said.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }

    /// When it said something with this in it for the first time after this moment, nanoseconds since 1970.
    pub(super) fn said_after(&self, after: i64, text: &str) -> Option<i64> {
        let said = self.said.lock().unwrap();
        said.iter().find(|(time, line)| *time >= after && line.contains(text)).map(|(time, _)| *time)
    }

    pub(super) fn wait_for(&self, text: &str) -> i64 {
        self.wait_after(i64::MIN, text)
    }

    pub(super) fn wait_after(&self, after: i64, text: &str) -> i64 {
        let begun = Instant::now();
        loop {
            if let Some(time) = self.said_after(after, text) {
                return time;
            }
            assert!(begun.elapsed() < PATIENCE, "no {text} in {:#?}", self.lines());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !self.is_running() {
            return;
        }
        // keepalived has children of its own, which go with it when it is asked.
        let _ = Command::new("kill").arg(self.id().to_string()).stderr(Stdio::null()).status();
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64
}

/// `weir ha` of a unit.
pub(super) fn ha(config: &Path, words: &[&str]) -> Value {
    let mut all = vec!["ha"];
    all.extend(words);
    all.extend(["-c", config.to_str().unwrap(), "--format", "json"]);
    let run = crate::run::weir(&all);
    assert_eq!(run.code, 0, "{words:?}: {}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}
