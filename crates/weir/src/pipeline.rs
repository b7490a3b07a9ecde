//! The pipelines: each has one function that lists its stages in order.

pub(crate) mod decode;

// From frames to the messages of flow protocols.
mod messages;
