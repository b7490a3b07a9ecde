//! The response times of a record: one of them, a sum and a count, or a histogram in powers of two.

use weir_record::FlowBatch;

/// What the response times of a record add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseTimes {
    /// Microseconds.
    pub sum: u64,
    /// True where each time is known to its power of two alone.
    pub is_histogram: bool,
}

/// Hands over the response times of a row, in microseconds, each with how often it stands there; nothing where there are none.
///
/// Of a record's own histogram each time is taken as the middle of its power of two; without one, all are taken as their average.
pub fn response_times(batch: &FlowBatch, row: usize, mut take: impl FnMut(u64, u64)) -> Option<ResponseTimes> {
    let (first, sum) = (batch.srt.get(row), batch.srt_sum.get(row));
    if let Some(counts) = batch.srt_hist.get(row).filter(|counts| counts.iter().any(|count| *count > 0)) {
        let mut middles = 0u64;
        for (power, count) in (0..32).zip(counts) {
            let (middle, count) = ((3u64 << power) / 2, u64::from(*count));
            middles = middles.saturating_add(middle * count);
            take(middle, count);
        }
        return Some(ResponseTimes { sum: sum.unwrap_or(middles), is_histogram: true });
    }
    let count = u64::from(batch.srt_count.get(row).unwrap_or(1));
    if count == 0 || first.is_none() && sum.is_none() {
        return None;
    }
    let sum = sum.unwrap_or_else(|| u64::from(first.unwrap_or(0)).saturating_mul(count));
    take(sum / count, count);
    Some(ResponseTimes { sum, is_histogram: false })
}
