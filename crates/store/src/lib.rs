//! Append and ask: the journal, columnar files, and questions over both.
//!
//! Batches of records are appended to a journal that is durable within a second and readable at once. In the background its segments become sorted
//! Parquet files, which one manifest names; so whatever happens, each record stands in one place and in one only.
//!
//! Reading order: [`store`] (the facade and what can be read at a moment), `journal` and `block` (what is durable first), `manifest` (which files
//! count), `compact` and `retention` (what becomes of segments, and of files).
//!
//! Never: decodes a datagram; lets heavy dependencies out: no type of Arrow, Parquet or DataFusion stands in a public signature.

pub mod error;
pub mod store;

mod block;
mod journal;
mod manifest;
mod retention;

pub use error::StoreError;
