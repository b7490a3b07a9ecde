//! Datagrams no faster than a collector takes them from a socket with the default buffer of Linux.

use std::thread;
use std::time::{Duration, Instant};

/// Datagrams that leave at once.
const BURST: u32 = 32;
/// Short ones take less room there: so many octets count as one, the kernel's own included.
const FULL_SIZE: usize = 2304;
const OVERHEAD: usize = 640;
/// The least time for a burst.
const BURST_TIME: Duration = Duration::from_millis(1);

/// Holds datagrams back.
pub(super) struct Pace {
    /// Octets of this burst.
    octets: usize,
    began: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { octets: 0, began: Instant::now() }
    }

    /// A datagram was sent: waits once the burst is over.
    pub(super) fn pass(&mut self, length: usize) {
        self.octets += length + OVERHEAD;
        if self.octets < BURST as usize * FULL_SIZE {
            return;
        }
        if let Some(rest) = BURST_TIME.checked_sub(self.began.elapsed()) {
            thread::sleep(rest);
        }
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_takes_its_time_and_short_datagrams_make_a_longer_one() {
        for (length, burst) in [(1472, 35), (160, 93)] {
            let mut pace = Pace::new();
            let began = pace.began;
            (1..burst).for_each(|_| pace.pass(length));
            assert_eq!(pace.began, began, "{length}");
            pace.pass(length);
            assert!(pace.began - began >= BURST_TIME && pace.octets == 0, "{length}");
        }
    }
}
