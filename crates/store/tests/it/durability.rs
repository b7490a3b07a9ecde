//! What was committed is there, once and only once, whatever happens.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use weir_store::{Archive, Rows, Snapshot, Store, StoreConfig, StoreError, TableKind};

use crate::disk::{PATIENCE, SmallDisk, wait_for};
use crate::numbered::*;

fn segments(store: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(store.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn rows_are_seen_at_once_and_after_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path()));
    let first = store.append(Rows::default()).unwrap();
    append(&store, 0..10, BEGIN);
    assert_has(&store.snapshot(), 0..10);
    let earlier = store.snapshot();
    append(&store, 10..1000, BEGIN + SECOND);
    assert_has(&store.snapshot(), 0..1000);
    assert_eq!(flow_numbers(&earlier).len(), 10, "a snapshot does not change");
    let position = store.commit().unwrap();
    assert!(position > first);
    assert_eq!(store.commit().unwrap(), position, "nothing new");

    store.seal();
    append(&store, 1000..1010, BEGIN + 2 * SECOND);
    store.maintain(BEGIN + 3 * SECOND).unwrap();
    assert_has(&store.snapshot(), 0..1010);
    assert_has(&Snapshot::open(folder.path(), None, Some(counted())).unwrap(), 0..1010);
    assert_eq!(store.snapshot().files(TableKind::Flows).map(|file| file.rows).collect::<Vec<_>>(), [1000]);
    assert_eq!(health_rows(&store.snapshot()), 3);
    assert_eq!(flow_numbers(&earlier).len(), 10, "its segment is deleted and can be read");

    drop(store);
    let store = open(config(folder.path()));
    assert_eq!((store.recovery().segments, store.recovery().rows), (1, 21));
    assert_eq!(store.recovery().faults, [""; 0]);
    assert_has(&store.snapshot(), 0..1010);
    assert_eq!(store.close(PATIENCE).unwrap().segments_left, 0);
    assert_has(&store.snapshot(), 0..1010);
    drop(store);
    assert!(segments(folder.path()).is_empty());
    assert_has(&open(config(folder.path())).snapshot(), 0..1010);
}

#[test]
fn a_second_writer_is_refused_and_told_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path()));
    let Err(error) = Store::open(config(folder.path()), counted()) else { panic!("two writers") };
    let StoreError::Locked { pid, .. } = &error else { panic!("{error}") };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
    drop(store);
    open(config(folder.path()));
    let Err(error) = Snapshot::open(&folder.path().join("elsewhere"), None, None) else { panic!("no store there") };
    assert!(matches!(error, StoreError::Absent { .. }), "{error}");
}

const CHILD: &str = "WEIR_STORE_APPENDS_TO";

/// The child of the next test: appends numbers without end, and says after each commit which is the first that is not durable.
fn append_until_killed(path: &Path, mut number: u64) -> ! {
    let config = StoreConfig { segment_octets: 1 << 16, background: true, ..config(path) };
    let store = open(config);
    let mut out = std::io::stdout();
    loop {
        append(&store, number..number + 40, BEGIN + number as i64 * SECOND / 1000);
        number += 40;
        if number.is_multiple_of(120) {
            store.commit().unwrap();
            writeln!(out, "durable {number}").unwrap();
        }
    }
}

#[test]
fn what_was_committed_survives_kill_9() {
    if let Ok(child) = std::env::var(CHILD) {
        let (number, path) = child.split_once(' ').unwrap();
        append_until_killed(Path::new(path), number.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut expected, mut compacted) = (0, 0);
    // Batches that were cut between the block of their flows and that of their counters.
    let mut torn: Vec<Range<u64>> = Vec::new();
    for round in 0..50_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "durability::what_was_committed_survives_kill_9", "--nocapture"])
            .env(CHILD, format!("{expected} {}", folder.path().display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut durable = expected;
        let mut note =
            |line: &String| line.strip_prefix("durable ").inspect(|number| durable = number.parse().unwrap()).is_some();
        assert!(lines.any(|line| note(&line)), "the child never got as far");
        let end = Instant::now() + Duration::from_micros(round * 7919 % 61_000);
        // The last one gets as far as files: on a slow disk no other may live for long enough.
        let has_files = || fs::read_to_string(folder.path().join("manifest.json")).is_ok_and(|text| text.contains(".parquet"));
        let is_last = round == 49;
        while Instant::now() < end || is_last && !has_files() {
            lines.next().iter().for_each(|line| _ = note(line));
        }
        child.kill().unwrap();
        lines.for_each(|line| _ = note(&line));
        child.wait().unwrap();

        let snapshot = Snapshot::open(folder.path(), None, Some(counted())).unwrap();
        let numbers = flow_numbers(&snapshot);
        let there = numbers.len() as u64;
        assert!(there >= durable, "round {round}: {there} of {durable}");
        assert_eq!(there % 40, 0, "a batch is there as a whole");
        assert!(numbers.into_iter().eq(0..there), "round {round}");
        // Flows of a batch are written before its counters: a kill in the middle of the write leaves the last batch without them.
        let counters = counter_numbers(&snapshot);
        if there > durable && counters.binary_search(&(there - 1)).is_err() {
            torn.push(there - 40..there);
        }
        let whole = (0..there).filter(|number| !torn.iter().any(|batch| batch.contains(number)));
        assert!(counters.into_iter().eq(whole), "round {round}: {torn:?} are torn, {durable} are durable");
        assert_eq!(flows_in_series(&snapshot), there, "round {round}");
        expected = there;
        compacted = compacted.max(snapshot.files(TableKind::Flows).map(|file| file.rows).sum::<u64>());
    }
    assert!(expected >= 50 * 120 && compacted > 0, "{expected} rows, {compacted} in files");
    let store = open(config(folder.path()));
    store.close(PATIENCE).unwrap();
    assert!(flow_numbers(&store.snapshot()).into_iter().eq(0..expected));
    assert_eq!(flows_in_series(&store.snapshot()), expected);
    let torn: u64 = torn.iter().map(|batch| batch.end - batch.start).sum();
    assert_eq!(counter_numbers(&store.snapshot()).len() as u64, expected - torn);
}

#[test]
fn a_crash_at_any_step_of_compaction_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let store = open(config(&at("before")));
    append(&store, 0..500, BEGIN);
    store.commit().unwrap();
    store.seal();
    append(&store, 500..600, BEGIN + SECOND);
    store.commit().unwrap();
    drop(store);
    copy_all(&at("before"), &at("after"));
    let store = open(config(&at("after")));
    store.maintain(BEGIN + 2 * SECOND).unwrap();
    drop(store);
    assert!(segments(&at("after")).is_empty());

    // Files are in place, and the manifest does not name them.
    copy_all(&at("after"), &at("unnamed"));
    fs::copy(at("before").join("manifest.json"), at("unnamed").join("manifest.json")).unwrap();
    copy_all(&at("before").join("journal"), &at("unnamed").join("journal"));
    // The same in the middle of the files, and of the manifest.
    copy_all(&at("unnamed"), &at("partly"));
    fs::remove_dir_all(at("partly").join("series")).unwrap();
    fs::rename(first_file(&at("partly").join("flows")), first_folder(&at("partly").join("flows")).join("0000000001.parquet.new"))
        .unwrap();
    fs::write(at("partly").join("manifest.json.new"), b"{\"version\":1,\"gen").unwrap();
    // The manifest names the files, and no segment, or not every one, is deleted yet.
    copy_all(&at("after"), &at("named"));
    copy_all(&at("before").join("journal"), &at("named").join("journal"));
    copy_all(&at("named"), &at("deleting"));
    fs::remove_file(&segments(&at("deleting"))[0]).unwrap();

    for (name, unnamed, dead) in
        [("before", 0, 0), ("unnamed", 4, 0), ("partly", 3, 0), ("named", 0, 2), ("deleting", 0, 1), ("after", 0, 0)]
    {
        let path = at(name);
        assert_has(&Snapshot::open(&path, None, Some(counted())).unwrap(), 0..600);
        let store = open(config(&path));
        let found = store.recovery();
        assert!(found.files_deleted >= unnamed && (unnamed > 0 || found.files_deleted == 0), "{name}: {found:?}");
        assert_eq!(found.segments_deleted, dead, "{name}");
        assert_has(&store.snapshot(), 0..600);
        store.maintain(BEGIN + 3 * SECOND).unwrap();
        assert_has(&store.snapshot(), 0..600);
        append(&store, 600..700, BEGIN + 4 * SECOND);
        store.close(PATIENCE).unwrap();
        drop(store);
        assert_has(&open(config(&path)).snapshot(), 0..700);
    }
}

fn first_folder(folder: &Path) -> PathBuf {
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

fn first_file(folder: &Path) -> PathBuf {
    first_folder(&first_folder(folder))
}

#[test]
fn a_store_without_its_manifest_is_not_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path()));
    append(&store, 0..10, BEGIN);
    store.close(PATIENCE).unwrap();
    drop(store);
    let manifest = folder.path().join("manifest.json");
    let octets = fs::read(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    let Err(error) = Store::open(config(folder.path()), counted()) else { panic!("no manifest") };
    assert!(error.to_string().contains("no manifest that names them"), "{error}");
    fs::write(&manifest, &octets[..octets.len() / 2]).unwrap();
    assert!(matches!(Store::open(config(folder.path()), counted()), Err(StoreError::Damaged { .. })));
    fs::write(&manifest, octets).unwrap();
    assert_has(&open(config(folder.path())).snapshot(), 0..10);
}

#[test]
fn every_cut_of_the_last_write_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let store = open(config(&whole));
    append(&store, 0..5, BEGIN);
    let committed = store.commit().unwrap();
    let last = flows(5..8, BEGIN + SECOND);
    store.append(Rows { flows: Some(&last), ..Rows::default() }).unwrap();
    drop(store);
    let octets = fs::read(&segments(&whole)[0]).unwrap();
    for end in (committed.offset as usize..octets.len() - 7).step_by(3) {
        let path = folder.path().join("cut");
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("journal")).unwrap();
        let segment = path.join("journal/0000000001.wal");
        // Half of the cases end in garbage instead of the end of the file.
        let mut cut = octets[..end].to_vec();
        cut.resize(end + if end.is_multiple_of(2) { 0 } else { 100 }, 0xa5);
        fs::write(&segment, &cut).unwrap();
        let store = open(config(&path));
        assert_eq!(store.recovery().octets_cut, cut.len() as u64 - committed.offset, "{end}");
        assert_eq!(fs::metadata(&segment).unwrap().len(), committed.offset);
        append(&store, 5..6, BEGIN + 2 * SECOND);
        assert_has(&store.snapshot(), 0..6);
    }
}

#[test]
fn damage_costs_one_block_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path()));
    let mut ends = vec![0];
    for number in 0..6 {
        let flows = flows(number * 10..number * 10 + 10, BEGIN);
        ends.push(store.append(Rows { flows: Some(&flows), ..Rows::default() }).unwrap().offset as usize);
    }
    store.seal();
    append(&store, 60..70, BEGIN);
    drop(store);
    let segment = &segments(folder.path())[0];
    let mut octets = fs::read(segment).unwrap();
    octets[ends[1] + 2] ^= 1; // magic of the second block
    octets[ends[4] + 90] ^= 1; // values of the fifth
    fs::write(segment, octets).unwrap();

    let store = open(config(folder.path()));
    assert_eq!((store.recovery().damaged, store.recovery().octets_damaged), (1, (ends[2] - ends[1]) as u64));
    assert!(store.recovery().faults[0].contains("are no block"), "{:?}", store.recovery().faults);
    store.maintain(BEGIN + SECOND).unwrap();
    assert_eq!((store.status().blocks_damaged, store.status().rows_lost), (1, 10));
    let left: Vec<u64> = (0..70).filter(|number| !(10..20).contains(number) && !(40..50).contains(number)).collect();
    assert_eq!(flow_numbers(&store.snapshot()), left);
    assert_eq!(flows_in_series(&store.snapshot()), left.len() as u64);
}

#[test]
fn a_segment_that_cannot_be_read_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path()));
    append(&store, 0..10, BEGIN);
    drop(store);
    fs::create_dir(folder.path().join("journal/0000000002.wal")).unwrap();
    fs::write(folder.path().join("journal/0000000002.wal/kept"), b"x").unwrap();
    let store = open(config(folder.path()));
    assert_eq!(store.recovery().unreadable, 1);
    assert_has(&store.snapshot(), 0..10);
    append(&store, 10..20, BEGIN);
    store.close(PATIENCE).unwrap();
    drop(store);
    let store = open(config(folder.path()));
    assert_eq!((store.recovery().unreadable, store.recovery().segments_deleted), (0, 0));
    assert_has(&store.snapshot(), 0..20);
    assert!(folder.path().join("journal/0000000002.wal.unreadable/kept").exists());
}

#[test]
fn many_threads_append_while_files_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig { segment_octets: 1 << 14, background: true, ..config(folder.path()) };
    let store = Arc::new(open(config));
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    // Writers go on when each reader has read once, so that all do it at the same time.
    let reading = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for batch in 0..60 {
                        if batch == 20 {
                            wait_for("both readers read", || reading.load(Ordering::Relaxed) == 2);
                        }
                        let number = next.fetch_add(100, Ordering::Relaxed);
                        append(&store, number..number + 100, BEGIN + number as i64);
                        store.commit().unwrap();
                    }
                })
            })
            .collect();
        // Readers see each row once at any moment, those of another process too.
        let readers = [false, true].map(|is_other| {
            let (store, is_over, reading, path) = (&store, &is_over, &reading, folder.path());
            scope.spawn(move || {
                let mut seen = None;
                while !is_over.load(Ordering::Relaxed) {
                    let snapshot = if is_other { Snapshot::open(path, None, Some(counted())).unwrap() } else { store.snapshot() };
                    let mut numbers = flow_numbers(&snapshot);
                    let there = numbers.len();
                    numbers.dedup();
                    assert_eq!(numbers.len(), there, "a row twice");
                    match seen.replace(there) {
                        Some(seen) => assert!(there >= seen, "a row less"),
                        None => _ = reading.fetch_add(1, Ordering::Relaxed),
                    }
                }
            })
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        is_over.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert_has(&store.snapshot(), 0..18_000);
    assert_eq!(store.close(PATIENCE).unwrap().segments_left, 0);
    assert_has(&store.snapshot(), 0..18_000);
    let status = store.status();
    assert_eq!((status.rows, status.rows_compacted, status.background_failures), (18_000 * 2 + 180, 18_000 * 2 + 180, 0));
    assert!(status.compactions > 2, "{status:?}");
}

#[test]
fn small_files_of_an_hour_and_of_a_day_become_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path()));
    for part in 0..12 {
        append(&store, part * 10..part * 10 + 10, BEGIN + part as i64 * HOUR / 4);
        store.seal();
        store.maintain(BEGIN + HOUR / 4).unwrap();
    }
    let files = |table| store.snapshot().files(table).map(|file| (file.level, file.rows)).collect::<Vec<_>>();
    assert_eq!(files(TableKind::Flows), [(0, 10); 12]);
    let before = store.snapshot();
    store.maintain(BEGIN + 4 * HOUR).unwrap();
    assert_eq!(files(TableKind::Flows), [(1, 40); 3]);
    assert_eq!(files(TableKind::Health), [(1, 4); 3]);
    assert_has(&store.snapshot(), 0..120);
    assert_has(&before, 0..120);
    drop(before);
    store.maintain(BEGIN + 25 * HOUR).unwrap();
    assert_eq!(files(TableKind::Flows), [(2, 120)]);
    assert_has(&store.snapshot(), 0..120);
    store.maintain(BEGIN + 26 * HOUR).unwrap();
    assert_eq!(fs::read_dir(first_folder(&folder.path().join("flows"))).unwrap().count(), 1, "those merged are deleted");
    drop(store);
    assert_has(&open(config(folder.path())).snapshot(), 0..120);
}

#[test]
fn retention_goes_by_age_and_size_and_spares_pins() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path()));
    for day in 0..6 {
        append(&store, day * 100..day * 100 + 100, BEGIN + day as i64 * 24 * HOUR);
        store.seal();
        store.maintain(BEGIN).unwrap();
    }
    let now = BEGIN + 5 * 24 * HOUR + HOUR;
    let day = Duration::from_secs(86_400);
    Archive::open(folder.path()).add(BEGIN, BEGIN + HOUR, "case 7", now).unwrap();
    let reader = store.snapshot();
    store.set_retention(Some(3 * day), None, Some(u64::MAX));
    store.maintain(now).unwrap();
    // Day 0 is pinned, and days 1 and 2 are too old; series stay.
    let left: Vec<u64> = (0..100).chain(300..600).collect();
    assert_eq!(flow_numbers(&store.snapshot()), left);
    assert_eq!(flows_in_series(&store.snapshot()), 600);
    assert_eq!(flow_numbers(&reader).len(), 600, "who reads goes on reading");
    drop(reader);

    store.set_retention(None, Some(2 * day), Some(u64::MAX));
    store.maintain(now).unwrap();
    assert_eq!(flows_in_series(&store.snapshot()), 300, "the pinned day and the last two");
    assert_eq!(flow_numbers(&store.snapshot()), left);

    // The oldest day that is not pinned is too much.
    let snapshot = store.snapshot();
    let files: Vec<_> = TableKind::ALL.into_iter().flat_map(|table| snapshot.files(table).cloned()).collect();
    let oldest = BEGIN + 3 * 24 * HOUR;
    let excess: u64 =
        files.iter().filter(|file| file.times.overlaps_received(oldest, oldest + HOUR)).map(|file| file.octets).sum();
    let octets: u64 = files.iter().map(|file| file.octets).sum();
    drop((files, snapshot));
    store.set_retention(None, None, Some(octets - excess));
    store.maintain(now).unwrap();
    let left: Vec<u64> = (0..100).chain(400..600).collect();
    assert!(flow_numbers(&store.snapshot()) == left && counter_numbers(&store.snapshot()) == left);
    assert_eq!(flows_in_series(&store.snapshot()), 300);
    let status = store.status();
    assert!(status.files_expired > 0 && status.files_deleted >= status.files_expired, "{status:?}");
}

#[test]
fn a_full_disk_makes_room_and_then_refuses() {
    let Some(disk) = SmallDisk::new(24) else { return };
    let path = disk.path().join("store");
    let settings = StoreConfig { max_size: None, segment_octets: 1 << 20, reserve: 8 << 20, ..config(&path) };
    let store = open(settings.clone());
    // Retention makes room as long as there are files.
    let mut batch = 0;
    while store.status().files_expired == 0 {
        store.append(Rows { flows: Some(&noise(batch)), ..Rows::default() }).unwrap();
        store.commit().unwrap();
        store.maintain(BEGIN).unwrap();
        batch += 1;
        assert!(batch < 500, "{:?}", store.status());
    }
    let there = flow_numbers(&store.snapshot());
    assert!(there.iter().copied().eq(there[0]..batch * 20_000), "the newest are there without a gap");

    // Somebody else fills the disk, and the journal alone is left.
    Archive::open(&path).add(i64::MIN, i64::MAX, "nothing may go", BEGIN).unwrap();
    drop(disk.fill());
    let committed = flow_numbers(&store.snapshot());
    let mut refused = None;
    for more in 0..100 {
        let rows = noise(batch + more);
        if let Err(error) = store.append(Rows { flows: Some(&rows), ..Rows::default() }) {
            refused = Some(error);
            break;
        }
    }
    let error = refused.unwrap();
    assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
    assert!(store.status().refused > 0);
    let there = flow_numbers(&store.snapshot());
    assert!(there.starts_with(&committed) && there.len().is_multiple_of(20_000));
    drop(store);

    // It goes on where it was once there is room.
    disk.empty();
    let store = open(settings);
    assert_eq!(store.recovery().octets_cut, 0, "{:?}", store.recovery());
    assert_eq!(flow_numbers(&store.snapshot()), there);
    store.append(Rows { flows: Some(&flows(1_000_000_000..1_000_000_001, BEGIN)), ..Rows::default() }).unwrap();
    assert_eq!(flow_numbers(&store.snapshot()).len(), there.len() + 1);
}

#[test]
fn segments_are_sealed_by_size_and_age() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(StoreConfig { segment_octets: 10_000, ..config(&folder.path().join("size")) });
    (0..10).for_each(|part| append(&store, part * 500..part * 500 + 500, BEGIN));
    let status = store.status();
    assert!(status.segments >= 3 && status.segments_waiting == status.segments - 1, "{status:?}");

    let age = Duration::from_millis(20);
    let store = open(StoreConfig { segment_age: age, ..config(&folder.path().join("age")) });
    append(&store, 0..1, BEGIN);
    assert_eq!(store.status().segments_waiting, 0);
    std::thread::sleep(2 * age);
    store.maintain(BEGIN).unwrap();
    assert_eq!(store.status().segments, 0);
    assert_has(&store.snapshot(), 0..1);
}
