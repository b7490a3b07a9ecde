//! Times at their borders, and sums of parts.

use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;

#[test]
fn placed_at_its_own_times_or_at_arrival() {
    let at = |start, end| Placed { start, end };
    assert_eq!(Placed::new(Some(9), Some(1), Some(5), false), at(1, 5));
    assert_eq!(Placed::new(Some(9), Some(1), Some(5), true), at(9, 9));
    assert_eq!(Placed::new(Some(9), None, None, false), at(9, 9));
    assert_eq!(Placed::new(Some(9), None, Some(5), false), at(5, 5));
    assert_eq!(Placed::new(Some(9), Some(1), None, false), at(1, 1));
    assert_eq!(Placed::new(Some(9), Some(5), Some(1), false), at(5, 5), "an end before the start");
    assert_eq!(Placed::new(None, None, None, true), at(0, 0));
}

#[test]
fn ranges_take_their_begin_and_not_their_end() {
    let placed = Placed { start: 10, end: 20 };
    assert!(placed.overlaps(20, 30) && placed.overlaps(0, 11) && placed.overlaps(12, 13));
    assert!(!placed.overlaps(21, 30) && !placed.overlaps(0, 10));
    let last = Placed { start: i64::MAX, end: i64::MAX };
    assert!(last.overlaps(0, i64::MAX) && !last.overlaps(0, i64::MAX - 1), "a range to the last nanosecond has no end");
    let instant = Placed { start: 10, end: 10 };
    assert!(instant.overlaps(10, 11) && !instant.overlaps(9, 10) && !instant.overlaps(11, 12));
}

#[test]
fn a_minute_and_a_half_from_the_middle_of_a_minute() {
    let mut parts = Vec::new();
    let placed = Placed { start: 30 * SECOND, end: 120 * SECOND };
    spread(1000, placed, Slots::every(60 * SECOND), |slot, part| parts.push((slot / SECOND, part)));
    // The record touches the third minute with its last instant alone.
    assert_eq!(parts, [(0, 333), (60, 667), (120, 0)]);
}

#[test]
fn slots_before_1970_and_with_another_origin() {
    let minutes = Slots::every(60 * SECOND);
    assert_eq!(minutes.begin_of(-1), -60 * SECOND);
    assert_eq!(minutes.begin_of(-60 * SECOND), -60 * SECOND);
    let days_of_prague = Slots { step: 86_400 * SECOND, origin: -3_600 * SECOND };
    assert_eq!(days_of_prague.begin_of(0), -3_600 * SECOND);
    assert_eq!(days_of_prague.begin_of(82_800 * SECOND), 82_800 * SECOND);
    assert_eq!(minutes.begin_of(i64::MIN), i64::MIN);
    assert_eq!(Slots { step: 7, origin: i64::MAX }.begin_of(i64::MIN), i64::MIN);
}

proptest! {
    #[test]
    fn parts_add_up_and_lie_within(
        amount in prop_oneof![0..10u64, any::<u64>()],
        start in prop_oneof![any::<i64>(), -100_000..100_000i64],
        length in prop_oneof![Just(0), 0..1_000i64, 0..1_000_000_000_000i64],
        pieces in 1..200i64,
        origin in any::<i64>(),
    ) {
        let placed = Placed { start, end: start.saturating_add(length) };
        let slots = Slots { step: (length / pieces).max(1), origin };
        let (mut sum, mut slot_before) = (0u64, None);
        spread(amount, placed, slots, |slot, part| {
            sum += part;
            assert!(slot <= placed.end && slot.saturating_add(slots.step) > placed.start, "{slot} of {placed:?}");
            assert!(slot_before.is_none_or(|before: i64| before < slot));
            slot_before = Some(slot);
            // Against plain arithmetic: within one of the even share.
            let (from, to) = (slot.max(placed.start), slot.saturating_add(slots.step).min(placed.end));
            if placed.end > placed.start {
                let even = i128::from(amount) * (i128::from(to) - i128::from(from)).max(0) / i128::from(placed.end - placed.start);
                assert!((i128::from(part) - even).abs() <= 1, "{part} instead of {even}");
            }
        });
        prop_assert_eq!(sum, amount);
        prop_assert_eq!(slot_before, Some(slots.begin_of(placed.end)), "the last slot is that of the end");
    }

    #[test]
    fn coarser_slots_hold_what_their_finer_ones_hold(amount in any::<u64>(), start in 0..1_000_000i64, length in 0..100_000i64) {
        let placed = Placed { start, end: start + length };
        let mut fine = std::collections::BTreeMap::new();
        spread(amount, placed, Slots::every(1_000), |slot, part| *fine.entry(slot.div_euclid(5_000) * 5_000).or_insert(0) += part);
        let mut coarse = std::collections::BTreeMap::new();
        spread(amount, placed, Slots::every(5_000), |slot, part| *coarse.entry(slot).or_insert(0) += part);
        prop_assert_eq!(fine, coarse);
    }
}
