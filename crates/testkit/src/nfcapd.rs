//! nfcapd, the collector of nfdump, as a peer of tests: waited for before it is sent anything, and before it ends.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::ports::{free_address, udp_backlog};

/// How long it may take to begin, and to read what it was sent.
const PATIENCE: Duration = Duration::from_secs(60);

/// nfcapd of nfdump, which listens on a UDP port of 127.0.0.1 and writes into a folder. It is ended where a test drops it.
pub struct Nfcapd {
    child: Option<Child>,
    port: u16,
}

impl Nfcapd {
    /// Starts it with further arguments, and returns once it listens. Nothing where it is not installed.
    pub fn start(folder: &Path, arguments: &[&str]) -> Option<Self> {
        let port = free_address().port();
        let mut command = Command::new("nfcapd");
        command.args(["-b", "127.0.0.1", "-p", &port.to_string()]).args(arguments).arg("-w").arg(folder);
        let child = match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            child => child.expect("nfcapd starts"),
        };
        let begun = Instant::now();
        while udp_backlog(port).is_none() {
            assert!(begun.elapsed() < PATIENCE, "nfcapd does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Some(Self { child: Some(child), port })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it once it has read what it was sent; gives what it said.
    pub fn stop(mut self) -> String {
        let begun = Instant::now();
        while udp_backlog(self.port).is_some_and(|octets| octets > 0) {
            assert!(begun.elapsed() < PATIENCE, "nfcapd does not read what it was sent");
            thread::sleep(Duration::from_millis(10));
        }
        let child = self.child.take().expect("it is stopped once");
        // What it has read last it finishes before it ends.
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "nfcapd ended by itself");
        let output = child.wait_with_output().expect("nfcapd ends");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

impl Drop for Nfcapd {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
