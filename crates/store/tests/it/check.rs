//! What a check finds.

use std::path::Path;

use weir_store::{Cancel, CheckReport, StoreError, TableKind, check};

use crate::fixture::filled;

fn run(folder: &Path) -> CheckReport {
    check(folder, None, &mut |_| {}, &Cancel::new()).unwrap()
}

/// Changes an octet of a file.
fn flip(path: &Path, at: usize) {
    let mut octets = std::fs::read(path).unwrap();
    octets[at] ^= 0x40;
    std::fs::write(path, octets).unwrap();
}

#[test]
fn a_sound_store_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let mut told = Vec::new();
    let report = check(folder.path(), None, &mut |progress| told.push(progress), &Cancel::new()).unwrap();
    assert_eq!(report.problems, []);
    assert!(report.is_sound());
    assert_eq!(report.rows, 20_000 + 10);
    assert_eq!((report.journal_rows, report.cut_octets), (500, 0));
    assert_eq!((report.files, report.segments, report.blocks), (5, 1, 1));
    let last = told.last().unwrap();
    assert!(last.done == last.of && last.of > 0 && told[0].done == 0);
    drop(store);
}

#[test]
fn each_fault_is_told_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let files: Vec<_> = store.snapshot().files(TableKind::Flows).map(|file| (file.name.clone(), file.octets as usize)).collect();
    drop(store);
    let path = |name: &str| folder.path().join(name);
    let (name, octets) = files[0].clone();
    // In the pages, in the footer, at the end.
    for at in [4, octets / 2, octets - 20, octets - 1] {
        flip(&path(&name), at);
        let report = run(folder.path());
        assert!(report.problems.iter().all(|problem| problem.file == name) && !report.is_sound(), "octet {at}: {report:?}");
        flip(&path(&name), at);
    }
    assert!(run(folder.path()).is_sound());
    // Cut, and gone.
    let whole = std::fs::read(path(&name)).unwrap();
    std::fs::write(path(&name), &whole[..octets - 1]).unwrap();
    assert!(run(folder.path()).problems[0].what.contains("the manifest says"));
    std::fs::remove_file(path(&name)).unwrap();
    let report = run(folder.path());
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert_eq!(report.problems[0].file, name);
    // A file of another time in its place is whole, but not this one.
    std::fs::copy(path(&files[1].0), path(&name)).unwrap();
    assert!(!run(folder.path()).is_sound());
}

#[test]
fn the_journal_is_checked_block_by_block() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()));
    let segment = std::fs::read_dir(folder.path().join("journal")).unwrap().next().unwrap().unwrap().path();
    let length = std::fs::metadata(&segment).unwrap().len() as usize;
    // What was cut off at the end was never acknowledged.
    let whole = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, [whole.as_slice(), b"not yet a block"].concat()).unwrap();
    let report = run(folder.path());
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.cut_octets, 15);
    // A block that is followed by another was.
    std::fs::write(&segment, [whole.as_slice(), whole.as_slice()].concat()).unwrap();
    flip(&segment, length / 2);
    let report = run(folder.path());
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert!(report.problems[0].file.starts_with("journal/"), "{report:?}");
}

#[test]
fn a_check_needs_a_store_and_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let cancel = Cancel::new();
    assert!(matches!(check(folder.path(), None, &mut |_| {}, &cancel), Err(StoreError::Absent { .. })));
    drop(filled(folder.path()));
    cancel.cancel();
    assert!(matches!(check(folder.path(), None, &mut |_| {}, &cancel), Err(StoreError::Cancelled)));
}
