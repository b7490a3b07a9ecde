//! UDP payloads through the meter, on ports of known protocols.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    weir_fuzz::meter::datagrams(input);
});
