//! Who may send, what is known of sources, and how that changes while the service runs.

use std::time::Instant;

use serde_json::Value;
use weir_testkit::wait_until;

use super::messages::{netflow5, netflow5_at, netflow9, seconds};
use super::service::{Exporter, Folder, Service, Stored, config};
use crate::run::{self, weir};

fn rates(stored: &Stored) -> Vec<Option<u32>> {
    (0..stored.flows.rows()).map(|row| stored.flows.sampling_rate.get(row)).collect()
}

#[test]
fn only_allowed_exporters_and_only_their_rate_is_taken() {
    let folder = Folder::new();
    let service = Service::start(&folder, "allow = [\"127.0.0.1\", \"127.0.0.16/28\"]\nrate_limit = 50", "");
    let messages: Vec<_> = (0..200).map(|sequence| netflow5(sequence, 1)).collect();
    let begun = Instant::now();
    for number in [1, 2, 17] {
        let count = if number == 17 { 10 } else { 200 };
        Exporter::new(number).send(&service, messages[..count].iter().map(Vec::as_slice));
    }
    let ended = service.stop();
    ended.check_identity();
    assert_eq!((ended.count("datagrams"), ended.count("not_allowed")), (410, 200));
    // 50 at once, and as many a second: the messages take a few hundredths of one, where the machine has nothing else to do.
    let taken = ended.count("decoded") - 10;
    let most = 50 * (2 + begun.elapsed().as_secs());
    assert!((50..=most).contains(&taken), "{taken} of 200, expected {most} at the most");
    assert_eq!(ended.count("over_rate"), 200 - taken);
    let stored = Stored::read(&folder.store());
    assert_eq!(stored.flows.rows() as u64, ended.count("decoded"));
    assert_eq!(stored.health(None, |health, row| health.dropped_guard.get(row)), 200 + ended.count("over_rate"));
}

#[test]
fn settings_of_sources_are_in_their_rows() {
    let folder = Folder::new();
    let sources = "
        [source.core]
        match = \"127.0.0.1\"
        group = \"pair\"
        sampling = 512
        interfaces.1 = { name = \"ge-0/0/1\", speed = \"10G\", boundary = \"external\" }
        [source.old]
        match = \"127.0.0.2\"
        name = \"Old router\"
        clock = \"arrival\"
        sampling = \"scaled\"
        [enrich.prefixes]
        \"10.0.0.0/24\" = \"office\"
    ";
    let service = Service::start(&folder, "", sources);
    for number in 1..=3 {
        Exporter::new(number).send(&service, [&netflow5(0, u32::from(number))[..]]);
    }
    service.stop().check_identity();
    let Stored { flows, .. } = Stored::read(&folder.store());
    let row = |number: u64| (0..flows.rows()).find(|row| flows.bytes.get(*row) == Some(number)).unwrap();
    let (core, old, other) = (row(1), row(2), row(3));
    let texts =
        |row| [flows.exporter_name.get(row), flows.source_group.get(row), flows.in_if_name.get(row), flows.src_group.get(row)];
    assert_eq!(texts(core), [Some("core"), Some("pair"), Some("ge-0/0/1"), Some("office")]);
    assert_eq!(texts(old), [Some("Old router"), None, None, Some("office")]);
    assert_eq!(texts(other), [None, None, None, Some("office")]);
    assert_eq!([core, old, other].map(|row| flows.sampling_rate.get(row)), [Some(512), Some(1), None]);
    assert_eq!([core, old].map(|row| flows.time_suspect.get(row)), [None, Some(1)]);
    assert_eq!((flows.in_if_speed.get(core), flows.in_boundary.get(core)), (Some(10_000_000_000), Some(1)));
}

#[test]
fn a_reload_loses_nothing_and_a_bad_one_changes_nothing() {
    let folder = Folder::new();
    let allowed = |number: u8| format!("allow = [\"127.0.0.{number}\"]");
    let console = format!("[console]\nlisten = \"{}\"\n", weir_testkit::free_address());
    let service = Service::start(&folder, &allowed(1), &console);
    let (first, second) = (Exporter::new(1), Exporter::new(2));
    // Of the service one asks by a file that stays good.
    let file = run::File::new("asked.toml", config(service.address, &folder.store(), "", &console).as_bytes());
    let received = || {
        let words = ["counters", "--grep", "weir_receive_datagrams_total", "--format", "json", "-c", file.path()];
        weir(&words).records().iter().map(|row| row["value"].as_u64().unwrap()).sum::<u64>()
    };
    let send = |sequence: u32| {
        let message = netflow5(sequence, 1 << sequence);
        first.send(&service, [&message[..]]);
        second.send(&service, [&message[..]]);
        // They are let in or not by the rules of now.
        wait_until("both to be received", || received() == 2 * (u64::from(sequence) + 1));
    };
    send(0);
    let source = format!("[source.two]\nmatch = \"127.0.0.2\"\nsampling = 7\n{console}");
    service.reload(&config(service.address, &folder.store(), &allowed(2), &source));
    send(1);
    service.reload("[listen.lab]\nurl = \"udp://127.0.0.1:99999\"\n");
    send(2);
    assert_eq!(service.told("the configuration is refused, the one before goes on"), 1);
    let workers = format!("{source}\n[collector]\nworkers = 1\n");
    service.reload(&config(service.address, &folder.store(), "receive_buffer = \"1MiB\"", &workers));
    assert_eq!(service.told("a change of this section needs a restart"), 1);
    send(3);
    let ended = service.stop();
    ended.check_identity();
    let stored = Stored::read(&folder.store());
    // The first, then the second twice, then both.
    assert_eq!(stored.sum(|flows, row| flows.bytes.get(row)), 1 + 2 + 4 + 8 + 8);
    let mut rates = rates(&stored);
    rates.sort();
    assert_eq!(rates, [None, None, Some(7), Some(7), Some(7)]);
}

#[test]
fn bad_data_costs_only_itself_and_is_told_a_few_times() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", "");
    let (good, bad) = (Exporter::new(1), Exporter::new(2));
    let mut rng = weir_testkit::Rng::with_seed(7);
    for sequence in 0..500 {
        good.send(&service, [&netflow9(sequence, sequence == 0, Some(1))[..]]);
        let noise: Vec<Vec<u8>> = (0..8).map(|_| (0..rng.usize(0..200)).map(|_| rng.u8(..)).collect()).collect();
        // Some of it begins like a protocol.
        let begun = noise.iter().map(|noise| [&[0, rng.u8(0..12)], &noise[..]].concat()).collect::<Vec<_>>();
        bad.send(&service, begun.iter().map(Vec::as_slice));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let ended = service.stop();
    ended.check_identity();
    assert_eq!((ended.count("datagrams"), ended.count("kernel_dropped"), ended.count("queue_dropped")), (4500, 0, 0));
    let stored = Stored::read(&folder.store());
    let of_good = (0..stored.flows.rows())
        .filter(|row| stored.flows.exporter.get(*row).map(|exporter| exporter.to_string()).as_deref() == Some("127.0.0.1"));
    assert_eq!(of_good.count(), 500);
    let warned = ended.log.iter().filter(|line| line.contains("bad data")).count();
    // The same is told again after ten seconds, so the more the longer it took.
    assert!((1..200).contains(&warned), "{warned} lines");
}

#[test]
fn times_that_make_no_sense_are_marked() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", "");
    Exporter::new(1).send(&service, [&netflow5_at(seconds() - 3 * 86_400, 0, 1)[..], &netflow5(1, 2)[..]]);
    service.stop().check_identity();
    let Stored { flows, .. } = Stored::read(&folder.store());
    let suspects: Vec<_> = (0..2).filter(|row| flows.time_suspect.get(*row) == Some(1)).map(|row| flows.bytes.get(row)).collect();
    assert_eq!(suspects, [Some(1)]);
}

#[test]
fn sources_say_why_there_is_no_data() {
    let folder = Folder::new();
    let console = weir_testkit::free_address();
    let more = format!(
        "[console]\nlisten = \"{console}\"\n[source.edge]\nmatch = \"127.0.0.2\"\n[source.absent]\nmatch = \"127.0.0.77\"\n"
    );
    let service = Service::start(&folder, "allow = [\"127.0.0.0/29\"]", &more);
    let two_hours_ago: Vec<_> = (0..20).map(|sequence| netflow5_at(seconds() - 2 * 3600, sequence, 1)).collect();
    Exporter::new(1).send(&service, two_hours_ago.iter().map(Vec::as_slice));
    Exporter::new(2).send(&service, [&netflow9(0, false, Some(1))[..]]);
    Exporter::new(3).send(&service, [&b"nonsense"[..]]);
    Exporter::new(9).send(&service, [&netflow5(0, 1)[..]]);
    let mut rows = Vec::new();
    let expected = [
        ("127.0.0.1", "receiving", "its clock is 2 h behind"),
        ("127.0.0.2", "waiting_for_template", "data waits for its template"),
        ("127.0.0.3", "faulty", "nothing can be read, unknown_protocol"),
        ("127.0.0.9", "refused", "not allowed by listen.lab.allow: add 127.0.0.9"),
        ("127.0.0.77", "never_heard", "nothing has come from 127.0.0.77 since the start"),
    ];
    // Sources are looked after once a second.
    for (exporter, state, note) in expected {
        let is_told = |row: &Value| row["state"] == state && row["note"].as_str().is_some_and(|told| told.starts_with(note));
        wait_until(&format!("{exporter}: {note}"), || {
            rows = service.sources();
            rows.iter().any(|row| row["exporter"] == exporter && is_told(row))
        });
    }
    service.stop().check_identity();
    let absent = rows.iter().find(|row| row["exporter"] == "127.0.0.77").unwrap();
    assert_eq!((&absent["name"], absent.get("last_seen")), (&"absent".into(), None));
    // What the store keeps account of is told without the service.
    let stored = weir(&["sources", "--store", folder.store().to_str().unwrap(), "--format", "json"]).records();
    let of = |exporter: &str| stored.iter().find(|row| row["exporter"] == exporter).unwrap_or_else(|| panic!("{stored:?}"));
    assert_eq!(
        (stored.len(), of("127.0.0.1")["records"].as_u64(), of("127.0.0.1")["datagrams"].as_u64()),
        (3, Some(20), Some(20))
    );
    assert_eq!((of("127.0.0.3")["faults"]["any"].as_u64(), &of("127.0.0.3")["state"]), (Some(1), &"silent".into()));
    let edge = rows.iter().find(|row| row["exporter"] == "127.0.0.2").unwrap();
    assert_eq!((&edge["name"], &edge["pending"], &edge["protocols"][0]), (&"edge".into(), &1.into(), &"netflow9".into()));
}
