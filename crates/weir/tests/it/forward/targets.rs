//! Several targets, names that get other addresses, and what a collector is sent of what it asked for.

use std::fs;
use std::time::Duration;
use weir_testkit::wait_until;

use super::target::{Receiver, Seen, send};
use crate::asking::service::Asked;
use crate::collect::service::{Exporter, Folder, Service};
use crate::namespaces::{Namespace, missing};
use crate::run::weir;

#[test]
fn the_first_target_that_is_there_gets_the_records() {
    // A second that takes more than a quarter of a second to end too is not known to have read: the first gets all of it as well then.
    assert!((0..5).any(|_| sent_again_to_the_first() == 0), "what has arrived at the second is not sent again");
}

/// Goes over from one target to the other and back; gives how many records of the second were sent to the first as well when that came.
fn sent_again_to_the_first() -> usize {
    let addresses = [(); 2].map(|()| weir_testkit::free_address().to_string());
    let [first, second] = &addresses;
    let seen = [Seen::default(), Seen::default()];
    let on_second = Receiver::at(second, seen[1].clone(), vec![168 * 300 + 50]);
    let export =
        format!("[export.next]\ntargets = [\"tcp://{first}\", \"tcp://{second}\"]\nformat = \"fastnetmon\"\nfrom = \"all\"\n");
    let folder = Folder::new();
    let service = Service::start(&folder, "", &export);
    let exporter = Exporter::new(1);
    // Only the second is there.
    send(&service, &exporter, 1..201);
    wait_until("records at the second", || seen[1].all().len() == 200);
    // The first comes, and takes over.
    let on_first = Receiver::at(first, seen[0].clone(), vec![168 * 150 + 50]);
    wait_until("a connection to the first", || !seen[0].connections().is_empty());
    send(&service, &exporter, 201..301);
    wait_until("records at the first", || (201..301).all(|bytes| seen[0].all().contains_key(&bytes)));
    assert_eq!(seen[1].all().len(), 200);
    let sent_again = seen[0].all().len() - 100;
    // It breaks off in a message; the second takes over with what may be missing.
    send(&service, &exporter, 301..401);
    let both = || {
        let mut both = seen[0].all();
        both.extend(seen[1].all());
        both.len()
    };
    wait_until("all records", || both() == 400);
    for seen in &seen {
        assert!(seen.connections().iter().all(|connection| connection.values().all(|times| *times == 1)));
    }
    assert_eq!(service.stop().code, Some(0));
    drop((on_first, on_second));
    sent_again
}

#[test]
fn duplicates_go_to_each_target() {
    let receivers = [(); 2].map(|()| Receiver::at("127.0.0.1:0", Seen::default(), vec![]));
    let [first, second] = receivers.each_ref().map(|receiver| receiver.address);
    let export = format!(
        "[export.next]\ntargets = [\"tcp://{first}\", \"tcp://{second}\"]\nmode = \"duplicate\"\nformat = \"fastnetmon\"\nfrom = \"all\"\n"
    );
    let folder = Folder::new();
    let service = Service::start(&folder, "", &export);
    send(&service, &Exporter::new(1), 1..301);
    for receiver in &receivers {
        wait_until("all records", || receiver.seen.all().len() == 300);
    }
    let ended = service.stop();
    assert_eq!((ended.code, &ended.exports["next"]["records"]), (Some(0), &600.into()), "{:#?}", ended.log);
    receivers.into_iter().for_each(|receiver| assert_eq!(receiver.join().connections().len(), 1));
}

#[test]
fn filter_and_sampling_keep_totals_right() {
    const RECORDS: u32 = 1000;
    let target = Asked::start();
    let export = format!(
        "[export.next]\nurl = \"udp://{}\"\nfrom = \"all\"\nfilter = \"bytes <= 500\"\nsampling = 10\n",
        target.service.address
    );
    let asked = Asked::start_beside("", &export);
    send(&asked.service, &Exporter::new(1), 1..RECORDS + 1);
    asked.wait_stored(RECORDS.into());
    target.wait_stored(50);
    let rows =
        target.ask(&["query", "--format", "json", "--columns", "bytes,packets,sampling_rate", "--limit", "1000"]).records();
    assert!(rows.iter().all(|row| row["sampling_rate"] == 10 && row["bytes"].as_u64().unwrap() <= 500), "{:?}", rows[0]);
    let scaled: u64 = rows.iter().map(|row| row["packets"].as_u64().unwrap() * row["sampling_rate"].as_u64().unwrap()).sum();
    // Three packets in each of the 500 records.
    assert_eq!(scaled, 1500);
    asked.service.stop();
    target.service.stop();
}

#[test]
fn a_name_that_has_moved_is_followed() {
    if let Some(why) = missing(&[]) {
        println!("skipped: {why}");
        return;
    }
    let namespace = Namespace::new("fw");
    // What `ip netns exec` puts in the place of the file of names.
    let etc = std::path::PathBuf::from("/etc/netns").join(&namespace.name);
    let Ok(()) = fs::create_dir_all(&etc) else {
        println!("skipped: no right to make a file of names");
        return;
    };
    let hosts = etc.join("hosts");
    fs::write(&hosts, "127.0.0.1 collector.test\n").unwrap();
    let (folder, port) = (Folder::new(), weir_testkit::free_address().port());
    let collect = |name: &str, address: &str| {
        let path = folder.0.join(name);
        let text = format!("[listen.a]\nurl = \"udp://{address}:{port}\"\n[store]\npath = \"{}\"\n", path.display());
        let file = folder.0.join(format!("{name}.toml"));
        fs::write(&file, text).unwrap();
        (namespace.serve(env!("CARGO_BIN_EXE_weir"), &["run", "-c", file.to_str().unwrap()]), path)
    };
    let stored = |store: &std::path::Path| {
        weir(&["query", "--store", store.to_str().unwrap(), "--format", "none"]).stdout.trim().parse::<u64>().unwrap_or(0)
    };
    let (one, first) = collect("first", "127.0.0.1");
    let (_other, second) = collect("second", "127.0.0.2");
    let sender = folder.0.join("sender.toml");
    let text = format!(
        "[listen.a]\nurl = \"udp://127.0.0.1:{}\"\n[store]\npath = \"{}\"\n[export.b]\nurl = \"udp://collector.test:{port}\"\nfrom = \"all\"\ntemplate_messages = 1\n",
        port.wrapping_add(1),
        folder.0.join("sender").display()
    );
    fs::write(&sender, text).unwrap();
    let _sender = namespace.serve(env!("CARGO_BIN_EXE_weir"), &["run", "-c", sender.to_str().unwrap()]);
    let sample = crate::asking::service::sample("netflow5");
    let to = format!("udp://127.0.0.1:{}", port.wrapping_add(1));
    let replay = || namespace.run(env!("CARGO_BIN_EXE_weir"), &["replay", &sample, "--to", &to]);
    wait_until("records at the first address", || {
        replay();
        std::thread::sleep(Duration::from_millis(500));
        stored(&first) > 0
    });
    // The same file, since another one would not be seen there.
    fs::write(&hosts, "127.0.0.2 collector.test\n").unwrap();
    drop(one);
    wait_until("records at the second address", || {
        replay();
        std::thread::sleep(Duration::from_millis(500));
        stored(&second) > 0
    });
    fs::remove_dir_all(&etc).unwrap();
}
