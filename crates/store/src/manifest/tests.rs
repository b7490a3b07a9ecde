//! The manifest: what is written is read, and what cannot be believed is refused.

use std::path::Path;

use proptest::prelude::*;

use super::*;

fn file(name: &str, number: u64) -> Arc<DataFile> {
    Arc::new(DataFile {
        table: TableKind::ALL[number as usize % 5],
        name: name.to_owned(),
        rows: number * 1000,
        octets: u64::MAX - number,
        crc32c: number as u32,
        times: Times { received_min: i64::MIN, received_max: number as i64, placed_min: -1, placed_max: i64::MAX },
        segments: (number, number + 1),
        level: (number % 3) as u8,
        made: 7,
    })
}

fn manifest() -> Manifest {
    let files = (0..20).map(|number| file(&format!("flows/2026-01-01/{number:010}.parquet"), number)).collect();
    Manifest { generation: 3, dead_below: 17, next_merge: 5, fills: [(5, 3), (9, 0)].into(), files }
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Manifest::load(folder.path()).unwrap(), None);
    let octets = manifest().save(folder.path()).unwrap();
    assert_eq!(fs::read(folder.path().join(FILE_NAME)).unwrap(), octets);
    assert_eq!(Manifest::load(folder.path()).unwrap(), Some(manifest()));
    let lines = octets.split(|octet| *octet == b'\n').count();
    assert_eq!(lines, 23, "one line a file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn other_versions_and_names_that_leave_the_store_are_refused() {
    let path = Path::new("manifest.json");
    let text = String::from_utf8(manifest().to_json()).unwrap();
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    let error = Manifest::parse(newer.as_bytes(), path).unwrap_err();
    assert_eq!(error.to_string(), "manifest.json has format 2; this program reads format 1");
    for name in ["../x", "/etc/passwd", "flows//x", "", "flows/./x", "flows/..", "a\\\\b"] {
        let text = text.replacen("flows/2026-01-01/0000000003.parquet", name, 1);
        assert!(matches!(Manifest::parse(text.as_bytes(), path), Err(StoreError::Damaged { .. })), "{name}");
    }
}

#[test]
fn every_cut_of_a_manifest_is_refused() {
    let octets = manifest().to_json();
    // The last octet is the line feed.
    for end in 0..octets.len() - 1 {
        assert!(matches!(Manifest::parse(&octets[..end], Path::new("m")), Err(StoreError::Damaged { .. })), "{end}");
    }
}

proptest! {
    #[test]
    fn changed_manifests_are_read_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut octets = manifest().to_json();
        let length = octets.len();
        for (at, octet) in changes {
            octets[at.index(length)] = octet;
        }
        if let Ok(read) = Manifest::parse(&octets, Path::new("m")) {
            prop_assert!(read.files.iter().all(|file| is_plain(&file.name)));
        }
    }
}
