//! When to stop: a signal, the end of a time that was given, or enough records.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

/// Exit code of a run that a second signal ended: flows were lost.
const IMPATIENT: i32 = 3;

/// Says when to stop, to any thread.
#[derive(Clone)]
pub(crate) struct Stop {
    asked: Arc<AtomicBool>,
    end: Option<Instant>,
    /// A part alone was asked.
    part: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// Stops at the first SIGTERM or SIGINT (a second one ends the program at once), and after this time.
    pub(crate) fn on_signals(after: Option<Duration>) -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // The order matters: the first signal finds the flag down, and raises it.
            signal_hook::flag::register_conditional_shutdown(signal, IMPATIENT, Arc::clone(&asked))?;
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self { asked, end: after.and_then(|after| Instant::now().checked_add(after)), part: None })
    }

    /// One for a part: it stops with the rest, and may be stopped before.
    pub(crate) fn of_part(&self) -> Self {
        Self { part: Some(Arc::default()), ..self.clone() }
    }

    /// Stops all who ask, or the part alone.
    pub(crate) fn now(&self) {
        self.part.as_ref().unwrap_or(&self.asked).store(true, Ordering::Relaxed);
    }

    /// True when it is time.
    pub(crate) fn is_due(&self) -> bool {
        let is_asked = |asked: &Arc<AtomicBool>| asked.load(Ordering::Relaxed);
        is_asked(&self.asked) || self.part.as_ref().is_some_and(is_asked) || self.end.is_some_and(|end| Instant::now() >= end)
    }
}
