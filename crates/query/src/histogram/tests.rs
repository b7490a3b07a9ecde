//! Percentiles against the sorted values.

use proptest::prelude::*;

use super::*;

/// Nearest rank.
fn exact(values: &mut [u64], share: f64) -> u64 {
    values.sort_unstable();
    let rank = ((share * values.len() as f64).ceil() as usize).clamp(1, values.len());
    values[rank - 1]
}

#[test]
fn buckets_are_in_order_and_hold_their_middle() {
    assert_eq!(bucket_of(0), 0);
    assert_eq!(bucket_of(127), 127);
    assert_eq!(bucket_of(128), 128);
    assert_eq!(bucket_of(129), 128);
    assert_eq!(bucket_of(255), 191);
    assert_eq!(bucket_of(256), 192);
    for bucket in 0..BUCKETS as u32 {
        assert_eq!(bucket_of(value_of(bucket)), bucket);
    }
    assert_eq!(value_of(u32::MAX), u64::MAX);
}

#[test]
fn nothing_has_no_percentile() {
    assert_eq!(Histogram::new().percentile(0.5), None);
}

#[test]
fn lists_hold_large_counts() {
    let mut histogram = Histogram::new();
    histogram.add(5, u64::from(u32::MAX) + 7);
    let mut list = Vec::new();
    histogram.to_list(&mut list);
    assert_eq!(list, [5, u32::MAX, 5, 7]);
    let mut back = Histogram::new();
    back.add_list(&list);
    assert_eq!(back, histogram);
    back.add_list(&[3]);
    assert_eq!(back, histogram, "half a pair");
}

proptest! {
    #[test]
    fn percentiles_are_near(
        mut values in prop::collection::vec(prop_oneof![0..200u64, 0..100_000u64, any::<u32>().prop_map(u64::from), any::<u64>()], 1..400),
        share in 0.0..=1.0f64,
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut one, mut other) = (Histogram::new(), Histogram::new());
        let cut = cut.index(values.len());
        values[..cut].iter().for_each(|value| one.add(*value, 1));
        values[cut..].iter().for_each(|value| other.add(*value, 1));
        one.merge(&other);
        prop_assert_eq!(one.count(), values.len() as u64);
        let (wanted, found) = (exact(&mut values, share), one.percentile(share).unwrap());
        let error = wanted.abs_diff(found) as f64;
        prop_assert!(error <= wanted as f64 * RELATIVE_ERROR, "{found} for {wanted}");
        let mut list = Vec::new();
        one.to_list(&mut list);
        let mut back = Histogram::new();
        back.add_list(&list);
        prop_assert_eq!(back, one);
    }
}
