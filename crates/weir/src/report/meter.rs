//! What is said at the end of `weir meter`, and of the meter in `weir run`.

use std::io::{self, Write};

use weir_record::write::json::write_string;

use super::write_member;
use crate::export::Sent;

/// Counters of a whole run.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) stats: weir_meter::Stats,
    /// What the kernel counted, of interfaces.
    pub(crate) kernel: Option<Kernel>,
    /// Records given up between the meter and the exporters.
    pub(crate) queue_dropped: u64,
    /// What became of records that were sent, by endpoint.
    pub(crate) exports: Vec<Sent>,
    /// Files or interfaces that failed, each told when it did.
    pub(crate) failures: u64,
}

/// What the kernel counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kernel {
    /// Packets captured.
    pub(crate) received: u64,
    /// Packets for which there was no room.
    pub(crate) dropped: u64,
    /// Interfaces that went away.
    pub(crate) gone: u64,
}

impl Kernel {
    pub(crate) const fn and(self, other: Self) -> Self {
        Self { received: self.received + other.received, dropped: self.dropped + other.dropped, gone: self.gone + other.gone }
    }
}

impl Totals {
    /// The sum over meters, with frames that were no packets for them.
    pub(crate) fn of(meters: impl IntoIterator<Item = (weir_meter::Stats, u64)>) -> Self {
        let mut sum = weir_meter::Stats::default();
        for (stats, unreadable) in meters {
            sum.packets += stats.packets + unreadable;
            sum.packets_unparsed += stats.packets_unparsed + unreadable;
            sum.packets_unsampled += stats.packets_unsampled;
            sum.bytes += stats.bytes;
            sum.flows += stats.flows;
            sum.flows_evicted += stats.flows_evicted;
            sum.fragments += stats.fragments;
            for (name, count) in stats.faults {
                *sum.faults.entry(name).or_default() += count;
            }
        }
        Self { stats: sum, ..Self::default() }
    }

    /// Says what was asked for.
    pub(crate) fn print(&self, stats: bool) {
        if stats {
            // A standard error that cannot be written to leaves nowhere to say so.
            let _ = io::stderr().lock().write_all(&self.json());
        }
    }

    /// The counters, one JSON object in a line.
    pub(crate) fn json(&self) -> Vec<u8> {
        let stats = &self.stats;
        let mut counters = vec![
            ("packets", stats.packets),
            ("packets_unparsed", stats.packets_unparsed),
            ("bytes", stats.bytes),
            ("flows", stats.flows),
            ("flows_evicted", stats.flows_evicted),
            ("fragments", stats.fragments),
        ];
        if stats.packets_unsampled > 0 {
            counters.push(("packets_unsampled", stats.packets_unsampled));
        }
        if let Some(kernel) = self.kernel {
            counters.extend([
                ("kernel_received", kernel.received),
                ("kernel_dropped", kernel.dropped),
                ("queue_dropped", self.queue_dropped),
            ]);
        }
        let mut line = Vec::new();
        write_counters(&mut line, counters);
        // The braces of the whole stay open for its objects.
        line.pop();
        line.extend_from_slice(b",\"faults\":");
        write_counters(&mut line, stats.faults.iter().map(|(name, count)| (*name, *count)));
        if !self.exports.is_empty() {
            line.push(b',');
            write_exports(&mut line, &self.exports);
        }
        line.extend_from_slice(b"}\n");
        line
    }
}

/// The member `exports`: what became of the records for each endpoint.
pub(crate) fn write_exports(line: &mut Vec<u8>, exports: &[Sent]) {
    line.extend_from_slice(b"\"exports\":{");
    for (index, sent) in exports.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        write_string(line, sent.name.as_bytes());
        line.push(b':');
        write_counters(line, sent.counters());
    }
    line.push(b'}');
}

/// An object of counters.
pub(crate) fn write_counters<'a>(out: &mut Vec<u8>, counters: impl IntoIterator<Item = (&'a str, u64)>) {
    out.push(b'{');
    for (index, (name, count)) in counters.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_member(out, name, count);
    }
    out.push(b'}');
}
