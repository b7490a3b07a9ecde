use super::*;
use crate::table::{Scope, Table};

#[test]
fn names_are_unique_and_found() {
    for column in Column::ALL {
        assert_eq!(Column::by_name(column.name()), Some(*column));
    }
    assert_eq!(FlowBatch::COLUMNS.len(), Column::ALL.len());
    assert_eq!(Column::by_name("no_such_column"), None);
}

#[test]
fn a_column_and_its_mirror_are_of_one_type_and_scope() {
    for column in Column::ALL {
        let mirror = column.mirror();
        assert_eq!(mirror.mirror(), *column);
        assert_eq!(mirror.info().column_type, column.info().column_type, "{}", column.name());
        if mirror != *column {
            assert_eq!(column.info().scope, Scope::Key, "{}", column.name());
        }
    }
    // Whatever is named for a side has a counterpart.
    for column in Column::ALL {
        let name = column.name();
        let sided = ["src_", "dst_", "_in", "_out", "in_if", "out_if"].iter().any(|side| name.contains(side));
        let exceptions = ["sip_", "flow_label", "sampling", "srt", "tcp_window", "zero_windows", "retransmissions", "origin"];
        if sided && column.info().scope == Scope::Key && !exceptions.iter().any(|part| name.contains(part)) {
            assert_ne!(column.mirror(), *column, "{name}");
        }
    }
}

#[test]
fn an_empty_batch_has_no_memory() {
    let mut batch = FlowBatch::new();
    assert_eq!(batch.memory(), 0);
    batch.src_port.push(0, 443);
    batch.advance(1);
    batch.finish();
    assert_eq!(batch.filled().collect::<Vec<_>>(), [Column::src_port]);
    assert_eq!(batch.memory(), batch.src_port.memory());
}

#[test]
fn unfinished_rows_leave_no_trace() {
    let mut batch = FlowBatch::new();
    batch.bytes.push(0, 7);
    batch.advance(1);
    let before = batch.clone();
    batch.src_port.push(1, 9);
    batch.tls_sni.push(1, "half a record");
    batch.discard_unfinished();
    assert_eq!(batch, before);
    batch.advance(1);
    batch.finish();
    assert_eq!(batch.src_port.get(1), None);
    assert_eq!(batch.tls_sni.get(1), None);
    assert_eq!(batch.bytes.get(1), None);
}

#[test]
fn chosen_rows_are_appended_with_their_gaps() {
    let mut from = FlowBatch::new();
    for row in 0..5 {
        from.bytes.push(row, row as u64);
        if row % 2 == 0 {
            from.app.push(row, &format!("app{row}"));
            from.mpls_labels.push(row, [row as u32]);
            from.src_addr.push(row, crate::Address::v4(row as u32));
        }
        from.advance(1);
    }
    let mut to = FlowBatch::new();
    to.bytes.push(0, 100);
    to.advance(1);
    to.append_where(&from, |row| row != 2);
    to.finish();
    assert_eq!(to.rows(), 5);
    assert_eq!((0..5).map(|row| to.bytes.get(row).unwrap()).collect::<Vec<_>>(), [100, 0, 1, 3, 4]);
    assert_eq!((0..5).map(|row| to.app.get(row)).collect::<Vec<_>>(), [None, Some("app0"), None, None, Some("app4")]);
    assert_eq!(to.mpls_labels.get(4), Some([4].as_slice()));
    assert_eq!(to.src_addr.get(4), Some(crate::Address::v4(4)));
    assert_eq!(to.src_addr.get(3), None);
}
