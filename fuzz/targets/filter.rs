//! The filter language: what is read can be printed, means the same again, and is evaluated on rows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_query::{Filter, Mask, complete};
use weir_record::{Address, FlowBatch};

fuzz_target!(|text: &str| {
    complete(text);
    let Ok(filter) = Filter::parse(text) else { return };
    let printed = filter.to_string();
    let again = Filter::parse(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
    assert_eq!(filter, again, "{printed}");
    assert_eq!(printed, again.to_string());

    let batch = batch();
    let (mut holds, mut holds_not) = (Mask::new(), Mask::new());
    filter.evaluate(&batch, &mut holds);
    if let Ok(negated) = Filter::parse(&format!("not ({printed})")) {
        negated.evaluate(&batch, &mut holds_not);
        assert_eq!(holds.count() + holds_not.count(), batch.rows(), "{printed}");
    }
});

/// A few rows with values of every storage type, and gaps.
fn batch() -> FlowBatch {
    let mut batch = FlowBatch::new();
    let address = |last: u8| Address::from(std::net::Ipv4Addr::new(192, 0, 2, last));
    for row in 0..70 {
        let number = row as u8;
        if row % 3 > 0 {
            batch.src_addr.push(row, address(number));
            batch.src_port.push(row, 440 + row as u16);
            batch.bytes.push(row, 1 << (row % 64));
        }
        if row % 4 > 0 {
            batch.dst_addr.push(row, address(255 - number));
            batch.dst_port.push(row, 50 + row as u16);
            batch.protocol.push(row, [6, 17, 1][row % 3]);
            batch.time_start.push(row, 1_772_442_000_000_000_000);
            batch.time_end.push(row, 1_772_442_000_000_000_000 + (row as i64 - 5) * 1_000_000_000);
        }
        if row % 5 == 0 {
            batch.tls_sni.push(row, "shop.example");
            batch.packets.push(row, row as u64);
            batch.tcp_flags.push(row, row as u16);
            batch.extra.push(row, "{\"queueDepth\":3,\"name\":\"a\"}");
        }
    }
    batch.advance(70);
    batch.finish();
    batch
}
