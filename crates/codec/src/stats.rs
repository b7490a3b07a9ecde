//! What a decoder has counted.

use std::ops::AddAssign;

use crate::Faults;

/// Counts since the decoder was made. `pending` alone goes down again.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Messages taken in, faulty ones included.
    pub datagrams: u64,
    /// Rows of flows, samples, events and drops.
    pub records: u64,
    /// Template records, repeats and withdrawals included.
    pub templates: u64,
    /// Options records.
    pub options_records: u64,
    /// Counter samples.
    pub counter_samples: u64,
    /// Sets that wait for their template now.
    pub pending: u64,
    /// Records or datagrams that the exporters' sequence numbers say are missing.
    pub lost: u64,
    /// Messages that came later than their sequence number says.
    pub reordered: u64,
    /// Sequence numbers that began anew.
    pub sequence_restarts: u64,
    /// FastNetMon records with a sampling rate or a number of packets of 0, which count as 1.
    pub corrected: u64,
    /// Faults by reason.
    pub faults: Faults,
}

/// The sum over several decoders; the faults of their last messages are left out.
impl AddAssign<&Self> for Stats {
    fn add_assign(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.records += other.records;
        self.templates += other.templates;
        self.options_records += other.options_records;
        self.counter_samples += other.counter_samples;
        self.pending += other.pending;
        self.lost += other.lost;
        self.reordered += other.reordered;
        self.sequence_restarts += other.sequence_restarts;
        self.corrected += other.corrected;
        self.faults.add_counts(&other.faults);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Reason};

    #[test]
    fn stats_of_several_decoders_add_up() {
        let mut one = Stats { datagrams: 1, records: 2, lost: 3, pending: 4, ..Stats::default() };
        one.faults.add(Fault::new(Reason::Truncated, 0, 0));
        let mut sum = Stats::default();
        sum += &one;
        sum += &one;
        assert_eq!((sum.datagrams, sum.records, sum.lost, sum.pending), (2, 4, 6, 8));
        assert_eq!((sum.faults.count(Reason::Truncated), sum.faults.recent().len()), (2, 0));
    }
}
