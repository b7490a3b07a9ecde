//! Tests of the codec from outside: against captures whose contents independent tools have told, and octet by octet.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, their helpers included")]

use weir_testkit::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

// The protocols with templates: against captures, then octet by octet.
mod template_allocations;
mod template_biflow;
mod template_columns;
mod template_lists;
mod template_malformed;
mod template_messages;
mod template_mutations;
mod template_options;
mod template_random;
mod template_sessions;
mod template_truth;
mod template_vendors;

// Messages made of rows as the meter makes them.
mod encoded;
mod interop;
mod meter_rows;

// The protocols without templates.
mod datagram_allocations;
mod netflow5;
mod sflow;
mod truth;
