//! The commands that ask, and what they ask: a running service, its HTTP side, and the files themselves.

mod completeness;
mod files;
mod questions;
mod replay;
mod service;
