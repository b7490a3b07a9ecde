//! `weir demo`: the whole chain on this machine, on the samples that come with the program.
//!
//! ```text
//! packets, as of the last hour and on -> weir meter -> IPFIX, NetFlow v9 over UDP -> one of them through a line that loses ┐
//! samples of NetFlow v5 and v9, IPFIX, sFlow, again and again -> weir replay ------------------------------ UDP -----------┴> this process
//! ```
//!
//! The service runs here; what sends to it are processes of their own, as they would be elsewhere.

mod traffic;

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use weir_capture::{PcapWriter, TimeUnit};

use crate::args::{DemoArgs, LogArgs, LogFormat, RunArgs};
use crate::collect::now;
use crate::exit::{Failure, Outcome};
use crate::people::Entrance;
use crate::service;
use traffic::{TURN, Traffic};

/// A visit of a client in a small network.
const PACKETS: &[u8] = include_bytes!("../samples/packets.pcap");

/// What four devices tell of theirs.
const EXPORTS: [(&str, &[u8]); 4] = [
    ("netflow5.pcap", include_bytes!("../samples/netflow5.pcap")),
    ("netflow9.pcap", include_bytes!("../samples/netflow9.pcap")),
    ("ipfix.pcap", include_bytes!("../samples/ipfix.pcap")),
    ("sflow.pcap", include_bytes!("../samples/sflow.pcap")),
];

/// In which countries the addresses of the samples are.
const COUNTRIES: &[u8] = include_bytes!("../samples/countries.mmdb");

/// What the meter exports, each part as another device would: its address, its name, and the keys of its endpoint.
const DEVICES: [(Ipv4Addr, &str, &str); 3] = [
    (Ipv4Addr::new(127, 0, 0, 11), "data centre", "filter=tcp or port 53"),
    (Ipv4Addr::new(127, 0, 0, 12), "core router", "format=netflow9&filter=udp and not port 53"),
    (Ipv4Addr::new(127, 0, 0, 13), "edge, 1 in 10", "sampling=10&filter=not port 53"),
];

/// A device like these behind a line that loses datagrams.
const LOSSY: (Ipv4Addr, &str, &str) =
    (Ipv4Addr::new(127, 0, 0, 14), "branch, lossy line", "format=netflow9&filter=port 25 or port 53 or port 5432");

/// The line loses one datagram in so many.
const LOST: u64 = 12;

/// Names of the devices whose exports are in the samples: `weir replay` gives each an address, and sFlow tells its own.
const REPLAYED: [(&str, &str); 4] =
    [("127.0.0.1", "access router"), ("127.0.0.2", "backbone"), ("127.0.0.3", "firewall"), ("192.0.2.4", "switch")];

/// The past is sent with this pause between its minutes, because nobody's receive buffer takes an hour at once.
const PAUSE: Duration = Duration::from_millis(40);

/// How far back the traffic begins.
const HISTORY: i64 = 60 * TURN;

/// How long the service may take to answer.
const STARTING: Duration = Duration::from_secs(20);

/// How often the feeding thread looks whether the demo has ended.
const LOOK: Duration = Duration::from_millis(100);

/// Runs until a signal ends it.
pub(crate) fn run(typed: &DemoArgs) -> Result<Outcome, Failure> {
    let folder = Folder::new().map_err(|error| Failure::Failed(format!("cannot make a temporary folder: {error}")))?;
    let no_port = |error: io::Error| Failure::Failed(format!("no port to listen on: {error}"));
    let console = free_console(typed.listen).map_err(no_port)?;
    let loopback = (Ipv4Addr::LOCALHOST, 0);
    let receiver = UdpSocket::bind(loopback).and_then(|socket| socket.local_addr()).map_err(no_port)?;
    let line = UdpSocket::bind((LOSSY.0, 0)).map_err(no_port)?;
    let far = line.local_addr().map_err(no_port)?;
    let demo = Demo { console, receiver, far, folder: folder.0.clone(), ended: Arc::new(AtomicBool::new(false)) };
    demo.write_files()?;

    let run =
        RunArgs { config: demo.config(), stats: false, log: LogArgs { log_format: LogFormat::Text, log_level: "warn".into() } };
    let ended = Arc::clone(&demo.ended);
    let carrier = Carrier { line, receiver, ended: Arc::clone(&ended) };
    let carrier = thread::Builder::new().name("weir-demo-line".into()).spawn(move || carrier.carry());
    let carrier = carrier.map_err(|error| Failure::Failed(format!("cannot start a thread: {error}")))?;
    let feeder = thread::Builder::new().name("weir-demo".into()).spawn(move || demo.feed());
    let feeder = feeder.map_err(|error| Failure::Failed(format!("cannot start a thread: {error}")))?;
    let outcome = service::run(&run, Entrance::Open);
    ended.store(true, Ordering::Relaxed);
    let fed = feeder.join().unwrap_or_else(|_| Err(Failure::Failed("the sample traffic has failed".into())));
    let carried = carrier.join();
    drop(folder);
    if !matches!(carried, Ok(Ok(()))) {
        tracing::warn!("the line that loses datagrams has failed");
    }
    outcome.and_then(|outcome| fed.map(|()| outcome))
}

/// What the parts of the demo know of each other.
struct Demo {
    console: SocketAddr,
    receiver: SocketAddr,
    /// Where the line that loses datagrams begins.
    far: SocketAddr,
    folder: PathBuf,
    ended: Arc<AtomicBool>,
}

impl Demo {
    fn config(&self) -> PathBuf {
        self.folder.join("weir.toml")
    }

    fn write_files(&self) -> Result<(), Failure> {
        let Self { console, receiver, folder, .. } = self;
        let (store, countries) = (folder.join("store"), folder.join("countries.mmdb"));
        let mut config = format!(
            "[listen.demo]\nurl = \"udp://{receiver}\"\n\n[store]\npath = \"{}\"\n\n[console]\nlisten = \"{console}\"\n\n\
             [enrich]\ndatabases = [\"{}\"]\ninternal = [\"10.0.0.0/8\", \"198.51.100.0/24\", \"2001:db8::/32\"]\n\n\
             [enrich.prefixes]\n\"198.51.100.0/28\" = \"servers\"\n\"198.51.100.16/28\" = \"office\"\n\"198.51.100.32/27\" = \"branch\"\n\"198.51.100.64/27\" = \"home\"\n",
            store.display(),
            countries.display()
        );
        let metered = DEVICES.iter().chain([&LOSSY]).map(|(address, name, _)| (address.to_string(), *name));
        let named = REPLAYED.iter().map(|(address, name)| ((*address).to_owned(), *name)).chain(metered);
        for (number, (address, name)) in named.enumerate() {
            config.push_str(&format!("\n[source.device{number}]\nmatch = \"{address}\"\nname = \"{name}\"\n"));
        }
        let files = EXPORTS.iter().map(|(name, octets)| (folder.join(name), *octets));
        for (path, octets) in files.chain([(countries.clone(), COUNTRIES), (self.config(), config.as_bytes())]) {
            fs::write(&path, octets).map_err(|error| Failure::Failed(format!("cannot write {}: {error}", path.display())))?;
        }
        Ok(())
    }

    /// Sends sample traffic once the service answers, until the demo ends.
    fn feed(&self) -> Result<(), Failure> {
        if !self.wait_until_it_answers() {
            return Ok(());
        }
        let failed = |error: io::Error| Failure::Failed(format!("the sample traffic has failed: {error}"));
        thread::scope(|scope| {
            let replayed = scope.spawn(|| self.replay());
            let metered = self.meter_packets();
            let replayed = replayed.join().unwrap_or_else(|_| Err(io::Error::other("its replay")));
            metered.and(replayed).map_err(failed)
        })
    }

    /// Meters packets and exports the flows until the demo ends.
    fn meter_packets(&self) -> io::Result<()> {
        let mut meter = self.meter()?;
        self.tell()?;
        let sent = match meter.stdin.take() {
            Some(input) => self.send_packets(input),
            None => Ok(()),
        };
        // Its input has ended, so it ends by itself, with what it had.
        let _ = meter.wait();
        match sent {
            // A signal from the keyboard ends the meter as well.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    fn wait_until_it_answers(&self) -> bool {
        let turns = STARTING.as_millis() / LOOK.as_millis();
        (0..turns).any(|_| {
            thread::sleep(LOOK);
            self.has_ended() || TcpStream::connect_timeout(&self.console, LOOK).is_ok()
        }) && !self.has_ended()
    }

    fn tell(&self) -> io::Result<()> {
        let config = self.config();
        let (config, folder) = (config.display(), self.folder.display());
        let mut out = io::stdout().lock();
        writeln!(out, "console    http://{}", self.console)?;
        writeln!(out, "receiving  udp://{} (NetFlow, IPFIX, sFlow)", self.receiver)?;
        writeln!(out, "ask        weir query -c {config} --top 5 --by src_addr,app")?;
        writeln!(out, "           weir query -c {config} --series 5m --measures bps,pps")?;
        writeln!(out, "           weir sources -c {config}")?;
        writeln!(out, "end        Ctrl-C; then {folder} is removed")?;
        out.flush()
    }

    /// Four devices send what they have, again and again until the demo ends. Each time is a process of its own, so that none outlives a demo that was killed for long.
    fn replay(&self) -> io::Result<()> {
        while !self.has_ended() {
            let files = EXPORTS.iter().map(|(name, _)| self.folder.join(name));
            let mut replay = this_program()?;
            replay.arg("replay").args(files).arg("--to").arg(format!("udp://{}", self.receiver));
            let mut replay = replay.spawn()?;
            while replay.try_wait()?.is_none() {
                thread::sleep(LOOK);
                if self.has_ended() {
                    let _ = replay.kill();
                }
            }
        }
        Ok(())
    }

    /// A meter that exports the flows of what it reads, as several devices.
    fn meter(&self) -> io::Result<Child> {
        let mut meter = this_program()?;
        meter.args(["meter", "-r", "-", "--format", "none"]);
        for (domain, (address, _, keys)) in (1..).zip(DEVICES) {
            meter.arg("--export").arg(format!("udp://{}?source={address}&domain={domain}&{keys}", self.receiver));
        }
        meter.arg("--export").arg(format!("udp://{}?{}", self.far, LOSSY.2));
        // Short, because nobody who looks at a demo waits for long.
        meter.args(["--active-timeout", "30s", "--inactive-timeout", "10s"]);
        meter.stdin(Stdio::piped()).spawn()
    }

    /// Sends the packets of the last hour at once, and from then on each at its time.
    fn send_packets(&self, input: ChildStdin) -> io::Result<()> {
        let traffic = Traffic::of(PACKETS)?;
        let mut out = PcapWriter::new(input, traffic.link_type, TimeUnit::Nanoseconds)?;
        // Whole minutes, so that the traffic of a minute is the same whenever the demo begins.
        let begin = (now() - HISTORY) / TURN;
        for turn in begin.. {
            if (turn + 1) * TURN < now() {
                thread::sleep(PAUSE);
            }
            for (offset, original_length, data) in &traffic.minute(turn.unsigned_abs()) {
                let time = turn * TURN + offset;
                while time > now() {
                    if self.has_ended() {
                        return out.finish().map(drop);
                    }
                    thread::sleep(LOOK);
                }
                out.write(time, *original_length, data)?;
            }
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

/// A line to the service on which datagrams get lost.
struct Carrier {
    line: UdpSocket,
    receiver: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Carrier {
    /// Passes on what arrives, but for one datagram in [`LOST`], until the demo ends.
    fn carry(&self) -> io::Result<()> {
        self.line.set_read_timeout(Some(LOOK))?;
        let mut datagram = vec![0; usize::from(u16::MAX)];
        let mut number = 0_u64;
        while !self.ended.load(Ordering::Relaxed) {
            let length = match self.line.recv(&mut datagram) {
                Ok(length) => length,
                // Nothing came meanwhile, or the service was not there for the one before.
                Err(error) if is_passing(&error) => continue,
                Err(error) => return Err(error),
            };
            number += 1;
            if !number.is_multiple_of(LOST) {
                let octets = datagram.get(..length).unwrap_or_default();
                self.line
                    .send_to(octets, self.receiver)
                    .map(drop)
                    .or_else(|error| if is_passing(&error) { Ok(()) } else { Err(error) })?;
            }
        }
        Ok(())
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionRefused)
}

/// This program again, silent.
fn this_program() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

/// Where the console is wanted, or its usual address, or one with a free port.
fn free_console(wanted: Option<SocketAddr>) -> io::Result<SocketAddr> {
    let usual = || TcpListener::bind((Ipv4Addr::LOCALHOST, 8080)).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    wanted.map_or_else(usual, TcpListener::bind)?.local_addr()
}

/// A folder for this user alone, which goes with the demo.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("weir-demo-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!(%error, folder = %folder.display(), "the folder of the demo cannot be removed");
    }
}
