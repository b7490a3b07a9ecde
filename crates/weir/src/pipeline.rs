//! The pipelines: each has one function that lists its stages in order.

pub(crate) mod decode;
pub(crate) mod meter;

// From frames to the messages of flow protocols.
pub(crate) mod messages;

// From frames to flows, and on.
mod files;
mod front;
pub(crate) mod live;
mod outlet;
pub(crate) mod queue;
mod stdin;
