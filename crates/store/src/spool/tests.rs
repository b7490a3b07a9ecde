use tempfile::TempDir;

use super::*;

/// Rows whose bytes are the number of the batch.
fn batch(number: u64, rows: usize) -> FlowBatch {
    let mut flows = FlowBatch::new();
    flows.bytes.fill(0, rows, number);
    // Values that do not pack.
    flows.flow_id.extend(0, (0..rows).map(|row| (number * 7919 + row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    flows.advance(rows);
    flows.finish();
    flows
}

/// Takes a batch, and gives the rows that went for it.
fn push(spool: &mut Spool, batch: &FlowBatch) -> u64 {
    let mut dropped = 0;
    spool.push(batch, &mut dropped).unwrap();
    dropped
}

/// The numbers of all batches that are left to read.
fn read(spool: &mut Spool) -> Vec<u64> {
    let mut lost = 0;
    let read = std::iter::from_fn(|| spool.next(&mut lost)).map(|(_, flows, _)| flows.bytes.get(0).unwrap()).collect();
    assert_eq!(lost, 0);
    read
}

fn open(folder: &TempDir) -> Spool {
    Spool::open(folder.path(), 1 << 20).unwrap()
}

#[test]
fn rows_come_back_as_they_were_and_can_be_read_again() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(&folder);
    (0..3).for_each(|number| assert_eq!(push(&mut spool, &batch(number, 10)), 0));
    let mut lost = 0;
    assert_eq!(spool.next(&mut lost), Some((0, batch(0, 10), 0)));
    assert_eq!((spool.rows(), read(&mut spool)), (20, vec![1, 2]));
    assert_eq!(spool.go_back(1, 0), 20);
    assert_eq!((spool.rows(), read(&mut spool)), (20, vec![1, 2]));
    // Of a block in part.
    assert_eq!((spool.go_back(1, 4), spool.rows()), (16, 16));
    assert_eq!(spool.next(&mut lost), Some((1, batch(1, 10), 4)));
    assert_eq!((spool.rows(), read(&mut spool)), (10, vec![2]));
    assert_eq!(spool.next(&mut lost), None);
}

#[test]
fn a_restart_goes_on_after_what_is_settled() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(&folder);
    (0..5).for_each(|number| assert_eq!(push(&mut spool, &batch(number, 10)), 0));
    assert_eq!(read(&mut spool).len(), 5);
    spool.release(2);
    spool.sync().unwrap();
    // What was settled later is not told to the disk before the crash.
    spool.release(4);
    drop(spool);
    let mut spool = open(&folder);
    assert_eq!((spool.rows(), read(&mut spool)), (30, vec![2, 3, 4]));
    assert_eq!(push(&mut spool, &batch(5, 10)), 0);
    assert_eq!(read(&mut spool), [5]);
}

#[test]
fn what_a_crash_left_half_written_is_cut_off() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(&folder);
    (0..3).for_each(|number| assert_eq!(push(&mut spool, &batch(number, 10)), 0));
    let path = spool.path(0);
    let whole = spool.octets();
    drop(spool);
    for cut in 1..whole {
        let copy = TempDir::new().unwrap();
        let octets = fs::read(&path).unwrap();
        fs::write(copy.path().join("000000000000.spool"), &octets[..cut as usize]).unwrap();
        let mut spool = open(&copy);
        let left = read(&mut spool);
        assert_eq!(left, (0..left.len() as u64).collect::<Vec<_>>(), "{cut}");
        assert!(left.len() < 3 || whole - cut < 8, "{cut}: {left:?}");
        assert_eq!(push(&mut spool, &batch(9, 10)), 0);
        assert_eq!(read(&mut spool), [9], "{cut}");
    }
}

#[test]
fn the_oldest_go_when_there_is_no_room_and_those_that_waited_are_counted() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(&folder);
    let mut dropped = 0;
    for number in 0..200 {
        dropped += push(&mut spool, &batch(number, 1000));
        assert!(spool.octets() <= 1 << 20, "{}", spool.octets());
    }
    assert!(dropped > 0 && dropped.is_multiple_of(1000));
    assert_eq!(dropped + spool.rows(), 200_000);
    assert_eq!(read(&mut spool), (dropped / 1000..200).collect::<Vec<_>>());
    // What was read does not count when it goes.
    assert_eq!((200..400).map(|number| push(&mut spool, &batch(number, 1000))).sum::<u64>() + spool.rows(), 200_000);
    let on_disk: u64 = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(on_disk <= (1 << 20) + 100, "{on_disk}");
}

#[test]
fn segments_that_are_settled_go() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(&folder);
    (0..50).for_each(|number| assert_eq!(push(&mut spool, &batch(number, 1000)), 0));
    let before = spool.octets();
    assert_eq!(read(&mut spool).len(), 50);
    spool.release(50);
    assert!(spool.octets() * 4 < before, "{} of {before}", spool.octets());
    spool.sync().unwrap();
    drop(spool);
    let mut spool = open(&folder);
    assert_eq!((spool.rows(), read(&mut spool)), (0, vec![]));
}

#[test]
fn a_damaged_block_costs_its_rows_alone() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(&folder);
    (0..3).for_each(|number| assert_eq!(push(&mut spool, &batch(number, 10)), 0));
    let Place { offset, octets, .. } = spool.segments[0].blocks[1];
    spool.segments[0].file.write_all_at(&[0xff; 8], offset + octets as u64 / 2).unwrap();
    let mut lost = 0;
    let numbers: Vec<u64> = std::iter::from_fn(|| spool.next(&mut lost)).map(|(number, ..)| number).collect();
    assert_eq!((numbers, lost), (vec![0, 2], 10));
    // Read once more, it is not lost once more.
    assert_eq!((spool.go_back(0, 0), read(&mut spool)), (20, vec![0, 2]));
}

#[test]
fn a_folder_has_one_writer() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    assert!(matches!(Spool::open(folder.path(), 1 << 20), Err(StoreError::Locked { .. })));
    drop(spool);
    open(&folder);
}
