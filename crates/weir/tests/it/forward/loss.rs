//! Collectors that break off, are not there, come back; a service that is killed; a disk that is full.

use std::fs;
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_testkit::wait_until;

use super::target::{Receiver, Seen, add_up, check, free, send, send_rows, wait_for_counters};
use crate::asking::service::Asked;
use crate::collect::service::{Exporter, Folder, Service};

fn export(target: &str, more: &str) -> String {
    format!("[export.next]\nurl = \"tcp://{target}\"\nformat = \"fastnetmon\"\nfrom = \"all\"\n{more}\n")
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
    let [records, sent, resent, _, dropped] = wait_for_counters(&asked, "all to be sent", |counters| {
        counters[0] == u64::from(RECORDS) && counters[2] > 0 && counters[3] == 0
    });
    assert_eq!(dropped, 0);
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
    let [_, sent, _, waiting, dropped] = wait_for_counters(&asked, "all to wait", |counters| counters[0] == 500);
    assert_eq!((sent, waiting, dropped), (0, 500, 0));
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
    let [records, sent, _, waiting, dropped] =
        wait_for_counters(&asked, "all to wait", |counters| counters[0] == u64::from(RECORDS));
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
    let more = format!("buffer_path = \"{}\"\n[console]\nlisten = \"{}\"", spool.display(), free());
    let mut service = Service::start(&folder, "", &export(&target, &more));
    let exporter = Exporter::new(1);
    send(&service, &exporter, 1..1001);
    // A record waits once it is written.
    wait_until("all on disk", || service.counter("weir_export_waiting_records") == 1000);
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
    // What has arrived is not sent once more after an end in order. A receiver that takes more than a quarter of a second to end too is not known to have read.
    let came = (1501..1506).map(|number| {
        let receiver = Receiver::at(&target, Seen::default(), vec![]);
        let service = Service::start(&folder, "", &export(&target, &more));
        send(&service, &exporter, number..number + 1);
        wait_until("the last record", || receiver.seen.all().contains_key(&u64::from(number)));
        service.stop();
        receiver.join().all().len()
    });
    assert!(came.into_iter().any(|records| records == 1));
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
    let [_, sent, _, waiting, dropped] = wait_for_counters(&asked, "all to wait", |counters| counters[0] == u64::from(RECORDS));
    assert_eq!((sent, waiting + dropped), (0, RECORDS.into()));
    assert!(waiting > 0 && dropped > 0);
    let receiver = Receiver::at(&target, Seen::default(), vec![]);
    wait_until("those that waited", || receiver.seen.all().len() as u64 == waiting);
    asked.service.stop();
    receiver.join();
}

#[test]
fn what_made_room_before_it_was_known_to_have_arrived_is_counted_when_the_connection_is_lost() {
    const RECORDS: u32 = 12_000;
    // Everything was read but for the last messages, which nobody can know.
    let receiver = Receiver::at("127.0.0.1:0", Seen::default(), vec![168 * (RECORDS as usize - 100)]);
    let asked = Asked::start_beside("", &export(&receiver.address.to_string(), "buffer = \"1MiB\""));
    let (seen, exporter) = (receiver.seen.clone(), Exporter::new(1));
    // No faster than they are read: nothing is to make room before it was sent.
    for first in (1..=RECORDS).step_by(1000) {
        send(&asked.service, &exporter, first..first + 1000);
        wait_until("these records", || seen.all().len() as u32 >= (first + 999).min(RECORDS - 100));
    }
    wait_until("a second connection", || seen.connections().len() == 2);
    wait_until("the last records", || seen.connections()[1].contains_key(&u64::from(RECORDS)));
    let [records, sent, resent, _, dropped] = wait_for_counters(&asked, "all to be sent", |counters| {
        counters[0] == u64::from(RECORDS) && counters[2] > 0 && counters[3] == 0
    });
    assert!(dropped > 0 && resent > 0, "{resent} were sent again, {dropped} dropped");
    assert_eq!(records, sent - resent + dropped);
    assert_eq!(seen.connections()[1].len() as u64, records - dropped, "what is left was sent again");
    asked.service.stop();
    receiver.join();
}

#[test]
fn a_collector_that_has_ended_its_side_and_reads_no_more_is_sent_no_more() {
    const BURST: u32 = 60_000;
    let listener = Receiver::small("127.0.0.1:0");
    let asked = Asked::start_beside("", &export(&listener.local_addr().unwrap().to_string(), ""));
    let exporter = Exporter::new(1);
    send(&asked.service, &exporter, 1..2);
    let (stream, _) = listener.accept().unwrap();
    send_rows(&asked.service, &exporter, 2..BURST + 1);
    // More than the buffers between the two take.
    let (mut before, mut since) = (add_up(&asked), Instant::now());
    wait_until("all to be stored, and the buffers to be full", || {
        let seen = add_up(&asked);
        if std::mem::replace(&mut before, seen) != seen {
            since = Instant::now();
        }
        seen[0] == u64::from(BURST) && seen[3] > 0 && since.elapsed() > Duration::from_secs(2)
    });
    let ended = Instant::now();
    stream.shutdown(Shutdown::Write).unwrap();
    // A second of the three in which it might still read.
    thread::sleep(Duration::from_secs(1));
    let seen = add_up(&asked);
    let is_waited_for = ended.elapsed() < Duration::from_secs(3);
    assert!(seen == before || !is_waited_for, "nothing is made into messages that nobody takes: {before:?}, {seen:?}");
    drop((stream, listener));
    wait_until("the end of the session", || add_up(&asked)[2] > 0);
    let [records, sent, resent, waiting, dropped] = add_up(&asked);
    assert_eq!((records, dropped), (sent - resent + waiting, 0));
}
