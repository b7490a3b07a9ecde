//! Elements that users add in TOML.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_record::registry::{Registry, builtin_elements};

fuzz_target!(|text: &str| {
    let mut registry = Registry::new();
    if registry.add_toml(text).is_ok_and(|added| added == 0) {
        let (first, last) = (builtin_elements().first(), builtin_elements().last());
        for element in first.into_iter().chain(last) {
            assert_eq!(registry.get(element.id), Some(element), "nothing was added, nothing is hidden");
        }
    }
});
