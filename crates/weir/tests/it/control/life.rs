//! The life of a change: edited, looked at, committed, rolled back; and what is refused.

use serde_json::json;
use weir_testkit::wait_until;

use super::session::Session;
use crate::collect::messages::netflow5;
use crate::collect::service::{Exporter, Folder, Service, Stored};

const MORE: &str = "# Kept for a while.\nretention = \"90d\" # days\n\n# The core.\n[source.core]\nmatch = \"127.0.0.1\"\n";

#[test]
fn a_change_runs_when_it_is_committed_and_goes_when_it_is_rolled_back() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    let before = session.file();
    session.done(&["set", "source.core.name", "Core router"]);
    session.done(&["set", "store.retention", "30d"]);
    assert_eq!(session.done(&["diff"]), "+ source.core.name = \"Core router\"\n~ store.retention = \"30d\"  # was \"90d\"\n");
    assert_eq!(session.done(&["show", "source.core"]), "source.core.match = \"127.0.0.1\"\nsource.core.name = \"Core router\"\n");
    assert_eq!(session.done(&["show", "--running"]), before, "what runs is as it was");
    assert_eq!(session.file(), before);

    let exporter = Exporter::new(1);
    let are_stored = |count| wait_until("they are stored", || Stored::read(&folder.store()).flows.rows() == count);
    exporter.send(&service, [&netflow5(0, 1)[..]]);
    are_stored(1);
    let committed = session.json(&["commit", "--comment", "a name"]);
    assert_eq!((&committed[0]["version"], &committed[0]["changes"][0]["path"]), (&json!(2), &json!("source.core.name")));
    let after = session.file();
    assert_eq!(
        after,
        before
            .replace("retention = \"90d\" # days", "retention = \"30d\" # days")
            .replace("match = \"127.0.0.1\"\n", "match = \"127.0.0.1\"\nname = \"Core router\"\n")
    );
    exporter.send(&service, [&netflow5(1, 2)[..]]);
    are_stored(2);

    session.done(&["rollback"]);
    assert_eq!(session.file(), before);
    exporter.send(&service, [&netflow5(2, 3)[..]]);
    are_stored(3);
    let versions = session.json(&["versions"]);
    let listed: Vec<_> =
        versions.iter().map(|row| (row["version"].as_u64().unwrap(), row["comment"].as_str().unwrap_or(""))).collect();
    assert_eq!(listed, [(3, "back to version 1"), (2, "a name"), (1, "found in the file")]);
    assert_eq!(versions[0]["running"], json!(true));
    let me = String::from_utf8(std::process::Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    assert_eq!(versions[1]["who"], json!(me.trim()));

    service.stop().check_identity();
    let Stored { flows, .. } = Stored::read(&folder.store());
    let name_of = |bytes: u64| {
        let row = (0..flows.rows()).find(|row| flows.bytes.get(*row) == Some(bytes)).unwrap();
        flows.exporter_name.get(row).map(str::to_owned)
    };
    assert_eq!([1, 2, 3].map(name_of), [Some("core".into()), Some("Core router".into()), Some("core".into())]);
}

#[test]
fn what_cannot_be_is_refused_and_nothing_changes() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    let before = session.file();
    session.refused(&["commit"], "there is nothing to commit");
    session.refused(&["confirm"], "nothing waits to be confirmed");
    session.refused(&["rollback"], "there is no version before this one");
    session.refused(&["rollback", "7"], "there is no version 7");
    let cases: [(&[&str], &str); 9] = [
        (&["set", "store.retention", "30"], "store.retention: \"30\" is no duration: write a number and a unit, as in 500ms"),
        (&["set", "store.retentoin", "3d"], "store.retentoin: unknown key; did you mean retention?"),
        (&["set", "lisen.a.url", "udp://[::]:1"], "lisen: unknown key; did you mean listen?"),
        (&["set", "listen.lab.rate_limit", "0"], "listen.lab.rate_limit: 0, expected"),
        (&["set", "listen.lab.format", "fastnetmn"], "unknown word \"fastnetmn\"; did you mean fastnetmon?"),
        (&["set", "source.x.proxy", "maybe"], "source.x.proxy: \"maybe\", expected true or false"),
        (&["set", "source.x.match", "192.0.2.0/33"], "source.x.match: "),
        (&["unset", "source.nobody"], "source.nobody: is not written"),
        (&["set", "--add", "store.path", "/x"], "store.path: is no list"),
    ];
    for (words, because) in cases {
        session.refused(words, because);
    }
    assert_eq!(session.done(&["diff"]), "");
    // What each key takes alone need not fit together: that is found before anything is applied.
    session.done(&["set", "source.twin.match", "127.0.0.1"]);
    session.refused(&["commit"], "source.twin.match: 127.0.0.1 is that of source.core");
    session.done(&["discard"]);
    session.done(&["set", "source.half.name", "no match"]);
    session.refused(&["commit"], "source.half.match is missing");
    session.done(&["discard"]);
    // What needs a restart is not half done.
    session.done(&["set", "collector.workers", "2"]);
    session.done(&["set", "source.core.name", "other"]);
    session.refused(&["commit"], "collector needs a restart: --at-restart");
    assert_eq!((session.file(), session.done(&["show", "--running"])), (before.clone(), before));
    assert!(!session.versions().exists());
    let committed = session.json(&["commit", "--at-restart"]);
    assert_eq!(committed[0]["at_restart"], json!(["collector"]));
    assert!(session.file().contains("workers = 2"));
    service.stop().check_identity();
}

#[test]
fn a_file_that_was_changed_by_hand_is_not_written_over() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    let by_hand = session.file().replace("90d", "60d");
    session.done(&["set", "source.core.name", "Core"]);
    std::fs::write(&service.config, &by_hand).unwrap();
    session.refused(&["commit"], "was changed by hand since it was read");
    assert_eq!(session.file(), by_hand);
    // Loaded, it is what the change is made in.
    service.reload(&by_hand);
    session.refused(&["commit"], "the configuration was changed");
    session.done(&["rebase"]);
    session.done(&["commit"]);
    assert_eq!(session.file(), by_hand.replace("match = \"127.0.0.1\"\n", "match = \"127.0.0.1\"\nname = \"Core\"\n"));
    let gone = format!("# gone\n[store]\npath = \"{}\"\n", folder.store().display());
    std::fs::write(&service.config, gone).unwrap();
    session.done(&["set", "source.core.name", "Core 2"]);
    session.done(&["commit", "--overwrite"]);
    assert!(session.file().contains("name = \"Core 2\"") && session.file().contains("60d"));
    service.stop().check_identity();
}

#[test]
fn twenty_versions_are_kept_and_survive_a_restart() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    for number in 1..=22 {
        session.done(&["set", "source.core.name", &format!("Core {number}")]);
        session.done(&["commit"]);
    }
    let text = session.file();
    service.stop().check_identity();
    let service = Service::restart(&folder, &text);
    let session = Session::new(&service);
    let versions: Vec<_> = session.json(&["versions"]).iter().map(|row| row["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (4..=23).rev().collect::<Vec<_>>());
    assert_eq!(std::fs::read_dir(session.versions()).unwrap().count(), 20);
    session.refused(&["rollback", "3"], "there is no version 3");
    session.done(&["rollback", "4"]);
    assert!(session.file().contains("name = \"Core 3\""), "{}", session.file());
    assert_eq!(session.done(&["show", "source.core.name", "--version", "23"]), "source.core.name = \"Core 22\"\n");
    service.stop().check_identity();
}

#[test]
fn a_shell_is_told_paths_and_words() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    let offered = |words: &[&str]| -> Vec<String> {
        let config = service.config.to_str().unwrap();
        let mut all = vec!["complete-path", words[0], "-c", config];
        all.extend(&words[1..]);
        crate::run::weir(&all).stdout.lines().map(str::to_owned).collect()
    };
    assert_eq!(offered(&["set", "sto"]), ["store."]);
    assert_eq!(offered(&["set", "listen."]), ["listen.lab."]);
    assert_eq!(offered(&["set", "listen.lab.re"]), ["listen.lab.receive_buffer"]);
    assert_eq!(offered(&["set", "listen.lab.format", ""]), ["auto", "fastnetmon"]);
    assert_eq!(offered(&["set", "store.retention", ""])[0], "90d");
    assert_eq!(offered(&["set", "source.core.proxy", "t"]), ["true"]);
    let script = crate::run::weir(&["completions", "bash"]).stdout;
    let config = service.config.display();
    let program = env!("CARGO_BIN_EXE_weir");
    let line = format!(
        "{script}\nCOMP_WORDS=({program} set -c {config} source.core.pr); COMP_CWORD=4; _weir_keys; echo \"${{COMPREPLY[*]}}\""
    );
    match std::process::Command::new("bash").args(["-c", &line]).output() {
        Ok(said) => assert_eq!(String::from_utf8_lossy(&said.stdout), "source.core.proxy\n", "{said:?}"),
        Err(_) => println!("skipped: no bash"),
    }
    session.done(&["set", "listen.\"a b\".url", "udp://127.0.0.1:1"]);
    assert_eq!(offered(&["unset", "listen."]), ["listen.lab.", "listen.\"a b\"."]);
    service.stop().check_identity();
}

#[test]
fn a_name_is_never_a_piece_of_a_program_in_a_shell() {
    let folder = Folder::new();
    let trap = folder.0.join("trap");
    let more = format!("{MORE}[source.\"$(touch {0}) *\"]\nmatch = \"10.0.0.1\"\nname = \"`touch {0}`\"\n", trap.display());
    let service = Service::start(&folder, "", &more);
    let (config, program) = (service.config.display(), env!("CARGO_BIN_EXE_weir"));
    let path = format!("source.\"$(touch {}) *\".", trap.display());
    // Typed as the shell itself would write it: what is offered is the same again, and whoever runs it has the name.
    let bash = |words: &str, last: usize| {
        let script = crate::run::weir(&["completions", "bash"]).stdout;
        let line = format!(
            "{script}\nCOMP_WORDS=({program} set -c {config} {words}); COMP_CWORD={last}; _weir_keys; eval \"printf '%s\\n' ${{COMPREPLY[*]}}\""
        );
        std::process::Command::new("bash").args(["-c", &line]).output()
    };
    match bash("'source.'", 4) {
        Ok(said) => assert_eq!(String::from_utf8_lossy(&said.stdout), format!("source.core.\n{path}\n"), "{said:?}"),
        Err(_) => println!("skipped: no bash"),
    }
    if let Ok(said) = bash(&format!("\"$(printf %q '{path}name')\" ''"), 5) {
        assert_eq!(String::from_utf8_lossy(&said.stdout), format!("`touch {}`\n", trap.display()), "{said:?}");
    }
    // In zsh the shell quotes what it inserts, unless it is told not to.
    let script = crate::run::weir(&["completions", "zsh"]).stdout;
    let line = format!(
        "compdef() {{ }}; compadd() {{ print -r -- \"$@\"; print -rl -- \"$found[@]\"; }}\n{script}\nwords=({program} set -c {config} source.); CURRENT=5; _weir_keys"
    );
    match std::process::Command::new("zsh").args(["-f", "-c", &line]).output() {
        Ok(said) => {
            assert_eq!(String::from_utf8_lossy(&said.stdout), format!("-S  -a found\nsource.core.\n{path}\n"), "{said:?}")
        }
        Err(_) => println!("skipped: no zsh"),
    }
    assert!(!trap.exists(), "a name was run");
    service.stop().check_identity();
}
