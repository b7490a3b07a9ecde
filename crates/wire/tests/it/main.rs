//! Integration tests of `weir-wire`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests read files, say what they skip and fail by panic"
)]

mod captures;
mod properties;
mod streams;
mod truth;
