//! Numbers over time: what flow records add up to, by slot of time; and what people look at.
//!
//! [`Windows`] keeps *continuous series*: sums by minute and hour for each source, and within it by interface, protocol, application,
//! server, autonomous system and country, and the addresses with most traffic. It is fed every record once and gives
//! [`SeriesBatch`](weir_record::SeriesBatch) rows, which are partial: those of several windows add up
//! ([`SeriesSums`](weir_record::series::SeriesSums)).
//!
//! The [`model`] says in which cuts and views people look at records: profiles, channels, chapters, dashboards.
//!
//! Reading order: [`windows`] (what is fed and given), `parts` (a record's share of each slot), `cells` and `cell` (what is kept of
//! a source and minute), `displaced` (what is not where it was), `keyed` (sums by value), `sketch` (top addresses), `performance` (response times), `channels` (sums of filters), `rows` (out).
//!
//! Never: files, sockets, clocks, threads.

pub mod model;
pub mod windows;

mod cell;
mod cells;
mod channels;
mod displaced;
mod keyed;
mod names;
mod parts;
mod performance;
mod rows;
mod sketch;

pub use channels::{ChannelWindows, Summed};
pub use windows::{Config, Windows};
