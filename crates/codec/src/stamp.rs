//! What every row says of where it came from, and of how plausible its times are.

use weir_record::{Address, FlowBatch};

/// Own times older than this before arrival are suspect.
const SUSPECT_AFTER: i64 = 24 * 3600 * 1_000_000_000;
/// Own times newer than this after arrival are suspect.
const SUSPECT_BEFORE: i64 = 5 * 60 * 1_000_000_000;

/// The columns that are the same for all rows of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) received: i64,
    pub(crate) from: Address,
    pub(crate) port: u16,
    pub(crate) exporter: Address,
    pub(crate) domain: u32,
    /// One of the numbers of `weir_record::names::FORMAT`.
    pub(crate) format: u8,
}

impl Stamp {
    /// Writes the stamp in `count` rows from `row` on.
    pub(crate) fn write(&self, flows: &mut FlowBatch, row: usize, count: usize) {
        flows.time_received.fill(row, count, self.received);
        flows.format.fill(row, count, self.format);
        flows.exporter.fill(row, count, self.exporter);
        flows.received_from.fill(row, count, self.from);
        flows.received_port.fill(row, count, self.port);
        flows.obs_domain.fill(row, count, self.domain);
    }
}

/// Marks rows from `row` on whose own times are implausible against `received` (design, section 2.6).
pub(crate) fn mark_suspect_times(flows: &mut FlowBatch, row: usize, received: i64) {
    let plausible = received.saturating_sub(SUSPECT_AFTER)..=received.saturating_add(SUSPECT_BEFORE);
    let starts = flows.time_start.values().get(row..).unwrap_or_default();
    let ends = flows.time_end.values().get(row..).unwrap_or_default();
    // Without a branch per row: almost always every time is plausible.
    let all_plausible = |times: &[i64]| times.iter().fold(true, |all, time| all & plausible.contains(time));
    if all_plausible(starts) & all_plausible(ends) {
        return;
    }
    for place in row..row + starts.len().max(ends.len()) {
        let times = [flows.time_start.get(place), flows.time_end.get(place)];
        if times.iter().flatten().any(|time| !plausible.contains(time)) {
            flows.time_suspect.push(place, 1);
        }
    }
}
