//! Values whose percentiles are asked for: those of records, one by one, and those that continuous series have counted.

use weir_record::column::ListColumn;
use weir_record::{Column, SeriesBatch, names};

use super::PassPlan;
use super::lanes::{Chunk, number};
use super::table::Groups;
use super::worker::Account;
use crate::question::of_connection;
use crate::response::response_times;
use crate::time::Piece;

/// Adds the values of rows to the histograms of their groups.
pub(super) fn add_values(
    plan: &PassPlan,
    chunk: &Chunk<'_>,
    column: Column,
    of: &[u32],
    side: usize,
    into: (&mut Groups, &mut Account),
) {
    let (groups, account) = into;
    if let Some(series) = chunk.series {
        let Some(lists) = histograms(series, column) else { return };
        account.from_histograms |= column == Column::srt;
        for (row, group) in chunk.rows.iter().zip(of) {
            if let Some(list) = lists.get(row) {
                groups.with_histogram(side, *group, |histogram| histogram.add_list(list));
            }
        }
        return;
    }
    let once = plan.shared.once && of_connection(column);
    let values = chunk.batch.column(column);
    for (index, (row, group)) in chunk.rows.iter().zip(of).enumerate() {
        let is_elsewhere = !chunk.pieces.get(index).is_none_or(Piece::is_last);
        if is_elsewhere || once && chunk.batch.biflow.get(row) == Some(names::RESPONDER) {
            continue;
        }
        if column == Column::srt {
            groups.with_histogram(side, *group, |histogram| {
                let times = response_times(chunk.batch, row, |time, count| histogram.add(time, count));
                account.from_histograms |= times.is_some_and(|times| times.is_histogram);
            });
        } else if let Some(value) = number(values, row) {
            groups.with_histogram(side, *group, |histogram| histogram.add(value, 1));
        }
    }
}

/// The column of series that holds the histograms of a column.
pub(super) const fn histograms(series: &SeriesBatch, column: Column) -> Option<&ListColumn> {
    match column {
        Column::rtt => Some(&series.rtt_hist),
        Column::srt => Some(&series.srt_hist),
        _ => None,
    }
}
