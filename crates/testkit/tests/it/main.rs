//! The helpers against the shared captures and against each other.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod datagrams;

use weir_testkit::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

#[test]
fn allocations_are_counted_per_thread_and_per_piece_of_work() {
    let (inner, outer) = ALLOCATOR.count(|| {
        let first = vec![0_u8; 1000];
        let (mut second, inner) = ALLOCATOR.count(|| Vec::<u8>::with_capacity(10));
        second.reserve_exact(20);
        std::thread::spawn(|| drop(vec![1_u8; 1 << 20])).join().unwrap();
        drop((first, second));
        inner
    });
    assert_eq!((inner.count, inner.bytes, inner.largest), (1, 10, 10));
    assert!(outer.count >= 3 && (1030..100_000).contains(&outer.bytes) && outer.largest < 100_000, "{outer:?}");
    let ((), none) = ALLOCATOR.count(|| ());
    assert_eq!((none.count, none.bytes, none.largest), (0, 0, 0));
}

#[test]
fn the_peak_is_what_was_in_use_at_most() {
    let kept = vec![0_u8; 500];
    let (inner, outer) = ALLOCATOR.count(|| {
        for _ in 0..10 {
            drop(vec![0_u8; 1000]);
        }
        let held = vec![0_u8; 300];
        let ((), inner) = ALLOCATOR.count(|| drop(vec![0_u8; 2000]));
        drop((held, kept));
        inner
    });
    assert_eq!((inner.peak, outer.peak), (2000, 2300));
    assert_eq!((outer.count, outer.bytes), (12, 12_300));
}
