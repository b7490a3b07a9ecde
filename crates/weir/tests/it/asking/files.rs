//! `weir store`: files checked, exported, kept for good.

use std::fs;

use super::service::{Asked, NETFLOW5};

#[test]
fn a_store_is_checked_exported_and_archived() {
    let asked = Asked::with(&["netflow5"]);
    let (config, store) = (asked.config(), asked.store());

    let sound = asked.read(&["store", "check"]);
    assert_eq!(sound.code, 0, "{}{}", sound.stdout, sound.stderr);
    assert!(sound.stdout.starts_with("sound"), "{}", sound.stdout);

    let file = asked.folder.0.join("flows.csv");
    let path = file.to_str().unwrap();
    let exported = crate::run::weir(&["store", "export", path, "--columns", "src_addr,bytes", "-c", &config]);
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!((text.lines().next(), text.lines().count()), (Some("src_addr,bytes"), NETFLOW5 as usize + 1), "{text}");
    let unnamed = asked.read(&["store", "export", asked.folder.0.join("flows").to_str().unwrap()]);
    assert_eq!(unnamed.code, 2, "{}", unnamed.stderr);

    let pin = asked.read(&["store", "archive", "--from", "2026-03-02", "--to", "2026-03-02", "--note", "the outage"]);
    assert_eq!(pin.code, 0, "{}", pin.stderr);
    let listed = asked.read(&["store", "archive"]).stdout;
    assert!(listed.lines().nth(1).unwrap().ends_with(",the outage"), "{listed}");
    let id = listed.lines().nth(1).unwrap().split(',').next().unwrap();
    assert_eq!(asked.read(&["store", "archive", "--remove", id]).code, 0);
    assert_eq!(asked.read(&["store", "archive"]).stdout.lines().count(), 1);
    assert_eq!(asked.read(&["store", "archive", "--remove", id]).code, 2);
    assert_eq!(asked.read(&["store", "archive", "--note", "all of it"]).code, 2, "no time");

    // The files speak for themselves after the service has ended.
    let ended = asked.service.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    let files = crate::run::weir(&["store", "check", "--store", &store]);
    assert!(files.code == 0 && files.stdout.contains("0 rows in 0 segments"), "all is in files: {}", files.stdout);
    let damaged = damage(&asked.folder.store());
    let unsound = crate::run::weir(&["store", "check", "--store", &store]);
    assert_eq!(unsound.code, 3, "{}", unsound.stdout);
    assert!(unsound.stdout.contains(&damaged), "{damaged}: {}", unsound.stdout);
}

/// Changes an octet in the middle of the file of flows; its name.
fn damage(store: &std::path::Path) -> String {
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "parquet")
                && entry.to_str().unwrap().contains("flows")
            {
                let mut octets = fs::read(&entry).unwrap();
                let middle = octets.len() / 2;
                octets[middle] ^= 1;
                fs::write(&entry, octets).unwrap();
                return entry.file_name().unwrap().to_str().unwrap().to_owned();
            }
        }
    }
    panic!("no file of flows");
}
