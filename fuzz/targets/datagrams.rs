//! Datagrams of any protocol, recognised by content, in one decoder.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| weir_fuzz::decode(input, None));
