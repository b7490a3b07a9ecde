//! What runs on trial: kept when it is confirmed and the service stays well, else taken back.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use weir_testkit::wait_until;

use super::session::Session;
use crate::collect::messages::netflow9;
use crate::collect::service::{Exporter, Folder, Service};

/// How long somebody has to confirm who does not: all that is looked at meanwhile takes less, also where the machine stands still for a while.
const UNCONFIRMED: &str = "20s";

const MORE: &str = "[source.core]\nmatch = \"127.0.0.1\"\n[control]\nwatch = \"30m\"\n";

/// Templates cannot be saved any more, which is a problem that was not there.
fn make_unwell(service: &Service, store: &Path) {
    // Whoever saves something just then may make the folder anew.
    wait_until("a file is where the folder was", || {
        fs::remove_dir_all(store.join("state")).is_ok() && fs::write(store.join("state"), "").is_ok()
    });
    Exporter::new(1).send(service, [&netflow9(0, true, Some(1))[..]]);
}

/// A folder, or a file, that nobody can write to while this stands.
struct ReadOnly(PathBuf);

impl ReadOnly {
    /// None without the right to mount.
    fn new(path: &Path) -> Option<Self> {
        let mount = |words: &[&str]| Command::new("mount").args(words).arg(path).output().is_ok_and(|run| run.status.success());
        if !mount(&["--bind", path.to_str()?]) {
            return None;
        }
        let mounted = Self(path.to_owned());
        assert!(mount(&["-o", "remount,ro,bind"]));
        Some(mounted)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn what_nobody_confirms_goes_and_was_never_written() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    let before = session.file();
    session.done(&["set", "source.core.name", "Core"]);
    session.done(&["commit", "--confirm", UNCONFIRMED]);
    assert!(session.done(&["show", "--running"]).contains("name = \"Core\""));
    assert_eq!(session.file(), before);
    session.done(&["set", "source.core.group", "pair"]);
    session.refused(&["commit"], "waits to be confirmed");
    session.done(&["discard"]);
    wait_until("it goes by itself", || session.done(&["show", "--running"]) == before);
    assert_eq!(session.file(), before);
    let versions = session.json(&["versions"]);
    assert_eq!((&versions[0]["who"], versions.len()), (&"weir".into(), 3));
    assert!(versions[0]["comment"].as_str().unwrap().contains("nobody confirmed"), "{versions:?}");
    service.stop().check_identity();
}

#[test]
fn what_is_confirmed_is_written_and_stays() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    session.done(&["set", "source.core.name", "Core"]);
    session.done(&["commit", "--confirm", "10m"]);
    session.done(&["confirm"]);
    assert!(session.file().contains("name = \"Core\""));
    session.refused(&["confirm"], "nothing waits to be confirmed");
    // Told to go, it goes at once.
    let before = session.file();
    session.done(&["set", "source.core.name", "Other"]);
    session.done(&["commit", "--confirm", "10m"]);
    session.done(&["rollback"]);
    assert_eq!((session.done(&["show", "--running"]), session.file()), (before.clone(), before));
    service.stop().check_identity();
}

#[test]
fn a_service_that_becomes_unwell_takes_its_configuration_back() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    let before = session.file();
    session.done(&["set", "source.core.name", "Core"]);
    session.done(&["commit"]);
    assert!(session.file().contains("name = \"Core\""));
    make_unwell(&service, &folder.store());
    wait_until("it goes by itself", || session.file() == before);
    assert_eq!(session.done(&["show", "--running"]), before);
    let versions = session.json(&["versions"]);
    assert!(versions[0]["comment"].as_str().unwrap().contains("templates could not be saved"), "{versions:?}");
    service.wait_for("the configuration is rolled back");
    assert_eq!(service.told("the configuration is rolled back"), 1);
    service.stop();
}

#[test]
fn a_trial_ends_though_nothing_can_be_written() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let service = Service::start_with(&folder, &elsewhere.store(), "", MORE);
    let session = Session::new(&service);
    let before = session.file();
    session.done(&["set", "source.core.name", "Core"]);
    session.done(&["commit", "--confirm", UNCONFIRMED]);
    let Some(_mounted) = ReadOnly::new(&folder.0) else {
        println!("skipped: no right to mount");
        return;
    };
    session.refused(&["confirm"], "Read-only file system");
    assert!(session.done(&["show", "--running"]).contains("name = \"Core\""), "it goes on as it was");
    wait_until("it goes by itself", || session.done(&["show", "--running"]) == before);
    assert_eq!(session.file(), before);
    assert_eq!(service.told("does not hold what runs"), 0, "there was nothing to write");
    service.stop().check_identity();
}

#[test]
fn what_runs_goes_back_also_where_the_file_cannot() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let service = Service::start_with(&folder, &elsewhere.store(), "", MORE);
    let session = Session::new(&service);
    let before = session.file();
    session.done(&["set", "source.core.name", "Core"]);
    session.done(&["commit"]);
    let on_trial = session.file();
    let Some(mounted) = ReadOnly::new(&folder.0) else {
        println!("skipped: no right to mount");
        return;
    };
    // A commit is refused before it has changed anything.
    session.done(&["set", "source.core.group", "pair"]);
    session.refused(&["commit"], "Read-only file system");
    session.done(&["discard"]);
    assert_eq!(session.done(&["show", "--running"]), on_trial);
    make_unwell(&service, &elsewhere.store());
    wait_until("it goes by itself", || session.done(&["show", "--running"]) == before);
    assert_eq!(session.file(), on_trial);
    assert!(session.run(&["diff"]).stderr.contains("does not hold what runs"));
    drop(mounted);
    wait_until("the file follows", || session.file() == before);
    wait_until("nothing is on trial any more", || !session.versions().join("trial").exists());
    assert!(!session.run(&["diff"]).stderr.contains("does not hold what runs"));
    service.stop();
}

#[test]
fn a_file_that_is_a_mount_of_its_own_is_written_where_it_is() {
    let (folder, real) = (Folder::new(), Folder::new());
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    let file = real.0.join("mounted.toml");
    fs::copy(&service.config, &file).unwrap();
    let mounted = Command::new("mount").arg("--bind").args([&file, &service.config]).status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("skipped: no right to mount");
        return;
    }
    session.done(&["set", "source.core.name", "Core"]);
    let committed = session.run(&["commit"]);
    let (inside, outside) = (session.file(), fs::read_to_string(&file).unwrap());
    assert!(Command::new("umount").arg("-l").arg(&service.config).status().unwrap().success());
    assert_eq!((committed.code, committed.stderr.as_str()), (0, ""));
    assert!(inside == outside && inside.contains("name = \"Core\""), "{inside}");
    service.stop().check_identity();
}

#[test]
fn a_rollback_that_is_refused_leaves_the_trial() {
    let folder = Folder::new();
    let address = weir_testkit::free_address();
    let service = Service::start(&folder, "", &format!("[listen.second]\nurl = \"udp://{address}\"\n{MORE}"));
    let session = Session::new(&service);
    let before = session.file();
    session.done(&["unset", "listen.second"]);
    session.done(&["commit", "--confirm", UNCONFIRMED]);
    let mut taken = None;
    wait_until("its port is free", || {
        taken = UdpSocket::bind(address).ok();
        taken.is_some()
    });
    session.refused(&["rollback"], "listen.second");
    assert_eq!(session.json(&["versions"])[0]["to_confirm"], true, "it is on trial still");
    service.wait_for("the configuration cannot be rolled back; it is tried again");
    drop(taken);
    wait_until("it goes by itself", || session.done(&["show", "--running"]) == before);
    service.stop().check_identity();
}

#[test]
fn a_service_that_dies_on_trial_comes_back_with_what_was_good() {
    let folder = Folder::new();
    let mut service = Service::start(&folder, "", MORE);
    let before = Session::new(&service).file();
    for name in ["Core", "Core 2"] {
        Session::new(&service).done(&["set", "source.core.name", name]);
        Session::new(&service).done(&["commit"]);
    }
    let on_trial = Session::new(&service).file();
    service.kill();
    let mut service = Service::restart(&folder, &on_trial);
    let session = Session::new(&service);
    wait_until("it can be asked", || session.run(&["diff"]).code == 0);
    assert_eq!((session.done(&["show", "--running"]), session.file()), (before.clone(), before.clone()));
    service.wait_for("the service ended while a configuration was on trial");
    assert_eq!(service.told("the service ended while a configuration was on trial"), 1);
    let versions = session.json(&["versions"]);
    let comment = versions[0]["comment"].as_str().unwrap();
    assert_eq!(comment, "back to version 1: the service ended while version 3 was on trial");
    // One that was watched for long enough stays.
    session.done(&["set", "control.watch", "1s"]);
    session.done(&["commit"]);
    let kept = session.file();
    wait_until("the trial is over", || !session.versions().join("trial").exists());
    service.kill();
    let mut service = Service::restart(&folder, &kept);
    assert_eq!(service.told("was on trial"), 0);
    // So does what somebody has written since.
    let session = Session::new(&service);
    wait_until("it can be asked", || session.run(&["diff"]).code == 0);
    assert_eq!(session.file(), kept);
    session.done(&["set", "control.watch", "60m"]);
    session.done(&["commit"]);
    let by_hand = session.file().replace("60m", "50m");
    service.kill();
    let service = Service::restart(&folder, &by_hand);
    let session = Session::new(&service);
    wait_until("it can be asked", || session.run(&["diff"]).code == 0);
    assert_eq!((session.done(&["show", "--running"]), session.file()), (by_hand.clone(), by_hand));
    // One that ends in order was well.
    session.done(&["set", "source.core.name", "Core 3"]);
    session.done(&["commit"]);
    let kept = session.file();
    service.stop().check_identity();
    let service = Service::restart(&folder, &kept);
    wait_until("it can be asked", || Session::new(&service).run(&["diff"]).code == 0);
    assert_eq!(Session::new(&service).done(&["show", "--running"]), kept);
    service.stop().check_identity();
}

#[test]
fn what_was_changed_by_hand_in_a_trial_is_not_written_over() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    let before = session.file();
    session.done(&["set", "source.core.name", "Core"]);
    session.done(&["commit", "--confirm", "10m"]);
    let by_hand = before.replace("30m", "40m");
    fs::write(&service.config, &by_hand).unwrap();
    session.refused(&["confirm"], "was changed by hand since it was read");
    assert_eq!(session.file(), by_hand);
    session.done(&["confirm", "--overwrite"]);
    let confirmed = session.file();
    assert!(confirmed.contains("name = \"Core\"") && confirmed.contains("30m"), "{confirmed}");
    // The same where it goes back by itself.
    session.done(&["set", "source.core.name", "Other"]);
    session.done(&["commit"]);
    fs::write(&service.config, &by_hand).unwrap();
    make_unwell(&service, &folder.store());
    wait_until("it goes by itself", || session.done(&["show", "--running"]) == confirmed);
    assert_eq!(session.file(), by_hand);
    service.wait_for("stays as it is");
    assert_eq!(service.told("stays as it is"), 1);
    service.stop();
}
