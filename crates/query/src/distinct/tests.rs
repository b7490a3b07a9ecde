//! Counts against the number of values that were added.

use super::*;

/// Well mixed hashes of the numbers below `end`.
fn hashes(range: std::ops::Range<u64>) -> impl Iterator<Item = u64> {
    range.map(|number| {
        let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    })
}

#[test]
fn few_are_counted_exactly_in_any_order() {
    let mut set = Distinct::new();
    for _ in 0..3 {
        let mut all: Vec<u64> = hashes(0..EXACT as u64).collect();
        all.reverse();
        all.into_iter().for_each(|hash| set.add(hash));
        assert_eq!((set.count(), set.is_exact()), (EXACT as u64, true));
    }
    set.add(hashes(5000..5001).next().unwrap());
    assert!(!set.is_exact());
    assert!((set.count() as f64 / (EXACT as f64 + 1.0) - 1.0).abs() < 4.0 * STANDARD_ERROR);
}

#[test]
fn many_are_counted_within_the_error_that_is_told() {
    for size in [2_000u64, 10_000, 20_000, 50_000, 300_000, 3_000_000] {
        let mut set = Distinct::new();
        hashes(0..size).for_each(|hash| set.add(hash));
        let error = set.count() as f64 / size as f64 - 1.0;
        assert!(error.abs() < 3.0 * STANDARD_ERROR, "{size}: off by {error}");
    }
}

#[test]
fn sets_add_up_as_if_they_were_one() {
    for (one, other) in [(10, 20), (600, 900), (5_000, 10), (10, 5_000), (5_000, 9_000)] {
        let mut all = Distinct::new();
        hashes(0..one).chain(hashes(one / 2..one / 2 + other)).for_each(|hash| all.add(hash));
        let (mut first, mut second) = (Distinct::new(), Distinct::new());
        hashes(0..one).for_each(|hash| first.add(hash));
        hashes(one / 2..one / 2 + other).for_each(|hash| second.add(hash));
        first.merge(&second);
        assert_eq!(first.count(), all.count(), "{one} and {other}");
    }
}
