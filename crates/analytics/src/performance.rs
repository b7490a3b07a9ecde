//! How well connections went: round-trip and response times, retransmissions, handshakes.

use weir_query::{Histogram, response_times};
use weir_record::{FlowBatch, names};

/// Sums of what records say of performance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Performance {
    pub(crate) retransmissions: u64,
    pub(crate) out_of_order: u64,
    pub(crate) handshakes: u64,
    pub(crate) handshakes_answered: u64,
    pub(crate) rtt: Durations,
    pub(crate) srt: Durations,
}

/// Durations in microseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations {
    pub(crate) sum: u64,
    pub(crate) histogram: Histogram,
}

/// True where some record of the batch may say something of performance.
pub(crate) const fn is_told(batch: &FlowBatch) -> bool {
    !(batch.rtt.is_empty()
        && batch.srt.is_empty()
        && batch.srt_sum.is_empty()
        && batch.srt_hist.is_empty()
        && batch.tcp_handshake.is_empty()
        && batch.retransmissions.is_empty()
        && batch.out_of_order.is_empty())
}

/// True where a record says something of performance, or is half of a connection: then it has a server.
pub(crate) fn has_server(batch: &FlowBatch, row: usize) -> bool {
    batch.biflow.get(row).is_some()
        || batch.rtt.get(row).is_some()
        || batch.srt.get(row).is_some()
        || batch.srt_sum.get(row).is_some()
        || batch.tcp_handshake.get(row).is_some()
        || batch.retransmissions.get(row).is_some()
        || batch.out_of_order.get(row).is_some()
}

impl Performance {
    /// Adds what a record says. What is of the connection stands on both of its halves and is taken from the initiator's.
    pub(crate) fn add(&mut self, batch: &FlowBatch, row: usize) {
        let number = |value: Option<u32>| u64::from(value.unwrap_or(0));
        self.retransmissions = self.retransmissions.saturating_add(number(batch.retransmissions.get(row)));
        self.out_of_order = self.out_of_order.saturating_add(number(batch.out_of_order.get(row)));
        if batch.biflow.get(row) == Some(names::RESPONDER) {
            return;
        }
        match batch.tcp_handshake.get(row) {
            Some(names::HANDSHAKE_COMPLETE) => {
                self.handshakes += 1;
                self.handshakes_answered += 1;
            }
            Some(names::HANDSHAKE_UNANSWERED | names::HANDSHAKE_REFUSED) => self.handshakes += 1,
            _ => {}
        }
        if let Some(rtt) = batch.rtt.get(row) {
            self.rtt.histogram.add(rtt.into(), 1);
            self.rtt.sum = self.rtt.sum.saturating_add(rtt.into());
        }
        let Durations { sum, histogram } = &mut self.srt;
        if let Some(times) = response_times(batch, row, |time, count| histogram.add(time, count)) {
            *sum = sum.saturating_add(times.sum);
        }
    }
}
