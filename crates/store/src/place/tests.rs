use std::cell::RefCell;

use object_store::memory::InMemory;

use super::*;

thread_local! {
    /// The folders that this thread made durable, in order.
    pub(super) static SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
}

/// A place of each kind, and what keeps it alive.
fn places() -> Vec<(Place, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let local = Place::local(folder.path().join("not/made/yet"));
    let beneath = tempfile::tempdir().unwrap();
    let object = object_store::local::LocalFileSystem::new_with_prefix(beneath.path()).unwrap();
    vec![
        (local, Some(folder)),
        (Place::remote(Arc::new(InMemory::new()), "some/prefix").unwrap(), None),
        (Place::remote(Arc::new(InMemory::new()), "").unwrap(), None),
        (Place::remote(Arc::new(object), "p").unwrap(), Some(beneath)),
    ]
}

#[test]
fn a_file_is_written_read_listed_and_removed() {
    for (place, _folder) in places() {
        assert_eq!(place.list("").unwrap(), [], "{place}");
        place.put("flows/2026-11-21/a.parquet", b"0123456789".to_vec()).unwrap();
        place.put("flows/b", vec![7; 3]).unwrap();
        place.put("other", Vec::new()).unwrap();
        place.put("flows/b", vec![8; 4]).unwrap();
        assert_eq!(place.get("flows/b").unwrap().as_ref(), [8; 4]);
        assert_eq!(place.get_range("flows/2026-11-21/a.parquet", 2..5).unwrap().as_ref(), b"234");
        assert_eq!(place.size("flows/2026-11-21/a.parquet").unwrap(), 10);
        assert_eq!(place.size("other").unwrap(), 0);
        let entry = |name: &str, size| PlaceEntry { name: name.into(), size };
        let flows = [entry("flows/2026-11-21/a.parquet", 10), entry("flows/b", 4)];
        assert_eq!(place.list("flows").unwrap(), flows);
        assert_eq!(place.list("").unwrap().len(), 3);
        place.delete("flows/b").unwrap();
        place.delete("flows/b").unwrap();
        assert!(place.get("flows/b").unwrap_err().is_absent());
        assert_eq!(place.list("flows").unwrap(), flows[..1]);
    }
}

#[test]
fn an_absent_file_is_told_from_a_short_one() {
    for (place, _folder) in places() {
        assert!(place.get_range("a", 0..1).unwrap_err().is_absent(), "{place}");
        assert!(place.size("a").unwrap_err().is_absent());
        place.put("a", b"abc".to_vec()).unwrap();
        assert!(!place.get_range("a", 1..9).unwrap_err().is_absent());
        assert_eq!(place.get_range("a", 1..1).unwrap().len(), 0);
    }
}

#[test]
fn a_finished_file_is_taken_over() {
    for (place, folder) in places() {
        let folder = folder.unwrap_or_else(|| tempfile::tempdir().unwrap());
        // More than what is sent whole, so that a remote place gets it in parts.
        let octets: Vec<u8> = (0..20_000_003_u32).map(|n| (n / 7) as u8).collect();
        let finished = folder.path().join("finished");
        std::fs::write(&finished, &octets).unwrap();
        place.put_file("x/y", &finished).unwrap();
        assert!(!finished.exists());
        assert!(place.get("x/y").unwrap() == octets, "{place}");
        assert_eq!(place.local_path("x/y").is_some(), place.is_local());
        let missing = place.put_file("z", &folder.path().join("none"));
        assert!(missing.is_err());
        assert!(place.get("z").unwrap_err().is_absent());
    }
}

#[test]
fn names_lead_nowhere_else() {
    for (place, _folder) in places() {
        for name in ["", "/etc/passwd", "..", "a/../b", "a//b", "./a", "a\\b", "a\0"] {
            assert!(matches!(place.put(name, Vec::new()), Err(PlaceError::Name { .. })), "{name}");
            assert!(matches!(place.get(name), Err(PlaceError::Name { .. })), "{name}");
            assert_eq!(place.local_path(name), None);
        }
    }
}

#[test]
fn nothing_half_written_takes_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::local(folder.path());
    place.put("a", b"old".to_vec()).unwrap();
    // The name is a folder, so that renaming fails after the octets were written.
    std::fs::create_dir(folder.path().join("b")).unwrap();
    std::fs::write(folder.path().join("b/c"), b"").unwrap();
    assert!(place.put("b", b"new".to_vec()).is_err());
    let names: Vec<_> = place.list("").unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["a", "b/c"]);
}

#[test]
fn urls_name_places() {
    let s3 = S3Options { endpoint: Some("http://127.0.0.1:1".into()), region: Some("x".into()), ..S3Options::default() };
    assert_eq!(Place::open("/var/lib/weir", &s3).unwrap().to_string(), "/var/lib/weir");
    assert_eq!(Place::open("file:///var/lib/weir", &s3).unwrap().to_string(), "/var/lib/weir");
    assert!(!Place::open("s3://bucket/weir/site1", &s3).unwrap().is_local());
    for url in ["", "s3://", "gs://bucket", "http://x/y", "file://host/x", "s3:///x"] {
        assert!(matches!(Place::open(url, &s3), Err(PlaceError::Url { .. })), "{url}");
    }
}

#[test]
fn a_store_that_is_away_is_a_temporary_fault() {
    let s3 = S3Options {
        endpoint: Some("http://127.0.0.1:1".into()),
        region: Some("x".into()),
        access_key: Some("k".into()),
        secret_key: Some("s".into()),
        token: None,
    };
    let place = Place::open("s3://bucket/p", &s3).unwrap();
    let error = place.get("a").unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(!format!("{s3:?}").contains('k'), "secrets are not printed");
}

#[test]
fn a_place_may_be_used_and_dropped_within_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let place = Place::remote(Arc::new(InMemory::new()), "").unwrap();
        place.put("a", b"x".to_vec()).unwrap();
        drop(place);
    });
}

#[test]
fn folders_are_durable_before_what_lies_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let place = Place::local(&root);
    let mut flows = weir_record::FlowBatch::new();
    flows.time_received.push(0, 7);
    flows.advance(1);
    let mut writer = crate::write::SegmentWriter::new(&place, "2026-11-21/1", (1, 1), 0);
    writer.flows(flows.clone()).unwrap();
    writer.finish().unwrap();
    let tables = root.join("flows");
    let day = tables.join("2026-11-21");
    let synced = SYNCED.take();
    let at =
        |folder: &Path| synced.iter().position(|synced| synced == folder).unwrap_or_else(|| panic!("{folder:?}: {synced:?}"));
    assert!(at(&tables) < at(&day) && at(&root) < at(&day) && at(folder.path()) < at(&day), "{synced:?}");
    // What is durable already costs nothing again, but for the new name.
    let mut writer = crate::write::SegmentWriter::new(&place, "2026-11-21/2", (2, 2), 0);
    writer.flows(flows).unwrap();
    writer.finish().unwrap();
    assert_eq!(SYNCED.take(), [day]);
}
