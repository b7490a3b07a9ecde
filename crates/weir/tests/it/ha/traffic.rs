//! Traffic from the client to the server, what of it was on the wire, and what the collector knows of it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use weir_capture::CaptureFile;
use weir_testkit::{PATIENCE, wait_until};
use weir_wire::{Depth, Link, Walk};

use super::pair::{Daemon, Pair, now};
use crate::collect::service::Stored;

/// The port of iperf3.
const PORT: u16 = 5201;

/// The port of datagrams that say where a capture may end.
const MARKS: u16 = 7;

/// A stream of datagrams, and a capture of it at the client: what a switch floods while it learns, a unit sees though the server does not.
pub(super) struct Stream {
    pub(super) port: u16,
    capture: Daemon,
    file: PathBuf,
    sender: Daemon,
    _server: Daemon,
    /// Sends what ends the capture.
    mark: Command,
}

/// A packet that was sent.
pub(super) struct Came {
    pub(super) time: i64,
    pub(super) bytes: u64,
}

impl Stream {
    /// Sends 100 datagrams a second from this port, until it is ended.
    pub(super) fn start(pair: &Pair, port: u16) -> Self {
        let file = pair.folder.0.join(format!("client-{port}.pcap"));
        let mut command = pair.client.command("dumpcap");
        command
            .args(["-q", "-i", "eth0", "-f", &format!("udp and (dst port {PORT} and src port {port} or dst port {MARKS})"), "-w"])
            .arg(&file);
        let capture = Daemon::start(command);
        capture.wait_for("File: ");
        let cport = port.to_string();
        let begun = Instant::now();
        let (server, sender) = loop {
            let mut command = pair.server.command("iperf3");
            command.args(["-s", "-1", "--forceflush"]);
            let server = Daemon::start(command);
            server.wait_for("Server listening");
            let mut command = pair.client.command("iperf3");
            command.args(["-c", pair.server_address(), "-u", "-b", "800k", "-l", "1000", "-t", "600", "--cport", &cport]);
            command.arg("--forceflush");
            let mut sender = Daemon::start(command);
            let sends = |sender: &Daemon| sender.said_after(i64::MIN, "connected to").is_some();
            while sender.is_running() && !sends(&sender) {
                assert!(begun.elapsed() < PATIENCE, "{:#?} {:#?}", sender.lines(), server.lines());
                thread::sleep(Duration::from_millis(10));
            }
            if sender.is_running() {
                break (server, sender);
            }
            // There may be no way yet.
            assert!(begun.elapsed() < PATIENCE, "{:#?} {:#?}", sender.lines(), server.lines());
        };
        let mut mark = pair.client.command("bash");
        mark.args(["-c", &format!("echo {} > /dev/udp/{}/{MARKS}", last(port), pair.server_address())]);
        Self { port, capture, file, sender, _server: server, mark }
    }

    /// Ends it; all that was sent.
    pub(super) fn end(mut self) -> Vec<Came> {
        self.sender.end("KILL");
        let last = last(self.port);
        // What was captured before this is in the file when this is.
        wait_until("all that was sent is captured", || {
            assert!(self.mark.status().is_ok());
            fs::read(&self.file).unwrap().windows(last.len()).any(|octets| octets == last.as_bytes())
        });
        self.capture.end("TERM");
        read(&self.file)
    }
}

/// What is sent after a stream.
fn last(port: u16) -> String {
    format!("this was the stream from {port}")
}

fn read(file: &Path) -> Vec<Came> {
    let mut capture = CaptureFile::open(file).unwrap();
    let (mut walk, mut came) = (Walk::default(), Vec::new());
    while let Ok(Some(frame)) = capture.next() {
        walk.read(Link::Ethernet, frame.data, frame.original_len as usize, Depth::Outer);
        let (ip, ports) = (walk.headers.ip.unwrap(), walk.headers.transport.unwrap());
        if ports.dst_port == MARKS {
            continue;
        }
        came.push(Came { time: frame.time_ns, bytes: ip.total_length as u64 });
    }
    came
}

/// Ten flows a second of a datagram each, as the others of a network have them: whoever is active always has something to report.
pub(super) fn chatter(pair: &Pair) -> Daemon {
    let mut command = pair.client.command("bash");
    command.args(["-c", &format!("while sleep 0.1; do echo > /dev/udp/{}/9; done", pair.server_address())]);
    Daemon::start(command)
}

/// A record of a stream at the collector.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) exporter: IpAddr,
    pub(super) bytes: u64,
    pub(super) begin: i64,
    pub(super) end: i64,
    pub(super) received: i64,
}

/// The records of a stream, in the order of arrival.
pub(super) fn records(pair: &Pair, port: u16) -> Vec<Record> {
    let Stored { flows, .. } = Stored::read(&pair.store());
    let rows = (0..flows.rows()).filter(|row| flows.src_port.get(*row) == Some(port) && flows.dst_port.get(*row) == Some(PORT));
    let mut records: Vec<Record> = rows
        .filter(|row| flows.protocol.get(*row) == Some(17))
        .map(|row| Record {
            exporter: flows.exporter.get(row).unwrap().to_ip(),
            bytes: flows.bytes.get(row).unwrap(),
            begin: flows.time_start.get(row).unwrap(),
            end: flows.time_end.get(row).unwrap(),
            received: flows.time_received.get(row).unwrap(),
        })
        .collect();
    records.sort_by_key(|record| record.received);
    records
}

/// The address of a unit on the way to the collector.
pub(super) fn address(unit: usize) -> IpAddr {
    IpAddr::from([10, 78, 3, 11 + unit as u8])
}

/// What one case came to.
pub(super) struct Figures {
    /// Octets on the wire, and those that the collector knows of.
    pub(super) wire: u64,
    pub(super) known: u64,
    /// Octets on the wire between the last that the one unit has told and the first that the other has.
    pub(super) in_gap: u64,
    /// From the moment when the address has moved to the first record of the other unit, seconds.
    pub(super) silent: f64,
    /// From the last record of the one to the first of the other.
    pub(super) gap: f64,
    /// Records of both units that overlap.
    pub(super) twice: usize,
}

/// Compares what was sent with what the collector knows, for a fail-over from one unit to the other, which got the address at that moment. For so long, in
/// nanoseconds, a packet may have been on its way because the machine stood still.
pub(super) fn compare(pair: &Pair, stream: u16, came: &[Came], from: usize, moved: i64, stalled: i64) -> Figures {
    let records = records(pair, stream);
    let of = |unit: usize| records.iter().filter(move |record| record.exporter == address(unit));
    let to = 1 - from;
    let last = of(from).map(|record| record.end).max().unwrap_or(i64::MIN);
    let first = of(to).map(|record| record.begin).min().unwrap_or(i64::MAX);
    let heard = of(to).map(|record| record.received).min().unwrap_or(i64::MAX);
    let left = of(from).map(|record| record.received).max().unwrap_or(i64::MIN);
    // Times of records are milliseconds, and the units see a packet before the server does.
    let edge = 20_000_000 + stalled;
    let is_in_gap = |came: &&Came| came.time > last.saturating_sub(edge) && came.time < first.saturating_add(edge);
    let overlap = |a: &Record, b: &Record| a.begin < b.end && b.begin < a.end;
    let twice = of(from).map(|a| of(to).filter(|b| overlap(a, b)).count()).sum();
    let seconds = |from: i64, to: i64| to.saturating_sub(from) as f64 / 1e9;
    Figures {
        wire: came.iter().map(|came| came.bytes).sum(),
        known: records.iter().map(|record| record.bytes).sum(),
        in_gap: came.iter().filter(is_in_gap).map(|came| came.bytes).sum(),
        silent: seconds(moved, heard),
        gap: seconds(left, heard),
        twice,
    }
}

impl Figures {
    #[allow(clippy::print_stdout, reason = "figures for people")]
    pub(super) fn print(&self, case: &str) {
        let Self { wire, known, in_gap, silent, gap, twice } = self;
        println!(
            "{case}: silent for {silent:.2} s after the address moved, {gap:.2} s between records, {twice} records twice, {known} of {wire} octets known, {in_gap} of them in the gap"
        );
    }
}

/// Lets a while pass in which traffic flows.
pub(super) fn pass(time: Duration) -> i64 {
    thread::sleep(time);
    now()
}
