//! The span of time that rows cover, by which files and blocks are passed over.

use serde::{Deserialize, Serialize};
use weir_query::time::overlap;

/// Smallest and largest time of some rows, both inclusive, in nanoseconds since 1970.
///
/// *Received* is the arrival of the datagram; retention goes by it. *Placed* is the time that a record is about, from its first packet to its last, or its
/// arrival where its own times are suspect or absent; questions go by it. Bounds may be wider than the rows, never narrower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Earliest arrival.
    pub received_min: i64,
    /// Latest arrival.
    pub received_max: i64,
    /// Earliest begin.
    pub placed_min: i64,
    /// Latest end.
    pub placed_max: i64,
}

impl Times {
    /// The span of no rows.
    pub const NONE: Self = Self { received_min: i64::MAX, received_max: i64::MIN, placed_min: i64::MAX, placed_max: i64::MIN };

    /// The span of rows that are about the time when they arrived.
    pub const fn at(min: i64, max: i64) -> Self {
        Self { received_min: min, received_max: max, placed_min: min, placed_max: max }
    }

    /// Covers another span too.
    pub fn extend(&mut self, other: &Self) {
        self.received_min = self.received_min.min(other.received_min);
        self.received_max = self.received_max.max(other.received_max);
        self.placed_min = self.placed_min.min(other.placed_min);
        self.placed_max = self.placed_max.max(other.placed_max);
    }

    /// True where some row can be about a moment in `from..to`.
    pub const fn overlaps_placed(&self, from: i64, to: i64) -> bool {
        overlap(self.placed_min, self.placed_max, from, to)
    }

    /// True where some row can have arrived in `from..to`.
    pub const fn overlaps_received(&self, from: i64, to: i64) -> bool {
        overlap(self.received_min, self.received_max, from, to)
    }
}
