//! What a record adds to each minute: its part of bytes and packets, and, where it ends, itself.

use weir_query::sampling;
use weir_query::time::{Placed, Slots};
use weir_record::{FlowBatch, names};

/// Nanoseconds of a slot.
pub(crate) const MINUTE: i64 = 60_000_000_000;

/// Nanoseconds of the longer slot.
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// A record is spread over at most so many nanoseconds before its end: what claims to have lasted for days costs no more than that.
pub(crate) const LONGEST: i64 = 2 * HOUR;

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

/// The records of a batch, parted; the memory is used again from batch to batch.
#[derive(Debug, Default)]
pub(crate) struct Parted {
    /// Shares of minutes.
    pub(crate) minutes: Vec<Part>,
    /// Shares of hours, scaled bytes alone: what sketches of addresses weigh.
    pub(crate) hours: Vec<Part>,
    pub(crate) extras: Vec<Extra>,
}

/// Parts the rows of a batch that are flows or samples; `minute` and `hour` number the source of a row and the slot that begins there;
/// `long` is told of rows that are spread over their last hours alone.
pub(crate) fn part(
    batch: &FlowBatch,
    parted: &mut Parted,
    mut minute: impl FnMut(usize, i64) -> u32,
    mut hour: impl FnMut(usize, i64) -> u32,
    mut long: impl FnMut(usize, Placed),
) {
    parted.minutes.clear();
    parted.hours.clear();
    parted.extras.clear();
    let has_kinds = !batch.record_kind.is_empty();
    let has_rates = !batch.sampling_rate.is_empty();
    let has_halves = !batch.biflow.is_empty();
    for row in 0..batch.rows() {
        let kind = if has_kinds { batch.record_kind.get(row).unwrap_or(names::FLOW) } else { names::FLOW };
        if kind != names::FLOW && kind != names::SAMPLE {
            continue;
        }
        let mut placed = Placed::of(batch, row);
        let earliest = placed.end.saturating_sub(LONGEST);
        if placed.start < earliest {
            long(row, placed);
            placed.start = earliest;
        }
        let record = Record {
            row: row as u32,
            placed,
            packets: batch.packets.get(row).unwrap_or(0),
            bytes: batch.bytes.get(row).unwrap_or(0),
            rate: if has_rates { batch.sampling_rate.get(row).unwrap_or(1).max(1) } else { 1 },
            is_sample: kind == names::SAMPLE,
            is_responder: has_halves && batch.biflow.get(row) == Some(names::RESPONDER),
        };
        let first = begin_of(placed.start, MINUTE);
        let is_within_one = placed.end.saturating_sub(first) < MINUTE;
        if is_within_one {
            let part = Part {
                row: record.row,
                extra: 0,
                records: 1,
                cell: minute(row, first),
                packets: record.packets,
                bytes: record.bytes,
            };
            let scaled = record.push(part, parted);
            parted.hours.push(Part { row: record.row, cell: hour(row, begin_of(first, HOUR)), bytes: scaled, ..Part::default() });
        } else {
            record.spread(parted, |slot| minute(row, slot), |slot| hour(row, slot));
        }
    }
}

/// Begin of the slot in which a time lies.
#[inline]
fn begin_of(time: i64, step: i64) -> i64 {
    time.saturating_sub(time.rem_euclid(step))
}

impl Record {
    #[inline(never)]
    fn spread(&self, parted: &mut Parted, mut minute: impl FnMut(i64) -> u32, mut hour: impl FnMut(i64) -> u32) {
        let (mut packets, mut bytes) = (0, 0);
        let mut scaled = 0u64;
        for piece in self.placed.pieces(Slots::every(MINUTE)) {
            let so_far = (piece.up_to(self.packets), piece.up_to(self.bytes));
            let part = Part {
                row: self.row,
                extra: 0,
                records: u32::from(piece.is_last()),
                cell: minute(piece.slot),
                packets: so_far.0 - packets,
                bytes: so_far.1 - bytes,
            };
            scaled = scaled.saturating_add(self.push(part, parted));
            (packets, bytes) = so_far;
            let slot = begin_of(piece.slot, HOUR);
            if piece.is_last() || piece.slot.saturating_sub(slot) >= HOUR - MINUTE {
                parted.hours.push(Part { row: self.row, cell: hour(slot), bytes: scaled, ..Part::default() });
                scaled = 0;
            }
        }
    }

    /// Adds a part, and gives its scaled bytes.
    #[inline(always)]
    fn push(&self, mut part: Part, parted: &mut Parted) -> u64 {
        let mut scaled = part.bytes;
        if self.rate > 1 || self.is_sample || self.is_responder {
            let extra = self.extra(&part);
            scaled = scaled.saturating_add(extra.bytes_more);
            parted.extras.push(extra);
            part.extra = parted.extras.len() as u32;
        }
        parted.minutes.push(part);
        scaled
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

/// Parts in the order of their cells.
#[derive(Debug, Default)]
pub(crate) struct Grouped {
    parts: Vec<Part>,
    /// Where the parts of each cell end.
    ends: Vec<u32>,
}

impl Grouped {
    /// Takes parts of so many cells and brings them into order.
    pub(crate) fn group(&mut self, parts: &[Part], cells: usize) {
        let Self { parts: grouped, ends } = self;
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

    /// The parts of each cell, by the cell's number.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[Part]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let from = std::mem::replace(&mut start, *end as usize);
            self.parts.get(from..*end as usize).unwrap_or_default()
        })
    }
}
