//! Packets to flows: the flow table and its expiry, TCP performance, application decoders.
//!
//! [`Meter::push`] takes one packet with its time and writes the flows that have ended to a batch of records, one row for each direction.
//! Time is the packets' own: a capture that is replayed at full speed gives the same flows as the wire did.
//!
//! Never: opens a file or socket, reads a clock, spawns, or panics on any input.

// What is asked of a meter, and what it says of itself.
mod config;
mod stats;

// The meter, from a packet to rows.
mod fragments;
mod meter;
mod packet;
mod rows;
mod seen;

// A flow and where it is kept.
mod expiry;
mod flow;
mod index;
mod key;
mod table;

// What is measured of it.
mod gaps;
mod samples;
mod tcp;

// What it carries.
mod app;
mod facts;
mod proxy;

pub use config::{Applications, Config};
pub use meter::Meter;
pub use packet::{Direction, Packet};
pub use stats::Stats;
