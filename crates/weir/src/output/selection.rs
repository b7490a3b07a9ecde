//! Which rows of a batch were asked for: by kind, by filter, up to a number.

use weir_query::{Filter, Mask};
use weir_record::{CounterBatch, FlowBatch, OptionsBatch, names};

use crate::args::Kind;

/// Chooses rows, and counts them.
pub(crate) struct Selection {
    kind: Kind,
    filter: Option<Filter>,
    /// Rows that may still be chosen.
    left: u64,
    matched: u64,
    mask: Mask,
    /// The columns that other records share with flow records, for the filter to look at.
    shared: FlowBatch,
    rows: Vec<usize>,
}

impl Selection {
    pub(crate) fn new(kind: Kind, filter: Option<Filter>, limit: u64) -> Self {
        Self { kind, filter, left: limit, matched: 0, mask: Mask::new(), shared: FlowBatch::new(), rows: Vec::new() }
    }

    /// The rows of flows, samples, events and drops that were asked for.
    pub(crate) fn flows(&mut self, batch: &FlowBatch) -> &[usize] {
        self.rows.clear();
        if batch.is_empty() || matches!(self.kind, Kind::Counters | Kind::Options) {
            return &self.rows;
        }
        let wanted = |row: &usize| self.kind == Kind::All || kind_of(batch, *row) == self.kind;
        match &self.filter {
            None => self.rows.extend((0..batch.rows()).filter(wanted)),
            Some(filter) => {
                filter.evaluate(batch, &mut self.mask);
                self.rows.extend(self.mask.iter().filter(wanted));
            }
        }
        self.count()
    }

    /// The counter records that were asked for. To a filter they have the columns that they share with flow records.
    pub(crate) fn counters(&mut self, batch: &CounterBatch) -> &[usize] {
        self.others(Kind::Counters, batch.rows(), |shared| {
            shared.time_received.clone_from(&batch.time_received);
            shared.exporter.clone_from(&batch.exporter);
            shared.received_from.clone_from(&batch.received_from);
            shared.obs_domain.clone_from(&batch.obs_domain);
        })
    }

    /// The options records that were asked for; see [`Selection::counters`].
    pub(crate) fn options(&mut self, batch: &OptionsBatch) -> &[usize] {
        self.others(Kind::Options, batch.rows(), |shared| {
            shared.time_received.clone_from(&batch.time_received);
            shared.format.clone_from(&batch.format);
            shared.exporter.clone_from(&batch.exporter);
            shared.received_from.clone_from(&batch.received_from);
            shared.obs_domain.clone_from(&batch.obs_domain);
        })
    }

    fn others(&mut self, kind: Kind, rows: usize, share: impl FnOnce(&mut FlowBatch)) -> &[usize] {
        self.rows.clear();
        if rows == 0 || !matches!(self.kind, Kind::All) && self.kind != kind {
            return &self.rows;
        }
        match &self.filter {
            None => self.rows.extend(0..rows),
            Some(filter) => {
                self.shared.clear();
                share(&mut self.shared);
                self.shared.advance(rows);
                filter.evaluate(&self.shared, &mut self.mask);
                self.rows.extend(self.mask.iter());
            }
        }
        self.count()
    }

    fn count(&mut self) -> &[usize] {
        self.rows.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        let rows = self.rows.len() as u64;
        self.left -= rows;
        self.matched += rows;
        &self.rows
    }

    /// Rows chosen so far.
    pub(crate) const fn matched(&self) -> u64 {
        self.matched
    }

    /// True when no more rows may be chosen.
    pub(crate) const fn is_full(&self) -> bool {
        self.left == 0
    }
}

/// The kind of a row among flow records.
pub(crate) fn kind_of(batch: &FlowBatch, row: usize) -> Kind {
    match batch.record_kind.get(row) {
        Some(names::EVENT) => Kind::Event,
        Some(names::DROP) => Kind::Drops,
        _ => Kind::Flow,
    }
}
