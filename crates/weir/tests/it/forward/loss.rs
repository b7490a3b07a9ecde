//! Collectors that break off, are not there, come back; a service that is killed; a disk that is full.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::target::{Receiver, Seen, send, wait_until};
use crate::asking::service::Asked;
use crate::collect::service::{Exporter, Folder, Service};

/// An address that nobody listens on now.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn export(target: &str, more: &str) -> String {
    format!("[export.next]\nurl = \"tcp://{target}\"\nformat = \"fastnetmon\"\nfrom = \"all\"\n{more}\n")
}

/// Each of so many records came once at least, and never twice in one connection.
fn check(seen: &Seen, records: u32) {
    let all = seen.all();
    let missing: Vec<u32> = (1..=records).filter(|bytes| !all.contains_key(&u64::from(*bytes))).collect();
    assert!(missing.is_empty() && all.len() == records as usize, "of {}: missing {missing:?}", all.len());
    for (number, connection) in seen.connections().iter().enumerate() {
        assert!(connection.values().all(|times| *times == 1), "twice in connection {number}");
    }
}

/// The counters of an export: records = sent - sent again + waiting + dropped.
fn add_up(asked: &Asked) -> [u64; 5] {
    let rows = asked.ask(&["counters", "--format", "json", "--grep", "weir_export_"]).records();
    let value = |name: &str| -> u64 {
        let named = rows.iter().filter(|row| row["name"].as_str().unwrap().starts_with(&format!("weir_export_{name}{{")));
        named.map(|row| row["value"].as_u64().unwrap()).sum()
    };
    [
        value("records_total"),
        value("sent_records_total"),
        value("resent_records_total"),
        value("waiting_records"),
        value("dropped_records_total"),
    ]
}

#[test]
fn a_collector_that_breaks_off_in_a_message_gets_every_record_later() {
    const RECORDS: u32 = 3000;
    // In a prefix, in a body, and between two messages.
    let receiver = Receiver::at("127.0.0.1:0", Seen::default(), vec![168 * 100 + 4, 168 * 700 + 90, 168 * 50]);
    let asked = Asked::start_beside("", &export(&receiver.address.to_string(), ""));
    let exporter = Exporter::new(1);
    send(&asked.service, &exporter, 1..RECORDS + 1);
    asked.wait_stored(RECORDS.into());
    let seen = receiver.seen.clone();
    wait_until("every record", || seen.all().len() == RECORDS as usize);
    let [records, sent, resent, waiting, dropped] = add_up(&asked);
    assert_eq!((records, waiting, dropped), (RECORDS.into(), 0, 0));
    assert!(resent > 0, "what was lost is sent again");
    assert_eq!(records, sent - resent);
    asked.service.stop();
    check(&receiver.join(), RECORDS);
}

#[test]
fn records_wait_for_a_collector_that_is_not_there_yet() {
    let target = free();
    let asked = Asked::start_beside("", &export(&target, ""));
    let exporter = Exporter::new(1);
    send(&asked.service, &exporter, 1..501);
    asked.wait_stored(500);
    asked.service.wait_for("next: cannot be reached (");
    let [records, sent, _, waiting, dropped] = add_up(&asked);
    assert_eq!((records, sent, waiting, dropped), (500, 0, 500, 0));
    let receiver = Receiver::at(&target, Seen::default(), vec![]);
    asked.service.wait_for("next: is there again");
    wait_until("every record", || receiver.seen.all().len() == 500);
    let ended = asked.service.stop();
    assert_eq!((ended.code, &ended.exports["next"]["dropped_records"]), (Some(0), &Value::from(0)), "{:#?}", ended.log);
    check(&receiver.join(), 500);
}

#[test]
fn without_room_the_oldest_go_and_are_counted() {
    let target = free();
    let asked = Asked::start_beside("", &export(&target, "buffer = \"1MiB\""));
    let exporter = Exporter::new(1);
    const RECORDS: u32 = 12_000;
    send(&asked.service, &exporter, 1..RECORDS + 1);
    asked.wait_stored(RECORDS.into());
    asked.service.wait_for("no room for more records that wait: the oldest are dropped");
    let [records, sent, _, waiting, dropped] = add_up(&asked);
    assert!(dropped > 0 && waiting > 0, "{waiting} wait, {dropped} are dropped");
    assert_eq!((records, records - sent), (RECORDS.into(), waiting + dropped));
    let receiver = Receiver::at(&target, Seen::default(), vec![]);
    wait_until("those that waited", || receiver.seen.all().len() as u64 == waiting);
    let newest = receiver.seen.all();
    assert!((dropped as u32 + 1..=RECORDS).all(|bytes| newest.contains_key(&u64::from(bytes))));
    let ended = asked.service.stop();
    assert_eq!((ended.code, &ended.exports["next"]["dropped_records"]), (Some(3), &Value::from(dropped)));
    receiver.join();
}

#[test]
fn on_disk_records_survive_a_sudden_end() {
    let (target, folder) = (free(), Folder::new());
    let spool = folder.0.join("spool");
    let more = format!("buffer_path = \"{}\"", spool.display());
    let mut service = Service::start(&folder, "", &export(&target, &more));
    let exporter = Exporter::new(1);
    send(&service, &exporter, 1..1001);
    let on_disk =
        || fs::read_dir(spool.join("export-next")).unwrap().flatten().map(|file| file.metadata().unwrap().len()).sum::<u64>();
    // A record takes an octet at the least; those of a batch come together.
    wait_until("all on disk", || {
        on_disk() > 1000
            && on_disk() == {
                std::thread::sleep(std::time::Duration::from_millis(600));
                on_disk()
            }
    });
    service.kill();
    drop(service);
    let receiver = Receiver::at(&target, Seen::default(), vec![]);
    let service = Service::start(&folder, "", &export(&target, &more));
    wait_until("what was left", || receiver.seen.all().len() == 1000);
    send(&service, &exporter, 1001..1501);
    wait_until("what came later", || receiver.seen.all().len() == 1500);
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    check(&receiver.join(), 1500);
    // What has arrived is not sent once more after an end in order.
    let receiver = Receiver::at(&target, Seen::default(), vec![]);
    let service = Service::start(&folder, "", &export(&target, &more));
    send(&service, &exporter, 1501..1502);
    wait_until("the last record", || receiver.seen.all().contains_key(&1501));
    service.stop();
    assert_eq!(receiver.join().all().len(), 1);
}

/// A small disk, until the end of the test.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &Path) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(path).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Its service may have files there for a moment yet.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_costs_records_of_the_export_alone() {
    let (target, folder) = (free(), Folder::new());
    let disk = folder.0.join("disk");
    let Some(_mounted) = Disk::mount(&disk) else {
        println!("skipped: no right to mount a small disk");
        return;
    };
    let more = format!("buffer_path = \"{}\"\nbuffer = \"64MiB\"", disk.display());
    let asked = Asked::start_beside("", &export(&target, &more));
    let exporter = Exporter::new(1);
    const RECORDS: u32 = 30_000;
    send(&asked.service, &exporter, 1..RECORDS + 1);
    asked.wait_stored(RECORDS.into());
    asked.service.wait_for("records cannot wait on disk and are dropped");
    let [records, sent, _, waiting, dropped] = add_up(&asked);
    assert_eq!((records, sent, waiting + dropped), (RECORDS.into(), 0, RECORDS.into()));
    assert!(waiting > 0 && dropped > 0);
    let receiver = Receiver::at(&target, Seen::default(), vec![]);
    wait_until("those that waited", || receiver.seen.all().len() as u64 == waiting);
    asked.service.stop();
    receiver.join();
}
