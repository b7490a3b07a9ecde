//! Exports that change while the service runs: nothing is lost, nothing is sent twice, and every record is counted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use weir_testkit::wait_until;

use super::target::{Receiver, Seen, add_up, check, free, send, send_rows, wait_for_counters};
use crate::asking::service::Asked;
use crate::collect::service::{Exporter, Folder, Service, config};

/// An export to this target.
fn export(name: &str, target: &str, more: &str) -> String {
    format!("[export.{name}]\nurl = \"tcp://{target}\"\nformat = \"fastnetmon\"\nfrom = \"all\"\n{more}\n")
}

/// Has the service go over to these exports.
fn reload(asked: &Asked, exports: &str) {
    let sections = format!("[console]\nlisten = \"{}\"\n{exports}", asked.console);
    asked.service.reload(&config(asked.service.address, &asked.folder.store(), "", &sections));
}

#[test]
fn a_change_of_one_export_disturbs_no_other_and_loses_nothing() {
    let steady = Receiver::at("127.0.0.1:0", Seen::default(), vec![]);
    let changed = Receiver::at("127.0.0.1:0", Seen::default(), vec![]);
    let nobody = weir_testkit::free_address();
    let one = |name: &str, target: std::net::SocketAddr| {
        format!("[export.{name}]\nurl = \"tcp://{target}\"\nformat = \"fastnetmon\"\nfrom = \"all\"\n")
    };
    let folder = Folder::new();
    let before = one("steady", steady.address) + &one("changed", nobody);
    let service = Service::start(&folder, "", &before);
    let exporter = Exporter::new(1);
    send(&service, &exporter, 1..301);
    wait_until("the first records", || steady.seen.all().len() == 300);
    // What waited for nobody goes to the new target.
    let after = one("steady", steady.address) + &one("changed", changed.address);
    service.reload(&config(service.address, &folder.store(), "", &after));
    send(&service, &exporter, 301..601);
    for receiver in [&steady, &changed] {
        wait_until("all records", || receiver.seen.all().len() == 600);
        assert!(receiver.seen.all().values().all(|times| *times == 1));
    }
    // One is removed: the other goes on.
    service.reload(&config(service.address, &folder.store(), "", &one("steady", steady.address)));
    let removed = changed.join();
    send(&service, &exporter, 601..701);
    wait_until("the last records", || steady.seen.all().len() == 700);
    assert_eq!(removed.all().len(), 600);
    assert_eq!(service.stop().code, Some(0));
    assert_eq!(steady.join().connections().len(), 1, "never connected anew");
}

#[test]
fn what_cannot_be_changed_to_is_refused_and_the_old_exports_go_on() {
    let steady = Receiver::at("127.0.0.1:0", Seen::default(), vec![]);
    let export =
        |more: &str| format!("[export.a]\nurl = \"tcp://{}\"\nformat = \"fastnetmon\"\nfrom = \"all\"\n{more}", steady.address);
    let folder = Folder::new();
    let service = Service::start(&folder, "", &export(""));
    let bad = export("[export.b]\nurl = \"tls://127.0.0.1:1\"\nfrom = \"all\"\nca = \"/no/such/file.pem\"\n");
    service.reload(&config(service.address, &folder.store(), "", &bad));
    assert_eq!(service.told("/no/such/file.pem"), 1);
    send(&service, &Exporter::new(1), 1..11);
    wait_until("records", || steady.seen.all().len() == 10);
    service.stop();
    steady.join();
}

#[test]
fn twenty_changes_under_load_lose_nothing() {
    const CHANGES: usize = 20;
    // Each change ends a connection in order.
    let receiver = Receiver::at("127.0.0.1:0", Seen::default(), vec![usize::MAX; CHANGES]);
    let target = receiver.address.to_string();
    let changed = |number: usize| export("next", &target, &format!("buffer = \"{}MiB\"", 64 + number));
    let asked = Asked::start_beside("", &changed(0));
    let (stop, exporter) = (AtomicBool::new(false), Exporter::new(1));
    let sent = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut next = 1;
            while !stop.load(Ordering::Relaxed) {
                send_rows(&asked.service, &exporter, next..next + 480);
                next += 480;
                // More than that would be given up while an export of a busy machine stands still.
                thread::sleep(Duration::from_millis(20));
            }
            next - 1
        });
        (1..=CHANGES).for_each(|number| reload(&asked, &changed(number)));
        stop.store(true, Ordering::Relaxed);
        sender.join().unwrap()
    });
    wait_until("every record", || receiver.seen.all().len() == sent as usize);
    wait_for_counters(&asked, "counters that add up", |[records, handed, resent, waiting, dropped]| {
        (records, handed - resent, waiting, dropped) == (sent.into(), sent.into(), 0, 0)
    });
    let ended = asked.service.stop();
    ended.check_identity();
    check(&receiver.join(), sent);
}

#[test]
fn what_waits_on_disk_outlives_a_removal_that_is_taken_back_at_once() {
    let target = free();
    let (folder, other) = (Folder::new(), export("other", &free(), ""));
    let next = export("next", &target, &format!("buffer_path = \"{}\"", folder.0.display()));
    let asked = Asked::start_beside("", &format!("{next}{other}"));
    let exporter = Exporter::new(1);
    send(&asked.service, &exporter, 1..301);
    asked.wait_stored(300);
    wait_until("all to wait", || add_up(&asked)[3] == 600);
    for exports in [other.clone(), format!("{next}{other}"), other.clone(), format!("{next}{other}")] {
        reload(&asked, &exports);
    }
    wait_for_counters(&asked, "what waited to be there again", |counters| counters[3] == 600);
    assert_eq!(asked.service.told("the configuration is not"), 0);
    let receiver = Receiver::at(&target, Seen::default(), vec![]);
    send(&asked.service, &exporter, 301..401);
    wait_until("every record", || receiver.seen.all().len() == 400);
    asked.service.stop();
    check(&receiver.join(), 400);
}

#[test]
fn what_an_export_in_memory_could_not_send_is_told_when_it_is_taken_out() {
    let asked = Asked::start_beside("", &export("next", &free(), ""));
    send(&asked.service, &Exporter::new(1), 1..101);
    wait_until("all to wait", || add_up(&asked)[3] == 100);
    reload(&asked, "");
    let ended = asked.service.stop();
    let told = |text: &str| ended.log.iter().filter(|line| line.contains(text)).count();
    assert_eq!(told("next: nothing was sent, 100 records were dropped"), 1, "{:#?}", ended.log);
}

#[test]
fn a_target_of_several_that_is_taken_out_leaves_counters_that_add_up() {
    // The change begins another connection.
    let (receiver, nobody) = (Receiver::at("127.0.0.1:0", Seen::default(), vec![usize::MAX]), free());
    let targets = |targets: &[&str]| {
        let targets: Vec<String> = targets.iter().map(|target| format!("\"tcp://{target}\"")).collect();
        format!(
            "[export.next]\ntargets = [{}]\nmode = \"duplicate\"\nformat = \"fastnetmon\"\nfrom = \"all\"\n",
            targets.join(", ")
        )
    };
    let address = receiver.address.to_string();
    let asked = Asked::start_beside("", &targets(&[&address, &nobody]));
    let exporter = Exporter::new(1);
    send(&asked.service, &exporter, 1..301);
    wait_until("records here, and those that wait there", || {
        receiver.seen.all().len() == 300 && add_up(&asked) == [600, 300, 0, 300, 0]
    });
    reload(&asked, &targets(&[&address]));
    send(&asked.service, &exporter, 301..401);
    wait_until("the last records", || receiver.seen.all().len() == 400);
    wait_until("counters that add up", || add_up(&asked) == [700, 400, 0, 0, 300]);
    assert_eq!(asked.service.told("300 records that waited are dropped"), 1);
    asked.service.stop();
    check(&receiver.join(), 400);
}
