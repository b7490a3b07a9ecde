//! Append and ask: the journal, columnar files, and questions over both.
//!
//! Batches of records are appended to a journal that is durable within a second and readable at once. In the background its segments become
//! Parquet files, which one manifest names; so whatever happens, each record stands in one place and in one only.
//!
//! Reading order: [`store`] (the facade), `snapshot` (what can be read at a moment), `block` and `journal` (what is durable first), `manifest` and `catalog` (which
//! files count), `recovery`, then what the `background` does: `compact`, `merge_plan`, `retention`, `fill`.
//!
//! Never: decodes a datagram; lets heavy dependencies out: no type of Arrow, Parquet or DataFusion stands in a public signature.

pub mod error;
pub mod store;

mod archive;
mod ask;
mod background;
mod block;
mod catalog;
mod check;
mod compact;
mod export;
mod fill;
mod friendly;
mod journal;
mod layout;
mod lock;
mod manifest;
mod merge_plan;
mod place;
mod prune;
mod read;
mod recovery;
mod retention;
mod runtime;
mod scan;
mod snapshot;
mod spool;
mod sql;
mod status;
mod times;
mod write;

pub use archive::{Archive, Pin, PinGuard};
pub use ask::{AccountSlot, AskError, AskLimits, MAX_ACCOUNT_SLOTS, account, ask};
pub use background::Closed;
pub use block::{BlockKind, BlockTable, MAX_BODY, MAX_ROWS};
pub use check::{CheckProgress, CheckReport, Problem, check};
pub use error::StoreError;
pub use export::{ExportFormat, ExportRequest, Exported, export};
pub use fill::{Fill, FillState};
pub use journal::{BlockReader, BlockRef};
pub use layout::FileTable;
pub use manifest::{DataFile, TableKind};
pub use place::{Place, PlaceEntry, PlaceError, S3Options};
pub use recovery::Recovery;
pub use scan::{Cancel, ScanRequest, ScanStats, StoredTable, Unreadable};
pub use snapshot::Snapshot;
pub use spool::Spool;
pub use sql::{SqlAnswer, SqlColumn, SqlError, SqlLimits, SqlRows, sql};
pub use status::StoreStatus;
pub use store::{MakeSummary, Position, Rows, Store, StoreConfig, Summary, WantedSeries, no_summary};
pub use times::Times;

/// The version of the store's format, in the manifest and in the blocks of the journal.
pub const FORMAT: u32 = 1;
