use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

/// Prefixes that hold each other often: few first octets, every length.
fn prefixes() -> impl Strategy<Value = Vec<(Prefix, u32)>> {
    let address = prop_oneof![
        (0u32..4, any::<u32>()).prop_map(|(first, rest)| IpAddr::V4((first << 30 | rest >> 2).into())),
        (0u128..4, any::<u128>()).prop_map(|(first, rest)| IpAddr::V6((first << 126 | rest >> 2).into())),
    ];
    let prefix = (address, 0u8..=128)
        .prop_map(|(address, length)| Prefix::new(address, if address.is_ipv4() { length % 33 } else { length }).unwrap());
    proptest::collection::vec((prefix, 0u32..20), 0..60)
}

/// The longest prefix that holds the address, the last of equal ones.
fn naive(prefixes: &[(Prefix, u32)], address: Address) -> Option<u32> {
    prefixes
        .iter()
        .filter(|(prefix, _)| prefix.contains(address))
        .max_by_key(|(prefix, _)| prefix.length())
        .map(|(_, number)| *number)
}

/// Addresses at the borders of every prefix.
fn borders(prefixes: &[(Prefix, u32)]) -> Vec<Address> {
    let mut addresses = vec![Address::v4(0), Address::v4(u32::MAX), Address::v6([0; 16]), Address::v6([255; 16])];
    for (prefix, _) in prefixes {
        let (first, last) = prefix.bounds();
        for number in [first.wrapping_sub(1), first, last, last.wrapping_add(1)] {
            addresses.push(if prefix.is_v4() { Address::v4(number as u32) } else { Address::v6(number.to_be_bytes()) });
        }
    }
    addresses
}

proptest! {
    #[test]
    fn the_longest_prefix_counts(prefixes in prefixes(), others in proptest::collection::vec(any::<u32>(), 20)) {
        let map = PrefixMap::new(&prefixes);
        prop_assert_eq!(map.is_empty(), prefixes.is_empty());
        for address in borders(&prefixes).into_iter().chain(others.into_iter().map(Address::v4)) {
            prop_assert_eq!(map.get(address), naive(&prefixes, address), "{}", address);
        }
    }

    #[test]
    fn an_overlay_has_both(one in prefixes(), other in prefixes()) {
        let layer = |prefixes: &[(Prefix, u32)]| flatten(prefixes.iter().filter(|(p, _)| p.is_v4()).map(|(p, n)| (*p, n + 1)));
        let joined = overlay(&layer(&one), &layer(&other), |one, other| one * 100 + other);
        let places = Places::new(&joined, &vec![(0, 0)]);
        for address in borders(&one).into_iter().chain(borders(&other)).filter(|address| address.is_v4()) {
            let number = |prefixes: &[(Prefix, u32)]| naive(prefixes, address).map_or(0, |number| number + 1);
            prop_assert_eq!(places.get(address), number(&one) * 100 + number(&other), "{}", address);
        }
    }
}

#[test]
fn ranges_of_one_number_are_one() {
    let layer = flatten([("10.0.0.0/9".parse().unwrap(), 1), ("10.128.0.0/9".parse().unwrap(), 1)]);
    assert_eq!(layer, [(0, 0), (0x0a00_0000, 1), (0x0b00_0000, 0)]);
}

#[test]
fn the_whole_space_has_no_end() {
    let layer = flatten([("0.0.0.0/0".parse().unwrap(), 1), ("::/0".parse().unwrap(), 2)].into_iter().take(1));
    assert_eq!(layer, [(0, 1), (1 << 32, 0)]);
    assert_eq!(flatten([("::/0".parse().unwrap(), 2)]), [(0, 2)]);
}
