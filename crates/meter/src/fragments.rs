//! Ports of IP fragments: later fragments have none of their own and go to the flow of the first, whichever comes first.
//!
//! What came before the first fragment waits, bounded in number and time, and goes without ports when the first does not come.

use std::collections::{HashMap, VecDeque};

use weir_record::Address;
use weir_wire::{Headers, Ip, Tunnel};

use crate::seen::Seen;

/// Datagrams whose ports are remembered or waited for.
const MAX_DATAGRAMS: usize = 4096;
/// Fragments of one datagram that wait for the first.
const MAX_HELD: usize = 64;

/// A fragment that waits for its ports.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) headers: Headers,
    pub(crate) seen: Seen,
    pub(crate) tunnel: Option<Tunnel>,
}

/// What tells datagrams apart (RFC 791; RFC 8200, section 4.5). One number of its own for each time that an identification is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Id {
    src: Address,
    dst: Address,
    id: u32,
    protocol: u8,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    ports: Option<(u16, u16)>,
    held: Vec<Held>,
}

/// Ports by datagram.
#[derive(Debug)]
pub(crate) struct FragmentPorts {
    timeout: i64,
    entries: HashMap<Id, Entry>,
    /// In the order in which they came: time, number.
    order: VecDeque<(i64, Id, u64)>,
    released: VecDeque<(Held, Option<(u16, u16)>)>,
    next_number: u64,
    over_limit: u64,
}

impl FragmentPorts {
    pub(crate) fn new(timeout: i64) -> Self {
        let (entries, order, released) = (HashMap::new(), VecDeque::new(), VecDeque::new());
        Self { timeout, entries, order, released, next_number: 0, over_limit: 0 }
    }

    /// The ports of the datagram that this fragment belongs to.
    pub(crate) fn ports(&self, ip: &Ip) -> Option<(u16, u16)> {
        self.entries.get(&Id::of(ip))?.ports
    }

    /// A first fragment: its ports are those of all.
    pub(crate) fn learn(&mut self, ip: &Ip, ports: (u16, u16), time: i64) {
        let id = Id::of(ip);
        let entry = self.entry(id, time);
        let held = std::mem::take(&mut entry.held);
        entry.ports = Some(ports);
        self.released.extend(held.into_iter().map(|held| (held, Some(ports))));
    }

    /// A later fragment whose first one did not come yet.
    pub(crate) fn hold(&mut self, ip: &Ip, held: Held, time: i64) {
        let entry = self.entry(Id::of(ip), time);
        if entry.held.len() < MAX_HELD {
            entry.held.push(held);
        } else {
            self.over_limit += 1;
            self.released.push_back((held, None));
        }
    }

    /// Forgets what is older than the timeout; fragments that still wait go without ports.
    pub(crate) fn expire(&mut self, now: i64) {
        while let Some((time, ..)) = self.order.front() {
            let is_old = now.saturating_sub(*time) >= self.timeout;
            if !is_old && self.order.len() <= MAX_DATAGRAMS {
                return;
            }
            self.over_limit += u64::from(!is_old);
            self.forget_first();
        }
    }

    /// Forgets all; fragments that still wait go without ports.
    pub(crate) fn forget_all(&mut self) {
        while !self.order.is_empty() {
            self.forget_first();
        }
    }

    /// The next fragment that can be counted, with its ports where they are known.
    pub(crate) fn next_released(&mut self) -> Option<(Held, Option<(u16, u16)>)> {
        self.released.pop_front()
    }

    /// Datagrams and fragments that lost their ports because there were too many.
    pub(crate) const fn over_limit(&self) -> u64 {
        self.over_limit
    }

    fn entry(&mut self, id: Id, time: i64) -> &mut Entry {
        let Self { entries, order, next_number, .. } = self;
        entries.entry(id).or_insert_with(|| {
            *next_number += 1;
            order.push_back((time, id, *next_number));
            Entry { number: *next_number, ports: None, held: Vec::new() }
        })
    }

    fn forget_first(&mut self) {
        let Some((_, id, number)) = self.order.pop_front() else {
            return;
        };
        if self.entries.get(&id).is_some_and(|entry| entry.number == number)
            && let Some(entry) = self.entries.remove(&id)
        {
            self.released.extend(entry.held.into_iter().map(|held| (held, entry.ports)));
        }
    }
}

impl Id {
    fn of(ip: &Ip) -> Self {
        // IPv6 leaves out the protocol, which fragments may disagree on.
        let protocol = if ip.version == 4 { ip.fragment_protocol } else { 0 };
        Self { src: ip.src.into(), dst: ip.dst.into(), id: ip.id, protocol }
    }
}
