//! The mask, and what a filter tells of itself.

use std::collections::BTreeSet;

use weir_query::{Filter, Mask};
use weir_record::{Column, FlowBatch};

use crate::batch::batch;

#[test]
fn a_mask_is_used_again_without_new_memory() {
    let mut batch = FlowBatch::new();
    batch.protocol.fill(0, 8192, 6);
    batch.advance(8192);
    let filter = Filter::parse("tcp or udp and not port 80").unwrap();
    let mut mask = Mask::new();
    filter.evaluate(&batch, &mut mask);
    assert_eq!(mask.count(), 8192);
    let memory = mask.words().as_ptr();
    for rows in [0, 1, 63, 64, 65, 8191, 8192] {
        let mut batch = FlowBatch::new();
        batch.protocol.fill(0, rows, 17);
        batch.advance(rows);
        filter.evaluate(&batch, &mut mask);
        assert_eq!((mask.len(), mask.is_empty(), mask.count()), (rows, rows == 0, rows));
        assert_eq!(mask.iter().collect::<Vec<_>>(), (0..rows).collect::<Vec<_>>());
        assert!(!mask.get(rows) && !mask.get(usize::MAX));
        assert_eq!(mask.words().as_ptr(), memory);
    }
}

#[test]
fn values_past_the_rows_of_a_batch_are_not_seen() {
    let mut batch = FlowBatch::new();
    batch.protocol.fill(0, 100, 6);
    batch.advance(70);
    let mut mask = Mask::new();
    Filter::parse("tcp").unwrap().evaluate(&batch, &mut mask);
    assert_eq!((mask.len(), mask.count()), (70, 70));
}

#[test]
fn selected_rows_are_what_append_where_takes() {
    let batch = batch();
    let mut mask = Mask::new();
    Filter::parse("port 443").unwrap().evaluate(&batch, &mut mask);
    let mut selected = FlowBatch::new();
    selected.append_where(&batch, |row| mask.get(row));
    assert_eq!(selected.rows(), 2);
    assert_eq!(selected.src_port.get(1), Some(443));
}

#[test]
fn a_filter_tells_its_columns() {
    let columns = |text: &str| Filter::parse(text).unwrap().columns();
    assert_eq!(columns("any"), BTreeSet::new());
    assert_eq!(
        columns("client port 80 or bps > 1M or dscp 46"),
        BTreeSet::from([
            Column::src_port,
            Column::dst_port,
            Column::biflow,
            Column::bytes,
            Column::time_start,
            Column::time_end,
            Column::tos,
        ])
    );
    assert_eq!(columns("extra.x > 5 and not extra exists"), BTreeSet::from([Column::extra]));
}

#[test]
fn a_filter_prints_in_one_spelling() {
    let printed = |text: &str| Filter::parse(text).unwrap().to_string();
    assert_eq!(printed("PROTO TCP && Port == 443 || !bytes gt 1000000"), "proto tcp and port 443 or not bytes > 1M");
    assert_eq!(printed("(tcp or udp) and src host 10.1.2.3/8"), "(proto tcp or proto udp) and src ip 10.0.0.0/8");
    assert_eq!(printed("flags 0x12 # SYN, ACK"), "flags SA");
    assert_eq!(printed("npm-rtt > 1500us and hhost a"), "rtt > 1500us and hhost contains \"a\"");
    assert_eq!(printed("time_start >= 2026-01-01 12:00+02:00"), "time_start >= 2026-01-01T10:00:00Z");
    assert_eq!(printed("port ne 80 and ip not in [::1, 10.0.0.1]"), "port != 80 and ip not in [::1 10.0.0.1]");
}
