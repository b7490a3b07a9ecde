//! Integration tests of `weir-wire`.
#![allow(missing_docs)]

mod captures;
mod truth;
