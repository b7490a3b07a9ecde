//! Numbers worked out of several columns.

use weir_record::column::Fixed;
use weir_record::{Column, FlowBatch};

use super::Block;
use super::leaf::{for_rows, for_words, gather, sixty_four};
use super::number::{NumberSet, ordered};

const SECOND: u128 = 1_000_000_000;

/// What is worked out. DSCP and MPLS labels are no quantities: they are ranges of `tos` and of label stack entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    /// Nanoseconds from start to end, [`ordered`].
    Duration,
    BitsPerSecond,
    PacketsPerSecond,
    BytesPerPacket,
}

impl Quantity {
    /// The columns that it needs.
    pub(super) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Duration => &[Column::time_start, Column::time_end],
            Self::BitsPerSecond => &[Column::bytes, Column::time_start, Column::time_end],
            Self::PacketsPerSecond => &[Column::packets, Column::time_start, Column::time_end],
            Self::BytesPerPacket => &[Column::bytes, Column::packets],
        }
    }
}

/// Clears the bits of rows for which the quantity is absent or not in the set.
pub(super) fn restrict(batch: &FlowBatch, quantity: Quantity, set: &NumberSet, negated: bool, first: usize, block: &mut Block) {
    let (start, end) = (&batch.time_start, &batch.time_end);
    match quantity {
        Quantity::Duration => {
            if start.is_empty() || end.is_empty() {
                block.fill(0);
                return;
            }
            // One range, as `>` makes it, is compared with vector instructions.
            match set.only() {
                Some((low, high)) => {
                    let width = high - low;
                    durations(start, end, first, block, |duration| (duration.wrapping_sub(low) <= width) != negated);
                }
                None => durations(start, end, first, block, |duration| set.contains(duration) != negated),
            }
        }
        Quantity::BytesPerPacket => for_rows(block, first, batch.bytes.validity(), |row| {
            let each = batch.packets.get(row).and_then(|packets| batch.bytes.get(row)?.checked_div(packets));
            each.is_some_and(|each| set.contains(each) != negated)
        }),
        Quantity::BitsPerSecond | Quantity::PacketsPerSecond => {
            let (amounts, factor) = match quantity {
                Quantity::BitsPerSecond => (&batch.bytes, 8),
                _ => (&batch.packets, 1),
            };
            for_rows(block, first, amounts.validity(), |row| {
                let rate = amounts.get(row).and_then(|amount| {
                    let duration = end.get(row)?.saturating_sub(start.get(row)?);
                    per_second(u128::from(amount) * factor, duration)
                });
                rate.is_some_and(|rate| set.contains(rate) != negated)
            });
        }
    }
}

/// Keeps the rows that have a duration for which `holds` is true.
#[inline]
fn durations(start: &Fixed<i64>, end: &Fixed<i64>, first: usize, block: &mut Block, holds: impl Fn(u64) -> bool) {
    for_words(block, first, |index, word| {
        let (starts, ends) = (sixty_four(start.values(), index), sixty_four(end.values(), index));
        let mut octets = [0u8; 64];
        for ((octet, start), end) in octets.iter_mut().zip(starts.iter()).zip(ends.iter()) {
            *octet = u8::from(holds(ordered(end.saturating_sub(*start))));
        }
        word & gather(&octets) & start.validity().word(index) & end.validity().word(index)
    });
}

/// An amount over a duration in nanoseconds, rounded down; nothing where no time went by. Rates past 64 bits stay at the end.
#[inline]
pub(crate) fn per_second(amount: u128, duration: i64) -> Option<u64> {
    let duration = u64::try_from(duration).ok().filter(|duration| *duration > 0)?;
    // Most fit in 64 bits, where a division is much cheaper.
    match u64::try_from(amount * SECOND) {
        Ok(amount) => Some(amount / duration),
        Err(_) => Some(u64::try_from(amount * SECOND / u128::from(duration)).unwrap_or(u64::MAX)),
    }
}
