//! A guard at its limits, with time and addresses made up.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const SECOND: i64 = 1_000_000_000;
const NOW: i64 = 1_790_000_000 * SECOND;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn allowing(prefixes: &[&str]) -> Guard {
    let split = |text: &&str| text.split_once('/').map(|(prefix, length)| (address(prefix), length.parse().unwrap())).unwrap();
    Guard::new(&GuardOptions { allowed: prefixes.iter().map(split).collect(), ..GuardOptions::default() })
}

fn limited(rate: u32, addresses: usize) -> Guard {
    Guard::new(&GuardOptions { rate: NonZeroU32::new(rate), addresses, ..GuardOptions::default() })
}

/// How many of these pass.
fn passes(guard: &mut Guard, from: IpAddr, now: i64, datagrams: usize) -> usize {
    (0..datagrams).filter(|_| guard.check(from, now) == Verdict::Pass).count()
}

#[test]
fn without_prefixes_everybody_may_send() {
    let mut guard = Guard::new(&GuardOptions::default());
    for from in ["192.0.2.1", "::1", "255.255.255.255"] {
        assert_eq!(guard.check(address(from), NOW), Verdict::Pass);
    }
    assert_eq!(guard.counters(), GuardCounters { passed: 3, ..GuardCounters::default() });
}

#[test]
fn prefixes_hold_to_their_first_and_last_address() {
    let mut guard = allowing(&[
        "192.0.2.129/25",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "11.0.0.0/8",
        "198.51.100.7/32",
        "2001:db8::/32",
        "fe80::1/128",
    ]);
    let mut count = GuardCounters::default();
    for (from, is_allowed) in [
        ("192.0.2.127", false),
        ("192.0.2.128", true),
        ("192.0.2.255", true),
        ("192.0.3.0", false),
        ("9.255.255.255", false),
        ("10.0.0.0", true),
        ("10.1.255.255", true),
        ("11.255.255.255", true),
        ("12.0.0.0", false),
        ("198.51.100.6", false),
        ("198.51.100.7", true),
        ("198.51.100.8", false),
        ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("2001:db8::", true),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("2001:db9::", false),
        ("fe80::1", true),
        ("fe80::2", false),
        ("::10.0.0.1", false),
    ] {
        let expected = if is_allowed { Verdict::Pass } else { Verdict::NotAllowed };
        assert_eq!(guard.check(address(from), NOW), expected, "{from}");
        count.passed += u64::from(is_allowed);
        count.not_allowed += u64::from(!is_allowed);
    }
    assert_eq!(guard.counters(), count);
}

#[test]
fn a_prefix_of_no_length_is_one_whole_family() {
    let (v4, v6) = (address("203.0.113.1"), address("2001:db8::1"));
    let verdicts = |prefix| {
        let mut guard = allowing(&[prefix]);
        (guard.check(v4, NOW), guard.check(v6, NOW))
    };
    assert_eq!(verdicts("0.0.0.0/0"), (Verdict::Pass, Verdict::NotAllowed));
    assert_eq!(verdicts("::/0"), (Verdict::NotAllowed, Verdict::Pass));
}

#[test]
fn one_more_than_the_rate_does_not_pass() {
    let mut guard = limited(1000, 10);
    let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
    assert_eq!(passes(&mut guard, one, NOW, 1001), 1000);
    assert_eq!(passes(&mut guard, other, NOW, 1), 1, "another address has its own rate");
    assert_eq!(passes(&mut guard, one, NOW + SECOND / 1000 - 1, 1), 0);
    assert_eq!(passes(&mut guard, one, NOW + SECOND / 1000, 2), 1, "one a millisecond");
    assert_eq!(passes(&mut guard, one, NOW + SECOND / 2, 1001), 499);
    assert_eq!(passes(&mut guard, one, NOW + 100 * SECOND, 1001), 1000, "no more at once after silence");
    let counters = guard.counters();
    assert_eq!((counters.passed, counters.over_rate, counters.addresses), (2501, 1 + 1 + 1 + 502 + 1, 2));
}

#[test]
fn a_sender_within_its_rate_loses_nothing_in_an_hour() {
    let mut guard = limited(7, 10);
    let from = address("192.0.2.1");
    let at = |index: i64| NOW + index * SECOND / 7 + index % 2;
    assert_eq!((0..7 * 3600).filter(|index| guard.check(from, at(*index)) != Verdict::Pass).count(), 0);
}

#[test]
fn a_clock_that_is_set_back_silences_nobody() {
    let mut guard = limited(10, 10);
    let from = address("192.0.2.1");
    assert_eq!(passes(&mut guard, from, NOW, 20), 10);
    assert_eq!(passes(&mut guard, from, NOW - 3600 * SECOND, 20), 10);
    assert_eq!(passes(&mut guard, from, i64::MIN, 20), 10);
}

#[test]
fn a_hundred_thousand_senders_stay_within_the_bounds() {
    let mut guard = limited(1, 1000);
    let real = address("2001:db8::1");
    let mut most = 0;
    for fake in 0..100_000_u32 {
        assert_eq!(guard.check(Ipv4Addr::from(fake).into(), NOW), Verdict::Pass);
        most = most.max(guard.counters().addresses);
        if fake % 100 == 0 {
            let expected = if fake == 0 { Verdict::Pass } else { Verdict::OverRate };
            assert_eq!(guard.check(real, NOW), expected, "who keeps sending is not forgotten ({fake})");
        }
    }
    assert!((900..=1000).contains(&most), "{most} addresses");
    let counters = guard.counters();
    assert_eq!((counters.passed, counters.over_rate), (100_001, 999));
}

#[test]
fn forgotten_senders_have_their_full_rate() {
    let mut guard = limited(1, 4);
    let at = |index: u32| IpAddr::from(Ipv6Addr::from(u128::from(index)));
    assert_eq!(passes(&mut guard, at(0), NOW, 2), 1);
    // Two generations of two.
    for other in 1..4 {
        assert_eq!(passes(&mut guard, at(other), NOW, 1), 1);
    }
    assert_eq!(guard.counters().addresses, 4);
    assert_eq!(passes(&mut guard, at(4), NOW, 1), 1);
    assert_eq!(passes(&mut guard, at(0), NOW, 1), 1);
    assert_eq!(guard.counters().addresses, 4);
}

#[test]
fn other_rules_hold_at_once_and_the_counters_go_on() {
    let mut guard = limited(1, 10);
    let from = address("192.0.2.1");
    assert_eq!(passes(&mut guard, from, NOW, 3), 1);
    guard.configure(&GuardOptions::default());
    assert_eq!(passes(&mut guard, from, NOW, 3), 3);
    guard.configure(&GuardOptions { allowed: vec![(address("2001:db8::"), 32)], ..GuardOptions::default() });
    assert_eq!(passes(&mut guard, from, NOW, 3), 0);
    assert_eq!(guard.counters(), GuardCounters { passed: 4, not_allowed: 3, over_rate: 2, addresses: 0 });
}
