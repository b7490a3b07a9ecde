//! The control socket: a file of this machine, whose mode says who may connect.
//!
//! One thread accepts, and each connection has one of its own: they are few, and an answer may have to wait for the one before.

use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::editor::Editor;
use super::protocol::{Answer, MAX_REQUEST, Request};
use super::who::Who;
use crate::config::Config;

/// Connections at a time.
const MAX_CONNECTIONS: usize = 16;

/// How long a connection may be silent, and how long an answer may take to be read.
const IDLE: Duration = Duration::from_secs(60);

/// How long to wait after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Octets of the path of a socket, less one that ends it.
const MAX_PATH: usize = 107;

/// Where the socket of a service with this configuration is.
pub(crate) fn path_of(config: &Config) -> PathBuf {
    config.control.place(config.store.as_ref().map(|store| store.path.as_path()))
}

/// A socket that is open; its file goes with it.
pub(crate) struct Socket(PathBuf);

impl Socket {
    /// Opens the socket and begins to answer. The error is a sentence.
    pub(crate) fn open(path: &Path, mode: u32, editor: &Arc<Editor>) -> Result<Self, String> {
        let refuse = |error: io::Error| format!("control.socket: {}: {error}", path.display());
        if path.as_os_str().len() > MAX_PATH {
            let length = path.as_os_str().len();
            return Err(format!(
                "control.socket: a path of {length} octets, expected {MAX_PATH} at the most: name a shorter one"
            ));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(format!("control.socket: a service answers at {} already", path.display()));
        }
        let listener = bind(path, mode).map_err(refuse)?;
        let editor = Arc::clone(editor);
        let accepting = thread::Builder::new().name("weir-control".into()).spawn(move || accept(&listener, &editor));
        accepting.map_err(refuse)?;
        tracing::info!(path = %path.display(), "the control socket is open");
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Somebody may have taken it away before.
        let _ = fs::remove_file(&self.0);
    }
}

/// A listener whose file has its mode from the first moment: it is made in a folder that is closed to others, and then takes the place of an older one.
fn bind(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let folder = path.with_file_name(format!(".weir-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    let inside = folder.join("s");
    let bound = UnixListener::bind(&inside).and_then(|listener| {
        fs::set_permissions(&inside, Permissions::from_mode(mode))?;
        fs::rename(&inside, path)?;
        Ok(listener)
    });
    let _ = fs::remove_dir_all(&folder);
    bound
}

fn accept(listener: &UnixListener, editor: &Arc<Editor>) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            thread::sleep(ACCEPT_AGAIN);
            continue;
        };
        if open.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
            refuse(stream);
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (editor, theirs) = (Arc::clone(editor), Place(Arc::clone(&open)));
        let spawned = thread::Builder::new().name("weir-control".into()).spawn(move || {
            let _place = theirs;
            // Whoever goes in the middle has seen enough.
            let _ = answer(&stream, &editor);
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "a control connection is refused");
        }
    }
}

/// The place of a connection, free again when that ends.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn refuse(mut stream: UnixStream) {
    let _ = stream.set_write_timeout(Some(ACCEPT_AGAIN));
    let _ = say(&mut stream, &Answer::Error(format!("{MAX_CONNECTIONS} connections are open already: try again later")));
}

fn answer(stream: &UnixStream, editor: &Editor) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    let who = Who::of(stream)?;
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut lines).take(MAX_REQUEST as u64 + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        let mut out = stream;
        if line.len() > MAX_REQUEST {
            return say(&mut out, &Answer::Error(format!("a request of more than {MAX_REQUEST} octets")));
        }
        let answer = match serde_json::from_slice(&line) {
            Ok(request) => done(editor, &who, request).unwrap_or_else(Answer::Error),
            Err(error) => Answer::Error(format!("no request: {error}; the manual's page \"Configuration\" describes them")),
        };
        say(&mut out, &answer)?;
    }
}

fn done(editor: &Editor, who: &Who, request: Request) -> Result<Answer, String> {
    match request {
        Request::Edit { edits } => ok(editor.edit(who, &edits)?),
        Request::Show { running, full, version } => ok(editor.show(who, running, full, version)?),
        Request::Diff { version } => ok(editor.diff(who, version)?),
        Request::Commit { terms } => ok(editor.commit(who, terms)?),
        Request::Confirm { overwrite } => ok(editor.confirm(who, overwrite)?),
        Request::Rollback { version, terms } => ok(editor.rollback(who, version, terms)?),
        Request::Versions => ok(editor.versions()),
        Request::Discard => ok(editor.discard(who)?),
        Request::Ha { role } => ok(editor.ha(|unit| role.map_or(Ok(()), |role| unit.command(role, &who.name)))?),
        Request::HaInit => ok(serde_json::json!({ "token": editor.unit().init()? })),
        Request::HaJoin { address, token } => ok(editor.ha(|unit| unit.join(&address, &token))?),
        Request::HaSettle => ok(editor.ha(|unit| unit.settle())?),
        Request::HaLeave => ok(editor.ha(|unit| unit.leave())?),
        Request::Rebase => ok(editor.rebase(who)?),
    }
}

fn ok(said: impl Serialize) -> Result<Answer, String> {
    serde_json::to_value(said).map(Answer::Ok).map_err(|error| error.to_string())
}

fn say(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    out.write_all(&line)
}
