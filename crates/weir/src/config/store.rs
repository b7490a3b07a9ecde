//! `[store]`: where records are kept, and for how long.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_store::{Place, S3Options, StoreConfig};

use super::{Size, Span};

/// A store on this machine, with its columnar files here or in an S3-compatible store.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// The folder of the journal, the manifest and, unless told otherwise, the columnar files.
    pub(crate) path: PathBuf,
    /// Records older than this go.
    #[serde(default = "retention")]
    pub(crate) retention: Span,
    /// Octets of files beyond which the oldest go; without it 80 % of the file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_size: Option<Size>,
    /// Continuous series older than this go.
    #[serde(default = "series_retention")]
    pub(crate) series_retention: Span,
    /// Where columnar files lie: a folder or `s3://bucket/prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<String>,
    /// The S3-compatible store, where it is not Amazon's or keys do not come from the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) s3: Option<S3>,
    /// Octets of a journal segment before it becomes files.
    #[serde(default = "segment_size")]
    pub(crate) segment_size: Size,
    /// Age of a journal segment before it becomes files.
    #[serde(default = "segment_age")]
    pub(crate) segment_age: Span,
}

/// How an S3-compatible store is reached.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct S3 {
    /// Its URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// Its region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
}

const fn retention() -> Span {
    Span::seconds(90 * 86_400)
}

const fn series_retention() -> Span {
    Span::seconds(5 * 365 * 86_400)
}

fn segment_size() -> Size {
    Size(StoreConfig::new("").segment_octets as usize)
}

fn segment_age() -> Span {
    Span(StoreConfig::new("").segment_age.as_nanos() as i64)
}

/// What a store keeps: what is older, or more, goes and never comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) retention: Duration,
    pub(crate) series_retention: Duration,
    /// Octets; without them a share of the file system.
    pub(crate) max_size: Option<u64>,
}

impl Limits {
    /// What keeps all that one of the two keeps.
    pub(crate) fn or_more(self, other: Self) -> Self {
        Self {
            retention: self.retention.max(other.retention),
            series_retention: self.series_retention.max(other.series_retention),
            max_size: match (self.max_size, other.max_size) {
                (Some(one), Some(other)) => Some(one.max(other)),
                (None, None) => None,
                // Which is more is not known here; a disk that is full makes room all the same.
                _ => Some(u64::MAX),
            },
        }
    }
}

/// Octets of a segment: below, files are too small to be read fast; above, compaction and recovery take long.
const SEGMENT_SIZES: std::ops::RangeInclusive<usize> = 1 << 20..=1 << 30;

impl Store {
    /// What no type says. The error is a sentence that begins with the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.path.as_os_str().is_empty() {
            return Err("path: empty, expected a folder".into());
        }
        if !SEGMENT_SIZES.contains(&self.segment_size.0) {
            let (least, most) = (Size(*SEGMENT_SIZES.start()), Size(*SEGMENT_SIZES.end()));
            return Err(format!("segment_size: {}, expected {least} to {most}", self.segment_size));
        }
        if self.s3.is_some() && !self.files.as_ref().is_some_and(|files| files.starts_with("s3://")) {
            return Err("s3: is for files = \"s3://bucket/prefix\"".into());
        }
        self.place().map(|_| ())
    }

    /// What the store is told. The error is a sentence that begins with the key.
    pub(crate) fn options(&self) -> Result<StoreConfig, String> {
        Ok(StoreConfig {
            files: self.place()?,
            retention: Some(self.retention.of()),
            series_retention: Some(self.series_retention.of()),
            max_size: self.max_size.map(|size| size.0 as u64),
            segment_octets: self.segment_size.0 as u64,
            segment_age: self.segment_age.of(),
            ..StoreConfig::new(&self.path)
        })
    }

    /// What is kept.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            retention: self.retention.of(),
            series_retention: self.series_retention.of(),
            max_size: self.max_size.map(|size| size.0 as u64),
        }
    }

    /// Where columnar files lie.
    pub(crate) fn place(&self) -> Result<Place, String> {
        let Some(files) = &self.files else {
            return Ok(Place::local(&self.path));
        };
        let s3 = self.s3.clone().unwrap_or_default();
        let options = S3Options { endpoint: s3.endpoint, region: s3.region, ..S3Options::default() };
        Place::open(files, &options).map_err(|error| format!("files: {error}"))
    }

    /// Whether a running store can go over to this without being opened anew.
    pub(crate) fn differs_in_retention_alone(&self, other: &Self) -> bool {
        let Self { retention, max_size, series_retention, .. } = other.clone();
        Self { retention, max_size, series_retention, ..self.clone() } == *other
    }
}
