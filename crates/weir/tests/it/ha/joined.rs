//! Two units on this machine with a cable between them that can be cut.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use weir_testkit::{PATIENCE, wait_until};

use super::pair::ha;
use crate::collect::service::{Folder, Service};
use crate::run::{Run, wait_until_asked, weir};

/// A service with a folder, and what it keeps beside its configuration.
pub(super) struct Unit {
    pub(super) folder: Folder,
    /// Where it waits for the other unit, when it has begun a pair.
    pub(super) address: SocketAddr,
    pub(super) service: Service,
}

impl Unit {
    pub(super) fn new(more: &str) -> Self {
        let folder = Folder::new();
        // A port that nobody has now.
        let address = weir_testkit::free_address();
        let service = Service::start(&folder, "", &format!("[ha]\nlisten = \"{address}\"\nown = [\"listen.lab\"]\n{more}"));
        wait_until_asked(&service.config);
        Self { folder, address, service }
    }

    pub(super) fn restart(self) -> Self {
        let Self { folder, address, service } = self;
        let text = fs::read_to_string(&service.config).unwrap();
        service.stop();
        Self::begin(folder, address, &text)
    }

    /// One that was there before begins again with this configuration.
    pub(super) fn begin(folder: Folder, address: SocketAddr, text: &str) -> Self {
        let service = Service::restart(&folder, text);
        wait_until_asked(&service.config);
        Self { folder, address, service }
    }

    pub(super) fn config(&self) -> &Path {
        &self.service.config
    }

    pub(super) fn text(&self) -> String {
        fs::read_to_string(self.config()).unwrap()
    }

    pub(super) fn identity(&self) -> PathBuf {
        self.folder.0.join("weir.toml.ha/unit.json")
    }

    pub(super) fn init(&self) -> String {
        ha(self.config(), &["init"])["token"].as_str().unwrap().to_owned()
    }

    pub(super) fn join(&self, address: SocketAddr, token: &str) -> Run {
        weir(&["ha", "join", &address.to_string(), token, "-c", self.config().to_str().unwrap(), "--format", "json"])
    }

    /// Joins the pair that another unit begins, which is reached at this address. Where a disk or a processor stands still for so long that a unit takes the
    /// other one for silent, it is tried again as people do: with another token.
    pub(super) fn joins(&self, first: &Self, address: SocketAddr) {
        wait_until("they are joined", || {
            let run = self.join(address, &first.init());
            assert!(run.code == 0 || run.stderr.contains("cannot be joined"), "{}", run.stderr);
            run.code == 0
        });
    }

    /// Asks to join in vain, for this reason; again where the other one was not heard in time.
    pub(super) fn is_refused(&self, address: SocketAddr, token: &str, because: &str) {
        wait_until(because, || {
            let run = self.join(address, token);
            assert!(run.code == 2, "{}", run.stderr);
            let is_told = run.stderr.contains(because);
            assert!(is_told || run.stderr.contains("cannot be joined"), "{}", run.stderr);
            is_told
        });
    }

    /// Waits until the other unit can be spoken with.
    pub(super) fn wait_for_peer(&self) {
        wait_until("the other unit is there", || self.peer()["is_up"] == json!(true));
    }

    pub(super) fn peer(&self) -> Value {
        ha(self.config(), &["status"])["peer"].clone()
    }

    /// Asks over the control socket.
    pub(super) fn ask(&self, request: &Value) -> Value {
        let stream = UnixStream::connect(self.folder.store().join("control.sock")).unwrap();
        (&stream).write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Commits an edit; one that was overtaken is made anew.
    pub(super) fn commit(&self, edit: &Value) {
        let edited = self.ask(&json!({"do": "edit", "edits": [edit]}));
        assert!(edited["ok"].is_object(), "{edit}: {edited}");
        wait_until("it is committed", || {
            let said = self.ask(&json!({"do": "commit"}));
            if said["ok"].is_object() {
                return true;
            }
            assert!(said["error"].as_str().unwrap().contains("was changed"), "{said}");
            self.ask(&json!({"do": "rebase"}));
            false
        });
    }
}

/// The file of a unit less what is its own.
fn shared(unit: &Unit) -> Value {
    let mut text: Value = toml::from_str(&unit.text()).unwrap();
    for own in ["ha", "control", "listen"] {
        text.as_object_mut().unwrap().remove(own);
    }
    text["store"].as_object_mut().unwrap().remove("path");
    text
}

/// Whether both have the same settings, and say so.
pub(super) fn is_same(units: [&Unit; 2]) -> bool {
    let says_so = |unit: &&Unit| {
        let peer = unit.peer();
        (&peer["is_up"], &peer["differing"], &peer["lag"]) == (&json!(true), &json!(0), &json!(0))
            && peer.get("trouble").is_none()
    };
    shared(units[0]) == shared(units[1]) && units.iter().all(says_so)
}

/// Waits until both have the same settings, and say so.
pub(super) fn are_same(units: [&Unit; 2]) {
    let told = || units.map(|unit| (unit.peer(), shared(unit)));
    let begun = std::time::Instant::now();
    while !is_same(units) {
        assert!(begun.elapsed() < PATIENCE, "{:#?}", told());
        thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// A cable between two units that can be cut.
pub(super) struct Cable {
    pub(super) address: SocketAddr,
    is_cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    pub(super) fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cable = Self { address: listener.local_addr().unwrap(), is_cut: Arc::default(), open: Arc::default() };
        let (is_cut, open) = (Arc::clone(&cable.is_cut), Arc::clone(&cable.open));
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(target) else { continue };
                let mut open = open.lock().unwrap();
                if is_cut.load(Ordering::Relaxed) {
                    continue;
                }
                open.extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        cable
    }

    pub(super) fn cut(&self, is_cut: bool) {
        let mut open = self.open.lock().unwrap();
        self.is_cut.store(is_cut, Ordering::Relaxed);
        if is_cut {
            for stream in open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}
