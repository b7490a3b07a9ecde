//! What a record adds to each minute: its part of bytes and packets, and, where it ends, itself.

use weir_query::sampling;
use weir_query::time::{Placed, Slots};
use weir_record::{FlowBatch, names};

/// Nanoseconds of a slot.
pub(crate) const MINUTE: i64 = 60_000_000_000;

/// A record is spread over at most so many nanoseconds before its end: what claims to have lasted for days costs no more than that.
pub(crate) const LONGEST: i64 = 2 * 60 * MINUTE;

/// A record's share of one minute.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    /// The record.
    pub(crate) row: u32,
    /// Place in the list of extras, from 1; 0 where the record has none.
    pub(crate) extra: u32,
    /// 1 where the record ends.
    pub(crate) records: u32,
    /// The minute and source, as numbered within the batch.
    pub(crate) cell: u32,
    /// As reported.
    pub(crate) packets: u64,
    /// As reported.
    pub(crate) bytes: u64,
}

/// What a part of a sampled record, a packet sample or a responder's half adds besides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extra {
    /// By how much the scaled packets are more than the reported ones.
    pub(crate) packets_more: u64,
    /// The same of bytes.
    pub(crate) bytes_more: u64,
    /// Estimated variance of the scaled packets.
    pub(crate) packets_variance: f64,
    /// Estimated variance of the scaled bytes, octets squared.
    pub(crate) bytes_variance: f64,
    pub(crate) samples: u32,
    pub(crate) responders: u32,
}

/// What is needed of a record to part it.
#[derive(Clone, Copy, Debug)]
struct Record {
    row: u32,
    placed: Placed,
    packets: u64,
    bytes: u64,
    rate: u32,
    is_sample: bool,
    is_responder: bool,
}

/// Parts the rows of a batch that are flows or samples; `cell` numbers the source of a row and the minute that begins there.
pub(crate) fn part(batch: &FlowBatch, parts: &mut Vec<Part>, extras: &mut Vec<Extra>, mut cell: impl FnMut(usize, i64) -> u32) {
    parts.clear();
    extras.clear();
    let has_kinds = !batch.record_kind.is_empty();
    let has_rates = !batch.sampling_rate.is_empty();
    let has_halves = !batch.biflow.is_empty();
    for row in 0..batch.rows() {
        let kind = if has_kinds { batch.record_kind.get(row).unwrap_or(names::FLOW) } else { names::FLOW };
        if kind != names::FLOW && kind != names::SAMPLE {
            continue;
        }
        let mut placed = Placed::of(batch, row);
        placed.start = placed.start.max(placed.end.saturating_sub(LONGEST));
        let record = Record {
            row: row as u32,
            placed,
            packets: batch.packets.get(row).unwrap_or(0),
            bytes: batch.bytes.get(row).unwrap_or(0),
            rate: if has_rates { batch.sampling_rate.get(row).unwrap_or(1).max(1) } else { 1 },
            is_sample: kind == names::SAMPLE,
            is_responder: has_halves && batch.biflow.get(row) == Some(names::RESPONDER),
        };
        let first = placed.start.saturating_sub(placed.start.rem_euclid(MINUTE));
        let is_within_one = placed.end.saturating_sub(first) < MINUTE;
        if is_within_one {
            let part = Part {
                row: record.row,
                extra: 0,
                records: 1,
                cell: cell(row, first),
                packets: record.packets,
                bytes: record.bytes,
            };
            record.push(part, parts, extras);
        } else {
            record.spread(parts, extras, |slot| cell(row, slot));
        }
    }
}

impl Record {
    #[inline(never)]
    fn spread(&self, parts: &mut Vec<Part>, extras: &mut Vec<Extra>, mut cell: impl FnMut(i64) -> u32) {
        let (mut packets, mut bytes) = (0, 0);
        for piece in self.placed.pieces(Slots::every(MINUTE)) {
            let so_far = (piece.up_to(self.packets), piece.up_to(self.bytes));
            let part = Part {
                row: self.row,
                extra: 0,
                records: u32::from(piece.is_last()),
                cell: cell(piece.slot),
                packets: so_far.0 - packets,
                bytes: so_far.1 - bytes,
            };
            self.push(part, parts, extras);
            (packets, bytes) = so_far;
        }
    }

    #[inline]
    fn push(&self, mut part: Part, parts: &mut Vec<Part>, extras: &mut Vec<Extra>) {
        if self.rate > 1 || self.is_sample || self.is_responder {
            extras.push(self.extra(&part));
            part.extra = extras.len() as u32;
        }
        parts.push(part);
    }

    /// The variance is that of the whole record, in proportion.
    fn extra(&self, part: &Part) -> Extra {
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let more = |amount: u64| amount.saturating_mul(u64::from(self.rate)).saturating_sub(amount);
        Extra {
            packets_more: more(part.packets),
            bytes_more: more(part.bytes),
            packets_variance: sampling::packets_variance(self.rate, self.packets) * share(part.packets, self.packets),
            bytes_variance: sampling::bytes_variance(self.rate, self.bytes, self.packets) * share(part.bytes, self.bytes),
            samples: if self.is_sample { part.records } else { 0 },
            responders: if self.is_responder { part.records } else { 0 },
        }
    }
}

/// Brings parts into the order of their cells; `ends` gets where each cell's parts end.
pub(crate) fn group(parts: &[Part], cells: usize, ends: &mut Vec<u32>, grouped: &mut Vec<Part>) {
    ends.clear();
    ends.resize(cells, 0);
    for part in parts {
        if let Some(count) = ends.get_mut(part.cell as usize) {
            *count += 1;
        }
    }
    let mut start = 0;
    for end in &mut *ends {
        (*end, start) = (start, start + *end);
    }
    grouped.clear();
    grouped.resize(parts.len(), Part::default());
    for part in parts {
        if let Some(next) = ends.get_mut(part.cell as usize) {
            if let Some(place) = grouped.get_mut(*next as usize) {
                *place = *part;
            }
            *next += 1;
        }
    }
}
