//! Decoding allocates nothing for a record: the second time round, the same messages find all the room they need.

use weir_testkit::Allocations;

use crate::ALLOCATOR;
use crate::template_messages::*;

/// What decoding 1000 datagrams of 20 records allocates when the same were decoded before.
fn second_round(fields: &[Field], record: &str) -> Allocations {
    let mut collector = Collector::new();
    collector.feed(&ipfix(7, &[set(2, &template(256, fields)), set(2, &template(300, &[ie(7, 2), ie(4, 1)]))]));
    collector.out.clear();
    let data = ipfix(7, &[set(256, &hex(record).repeat(20))]);
    let mut round = || {
        for _ in 0..1000 {
            let datagram = weir_codec::Datagram {
                payload: &data,
                from: collector.from,
                port: collector.port,
                stream: None,
                received: collector.received,
            };
            collector.decoder.decode(&datagram, &mut collector.out);
            if collector.out.flows.rows() >= 8192 {
                collector.out.finish();
                collector.out.clear();
            }
        }
        collector.out.clear();
    };
    round();
    let ((), made) = ALLOCATOR.count(round);
    assert_eq!(collector.decoder.stats().faults.total(), 0);
    assert!(collector.decoder.stats().records >= 40_000);
    made
}

#[test]
fn records_of_one_length() {
    let fields = [
        ie(8, 4),
        ie(12, 4),
        ie(7, 2),
        ie(11, 2),
        ie(4, 1),
        ie(6, 1),
        ie(10, 4),
        ie(14, 2),
        ie(152, 8),
        ie(153, 8),
        ie(1, 4),
        ie(2, 8),
        ie(61, 1),
        ie(70, 3),
        ie(95, 4),
        ie(32, 2),
        ie(154, 8),
    ];
    let record = "0a000001 0a000002 c000 0050 01 12 00000003 0007 0000018bcfe568f1 0000018bcfe568f2 00000064 0000000000000002 00 0186a1 \
                  03000050 0800 e8fe6f8080000000";
    assert_eq!(second_round(&fields, record), Allocations::default());
}

#[test]
fn records_of_varying_length() {
    let fields = [(338, VARIES, 39499), ie(96, VARIES), (357, 16, 39499), ie(7, 2)];
    let record = "0b 6578616d706c652e636f6d 00 000102030405060708090a0b0c0d0e0f 0050";
    assert_eq!(second_round(&fields, &record.replace("0b 65", "0b65")), Allocations::default());
}

#[test]
fn records_with_extras() {
    let fields = [ie(25, 2), ie(82, 8), (4000, 4, 0), ie(320, 8), ie(258, 8), ie(81, 6), ie(8, 4), ie(8, 4)];
    let record = "0028 6574683000000000 01020304 3fb999999999999a 0000018bcfe568f1 020000000001 0a000001 c0000201";
    assert_eq!(second_round(&fields, record), Allocations::default());
}

#[test]
fn two_way_records() {
    let fields = [ie(8, 4), ie(12, 4), ie(1, 4), (1, 4, REVERSE), ie(96, 4), ie(25, 2)];
    assert_eq!(second_round(&fields, "0a000001 0a000002 00000001 00000002 68747470 0028"), Allocations::default());
}

#[test]
fn records_with_lists() {
    let fields = [ie(291, VARIES), ie(292, VARIES)];
    assert_eq!(second_round(&fields, "07 03 0007 0002 0050 06 03 012c 0050 06"), Allocations::default());
}

#[test]
fn records_with_frames() {
    let frame = "020000000002 020000000001 0800 45b8003c 00010000 40110000 0a000001 0a000002 0035 0400 0028 0000";
    assert_eq!(second_round(&[ie(315, 42)], frame), Allocations::default());
}
