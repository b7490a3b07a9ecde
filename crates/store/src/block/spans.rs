//! The time that the rows of a batch cover.

use weir_record::FlowBatch;
use weir_record::column::Fixed;

use crate::times::Times;

/// Nanoseconds of a minute, the length of a health row.
pub(super) const MINUTE: i64 = 60_000_000_000;

/// Flow records: by arrival, and by their own times where these can be believed.
pub(super) fn of_flows(batch: &FlowBatch) -> Times {
    let rows = batch.rows();
    let mut times = of_moments(&batch.time_received, rows, 0);
    let is_whole = |column: &Fixed<i64>| column.len() >= rows && column.validity().absent() == 0;
    let is_believed = batch.time_suspect.values().iter().all(|suspect| *suspect == 0);
    if rows > 0 && is_believed && is_whole(&batch.time_start) && is_whole(&batch.time_end) {
        let (start, end) = (bounds(batch.time_start.values(), rows), bounds(batch.time_end.values(), rows));
        return Times { placed_min: start.0.min(end.0), placed_max: start.1.max(end.1), ..times };
    }
    (times.placed_min, times.placed_max) = (i64::MAX, i64::MIN);
    for row in 0..rows {
        let received = batch.time_received.get(row).unwrap_or(0);
        let own = match batch.time_suspect.get(row) {
            None | Some(0) => [batch.time_start.get(row), batch.time_end.get(row)],
            Some(_) => [None, None],
        };
        for time in own {
            let time = time.unwrap_or(received);
            times.placed_min = times.placed_min.min(time);
            times.placed_max = times.placed_max.max(time);
        }
    }
    times
}

/// Rows that are about a moment, or about so many nanoseconds more.
pub(super) fn of_moments(column: &Fixed<i64>, rows: usize, more: i64) -> Times {
    if rows == 0 {
        return Times::NONE;
    }
    let (mut min, mut max) = bounds(column.values(), rows);
    // A row without a time counts as 1970.
    if column.len() < rows || column.validity().absent() > 0 {
        (min, max) = (min.min(0), max.max(0));
    }
    Times::at(min, max.saturating_add(more))
}

fn bounds(values: &[i64], rows: usize) -> (i64, i64) {
    let values = &values[..values.len().min(rows)];
    values.iter().fold((i64::MAX, i64::MIN), |(min, max), value| (min.min(*value), max.max(*value)))
}
