//! Whole frames through the meter: any link type, tunnels, times that jump.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    weir_fuzz::meter::frames(input);
});
