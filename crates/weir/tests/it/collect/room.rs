//! A disk without room: intake stops with an alarm, what is there stays, and it goes on when there is room.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use weir_testkit::wait_until;

use super::messages::netflow5;
use super::service::{Exporter, Folder, Service, Stored};

/// A file system of its own, in memory.
pub(crate) struct Disk(pub(crate) PathBuf);

impl Disk {
    /// None without the right to mount one.
    pub(crate) fn new(folder: &Folder, size: &str) -> Option<Self> {
        let path = folder.0.join("disk");
        fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&path);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Takes all the room that is left.
pub(crate) fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[0; 1 << 16]).is_ok() {}
    while file.write_all(&[0; 512]).is_ok() {}
}

#[test]
fn a_full_disk_stops_the_intake_and_it_goes_on_when_there_is_room() {
    let folder = Folder::new();
    let Some(disk) = Disk::new(&folder, "700m") else {
        println!("skipped: no right to mount a file system");
        return;
    };
    let store = disk.0.join("store");
    let service = Service::start_with(&folder, &store, "", "[collector]\nqueue = \"1MiB\"\nworkers = 1\n");
    let exporter = Exporter::new(1);
    let mut number = 0;
    let mut send = |count: u32| {
        let messages: Vec<_> = (number..number + count).map(|sequence| netflow5(sequence, 1)).collect();
        number += count;
        exporter.send(&service, messages.iter().map(Vec::as_slice));
    };
    send(100);
    wait_until("the first records", || Stored::read(&store).flows.rows() == 100);
    fill(&disk.0.join("filler"));
    // So many at the most that the queues have room for all of them.
    let mut rounds = 0..40;
    wait_until("an alarm", || {
        rounds.next().into_iter().for_each(|_| send(50));
        std::thread::sleep(Duration::from_millis(200));
        service.told("the store takes nothing") > 0
    });
    send(100);
    fs::remove_file(disk.0.join("filler")).unwrap();
    service.wait_for("the store takes records again");
    send(100);
    let ended = service.stop();
    ended.check_identity();
    assert_eq!(ended.count("given_up"), 0);
    // The queues had room for all that came meanwhile.
    assert_eq!((ended.count("datagrams"), ended.count("queue_dropped")), (u64::from(number), 0));
    assert_eq!(Stored::read(&store).flows.rows() as u64, u64::from(number));
}
