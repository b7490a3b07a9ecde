//! Files as objects of a remote store.
//!
//! A store that is away for a moment is tried again for some seconds; longer than that is for the caller to wait.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt, RetryConfig, WriteMultipart, path};

use super::{PlaceEntry, PlaceError};
use crate::runtime::Background;

/// Octets of a part of a file that is sent in parts; files up to this size are sent whole.
const PART_BYTES: usize = 8 << 20;
/// Parts on their way at a time.
const PARTS_AHEAD: usize = 3;
/// How long a request is tried again.
const RETRY_TIME: Duration = Duration::from_secs(10);

/// How to reach an S3-compatible store. What is absent is taken from the environment.
#[derive(Clone, Default)]
pub struct S3Options {
    /// URL of the store, where it is not Amazon's. `http://` is without encryption.
    pub endpoint: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Access key.
    pub access_key: Option<String>,
    /// Secret of the access key.
    pub secret_key: Option<String>,
    /// Token of temporary credentials.
    pub token: Option<String>,
}

/// Keeps the secrets to itself.
impl fmt::Debug for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Options").field("endpoint", &self.endpoint).field("region", &self.region).finish_non_exhaustive()
    }
}

/// The store of a bucket, or what is wrong with the settings.
pub(super) fn s3(bucket: &str, options: &S3Options) -> Result<Arc<dyn ObjectStore>, String> {
    if bucket.is_empty() {
        return Err("expected the name of a bucket behind s3://".into());
    }
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(RetryConfig {
        backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(2), base: 2.0 },
        max_retries: 6,
        retry_timeout: RETRY_TIME,
    });
    let given = [
        (AmazonS3ConfigKey::Endpoint, &options.endpoint),
        (AmazonS3ConfigKey::Region, &options.region),
        (AmazonS3ConfigKey::AccessKeyId, &options.access_key),
        (AmazonS3ConfigKey::SecretAccessKey, &options.secret_key),
        (AmazonS3ConfigKey::Token, &options.token),
    ];
    for (key, value) in given {
        if let Some(value) = value {
            builder = builder.with_config(key, value);
        }
    }
    // Whoever writes http:// has said it already.
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        builder = builder.with_allow_http(true);
    }
    builder.build().map(|store| Arc::new(store) as _).map_err(|error| error.to_string())
}

/// A part of an object store, and the threads that talk to it.
pub(super) struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: path::Path,
    background: Background,
}

impl Remote {
    pub(super) fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, PlaceError> {
        let fault = |message: String| PlaceError::Url { url: prefix.into(), message };
        let prefix = path::Path::parse(prefix).map_err(|error| fault(error.to_string()))?;
        let background = Background::new("weir-place", 2).map_err(|error| fault(error.to_string()))?;
        Ok(Self { store, prefix, background })
    }

    pub(super) fn put(&self, name: &str, octets: Bytes) -> Result<(), PlaceError> {
        if octets.len() > PART_BYTES {
            return self.send(name, std::io::Cursor::new(octets));
        }
        self.run(name, "write", |store, path| async move { store.put(&path, octets.into()).await.map(|_| ()) })
    }

    pub(super) fn put_file(&self, name: &str, finished: &Path) -> Result<(), PlaceError> {
        let fault = |source| PlaceError::io(name, "read the copy of", source);
        let mut file = File::open(finished).map_err(fault)?;
        if file.metadata().map_err(fault)?.len() > PART_BYTES as u64 {
            return self.send(name, file);
        }
        let mut octets = Vec::new();
        file.read_to_end(&mut octets).map_err(fault)?;
        self.put(name, octets.into())
    }

    /// Sends in parts; the object appears with the last of them.
    fn send(&self, name: &str, mut from: impl Read + Send + 'static) -> Result<(), PlaceError> {
        self.run(name, "write", |store, path| async move {
            let mut parts = WriteMultipart::new_with_chunk_size(store.put_multipart(&path).await?, PART_BYTES);
            let mut buffer = vec![0; 1 << 20];
            let sent = loop {
                if let Err(error) = parts.wait_for_capacity(PARTS_AHEAD).await {
                    break Err(error);
                }
                match from.read(&mut buffer) {
                    Ok(0) => break Ok(()),
                    Ok(length) => parts.write(&buffer[..length]),
                    Err(error) => break Err(object_store::Error::Generic { store: "file", source: error.into() }),
                }
            };
            match sent {
                Ok(()) => parts.finish().await.map(|_| ()),
                Err(error) => {
                    // The parts would be paid for; why sending failed is what matters.
                    let _ = parts.abort().await;
                    Err(error)
                }
            }
        })
    }

    pub(super) fn get(&self, name: &str) -> Result<Bytes, PlaceError> {
        self.run(name, "read", |store, path| async move { store.get(&path).await?.bytes().await })
    }

    pub(super) fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, PlaceError> {
        let length = range.end.saturating_sub(range.start);
        if length == 0 {
            return self.size(name).map(|_| Bytes::new());
        }
        let octets = self.run(name, "read", |store, path| async move { store.get_range(&path, range).await })?;
        if octets.len() as u64 == length {
            return Ok(octets);
        }
        // The protocol gives what there is.
        Err(PlaceError::Io { name: name.into(), what: "read", source: std::io::ErrorKind::UnexpectedEof.into() })
    }

    pub(super) fn size(&self, name: &str) -> Result<u64, PlaceError> {
        self.run(name, "look at", |store, path| async move { store.head(&path).await.map(|data| data.size) })
    }

    pub(super) fn delete(&self, name: &str) -> Result<(), PlaceError> {
        self.run(name, "remove", |store, path| async move { store.delete(&path).await })
    }

    pub(super) fn list(&self, folder: &str) -> Result<Vec<PlaceEntry>, PlaceError> {
        let found: Vec<_> = self.run(folder, "list", |store, path| async move { store.list(Some(&path)).try_collect().await })?;
        let named = |data: object_store::ObjectMeta| {
            let parts: Vec<_> = data.location.prefix_match(&self.prefix)?.collect();
            let name = parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/");
            Some(PlaceEntry { name, size: data.size })
        };
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// Does something with an object and waits for it.
    fn run<T, F>(
        &self,
        name: &str,
        what: &'static str,
        action: impl FnOnce(Arc<dyn ObjectStore>, path::Path) -> F,
    ) -> Result<T, PlaceError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, object_store::Error>> + Send + 'static,
    {
        let path: path::Path = self.prefix.parts().chain(path::Path::from(name).parts()).collect();
        let fault = |message: String, temporary| PlaceError::Remote {
            name: name.into(),
            place: self.to_string(),
            what,
            message,
            temporary,
        };
        match self.background.wait(action(Arc::clone(&self.store), path)) {
            Some(Ok(value)) => Ok(value),
            Some(Err(object_store::Error::NotFound { .. })) => Err(PlaceError::Absent { name: name.into() }),
            Some(Err(error)) => {
                let temporary = matches!(error, object_store::Error::Generic { .. } | object_store::Error::JoinError { .. });
                Err(fault(error.to_string(), temporary))
            }
            None => Err(fault("interrupted".into(), true)),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.store, self.prefix)
    }
}
