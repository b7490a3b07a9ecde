//! The estimated error against the error that sampling really made.

use super::*;

/// Draws of a generator of numbers (SplitMix64).
fn draws(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

#[test]
fn nothing_is_uncertain_without_sampling() {
    assert_eq!((bytes_variance(1, 1500, 1), packets_variance(1, 10)), (0.0, 0.0));
    assert_eq!((bytes_variance(0, 1500, 1), packets_variance(0, 10)), (0.0, 0.0));
}

#[test]
fn estimated_variance_is_that_of_repeated_sampling() {
    const RATE: u32 = 100;
    let mut draw = draws(7);
    let sizes: Vec<u64> = (0..20_000).map(|_| [60, 600, 1500][(draw() % 3) as usize]).collect();
    let truth: u64 = sizes.iter().sum();
    let (mut squares, mut estimated, mut packet_squares, mut packets_estimated) = (0.0, 0.0, 0.0, 0.0);
    let rounds = 400;
    for _ in 0..rounds {
        let (mut sum, mut packets) = (0, 0);
        for size in &sizes {
            if draw().is_multiple_of(u64::from(RATE)) {
                sum += size * u64::from(RATE);
                packets += u64::from(RATE);
                estimated += bytes_variance(RATE, *size, 1);
                packets_estimated += packets_variance(RATE, 1);
            }
        }
        squares += (sum as f64 - truth as f64).powi(2);
        packet_squares += (packets as f64 - sizes.len() as f64).powi(2);
    }
    // With 400 rounds the variance itself is known to 7 %; three times that is allowed.
    assert!((estimated / squares - 1.0).abs() < 0.22, "bytes: {estimated} for {squares}");
    assert!((packets_estimated / packet_squares - 1.0).abs() < 0.22, "packets: {packets_estimated} for {packet_squares}");
}
