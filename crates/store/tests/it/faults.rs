//! Disks that are missing, full or damaged, and clocks that jump: they cost no record that they do not have to, and are told.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use weir_store::{Place, Rows, Snapshot, Store, StoreConfig, StoreError, TableKind};

use crate::disk::{PATIENCE, SmallDisk, wait_for};
use crate::numbered::*;

const DAY: i64 = 24 * HOUR;

/// A store with files of ten rows a table, which arrived at these times.
fn with_files(config: StoreConfig, times: &[i64]) -> Store {
    let store = open(config);
    for (part, time) in (0..).zip(times) {
        append(&store, part * 10..part * 10 + 10, *time);
        store.seal();
        store.maintain(BEGIN).unwrap();
    }
    store
}

fn days(count: u64) -> Option<Duration> {
    Some(Duration::from_secs(count * 86_400))
}

/// Names of what lies in the folders of the tables.
fn listed(files: &Path) -> HashSet<String> {
    let all = TableKind::ALL.into_iter().flat_map(|table| Place::local(files).list(table.name()).unwrap());
    all.map(|file| file.name).collect()
}

fn named(store: &Store) -> HashSet<String> {
    let snapshot = store.snapshot();
    TableKind::ALL.into_iter().flat_map(|table| snapshot.files(table).map(|file| file.name.clone()).collect::<Vec<_>>()).collect()
}

#[test]
fn a_disk_that_is_not_mounted_is_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let settings = StoreConfig { files: Place::local(at("data")), ..config(&at("store")) };
    drop(with_files(settings.clone(), &[BEGIN, BEGIN + HOUR]));
    let manifest = fs::read(at("store/manifest.json")).unwrap();
    // Not mounted, with and without the folder in which it is to be mounted.
    fs::rename(at("data"), at("elsewhere")).unwrap();
    for is_folder_there in [false, true] {
        if is_folder_there {
            fs::create_dir(at("data")).unwrap();
        }
        let Err(error) = Store::open(settings.clone(), counted()) else { panic!("a disk is missing") };
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("names 2 files in it; is its disk mounted?"), "{error}");
        assert_eq!(fs::read(at("store/manifest.json")).unwrap(), manifest, "every file still counts");
    }
    fs::remove_dir(at("data")).unwrap();
    fs::rename(at("elsewhere"), at("data")).unwrap();
    assert_has(&open(settings).snapshot(), 0..20);
}

#[test]
fn where_files_are_missing_nothing_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_files(config(folder.path()), &[BEGIN, BEGIN + HOUR]);
    let first = store.snapshot().files(TableKind::Flows).next().unwrap().name.clone();
    drop(store);
    fs::rename(folder.path().join(&first), folder.path().join("flows/saved.parquet")).unwrap();
    let store = open(config(folder.path()));
    let found = store.recovery();
    assert_eq!((found.files_missing, found.files_deleted), (1, 0), "{found:?}");
    assert!(found.faults[0].contains(&first), "{found:?}");
    assert_eq!(flow_numbers(&store.snapshot()), (10..20).collect::<Vec<_>>());
    assert!(listed(folder.path()).contains("flows/saved.parquet"), "it may be what is missing");
    drop(store);
    // The next time nothing is missing, and what nobody names goes.
    assert_eq!(open(config(folder.path())).recovery().files_deleted, 1);
}

#[test]
fn a_clock_that_runs_ahead_expires_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // One that is too old when the newest arrives, and two of one hour, which become one.
    drop(with_files(config(folder.path()), &[BEGIN, BEGIN + 10 * DAY, BEGIN + 10 * DAY + SECOND]));
    // The clock of this machine is months ahead of them.
    let kept = StoreConfig { background: true, retention: days(5), series_retention: days(5), ..config(folder.path()) };
    let store = open(kept);
    wait_for("files of an hour become one", || store.status().merges == 4 || store.status().files_expired > 4);
    assert_eq!(store.status().files_expired, 4, "the first of each table");
    assert_has(&store.snapshot(), 10..30);
}

#[test]
fn what_hinders_compaction_does_not_hinder_retention() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_files(config(folder.path()), &[BEGIN, BEGIN + 5 * DAY]);
    append(&store, 20..30, BEGIN + 6 * DAY);
    drop(store);
    // No file can get this name.
    let obstacle = folder.path().join("flows/2026-01-07/0000000003.parquet");
    fs::create_dir_all(&obstacle).unwrap();
    let kept = StoreConfig { background: true, retention: days(2), series_retention: days(2), ..config(folder.path()) };
    let store = open(kept);
    wait_for("a failure and files that go", || store.status().background_failures > 0 && store.status().files_expired > 0);
    let status = store.status();
    assert_eq!((status.files_expired, status.compactions, status.segments), (4, 0, 1), "{status:?}");
    assert_has(&store.snapshot(), 10..30);
    drop(store);
    fs::remove_dir(&obstacle).unwrap();
    let store = open(config(folder.path()));
    assert_eq!(store.close(PATIENCE).unwrap().segments_left, 0);
    assert_has(&store.snapshot(), 10..30);
}

#[test]
fn a_segment_that_is_cut_while_it_counts_costs_what_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path()));
    let ends: Vec<u64> = (0..3)
        .map(|part| {
            let flows = flows(part * 10..part * 10 + 10, BEGIN);
            store.append(Rows { flows: Some(&flows), ..Rows::default() }).unwrap().offset
        })
        .collect();
    let segment = fs::File::options().write(true).open(folder.path().join("journal/0000000001.wal")).unwrap();
    segment.set_len(ends[1] + 80).unwrap();
    store.seal();
    store.maintain(BEGIN).unwrap();
    let status = store.status();
    assert_eq!((status.blocks_damaged, status.rows_lost, status.segments), (1, 10, 0), "{status:?}");
    assert_eq!(flow_numbers(&store.snapshot()), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_damaged_file_hinders_no_other_from_being_merged() {
    let folder = tempfile::tempdir().unwrap();
    let times: Vec<i64> = (0..6).map(|part| BEGIN + part * HOUR / 2).collect();
    let store = with_files(config(folder.path()), &times);
    let damaged = store.snapshot().files(TableKind::Flows).nth(2).unwrap().name.clone();
    let mut octets = fs::read(folder.path().join(&damaged)).unwrap();
    octets[8] ^= 0x40;
    fs::write(folder.path().join(&damaged), octets).unwrap();
    store.maintain(BEGIN + 4 * HOUR).unwrap();
    let files = |table| store.snapshot().files(table).map(|file| (file.level, file.rows)).collect::<Vec<_>>();
    assert_eq!(files(TableKind::Flows), [(1, 20), (0, 10), (0, 10), (1, 20)]);
    assert_eq!(files(TableKind::Counters), [(1, 20); 3]);
    assert_eq!((store.status().merges, store.status().background_failures), (11, 1));
}

#[test]
fn a_merge_without_room_leaves_nothing_behind() {
    let Some(disk) = SmallDisk::new(8) else { return };
    let path = disk.path().join("store");
    let store = open(config(&path));
    for batch in 0..3 {
        store.append(Rows { flows: Some(&noise(batch)), ..Rows::default() }).unwrap();
        store.seal();
        store.maintain(BEGIN).unwrap();
    }
    let mut ever_named = named(&store);
    let ballast = disk.fill();
    let mut failures = 0;
    // Room for more and more of it, so that it runs out at every step.
    loop {
        let result = store.maintain(BEGIN + 2 * HOUR);
        ever_named.extend(named(&store));
        let left: Vec<String> = listed(&path).into_iter().filter(|name| !ever_named.contains(name)).collect();
        assert_eq!(left, [""; 0], "after {failures} failures: {result:?}");
        match result {
            Ok(()) => break,
            Err(error) => assert!(error.is_no_room(), "{error}"),
        }
        failures += 1;
        let octets = ballast.metadata().unwrap().len();
        ballast.set_len(octets.checked_sub(1 << 12).unwrap()).unwrap();
    }
    assert!(failures > 10, "{failures}");
    assert_eq!((store.status().merges, listed(&path)), (2, named(&store)));
    assert_eq!(flow_numbers(&store.snapshot()), (0..60_000).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_of_the_journal_costs_no_file_on_another() {
    let (Some(first), Some(second)) = (SmallDisk::new(16), SmallDisk::new(16)) else { return };
    let settings = StoreConfig {
        files: Place::local(second.path().join("data/not/made/yet")),
        reserve: 1 << 20,
        ..config(&first.path().join("store"))
    };
    let store = with_files(settings, &[BEGIN]);
    drop(first.fill());
    let mut refused = None;
    for batch in 1..100 {
        if let Err(error) = store.append(Rows { flows: Some(&noise(batch)), ..Rows::default() }) {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(StoreError::NoRoom { .. })), "{refused:?}");
    assert_eq!((store.status().files_expired, store.status().refused), (0, 1));
    assert_eq!(&flow_numbers(&store.snapshot())[..10], (0..10).collect::<Vec<_>>());
    first.empty();
    store.append(Rows { flows: Some(&noise(100)), ..Rows::default() }).unwrap();
}

#[test]
fn a_full_disk_of_the_files_makes_room_there() {
    let (Some(first), Some(second)) = (SmallDisk::new(48), SmallDisk::new(16)) else { return };
    let settings = StoreConfig {
        files: Place::local(second.path().join("data/not/made/yet")),
        segment_octets: 1 << 20,
        reserve: 2 << 20,
        background: true,
        ..config(&first.path().join("store"))
    };
    let store = open(settings);
    let mut batch = 0;
    while store.status().files_expired == 0 {
        store.append(Rows { flows: Some(&noise(batch)), ..Rows::default() }).unwrap();
        store.commit().unwrap();
        store.seal();
        wait_for("the journal becomes files", || store.status().segments == 0 || store.status().background_failures > 0);
        batch += 1;
        assert!(store.status().background_failures == 0 && batch < 500, "{:?}", store.status());
    }
    assert_eq!(store.status().refused, 0);
    let there = flow_numbers(&store.snapshot());
    assert!(there.iter().copied().eq(there[0]..batch * 20_000), "the newest are there without a gap");
}

#[test]
fn a_segment_that_cannot_be_read_is_told_to_readers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path()));
    append(&store, 0..10, BEGIN);
    let segment = folder.path().join("journal/0000000002.wal");
    fs::create_dir(&segment).unwrap();
    let Err(error) = Snapshot::open(folder.path(), None, Some(counted())) else { panic!("it cannot be read") };
    assert!(matches!(&error, StoreError::Io { path, .. } if *path == segment), "{error}");
    fs::remove_dir(&segment).unwrap();
    assert_has(&Snapshot::open(folder.path(), None, Some(counted())).unwrap(), 0..10);
}
