//! Tests of the meter over whole captures, beside what independent tools say of them, and under attack.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, their helpers included")]

mod captures;

mod flows;

mod dns_truth;
mod http_truth;
mod ndpi_truth;
mod sql_truth;
mod tcp_truth;
mod tls_truth;
mod volume_truth;

mod made;

mod hostile;

use weir_testkit::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();
