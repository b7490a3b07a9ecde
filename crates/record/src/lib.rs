//! What a flow record is: the one table of columns, and many records held by column.
//!
//! A record is **one direction** of a flow. Its columns are listed once, in [`flow`]; names, types,
//! units, the elements that fill them, the writers and the manual page are all derived from that
//! list. [`FlowBatch`] is the one currency of the program: decoders and the meter write columns,
//! filters read columns, the store writes columns.
//!
//! Reading order: [`flow`] (the table), [`column`] (how values lie in memory), [`write`] (text
//! out), [`registry`] (IPFIX Information Elements).
//!
//! Never: files, sockets, clocks, threads, protocols.

#[macro_use]
mod table;

pub mod flow;
pub mod names;

pub mod counter;
pub mod health;
pub mod options;
pub mod series;

pub mod column;
pub mod value;

pub mod registry;
pub mod write;

pub use column::{AnyColumn, AnyColumnMut};
pub use counter::{CounterBatch, CounterColumn};
pub use flow::{Column, FlowBatch};
pub use health::{HealthBatch, HealthColumn};
pub use options::{OptionsBatch, OptionsColumn};
pub use series::{SeriesBatch, SeriesColumn};
pub use table::{ColumnInfo, ColumnType, ElementId, FilterType, Scope, Table, Unit};
pub use value::Address;
