//! Sums of channels: filters that somebody wants kept as continuous series.
//!
//! Each filter is looked at once a batch; the parts of the rows that it selects are added up under the number of the channel, in the minutes in which the other sums are. For the
//! past, when a channel is new, [`ChannelWindows`] makes the same rows of records that are stored already.

use std::collections::BTreeMap;

use weir_query::{Filter, Mask};
use weir_record::{FlowBatch, SeriesBatch};

use crate::cells::Cells;
use crate::displaced::Displaced;
use crate::keyed::{Keyed, Room};
use crate::parts::{self, Extra, Grouped, Part, Parted};
use crate::rows;

/// Sums of channels in all slots of a segment.
const MOST_SUMS: usize = 1 << 18;

/// Minutes of sources of the past at a time: more than a segment has, for records of many hours lie side by side there.
const CELLS: usize = 1 << 18;

/// A filter of which sums are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Summed {
    /// By which its rows are known; another filter gets another number.
    pub number: u64,
    /// Which records.
    pub filter: Filter,
}

/// Channels while they are fed.
#[derive(Debug)]
pub(crate) struct Channels {
    summed: Vec<Summed>,
    /// The rows of the batch that each of them selects.
    masks: Vec<Mask>,
    room: Room,
}

impl Channels {
    pub(crate) fn new(summed: Vec<Summed>) -> Self {
        Self::with_room(summed, MOST_SUMS)
    }

    /// With room for so many sums in all slots; what finds none stands in the row without a number.
    pub(crate) fn with_room(summed: Vec<Summed>, left: usize) -> Self {
        let masks = summed.iter().map(|_| Mask::new()).collect();
        let room = Room { values: summed.len(), left };
        Self { summed, masks, room }
    }

    /// Looks which rows of a batch each channel has.
    pub(crate) fn select(&mut self, flows: &FlowBatch) {
        for (summed, mask) in self.summed.iter().zip(&mut self.masks) {
            summed.filter.evaluate(flows, mask);
        }
    }

    /// Adds the parts of one source and minute to its sums.
    pub(crate) fn add(&mut self, cell: &mut ChannelCell, flows: &FlowBatch, parts: &[Part], extras: &[Extra]) {
        let Self { summed, masks, room } = self;
        let rates = &flows.sampling_rate;
        for (summed, mask) in summed.iter().zip(masks.iter()) {
            let mut of_channel = Rates::default();
            for part in parts.iter().filter(|part| mask.get(part.row as usize)) {
                cell.sums.add(summed.number, part, extras, room);
                match rates.get(part.row as usize) {
                    _ if part.records == 0 => {}
                    None => of_channel.unknown += 1,
                    Some(rate) => of_channel.sampled += u64::from(rate > 1),
                }
            }
            if of_channel != Rates::default() {
                let rates = cell.rates.entry(summed.number).or_default();
                rates.unknown += of_channel.unknown;
                rates.sampled += of_channel.sampled;
            }
        }
    }
}

/// Sums of channels in one minute of a source, by their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChannelCell {
    pub(crate) sums: Keyed,
    pub(crate) rates: BTreeMap<u64, Rates>,
}

/// How many records of a channel say how they were sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    /// They do not.
    pub(crate) unknown: u64,
    /// With a rate over 1.
    pub(crate) sampled: u64,
}

/// Sums of channels alone, over records that are stored already.
#[derive(Debug)]
pub struct ChannelWindows {
    channels: Channels,
    minutes: Cells<ChannelCell>,
    displaced: Displaced,
    parted: Parted,
    grouped: Grouped,
}

impl ChannelWindows {
    /// Without records.
    pub fn new(channels: Vec<Summed>) -> Self {
        Self {
            channels: Channels::new(channels),
            minutes: Cells::new(CELLS),
            displaced: Displaced::default(),
            parted: Parted::default(),
            grouped: Grouped::default(),
        }
    }

    /// Adds the flows and samples of a batch.
    pub fn feed(&mut self, flows: &FlowBatch) {
        let Self { channels, minutes, displaced, parted, grouped, .. } = self;
        minutes.begin_batch();
        let exporter = |row| flows.exporter.get(row);
        // Hours are those of sketches, and records that are too long were noted when they arrived.
        parts::part(flows, parted, |row, slot| minutes.number(exporter(row), slot), |_, _| 0, |_, _| {});
        minutes.moved().for_each(|(exporter, slot)| displaced.note(exporter, slot));
        channels.select(flows);
        grouped.group(&parted.minutes, minutes.touched());
        minutes.each_touched(grouped, |cell, parts| channels.add(cell, flows, parts, &parted.extras));
    }

    /// The sums so far, by minute and by hour.
    pub fn rows(&self) -> SeriesBatch {
        rows::channel_rows(&self.minutes, &self.displaced)
    }
}
