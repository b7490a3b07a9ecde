//! What the tests of several crates share. Used as a development dependency, and by `xtask` for the samples.
//!
//! Helpers panic with a sentence where a test could only do the same.
//!
//! Never: part of the program; a second reader of anything that the program reads.

mod shared;

mod datagrams;

mod conversation;

mod load;

mod allocations;

mod relay;

mod authority;

mod mmdb;

mod nfcapd;
mod ports;
mod wait;

pub use allocations::{Allocations, CountingAllocator};
pub use authority::{Authority, Issued};
pub use conversation::{Conversation, Expected, ExpectedSide};
pub use datagrams::{Datagram, datagrams, datagrams_in, ethernet_frame, pcap_of};
/// Random numbers that a seed repeats: `Rng::with_seed(7)`.
pub use fastrand::Rng;
pub use load::generated;
pub use mmdb::{Mmdb, MmdbValue};
pub use nfcapd::Nfcapd;
pub use ports::{free_address, udp_backlog};
pub use relay::{Impairment, Relay, Relayed};
pub use shared::{json_lines, json_object, shared_dir};
pub use wait::{PATIENCE, wait_until};
