//! What a source has more than the rows of its values: records that do not have the column by which series are kept.

use weir_record::column::Fixed;
use weir_record::{AnyColumnMut, SeriesBatch, SeriesColumn, names};

use crate::Histogram;

/// Octets that a rest without times takes.
const REST_OCTETS: usize = 288;

/// True for dimensions whose rows tell how well connections went.
pub(super) const fn has_performance(dimension: u8) -> bool {
    matches!(dimension, names::BY_SOURCE | names::BY_APP)
}

/// Columns of series that add up, in the order of [`amounts`].
pub(super) const AMOUNTS: [SeriesColumn; 13] = [
    SeriesColumn::flows,
    SeriesColumn::samples,
    SeriesColumn::connections,
    SeriesColumn::packets,
    SeriesColumn::bytes,
    SeriesColumn::packets_raw,
    SeriesColumn::bytes_raw,
    SeriesColumn::packets_variance,
    SeriesColumn::bytes_variance,
    SeriesColumn::rate_unknown,
    SeriesColumn::sampled,
    SeriesColumn::retransmissions,
    SeriesColumn::out_of_order,
];

/// How many of these every dimension has; the others are those of performance.
const VOLUME: usize = 11;

fn amounts(series: &SeriesBatch) -> [&Fixed<u64>; AMOUNTS.len()] {
    [
        &series.flows,
        &series.samples,
        &series.connections,
        &series.packets,
        &series.bytes,
        &series.packets_raw,
        &series.bytes_raw,
        &series.packets_variance,
        &series.bytes_variance,
        &series.rate_unknown,
        &series.sampled,
        &series.retransmissions,
        &series.out_of_order,
    ]
}

/// What a source has more than its values.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// In numbers that go around below zero and back.
    amounts: [u64; AMOUNTS.len()],
    /// Round-trip and response times of the source, and those of its values.
    times: Option<Box<[[Histogram; 2]; 2]>>,
}

impl Rest {
    pub(super) fn add(&mut self, series: &SeriesBatch, row: usize, is_source: bool, dimension: u8) {
        let count = if has_performance(dimension) { AMOUNTS.len() } else { VOLUME };
        for (rest, column) in self.amounts.iter_mut().zip(amounts(series)).take(count) {
            let amount = column.get(row).unwrap_or(0);
            *rest = if is_source { rest.wrapping_add(amount) } else { rest.wrapping_sub(amount) };
        }
    }

    /// The times of the same row, where percentiles of them are asked for.
    pub(super) fn add_times(&mut self, series: &SeriesBatch, row: usize, is_source: bool) {
        for (place, lists) in [&series.rtt_hist, &series.srt_hist].into_iter().enumerate() {
            if let Some(list) = lists.get(row) {
                self.times.get_or_insert_default()[place][usize::from(!is_source)].add_list(list);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.amounts.iter().all(|amount| *amount == 0)
    }

    /// As the values of a row.
    pub(super) fn push(&self, series: &mut SeriesBatch, row: usize) {
        for (column, amount) in AMOUNTS.into_iter().zip(self.amounts) {
            if let AnyColumnMut::U64(column) = series.column_mut(column) {
                // Variances are rounded in each row, so theirs may end below zero.
                column.push(row, if amount > i64::MAX as u64 { 0 } else { amount });
            }
        }
        let Some(times) = &self.times else { return };
        for (column, [of_source, of_values]) in [&mut series.rtt_hist, &mut series.srt_hist].into_iter().zip(times.iter()) {
            let mut list = Vec::new();
            of_source.less(of_values).to_list(&mut list);
            column.push(row, list);
        }
    }

    /// Octets, with the share of an empty table around it.
    pub(super) fn memory(&self) -> usize {
        let times = self.times.iter().flat_map(|times| times.iter().flatten());
        REST_OCTETS + times.map(|histogram| size_of::<Histogram>() + histogram.memory()).sum::<usize>()
    }
}
