//! Where a record lies in time, and how its bytes are spread over slots of time.
//!
//! A record is *placed* at its own start and end; where these are absent or implausible against arrival, at its arrival. A range of
//! time selects the records whose placed interval overlaps it. In series, bytes and packets are spread evenly over the placed
//! interval, in whole numbers whose sum is exact; counts stand in the slot in which the record ends.

use weir_record::{Column, FlowBatch};

use crate::Mask;

/// The columns that place a record.
pub const COLUMNS: [Column; 4] = [Column::time_received, Column::time_start, Column::time_end, Column::time_suspect];

/// The interval in which a record lies; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Nanoseconds since 1970.
    pub start: i64,
    /// Nanoseconds since 1970; never before `start`.
    pub end: i64,
}

impl Placed {
    /// Of the times of a record. With one own time alone it is that instant, with an end before its start the start; a record without any time
    /// stands at 1970.
    #[inline]
    pub fn new(received: Option<i64>, start: Option<i64>, end: Option<i64>, suspect: bool) -> Self {
        let own = if suspect { None } else { start.or(end) };
        let start = own.or(received).unwrap_or(0);
        let end = if suspect { start } else { end.unwrap_or(start).max(start) };
        Self { start, end }
    }

    /// Of a row of a batch.
    #[inline]
    pub fn of(batch: &FlowBatch, row: usize) -> Self {
        let suspect = batch.time_suspect.get(row) == Some(1);
        Self::new(batch.time_received.get(row), batch.time_start.get(row), batch.time_end.get(row), suspect)
    }

    /// True where the interval has a part in the range from `from` to before `to`; see [`overlap`].
    #[inline]
    pub const fn overlaps(&self, from: i64, to: i64) -> bool {
        overlap(self.start, self.end, from, to)
    }

    /// The slots in which the interval lies, ascending; there is always one.
    #[inline]
    pub fn pieces(self, slots: Slots) -> Pieces {
        Pieces { placed: self, step: slots.step.max(1), next: Some(slots.begin_of(self.start)) }
    }

    /// The same slots from that on in which the time `from` lies.
    #[inline]
    pub(crate) fn pieces_from(self, slots: Slots, from: i64) -> Pieces {
        let first = slots.begin_of(self.start.max(from));
        Pieces { placed: self, step: slots.step.max(1), next: (first <= self.end).then_some(first) }
    }

    /// Nanoseconds from start to end.
    #[inline]
    const fn length(self) -> u64 {
        (self.end as u64).wrapping_sub(self.start as u64)
    }
}

/// True where what lies from `first` to `last`, both belonging to it, has a part in the range from `from` to before `to`. A range to
/// `i64::MAX` has no end: it holds that last nanosecond too.
#[inline]
pub const fn overlap(first: i64, last: i64, from: i64, to: i64) -> bool {
    (first < to || to == i64::MAX) && last >= from
}

/// Clears the rows whose placed interval does not overlap the range from `from` to before `to`; see [`overlap`].
pub fn restrict(batch: &FlowBatch, from: i64, to: i64, mask: &mut Mask) {
    if from == i64::MIN && to == i64::MAX {
        return;
    }
    mask.retain(|row| Placed::of(batch, row).overlaps(from, to));
}

/// Slots of one length, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Length of a slot in nanoseconds; below 1 counts as 1.
    pub step: i64,
    /// Where some slot begins, in nanoseconds since 1970.
    pub origin: i64,
}

impl Slots {
    /// Slots of `step` nanoseconds that begin at whole multiples of it since 1970, in UTC.
    pub const fn every(step: i64) -> Self {
        Self { step, origin: 0 }
    }

    /// Begin of the slot in which a time lies. At the very beginning of what 64 bits hold, the slot is cut there.
    #[inline]
    pub fn begin_of(&self, time: i64) -> i64 {
        let step = self.step.max(1);
        let into = match time.checked_sub(self.origin) {
            Some(since) => since.rem_euclid(step),
            None => (i128::from(time) - i128::from(self.origin)).rem_euclid(step.into()) as i64,
        };
        time.saturating_sub(into)
    }
}

/// The slots of an interval; see [`Placed::pieces`].
#[derive(Clone, Debug)]
pub struct Pieces {
    placed: Placed,
    step: i64,
    next: Option<i64>,
}

impl Iterator for Pieces {
    type Item = Piece;

    #[inline]
    fn next(&mut self) -> Option<Piece> {
        let slot = self.next?;
        // The end of an interval belongs to it, so a record that ends where a slot begins still touches that slot, with no amount.
        self.next = slot.checked_add(self.step).filter(|end| *end <= self.placed.end);
        let since_start = |time: i64| (time.max(self.placed.start) as u64).wrapping_sub(self.placed.start as u64);
        Some(Piece {
            slot,
            before: since_start(slot),
            elapsed: since_start(self.next.unwrap_or(self.placed.end)),
            whole: self.placed.length(),
            last: self.next.is_none(),
        })
    }
}

/// The part of an interval in one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Begin of the slot, nanoseconds since 1970.
    pub slot: i64,
    /// Nanoseconds of the interval before this slot.
    before: u64,
    /// Nanoseconds of the interval up to the end of this slot.
    elapsed: u64,
    /// Nanoseconds of the interval.
    whole: u64,
    last: bool,
}

impl Piece {
    /// How much of an amount has come by the end of this slot, rounded down. The part of the slot is this less that of the piece before (0 at
    /// first), so that parts add up to the amount exactly.
    #[inline]
    pub fn up_to(&self, amount: u64) -> u64 {
        self.at(amount, self.elapsed)
    }

    /// The part of an amount in this slot.
    #[inline]
    pub fn part_of(&self, amount: u64) -> u64 {
        let before = if self.before == 0 { 0 } else { self.at(amount, self.before) };
        self.up_to(amount) - before
    }

    /// Which share of the interval lies in this slot.
    pub(crate) fn share(&self) -> f64 {
        if self.whole == 0 { 1.0 } else { (self.elapsed - self.before) as f64 / self.whole as f64 }
    }

    /// True where the interval ends in this slot.
    #[inline]
    pub const fn is_last(&self) -> bool {
        self.last
    }

    #[inline]
    fn at(&self, amount: u64, elapsed: u64) -> u64 {
        if elapsed >= self.whole {
            return amount;
        }
        match amount.checked_mul(elapsed) {
            Some(product) => product / self.whole,
            None => (u128::from(amount) * u128::from(elapsed) / u128::from(self.whole)) as u64,
        }
    }
}

/// Spreads an amount over the slots of an interval: `each` gets the begin of a slot and its part.
pub fn spread(amount: u64, placed: Placed, slots: Slots, mut each: impl FnMut(i64, u64)) {
    let mut before = 0;
    for piece in placed.pieces(slots) {
        let so_far = piece.up_to(amount);
        each(piece.slot, so_far - before);
        before = so_far;
    }
}

#[cfg(test)]
mod tests;
