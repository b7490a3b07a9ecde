//! `weir demo`: the whole chain on this machine, on the samples that come with the program.
//!
//! ```text
//! sample packets, as of the last hour and on -> weir meter -> IPFIX over UDP ┐
//! samples of NetFlow v5 and v9, IPFIX, sFlow -> weir replay ------- UDP -----┴> this process: collector -> store -> HTTP
//! ```
//!
//! The service runs here; what sends to it are processes of their own, as they would be elsewhere.

use std::fs::{self, DirBuilder};
use std::io::{self, Cursor, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use weir_capture::{CaptureFile, PcapWriter, TimeUnit};

use crate::args::{DemoArgs, LogArgs, LogFormat, RunArgs};
use crate::collect::now;
use crate::exit::{Failure, Outcome};
use crate::people::Entrance;
use crate::service;

/// A minute of a small network.
const PACKETS: &[u8] = include_bytes!("../samples/packets.pcap");

/// What four devices tell of theirs.
const EXPORTS: [(&str, &[u8]); 4] = [
    ("netflow5.pcap", include_bytes!("../samples/netflow5.pcap")),
    ("netflow9.pcap", include_bytes!("../samples/netflow9.pcap")),
    ("ipfix.pcap", include_bytes!("../samples/ipfix.pcap")),
    ("sflow.pcap", include_bytes!("../samples/sflow.pcap")),
];

const SECOND: i64 = 1_000_000_000;

/// The sample begins anew so often.
const TURN: i64 = 60 * SECOND;

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
    let demo = Demo { console, receiver, folder: folder.0.clone(), ended: Arc::new(AtomicBool::new(false)) };
    demo.write_files()?;

    let run =
        RunArgs { config: demo.config(), stats: false, log: LogArgs { log_format: LogFormat::Text, log_level: "warn".into() } };
    let ended = Arc::clone(&demo.ended);
    let feeder = thread::Builder::new().name("weir-demo".into()).spawn(move || demo.feed());
    let feeder = feeder.map_err(|error| Failure::Failed(format!("cannot start a thread: {error}")))?;
    let outcome = service::run(&run, Entrance::Open);
    ended.store(true, Ordering::Relaxed);
    let fed = feeder.join().unwrap_or_else(|_| Err(Failure::Failed("the sample traffic has failed".into())));
    drop(folder);
    outcome.and_then(|outcome| fed.map(|()| outcome))
}

/// What the parts of the demo know of each other.
struct Demo {
    console: SocketAddr,
    receiver: SocketAddr,
    folder: PathBuf,
    ended: Arc<AtomicBool>,
}

impl Demo {
    fn config(&self) -> PathBuf {
        self.folder.join("weir.toml")
    }

    fn write_files(&self) -> Result<(), Failure> {
        let Self { console, receiver, folder, .. } = self;
        let store = folder.join("store");
        let config = format!(
            "[listen.demo]\nurl = \"udp://{receiver}\"\n\n[store]\npath = \"{}\"\n\n[console]\nlisten = \"{console}\"\n\n\
             [enrich]\ninternal = [\"10.0.0.0/8\", \"198.51.100.0/24\", \"2001:db8::/32\"]\n\n\
             [source.meter]\nmatch = \"127.0.0.1\"\nname = \"demo meter\"\n",
            store.display()
        );
        let files = EXPORTS.iter().map(|(name, octets)| (folder.join(name), *octets));
        for (path, octets) in files.chain([(self.config(), config.as_bytes())]) {
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
        self.replay().map_err(failed)?;
        let mut meter = self.meter().map_err(failed)?;
        self.tell().map_err(failed)?;
        let sent = match meter.stdin.take() {
            Some(input) => self.send_packets(input),
            None => Ok(()),
        };
        // Its input has ended, so it ends by itself, with what it had.
        let _ = meter.wait();
        match sent {
            // A signal from the keyboard ends the meter as well.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed(error)),
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

    /// The four devices send what they have.
    fn replay(&self) -> io::Result<()> {
        let files = EXPORTS.iter().map(|(name, _)| self.folder.join(name));
        let mut replay = this_program()?;
        replay.arg("replay").args(files).args(["--rate", "500", "--to"]).arg(format!("udp://{}", self.receiver));
        replay.status().map(drop)
    }

    /// A meter that exports the flows of what it reads.
    fn meter(&self) -> io::Result<Child> {
        let mut meter = this_program()?;
        meter.args(["meter", "-r", "-", "--export"]).arg(format!("udp://{}", self.receiver));
        // Short, because nobody who looks at a demo waits for long.
        meter.args(["--active-timeout", "30s", "--inactive-timeout", "10s"]);
        meter.stdin(Stdio::piped()).spawn()
    }

    /// Sends the packets of the last hour at once, and from then on each at its time.
    fn send_packets(&self, input: ChildStdin) -> io::Result<()> {
        let (link_type, packets) = packets()?;
        let mut out = PcapWriter::new(input, link_type, TimeUnit::Nanoseconds)?;
        let begin = now() - HISTORY;
        for turn in 0.. {
            for (offset, original_length, data) in &packets {
                let time = begin + turn * TURN + offset;
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

/// The sample: its link type, and of each packet nanoseconds since the first, length on the wire, octets.
type Packets = (u16, Vec<(i64, u32, Vec<u8>)>);

fn packets() -> io::Result<Packets> {
    let mut file = CaptureFile::from_reader(Box::new(Cursor::new(PACKETS)), "the sample").map_err(io::Error::other)?;
    let (mut link_type, mut begin, mut packets) = (0, None, Vec::new());
    while let Some(frame) = file.next().map_err(io::Error::other)? {
        link_type = frame.link_type;
        let offset = frame.time_ns - *begin.get_or_insert(frame.time_ns);
        packets.push((offset, frame.original_len, frame.data.to_vec()));
    }
    // Whatever is longer than a turn would run into the next one.
    packets.retain(|(offset, ..)| *offset < TURN);
    Ok((link_type, packets))
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
