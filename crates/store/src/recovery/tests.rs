//! A local folder and the object store beside it do not always have the same past.

use object_store::memory::InMemory;
use tempfile::TempDir;
use weir_record::FlowBatch;

use super::*;
use crate::store::{Rows, Store, no_summary};

/// Objects, and the settings of stores whose files are there.
struct Bucket(Arc<InMemory>);

impl Bucket {
    fn place(&self) -> Place {
        Place::remote(self.0.clone(), "weir").unwrap()
    }

    fn open(&self, folder: &Path) -> Result<Store, StoreError> {
        let config = StoreConfig { files: self.place(), background: false, retention: None, ..StoreConfig::new(folder) };
        Store::open(config, no_summary())
    }

    fn names(&self) -> Vec<String> {
        self.place().list("flows").unwrap().into_iter().map(|file| file.name).collect()
    }
}

fn add_file(store: &Store) {
    let mut flows = FlowBatch::new();
    flows.time_received.push(0, 7);
    flows.advance(1);
    store.append(Rows { flows: Some(&flows), ..Rows::default() }).unwrap();
    store.seal();
    store.maintain(0).unwrap();
}

fn rows(store: &Store) -> u64 {
    store.snapshot().files(TableKind::Flows).map(|file| file.rows).sum()
}

#[test]
fn an_empty_folder_beside_objects_is_not_a_new_store() {
    let (bucket, first, second) = (Bucket(Arc::default()), TempDir::new().unwrap(), TempDir::new().unwrap());
    add_file(&bucket.open(first.path()).unwrap());
    let Err(error) = bucket.open(second.path()) else { panic!("it begins anew") };
    assert!(error.to_string().contains("no manifest that names them"), "{error}");
    assert_eq!(bucket.names().len(), 1);
    let store = bucket.open(first.path()).unwrap();
    assert_eq!((store.recovery().files_deleted, rows(&store)), (0, 1));
}

#[test]
fn an_old_folder_beside_objects_deletes_nothing() {
    let (bucket, folder) = (Bucket(Arc::default()), TempDir::new().unwrap());
    let store = bucket.open(folder.path()).unwrap();
    add_file(&store);
    let old = fs::read(folder.path().join(manifest::FILE_NAME)).unwrap();
    add_file(&store);
    drop(store);
    let new = fs::read(folder.path().join(manifest::FILE_NAME)).unwrap();
    // Somebody brings an old copy of the folder back.
    fs::write(folder.path().join(manifest::FILE_NAME), old).unwrap();
    let store = bucket.open(folder.path()).unwrap();
    assert_eq!((store.recovery().files_deleted, rows(&store)), (0, 1));
    assert!(store.recovery().faults[0].contains("is newer"), "{:?}", store.recovery().faults);
    assert_eq!(bucket.names().len(), 2);
    drop(store);
    // With the right one, what nobody names is deleted as ever.
    fs::write(folder.path().join(manifest::FILE_NAME), new).unwrap();
    bucket.place().put("flows/unfinished", vec![1]).unwrap();
    let store = bucket.open(folder.path()).unwrap();
    assert_eq!((store.recovery().files_deleted, rows(&store)), (1, 2));
}
