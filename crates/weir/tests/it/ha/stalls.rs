//! For how long this machine stood still while something was measured: so much later may come what a program does in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often it is looked whether the machine goes on, and how much later that may come on one that does.
const OFTEN: Duration = Duration::from_millis(10);
const USUAL: Duration = Duration::from_millis(40);

/// Notes how late a thread is that wants to run every few milliseconds.
pub(super) struct Stalls {
    late: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stalls {
    pub(super) fn watch() -> Self {
        let (late, is_over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (theirs, until) = (Arc::clone(&late), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let begun = Instant::now();
                thread::sleep(OFTEN);
                let late = begun.elapsed().saturating_sub(OFTEN);
                if late > USUAL {
                    theirs.fetch_add(late.as_nanos() as u64, Ordering::Relaxed);
                }
            }
        });
        Self { late, is_over, thread: Some(thread) }
    }

    /// All of it so far, nanoseconds; nothing on a machine that goes on.
    pub(super) fn nanoseconds(&self) -> i64 {
        self.late.load(Ordering::Relaxed) as i64
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
