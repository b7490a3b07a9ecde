//! Whether two rows are the halves of one two-way record (RFC 5103): those of our meter by their key, others where the record says all that
//! both say.

use weir_record::{AnyColumn, Column, Scope, names};

use super::pattern::Rows;
use crate::template::reverse_of;

/// What both halves of a metered connection have, each from its side. ICMP messages of two types stay two records: readers take the type of a
/// two-way record for that of both halves.
const KEY: [Column; 8] = [
    Column::src_addr,
    Column::dst_addr,
    Column::src_port,
    Column::dst_port,
    Column::protocol,
    Column::ip_version,
    Column::icmp_type,
    Column::icmp_code,
];

/// True where a row is an initiator's half, the next one the responder's, and one record shall tell both.
pub(super) fn is_pair(rows: &Rows<'_>, row: usize) -> bool {
    let flows = rows.flows;
    if flows.biflow.get(row) != Some(names::INITIATOR) || flows.biflow.get(row + 1) != Some(names::RESPONDER) {
        return false;
    }
    let is_metered = [row, row + 1].iter().all(|row| flows.format.get(*row) == Some(names::PACKET));
    let has_counters = flows.bytes.get(row + 1).is_some() || flows.packets.get(row + 1).is_some();
    if is_metered && has_counters {
        return KEY.into_iter().all(|column| is_mirrored(rows, column, row));
    }
    is_lossless(rows, row)
}

/// True where reverse elements can carry all in which the halves differ.
fn is_lossless(rows: &Rows<'_>, row: usize) -> bool {
    let flows = rows.flows;
    let mut reversed = false;
    for column in rows.filled().filter(|column| *column != Column::biflow) {
        let fits = match column.info().scope {
            Scope::Record | Scope::Connection => is_shared(rows, column, row),
            Scope::Key => is_mirrored(rows, column.mirror(), row),
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

/// Whether the next row says the same in this column.
pub(super) fn is_shared(rows: &Rows<'_>, column: Column, row: usize) -> bool {
    is_same(rows.flows.column(column), row, rows.flows.column(column), row + 1)
}

/// Whether what the next row says in this column is what this row says of the other end.
pub(super) fn is_mirrored(rows: &Rows<'_>, column: Column, row: usize) -> bool {
    is_same(rows.flows.column(column.mirror()), row, rows.flows.column(column), row + 1)
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
