//! Where connections are kept: records side by side in slabs, found by a hash of their key.

use hashbrown::HashTable;

use crate::flow::{Flow, Place};
use crate::gaps::Gaps;
use crate::key::{Key, Secret};
use crate::tcp::Connection;

/// The connections, and the parts that only some have.
#[derive(Debug)]
pub(crate) struct FlowTable {
    secret: Secret,
    index: HashTable<u32>,
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
        Self { secret: Secret::new(seed), index: HashTable::new(), flows: Slab::new(), tcp: Slab::new(), gaps: Slab::new() }
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
        let is_it = |place: &u32| self.flows.get(*place).is_some_and(|flow| flow.key == *key);
        self.index.find(hash, is_it).copied()
    }

    /// Adds a connection that is not there; gives its place.
    pub(crate) fn insert(&mut self, flow: Flow, hash: u64) -> u32 {
        let Self { secret, index, flows, .. } = self;
        let place = flows.insert(flow);
        let rehash = |place: &u32| flows.get(*place).map_or(0, |flow| flow.key.hash(secret));
        index.insert_unique(hash, place, rehash);
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
        if let Ok(entry) = index.find_entry(flow.key.hash(secret), |held| *held == place) {
            entry.remove();
        }
        flow.live = false;
        (flow.app, flow.rare) = (None, None);
        tcp.free_at(flow.tcp.take());
        gaps.free_at(flow.gaps.take());
        flows.free(place);
    }

    /// Octets of memory, without what applications keep.
    pub(crate) fn memory(&self) -> usize {
        let index = self.index.allocation_size();
        index + self.flows.memory() + self.tcp.memory() + self.gaps.memory()
    }
}
