//! Commits while records come: none is lost, none is double.

use std::sync::atomic::{AtomicBool, Ordering};

use super::session::Session;
use crate::collect::messages::netflow5;
use crate::collect::service::{Exporter, Folder, Service, Stored};

/// Commits; the script `scripts/commits-under-load.sh` makes 200 at full rate.
const COMMITS: u32 = 20;

#[test]
fn commits_under_load_lose_no_record_and_make_none_double() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", "[source.core]\nmatch = \"127.0.0.1\"\n");
    let session = Session(&service);
    let is_over = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let exporter = Exporter::new(1);
            let mut sent = 0;
            while !is_over.load(Ordering::Relaxed) {
                let messages: Vec<_> = (sent..sent + 16).map(|number| netflow5(number, 1 + number)).collect();
                exporter.send(&service, messages.iter().map(Vec::as_slice));
                sent += 16;
            }
            sent
        });
        for number in 0..COMMITS {
            session.done(&["set", "source.core.name", &format!("Core {number}")]);
            session.done(&["set", "store.retention", &format!("{}d", 10 + number)]);
            session.done(&["set", &format!("enrich.prefixes.10.{number}.0.0/16"), "office"]);
            session.done(&["commit"]);
        }
        is_over.store(true, Ordering::Relaxed);
        sending.join().unwrap()
    });
    let ended = service.stop();
    ended.check_identity();
    assert_eq!((ended.count("datagrams"), ended.count("queue_dropped")), (u64::from(sent), 0));
    let stored = Stored::read(&folder.store());
    let mut numbers: Vec<_> = (0..stored.flows.rows()).filter_map(|row| stored.flows.bytes.get(row)).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(1..=u64::from(sent)), "{} of {sent}", numbers.len());
}
