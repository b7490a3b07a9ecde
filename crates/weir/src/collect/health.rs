//! Rows of intake health: what arrived in a minute and what is known to be missing. Rows of one minute and source add up, so they are written often, and each
//! holds what came since the one before.

use weir_record::{Address, HealthBatch};

/// A slot of health, nanoseconds.
pub(crate) const MINUTE: i64 = 60_000_000_000;

/// What one source has had in the minute that is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Minute {
    /// Begin of the minute, nanoseconds since 1970.
    slot: i64,
    pub(crate) datagrams: u64,
    pub(crate) records: u64,
    pub(crate) reordered: u64,
    pub(crate) restarts: u64,
    pub(crate) faults: u64,
    /// Arrival of the first and the last record, nanoseconds since 1970.
    pub(crate) reported: Option<(i64, i64)>,
}

/// What is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) records: u64,
    pub(crate) datagrams: u64,
    /// It cannot be told.
    pub(crate) is_unknown: bool,
}

/// What the service itself had since the row before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Service {
    /// How long it was receiving, microseconds.
    pub(crate) up: u64,
    pub(crate) dropped: Dropped,
}

/// Datagrams that nobody decoded, by reason; all since the start, or a difference of two such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// The kernel had no room.
    pub(crate) kernel: u64,
    /// The decoders were behind.
    pub(crate) queue: u64,
    /// Not allowed, or more than is allowed.
    pub(crate) guard: u64,
}

impl std::ops::Add for Dropped {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { kernel: self.kernel + other.kernel, queue: self.queue + other.queue, guard: self.guard + other.guard }
    }
}

impl std::ops::AddAssign for Dropped {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// The begin of a minute.
pub(crate) const fn slot_of(time: i64) -> i64 {
    time - time.rem_euclid(MINUTE)
}

impl Minute {
    /// True where a datagram of that time belongs to another minute than what is open.
    pub(crate) fn is_over_at(&self, time: i64) -> bool {
        self.slot != slot_of(time)
    }

    /// Writes what is open as a row, if there is anything, and opens the minute of that time.
    /// Of a unit of a group it also says when records came, which tells when another unit took over.
    pub(crate) fn turn(
        &mut self,
        key: (Option<Address>, Option<u32>),
        group: Option<&str>,
        missing: Missing,
        time: i64,
        into: &mut HealthBatch,
    ) {
        let Self { datagrams, records, reordered, restarts, faults, slot, reported } =
            std::mem::replace(self, Self { slot: slot_of(time), ..Self::default() });
        let counted = [datagrams, records, reordered, restarts, faults, missing.records, missing.datagrams];
        if counted.iter().all(|count| *count == 0) {
            return;
        }
        let row = into.rows();
        into.slot.push(row, slot);
        into.exporter.push_some(row, key.0);
        into.obs_domain.push_some(row, key.1);
        into.datagrams.push(row, datagrams);
        into.records.push(row, records);
        into.lost_records.push(row, missing.records);
        into.lost_datagrams.push(row, missing.datagrams);
        into.reordered.push(row, reordered);
        into.restarts.push(row, restarts);
        into.faults.push(row, faults);
        if missing.is_unknown {
            into.sequence_unknown.push(row, 1);
        }
        if let Some(group) = group {
            into.source_group.push(row, group);
            into.first_record.push_some(row, reported.map(|(first, _)| first));
            into.last_record.push_some(row, reported.map(|(_, last)| last));
        }
        into.advance(1);
    }
}

impl Service {
    /// Adds what came later in the same minute.
    pub(crate) const fn add(&mut self, later: Self) {
        self.up += later.up;
        self.dropped.kernel += later.dropped.kernel;
        self.dropped.queue += later.dropped.queue;
        self.dropped.guard += later.dropped.guard;
    }

    /// Writes a row of the service itself, of the minute of `time`.
    pub(crate) fn write(&self, time: i64, into: &mut HealthBatch) {
        let row = into.rows();
        into.slot.push(row, slot_of(time));
        into.up.push(row, self.up);
        into.dropped_kernel.push(row, self.dropped.kernel);
        into.dropped_queue.push(row, self.dropped.queue);
        into.dropped_guard.push(row, self.dropped.guard);
        into.advance(1);
    }
}

impl Dropped {
    /// What came since.
    pub(crate) const fn since(self, before: Self) -> Self {
        Self { kernel: self.kernel - before.kernel, queue: self.queue - before.queue, guard: self.guard - before.guard }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_what_came_since_the_one_before() {
        let (mut minute, mut rows) = (Minute::default(), HealthBatch::new());
        let key = (Some(Address::v4(1)), None);
        minute.turn(key, None, Missing::default(), 90_000_000_000, &mut rows);
        assert_eq!(rows.rows(), 0, "nothing came");
        minute.datagrams = 3;
        minute.reported = Some((70_000_000_000, 80_000_000_000));
        assert!(!minute.is_over_at(119_999_999_999) && minute.is_over_at(120_000_000_000));
        minute.turn(key, Some("pair"), Missing { records: 2, ..Missing::default() }, 130_000_000_000, &mut rows);
        minute.datagrams = 1;
        minute.turn(key, None, Missing { is_unknown: true, ..Missing::default() }, 130_000_000_000, &mut rows);
        rows.finish();
        assert_eq!((rows.slot.values(), rows.datagrams.values()), (&[60_000_000_000, 120_000_000_000][..], &[3, 1][..]));
        assert_eq!(rows.lost_records.values(), [2, 0]);
        let unit = |row| (rows.source_group.get(row), rows.first_record.get(row), rows.last_record.get(row));
        assert_eq!(unit(0), (Some("pair"), Some(70_000_000_000), Some(80_000_000_000)));
        assert_eq!(unit(1), (None, None, None));
        assert_eq!((rows.sequence_unknown.get(0), rows.sequence_unknown.get(1), rows.obs_domain.get(0)), (None, Some(1), None));
    }
}
