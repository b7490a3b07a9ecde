//! sFlow version 5, the sampled headers within.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_codec::Protocol;

fuzz_target!(|input: &[u8]| weir_fuzz::decode(input, Some(Protocol::SFlow)));
