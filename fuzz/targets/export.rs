//! From frames to rows of the meter to messages of an exporter and back to rows: as many, with the same volumes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_codec::encode::{EncodeOptions, Encoder, Records, TemplateProtocol, Times};
use weir_codec::{Config, Datagram, Decoder, Output};
use weir_record::{Address, FlowBatch};

/// Of the documentation range (RFC 5612).
const ENTERPRISE: u32 = 32473;
const EXPORTED: i64 = 1_772_442_060_000_000_000;

fuzz_target!(|input: &[u8]| {
    let Some((choice, frames)) = input.split_first() else { return };
    let flows = weir_fuzz::meter::frames(frames);
    let mut encoder = Encoder::new(options(*choice));
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    encoder.encode(&flows, 0..flows.rows(), EXPORTED, &mut |payload| {
        let from = Address::from(std::net::Ipv4Addr::LOCALHOST);
        decoder.decode(&Datagram { payload, from, port: 50_000, stream: None, received: EXPORTED }, &mut out);
    });
    out.finish();
    let faults: Vec<_> = decoder.stats().faults.iter().collect();
    assert!(faults.is_empty(), "{faults:?}");
    let volumes = |flows: &FlowBatch| (0..flows.rows()).map(|row| volume(flows, row)).collect::<Vec<_>>();
    assert_eq!(volumes(&out.flows), volumes(&flows));
});

fn options(choice: u8) -> EncodeOptions {
    let has = |bit: u8| choice >> bit & 1 == 1;
    let protocol = if has(0) { TemplateProtocol::NetFlow9 } else { TemplateProtocol::Ipfix };
    let times = [Times::Milliseconds, Times::Microseconds, Times::Exact];
    EncodeOptions {
        records: if has(1) { Records::TwoWay } else { Records::OneWay },
        times: times.get(usize::from(choice >> 2 & 3)).copied().unwrap_or_default(),
        payload_limit: if has(4) { 512 } else { EncodeOptions::DEFAULT_PAYLOAD_LIMIT },
        private_enterprise: has(5).then_some(ENTERPRISE),
        ..EncodeOptions::new(protocol, EXPORTED - 3_600_000_000_000)
    }
}

type Volume = (Option<Address>, Option<Address>, Option<u16>, Option<u8>, Option<u64>, Option<u64>);

fn volume(flows: &FlowBatch, row: usize) -> Volume {
    let (src, dst) = (flows.src_addr.get(row), flows.dst_addr.get(row));
    (src, dst, flows.src_port.get(row), flows.protocol.get(row), flows.packets.get(row), flows.bytes.get(row))
}
