//! Whether two rows are the halves of one two-way record (RFC 5103) that says all that both say.

use weir_record::{AnyColumn, Column, Scope, names};

use super::pattern::Rows;
use crate::template::reverse_of;

/// True where a row is an initiator's half, the next one the responder's, and reverse elements can carry what differs.
pub(super) fn is_pair(rows: &Rows<'_>, row: usize) -> bool {
    let flows = rows.flows;
    if flows.biflow.get(row) != Some(names::INITIATOR) || flows.biflow.get(row + 1) != Some(names::RESPONDER) {
        return false;
    }
    let mut reversed = false;
    for column in rows.filled().filter(|column| *column != Column::biflow) {
        let fits = match column.info().scope {
            Scope::Record | Scope::Connection => is_same(flows.column(column), row, flows.column(column), row + 1),
            Scope::Key => is_same(flows.column(column), row, flows.column(column.mirror()), row + 1),
            Scope::Direction => {
                let elements = column.info().elements;
                let has_reverse = elements.first().is_some_and(|element| reverse_of(*element).is_some());
                let present = flows.column(column).is_present(row + 1);
                reversed |= present && has_reverse;
                // Lists of labels stand in several elements, which reverse elements do not order.
                !present || (has_reverse && column != Column::mpls_labels)
            }
        };
        if !fits {
            return false;
        }
    }
    reversed
}

fn is_same(one: AnyColumn<'_>, row: usize, other: AnyColumn<'_>, other_row: usize) -> bool {
    match (one, other) {
        (AnyColumn::U8(one), AnyColumn::U8(other)) => one.get(row) == other.get(other_row),
        (AnyColumn::U16(one), AnyColumn::U16(other)) => one.get(row) == other.get(other_row),
        (AnyColumn::U32(one), AnyColumn::U32(other)) => one.get(row) == other.get(other_row),
        (AnyColumn::U64(one), AnyColumn::U64(other)) => one.get(row) == other.get(other_row),
        (AnyColumn::Time(one), AnyColumn::Time(other)) => one.get(row) == other.get(other_row),
        (AnyColumn::Ip(one), AnyColumn::Ip(other)) => one.get(row) == other.get(other_row),
        (AnyColumn::Text(one), AnyColumn::Text(other)) => one.get(row) == other.get(other_row),
        (AnyColumn::List(one), AnyColumn::List(other)) => one.get(row) == other.get(other_row),
        _ => false,
    }
}
