//! Continuous series while they are made: fed with every record once, bounded, and readable at any time.
//!
//! The sums of a batch are taken column by column: each record is parted into its minutes first, the parts are brought into the order of
//! source and minute, and then each dimension runs over the parts of one source and minute, whose table stays in the cache.

use std::collections::BTreeMap;

use weir_record::series::MAX_VALUES;
use weir_record::{Address, FlowBatch, SeriesBatch};

use crate::cell::{Cell, Shared};
use crate::keyed::Room;
use crate::names::{Servers, Texts};
use crate::parts::{self, Extra, MINUTE, Part};
use crate::rows;

/// What is kept at most. What finds no room is still in every sum: it stands in the row without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Values of a dimension in a minute of a source.
    pub values: usize,
    /// Applications, and servers, in a minute of a source.
    pub measured: usize,
    /// Addresses that a minute of a source gives, of the many more that it weighs.
    pub top: usize,
    /// Minutes of sources. Past it records count in the nearest minute of their source, and those of a source that has none without their source.
    pub cells: usize,
    /// Values, and addresses, in all.
    pub values_in_all: usize,
    /// Applications and servers in all.
    pub measured_in_all: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { values: MAX_VALUES, measured: 512, top: 128, cells: 16_384, values_in_all: 1 << 21, measured_in_all: 8192 }
    }
}

/// Sums of all records that were fed; see the [module's head](self).
#[derive(Debug)]
pub struct Windows {
    config: Config,
    cells: Cells,
    shared: Shared,
    // Memory that is used again from batch to batch.
    parts: Vec<Part>,
    grouped: Vec<Part>,
    ends: Vec<u32>,
    extras: Vec<Extra>,
}

impl Windows {
    /// Without records.
    pub fn new(config: Config) -> Self {
        let room = Room { values: config.values, left: config.values_in_all };
        let room_performance = Room { values: config.measured, left: config.measured_in_all };
        Self {
            cells: Cells { limit: config.cells.max(1), ..Cells::default() },
            shared: Shared { texts: Texts::default(), servers: Servers::default(), room, room_performance },
            config,
            parts: Vec::new(),
            grouped: Vec::new(),
            ends: Vec::new(),
            extras: Vec::new(),
        }
    }

    /// Adds the flows and samples of a batch; events and drops are outside of volume counts.
    pub fn feed(&mut self, flows: &FlowBatch) {
        let Self { cells, parts, grouped, ends, extras, shared, .. } = self;
        cells.begin_batch();
        parts::part(flows, parts, extras, |row, slot| cells.number(flows.exporter.get(row), slot));
        let parts = if cells.touched.len() == 1 {
            ends.clear();
            ends.push(parts.len() as u32);
            parts
        } else {
            parts::group(parts, cells.touched.len(), ends, grouped);
            grouped
        };
        let mut start = 0;
        for (place, end) in cells.touched.iter().zip(ends) {
            let end = *end as usize;
            if let (Some(cell), Some(parts)) = (cells.cells.get_mut(*place), parts.get(start..end)) {
                cell.add(flows, parts, extras, shared);
            }
            start = end;
        }
    }

    /// The sums so far, by minute and by hour; nothing is taken away. Rows of other windows for the same time add to these.
    pub fn rows(&self) -> SeriesBatch {
        rows::rows(self.cells.by_key.values().filter_map(|place| self.cells.cells.get(*place)), &self.shared, self.config.top)
    }

    /// True where no flow and no sample was fed.
    pub const fn is_empty(&self) -> bool {
        self.cells.cells.is_empty()
    }
}

/// Sources and their minutes.
#[derive(Debug, Default)]
struct Cells {
    limit: usize,
    cells: Vec<Cell>,
    by_key: BTreeMap<(Option<Address>, i64), usize>,
    /// Cells that the batch has come upon, in that order; parts name them by their place in it.
    touched: Vec<usize>,
    /// Place in `touched` of each cell, where the batch has come upon it.
    numbers: Vec<Option<u32>>,
    /// The last few that were asked for: source, minute, number.
    recent: [Option<(Option<Address>, i64, u32)>; 8],
}

impl Cells {
    fn begin_batch(&mut self) {
        for place in self.touched.drain(..) {
            if let Some(number) = self.numbers.get_mut(place) {
                *number = None;
            }
        }
        self.recent = [None; 8];
    }

    /// The number of a source and minute within the batch.
    #[inline]
    fn number(&mut self, exporter: Option<Address>, slot: i64) -> u32 {
        let mixed = exporter.map_or(0, |exporter| exporter.halves().1 as usize) ^ (slot / MINUTE) as usize;
        if let Some((known, begin, number)) = self.recent[mixed % 8]
            && known == exporter
            && begin == slot
        {
            return number;
        }
        let number = self.find(exporter, slot);
        self.recent[mixed % 8] = Some((exporter, slot, number));
        number
    }

    #[inline(never)]
    fn find(&mut self, exporter: Option<Address>, slot: i64) -> u32 {
        let place = self.place(exporter, slot);
        let known = self.numbers.get(place).copied().flatten();
        known.unwrap_or_else(|| {
            let number = self.touched.len() as u32;
            self.touched.push(place);
            if let Some(known) = self.numbers.get_mut(place) {
                *known = Some(number);
            }
            number
        })
    }

    fn place(&mut self, exporter: Option<Address>, slot: i64) -> usize {
        if let Some(place) = self.by_key.get(&(exporter, slot)) {
            return *place;
        }
        if self.cells.len() >= self.limit {
            let nearest = self.nearest(exporter, slot).or_else(|| self.nearest(None, slot));
            if let Some(place) = nearest {
                return place;
            }
        }
        // Past the limit this happens once, for what is left of all sources.
        let exporter = if self.cells.len() >= self.limit { None } else { exporter };
        let place = self.cells.len();
        self.cells.push(Cell { exporter, slot, ..Cell::default() });
        self.numbers.push(None);
        self.by_key.insert((exporter, slot), place);
        place
    }

    /// The minute of a source that is nearest in time.
    fn nearest(&self, exporter: Option<Address>, slot: i64) -> Option<usize> {
        let before = self.by_key.range((exporter, i64::MIN)..=(exporter, slot)).next_back();
        let after = self.by_key.range((exporter, slot)..=(exporter, i64::MAX)).next();
        let distance = |found: &(&(Option<Address>, i64), &usize)| found.0.1.abs_diff(slot);
        before.into_iter().chain(after).min_by_key(distance).map(|(_, place)| *place)
    }
}

#[cfg(test)]
mod tests;
