//! Enrichment: what a flow record does not say itself and the tables of the user do.
//!
//! [`Tables`] is built from MaxMind databases, named prefixes and settings of sources, never changed, and swapped whole. [`Tables::enrich`] fills in the
//! columns that end in `_country`, `_as_name`, `_group` and `_boundary`, the AS numbers that the exporter left out, and names, speeds and
//! sides of exporters and interfaces. It changes nothing that the exporter said, and keeps records of which nothing is known as they are.
//!
//! Every table is flattened when it is loaded: the space of addresses is cut into ranges within which all answers are the same, so
//! that a record costs one look-up an address however many tables there are.
//!
//! Reading order: [`tables`] (what is built from what), [`fill`] (how a batch is filled), [`prefix`], [`ranges`] (the
//! look-up), [`database`] (MaxMind's format).
//!
//! Never: files, sockets, clocks, threads, look-ups that wait.

pub mod fill;
pub mod tables;

pub mod prefix;

mod database;
mod ranges;
mod texts;

pub use database::{DatabaseError, DatabaseInfo, MAX_NETWORKS};
pub use fill::Scratch;
pub use prefix::{ParsePrefixError, Prefix};
pub use ranges::PrefixMap;
pub use tables::{Boundary, Database, Group, InterfaceSettings, Parts, SourceSettings, Tables, TablesError};
