//! `weir replay`: what was captured or stored is sent once more, at the speed that is wanted, as if it happened now.

mod datagrams;
mod flows;
mod pace;
mod shift;

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::args::ReplayArgs;
use crate::exit::{Failure, Outcome};
use crate::stop::Stop;
use pace::Pace;

/// Sends what was asked for, again and again if that was asked for too.
pub(crate) fn run(typed: &ReplayArgs) -> Result<Outcome, Failure> {
    let stop = Stop::on_signals(None).map_err(|error| Failure::Failed(format!("cannot listen to signals: {error}")))?;
    let pace = Pace::new(typed.rate, typed.speed);
    match &typed.store {
        None => datagrams::run(typed, pace, &stop),
        Some(store) => flows::run(typed, store, pace, &stop),
    }
}

/// How far times are moved, so that what was captured happens now.
struct Clock {
    original: bool,
    /// Seconds by which times are moved.
    seconds: i64,
    begun: bool,
}

const SECOND: i64 = 1_000_000_000;

impl Clock {
    const fn new(original: bool) -> Self {
        Self { original, seconds: 0, begun: false }
    }

    /// Seconds by which what arrived at `captured` is to be moved. Whole seconds, and the same ones while the pace is that of the capture, so that times keep their
    /// distances.
    fn seconds(&mut self, captured: i64, now: i64) -> i64 {
        if self.original {
            return 0;
        }
        let exact = now.saturating_sub(captured);
        let off = exact.saturating_sub(self.seconds.saturating_mul(SECOND));
        if !self.begun || !(-SECOND..2 * SECOND).contains(&off) {
            self.begun = true;
            self.seconds = exact.div_euclid(SECOND);
        }
        self.seconds
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or_default()
}

/// Says what was sent: in words, or as an object.
fn tell(stats: bool, counts: &[(&'static str, u64)]) {
    let mut err = io::stderr().lock();
    // A standard error that cannot be written to leaves nowhere to say so.
    let _ = if stats {
        let members: Vec<String> = counts.iter().map(|(name, count)| format!("\"{name}\":{count}")).collect();
        writeln!(err, "{{{}}}", members.join(","))
    } else {
        let words: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {}", name.replace('_', " ")))
            .collect();
        writeln!(err, "weir: sent {}", if words.is_empty() { "nothing".into() } else { words.join(", ") })
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_move_by_whole_seconds_and_keep_their_distances() {
        let mut clock = Clock::new(false);
        assert_eq!(clock.seconds(10 * SECOND, 100 * SECOND + 7), 90);
        // A little late is as good as in time.
        assert_eq!(clock.seconds(20 * SECOND, 111 * SECOND), 90);
        // Sent at ten times the speed, times would run away.
        assert_eq!(clock.seconds(50 * SECOND, 112 * SECOND), 62);
        assert_eq!(Clock::new(true).seconds(10, 100 * SECOND), 0);
    }
}
