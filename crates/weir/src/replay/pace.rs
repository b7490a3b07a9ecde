//! When to send next.

use std::thread;
use std::time::{Duration, Instant};

use crate::args::Rate;
use crate::stop::Stop;

/// The longest sleep, so that a signal is heard soon.
const NAP: Duration = Duration::from_millis(100);

/// Sleeps that are shorter cost more than they are worth.
const SHORTEST: Duration = Duration::from_millis(1);

/// Records that are sent at a time.
const LEAST_AT_ONCE: usize = 256;
const MOST_AT_ONCE: usize = 16_384;

/// Keeps the pace of a capture, a multiple of it, or a rate.
pub(super) struct Pace {
    kind: Kind,
    begun: Instant,
    /// Sent since then.
    count: u64,
    /// Time of the first, nanoseconds since 1970.
    first: Option<i64>,
}

enum Kind {
    Speed(f64),
    Rate(u32),
    Max,
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>, speed: Option<f64>) -> Self {
        let kind = match rate {
            Some(Rate::PerSecond(number)) => Kind::Rate(number),
            Some(Rate::Max) => Kind::Max,
            None => Kind::Speed(speed.unwrap_or(1.0)),
        };
        Self { kind, begun: Instant::now(), count: 0, first: None }
    }

    /// How many records are sent at a time, and paced together: at high rates those of a fiftieth of a second.
    pub(super) fn at_once(&self) -> usize {
        match self.kind {
            Kind::Speed(_) => LEAST_AT_ONCE,
            Kind::Rate(rate) => (rate as usize / 50).clamp(LEAST_AT_ONCE, MOST_AT_ONCE),
            Kind::Max => MOST_AT_ONCE,
        }
    }

    /// Begins anew, with another reading of the capture.
    pub(super) fn begin(&mut self) {
        self.begun = Instant::now();
        self.count = 0;
        self.first = None;
    }

    /// Waits until what was captured at this time is to be sent, which counts as `count`. False where it is time to stop.
    pub(super) fn wait(&mut self, captured: i64, count: u64, stop: &Stop) -> bool {
        let first = *self.first.get_or_insert(captured);
        let after = match self.kind {
            Kind::Max => Duration::ZERO,
            Kind::Rate(rate) => Duration::from_secs_f64(self.count as f64 / f64::from(rate)),
            // Times that go back do not hold up what follows.
            Kind::Speed(speed) => {
                let distance = Duration::from_nanos(u64::try_from(captured.saturating_sub(first)).unwrap_or(0));
                Duration::try_from_secs_f64(distance.as_secs_f64() / speed).unwrap_or(Duration::MAX)
            }
        };
        self.count += count;
        loop {
            if stop.is_due() {
                return false;
            }
            let rest = after.saturating_sub(self.begun.elapsed());
            if rest < SHORTEST {
                return true;
            }
            thread::sleep(rest.min(NAP));
        }
    }
}
