//! Enrichment as a whole: databases in MaxMind's format, made here octet by octet; prefixes; sources.
#![allow(clippy::unwrap_used, reason = "tests, their helpers included")]

mod databases;
mod mmdb;
mod records;

use weir_testkit::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();
