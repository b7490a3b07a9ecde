use super::*;

#[test]
fn pins_are_set_listed_and_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(folder.path());
    assert_eq!(archive.pins().unwrap(), []);
    let first = archive.add(100, 200, "the incident of May", 7).unwrap();
    let second = archive.add(300, 400, "", 8).unwrap();
    assert_eq!((first.id, second.id), (1, 2));
    // Another program sees the same.
    assert_eq!(Archive::open(folder.path()).pins().unwrap(), [first.clone(), second.clone()]);
    assert_eq!(archive.remove(1).unwrap(), Some(first));
    assert_eq!(archive.remove(1).unwrap(), None);
    assert_eq!(archive.pins().unwrap(), [second]);
    assert_eq!(archive.add(1, 2, "", 9).unwrap().id, 3);
}

#[test]
fn what_a_pin_touches_is_spared() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(folder.path());
    archive.add(100, 200, "", 0).unwrap();
    let guard = archive.guard().unwrap();
    for (first, last, spared) in
        [(0, 99, false), (0, 100, true), (150, 160, true), (199, 500, true), (200, 500, false), (0, 500, true)]
    {
        assert_eq!(guard.spares(first, last), spared, "{first}..={last}");
    }
}

#[test]
fn a_change_waits_for_retention() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(folder.path());
    let guard = archive.guard().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let other = archive.clone();
    let thread = std::thread::spawn(move || {
        other.add(1, 2, "", 0).unwrap();
        sender.send(()).unwrap();
    });
    assert!(receiver.recv_timeout(std::time::Duration::from_millis(100)).is_err());
    drop(guard);
    receiver.recv_timeout(std::time::Duration::from_secs(120)).unwrap();
    thread.join().unwrap();
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(folder.path());
    assert!(matches!(archive.add(2, 2, "", 0), Err(StoreError::Limit { .. })));
    assert!(matches!(archive.add(1, 2, &"x".repeat(MAX_NOTE + 1), 0), Err(StoreError::Limit { .. })));
    archive.add(1, 2, &"x".repeat(MAX_NOTE), 0).unwrap();
    fs::write(folder.path().join(FILE_NAME), "{\"version\":9,\"pins\":[]}").unwrap();
    assert!(matches!(archive.guard(), Err(StoreError::Version { .. })));
    fs::write(folder.path().join(FILE_NAME), "{").unwrap();
    assert!(matches!(archive.pins(), Err(StoreError::Damaged { .. })));
    assert!(archive.add(1, 2, "", 0).is_err(), "pins that cannot be read are not written over");
}
