//! What has to come is waited for; how long it takes says nothing of whether it is right.

use std::thread;
use std::time::{Duration, Instant};

/// How long something is waited for that has to come: long enough for a machine that others use as well.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until this holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
