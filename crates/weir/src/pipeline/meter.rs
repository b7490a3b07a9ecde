//! The life of a packet: what `weir meter` and `weir run` do, stage by stage.
//!
//! frame with its time -> those that were asked for -> meter -> (live: bounded queue) -> flows that were asked for -> text, and for each
//! collector: filter, sample, encode -> send; and into the store.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_capture::Bpf;

use super::front::Front;
use super::outlet::Outlet;
use super::{files, live};
use crate::collect::now;
use crate::exit::{Failure, Outcome};
use crate::meter::Job;
use crate::report::meter::Totals;
use crate::stop::Stop;

/// Rows gathered before they go on: enough to make the cost of a batch small, few enough for the cache.
pub(super) const BATCH_ROWS: usize = 4096;

/// How long rows wait for others while somebody may be looking on.
pub(super) const ROWS_WAIT: Duration = Duration::from_millis(500);

/// How long collectors that read slowly are waited for at the end.
pub(crate) const CLOSING: Duration = Duration::from_secs(20);

/// Meters what a job names.
pub(crate) fn run(job: Job) -> Result<Outcome, Failure> {
    let stop = Stop::on_signals(job.duration).map_err(|error| Failure::Failed(format!("cannot listen to signals: {error}")))?;
    let (stats, must_match) = (job.stats, job.must_match);
    let exports = Arc::clone(&job.exports);
    let mut done = run_until(job, &stop)?;
    done.totals.exports = exports.close(Instant::now() + CLOSING);
    done.failures += done.totals.exports.iter().filter(|sent| sent.tell_failure()).count() as u64;
    done.totals.print(stats);
    Ok(match done.failures {
        0 if must_match && done.matched == 0 => Outcome::NothingMatched,
        0 => Outcome::Done,
        _ => Outcome::PartlyFailed,
    })
}

/// What came of a job.
pub(crate) struct Done {
    pub(crate) totals: Totals,
    /// Records reported.
    matched: u64,
    /// Files, interfaces and (of `weir meter`) endpoints that failed; each was told.
    pub(crate) failures: u64,
}

/// The same until somebody says stop.
pub(crate) fn run_until(mut job: Job, stop: &Stop) -> Result<Done, Failure> {
    if let Some(text) = &job.meter.bpf {
        // Of Ethernet, to refuse a bad text before any work.
        Bpf::compile(text, 1).map_err(|error| Failure::Misuse(error.to_string()))?;
    }
    let is_live = job.files.is_empty();
    let about = Arc::clone(&job.changes.about);
    about.metered.store(Arc::new(live::metered(&job.meter)?));
    job.exports.set_about(Arc::clone(&about));
    let mut outlet = Outlet::new(&mut job);

    // A secret of this run, so that nobody who can only send packets makes flows collide.
    let front = |worker: usize| Front::new(&job.meter, !is_live, RandomState::new().hash_one(worker));
    let metered = if is_live {
        live::listen(&job.meter, job.captures.take(), front, &mut outlet, stop, &about, &job.changes)
    } else {
        files::read(&job.files, front(0), &mut outlet, stop)
    };
    let ended = metered.and_then(|totals| {
        outlet.finish()?;
        Ok(totals)
    });
    let matched = outlet.matched;
    let totals = ended?;
    if let Some(inlet) = outlet.inlet {
        inlet.close(now());
    }
    Ok(Done { matched, failures: totals.failures, totals })
}
