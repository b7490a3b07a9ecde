//! Packet headers of every link type, fragments and streams put together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_wire::{Depth, FragmentLimits, Fragments, Link, StreamEvent, StreamLimits, Streams, Walk};

/// Link types of captures: Ethernet, raw IP, Linux cooked (two versions), loopback.
const LINKS: [u32; 6] = [1, 101, 113, 276, 0, 108];

fuzz_target!(|input: &[u8]| {
    let Some((choice, list)) = input.split_first() else { return };
    let link = LINKS.iter().cycle().nth(usize::from(*choice) % LINKS.len()).and_then(|number| Link::from_pcap(*number));
    let Some(link) = link else { return };
    let mut fragments = Fragments::new(FragmentLimits { bytes: 64 << 10, datagrams: 8, ..FragmentLimits::default() });
    let mut streams = Streams::new(StreamLimits { bytes: 64 << 10, streams: 8, ..StreamLimits::default() });
    let (mut outer, mut inner) = (Walk::default(), Walk::default());
    let mut given = 0;
    let mut told = 0;
    for ((cut, frame), second) in weir_fuzz::messages(list).zip(0_i64..) {
        let now = second * 1_000_000_000;
        let original = frame.len() + usize::from(cut) * 100;
        outer.read(link, frame, original, Depth::Outer);
        inner.read(link, frame, original, Depth::Inner);
        assert_eq!(inner.outer.as_ref().unwrap_or(&inner.headers), &outer.headers, "a tunnel does not change what is around it");
        if let Some(transport) = inner.headers.transport {
            let payload = transport.payload(frame);
            assert!(payload.len() <= frame.len());
            if let Some(tcp) = transport.tcp {
                tcp.options(frame);
            }
        }
        given += frame.len();
        streams.push(&outer.headers, frame, now, |_, event| told += data_length(event));
        if let Some(ip) = outer.headers.ip
            && let Some(datagram) = fragments.push(&ip, frame, now)
        {
            outer.read_reassembled(&datagram, Depth::Inner);
        }
    }
    streams.finish(|_, event| told += data_length(event));
    assert!(told <= given, "streams hand out no more than came in");
    fragments.expire(i64::MAX);
    assert_eq!(fragments.in_progress(), 0);
});

fn data_length(event: StreamEvent<'_>) -> usize {
    if let StreamEvent::Data(bytes) = event { bytes.len() } else { 0 }
}
