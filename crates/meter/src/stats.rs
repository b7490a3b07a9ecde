//! What a meter counts of itself.

use std::collections::BTreeMap;

/// Counters since the meter began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets that came, super-packets as the packets that they were on the wire.
    pub packets: u64,
    /// Packets without an IP header that could be read: other protocols (ARP and the like) and broken ones. They belong to no flow.
    pub packets_unparsed: u64,
    /// Packets passed over because their connection was not chosen by sampling.
    pub packets_unsampled: u64,
    /// Layer-3 octets of the packets that belong to flows.
    pub bytes: u64,
    /// Records written: one for each direction of a flow.
    pub flows: u64,
    /// Connections that were reported early because there was no room.
    pub flows_evicted: u64,
    /// IP fragments.
    pub fragments: u64,
    /// Connections in the table now.
    pub active: u64,
    /// What was wrong with packets, by name.
    pub faults: BTreeMap<&'static str, u64>,
}
