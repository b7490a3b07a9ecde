//! What answers say of what is missing in them: by the accounts that the service keeps, its own of now and those of minutes before.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use weir_record::HealthBatch;
use weir_server::{AccountRow, AccountState};
use weir_store::{Rows, Store, StoreConfig, no_summary};

use super::service::Asked;
use crate::collect::messages::netflow5;
use crate::collect::service::{Exporter, Folder};
use crate::run::Run;

const MINUTE: i64 = 60_000_000_000;

/// Begin of this minute, nanoseconds since 1970.
fn this_minute() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
    now - now % MINUTE
}

/// A store in which a service noted for so many seconds in each minute that it was there, and a datagram that the kernel dropped.
fn noted(minutes: &[(i64, u64)]) -> Folder {
    let folder = Folder::new();
    let config = StoreConfig { background: false, ..StoreConfig::new(folder.store()) };
    let store = Store::open(config, no_summary()).unwrap();
    let mut health = HealthBatch::new();
    for (row, (minute, seconds)) in minutes.iter().enumerate() {
        health.slot.push(row, *minute);
        health.up.push(row, seconds * 1_000_000);
        health.dropped_kernel.push(row, 1);
        health.advance(1);
    }
    health.finish();
    store.append(Rows { flows: None, counters: None, health: Some(&health) }).unwrap();
    store.commit().unwrap();
    folder
}

/// What an answer about this time says of itself.
fn completeness(run: &Run) -> Value {
    assert_eq!(run.code, 0, "{}", run.stderr);
    let summary = run.stderr.lines().last().unwrap_or_default();
    serde_json::from_str::<Value>(summary).unwrap_or_else(|error| panic!("{error}: {}", run.stderr))["completeness"].clone()
}

fn time(nanoseconds: i64) -> String {
    jiff::Timestamp::from_nanosecond(nanoseconds.into()).unwrap().to_string()
}

#[test]
fn account_is_kept_from_the_start_on() {
    let asked = Asked::start();
    let known = completeness(&asked.ask(&["query", "--summary", "--format", "json", "--stats"]));
    assert_eq!((&known["state"], &known["records"]), (&json!("complete"), &json!(0)), "{known}");
}

#[test]
fn a_minute_without_the_service_is_told_in_the_answer_about_it() {
    let now = this_minute();
    let minutes: Vec<_> = [(10, 60), (9, 60), (8, 60), (6, 60), (5, 20), (4, 60), (3, 60), (2, 60)]
        .map(|(ago, up)| (now - ago * MINUTE, up))
        .into();
    let asked = Asked::start_in(noted(&minutes));
    let of = |from: i64, to: i64| {
        let (from, to) = (time(now - from * MINUTE), time(now - to * MINUTE));
        completeness(&asked.ask(&["query", "--summary", "--format", "json", "--stats", "--from", &from, "--to", &to]))
    };
    // Ten minutes ago it began somewhere in the minute.
    for (from, to, down, dropped) in [
        (10, 9, 0, 1),
        (9, 8, 0, 1),
        (8, 7, 0, 1),
        (7, 6, 60, 0),
        (6, 5, 0, 1),
        (5, 4, 40, 1),
        (4, 3, 0, 1),
        // The minute before it was started.
        (1, 0, 60, 0),
        (9, 0, 60 + 40 + 60, 7),
    ] {
        let known = of(from, to);
        assert_eq!(
            (&known["down_seconds"], &known["dropped_datagrams"]),
            (&json!(down), &json!(dropped)),
            "from {from} to {to} minutes ago: {known}"
        );
        assert_eq!(known["state"], "incomplete");
    }
    assert!(of(7, 6)["text"].as_str().unwrap().contains("the service was not receiving for 60 s"));
    assert_eq!(of(15, 11)["state"], "unknown", "before the first note");
    // The same, slot by slot.
    let slots = |from: i64, to: i64, step: &str| -> Vec<AccountRow> {
        let (from, to) = (time(now - from * MINUTE), time(now - to * MINUTE));
        let (status, text) = asked.get(&format!("/api/v1/completeness?from={from}&to={to}&step={step}"));
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    use AccountState::{Down, Lossy, Unknown};
    let told: Vec<_> = slots(12, 0, "1m").iter().map(|slot| (slot.state, slot.down_seconds)).collect();
    let expected = [(Unknown, 0), (Unknown, 0), (Lossy, 0), (Lossy, 0), (Lossy, 0), (Down, 60), (Lossy, 0), (Down, 40)];
    assert_eq!(told[..8], expected, "{told:?}");
    assert_eq!(told[8..], [(Lossy, 0), (Lossy, 0), (Lossy, 0), (Down, 60)], "{told:?}");
    let long = slots(600, 0, "12h");
    let dropped = |slots: &[AccountRow]| slots.iter().map(|slot| slot.missing.unwrap().dropped_datagrams).sum::<u64>();
    assert_eq!(dropped(&long), 8, "{long:?}");
    assert_eq!(dropped(&slots(12, 0, "1m")), 8);
    let (status, text) = asked.get(&format!("/api/v1/completeness?last={}m", weir_store::MAX_ACCOUNT_SLOTS + 1));
    assert_eq!(status, 422, "{text}");
    assert_eq!(asked.get(&format!("/api/v1/completeness?last={}m", weir_store::MAX_ACCOUNT_SLOTS - 1)).0, 200);
}

#[test]
fn the_minute_that_runs_is_not_held_against_the_service() {
    // Once it is over it is held against it, so it is asked about another one where it ended meanwhile.
    let running = loop {
        let now = this_minute();
        let asked = Asked::start_in(noted(&[(now - MINUTE, 60)]));
        let known = completeness(&asked.ask(&["query", "--summary", "--format", "json", "--stats", "--from", &time(now)]));
        if this_minute() == now {
            break known;
        }
    };
    assert_eq!((&running["state"], &running["down_seconds"]), (&json!("complete"), &json!(0)), "{running}");
}

#[test]
fn losses_count_for_the_sources_that_are_asked_for() {
    let asked = Asked::start();
    for (number, sequences) in [(1, [0, 1, 5, 6]), (2, [0, 1, 2, 3])] {
        let messages = sequences.map(|sequence| netflow5(sequence, 10));
        Exporter::new(number).send(&asked.service, messages.iter().map(Vec::as_slice));
    }
    let Asked { folder, service, .. } = asked;
    service.stop().check_identity();
    let store = folder.store();
    let read = |filter: &str| {
        let arguments = ["query", filter, "--summary", "--format", "json", "--stats", "--store", store.to_str().unwrap()];
        completeness(&crate::run::weir(&arguments))
    };
    for (filter, state, lost) in
        [("any", "incomplete", 3), ("exporter 127.0.0.1", "incomplete", 3), ("exporter 127.0.0.2", "complete", 0)]
    {
        let known = read(filter);
        assert_eq!((&known["state"], &known["lost_records"]), (&json!(state), &json!(lost)), "{filter}: {known}");
    }
}
