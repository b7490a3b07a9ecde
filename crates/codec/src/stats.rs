//! What a decoder has counted.

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
    /// Faults by reason.
    pub faults: Faults,
}
