use super::*;

/// Keys whose hashes are compared, and slots for them, as in an index that is half full.
const KEYS: u32 = 1 << 16;
const SLOTS: usize = 1 << 17;

fn v4(address: u32) -> Address {
    Address::v4(address)
}

fn v6(high: u64, low: u64) -> Address {
    Address::from_halves(high, low)
}

fn server() -> Address {
    v4(0xc633_6401)
}

fn key(low: Address, high: Address, low_port: u16, high_port: u16) -> Key {
    Key { low, high, low_port, high_port, interface: 0, tunnel: 0, vlan: 0, protocol: 6 }
}

/// Keys that somebody chose, by number.
type Family = fn(u32) -> Key;

/// Longest run of slots in use when keys are probed for as the index does.
fn longest_run(seed: u64, make: Family) -> usize {
    let secret = Secret::new(seed);
    let mut used = vec![false; SLOTS];
    for number in 0..KEYS {
        let mut slot = (make(number).hash(&secret) >> 32) as usize % SLOTS;
        while used[slot] {
            slot = (slot + 1) % SLOTS;
        }
        used[slot] = true;
    }
    let runs = used.split(|used| !used);
    runs.map(<[bool]>::len).max().unwrap_or(0)
}

/// Whoever knows the source and not the seed has no keys that stand together: what differs in few bits, in one field alone, in ways that cancel out in sums
/// and products, all of it spreads as evenly as random numbers.
#[test]
fn chosen_keys_spread_evenly() {
    let families: [(&str, Family); 10] = [
        ("addresses in a row", |n| key(v4(n), server(), 1000, 443)),
        ("addresses in steps", |n| key(v4(n << 16), server(), 1000, 443)),
        ("ports in a row", |n| key(v4(1), server(), n as u16, 443)),
        ("both ports", |n| key(v4(1), server(), n as u8 as u16, (n >> 8) as u16)),
        ("both addresses alike", |n| key(v4(n), v4(n), 1, 1)),
        ("addresses whose product is the same", |n| key(v4(1 << (n % 32)), v4(n.rotate_left(n % 32)), n as u16, 1)),
        ("lower halves", |n| key(v6(0x2001_0db8 << 32, n.into()), v6(1, 1), 1, 1)),
        ("upper halves", |n| key(v6(u64::from(n) << 32, 0), v6(0, 1), 1, 1)),
        ("halves alike", |n| key(v6(n.into(), n.into()), v6(n.into(), n.into()), n as u16, n as u16)),
        ("tunnels and interfaces", |n| Key { tunnel: n << 8, interface: n, ..key(v4(1), server(), 1, 1) }),
    ];
    // Random numbers make runs of 40 to 80.
    for (seed, (name, family)) in (0..4).flat_map(|seed| families.iter().map(move |family| (seed, family))) {
        let run = longest_run(seed, *family);
        assert!(run < 160, "{name}, seed {seed}: {run} in a row");
    }
}
