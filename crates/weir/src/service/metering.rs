//! The meter of the service: it begins, changes and ends while the rest goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::config::Meter;
use crate::exit::Failure;
use crate::meter::Job;
use crate::pipeline;
use crate::pipeline::live::Changes;
use crate::pipeline::meter::Done;
use crate::stop::Stop;

/// The work of a meter with these settings.
pub(super) type MakeJob = Box<dyn Fn(&Meter) -> Job + Send + Sync>;

/// The meter, or none.
pub(crate) struct Metering {
    make: MakeJob,
    stop: Stop,
    run: Mutex<Option<Run>>,
}

/// A meter that runs.
struct Run {
    thread: JoinHandle<Result<Done, Failure>>,
    changes: Arc<Changes>,
    stop: Stop,
}

impl Metering {
    /// No meter yet; `stop` ends it with the service.
    pub(super) fn new(make: MakeJob, stop: &Stop) -> Self {
        Self { make, stop: stop.clone(), run: Mutex::default() }
    }

    /// Goes over from one meter to another, either of which may be none. After an error nothing has changed.
    pub(super) fn apply(&self, old: Option<&Meter>, new: Option<&Meter>) -> Result<(), Failure> {
        let mut run = self.run();
        if let (Some(run), Some(old), Some(new)) = (&*run, old, new)
            && Changes::can(old, new)
        {
            return run.changes.apply(old, new);
        }
        // Other rings or another packet filter: nothing tells its packets from those of the captures before, so these end first.
        if let Some(run) = run.take() {
            run.end()?;
        }
        *run = match new.map(|new| self.start(new)).transpose() {
            Ok(started) => started,
            Err(error) => {
                let before = old.map(|old| self.start(old)).transpose();
                *run = before
                    .inspect_err(|error| tracing::error!(?error, "the meter before cannot begin again"))
                    .unwrap_or_default();
                return Err(error);
            }
        };
        Ok(())
    }

    fn start(&self, meter: &Meter) -> Result<Run, Failure> {
        let captures = pipeline::live::open(meter)?;
        let job = Job { captures: Some(captures), ..(self.make)(meter) };
        let (stop, changes) = (self.stop.of_part(), Arc::clone(&job.changes));
        let theirs = stop.clone();
        let thread = thread::Builder::new().name("weir-meter".into()).spawn(move || pipeline::meter::run_until(job, &theirs));
        let thread = thread.map_err(|error| Failure::Failed(format!("cannot start a thread: {error}")))?;
        Ok(Run { thread, changes, stop })
    }

    /// True where it has ended though nobody asked it to: its interfaces have gone.
    pub(super) fn has_failed(&self) -> bool {
        self.run().as_ref().is_some_and(|run| run.thread.is_finished())
    }

    /// Interfaces that went away.
    pub(super) fn gone(&self) -> Vec<String> {
        self.run().as_ref().map(|run| run.changes.gone()).unwrap_or_default()
    }

    /// At the end: what came of it.
    pub(super) fn end(&self) -> Option<Result<Done, Failure>> {
        self.run().take().map(Run::end)
    }

    fn run(&self) -> MutexGuard<'_, Option<Run>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// Ends it; all that was captured is in flows then.
    fn end(self) -> Result<Done, Failure> {
        self.stop.now();
        self.thread.join().unwrap_or_else(|_| Err(Failure::Failed("the meter has failed".into())))
    }
}
