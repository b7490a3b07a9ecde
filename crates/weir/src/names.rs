//! Names of addresses, by the system's resolver (DNS, the file of hosts), for who asks for them.
//!
//! A look-up tells the resolver which addresses somebody looks at, so nothing is looked up unasked, and nothing that arrives waits for a name. What was found,
//! and that there was nothing, is remembered for a while. Threads, addresses that wait and what is remembered have limits; whoever asks gets what is known
//! when the patience is over, and the rest at the next time.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use weir_server::NamesOf;

/// Look-ups at a time: the resolver waits for each, for many seconds where a server does not answer.
const THREADS: usize = 8;

/// Addresses that wait to be looked up; further ones are left out until the next time.
const WAITING: usize = 4096;

/// Addresses that are remembered; the one known for longest is forgotten.
const REMEMBERED: usize = 65_536;

/// How long a name counts.
const NAMED: Duration = Duration::from_secs(3600);

/// How long it counts that there is none, which a server that did not answer looks like too.
const NAMELESS: Duration = Duration::from_secs(300);

/// How long whoever asks waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// Letters of a name, as of one of DNS.
const LONGEST: usize = 255;

/// What is known of addresses, and the threads that look them up while there is something to do.
pub(crate) struct Names {
    shared: Arc<Shared>,
}

struct Shared {
    look_up: fn(IpAddr) -> Option<String>,
    state: Mutex<State>,
    /// Something was found.
    found: Condvar,
}

#[derive(Default)]
struct State {
    known: HashMap<IpAddr, Known>,
    /// In the order in which they became known.
    order: VecDeque<IpAddr>,
    waiting: VecDeque<IpAddr>,
    /// Those that wait, and those that are being looked up.
    under_way: HashSet<IpAddr>,
    threads: usize,
}

struct Known {
    name: Option<Box<str>>,
    until: Instant,
}

impl Names {
    /// By the system's resolver.
    pub(crate) fn new() -> Self {
        Self::by(|address| dns_lookup::lookup_addr(&address).ok())
    }

    fn by(look_up: fn(IpAddr) -> Option<String>) -> Self {
        Self { shared: Arc::new(Shared { look_up, state: Mutex::default(), found: Condvar::new() }) }
    }

    /// The names of these addresses, nothing for one that has none; what is not known within a few seconds is left out.
    pub(crate) fn of(&self, addresses: &[IpAddr]) -> NamesOf {
        self.within(addresses, PATIENCE)
    }

    fn within(&self, addresses: &[IpAddr], patience: Duration) -> NamesOf {
        let now = Instant::now();
        let mut state = self.shared.state();
        for address in addresses {
            state.want(*address, now);
        }
        // What is under way waits for a thread or has one.
        while state.threads < THREADS.min(state.under_way.len()) {
            let shared = Arc::clone(&self.shared);
            if thread::Builder::new().name("weir-names".into()).spawn(move || shared.work()).is_err() {
                break;
            }
            state.threads += 1;
        }
        let is_missing = |state: &mut State| addresses.iter().any(|address| state.under_way.contains(address));
        let waited = self.shared.found.wait_timeout_while(state, patience, is_missing);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let known = addresses.iter().filter_map(|address| Some((*address, state.known.get(address)?)));
        known.map(|(address, known)| (address, known.name.as_deref().map(str::to_owned))).collect()
    }
}

impl State {
    /// An address whose name is not known, or not any more, is looked up, if there is room.
    fn want(&mut self, address: IpAddr, now: Instant) {
        let is_known = self.known.get(&address).is_some_and(|known| known.until > now);
        if is_known || self.waiting.len() >= WAITING || !self.under_way.insert(address) {
            return;
        }
        self.waiting.push_back(address);
    }

    fn know(&mut self, address: IpAddr, name: Option<String>, now: Instant) {
        self.under_way.remove(&address);
        // The text is a stranger's: what is no name of a host is none.
        let is_letter = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        let name = name.filter(|name| (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_letter));
        let until = now + if name.is_some() { NAMED } else { NAMELESS };
        if self.known.insert(address, Known { name: name.map(String::into_boxed_str), until }).is_none() {
            self.order.push_back(address);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl Shared {
    /// Looks up what waits, until nothing does.
    fn work(&self) {
        let mut state = self.state();
        while let Some(address) = state.waiting.pop_front() {
            drop(state);
            let name = (self.look_up)(address);
            state = self.state();
            state.know(address, name, Instant::now());
            self.found.notify_all();
        }
        state.threads -= 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn address(last: u32) -> IpAddr {
        IpAddr::from(last.to_be_bytes())
    }

    #[test]
    fn names_are_looked_up_once() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let names = Names::by(|address| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            (address != self::address(2)).then(|| format!("host-{}.example", address.to_string().replace('.', "-")))
        });
        let all: Vec<_> = (1..=40).map(address).collect();
        for _ in 0..3 {
            let found = names.within(&all, Duration::from_secs(30));
            assert_eq!(found.len(), 40);
            assert_eq!(found[&address(1)].as_deref(), Some("host-0-0-0-1.example"));
            assert_eq!(found[&address(2)], None, "that there is none is known");
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), 40);
    }

    #[test]
    fn whoever_asks_does_not_wait_for_a_resolver_that_does_not_answer() {
        static ANSWER: AtomicUsize = AtomicUsize::new(0);
        let names = Names::by(|_| {
            while ANSWER.load(Ordering::SeqCst) == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            Some("late.example".into())
        });
        assert_eq!(names.within(&[address(1)], Duration::from_millis(10)).len(), 0);
        assert_eq!(names.within(&[address(1)], Duration::from_millis(10)).len(), 0);
        assert_eq!(names.shared.state().threads, 1, "what is under way is not asked for again");
        // One more than may wait is left out.
        let many: Vec<_> = (0..(WAITING + THREADS + 10) as u32).map(address).collect();
        names.within(&many, Duration::ZERO);
        assert!(names.shared.state().waiting.len() <= WAITING && names.shared.state().threads <= THREADS);
        ANSWER.store(1, Ordering::SeqCst);
        assert_eq!(names.within(&[address(1)], Duration::from_secs(30))[&address(1)].as_deref(), Some("late.example"));
    }

    #[test]
    fn what_is_remembered_has_a_limit_and_an_end() {
        let (mut state, now) = (State::default(), Instant::now());
        for number in 0..=REMEMBERED as u32 {
            state.know(address(number), Some("a.example".into()), now);
        }
        assert_eq!((state.known.len(), state.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!state.known.contains_key(&address(0)), "the first is forgotten");
        state.want(address(1), now + NAMED / 2);
        assert_eq!(state.waiting.len(), 0);
        state.want(address(1), now + NAMED + Duration::from_secs(1));
        assert_eq!(state.waiting, [address(1)]);
        for name in ["", "a b", "a\u{1b}[2J", &"a".repeat(256)] {
            state.know(address(7), Some(name.to_owned()), now);
            assert!(state.known[&address(7)].name.is_none(), "{name:?}");
        }
    }
}
