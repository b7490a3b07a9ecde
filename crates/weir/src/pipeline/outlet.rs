//! Where flows go: those that were asked for are printed, sent to collectors, and stored.

use std::io;
use std::sync::Arc;

use weir_query::{Filter, Mask};
use weir_record::FlowBatch;

use crate::collect::inlet::Inlet;
use crate::config::{Condition, Origin};
use crate::export::Exports;
use crate::meter::Job;
use crate::output::Rows;

/// Takes batches of the meter.
pub(super) struct Outlet {
    /// None where every flow is wanted.
    filter: Option<Filter>,
    /// Records that may still be reported.
    left: u64,
    /// Records reported.
    pub(super) matched: u64,
    mask: Mask,
    chosen: FlowBatch,
    rows: Option<Rows>,
    /// The way to collectors.
    pub(super) exports: Arc<Exports>,
    /// The way into the store.
    pub(super) inlet: Option<Inlet>,
}

impl Outlet {
    pub(super) fn new(job: &mut Job) -> Self {
        let filter = job.meter.filter.0.clone();
        Self {
            filter: Some(filter).filter(|filter| *filter != Filter::any()),
            left: job.limit,
            matched: 0,
            mask: Mask::new(),
            chosen: FlowBatch::new(),
            rows: job.rows.take(),
            exports: Arc::clone(&job.exports),
            inlet: job.inlet.take(),
        }
    }

    /// Other flows are asked for from now on.
    pub(super) fn set_filter(&mut self, filter: &Condition) {
        self.filter = Some(filter.0.clone()).filter(|filter| *filter != Filter::any());
    }

    /// Takes the rows that were asked for further. `now` is the time of export, nanoseconds since 1970.
    pub(super) fn take(&mut self, batch: &FlowBatch, now: i64) -> io::Result<()> {
        let Self { filter, left, mask, chosen, rows, exports, inlet, .. } = self;
        let everything = filter.is_none() && *left >= batch.rows() as u64;
        let batch = if everything {
            batch
        } else {
            match filter {
                Some(filter) => filter.evaluate(batch, mask),
                None => mask.select_all(batch.rows()),
            }
            let last = mask.iter().take(usize::try_from(*left).unwrap_or(usize::MAX)).last();
            chosen.clear();
            chosen.append_where(batch, |row| mask.get(row) && Some(row) <= last);
            chosen
        };
        *left -= batch.rows() as u64;
        self.matched += batch.rows() as u64;
        exports.offer_copy(Origin::Meter, batch);
        inlet.iter_mut().for_each(|inlet| inlet.take(batch, now));
        rows.as_mut().map_or(Ok(()), |rows| rows.write_flows(batch))
    }

    /// Lets go what is held back for the sake of larger portions; somebody may be looking on.
    pub(super) fn flush(&mut self, now: i64) -> io::Result<()> {
        self.inlet.iter_mut().for_each(|inlet| inlet.flush(now));
        self.rows.as_mut().map_or(Ok(()), Rows::flush)
    }

    /// Writes what belongs at the end.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.rows.as_mut().map_or(Ok(()), Rows::finish)
    }

    /// True where flows are printed.
    pub(super) const fn prints(&self) -> bool {
        self.rows.is_some()
    }

    /// True when as many records were reported as were asked for.
    pub(super) const fn is_full(&self) -> bool {
        self.left == 0
    }
}
