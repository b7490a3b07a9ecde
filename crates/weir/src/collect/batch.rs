//! What goes from those who decode to the journal: rows of every table.

use weir_codec::Output;
use weir_record::HealthBatch;

use crate::pipeline::queue::Load;

/// Rows of every table, on their way to the journal.
#[derive(Default)]
pub(crate) struct Batch {
    /// Records and counters; its options are not kept.
    pub(crate) output: Output,
    /// What is known to be missing.
    pub(crate) health: HealthBatch,
}

impl Load for Batch {
    fn rows(&self) -> usize {
        self.output.flows.rows() + self.output.counters.rows() + self.health.rows()
    }

    fn clear(&mut self) {
        self.output.clear();
        self.health.clear();
    }
}

impl Batch {
    /// Completes the columns.
    pub(crate) fn finish(&mut self) {
        self.output.finish();
        self.health.finish();
    }
}
