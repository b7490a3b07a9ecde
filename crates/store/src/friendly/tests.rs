use arrow::array::{Array, AsArray, RecordBatch};
use weir_record::{Column, FlowBatch};

use super::*;

/// A mask of some of `rows` rows.
fn mask(rows: usize, chosen: &[usize]) -> Mask {
    let (mut batch, mut mask) = (FlowBatch::new(), Mask::new());
    chosen.iter().for_each(|row| batch.protocol.push(*row, 6));
    batch.advance(rows);
    weir_query::Filter::parse("proto tcp").unwrap().evaluate(&batch, &mut mask);
    mask
}

#[test]
fn every_column_has_an_array_of_its_type() {
    let mut batch = FlowBatch::new();
    for column in Column::ALL {
        match batch.column_mut(*column) {
            weir_record::AnyColumnMut::U8(c) => c.push(1, 1),
            weir_record::AnyColumnMut::U16(c) => c.push(1, 1),
            weir_record::AnyColumnMut::U32(c) => c.push(1, 1),
            weir_record::AnyColumnMut::U64(c) => c.push(1, 1),
            weir_record::AnyColumnMut::Time(c) => c.push(1, 1),
            weir_record::AnyColumnMut::Ip(c) => c.push(1, weir_record::Address::v4(1)),
            weir_record::AnyColumnMut::Text(c) => c.push(1, "1"),
            weir_record::AnyColumnMut::List(c) => c.push(1, [1]),
        }
    }
    // Row 2 lies past the end of every column.
    batch.advance(3);
    for (rows, present) in [(Rows::Span(0, 3), 1), (Rows::Listed(&[0, 2]), 3), (Rows::Listed(&[1]), 0)] {
        let arrays = (0..FlowBatch::COLUMNS.len()).map(|place| array(&batch, place, rows)).collect();
        let record = RecordBatch::try_new(schema(FlowBatch::COLUMNS), arrays).unwrap();
        assert_eq!(record.num_rows(), rows.len());
        for (column, info) in record.columns().iter().zip(FlowBatch::COLUMNS) {
            for row in 0..rows.len() {
                let expected = row == present || rows.len() == 1 || info.name == "record_kind";
                assert_eq!(column.is_valid(row), expected, "{} row {row}", info.name);
            }
        }
    }
}

#[test]
fn values_read_as_people_write_them() {
    let mut batch = FlowBatch::new();
    batch.src_addr.push(0, weir_record::Address::v4(0x0a00_0001));
    batch.src_addr.push(1, "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap());
    batch.src_mac.push(0, 0x0011_2233_4455);
    batch.format.push(1, names::IPFIX);
    batch.record_kind.push(1, names::SAMPLE);
    batch.mpls_labels.push(1, [16, 32]);
    batch.time_suspect.push(0, 1);
    batch.time_start.push(0, 1_500_000_000);
    batch.advance(2);
    let column = |column: Column| array(&batch, column as usize, Rows::Span(0, 2));
    let text = |c: Column, row: usize| {
        let array = column(c);
        let texts = array.as_string_view();
        texts.is_valid(row).then(|| texts.value(row).to_owned())
    };
    assert_eq!(text(Column::src_addr, 0).as_deref(), Some("10.0.0.1"));
    assert_eq!(text(Column::src_addr, 1).as_deref(), Some("2001:db8::1"));
    assert_eq!(text(Column::src_mac, 0).as_deref(), Some("00:11:22:33:44:55"));
    assert_eq!(text(Column::src_mac, 1), None);
    assert_eq!(text(Column::format, 1).as_deref(), Some("ipfix"));
    assert_eq!(text(Column::record_kind, 0).as_deref(), Some("flow"));
    assert_eq!(text(Column::record_kind, 1).as_deref(), Some("sample"));
    assert!(column(Column::time_suspect).as_boolean().value(0));
    assert!(column(Column::time_suspect).is_null(1));
    let labels = column(Column::mpls_labels);
    assert!(labels.is_null(0));
    assert_eq!(labels.as_list::<i32>().value(1).as_primitive::<UInt32Type>().values(), &[16, 32]);
    assert_eq!(column(Column::time_start).as_primitive::<TimestampNanosecondType>().value(0), 1_500_000_000);
}

#[test]
fn pieces_hold_what_the_mask_selects() {
    for (rows, chosen) in [(10, vec![]), (10, vec![3, 4, 9]), (7, (0..7).collect()), (0, vec![])] {
        let (mut listed, mut seen) = (Vec::new(), Vec::new());
        let ended = in_pieces(&mask(rows, &chosen), 2, &mut listed, |piece| {
            assert!((1..=2).contains(&piece.len()));
            seen.extend(piece.iter());
            std::ops::ControlFlow::<()>::Continue(())
        });
        assert!(ended.is_continue());
        assert_eq!(seen, chosen);
    }
}
