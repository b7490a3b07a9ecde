//! The commands that ask, and what they ask: a running service, its HTTP side, and the files themselves.

mod completeness;
mod demo;
mod fail_over;
mod files;
mod objects;
mod questions;
mod replay;
mod series;
pub(crate) mod service;
