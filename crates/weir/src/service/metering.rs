//! The meter of the service: it begins, changes and ends while the rest goes on.
//!
//! To end takes as long as its last flows find room, so nothing is locked meanwhile, and who asks for it waits for a limited time. A meter that should run and
//! does not is a problem that health names; it is tried again.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::collect::journal::JournalState;
use crate::config::Meter;
use crate::control::Again;
use crate::exit::Failure;
use crate::meter::Job;
use crate::pipeline;
use crate::pipeline::live::Changes;
use crate::pipeline::meter::Done;
use crate::stop::Stop;

/// How long whoever changes the meter waits for the one before to end.
const ENDING: Duration = Duration::from_secs(10);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// The work of a meter with these settings.
pub(super) type MakeJob = Box<dyn Fn(&Meter) -> Job + Send + Sync>;

/// The meter, or none.
pub(crate) struct Metering {
    make: MakeJob,
    /// Where its flows go; none without a store.
    journal: Option<Arc<JournalState>>,
    stop: Stop,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    run: Option<Run>,
    /// It was told to end, and has not yet.
    ending: Option<Run>,
    /// It should run, and does not.
    missing: Option<Missing>,
}

/// A meter that should run.
struct Missing {
    meter: Meter,
    /// Why it does not.
    cause: String,
    again: Again,
}

/// A meter that runs.
struct Run {
    thread: JoinHandle<Result<Done, Failure>>,
    changes: Arc<Changes>,
    stop: Stop,
}

impl Metering {
    /// No meter yet; `stop` ends it with the service.
    pub(super) fn new(make: MakeJob, journal: Option<Arc<JournalState>>, stop: &Stop) -> Self {
        Self { make, journal, stop: stop.clone(), state: Mutex::default() }
    }

    /// Goes over from one meter to another, either of which may be none. After an error nothing has changed, or the meter before is missing and tried again.
    pub(super) fn apply(&self, old: Option<&Meter>, new: Option<&Meter>) -> Result<(), Failure> {
        let changes = {
            let state = self.state();
            let run = state.run.as_ref().filter(|run| !run.thread.is_finished());
            if run.is_some() && old == new {
                return Ok(());
            }
            match (run, old, new) {
                (Some(run), Some(old), Some(new)) if Changes::can(old, new) => Some((Arc::clone(&run.changes), old, new)),
                // What it has at hand would find no room, and nothing would be metered until there is some.
                (Some(_), ..) if self.is_stuck() => {
                    return Err(Failure::Failed(
                        "the store takes nothing, so the meter cannot end and begin anew: make room on its disk first".into(),
                    ));
                }
                _ => None,
            }
        };
        if let Some((changes, old, new)) = changes {
            return changes.apply(old, new);
        }
        // Other rings or another packet filter: nothing tells its packets from those of the captures before, so these end first.
        let ended = self.end_running();
        let started = ended.and_then(|()| new.map(|new| self.start(new)).transpose());
        let mut state = self.state();
        state.missing = None;
        match started {
            Ok(run) => state.run = run,
            Err(error) => {
                drop(state);
                self.take_up(old);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Begins the meter before anew; where that fails too it is missing.
    fn take_up(&self, old: Option<&Meter>) {
        let Some(old) = old else { return };
        let still_ending = self.state().ending.is_some();
        let started = if still_ending { Err(not_ended()) } else { self.start(old) };
        let mut state = self.state();
        match started {
            Ok(run) => state.run = Some(run),
            Err(error) => {
                let cause = error.sentence();
                tracing::error!(cause, "the meter before cannot begin again; it is tried again");
                state.missing = Some(Missing { meter: old.clone(), cause, again: Again::after(None) });
            }
        }
    }

    /// Ends the meter that runs; all that was captured is in flows then. Where it does not end in time it goes on ending.
    fn end_running(&self) -> Result<(), Failure> {
        {
            let mut state = self.state();
            if let Some(run) = state.run.take() {
                run.stop.now();
                state.ending = Some(run);
            }
        }
        let until = Instant::now() + ENDING;
        while !self.has_let_go() {
            if Instant::now() >= until || self.stop.is_due() {
                return Err(not_ended());
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// True where no meter is ending any more. What one says at its end is told.
    fn has_let_go(&self) -> bool {
        let ended = {
            let mut state = self.state();
            match state.ending.take_if(|run| run.thread.is_finished()) {
                Some(run) => run,
                None => return state.ending.is_none(),
            }
        };
        if let Err(error) = ended.join() {
            tracing::error!(error = error.sentence(), "the meter before has failed");
        }
        true
    }

    /// The role of this unit changes: see [`Changes::turn`]. False where nothing is metered.
    pub(crate) fn turn(&self, cut: bool, after: Duration) -> bool {
        let state = self.state();
        let run = state.run.as_ref().filter(|run| !run.thread.is_finished());
        run.inspect(|run| run.changes.turn(cut, after)).is_some()
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

    /// Tries a meter again that is missing, when it is time.
    pub(super) fn look_after(&self) {
        let Some(Missing { meter, again, .. }) = self.state().missing.take_if(|missing| missing.again.is_due()) else { return };
        let started = if self.has_let_go() { self.start(&meter) } else { Err(not_ended()) };
        let mut state = self.state();
        match started {
            Ok(run) => {
                tracing::info!("the meter runs again");
                state.run = Some(run);
            }
            Err(error) => {
                state.missing = Some(Missing { meter, cause: error.sentence(), again: Again::after(Some(&again)) });
            }
        }
    }

    /// True where it has ended though nobody asked it to: its interfaces have gone.
    pub(super) fn has_ended(&self) -> bool {
        self.state().has_ended()
    }

    /// True where a meter should run and none does.
    pub(super) fn has_failed(&self) -> bool {
        let state = self.state();
        state.has_ended() || state.missing.is_some()
    }

    /// What is wrong, in sentences.
    pub(super) fn problems(&self) -> Vec<String> {
        let state = self.state();
        let gone = state.run.as_ref().map(|run| run.changes.gone()).unwrap_or_default();
        let gone = gone.into_iter().map(|interface| {
            format!(
                "the meter has lost interface {interface}: see the log, and take it out of meter.interfaces if it is not to come back"
            )
        });
        let mut problems: Vec<_> = gone.collect();
        if state.has_ended() {
            problems.push("the meter has ended: see the log".into());
        }
        if let Some(Missing { cause, .. }) = &state.missing {
            problems.push(format!("nothing is metered, though [meter] asks for it: {cause}; it is tried again"));
        }
        problems
    }

    /// At the end: what came of it.
    pub(super) fn end(&self) -> Option<Result<Done, Failure>> {
        let runs = {
            let mut state = self.state();
            [state.ending.take(), state.run.take()]
        };
        runs.into_iter().flatten().map(Run::end).last()
    }

    /// True where flows find no room.
    fn is_stuck(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.is_stuck.load(Ordering::Relaxed))
    }

    /// Never held while something is waited for.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_ended() -> Failure {
    Failure::Failed(format!("the meter before has not ended within {} s: its flows find no room", ENDING.as_secs()))
}

impl State {
    fn has_ended(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.thread.is_finished())
    }
}

impl Run {
    /// Ends it; all that was captured is in flows then.
    fn end(self) -> Result<Done, Failure> {
        self.stop.now();
        self.join()
    }

    fn join(self) -> Result<Done, Failure> {
        self.thread.join().unwrap_or_else(|_| Err(Failure::Failed("the meter has failed".into())))
    }
}
