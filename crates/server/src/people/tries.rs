//! Tries to sign in: how many an address and a user have, so that passwords are not guessed.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The time over which tries are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(300);

/// Tries that fail from one address (of IPv6 one network of 64 bits).
pub(super) const OF_ADDRESS: u32 = 20;

/// Tries that fail with one name, from wherever.
pub(super) const OF_USER: u32 = 10;

/// Addresses and names that are remembered; the one known for longest is forgotten.
pub(super) const REMEMBERED: usize = 16_384;

/// Octets of a name that count.
const NAME: usize = 64;

/// Who tries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    User(String),
}

#[derive(Clone, Copy, Debug)]
struct Window {
    begun: Instant,
    tries: u32,
}

/// What was tried of late.
#[derive(Debug, Default)]
pub(super) struct Tries {
    windows: HashMap<Key, Window>,
    /// In the order in which their windows began, those that were forgotten among them.
    order: VecDeque<(Key, Instant)>,
}

impl Tries {
    /// Counts a try; one too many is refused, with the time after which there may be another.
    pub(super) fn begin(&mut self, address: IpAddr, user: Option<&str>, now: Instant) -> Result<(), Duration> {
        let keys = keys(address, user);
        for (key, most) in &keys {
            if let Some(window) = self.windows.get(key).filter(|window| !window.is_over(now))
                && window.tries >= *most
            {
                return Err(WINDOW.saturating_sub(now.duration_since(window.begun)));
            }
        }
        for (key, _) in keys {
            match self.windows.get_mut(&key).filter(|window| !window.is_over(now)) {
                Some(window) => window.tries += 1,
                None => {
                    self.windows.insert(key.clone(), Window { begun: now, tries: 1 });
                    self.order.push_back((key, now));
                }
            }
        }
        self.forget(now);
        Ok(())
    }

    /// The try was none: it counts no more.
    pub(super) fn succeeded(&mut self, address: IpAddr, user: Option<&str>) {
        for (key, _) in keys(address, user) {
            if let Some(window) = self.windows.get_mut(&key) {
                window.tries = window.tries.saturating_sub(1);
            }
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some((key, begun)) = self.order.front()
            && (self.order.len() > REMEMBERED || now.duration_since(*begun) >= WINDOW)
        {
            if self.windows.get(key).is_some_and(|window| window.begun == *begun) {
                self.windows.remove(key);
            }
            self.order.pop_front();
        }
    }
}

impl Window {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.begun) >= WINDOW
    }
}

fn keys(address: IpAddr, user: Option<&str>) -> Vec<(Key, u32)> {
    // Whoever has one address of IPv6 has all of its network.
    let address = match address {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
    };
    let name = |user: &str| user.chars().take(NAME).collect::<String>();
    let mut keys = vec![(Key::Address(address), OF_ADDRESS)];
    keys.extend(user.map(|user| (Key::User(name(user)), OF_USER)));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_user_has_so_many_tries_and_no_more() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        for number in 0..OF_USER {
            assert_eq!(tries.begin(address(number as u8), Some("ann"), now), Ok(()));
        }
        assert_eq!(tries.begin(address(99), Some("ann"), now + Duration::from_secs(1)), Err(WINDOW - Duration::from_secs(1)));
        assert_eq!(tries.begin(address(99), Some("bob"), now), Ok(()), "others are not held up");
        assert_eq!(tries.begin(address(99), Some("ann"), now + WINDOW), Ok(()));
    }

    #[test]
    fn an_address_has_so_many_tries_and_a_network_of_ipv6_is_one() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        for number in 0..OF_ADDRESS {
            assert_eq!(tries.begin(address(1), Some(&format!("user{number}")), now), Ok(()));
        }
        assert!(tries.begin(address(1), Some("another"), now).is_err());
        assert_eq!(tries.begin(address(2), Some("another"), now), Ok(()));
        for number in 0..OF_ADDRESS {
            let address = format!("2001:db8::{number:x}").parse().unwrap();
            assert_eq!(tries.begin(address, None, now), Ok(()));
        }
        assert!(tries.begin("2001:db8::ffff:1".parse().unwrap(), None, now).is_err());
        assert_eq!(tries.begin("2001:db8:0:1::1".parse().unwrap(), None, now), Ok(()));
    }

    #[test]
    fn who_succeeds_is_not_held_up() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(tries.begin(address(1), Some("ann"), now), Ok(()));
            tries.succeeded(address(1), Some("ann"));
        }
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        for number in 0..=REMEMBERED as u32 {
            let address = IpAddr::from(number.to_be_bytes());
            assert_eq!(tries.begin(address, Some(&format!("user{number}")), now), Ok(()));
        }
        assert_eq!((tries.windows.len(), tries.order.len()), (REMEMBERED, REMEMBERED));
        assert_eq!(tries.begin(address(1), None, now + WINDOW), Ok(()));
        assert_eq!((tries.windows.len(), tries.order.len()), (1, 1), "what is over is forgotten");
    }
}
