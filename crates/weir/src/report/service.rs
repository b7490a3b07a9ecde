//! What is said at the end of `weir run`: the counters of the meter, and of the collector as its member `collector`.

use std::io::{self, Write};

use super::meter::{Totals, write_counters, write_exports};
use crate::collect::Counted;
use crate::export::Sent;

/// What the collector counted, and what became of its rows.
pub(crate) struct Ended {
    pub(crate) counted: Counted,
    /// Rows that the store took.
    pub(crate) stored: u64,
    /// Rows that it did not take until the end.
    pub(crate) given_up: u64,
}

/// Prints one object in a line on the standard error.
pub(crate) fn print(meter: Option<&Totals>, exports: &[Sent], collector: Option<&Ended>) {
    let mut line = meter.map_or_else(|| b"{}\n".to_vec(), Totals::json);
    if !exports.is_empty() {
        line.truncate(line.len() - 2);
        if line.len() > 1 {
            line.push(b',');
        }
        write_exports(&mut line, exports);
        line.extend_from_slice(b"}\n");
    }
    if let Some(ended) = collector {
        // The braces of the whole stay open for this member.
        line.truncate(line.len() - 2);
        let comma = if line.len() > 1 { "," } else { "" };
        line.extend_from_slice(format!("{comma}\"collector\":").as_bytes());
        write_collector(&mut line, ended);
        line.extend_from_slice(b"}\n");
    }
    // A standard error that cannot be written to leaves nowhere to say so.
    let _ = io::stderr().lock().write_all(&line);
}

fn write_collector(line: &mut Vec<u8>, Ended { counted, stored, given_up }: &Ended) {
    let all = || counted.listeners.iter().map(|(_, listened)| listened).chain(&counted.ended);
    let listened = |count: fn(&crate::collect::Listened) -> u64| all().map(count).sum();
    let decoded = &counted.decoded;
    write_counters(
        line,
        [
            ("datagrams", listened(|listened| listened.received.datagrams)),
            ("octets", listened(|listened| listened.received.octets)),
            ("kernel_dropped", listened(|listened| listened.received.kernel_dropped)),
            ("not_allowed", listened(|listened| listened.guard.not_allowed)),
            ("over_rate", listened(|listened| listened.guard.over_rate)),
            ("queue_dropped", counted.queues.iter().map(|queue| queue.dropped).sum()),
            ("decoded", decoded.datagrams),
            ("records", decoded.records),
            ("options_records", decoded.options_records),
            ("counter_samples", decoded.counter_samples),
            ("templates", decoded.templates),
            ("pending", decoded.pending),
            ("lost", decoded.lost),
            ("reordered", decoded.reordered),
            ("restarts", decoded.sequence_restarts),
            ("sources", counted.sources),
            ("stored_rows", *stored),
            ("given_up", *given_up),
        ],
    );
    // The brace stays open for the faults.
    line.pop();
    line.extend_from_slice(b",\"faults\":");
    write_counters(line, decoded.faults.iter().map(|(reason, count)| (reason.name(), count)));
    line.push(b'}');
}
