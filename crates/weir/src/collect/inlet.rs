//! The way of our own meter's flows into the store: as if this machine were an exporter that talks to itself.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use weir_enrich::Scratch;
use weir_record::{Address, FlowBatch, names};

use super::batch::Batch;
use super::source::{Gained, Heard};
use super::worker::{BATCH_ROWS, Desk, HEALTH_WRITTEN, LOOKED_AFTER, ROWS_WAIT};
use crate::pipeline::queue::{Load, Queue};
use crate::service::SharedTables;

/// Takes flows of the meter to the journal.
pub(crate) struct Inlet {
    queue: Arc<Queue<Batch>>,
    batch: Box<Batch>,
    tables: SharedTables,
    scratch: Scratch,
    desk: Arc<Desk>,
    begun: Option<Instant>,
    looked_after: Instant,
    health_written: Instant,
}

impl Inlet {
    /// A way to the journal, beside those that there are; what is noted of the meter is on `desk`.
    pub(crate) fn new(queue: &Arc<Queue<Batch>>, tables: &SharedTables, desk: &Arc<Desk>) -> Self {
        queue.enter();
        Self {
            queue: Arc::clone(queue),
            batch: Box::default(),
            tables: Arc::clone(tables),
            scratch: Scratch::default(),
            desk: Arc::clone(desk),
            begun: None,
            looked_after: Instant::now(),
            health_written: Instant::now(),
        }
    }

    /// The exporter that stands in rows of the meter.
    pub(crate) fn exporter() -> Address {
        Ipv4Addr::LOCALHOST.into()
    }

    /// Takes rows. `now` is in nanoseconds since 1970.
    pub(crate) fn take(&mut self, rows: &FlowBatch, now: i64) {
        let Batch { output, health } = &mut *self.batch;
        let first = output.flows.rows();
        output.flows.append_where(rows, |_| true);
        let count = output.flows.rows() - first;
        if count == 0 {
            return;
        }
        output.flows.exporter.fill(first, count, Self::exporter());
        output.flows.format.fill(first, count, names::PACKET);
        self.tables.load().enrich(&mut output.flows, first..first + count, &mut self.scratch);
        let heard = Heard {
            from: Self::exporter(),
            stream: None,
            listener: 0,
            received: now,
            octets: 0,
            group: None,
            envelope: None,
            gained: Gained { records: count as u64, ..Gained::default() },
            faults: &[],
            sampling: output.flows.sampling_rate.get(first),
        };
        self.desk.sources().hear(&heard, health);
        self.begun.get_or_insert_with(Instant::now);
        if self.batch.rows() >= BATCH_ROWS {
            self.hand_over();
        }
    }

    /// Hands over what has waited for long enough.
    pub(crate) fn flush(&mut self, now: i64) {
        let passed = self.looked_after.elapsed();
        if passed >= LOOKED_AFTER {
            self.looked_after = Instant::now();
            self.desk.sources().pass_alone(passed.as_secs_f64());
        }
        if self.health_written.elapsed() >= HEALTH_WRITTEN {
            self.health_written = Instant::now();
            self.desk.sources().turn(now, false, &mut self.batch.health);
        }
        if self.begun.is_some_and(|begun| begun.elapsed() >= ROWS_WAIT) || !self.batch.health.is_empty() {
            self.hand_over();
        }
    }

    /// Nothing more will come.
    pub(crate) fn close(mut self, now: i64) {
        self.desk.sources().turn(now, true, &mut self.batch.health);
        self.hand_over();
    }

    fn hand_over(&mut self) {
        self.batch.finish();
        if self.batch.rows() > 0 {
            self.queue.push(&mut self.batch);
        }
        self.begun = None;
    }
}

/// However the meter ends, the journal does not wait for it any more.
impl Drop for Inlet {
    fn drop(&mut self) {
        self.queue.leave();
    }
}
