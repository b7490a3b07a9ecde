//! What an exporter has said of itself in options data.

use std::collections::HashMap;
use std::hash::Hash;

use crate::limits::NAME_OCTETS;

/// What options data of one session has told, by what it was told of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// When the exporter started, nanoseconds since 1970 (element 160).
    pub(crate) boot: Option<i64>,
    /// 1 in N for the whole domain.
    pub(crate) sampling: Option<u32>,
    /// By sampler id (48) or selector id (302).
    pub(crate) samplers: HashMap<u64, Sampler>,
    /// 1 in N by interface.
    pub(crate) interface_sampling: HashMap<u32, u32>,
    /// 1 in N of the only sampler there is, for records that name none.
    pub(crate) only_sampler: Option<u32>,
    /// By interface number.
    pub(crate) interfaces: HashMap<u32, Interface>,
    /// By routing instance.
    pub(crate) vrfs: HashMap<u32, String>,
    /// By application id, as its octets.
    pub(crate) applications: HashMap<Vec<u8>, String>,
}

impl Known {
    /// Works out what follows from all that was told.
    pub(crate) fn sum_up(&mut self) {
        let mut rates = self.samplers.values().map(|sampler| sampler.rate);
        self.only_sampler = match (rates.next(), rates.next()) {
            (Some(rate), None) => rate,
            _ => None,
        };
    }

    /// Octets that it takes, about: names are seldom longer than what stands here for them.
    pub(crate) fn octets(&self) -> usize {
        const ENTRY: usize = 256;
        let entries =
            [self.samplers.len(), self.interface_sampling.len(), self.interfaces.len(), self.vrfs.len(), self.applications.len()];
        ENTRY * entries.iter().sum::<usize>()
    }

    /// 1 in N for records of which nothing else tells it.
    pub(crate) fn default_rate(&self) -> Option<u32> {
        self.sampling.or(self.only_sampler)
    }
}

/// What is known of a sampler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sampler {
    pub(crate) rate: Option<u32>,
    pub(crate) name: Option<String>,
}

/// What is known of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) name: Option<String>,
    pub(crate) alias: Option<String>,
}

/// The entry of a map that holds at most `limit`; one more is not kept, because the exporter's records stand without it.
pub(crate) fn entry<K: Eq + Hash, V: Default>(map: &mut HashMap<K, V>, key: K, limit: usize) -> Option<&mut V> {
    if map.len() >= limit && !map.contains_key(&key) {
        return None;
    }
    Some(map.entry(key).or_default())
}

/// A name as it is kept: UTF-8, without NULs at the end, of bounded length.
pub(crate) fn name(octets: &[u8]) -> Option<String> {
    let octets = crate::template::text::trim_padding(octets);
    let name = String::from_utf8_lossy(octets.get(..NAME_OCTETS).unwrap_or(octets)).into_owned();
    (!name.is_empty()).then_some(name)
}
