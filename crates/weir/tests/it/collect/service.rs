//! A running service, and what it stored.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_query::Filter;
use weir_record::{Column, CounterBatch, FlowBatch, HealthBatch};
use weir_store::{Cancel, ScanRequest, Snapshot, TableKind};
use weir_testkit::{PATIENCE, wait_until};

use crate::run::weir;

/// A folder of this test that is gone afterwards.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("collect-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        // An earlier process of this number may have been killed.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `weir run` with a listener on a port of its own.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) config: PathBuf,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// What a service left behind.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// The counters of the collector.
    pub(crate) stats: Value,
    /// The counters of the exports, by name.
    pub(crate) exports: Value,
    pub(crate) log: Vec<String>,
}

/// A configuration with a listener on this address and a store in this folder; `listen` are further keys of the listener, `more` further keys of the store, and sections.
pub(crate) fn config(address: SocketAddr, store: &Path, listen: &str, more: &str) -> String {
    format!("[listen.lab]\nurl = \"udp://{address}\"\n{listen}\n\n[store]\npath = \"{}\"\n\n{more}\n", store.display())
}

impl Service {
    /// Starts it; it listens when this returns.
    pub(crate) fn start(folder: &Folder, listen: &str, more: &str) -> Self {
        Self::start_with(folder, &folder.store(), listen, more)
    }

    /// The same with a store elsewhere.
    pub(crate) fn start_with(folder: &Folder, store: &Path, listen: &str, more: &str) -> Self {
        // A port that nobody has now.
        let address = weir_testkit::free_address();
        Self::run(folder, address, &config(address, store, listen, more))
    }

    /// Starts it with this configuration, which an earlier one left.
    pub(crate) fn restart(folder: &Folder, text: &str) -> Self {
        let address = text.split_once("url = \"udp://").unwrap().1.split_once('"').unwrap().0.parse().unwrap();
        Self::run(folder, address, text)
    }

    fn run(folder: &Folder, address: SocketAddr, text: &str) -> Self {
        let path = folder.0.join("weir.toml");
        fs::write(&path, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(["run", "--stats", "--log-format", "json", "-c"]).arg(&path);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (log, lines) = (Arc::new(Mutex::new(Vec::new())), BufReader::new(child.stderr.take().unwrap()).lines());
        let theirs = Arc::clone(&log);
        let reader = thread::spawn(move || lines.map_while(Result::ok).for_each(|line| theirs.lock().unwrap().push(line)));
        let service = Self { child, address, config: path, log, reader: Some(reader) };
        service.wait_for("\"message\":\"receiving\"");
        service
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a line of the log has this in it.
    pub(crate) fn wait_for(&self, text: &str) {
        let begun = Instant::now();
        while !self.log.lock().unwrap().iter().any(|line| line.contains(text)) {
            assert!(begun.elapsed() < PATIENCE, "no {text} in {:#?}", self.log.lock().unwrap());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The first line of the log with this in it.
    pub(crate) fn line_with(&self, text: &str) -> String {
        self.wait_for(text);
        self.log.lock().unwrap().iter().find(|line| line.contains(text)).cloned().unwrap_or_default()
    }

    /// The log so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Lines of the log with this in them.
    pub(crate) fn told(&self, text: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// Changes the configuration and has it loaded anew.
    pub(crate) fn reload(&self, text: &str) {
        fs::write(&self.config, text).unwrap();
        let before = self.told("the configuration");
        self.signal("HUP");
        let begun = Instant::now();
        while self.told("the configuration") == before {
            assert!(begun.elapsed() < PATIENCE, "no reload in {:#?}", self.log.lock().unwrap());
            thread::sleep(Duration::from_millis(10));
        }
        // Receivers look for other rules when datagrams come, or ten times a second.
        thread::sleep(Duration::from_millis(300));
    }

    /// The sum of the counters whose names have this in them; the service needs a console.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let rows = weir(&["counters", "--grep", name, "--format", "json", "-c", self.config.to_str().unwrap()]).records();
        rows.iter().map(|row| row["value"].as_u64().unwrap()).sum()
    }

    /// Waits until a counter is that.
    pub(crate) fn wait_for_counter(&self, name: &str, wanted: u64) {
        let begun = Instant::now();
        while self.counter(name) != wanted {
            assert!(begun.elapsed() < PATIENCE, "{name} is {}, not {wanted}", self.counter(name));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What `weir sources` says; the service needs a console.
    pub(crate) fn sources(&self) -> Vec<Value> {
        weir(&["sources", "--format", "json", "-c", self.config.to_str().unwrap()]).records()
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Octets of memory that it has now.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) -> Ended {
        self.signal("TERM");
        let code = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().unwrap();
        let log = std::mem::take(&mut *self.log.lock().unwrap());
        let stats = log.last().and_then(|line| serde_json::from_str::<Value>(line).ok()).unwrap_or_default();
        Ended { code, stats: stats["collector"].clone(), exports: stats["exports"].clone(), log }
    }

    /// Ends it at once, whatever it is doing.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A test that fails leaves nobody behind.
impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// A counter of the collector.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.stats[name].as_u64().unwrap_or_else(|| panic!("no {name} in {}: {:#?}", self.stats, self.log))
    }

    /// Every datagram that came is counted once.
    pub(crate) fn check_identity(&self) {
        let parts = ["not_allowed", "over_rate", "queue_dropped", "decoded"].map(|name| self.count(name));
        assert_eq!(self.count("datagrams"), parts.iter().sum::<u64>(), "{}", self.stats);
        assert_eq!(self.code, Some(0), "{:#?}", self.log);
    }
}

/// An exporter on an address of the loopback network.
pub(crate) struct Exporter(UdpSocket);

impl Exporter {
    /// One that is told apart by the last part of its address.
    pub(crate) fn new(number: u8) -> Self {
        Self::at(IpAddr::from([127, 0, 0, number]), 0)
    }

    pub(crate) fn at(address: IpAddr, port: u16) -> Self {
        Self(UdpSocket::bind((address, port)).unwrap())
    }

    /// Sends datagrams no faster than a small receive buffer takes them, however slow the service is.
    pub(crate) fn send<'a>(&self, to: &Service, payloads: impl IntoIterator<Item = &'a [u8]>) {
        const ROOM: u64 = 100_000;
        for (number, payload) in payloads.into_iter().enumerate() {
            if number % 16 == 0 {
                wait_until("room for more", || weir_testkit::udp_backlog(to.address.port()).is_none_or(|octets| octets < ROOM));
            }
            self.0.send_to(payload, to.address).unwrap();
            if number % 16 == 15 {
                thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

/// All rows of a store, in the order of arrival.
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) flows: FlowBatch,
    pub(crate) counters: CounterBatch,
    pub(crate) health: HealthBatch,
}

impl Stored {
    /// Reads a store that no service writes to, or that one does.
    pub(crate) fn read(path: &Path) -> Self {
        let snapshot = Snapshot::open(path, None, None).unwrap();
        let (filter, cancel, mut stored) = (Filter::any(), Cancel::new(), Self::default());
        for table in [TableKind::Flows, TableKind::Events] {
            let request = ScanRequest {
                table,
                columns: Column::ALL,
                from: i64::MIN,
                to: i64::MAX,
                filter: &filter,
                threads: 1,
                cancel: &cancel,
            };
            let stats = snapshot.scan_in_order(&request, false, &mut |batch, mask| {
                stored.flows.append_where(batch, |row| mask.get(row));
                ControlFlow::Continue(())
            });
            assert!(stats.unwrap().unreadable.is_empty());
        }
        let taken = snapshot.read::<CounterBatch>(&[], i64::MIN, i64::MAX, &cancel, &mut |batch| {
            stored.counters.append_where(batch, |_| true);
            ControlFlow::Continue(())
        });
        taken.unwrap();
        let taken = snapshot.read::<HealthBatch>(&[], i64::MIN, i64::MAX, &cancel, &mut |batch| {
            stored.health.append_where(batch, |_| true);
            ControlFlow::Continue(())
        });
        taken.unwrap();
        stored.flows.finish();
        stored.health.finish();
        stored
    }

    /// The sum of a column of flows.
    pub(crate) fn sum(&self, column: fn(&FlowBatch, usize) -> Option<u64>) -> u64 {
        (0..self.flows.rows()).filter_map(|row| column(&self.flows, row)).sum()
    }

    /// The sum of a column of health over the rows of an exporter, or of the service itself.
    pub(crate) fn health(&self, exporter: Option<IpAddr>, column: fn(&HealthBatch, usize) -> Option<u64>) -> u64 {
        let is_theirs = |row: &usize| self.health.exporter.get(*row).map(|address| address.to_ip()) == exporter;
        (0..self.health.rows()).filter(is_theirs).filter_map(|row| column(&self.health, row)).sum()
    }
}
