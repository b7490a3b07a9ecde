//! Network namespaces with real programs in them, and `weir` listening there. All of it goes when the test is over.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_testkit::PATIENCE;

/// A network namespace of this test.
pub(crate) struct Namespace {
    pub(crate) name: String,
}

/// Numbers that keep the names of namespaces and interfaces apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A name that nobody else has, short enough for an interface.
pub(crate) fn name(word: &str) -> String {
    format!("{word}{}-{}", std::process::id() % 100_000, NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Why a test cannot run here: rights or programs that are missing.
pub(crate) fn missing(programs: &[&str]) -> Option<String> {
    let lacks = |program: &&&str| program_path(program).is_none();
    if let Some(program) = ["ip", "kill"].iter().chain(programs).find(lacks) {
        return Some(format!("no {program}"));
    }
    let probe = name("p");
    let made =
        Command::new("ip").args(["netns", "add", &probe]).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    let _ = Command::new("ip").args(["netns", "del", &probe]).stderr(Stdio::null()).status();
    (!made).then(|| "no right to make network namespaces".into())
}

/// Where a program is; PostgreSQL's are not in the path on Debian.
pub(crate) fn program_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect();
    for version in std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        folders.insert(0, version.path().join("bin"));
    }
    folders.into_iter().map(|folder| folder.join(program)).find(|path| path.exists())
}

/// Runs `ip` with these words.
pub(crate) fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Namespace {
    pub(crate) fn new(word: &str) -> Self {
        let name = name(word);
        ip(&format!("netns add {name}"));
        ip(&format!("-n {name} link set lo up"));
        Self { name }
    }

    /// Gives an interface of this namespace an address.
    pub(crate) fn address(&self, interface: &str, address: &str) {
        ip(&format!("-n {} addr add {address}/24 dev {interface}", self.name));
        ip(&format!("-n {} link set {interface} up", self.name));
    }

    /// A program in this namespace.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program_path(program).unwrap_or_else(|| program.into()));
        command
    }

    /// Runs a program to its end, and returns what it prints.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    /// Runs a program again until it prints this.
    pub(crate) fn run_until(&self, program: &str, arguments: &[&str], expected: &str) {
        let begun = Instant::now();
        loop {
            let said = self.run(program, arguments);
            if said.contains(expected) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{program} {arguments:?}: {said}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Lets a program run until the end of the test.
    pub(crate) fn serve(&self, program: &str, arguments: &[&str]) -> Server {
        let mut command = self.command(program);
        Server(command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// A program that runs.
pub(crate) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        terminate(&self.0);
        let _ = self.0.wait();
    }
}

fn terminate(child: &Child) {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
}

/// `weir`, listening.
pub(crate) struct Listening {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl Listening {
    /// Starts it with these arguments in a namespace, and waits until it listens.
    pub(crate) fn start(namespace: &Namespace, arguments: &[&str]) -> Self {
        let mut command = namespace.command(env!("CARGO_BIN_EXE_weir"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), BufReader::new(child.stderr.take().unwrap()));
        let mut said = String::new();
        while !said.contains("listening on ") {
            let octets = stderr.read_line(&mut said).unwrap();
            assert!(octets > 0, "it ended: {said}");
        }
        let stdout = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, stdout, stderr }
    }

    /// Asks it to stop, and returns its records and counters.
    pub(crate) fn stop(mut self) -> (Vec<Value>, Value) {
        // What was seen is in the ring of the kernel for a moment.
        thread::sleep(Duration::from_millis(200));
        terminate(&self.child);
        let begun = Instant::now();
        let status = self.child.wait().unwrap();
        assert!(begun.elapsed() < PATIENCE && status.code() == Some(0), "{status:?} after {:?}", begun.elapsed());
        let (stdout, stderr) = (self.stdout.join().unwrap(), self.stderr.join().unwrap());
        let records = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (records, serde_json::from_str(stderr.lines().last().unwrap()).unwrap())
    }
}

/// A folder of this test that is gone afterwards.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        // PostgreSQL runs as another user, who must be able to come here.
        let path = std::env::temp_dir().join(name("weir-live"));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
