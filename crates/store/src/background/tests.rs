//! What the background believes of clocks, and sectors that the disk cannot read.

use std::fs::File;

use tempfile::TempDir;
use weir_record::FlowBatch;

use super::*;
use crate::block::{Encoder, HEADER, Header};
use crate::journal::{BlockAt, BlockReader, SealLimits, Segment};
use crate::manifest::{Manifest, TableKind};
use crate::store::no_summary;

fn shared(folder: &TempDir, manifest: Manifest, segments: Vec<Arc<Segment>>) -> Shared {
    let config = StoreConfig { background: false, retention: None, ..StoreConfig::new(folder.path()) };
    let journal_folder = folder.path().join(crate::journal::FOLDER);
    std::fs::create_dir_all(&journal_folder).unwrap();
    let limits = SealLimits { octets: u64::MAX, age: Duration::MAX };
    let journal = Journal::new(journal_folder, 9, limits, no_summary());
    let catalog = Catalog::new(folder.path().to_owned(), config.files.clone(), manifest, segments);
    Shared::new(config, no_summary(), journal, catalog)
}

/// A block of flows.
fn block(rows: usize) -> Vec<u8> {
    let mut flows = FlowBatch::new();
    flows.time_received.fill(0, rows, 1_767_225_600_000_000_000);
    flows.advance(rows);
    let mut encoder = Encoder::default();
    encoder.append(&flows).unwrap();
    encoder.octets().to_vec()
}

#[test]
fn a_clock_is_trusted_for_a_day_after_the_newest_record() {
    let folder = TempDir::new().unwrap();
    let before = now();
    let empty = shared(&folder, Manifest::default(), Vec::new());
    assert_eq!(empty.trusted(before), before);
    let trusted = empty.trusted(before + 400 * DAY);
    assert!((before + DAY..before + 2 * DAY).contains(&trusted), "{trusted}");

    let mut manifest = Manifest::default();
    let place = crate::place::Place::local(folder.path());
    let mut writer = crate::write::SegmentWriter::new(&place, "1", (1, 1), 0);
    let mut flows = FlowBatch::new();
    flows.time_received.push(0, 5 * DAY);
    flows.advance(1);
    writer.flows(flows).unwrap();
    manifest.files.extend(writer.finish().unwrap().into_iter().map(Arc::new));
    let old = shared(&folder, manifest, Vec::new());
    assert_eq!(old.trusted(3 * DAY), 3 * DAY, "a clock that was set back");
    let trusted = old.trusted(now());
    assert!((6 * DAY..7 * DAY).contains(&trusted), "{trusted}");
}

#[test]
fn a_sector_that_cannot_be_read_costs_its_block() {
    // The memory of this process, as a file: blocks lie at their addresses, and where nothing lies the kernel says what it says of a bad sector.
    let folder = TempDir::new().unwrap();
    let blocks: Vec<Vec<u8>> = [1, 2, 4].map(block).into();
    let at = |block: &Vec<u8>, offset| BlockAt { offset, header: Header::read(&block[..HEADER]).unwrap() };
    let places = [(0, blocks[0].as_ptr() as u64), (1, 0), (2, blocks[2].as_ptr() as u64)];
    let places: Vec<BlockAt> = places.map(|(number, offset): (usize, u64)| at(&blocks[number], offset)).into();
    let path = folder.path().join("journal/0000000001.wal");
    let segment = Segment::of(1, path.clone(), File::open("/proc/self/mem").unwrap(), places.clone(), 0);
    let error = BlockReader::default().read(&segment, &places[1], None, &mut FlowBatch::new()).unwrap_err();
    let StoreError::Io { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()), "{error}");

    let shared = shared(&folder, Manifest::default(), vec![Arc::new(segment)]);
    File::create(&path).unwrap();
    shared.maintain(now(), None).unwrap();
    let get = |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::Relaxed);
    let Done { blocks_damaged, rows_lost, rows_compacted, .. } = &shared.done;
    assert_eq!((get(blocks_damaged), get(rows_lost), get(rows_compacted)), (1, 2, 5));
    let state = shared.catalog.state();
    assert_eq!(state.manifest.of(TableKind::Flows).map(|file| file.rows).collect::<Vec<_>>(), [5]);
    assert!(state.segments.is_empty() && !path.exists());
}
