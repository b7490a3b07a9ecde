//! Memory: nothing is allocated per frame, and nothing because a length says so.

use weir_capture::MAX_FRAME_BYTES;

use crate::ALLOCATOR;
use crate::make::{Order, gzip, open, small_pcap};

#[test]
fn no_allocation_per_frame() {
    let order = Order::Little;
    let mut pcapng = [order.section(), order.interface(1, 0, &[])].concat();
    (0..100_000).for_each(|n| pcapng.extend(order.enhanced(0, n, 60, b"abcdefgh")));
    let pcap = small_pcap(100_000);
    for bytes in [gzip(&pcap), pcap, pcapng] {
        let mut file = open(&bytes).unwrap();
        file.next().unwrap();
        let (frames, made) = ALLOCATOR.count(|| {
            let mut frames = 1;
            while file.next().unwrap().is_some() {
                frames += 1;
            }
            frames
        });
        assert_eq!((frames, made.count), (100_000, 0));
    }
}

#[test]
fn a_claimed_length_reserves_nothing() {
    let mut pcap = small_pcap(1);
    pcap[32..36].copy_from_slice(&MAX_FRAME_BYTES.to_le_bytes());
    pcap.resize(1_500_000, 0);
    let mut file = open(&pcap).unwrap();
    let (frame, made) = ALLOCATOR.count(|| file.next().map(|frame| frame.is_some()));
    assert!(matches!(frame, Ok(false)));
    assert!(made.largest <= 2 << 20, "{made:?}: the buffer doubles once, for bytes that arrived");
}
