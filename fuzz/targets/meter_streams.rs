//! TCP connections through the meter: what application decoders make of payloads, in order and out of it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    weir_fuzz::meter::streams(input);
});
