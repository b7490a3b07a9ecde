//! Lanes: the numbers of 64 bits that are kept of each group, and what a row brings to them.
//!
//! Measures come down to lanes that add up, or keep the smallest or largest; an average is a sum and a count. Percentiles and numbers of different values
//! need more than a number and are *sides* of a group.

use weir_record::{AnyColumn, Column, FlowBatch, SeriesBatch, names};

use super::rows::{Rows, numbers, presence};
use crate::plan::ordered;
use crate::question::{Key, Measure, What};
use crate::question::{is_scaled, of_connection};
use crate::sampling::{bytes_variance, packets_variance};
use crate::time::{Piece, Placed};

/// Rows that are worked on together: so many that what they share costs little, so few that they stay in the nearest caches.
pub(super) const CHUNK: usize = 512;

/// A number of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Flows,
    Samples,
    Connections,
    Records,
    /// Sum of a column; of bytes and packets, scaled if the question has it so.
    Sum(Column),
    /// Sum of the values of an average.
    Total(Column),
    /// Number of values of an average.
    Count(Column),
    Smallest(Column),
    Largest(Column),
    First,
    Last,
}

/// How rows come together in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    Add,
    Least,
    Most,
}

/// What a group has besides numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Side {
    Histogram(Column),
    Distinct(Key),
}

/// The lanes and sides of a question.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// Those that add up come first.
    pub(super) lanes: Vec<Lane>,
    /// How many add up.
    pub(super) adding: usize,
    pub(super) sides: Vec<Side>,
    pub(super) unscaled: bool,
    /// True where bytes or packets are summed up and scaled, so that they have an error.
    pub(super) has_variance: bool,
    /// True where some lane is scaled.
    pub(super) is_scaled: bool,
}

impl Lane {
    pub(super) const fn fold(self) -> Fold {
        match self {
            Self::Smallest(_) | Self::First => Fold::Least,
            Self::Largest(_) | Self::Last => Fold::Most,
            _ => Fold::Add,
        }
    }

    /// What a row brings that has nothing to bring.
    pub(super) const fn neutral(self) -> u64 {
        match self.fold() {
            Fold::Least => u64::MAX,
            _ => 0,
        }
    }

    /// True for amounts that are spread over the time of a record.
    fn is_spread(self) -> bool {
        matches!(self, Self::Sum(column) if is_scaled(column))
    }
}

impl Lanes {
    pub(super) fn new(measures: &[Measure], unscaled: bool) -> Self {
        let (mut lanes, mut sides): (Vec<Lane>, Vec<Side>) = (Vec::new(), Vec::new());
        for measure in measures {
            lanes.extend(lanes_of(&measure.what));
            sides.extend(side_of(&measure.what));
        }
        let mut unique: Vec<Lane> = Vec::new();
        for lane in lanes {
            if !unique.contains(&lane) {
                unique.push(lane);
            }
        }
        unique.sort_by_key(|lane| lane.fold() != Fold::Add);
        let mut unique_sides: Vec<Side> = Vec::new();
        for side in sides {
            if !unique_sides.contains(&side) {
                unique_sides.push(side);
            }
        }
        let scaled = |lane: &Lane| !unscaled && lane.is_spread();
        Self {
            adding: unique.iter().filter(|lane| lane.fold() == Fold::Add).count(),
            has_variance: !unscaled && unique.iter().any(|lane| matches!(lane, Lane::Sum(Column::bytes | Column::packets))),
            is_scaled: unique.iter().any(scaled),
            lanes: unique,
            sides: unique_sides,
            unscaled,
        }
    }

    /// The place of a lane.
    pub(super) fn place(&self, lane: Lane) -> Option<usize> {
        self.lanes.iter().position(|known| *known == lane)
    }

    /// The lane by whose size groups can be told apart before they are summed up: the measure grows with it and with nothing else.
    pub(super) fn additive(&self, what: &What) -> Option<usize> {
        let lane = match what {
            What::Average(_) | What::Percentile(..) | What::BytesPerPacket | What::Distinct(_) => return None,
            what => *lanes_of(what).first()?,
        };
        self.place(lane).filter(|place| *place < self.adding)
    }
}

/// The lanes of a measure.
pub(super) fn lanes_of(what: &What) -> Vec<Lane> {
    match what {
        What::Flows => vec![Lane::Flows],
        What::Samples => vec![Lane::Samples],
        What::Connections => vec![Lane::Connections],
        What::Records => vec![Lane::Records],
        What::Sum(column) => vec![Lane::Sum(*column)],
        What::BitsPerSecond => vec![Lane::Sum(Column::bytes)],
        What::PacketsPerSecond => vec![Lane::Sum(Column::packets)],
        What::BytesPerPacket => vec![Lane::Sum(Column::bytes), Lane::Sum(Column::packets)],
        What::First => vec![Lane::First],
        What::Last => vec![Lane::Last],
        What::Smallest(Column::srt) => vec![Lane::Smallest(Column::srt)],
        What::Largest(Column::srt) => vec![Lane::Largest(Column::srt)],
        What::Smallest(column) => vec![Lane::Smallest(*column), Lane::Count(*column)],
        What::Largest(column) => vec![Lane::Largest(*column), Lane::Count(*column)],
        What::Average(column) => vec![Lane::Total(*column), Lane::Count(*column)],
        What::Percentile(..) | What::Distinct(_) => Vec::new(),
    }
}

/// The side of a measure.
pub(super) fn side_of(what: &What) -> Option<Side> {
    match what {
        What::Percentile(column, _) => Some(Side::Histogram(*column)),
        What::Distinct(key) => Some(Side::Distinct(key.clone())),
        _ => None,
    }
}

/// What the rows of a chunk have in common for all lanes.
pub(super) struct Chunk<'a> {
    pub(super) batch: &'a FlowBatch,
    pub(super) rows: Rows<'a>,
    /// Where the rows lie; empty where nobody asks.
    pub(super) placed: &'a [Placed],
    /// Of a series, the part of the row that counts; else empty.
    pub(super) pieces: &'a [Piece],
    /// Sampling rates; empty where all are 1 or do not matter.
    pub(super) rates: &'a [u64],
    /// True where events and drops are among the rows.
    pub(super) has_events: bool,
    /// Where the rows are those of continuous series: what records they sum up.
    pub(super) series: Option<&'a SeriesBatch>,
}

impl Chunk<'_> {
    /// What each row brings to a lane.
    pub(super) fn fill(&self, lane: Lane, unscaled: bool, out: &mut [u64]) {
        let batch = self.batch;
        if let Some(column) = self.series.and_then(|series| summed(series, lane, unscaled)) {
            return numbers(column, &self.rows, out);
        }
        match lane {
            Lane::Records => out.fill(1),
            Lane::Flows => self.fill_kind(names::FLOW, out),
            Lane::Samples => self.fill_kind(names::SAMPLE, out),
            Lane::Connections => {
                self.fill_volume(out);
                self.clear_responders(out);
            }
            Lane::Sum(column) => {
                numbers(batch.column(column), &self.rows, out);
                if lane.is_spread() {
                    // What was reported is spread, and then scaled.
                    out.iter_mut().zip(self.pieces).for_each(|(value, piece)| *value = piece.part_of(*value));
                }
                if !unscaled && lane.is_spread() {
                    for (value, rate) in out.iter_mut().zip(self.rates) {
                        *value = value.saturating_mul(*rate);
                    }
                }
                if of_connection(column) {
                    self.clear_responders(out);
                }
                if self.has_events {
                    self.clear_events(out);
                }
            }
            Lane::Total(Column::srt) => self.fill_response_times(Column::srt_sum, out),
            Lane::Count(Column::srt) => self.fill_response_counts(out),
            Lane::Smallest(Column::srt) => self.fill_first_of(Column::srt_min, Column::srt, u64::MAX, out),
            // One more than the value, so that zero says that there is none.
            Lane::Largest(Column::srt) => {
                self.fill_first_of(Column::srt_max, Column::srt, u64::MAX, out);
                out.iter_mut().for_each(|value| *value = value.wrapping_add(1));
            }
            Lane::Total(column) | Lane::Largest(column) => numbers(batch.column(column), &self.rows, out),
            Lane::Count(column) => presence(batch.column(column).validity(), &self.rows, out),
            Lane::Smallest(column) => {
                let column = batch.column(column);
                let validity = column.validity();
                numbers(column, &self.rows, out);
                for (value, row) in out.iter_mut().zip(self.rows.iter()) {
                    if !validity.is_valid(row) {
                        *value = u64::MAX;
                    }
                }
            }
            Lane::First => out.iter_mut().zip(self.placed).for_each(|(out, placed)| *out = ordered(placed.start)),
            Lane::Last => out.iter_mut().zip(self.placed).for_each(|(out, placed)| *out = ordered(placed.end)),
        }
        if !lane.is_spread() {
            let elsewhere = out.iter_mut().zip(self.pieces).filter(|(_, piece)| !piece.is_last());
            elsewhere.for_each(|(value, _)| *value = lane.neutral());
        }
    }

    /// 1 for rows of a kind.
    fn fill_kind(&self, kind: u8, out: &mut [u64]) {
        let kinds = &self.batch.record_kind;
        if kinds.is_empty() {
            return out.fill(u64::from(kind == names::FLOW));
        }
        for (out, row) in out.iter_mut().zip(self.rows.iter()) {
            *out = u64::from(kinds.get(row).unwrap_or(names::FLOW) == kind);
        }
    }

    /// 1 for flows and samples.
    fn fill_volume(&self, out: &mut [u64]) {
        out.fill(1);
        if self.has_events {
            self.clear_events(out);
        }
    }

    fn clear_events(&self, out: &mut [u64]) {
        for (out, row) in out.iter_mut().zip(self.rows.iter()) {
            if is_event(self.batch, row) {
                *out = 0;
            }
        }
    }

    fn clear_responders(&self, out: &mut [u64]) {
        let halves = &self.batch.biflow;
        if halves.is_empty() {
            return;
        }
        for (out, row) in out.iter_mut().zip(self.rows.iter()) {
            if halves.get(row) == Some(names::RESPONDER) {
                *out = 0;
            }
        }
    }

    /// Response times of a record are a sum and a count, or one time.
    fn fill_response_times(&self, column: Column, out: &mut [u64]) {
        self.fill_first_of(column, Column::srt, 0, out);
    }

    fn fill_response_counts(&self, out: &mut [u64]) {
        let batch = self.batch;
        for (out, row) in out.iter_mut().zip(self.rows.iter()) {
            *out = match (batch.srt_sum.get(row), batch.srt_count.get(row)) {
                (Some(_), count) => count.unwrap_or(1).into(),
                (None, _) => u64::from(batch.srt.get(row).is_some()),
            };
        }
    }

    fn fill_first_of(&self, first: Column, second: Column, absent: u64, out: &mut [u64]) {
        let (first, second) = (self.batch.column(first), self.batch.column(second));
        for (out, row) in out.iter_mut().zip(self.rows.iter()) {
            *out = number(first, row).or_else(|| number(second, row)).unwrap_or(absent);
        }
    }

    /// Variances of bytes and packets that a row brings. Empty where no row is a sample.
    pub(super) fn fill_variance(&self, out: &mut Vec<[f64; 2]>) {
        out.clear();
        if let Some(series) = self.series {
            // Series hold the variance of bytes in KiB squared.
            let variances = |row: usize| {
                let of = |column: &weir_record::column::Fixed<u64>| column.get(row).unwrap_or(0) as f64;
                [of(&series.bytes_variance) * 1024.0 * 1024.0, of(&series.packets_variance)]
            };
            out.extend(self.rows.iter().map(variances));
            if out.iter().flatten().all(|variance| *variance == 0.0) {
                out.clear();
            }
            return;
        }
        if self.rates.is_empty() {
            return;
        }
        let (bytes, packets) = (&self.batch.bytes, &self.batch.packets);
        let each = self.rows.iter().zip(self.rates).enumerate().map(|(index, (row, rate))| {
            if *rate <= 1 || self.has_events && is_event(self.batch, row) {
                return [0.0; 2];
            }
            let (bytes, packets) = (bytes.get(row).unwrap_or(0), packets.get(row).unwrap_or(0));
            let rate = *rate as u32;
            // What is spread over slots errs in each of them in proportion.
            let share = self.pieces.get(index).map_or(1.0, Piece::share);
            [bytes_variance(rate, bytes, packets) * share, packets_variance(rate, packets) * share]
        });
        out.extend(each);
    }
}

/// The column of series that holds the sums of a lane.
pub(super) fn summed(series: &SeriesBatch, lane: Lane, unscaled: bool) -> Option<AnyColumn<'_>> {
    Some(AnyColumn::U64(match lane {
        Lane::Flows => &series.flows,
        Lane::Samples => &series.samples,
        Lane::Connections => &series.connections,
        Lane::Sum(Column::bytes) if unscaled => &series.bytes_raw,
        Lane::Sum(Column::bytes) => &series.bytes,
        Lane::Sum(Column::packets) if unscaled => &series.packets_raw,
        Lane::Sum(Column::packets) => &series.packets,
        Lane::Sum(Column::retransmissions) => &series.retransmissions,
        Lane::Sum(Column::out_of_order) => &series.out_of_order,
        _ => return None,
    }))
}

/// True for rows that are outside of flow and volume counts.
pub(super) fn is_event(batch: &FlowBatch, row: usize) -> bool {
    batch.record_kind.get(row).is_some_and(|kind| kind == names::EVENT || kind == names::DROP)
}

/// The number of a row.
pub(super) fn number(column: AnyColumn<'_>, row: usize) -> Option<u64> {
    match column {
        AnyColumn::U8(column) => column.get(row).map(u64::from),
        AnyColumn::U16(column) => column.get(row).map(u64::from),
        AnyColumn::U32(column) => column.get(row).map(u64::from),
        AnyColumn::U64(column) => column.get(row),
        AnyColumn::Time(column) => column.get(row).map(|time| time as u64),
        AnyColumn::Ip(_) | AnyColumn::Text(_) | AnyColumn::List(_) => None,
    }
}
