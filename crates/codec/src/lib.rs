//! Flow protocols, both ways: NetFlow v1, v5, v7, v9, IPFIX, sFlow v5 and FastNetMon Flow to rows and back.
//!
//! [`Decoder`] takes datagrams (or messages of a stream) one after the other and appends rows to an
//! [`Output`]. What cannot be read is told as [`Fault`]s, counted by reason, and costs only itself:
//! the other parts of the message are decoded.
//!
//! Reading order: [`datagram`] (what goes in and out), [`fault`], [`decoder`] (which protocol), then a
//! module a protocol.
//!
//! Never: files, sockets, clocks, threads. The time of arrival comes with the datagram.

pub mod datagram;
pub mod envelope;
pub mod fault;
mod members;
mod sampled_frame;
mod sequence;
mod stamp;
mod stats;

pub mod framing;

// The protocols without templates.
pub mod fastnetmon;
pub mod netflow5;
pub mod sflow;

// The protocols with templates.
pub mod encode;
pub mod ipfix;
pub mod limits;
mod netflow9;
pub mod private;
mod session;
mod sets;
pub mod template;

pub mod decoder;
pub mod replay;
pub mod shard;

pub use datagram::{Datagram, Output, Protocol};
pub use decoder::{Config, Decoder};
pub use envelope::Envelope;
pub use fault::{Fault, Faults, Reason};
pub use limits::Limits;
pub use session::SessionFacts;
pub use session::snapshot::SnapshotError;
pub use stats::Stats;
