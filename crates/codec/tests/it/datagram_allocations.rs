//! The protocols without templates allocate nothing once their columns have grown.

use weir_codec::{Config, Datagram, Decoder, Output};

use crate::ALLOCATOR;

/// Decodes all datagrams of a capture; gives the rows.
fn decode(decoder: &mut Decoder, out: &mut Output, datagrams: &[weir_testkit::Datagram]) -> usize {
    out.clear();
    for datagram in datagrams {
        let from = datagram.source.ip().into();
        let (port, received) = (datagram.source.port(), datagram.time_ns);
        decoder.decode(&Datagram { payload: &datagram.payload, from, port, stream: None, received }, out);
    }
    out.flows.rows() + out.counters.rows()
}

#[test]
fn nothing_is_allocated_after_the_first_round() {
    let Some(shared) = weir_testkit::shared_dir() else {
        println!("skipped: the shared captures are not here");
        return;
    };
    // What goes to `extra` is put together in a text that each datagram begins anew: one allocation a datagram, none a row.
    for (file, per_datagram) in [
        ("netflow5/isp_2007_part1.pcap", 0),
        ("netflow5/softflowd_made_v5.pcap", 0),
        ("sflow/pmacctd_made_sflow.pcap", 0),
        ("sflow/pmacctd_made_sflow_ipv6.pcap", 0),
        ("sflow/akvorado_1140.pcap", 1),
        ("sflow/switch_2011_part1.pcap", 1),
    ] {
        let datagrams = weir_testkit::datagrams(&shared.join("captures").join(file));
        let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
        let rows = decode(&mut decoder, &mut out, &datagrams);
        let (again, made) = ALLOCATOR.count(|| decode(&mut decoder, &mut out, &datagrams));
        println!("{file}: {rows} rows, {} allocations", made.count);
        assert_eq!(again, rows, "{file}");
        assert!(made.count <= per_datagram * datagrams.len() as u64, "{file}: {} allocations", made.count);
    }
}
