//! Continuous series while they are made: fed with every record once, bounded, and readable at any time.
//!
//! The sums of a batch are taken column by column: each record is parted into its minutes first, the parts are brought into the order of
//! source and minute, and then each dimension runs over the parts of one source and minute, whose table stays in the cache.

use weir_record::series::MAX_VALUES;
use weir_record::{FlowBatch, SeriesBatch};

use crate::cell::{Cell, Shared, Tops};
use crate::cells::Cells;
use crate::channels::{Channels, Summed};
use crate::displaced::Displaced;
use crate::keyed::Room;
use crate::names::{Servers, Texts};
use crate::parts::{self, Grouped, Parted};
use crate::rows;

/// What is kept at most. What finds no room is still in every sum: it stands in the row without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Values of a dimension in a minute of a source.
    pub values: usize,
    /// Applications, and servers, in a minute of a source.
    pub measured: usize,
    /// Addresses that an hour of a source gives, of the many more that it weighs.
    pub top: usize,
    /// Minutes of sources, and hours of sources. Past it records count in the nearest minute of their source, and those of a source that has none without their source.
    pub cells: usize,
    /// Values, and addresses, in all.
    pub values_in_all: usize,
    /// Applications and servers in all.
    pub measured_in_all: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { values: MAX_VALUES, measured: 512, top: 256, cells: 16_384, values_in_all: 1 << 21, measured_in_all: 8192 }
    }
}

/// Sums of all records that were fed; see the [module's head](self).
#[derive(Debug)]
pub struct Windows {
    config: Config,
    minutes: Cells<Cell>,
    hours: Cells<Tops>,
    displaced: Displaced,
    shared: Shared,
    channels: Channels,
    // Memory that is used again from batch to batch.
    parted: Parted,
    grouped: Grouped,
}

impl Windows {
    /// Without records.
    pub fn new(config: Config) -> Self {
        Self::with_channels(config, Vec::new())
    }

    /// Without records, for sums of these channels besides.
    pub fn with_channels(config: Config, channels: Vec<Summed>) -> Self {
        let room = Room { values: config.values, left: config.values_in_all };
        let room_performance = Room { values: config.measured, left: config.measured_in_all };
        Self {
            minutes: Cells::new(config.cells),
            hours: Cells::new(config.cells),
            displaced: Displaced::default(),
            shared: Shared { texts: Texts::default(), servers: Servers::default(), room, room_performance },
            channels: Channels::new(channels),
            config,
            parted: Parted::default(),
            grouped: Grouped::default(),
        }
    }

    /// Adds the flows and samples of a batch; events and drops are outside of volume counts.
    pub fn feed(&mut self, flows: &FlowBatch) {
        let Self { minutes, hours, displaced, shared, channels, parted, grouped, .. } = self;
        minutes.begin_batch();
        hours.begin_batch();
        let exporter = |row| flows.exporter.get(row);
        parts::part(
            flows,
            parted,
            |row, slot| minutes.number(exporter(row), slot),
            |row, slot| hours.number(exporter(row), slot),
            |row, placed| displaced.note_all(exporter(row), placed),
        );
        minutes.moved().chain(hours.moved()).for_each(|(exporter, slot)| displaced.note(exporter, slot));
        grouped.group(&parted.minutes, minutes.touched());
        channels.select(flows);
        minutes.each_touched(grouped, |cell, parts| {
            cell.add(flows, parts, &parted.extras, shared);
            channels.add(&mut cell.channels, flows, parts, &parted.extras);
        });
        grouped.group(&parted.hours, hours.touched());
        hours.each_touched(grouped, |tops, parts| tops.add(flows, parts, &mut shared.room));
    }

    /// The sums so far, by minute and by hour; nothing is taken away. Rows of other windows for the same time add to these.
    pub fn rows(&self) -> SeriesBatch {
        self.rows_of(&|_, _| true)
    }

    /// Of these the rows of which step (seconds) and dimension are wanted; those of the same dimension and another step may be among them.
    pub fn rows_of(&self, wanted: &dyn Fn(u32, u8) -> bool) -> SeriesBatch {
        rows::rows(&self.minutes, &self.hours, &self.displaced, &self.shared, self.config.top, wanted)
    }

    /// True where no flow and no sample was fed.
    pub const fn is_empty(&self) -> bool {
        self.minutes.len() == 0
    }
}

#[cfg(test)]
mod tests;
