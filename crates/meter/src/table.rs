//! Where connections are kept: records side by side in slabs, found by a hash of their key.

use crate::app::App;
use crate::flow::{Flow, Place};
use crate::gaps::Gaps;
use crate::index::Index;
use crate::key::{Key, Secret};
use crate::tcp::Connection;

/// Packets whose memory is asked for together.
pub(crate) const GROUP: usize = 16;

/// The connections, and the parts that only some have.
#[derive(Debug)]
pub(crate) struct FlowTable {
    secret: Secret,
    index: Index,
    flows: Slab<Flow>,
    pub(crate) tcp: Slab<Connection>,
    pub(crate) gaps: Slab<[Gaps; 2]>,
}

/// Values of one kind side by side; the places of those that were given back are used first.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    values: Vec<T>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    const fn new() -> Self {
        Self { values: Vec::new(), free: Vec::new() }
    }

    /// Keeps a value; gives its place.
    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(place) = self.free.pop()
            && let Some(slot) = self.values.get_mut(place as usize)
        {
            *slot = value;
            return place;
        }
        let place = self.values.len() as u32;
        self.values.push(value);
        place
    }

    #[inline]
    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        self.values.get(place as usize)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.values.get_mut(place as usize)
    }

    /// Gives a place back.
    pub(crate) fn free(&mut self, place: u32) {
        self.free.push(place);
    }

    fn memory(&self) -> usize {
        self.values.capacity() * size_of::<T>() + self.free.capacity() * 4
    }
}

impl<T: Default> Slab<T> {
    /// Keeps a new value; gives its place one up.
    pub(crate) fn insert_new(&mut self) -> Option<Place> {
        let place = self.insert(T::default());
        Place::new(place + 1)
    }

    /// The value at a place that is one up.
    #[inline]
    pub(crate) fn at(&self, place: Option<Place>) -> Option<&T> {
        self.get(place?.get() - 1)
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, place: Option<Place>) -> Option<&mut T> {
        self.get_mut(place?.get() - 1)
    }

    pub(crate) fn free_at(&mut self, place: Option<Place>) {
        if let Some(place) = place {
            if let Some(value) = self.at_mut(Some(place)) {
                *value = T::default();
            }
            self.free(place.get() - 1);
        }
    }
}

impl FlowTable {
    pub(crate) fn new(seed: u64) -> Self {
        Self { secret: Secret::new(seed), index: Index::new(), flows: Slab::new(), tcp: Slab::new(), gaps: Slab::new() }
    }

    /// Connections in the table.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// The hash of a key.
    #[inline]
    pub(crate) fn hash(&self, key: &Key) -> u64 {
        key.hash(&self.secret)
    }

    /// Where the connection of this key stands.
    #[inline]
    pub(crate) fn find(&self, key: &Key, hash: u64) -> Option<u32> {
        self.index.find(hash, |place| self.flows.get(place).is_some_and(|flow| flow.key == *key))
    }

    /// Asks for the memory that packets of these hashes will need, for all of them together: while one is waited for, the others come too.
    #[inline]
    pub(crate) fn warm(&self, hashes: &[u64]) {
        let mut places = [None; GROUP];
        for (place, hash) in places.iter_mut().zip(hashes) {
            *place = self.index.guess(*hash);
        }
        let mut parts = [(None, None, None); GROUP];
        let mut seen = 0;
        for (part, place) in parts.iter_mut().zip(places) {
            if let Some(flow) = place.and_then(|place| self.flows.get(place)) {
                *part = (flow.tcp, flow.gaps, flow.app.as_deref().filter(|_| flow.app_wants > 0));
                seen ^= flow.touch();
            }
        }
        for (tcp, gaps, app) in parts {
            seen ^= self.tcp.at(tcp).map_or(0, Connection::touch);
            seen ^= self.gaps.at(gaps).map_or(0, |[one, other]| one.touch() ^ other.touch());
            seen ^= app.map_or(0, App::touch);
        }
        std::hint::black_box(seen);
    }

    /// Adds a connection that is not there; gives its place.
    pub(crate) fn insert(&mut self, flow: Flow, hash: u64) -> u32 {
        let place = self.flows.insert(flow);
        self.index.insert(hash, place);
        place
    }

    #[inline]
    pub(crate) fn get(&self, place: u32) -> Option<&Flow> {
        self.flows.get(place)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut Flow> {
        self.flows.get_mut(place)
    }

    /// Begins the TCP state of a connection.
    pub(crate) fn open_tcp(&mut self, place: u32) -> Option<Place> {
        let flow = self.flows.get_mut(place)?;
        flow.tcp = self.tcp.insert_new();
        flow.tcp
    }

    /// Begins the gaps of a connection.
    pub(crate) fn open_gaps(&mut self, place: u32) -> Option<Place> {
        let flow = self.flows.get_mut(place)?;
        flow.gaps = self.gaps.insert_new();
        flow.gaps
    }

    /// Takes a connection out, and gives its parts back.
    pub(crate) fn remove(&mut self, place: u32) {
        let Self { secret, index, flows, tcp, gaps } = self;
        let Some(flow) = flows.get_mut(place).filter(|flow| flow.live) else {
            return;
        };
        index.remove(flow.key.hash(secret), place);
        flow.live = false;
        (flow.app, flow.rare) = (None, None);
        tcp.free_at(flow.tcp.take());
        gaps.free_at(flow.gaps.take());
        flows.free(place);
    }

    /// Octets of memory, with all that flows keep elsewhere.
    pub(crate) fn memory(&self) -> usize {
        let apps = self.flows.values.iter().filter_map(|flow| flow.app.as_deref()).map(|app| app.memory() + app.held());
        let tcp = self.tcp.values.iter().map(Connection::memory);
        self.index.memory()
            + self.flows.memory()
            + self.tcp.memory()
            + self.gaps.memory()
            + apps.sum::<usize>()
            + tcp.sum::<usize>()
    }
}
