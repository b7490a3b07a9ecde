//! Prefixes of both families, as ranges of addresses.

use std::net::IpAddr;

/// A set of prefixes; the empty one contains every address.
#[derive(Debug)]
pub(crate) struct Prefixes {
    is_everybody: bool,
    v4: Ranges,
    v6: Ranges,
}

/// First and last addresses of ranges that neither overlap nor touch, ascending.
#[derive(Debug, Default)]
struct Ranges(Vec<(u128, u128)>);

impl Prefixes {
    pub(crate) fn new(prefixes: &[(IpAddr, u8)]) -> Self {
        let of_family = |is_ipv4: bool| {
            let members = prefixes.iter().filter(|(address, _)| address.is_ipv4() == is_ipv4);
            Ranges::new(members.map(|&(address, length)| range(address, length)).collect())
        };
        Self { is_everybody: prefixes.is_empty(), v4: of_family(true), v6: of_family(false) }
    }

    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let ranges = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        self.is_everybody || ranges.contain(number(address))
    }
}

impl Ranges {
    fn new(mut ranges: Vec<(u128, u128)>) -> Self {
        ranges.sort_unstable();
        ranges.dedup_by(|next, before| {
            let touches = next.0 <= before.1.saturating_add(1);
            if touches {
                before.1 = before.1.max(next.1);
            }
            touches
        });
        Self(ranges)
    }

    fn contain(&self, number: u128) -> bool {
        let behind = self.0.partition_point(|(first, _)| *first <= number);
        let candidate = behind.checked_sub(1).and_then(|index| self.0.get(index));
        candidate.is_some_and(|(_, last)| number <= *last)
    }
}

/// The first and the last address of a prefix. Bits behind its length do not count.
fn range(address: IpAddr, length: u8) -> (u128, u128) {
    let width: u32 = if address.is_ipv4() { 32 } else { 128 };
    let host_bits = width.saturating_sub(length.into());
    let host = u128::MAX.checked_shr(128 - host_bits).unwrap_or(0);
    let number = number(address);
    (number & !host, number | host)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}
