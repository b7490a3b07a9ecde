//! Octets in, checked views out: the forward-only [`Reader`] that every decoder of the workspace uses.
//!
//! Never: imports another room, opens a file or socket, reads a clock, spawns, or panics on any input.

mod reader;

pub use reader::{Reader, Short};
