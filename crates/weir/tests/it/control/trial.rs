//! What runs on trial: kept when it is confirmed and the service stays well, else taken back.

use std::fs;

use super::session::{Session, wait_until};
use crate::collect::messages::netflow9;
use crate::collect::service::{Exporter, Folder, Service};

const MORE: &str = "[source.core]\nmatch = \"127.0.0.1\"\n[control]\nwatch = \"30s\"\n";

#[test]
fn what_nobody_confirms_goes_and_was_never_written() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", MORE);
    let session = Session::new(&service);
    let before = session.file();
    session.done(&["set", "source.core.name", "Core"]);
    session.done(&["commit", "--confirm", "1s"]);
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
    session.done(&["commit", "--confirm", "60s"]);
    session.done(&["confirm"]);
    assert!(session.file().contains("name = \"Core\""));
    session.refused(&["confirm"], "nothing waits to be confirmed");
    // Told to go, it goes at once.
    let before = session.file();
    session.done(&["set", "source.core.name", "Other"]);
    session.done(&["commit", "--confirm", "60s"]);
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
    // Templates cannot be saved any more, which is a problem that was not there.
    fs::remove_dir_all(folder.store().join("state")).unwrap();
    fs::write(folder.store().join("state"), "").unwrap();
    Exporter::new(1).send(&service, [&netflow9(0, true, Some(1))[..]]);
    wait_until("it goes by itself", || session.file() == before);
    assert_eq!(session.done(&["show", "--running"]), before);
    let versions = session.json(&["versions"]);
    assert!(versions[0]["comment"].as_str().unwrap().contains("templates could not be saved"), "{versions:?}");
    assert_eq!(service.told("the configuration is rolled back"), 1);
    service.stop();
}
