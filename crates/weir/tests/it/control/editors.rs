//! Several who edit, and who may.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use weir_testkit::{PATIENCE, wait_until};

use super::session::{Session, Wire};
use crate::collect::service::{Folder, Service};

/// A user that is none.
const NOBODY: u32 = 65_534;

/// A folder that all may enter.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weir-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    fn socket(&self) -> String {
        self.0.join("control.sock").to_str().unwrap().to_owned()
    }

    /// Runs a command as somebody else; none where this test may not.
    #[allow(clippy::print_stdout, reason = "a test says what it skips")]
    fn as_nobody(&self, words: &[&str]) -> Option<(i32, String)> {
        if std::fs::metadata(&self.0).unwrap().uid() != 0 {
            println!("skipped: another user takes root");
            return None;
        }
        // The folder of a build may be closed to others, so they get a program of their own.
        let program = self.0.join("weir");
        if !program.exists() {
            // By another process: while this one writes a program, none that it starts can run it.
            assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_weir")).arg(&program).status().unwrap().success());
        }
        let run = Command::new(&program).args(words).uid(NOBODY).gid(NOBODY).output().unwrap();
        let said = String::from_utf8(run.stdout).unwrap() + &String::from_utf8(run.stderr).unwrap();
        Some((run.status.code().unwrap(), said))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_mode_of_the_socket_says_who_may() {
    let (folder, place) = (Folder::new(), Place::new("mode"));
    let socket = place.socket();
    let control = format!("[source.core]\nmatch = \"127.0.0.1\"\n[control]\nsocket = \"{socket}\"\nmode = \"0600\"\n");
    let service = Service::start(&folder, "", &control);
    let session = Session::new(&service);
    assert_eq!(std::fs::metadata(&socket).unwrap().mode() & 0o777, 0o600);
    let Some((code, said)) = place.as_nobody(&["set", "--socket", &socket, "source.core.name", "x"]) else { return };
    assert!(code == 3 && said.contains("you may not change this service"), "{code} {said}");
    assert_eq!(session.done(&["diff"]), "");
    service.stop().check_identity();
    assert!(!Path::new(&socket).exists(), "the socket goes with the service");
}

#[test]
fn the_second_of_two_editors_is_told() {
    let (folder, place) = (Folder::new(), Place::new("two"));
    let socket = place.socket();
    let control = format!("[source.core]\nmatch = \"127.0.0.1\"\n[control]\nsocket = \"{socket}\"\nmode = \"0666\"\n");
    let service = Service::start(&folder, "", &control);
    let session = Session::new(&service);
    let Some((code, said)) = place.as_nobody(&["set", "--socket", &socket, "source.core.group", "theirs"]) else { return };
    assert_eq!(code, 0, "{said}");
    // Each has a candidate of their own.
    assert_eq!(session.done(&["diff"]), "");
    session.done(&["set", "source.core.name", "ours"]);
    assert_eq!(session.done(&["diff"]), "+ source.core.name = \"ours\"\n");
    session.done(&["commit"]);
    let (code, said) = place.as_nobody(&["commit", "--socket", &socket]).unwrap();
    assert!(code == 2 && said.contains("changed by root (version 2"), "{code} {said}");
    assert!(!session.file().contains("theirs"));
    assert_eq!(place.as_nobody(&["rebase", "--socket", &socket]).unwrap().0, 0);
    let (code, said) = place.as_nobody(&["commit", "--socket", &socket]).unwrap();
    assert_eq!(code, 0, "{said}");
    assert!(session.file().contains("name = \"ours\"\ngroup = \"theirs\"\n"), "{}", session.file());
    let versions = session.json(&["versions"]);
    assert_eq!((&versions[0]["who"], &versions[1]["who"]), (&"nobody".into(), &"root".into()));
    service.stop().check_identity();
}

#[test]
fn what_is_no_request_is_told_and_bounded() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", "");
    let stream = super::session::connected(&folder.store().join("control.sock"));
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut ask = |line: &[u8]| -> Value {
        (&stream).write_all(line).unwrap();
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    };
    for line in [
        "\n",
        "{}\n",
        "[1]\n",
        "{\"do\":\"dance\"}\n",
        "{\"do\":\"diff\",\"x\":1}\n",
        "{\"do\":\"edit\",\"edits\":[]}\n",
        "\u{0}\n",
    ] {
        let answer = ask(line.as_bytes());
        assert!(answer["error"].is_string() && answer.get("ok").is_none(), "{line:?}: {answer}");
    }
    // Several requests on one connection; of several changes all or none.
    let both = "{\"do\":\"edit\",\"edits\":[{\"set\":[\"store.retention\",[\"1d\"]]},{\"set\":[\"store.nothing\",[\"1\"]]}]}\n";
    assert!(ask(both.as_bytes())["error"].as_str().unwrap().starts_with("store.nothing: unknown key"));
    assert_eq!(ask(b"{\"do\":\"diff\"}\n")["ok"]["changes"], serde_json::json!([]));
    let most = [&[b' '; (1 << 20) - 15][..], b"{\"do\":\"diff\"}\n"].concat();
    assert!(ask(&most)["ok"].is_object());
    let more = [&[b' '; (1 << 20) + 1][..], b"{\"do\":\"diff\"}\n"].concat();
    // It may be closed before all was written.
    let _ = (&stream).write_all(&more);
    let answer: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert!(answer["error"].as_str().unwrap().contains("more than 1048576 octets"), "{answer}");
    // Connections have a limit; the one past it is told so.
    let path = folder.store().join("control.sock");
    drop((lines, stream));
    // The places of those before are free a moment after they went.
    let open: Vec<_> = (0..16)
        .map(|number| {
            let mut open = None;
            wait_until("each of sixteen is answered", || {
                let stream = UnixStream::connect(&path).unwrap();
                // One that has no place is told so and closed, maybe before it has asked.
                let _ = (&stream).write_all(b"{\"do\":\"diff\"}\n");
                let said = first_line(&stream);
                assert!(said.contains("\"ok\"") || said.contains("16 connections are open already"), "{number}: {said}");
                open = said.contains("\"ok\"").then_some(stream);
                open.is_some()
            });
            open.unwrap()
        })
        .collect();
    let said = first_line(&UnixStream::connect(&path).unwrap());
    assert!(said.contains("16 connections are open already"), "{said}");
    drop(open);
    wait_until("there is room again", || Session::new(&service).run(&["diff"]).code == 0);
    service.stop().check_identity();
}

/// What is said first on a connection.
fn first_line(stream: &UnixStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut said = String::new();
    BufReader::new(stream).read_line(&mut said).unwrap();
    said
}

#[test]
fn changes_are_bounded_by_octets_and_by_the_work_that_they_make() {
    let folder = Folder::new();
    let sources: String =
        (0..2000).map(|number| format!("[source.s{number}]\nmatch = \"10.0.{}.{}\"\n", number / 250, number % 250)).collect();
    let service = Service::start(&folder, "", &sources);
    let mut wire = Wire::new(&folder.store().join("control.sock"));
    let edit = |edits: Vec<Value>| json!({"do": "edit", "edits": edits});
    let long = "x".repeat(1 << 19);
    for number in 0..8 {
        let answer = wire.ask(&edit(vec![json!({"set": [format!("source.s{number}.name"), [long]]})]));
        // Seven of half a mebibyte and their paths have room.
        assert_eq!(answer["ok"].is_object(), number < 7, "{number}: {answer}");
        assert!(number < 7 || answer["error"].as_str().unwrap().contains("octets, expected"), "{answer}");
    }
    assert!(wire.ask(&json!({"do": "discard"}))["ok"].is_object());
    // What each change costs is the length of the text.
    let most = (512 << 20) / std::fs::metadata(&service.config).unwrap().len();
    let many = |count| edit((0..count).map(|_| json!({"unset": "source.s0"})).collect());
    let answer = wire.ask(&many(most + 1));
    assert!(answer["error"].as_str().unwrap().contains(&format!("expected {most}")), "{answer}");
    // At the limit it is what they say that counts.
    let answer = wire.ask(&many(most));
    assert!(answer["error"].as_str().unwrap().starts_with("source.s0: is not written"), "{answer}");
    service.stop().check_identity();
}
