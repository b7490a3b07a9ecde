//! Integration tests of the capture files.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod make;

mod truth;

mod pcap;
mod pcapng;

mod compressed;
mod ipfix;

mod live;

mod hostile;
mod memory;

use weir_testkit::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();
